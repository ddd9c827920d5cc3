/** Lengths of time and times in words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lengthOf, makeTimes } from "../src/format.js";

test("lengths of time have their two largest units", () => {
  for (const [seconds, words] of [[0, "under a minute"], [-59, "under a minute"], [60, "1 min"], [3600, "1 h"], [-7505, "2 h 5 min"], [86_400, "1 day"], [273_600, "3 days 4 h"]] as const)
    assert.equal(lengthOf(seconds), words);
});

test("times are in the zone of the database, and in UTC where only the database knows it", () => {
  const at = new Date("2026-11-01T06:30:00Z");
  assert.equal(makeTimes("America/New_York").full(at), "2026-11-01 01:30");
  const odd = makeTimes("<-05>+05");
  assert.deepEqual([odd.full(at), odd.zone], ["2026-11-01 06:30", "UTC"]);
});
