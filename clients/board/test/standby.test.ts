/** A standby for readers: what is read there, how old it may be, what happens without it, and a board that
 * only shows: docs/operation/readers.md. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import pg from "pg";
import type { Page } from "playwright-core";
import { eventually, LOAN, until, world, type World } from "./_harness.js";

const data = `${process.env["OMS_SERVER"] ?? ""}.standby`;
let host: string;
let standby: pg.Client;
let w: World;
let ticket: string;

function control(what: "start" | "stop" | "remove"): string {
  const script = new URL("../../standby.sh", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync("bash", [script, what, data], { encoding: "utf8", env: { ...process.env, PGUSER: "postgres" } });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}
async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ host, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
const openTicket = () => w.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000}')::text");
/** How many stages the report has as queued, and how old that may be. */
async function report(of: World, cookie: string) {
  const answer = await fetch(`${of.url}/reports/queue.json`, { headers: { cookie } });
  assert.equal(answer.status, 200);
  const { rows } = (await answer.json()) as { rows: { queued: number }[] };
  const age = answer.headers.get("age");
  return { queued: rows.reduce((sum, row) => sum + row.queued, 0), age: age === null ? null : Number(age) };
}
const settle = () =>
  until("the standby has everything", async () => {
    const at = await w.one("SELECT pg_current_wal_lsn()::text");
    return (await standby.query<{ has: boolean }>("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS has", [at])).rows[0]?.has ?? false;
  });

before(async () => {
  host = control("start");
  standby = await connect();
  w = await world("standby", { BOARD_READ_HOST: host, BOARD_READ_MAX_LAG: "86400" });
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  ticket = await openTicket();
  await settle();
});
after(async () => {
  await w.end();
  await standby.end();
  control("remove");
});

test("reports, their lists and the tracker are read from the standby, and say how old they may be", async () => {
  const ann = await w.cookie("ann");
  const number = await w.one("SELECT oms.tracking_number($1)", [ticket]);
  await eventually(() => report(w, ann), { queued: 1, age: 0 });
  // The server writes by itself, too, so it may be behind for a moment.
  const upToDate = (of: Page) =>
    until("it is up to date", async () => {
      await of.reload();
      const words = of.getByText(/^Read from a copy of the database/);
      await words.waitFor();
      return (await words.innerText()) === "Read from a copy of the database that is up to date.";
    });
  const page = await w.open("ann", "/reports");
  await upToDate(page);
  const citizen = await w.open(undefined, `/track#${number}`);
  await upToDate(citizen);
  await standby.query("SELECT pg_wal_replay_pause()");
  try {
    const other = await openTicket();
    const old = await report(w, ann);
    assert.ok(old.queued === 1 && old.age !== null && old.age > 0, JSON.stringify(old));
    for (const path of ["/reports", "/reports/queue", "/finished?period=all", "/due?period=all"]) {
      await page.goto(path);
      await page.getByText(/Read from a copy of the database: what happened in the last .* may be missing\./).waitFor();
    }
    // What one works with is not read there, so what one has done is seen.
    await page.goto("/");
    await page.locator(`tr[data-ticket='${other}']`).waitFor();
    assert.equal(await page.locator("#behind").count(), 0);
    // An applicant is known at once, too.
    const known = await fetch(`${w.url}/timeline/${number}`);
    assert.ok(Number(known.headers.get("age")) > 0);
    const fresh = await fetch(`${w.url}/timeline/${await w.one("SELECT oms.tracking_number($1)", [other])}`);
    assert.deepEqual([fresh.status, fresh.headers.get("age")], [200, null]);
    // A guess is counted by the primary.
    assert.equal((await fetch(`${w.url}/timeline/${ticket}-AAAAAAAAA`)).status, 404);
    assert.equal(await w.one("SELECT sum(misses)::int FROM oms.tracking_miss"), 1);
  } finally {
    await standby.query("SELECT pg_wal_replay_resume()");
  }
  await settle();
  await eventually(() => report(w, ann), { queued: 2, age: 0 });
});

test("one that is too far behind is not used", async () => {
  const strict = await world("standby_strict", { BOARD_READ_HOST: host, BOARD_READ_MAX_LAG: "0" });
  try {
    const ann = await strict.cookie("ann");
    await settle();
    await eventually(() => report(strict, ann), { queued: 0, age: 0 });
    await standby.query("SELECT pg_wal_replay_pause()");
    await strict.sql("SELECT oms.create_workflow($1)", [LOAN]);
    await strict.sql("SELECT oms.open_ticket('DisasterLoan')");
    assert.deepEqual(await report(strict, ann), { queued: 1, age: null });
  } finally {
    await standby.query("SELECT pg_wal_replay_resume()");
    await strict.end();
  }
});

test("while the standby is away the primary answers, while the primary is away the standby does", async () => {
  const ann = await w.cookie("ann");
  control("stop");
  try {
    assert.deepEqual(await report(w, ann), { queued: 2, age: null });
  } finally {
    control("start");
    standby = await connect();
  }
  await settle();
  await eventually(() => report(w, ann), { queued: 2, age: 0 });
  w.stopServer();
  try {
    const old = await report(w, ann);
    assert.ok(old.queued === 2 && old.age !== null, JSON.stringify(old));
    assert.equal((await fetch(w.url, { headers: { cookie: ann } })).status, 503);
  } finally {
    await w.startServer();
  }
});

test("a board that only reads shows everything, offers no action and refuses each", async () => {
  await settle();
  const shows = await world("standby_shows", { PGHOST: host, BOARD_READ_ONLY: "1" });
  try {
    await shows.sql("SELECT oms.create_workflow($1)", [LOAN]);
    const id = await shows.one("SELECT oms.open_ticket('DisasterLoan', '{\"amount\": 80000}')::text");
    await shows.sql("SELECT oms.claim_stage($1, 'id_check', 'ann'), oms.release($1, 'id_check')", [id]);
    await settle();
    const page = await shows.open("ann", `/tickets/${id}`);
    await page.getByText("This board only shows: nothing can be changed here.").waitFor();
    await page.getByText(/Read from a copy of the database/).waitFor();
    assert.equal(await page.locator("main").locator("form, .offers a, .offers button").count(), 0);
    await page.goto("/");
    await page.locator('#live[data-state="on"]').waitFor();
    await shows.sql("SELECT oms.claim_stage($1, 'id_check', 'irs-7')", [id]);
    await page.locator(`tr[data-ticket='${id}']`).getByText("irs-7").waitFor();
    for (const path of ["/inbox", "/reports", "/workflows", "/workflows/DisasterLoan"]) {
      assert.equal((await page.goto(path))?.status(), 200, path);
      assert.equal(await page.locator("main form[method=post], main .offers a").count(), 0, path);
    }
    const csrf = await page.locator("input[name=csrf]").first().inputValue();
    const answer = await page.request.post(`/tickets/${id}/comment`, { headers: { origin: shows.url }, form: { csrf, body: "x" } });
    assert.equal(answer.status(), 403);
    assert.match(await answer.text(), /this board only shows/);
    await page.goto("/workflows/new");
    await page.getByText("Nothing can be changed here: this board only shows.").waitFor();
    const number = await shows.one("SELECT oms.tracking_number($1)", [id]);
    assert.equal((await fetch(`${shows.url}/timeline/${number}`)).status, 200);
    const wrong = number.slice(0, -1) + (number.endsWith("7") ? "8" : "7");
    assert.equal((await fetch(`${shows.url}/timeline/${wrong}`)).status, 404);
  } finally {
    await shows.end();
  }
});
