// Exporting from a standby: the same lake, whichever of the two is read (docs/operation/readers.md).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";

import type pg from "pg";

import { Exporter, openDuck } from "../src/export.js";
import { Lake } from "../src/lake.js";
import { Source } from "../src/source.js";
import { connect, manifestOf, newDatabase, newDirectory, openLake, run, top } from "./helpers.js";

const data = `${process.env["OMS_SERVER"] ?? ""}.standby`;
let db: pg.Client;
let host: string;
let there: pg.Client;
const primary = { PGDATABASE: "from_standby" };

function control(what: "start" | "remove"): string {
  const { status, stdout, stderr } = spawnSync("bash", [path.join(top, "../standby.sh"), what, data], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

/** Until the standby has everything. */
async function settled(): Promise<void> {
  const { rows: [at] } = await db.query<{ at: string }>("SELECT pg_current_wal_lsn()::text AS at");
  for (const end = Date.now() + 120_000; Date.now() < end; ) {
    const { rows: [row] } = await there.query<{ has: boolean }>("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS has", [at?.at]);
    if (row?.has === true) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the standby does not follow");
}

const events = async () => (await db.query<{ n: number }>("SELECT count(*)::int AS n FROM oms.timeline")).rows[0]?.n;

before(async () => {
  db = await newDatabase("from_standby");
  await db.query(`SELECT oms.create_workflow('{"name": "Loan", "prefix": "L", "stages": [{"id": "check", "owner": "Checker"}]}')`);
  await db.query("SELECT count(oms.open_ticket('Loan')) FROM generate_series(1, 200)");
  host = control("start");
  const env = process.env["PGHOST"];
  process.env["PGHOST"] = host;
  there = await connect("from_standby");
  process.env["PGHOST"] = env;
});
after(async () => {
  await db.end();
  await there.end();
  control("remove");
});

test("a lake goes on from the primary to the standby and back, without loss and without doubles", async () => {
  const directory = newDirectory();
  for (const from of [primary, { ...primary, PGHOST: host }, primary, { ...primary, PGHOST: host }]) {
    await db.query("SELECT oms.comment(ticket_id, 'again') FROM oms.ticket ORDER BY ticket_id LIMIT 50");
    await settled();
    const { code, out } = run(["--verify", directory], from);
    assert.equal(code, 0, out);
    assert.match(out, /all hashes and heads are the server's/);
    assert.equal(/from a standby, whose last change is \d+ s old/.test(out), "PGHOST" in from, out);
    const lake = await openLake(directory);
    assert.deepEqual(await lake.rows("SELECT count(*)::INTEGER AS n, count(DISTINCT (ticket, seq))::INTEGER AS d FROM timeline"), [{ n: await events(), d: await events() }]);
  }
});

test("what is open on the primary holds back events on the standby, too, and none is passed over", async () => {
  const directory = newDirectory();
  const late = await connect("from_standby");
  await late.query("BEGIN");
  await late.query("SELECT oms.comment(ticket_id, 'late') FROM oms.ticket ORDER BY ticket_id LIMIT 1");
  await db.query("SELECT oms.comment(ticket_id, 'early') FROM oms.ticket ORDER BY ticket_id DESC LIMIT 1");
  await settled();
  const before = run([directory], { ...primary, PGHOST: host });
  assert.equal(before.code, 0, before.out);
  const found = async () => (await openLake(directory)).one("SELECT string_agg(note, ' ' ORDER BY note) FROM timeline WHERE note IN ('late', 'early')");
  assert.equal(await found(), null);
  await late.query("COMMIT");
  await late.end();
  await settled();
  const afterwards = run(["--verify", directory], { ...primary, PGHOST: host });
  assert.equal(afterwards.code, 0, afterwards.out);
  assert.equal(await found(), "early late");
});

test("a step that the standby ends is done again", async () => {
  const directory = newDirectory();
  const source = new Source(there);
  const changes = source.changes.bind(source);
  let conflicts = 2;
  source.changes = (cursor, max) => (conflicts-- > 0 ? Promise.reject(Object.assign(new Error("canceling statement due to conflict with recovery"), { code: "40001" })) : changes(cursor, max));
  const count = await new Exporter(new Lake(directory), source, await openDuck()).run();
  assert.equal(count, await events());
  conflicts = Infinity;
  await db.query("SELECT oms.comment(ticket_id, 'again') FROM oms.ticket LIMIT 1");
  await assert.rejects(new Exporter(new Lake(directory), source, await openDuck()).run(), { code: "40001" });
});

test("two exports into one lake, from the primary and from the standby: one of them gives up", async () => {
  const directory = newDirectory();
  await settled();
  const slow = new Lake(directory);
  const write = slow.writeFile.bind(slow);
  let step = 0;
  slow.writeFile = async (table, month, how) => {
    const file = await write(table, month, how);
    if (step === 0) {
      const other = run([directory], primary);
      assert.equal(other.code, 0, other.out);
      ({ step } = manifestOf(directory));
    }
    return file;
  };
  await assert.rejects(new Exporter(slow, new Source(there), await openDuck()).run(), /another export has written into this lake/);
  assert.ok(step > 0 && manifestOf(directory).step === step);
  assert.equal(run(["--verify", directory], primary).code, 0);
});
