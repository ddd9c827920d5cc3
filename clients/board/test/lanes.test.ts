/** Whoever guesses at one tracking number does not hold up those who ask for others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Database } from "../src/db.js";
import { makeLanes } from "../src/lanes.js";
import { timeline, track } from "../src/tracking.js";
import { Refused } from "../src/web.js";

const never = () => Promise.reject(new Error("not in this lane"));
const missed = () => Promise.resolve(null);

test("a number with misses has its turn in a lane of its own, one at a time, and the queue ends", async () => {
  const lanes = makeLanes();
  for (let i = 0; i < 5; i++) assert.equal(await lanes.run("DL-2026-00001-AAAAAAAA0", missed, never), null);
  let running = 0;
  let most = 0;
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const slow = async () => {
    most = Math.max(most, ++running);
    await gate;
    running--;
    return null;
  };
  const guesses = Array.from({ length: 10 }, (_, i) => lanes.run(`dl-2026-00001-AAAAAAA${i}0`, never, slow));
  const refused = guesses.slice(4).map((guess) => assert.rejects(guess, (error: unknown) => error instanceof Refused && error.status === 429 && error.message.startsWith("There were many attempts with wrong tracking numbers")));
  await Promise.all(refused);
  // Another number is answered meanwhile.
  assert.equal(await lanes.run("DL-2026-00002-7QK3M9ZT4", () => Promise.resolve("found"), never), "found");
  open();
  assert.deepEqual(await Promise.all(guesses.slice(0, 4)), [null, null, null, null]);
  assert.equal(most, 1);
});

test("many guesses at once, before any of them has an answer, are not all in the fast lane", async () => {
  const lanes = makeLanes();
  let fast = 0;
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const work = (count: () => void) => async () => {
    count();
    await gate;
    return null;
  };
  const all = Array.from({ length: 9 }, () => lanes.run("DL-2026-00003-X", work(() => fast++), work(() => undefined)));
  assert.equal(fast, 5);
  open();
  await Promise.all(all);
});

test("with many numbers that are guessed at, the lane as a whole ends too", async () => {
  const lanes = makeLanes();
  for (let n = 0; n < 20; n++) for (let i = 0; i < 5; i++) await lanes.run(`DL-2026-1000${n}-A`, missed, never);
  let open: () => void = () => undefined;
  const gate = new Promise<null>((resolve) => (open = () => { resolve(null); }));
  const all = Array.from({ length: 60 }, (_, i) => lanes.run(`DL-2026-1000${i % 20}-A`, never, () => gate));
  const ends = Promise.allSettled(all);
  open();
  assert.equal((await ends).filter(({ status }) => status === "rejected").length, 20);
});

test("both ways to ask for a tracking number go by its lane: after some misses it has connections of its own", async () => {
  const lanes: boolean[] = [];
  const db = {
    citizen: (work: (query: unknown) => Promise<unknown>, options?: { slow?: boolean }) => {
      lanes.push(options?.slow ?? false);
      return work({ client: { query: () => Promise.resolve({ rows: [] }) } });
    },
  } as unknown as Database;
  for (let i = 0; i < 4; i++) {
    assert.equal(await track(db, "DL-2026-40001-AAAAAAAA0"), null);
    assert.deepEqual(await timeline(db, "DL-2026-40001-AAAAAAAA1"), []);
  }
  assert.deepEqual(lanes, [false, false, false, false, false, true, true, true]);
});
