/** Figures that take long: kept, shown with their moment, made anew one at a time, and seen by nobody who may not. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeApp } from "../src/app.js";
import { openDatabase, type Database } from "../src/db.js";
import { makeKept, PACE, type Pace } from "../src/kept.js";
import type { Live } from "../src/live.js";
import { beginSession } from "../src/session.js";
import { readSettings } from "../src/settings.js";
import { makeWatch } from "../src/watch.js";
import { LOAN, until, world, type World } from "./_harness.js";

/** Everything takes long. */
const HEAVY: Pace = { ...PACE, lightMs: 0, patienceMs: 0, pauseMs: 0, pauseTimes: 0 };

/** Work that ends when it is told to. */
function work() {
  const begun: { end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const make = () =>
    new Promise<string>((resolve, reject) => {
      begun.push({ end: resolve, fail: reject });
    });
  return { begun, make };
}
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("what is quickly worked out is worked out each time", async () => {
  const kept = makeKept({ ...PACE, lightMs: 60_000, patienceMs: 60_000 });
  let n = 0;
  const ask = async () => kept.get("a", () => Promise.resolve(++n));
  for (const value of [1, 2, 3]) assert.deepEqual({ value: (await ask())?.value, old: (await ask())?.old }, { value: value * 2 - 1, old: false });
});

test("what takes long is made once however many ask, and the last one is shown meanwhile with its moment", async () => {
  const kept = makeKept(HEAVY);
  const { begun, make } = work();
  const first = [1, 2, 3].map(() => kept.get("a", make));
  assert.equal(begun.length, 1);
  const before = Date.now();
  begun[0]?.end("one");
  for (const one of await Promise.all(first)) assert.deepEqual([one?.value, one?.old], ["one", false]);
  await soon();
  const then = await Promise.all([1, 2, 3].map(() => kept.get("a", make)));
  for (const one of then) {
    assert.deepEqual([one?.value, one?.old], ["one", true]);
    assert.ok(one !== undefined && one.at <= before, "the moment is the one at which they were asked for");
  }
  assert.equal(begun.length, 2, "one computation");
  assert.equal((await kept.get("b", () => Promise.resolve("other")))?.value, "other", "another question has figures of its own");
  begun[1]?.end("two");
  await soon();
  assert.equal((await kept.get("a", make))?.value, "two");
});

test("it is renewed the less often the longer it takes", async (t) => {
  let now = 1_000_000;
  t.mock.method(Date, "now", () => now);
  const kept = makeKept({ ...HEAVY, lightMs: 100, pauseMs: 5000, pauseTimes: 20 });
  let n = 0;
  const ask = (ms: number) =>
    kept.get("a", () => {
      now += ms;
      return Promise.resolve(++n);
    });
  await ask(1000);
  for (const [later, made] of [[5000, 1], [14_000, 1], [2000, 2]] as const) {
    now += later;
    await ask(1000);
    await new Promise(setImmediate);
    assert.equal(n, made, `${later} ms later`);
  }
});

test("if it fails the last one is shown on until it is of no use; who waits for the first hears of the error", async (t) => {
  let now = 1_000_000;
  t.mock.method(Date, "now", () => now);
  const kept = makeKept({ ...HEAVY, oldestMs: 1000 });
  const fail = () => Promise.reject(new Error("away"));
  await assert.rejects(kept.get("a", fail), /away/);
  await kept.get("a", () => Promise.resolve("one"));
  now += 900;
  assert.equal((await kept.get<string>("a", fail))?.value, "one");
  now += 200;
  await assert.rejects(kept.get("a", fail), /away/);
});

test("who does not want to wait goes without, and the next one has it", async () => {
  const kept = makeKept(HEAVY);
  const { begun, make } = work();
  assert.equal(await kept.get("a", make, { waitMs: 10 }), undefined);
  begun[0]?.end("one");
  await soon();
  assert.equal((await kept.get("a", make, { waitMs: 10 }))?.value, "one");
});

test("what fails at once does not stay under way", async () => {
  const kept = makeKept(HEAVY);
  const fail = () => {
    throw new Error("at once");
  };
  for (let n = 0; n < 5; n++) await assert.rejects(kept.get("a", fail), /at once/);
  assert.equal((await kept.get("a", () => Promise.resolve("one")))?.value, "one");
  for (let n = 0; n < 5; n++) assert.equal((await kept.get<string>("a", fail))?.value, "one");
  await kept.get("a", () => Promise.resolve("two"));
  await soon();
  assert.equal((await kept.get<string>("a", fail))?.value, "two");
});

test("all that is kept is not larger than it may be", async () => {
  const kept = makeKept({ ...HEAVY, mostLetters: 250 });
  const make = (letter: string, n: number) => () => Promise.resolve(letter.repeat(n));
  for (const key of ["a", "b", "c"]) await kept.get(key, make(key, 100));
  assert.deepEqual(["a", "b", "c"].map((key) => kept.has(key)), [false, true, true]);
  assert.equal((await kept.get("d", make("d", 300)))?.value.length, 300, "who asks has it nevertheless");
  assert.deepEqual(["b", "c", "d"].map((key) => kept.has(key)), [false, false, false]);
  for (const key of ["a", "b"]) await kept.get(key, make(key, 100));
  assert.deepEqual(["a", "b"].map((key) => kept.has(key)), [true, true], "what was forgotten is no longer counted");
});

test("not more than a few are renewed at once, and not more than some are remembered", async () => {
  const kept = makeKept({ ...HEAVY, atOnce: 1, most: 2 });
  const { begun, make } = work();
  for (const key of ["a", "b"]) await kept.get(key, () => Promise.resolve(key));
  await soon();
  for (const key of ["a", "b", "a", "b"]) assert.equal((await kept.get(key, make))?.value, key);
  assert.equal(begun.length, 1);
  begun[0]?.end("new");
  await soon();
  await kept.get("c", () => Promise.resolve("c"));
  // "a" was asked for before "b" and "c".
  assert.equal(await kept.get("a", make, { waitMs: 10 }), undefined);
});

describe("on the pages", () => {
  let w: World;
  let db: Database;
  const env = { ...process.env };
  let ask: (role: string, path: string, zone?: string) => Promise<{ status: number; text: string }>;
  const open = () => w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000}')::text");
  /** The number in the line of an owner. */
  const queued = (text: string) => Number(/IRS_Bot<\/bdi><\/th><td[^>]*>(?:<a[^>]*>)?([\d,]+)/.exec(text)?.[1]);
  const AS_OF = /These figures are of <time datetime="([^"]+)"/;

  before(async () => {
    w = await world("kept");
    await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
    await open();
    // Read for each new connection.
    Object.assign(process.env, { PGUSER: "oms_board", PGPASSWORD: "board-demo", PGDATABASE: "board_kept" });
    const settings = readSettings({ BOARD_BEHIND_PROXY: "1" });
    db = openDatabase(settings);
    const live = { subscribe: () => () => true, state: () => ({ kind: "resync" }), end: () => Promise.resolve() } as unknown as Live;
    const app = makeApp({ settings, db, live, watch: makeWatch(db) }, makeKept(HEAVY));
    const cookies = new Map<string, string>();
    ask = async (role, path, zone) => {
      const cookie = cookies.get(role) ?? `oms_board=${beginSession(role, 60)}`;
      cookies.set(role, cookie);
      const answer = await app.request(`http://board.test${path}`, {
        headers: { cookie: zone === undefined ? cookie : `${cookie}; zone=${zone}`, accept: "text/html", "x-forwarded-for": "192.0.2.1", "sec-fetch-site": "same-origin" },
      });
      return { status: answer.status, text: await answer.text() };
    };
  });
  after(async () => {
    await db.end();
    process.env = env;
    await w.end();
  });

  test("kept figures say of which moment they are, and new ones come", async () => {
    const began = Date.now();
    const first = await ask("ann", "/reports/queue");
    assert.equal(queued(first.text), 1, first.text);
    assert.doesNotMatch(first.text, AS_OF);
    await open();
    const second = await ask("bob", "/reports/queue");
    assert.equal(queued(second.text), 1, "the same for both, and old");
    const at = Date.parse(AS_OF.exec(second.text)?.[1] ?? "");
    assert.ok(at >= began && at <= Date.now(), second.text);
    await until("new figures", async () => queued((await ask("ann", "/reports/queue")).text) === 2);
  });

  test("the list of the board says so, too; its rows are what stands now", async () => {
    await ask("ann", "/");
    const ticket = await w.one("SELECT o.ticket_id::text FROM oms.open_stage AS o ORDER BY o.due_at LIMIT 1");
    await w.sql("SELECT oms.claim_stage($1, 'id_check', 'irs-9')", [ticket]);
    const more = await open();
    const { text } = await ask("ann", "/");
    assert.match(text, /Which stages are in this list is of <time/);
    assert.match(text, new RegExp(`data-ticket="${ticket}"[^]*irs-9`));
    assert.ok(!text.includes(more), "it has not heard of this one");
    await until("a new list", async () => (await ask("ann", "/")).text.includes(more));
  });

  test("who lost the right to the list does not see the kept one", async () => {
    await ask("ann", "/");
    await ask("bob", "/");
    await w.sql("SELECT oms.revoke_access('bob')");
    const { status, text } = await ask("bob", "/");
    assert.equal(status, 403);
    assert.doesNotMatch(text, /IRS_Bot|DL-2/);
    // What he is refused is no answer to others who ask for the same.
    const both = await Promise.all(["bob", "ann"].map((role) => ask(role, "/?owner=IRS_Bot&status=queued")));
    assert.deepEqual(both.map((one) => one.status), [403, 200]);
    await w.sql("SELECT oms.grant_access('bob', 'staff')");
  });

  test("who lost the right to a report does not see the kept one", async () => {
    await ask("ann", "/reports/sla");
    await ask("ann", "/reports/queue");
    for (const path of ["/reports/queue", "/reports/sla"]) assert.equal((await ask("mia", path)).status, 200);
    // The pages still offer them: what a session may is asked for again after half a minute.
    await w.sql("SELECT oms.revoke_access('mia')");
    for (const path of ["/reports/queue", "/reports/sla", "/reports/aging", "/reports/at-risk", "/reports/heat-map", "/reports/bottlenecks", "/reports"]) {
      const { status, text } = await ask("mia", path);
      assert.equal(status, 403, path);
      assert.doesNotMatch(text, /IRS_Bot|DisasterLoan/, path);
    }
    await w.sql("SELECT oms.grant_access('mia', 'monitor')");
  });

  test("another workflow, period or time zone is another question", async () => {
    await w.sql("SELECT oms.create_workflow($1)", [{ name: "Permit", prefix: "PM", stages: [{ id: "review", owner: "Desk" }] }]);
    await w.sql("SELECT oms.open_ticket('Permit')");
    const rows = async (path: string, zone?: string) => [...(await ask("ann", path, zone)).text.matchAll(/<tr><th scope="row"><bdi class="name">([^<]+)/g)].map((m) => m[1]);
    assert.ok((await rows("/reports/aging?workflow=DisasterLoan")).every((name) => name === "DisasterLoan"));
    assert.deepEqual(await rows("/reports/aging?workflow=Permit"), ["Permit"]);
    assert.doesNotMatch((await ask("ann", "/reports/bottlenecks?period=7")).text, AS_OF);
    assert.doesNotMatch((await ask("ann", "/reports/bottlenecks?period=30")).text, AS_OF);
    assert.doesNotMatch((await ask("ann", "/reports/bottlenecks?period=7", "Asia/Kolkata")).text, AS_OF);
    assert.match((await ask("ann", "/reports/bottlenecks?period=7")).text, AS_OF);
  });
});
