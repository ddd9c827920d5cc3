// The queries of docs/guides/lake.md: each runs on a lake alone, and says what the server says.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import type pg from "pg";

import { newDatabase, newDirectory, openLake, run, top } from "./helpers.js";

const queries = Object.fromEntries([...fs.readFileSync(path.join(top, "../../docs/guides/lake.md"), "utf8").matchAll(/^```duckdb (\w+)\n(.*?)^```/gms)]
  .map(([, name = "", sql = ""]) => [name, sql]));
let db: pg.Client;
let lake: Awaited<ReturnType<typeof openLake>>;

before(async () => {
  db = await newDatabase("queries");
  await db.query(`SELECT oms.create_workflow('{"name": "Loan", "stages": [{"id": "check", "owner": "Checker", "slaMins": 600, "label": "Check"},
      {"id": "decide", "owner": "Desk", "slaMins": 3000, "dependsOn": ["check"]}, {"id": "pay", "owner": "Payer", "dependsOn": ["decide"]}]}');
    SELECT oms.create_workflow('{"name": "Permit", "stages": [{"id": "review", "owner": "Desk", "slaMins": 900}]}');
    SELECT oms.create_workflow('{"name": "Fee", "stages": [{"id": "paid", "waitFor": {"message": "fee", "key": "$.half"}, "slaMins": 6000},
      {"id": "stamp", "owner": "Stamper", "dependsOn": ["paid"], "delayMins": 1700}]}')`);
  // Thirteen weeks over the end of a year; every twelve hours some come in, some go on, some go wrong.
  for (let half = 0; half < 182; half++) {
    const now = new Date(Date.UTC(2026, 11, 1) + half * 12 * 3600e3 + (half % 7) * 977e3).toISOString();
    const how = (owner: string, count: number) => `SELECT oms.stage_done(ticket, stage, '{}', token) FROM oms.claim('${owner}', 'w', ${Math.max(count, 1)}) WHERE ${count} > 0`;
    await db.query(`SET oms.now = '${now}'; SELECT oms.tick();
      SELECT oms.open_ticket(CASE WHEN ${half} % 3 = 0 THEN 'Permit' ELSE 'Loan' END) FROM generate_series(1, 1 + ${half} % 2);
      SELECT oms.open_ticket('Fee', '{"half": ${half}}') WHERE ${half} % 5 = 0; SELECT oms.send_message('fee', '${Math.floor(half * 0.9)}');
      ${how("Checker", half % 3)}; ${how("Desk", (half * 7) % 4)}; ${how("Payer", half % 4)}; ${how("Stamper", half % 2)};
      SELECT oms.claim('Checker', 'waits', 1, '10 hours') WHERE ${half} % 4 = 1;
      SELECT oms.escalate(ticket_id, stage, 'slow') FROM oms.stage WHERE status = 'queued' AND ${half} % 9 = 0 LIMIT 1;
      SELECT oms.send_back(ticket_id, 'decide', 'check', 'again') FROM oms.stage WHERE stage = 'decide' AND status = 'queued' AND ${half} % 11 = 0 LIMIT 1;
      SELECT oms.hold(ticket_id, 'decide', 'papers') FROM oms.stage WHERE stage = 'decide' AND status = 'queued' AND ${half} % 13 = 0 LIMIT 1;
      SELECT oms.resume(ticket_id, 'decide') FROM oms.stage WHERE stage = 'decide' AND status = 'on_hold' AND ${half} % 17 = 0 LIMIT 1;
      SELECT oms.cancel_ticket(ticket_id, 'moved away') FROM oms.ticket WHERE status = 'open' AND ${half} % 19 = 0 LIMIT 1`);
  }
  await db.query("SET TimeZone = 'UTC'");
  const directory = newDirectory();
  const exported = run(["--verify", "--batch", "500", directory], { PGDATABASE: "queries" });
  assert.equal(exported.code, 0, exported.out);
  lake = await openLake(directory);
});
after(() => db.end());

const asked = new Set<string>();
const asNumber = (value: unknown) => (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);
/** Rows as arrays, numbers as numbers. */
async function fromLake(name: string): Promise<unknown[][]> {
  asked.add(name);
  return (await lake.rows(queries[name] ?? "")).map((row) => Object.values(row).map(asNumber));
}
async function fromServer(sql: string): Promise<unknown[][]> {
  const result = await db.query<unknown[]>({ text: sql, rowMode: "array" });
  return result.rows.map((row) => row.map(asNumber));
}
/** Equal; with numbers as near as the histograms of the reports are. */
function near(here: unknown[][], there: unknown[][]) {
  assert.ok(here.length > 0, "there are rows");
  assert.equal(here.length, there.length);
  for (const [i, row] of here.entries())
    for (const [j, value] of row.entries()) {
      const other = there[i]?.[j];
      if (typeof value === "number" && typeof other === "number") assert.ok(Math.abs(value - other) <= 0.006 * Math.max(Math.abs(other), 0.01), `${row.join()}: ${value} is not ${other}`);
      else assert.equal(value, other, `${row.join()} is not ${there[i]?.join()}`);
    }
}

test("tickets by month and state", async () => {
  assert.deepEqual(await fromLake("tickets"), await fromServer(`SELECT to_char(opened_at, 'YYYY-MM'), workflow, status, count(*)
    FROM oms.ticket GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`));
});

test("open at the end of each month", async () => {
  const rows = await fromLake("backlog");
  assert.deepEqual(rows, await fromServer(`SELECT to_char(m, 'YYYY-MM'), count(*) FROM
    (SELECT DISTINCT date_trunc('month', at) AS m FROM oms.timeline) AS x JOIN oms.ticket AS t ON t.opened_at < m + interval '1 month'
    AND (t.closed_at IS NULL OR t.closed_at >= m + interval '1 month') GROUP BY 1 ORDER BY 1`));
  assert.equal(rows.length, 4);
});

test("how long stages take", async () => {
  const rows = await fromLake("durations");
  near(rows, await fromServer(`SELECT workflow, stage, count(*),
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM f.awaited)) / 3600 FROM oms.finished_stage AS f
      WHERE f.workflow = oms.ticket.workflow AND f.stage = oms.lake_stage.stage),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - queued_at)) / 3600,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - queued_at)) / 3600,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - queued_at)) / 3600
    FROM oms.lake_stage JOIN oms.ticket USING (ticket_id) WHERE oms.lake_stage.status = 'done'
    GROUP BY 1, 2 ORDER BY 1, 2`));
  const awaited = rows.filter(([, , , hours]) => hours !== null).map(([workflow, stage, , , wait]) => [workflow, stage, wait === null]);
  assert.deepEqual(awaited, [["Fee", "paid", true], ["Fee", "stamp", false]], "what waits for a message or a moment, and no other");
});

test("limits are those of sla_report", async () => {
  near(await fromLake("limits"), await fromServer(`SELECT workflow, stage, finished, met, breached, completed_rate, p50, p90, reworked
    FROM oms.sla_report(NULL, NULL) WHERE stage IS NOT NULL ORDER BY 1, 2`));
});

test("breaches by owner", async () => {
  const rows = await fromLake("owners");
  const there = await fromServer(`SELECT y, sum(n) FROM oms.heat_map(NULL, NULL, 'owner') GROUP BY 1 ORDER BY 1`);
  assert.deepEqual(rows.map(([owner, finished]) => [owner, finished]), there);
  near(rows.map((row) => row.slice(2)), await fromServer(`SELECT count(breached_at), count(breached_at)::float8 / count(*)
    FROM oms.lake_stage WHERE status = 'done' AND limit_us IS NOT NULL GROUP BY owner ORDER BY owner`));
});

test("the heat-map is that of the server", async () => {
  const rows = await fromLake("heat");
  near(rows, await fromServer(`SELECT workflow, y, x, n, value, breach_rate FROM oms.heat_map(NULL, NULL, 'stage')
    ORDER BY 1, 2, 3`));
  assert.ok(rows.some(([, , week]) => week === "2026-W53"), "with the last week of a long year");
  assert.ok(rows.some(([, , , , value]) => value !== null), "with cells that have enough");
});

test("public statuses", async () => {
  const rows = await fromLake("public");
  near(rows, await fromServer(`WITH c AS (SELECT * FROM oms.changes_since(max => 1000000) WHERE public),
    e AS (SELECT workflow, ticket, public_status, min("time") AS first FROM c GROUP BY 1, 2, 3)
    SELECT e.workflow, e.public_status, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM e.first - r.first)) / 3600,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM e.first - r.first)) / 3600
    FROM e JOIN e AS r ON r.ticket = e.ticket AND r.public_status = 'received'
    WHERE e.public_status NOT IN ('received', 'comment', 'attached') GROUP BY 1, 2 ORDER BY 1, 2`));
  assert.deepEqual([...new Set(rows.map((row) => row[1]))].sort(), ["cancelled", "closed", "done", "in progress", "returned"]);
});

test("trouble by month", async () => {
  const rows = await fromLake("trouble");
  assert.deepEqual(rows, await fromServer(`SELECT to_char(at, 'YYYY-MM'), status, count(*) FROM oms.timeline
    WHERE status IN ('breached', 'escalated', 'sent_back', 'reopened', 'on_hold', 'failed') GROUP BY 1, 2 ORDER BY 1, 2`));
  assert.ok(rows.some((row) => row[1] === "breached"));
});

test("the lakes of two cells are one", async () => {
  const root = newDirectory();
  const sums = { tickets: 0, timeline: 0, stages: 0 };
  for (const [name, range] of [["north", "{[1,999999]}"], ["south", "{[1000000,1999999]}"]] as const) {
    const cell = await newDatabase(name);
    await cell.query(`SELECT oms.set_number_ranges('${range}');
      SELECT oms.create_workflow('{"name": "Loan", "stages": [{"id": "check", "owner": "Checker"}]}')`);
    await cell.query("SET oms.now = '2027-03-01 10:00Z'; SELECT oms.stage_done(oms.open_ticket('Loan'), 'check'); SELECT oms.open_tickets('Loan', '{\"{}\",\"{}\"}')");
    const { code, out } = run(["--verify", path.join(root, name)], { PGDATABASE: name });
    assert.equal(code, 0, out);
    const { rows: [row] } = await cell.query<typeof sums>(`SELECT (SELECT count(*)::int FROM oms.lake_ticket) AS tickets,
      (SELECT count(*)::int FROM oms.timeline) AS timeline, (SELECT count(*)::int FROM oms.lake_stage) AS stages`);
    for (const table of ["tickets", "timeline", "stages"] as const) sums[table] += row?.[table] ?? 0;
    await cell.end();
  }
  assert.deepEqual([sums.tickets, sums.stages], [6, 6]);
  asked.add("cells");
  const both = (queries["cells"] ?? "").replaceAll(/^\.read (\S+)$/gm, (_, name: string) => fs.readFileSync(path.join(root, name), "utf8"));
  fs.writeFileSync(path.join(root, "lake.sql"), both);
  const one = await openLake(root);
  for (const [table, count] of Object.entries(sums)) assert.equal(Number(await one.one(`SELECT count(*) FROM ${table}`)), count, table);
  assert.equal(Number(await one.one("SELECT count(DISTINCT ticket) FROM tickets")), sums.tickets);
  assert.deepEqual((await one.rows(queries["tickets"] ?? "")).map((row) => Object.values(row).map(asNumber)), [["2027-03", "Loan", "done", 2], ["2027-03", "Loan", "open", 4]]);
});

test("every query was tried", () => {
  assert.deepEqual([...asked].sort(), Object.keys(queries).sort());
});
