/** Lengths of time and times in words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorWords, labelled, lengthOf, makeTimes, pictureWords } from "../src/format.js";
import { asRefused } from "../src/web.js";

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

test("what oms says is turned into words: times, states, names of stages and functions", () => {
  const times = makeTimes("America/New_York");
  assert.equal(times.within("was due 2026-11-09T21:30:00Z, on hold until 2026-07-01 12:00:00 UTC"), "was due 2026-11-09 16:30, on hold until 2026-07-01 08:00");
  assert.equal(times.within("9999-99-99T99:99:99Z"), "9999-99-99T99:99:99Z");
  assert.equal(
    pictureWords('n1 [label="Permit (issue)\\nDesk\\nin_progress, due 2026-11-24T21:30:00Z", class="in_progress"]', times),
    'n1 [label="Permit (issue)\\nDesk\\nin progress, due 2026-11-24 16:30", class="in_progress"]',
  );
  assert.equal(labelled("waits for id_check, risk_ai", (id) => (id === "id_check" ? "Identity check" : undefined)), "waits for Identity check, risk_ai");
  const refused = 'stage_done is not possible for stage "underwrite" of ticket DL-2026-00001: the stage is on_hold';
  assert.equal(errorWords(refused), '"stage done" is not possible now: underwrite of DL-2026-00001 is on hold.');
  assert.equal(errorWords(refused, { title: "Done", label: "Underwriting" }), '"Done" is not possible now: Underwriting of DL-2026-00001 is on hold.');
  assert.equal(errorWords("hold is not possible for ticket DL-2026-00001: the ticket is done"), '"hold" is not possible now: DL-2026-00001 is done.');
  assert.equal(errorWords("there is no workflow x"), "there is no workflow x");
});

test("an error's text and a broken character are words on the page", () => {
  assert.equal(asRefused({ code: "22021", message: 'invalid byte sequence for encoding "UTF8": 0x00' })?.message, "There is a character in it that no text can have.");
  assert.match(asRefused({ code: "OM006", message: 'release is not possible for stage "a" of ticket DL-2026-00001: the stage is queued' })?.message ?? "", /^"release" is not possible now/);
});
