// What export-lake lands is what the server has: each event once, also when it is killed, when things are erased, and
// while others work.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, after, test } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";
import type pg from "pg";

import { connect, exporter, filesOf, killedBefore, manifestOf, newDatabase, newDirectory, openLake, run, start } from "./helpers.js";

let db: pg.Client;
let asMonitor: Awaited<ReturnType<typeof exporter>>;
let asStaff: typeof asMonitor;
const env = { PGDATABASE: "export" };
const monitor = { ...env, PGUSER: "lake_monitor" };

before(async () => {
  db = await newDatabase("export");
  await db.query(`SELECT oms.create_workflow('{"name": "Loan", "prefix": "L", "stages": [
    {"id": "check", "owner": "Checker", "slaMins": 60, "label": "Check"}, {"id": "pay", "owner": "Payer", "dependsOn": ["check"]}]}');
    CREATE ROLE lake_monitor LOGIN; CREATE ROLE lake_staff LOGIN; CREATE ROLE lake_nobody LOGIN;
    SELECT oms.grant_access('lake_monitor', 'monitor'), oms.grant_access('lake_staff', 'staff')`);
  // Three months
  for (const month of ["2026-01-31 23:59:59.999999+00", "2026-02-01 00:00:00+00", "2026-03-10 12:00:00.000001+00"])
    await db.query(`SET oms.now = '${month}';
      SELECT count(oms.open_ticket('Loan', jsonb_build_object('name', 'Žofie ' || n, 'amount', n))) FROM generate_series(1, 40) AS n;
      SELECT oms.stage_done(ticket, stage, '{"ok": true}', token) FROM oms.claim('Checker', 'c', 30);
      SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Payer', 'p', 20);
      SELECT oms.comment(ticket_id, E'said "so",\\n\\\\ ✓'), oms.comment(ticket_id, 'for all', public => true) FROM oms.ticket WHERE status = 'open';
      RESET oms.now`);
  asMonitor = await exporter("export", "lake_monitor");
  asStaff = await exporter("export", "lake_staff");
});
after(() => Promise.all([db.end(), asMonitor.end(), asStaff.end()]));

/** The one value of a query. */
const value = async <T>(sql: string): Promise<T> => Object.values((await db.query<Record<string, T>>(sql)).rows[0] ?? {})[0] as T;
const events = () => value<number>("SELECT count(*)::int FROM oms_internal.check_event");

/** Everything in its place: the proof, the files, and what a reader finds. */
async function whole(directory: string, as: NodeJS.ProcessEnv = monitor) {
  const proof = run(["--verify", directory], as);
  assert.equal(proof.code, 0, proof.out);
  assert.match(proof.out, /all hashes and heads are the server's/);
  const known = manifestOf(directory).files.map((file) => file.path);
  assert.deepEqual(filesOf(directory), [...known, "lake.sql", "manifest.json"].sort(), "no file beside those of the manifest");
  const lake = await openLake(directory);
  assert.equal(await lake.one("SELECT count(*)::INTEGER FROM timeline"), await events());
  assert.equal(await lake.one("SELECT count(DISTINCT (ticket, seq))::INTEGER FROM timeline"), await events());
  assert.equal(await lake.one("SELECT count(*)::INTEGER FROM tickets"), await value("SELECT count(*)::int FROM oms.lake_ticket"));
  assert.equal(await lake.one("SELECT count(*)::INTEGER FROM stages"), await value("SELECT count(*)::int FROM oms.lake_stage"));
  return lake;
}

test("a lake has everything, by month", async () => {
  const directory = newDirectory();
  const first = run([directory], monitor);
  assert.equal(first.code, 0, first.out);
  const lake = await whole(directory);
  const months = [...new Set(manifestOf(directory).files.map((file) => `${file.table} ${file.month}`))].sort();
  assert.deepEqual(months, ["stages", "tickets", "timeline"].flatMap((table) => ["2026-01", "2026-02", "2026-03"].map((month) => `${table} ${month}`)));
  const here = await lake.rows("SELECT ticket, seq, epoch_us(time)::VARCHAR AS us, status, stage, policy, actor FROM timeline ORDER BY ticket, seq");
  const there = (await db.query(`SELECT ticket_id::text AS ticket, seq, (extract(epoch FROM at) * 1000000)::int8::text AS us, status, stage,
    CASE WHEN public THEN 'public' ELSE 'staff' END AS policy, actor FROM oms.timeline ORDER BY ticket_id::text COLLATE "C", seq`)).rows;
  assert.deepEqual(here, there);
  const states = await lake.rows("SELECT ticket, status, workflow, epoch_us(closed_at)::VARCHAR AS us FROM tickets ORDER BY ticket");
  assert.deepEqual(states, (await db.query(`SELECT ticket_id::text AS ticket, status, workflow, (extract(epoch FROM closed_at) * 1000000)::int8::text AS us
    FROM oms.ticket ORDER BY ticket_id::text COLLATE "C"`)).rows);
});

test("nothing new changes nothing", async () => {
  const directory = newDirectory();
  await asMonitor.into(directory);
  const manifest = fs.readFileSync(path.join(directory, "manifest.json"), "utf8");
  assert.match(run([directory], monitor).out, /^0 new events/);
  assert.equal(fs.readFileSync(path.join(directory, "manifest.json"), "utf8"), manifest);
});

test("a monitor lands nothing that was said to staff, staff everything", async () => {
  const count = "SELECT count(payload)::INTEGER AS payloads, count(note)::INTEGER AS notes, count(note) FILTER (WHERE note <> 'for all')::INTEGER AS inner FROM timeline";
  const [few, all] = [newDirectory(), newDirectory()];
  await asMonitor.into(few);
  await asStaff.into(all);
  const [said] = await (await openLake(few)).rows<Record<string, number>>(count);
  assert.equal(said?.["payloads"], 0);
  assert.ok(Number(said["notes"]) > 0);
  assert.equal(said["inner"], 0);
  const there = (await db.query("SELECT count(payload)::int AS payloads, count(note)::int AS notes, count(note) FILTER (WHERE note <> 'for all')::int AS inner FROM oms.timeline")).rows;
  assert.deepEqual(await (await openLake(all)).rows(count), there);
  assert.equal(run([newDirectory()], { ...env, PGUSER: "lake_nobody" }).code, 2, "without a level nothing");
});

test("killed before each of its writes it goes on without loss and without doubles", async () => {
  const directory = newDirectory();
  let n = 0;
  while (!(await killedBefore(n, () => asMonitor.into(directory, { page: 50, batch: 130, files: 2 })))) {
    n++;
    if (!fs.existsSync(path.join(directory, "lake.sql"))) continue;
    // A reader never sees half of something, whatever lies around.
    const [row] = await (await openLake(directory)).rows("SELECT count(*)::INTEGER AS n, count(DISTINCT (ticket, seq))::INTEGER AS d FROM timeline");
    assert.equal(row?.["n"], row?.["d"]);
  }
  assert.ok(n > 30, `${n} kills`);
  assert.ok(manifestOf(directory).step > 5, "in several steps");
  await whole(directory);
});

test("killed at any time, while others work", async () => {
  const directory = newDirectory();
  const worker = await connect("export");
  const late = await connect("export");
  const over = new AbortController();
  const work = (async () => {
    for (let i = 0; !over.signal.aborted; i++) {
      await late.query("BEGIN; SELECT pg_current_xact_id()");
      await worker.query("SELECT oms.open_ticket('Loan')");
      await worker.query("SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('Checker', 'w', 3)");
      // into the archive, and back by a change
      await worker.query("SELECT oms.cancel_ticket(ticket_id, 'double') FROM oms.ticket WHERE status = 'open' LIMIT 1");
      await worker.query("SELECT oms.archive('infinity', 3)");
      await worker.query("SELECT oms.comment(ticket_id, 'back') FROM oms.archived_ticket ORDER BY ticket_id LIMIT 1");
      await late.query("SELECT oms.comment(ticket_id, 'late') FROM oms.ticket ORDER BY last_at DESC LIMIT 3");
      await late.query(i % 5 === 0 ? "ROLLBACK" : "COMMIT");
    }
  })();
  for (let i = 0; i < 6; i++) {
    const { child, done } = start(["--batch", "50", directory], monitor);
    const timer = setTimeout(() => { child.kill("SIGKILL"); }, 250 + 60 * i);
    await done;
    clearTimeout(timer);
  }
  const meanwhile = run(["--verify", directory], monitor);
  assert.equal(meanwhile.code, 0, meanwhile.out);
  over.abort();
  await work;
  await worker.end();
  await late.end();
  await whole(directory);
});

test("many small exports are merged", async () => {
  const directory = newDirectory();
  for (let i = 0; i < 9; i++) {
    await db.query("SELECT oms.comment(ticket_id, 'again') FROM oms.ticket ORDER BY ticket_id LIMIT 5");
    await asMonitor.into(directory, { files: 4 });
  }
  const counts: Record<string, number> = {};
  for (const file of manifestOf(directory).files) counts[`${file.table} ${file.month}`] = (counts[`${file.table} ${file.month}`] ?? 0) + 1;
  assert.ok(Math.max(...Object.values(counts)) <= 4, JSON.stringify(counts));
  await whole(directory);
});

test("what is erased goes from the lake, too", async () => {
  const directory = newDirectory();
  const ticket = await value<string>(`SELECT oms.open_ticket('Loan', '{"name": "Unmistakable Name"}')::text`);
  await db.query(`SELECT oms.comment('${ticket}', 'Unmistakable Note'), oms.stage_done('${ticket}', 'check', '{"who": "Unmistakable Output"}')`);
  await asStaff.into(directory);
  const found = async () => (await openLake(directory)).one(`SELECT count(*)::INTEGER FROM timeline WHERE concat(note, payload::VARCHAR) LIKE '%Unmistakable%'`);
  assert.equal(await found(), 3);
  const old = manifestOf(directory).files.map((file) => file.path);
  await db.query(`SELECT oms.erase('${ticket}', '{data.name,notes,output.check}', 'asked for')`);
  // Killed on the way it is as before or done, and the next run finishes it.
  for (let n = 0; !(await killedBefore(n, () => asStaff.into(directory))); n++);
  assert.equal(await found(), 0);
  await whole(directory, { ...env, PGUSER: "lake_staff" });
  const gone = old.filter((name) => !fs.existsSync(path.join(directory, name)));
  assert.ok(gone.length > 0 && gone.every((name) => name.startsWith("timeline/")), "files with erased content are removed");
  const rest = await (await openLake(directory)).rows(`SELECT seq, status, note FROM timeline WHERE ticket = '${ticket}' AND status = 'erased'`);
  assert.equal(rest[0]?.["note"], "asked for");
  // Read and erased within one step
  const other = newDirectory();
  await asStaff.into(other);
  assert.equal(await (await openLake(other)).one("SELECT count(*)::INTEGER FROM timeline WHERE concat(note, payload::VARCHAR) LIKE '%Unmistakable%'"), 0);
});

test("archived tickets stay in the lake", async () => {
  const directory = newDirectory();
  await db.query("SELECT oms.cancel_ticket(ticket_id, 'double') FROM oms.ticket WHERE status = 'open' LIMIT 20");
  await asMonitor.into(directory);
  const before = await (await openLake(directory)).rows("SELECT ticket, status, last_seq FROM tickets ORDER BY ticket");
  const n = await value<number>("SELECT oms.archive('infinity')");
  assert.ok(n >= 20, `${n} tickets`);
  assert.match(run([directory], monitor).out, /^0 new events/);
  assert.deepEqual(await (await whole(directory)).rows("SELECT ticket, status, last_seq FROM tickets ORDER BY ticket"), before);
  // One who begins now lands them as well, and one comes back.
  const later = newDirectory();
  await asMonitor.into(later);
  await whole(later);
  await db.query("SELECT oms.comment(ticket_id, 'again') FROM oms.archived_ticket ORDER BY ticket_id LIMIT 5");
  for (const of of [directory, later]) assert.match(run([of], monitor).out, /^5 events[\s\S]*5 new events/);
  await whole(later);
  await whole(directory);
});

test("the proof finds what is wrong", async () => {
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  const source = newDirectory();
  await asMonitor.into(source);
  const spoil = async (table: string, select: string | null) => {
    const directory = newDirectory();
    fs.cpSync(source, directory, { recursive: true });
    const file = manifestOf(directory).files.find((entry) => entry.table === table);
    assert.ok(file);
    const name = path.join(directory, file.path);
    if (select === null) fs.unlinkSync(name);
    else {
      await duck.run(`COPY (${select.replaceAll("FILE", `read_parquet('${name}')`)}) TO '${name}.new' (FORMAT parquet)`);
      fs.renameSync(`${name}.new`, name);
    }
    return run(["--verify", directory], monitor);
  };
  const first = "(SELECT min(ticket) FROM FILE)";
  for (const [table, select, message] of [
    ["timeline", null, /is missing/],
    ["timeline", `SELECT * FROM FILE WHERE NOT (ticket = ${first} AND seq = 2)`, /rows, the manifest says/],
    ["timeline", `SELECT * REPLACE (CASE WHEN ticket = ${first} AND seq = 2 THEN 'Somebody' ELSE owner END AS owner) FROM FILE`, /event 2 does not match its hash/],
    ["timeline", `SELECT * REPLACE (CASE WHEN ticket = ${first} AND seq = 2 THEN 3 ELSE seq END AS seq) FROM FILE`, /event 3 comes after/],
    ["tickets", `SELECT * REPLACE (CASE WHEN ticket = ${first} THEN unhex('00') ELSE head END AS head) FROM FILE`, /row in tickets is not the server's/],
    ["stages", `SELECT * REPLACE (CASE WHEN ticket = ${first} THEN 'L-2026-99999' ELSE ticket END AS ticket) FROM FILE`, /rows in stages, the server has/],
  ] as const) {
    const proof = await spoil(table, select);
    assert.equal(proof.code, 1, `${table}: ${proof.out}`);
    assert.match(proof.out, message);
  }
});

test("the proof finds a ticket that the server has lost", async () => {
  const here = await newDatabase("export_lost");
  await here.query(`SELECT oms.create_workflow('{"name": "Loan", "stages": [{"id": "a", "owner": "A"}]}'), oms.open_ticket('Loan'), oms.open_ticket('Loan')`);
  const directory = newDirectory();
  assert.equal(run(["--verify", directory], { PGDATABASE: "export_lost" }).code, 0);
  await here.query("UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname ~ '^guard'");
  await here.end();
  const again = await connect("export_lost");
  for (const table of ["timeline", "stage_state", "ticket_state"])
    await again.query(`DELETE FROM oms.${table} WHERE ticket_id = (SELECT min(ticket_id::text) FROM oms.ticket_state)::oms.ticket_id`);
  await again.end();
  const proof = run(["--verify", directory], { PGDATABASE: "export_lost" });
  assert.equal(proof.code, 1, proof.out);
  assert.match(proof.out, /L-\d+-\d+: the server does not have it/);
});

test("a lake of other data is not continued", async () => {
  const directory = newDirectory();
  await asMonitor.into(directory);
  const other = await newDatabase("export_other");
  await other.query(`SELECT oms.create_workflow('{"name": "Other", "stages": [{"id": "a", "owner": "A"}]}'), oms.open_ticket('Other')`);
  const refused = run([directory], { PGDATABASE: "export_other" });
  assert.equal(refused.code, 2);
  assert.match(refused.out, /does not belong to this data[\s\S]*empty directory/);
  await other.end();
  fs.mkdirSync(newDirectory());
  const full = newDirectory();
  fs.mkdirSync(full);
  fs.writeFileSync(path.join(full, "mine.txt"), "");
  assert.match(run([full], monitor).out, /neither empty nor a lake/);
});

test("one export at a time", async () => {
  const directory = newDirectory();
  await asMonitor.into(directory);
  const { child, done } = start(["--follow", "1", directory], monitor);
  const locked = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND granted";
  while ((await value(locked)) === 0);
  child.kill("SIGKILL");
  await done;
  assert.equal(run([directory], monitor).code, 0, "the lock of one that was killed goes with it");
  const holder = await connect("export");
  await holder.query("SELECT pg_advisory_lock(hashtextextended('oms lake ' || $1, 0))", [manifestOf(directory).lake]);
  assert.match(run([directory], monitor).out, /another export/);
  await holder.end();
});
