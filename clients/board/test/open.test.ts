/** The list of open stages is found in steps; it is the same as if all were read and sorted. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import type { Query } from "../src/db.js";
import { countMatches, findPage, openStages, readKey, type Filter } from "../src/open.js";
import { LOAN, world, type World } from "./_harness.js";
import { HISTORY, PERMIT } from "./_reports.js";

let w: World;
let client: pg.Client;
let query: Query;

before(async () => {
  w = await world("open");
  await w.sql("SELECT oms.create_workflow($1)", [LOAN]);
  await w.sql("SELECT oms.create_workflow($1)", [PERMIT]);
  await w.sql(HISTORY);
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Long", prefix: "LG", stages: [{ id: "a", owner: "Desk", slaDays: 2, warnAt: [1, 50] }, { id: "b", owner: "Desk", slaMins: 200_000, warnAt: [1] }, { id: "c", owner: "Far", slaMins: 2 }] }]);
  await w.sql("SELECT count(*) FROM oms.open_tickets('Long', array_fill(jsonb '{}', '{60}'))");
  await w.sql("SELECT oms.create_workflow($1)", [{ name: "Wait", prefix: "WT", stages: [{ id: "paid", waitFor: { message: "payment", key: "$.k" } }] }]);
  await w.sql("SELECT count(*) FROM oms.open_tickets('Wait', array_fill(jsonb '{\"k\": 1}', '{3}'))");
  // With leases and people, held, held after they were late, late and then extended.
  await w.sql("SELECT count(*) FROM oms.claim('Desk', 'w2', 40)");
  await w.sql("SELECT oms.hold(o.ticket_id, o.stage, 'documents') FROM oms.open_stage AS o WHERE o.workflow = 'Long' AND o.stage_no = 2 ORDER BY o.ticket_id DESC LIMIT 9");
  await w.sql("DO $$ BEGIN PERFORM set_config('oms.now', (now() + '4 minutes')::text, false); PERFORM oms.tick(); END $$");
  await w.sql("SELECT oms.hold(o.ticket_id, o.stage, 'documents') FROM oms.open_stage AS o WHERE o.stage = 'c' ORDER BY o.ticket_id LIMIT 9");
  await w.sql("SELECT oms.extend(o.ticket_id, o.stage, 'asked for', mins => 20000) FROM oms.open_stage AS o WHERE o.stage = 'c' AND o.running_since IS NOT NULL ORDER BY o.ticket_id LIMIT 9");
  await w.sql("SET oms.now = ''");
  await w.sql("ANALYZE");
  client = new pg.Client({ user: "postgres", database: "board_open" });
  await client.connect();
  // Here it is three days later than for the worker, which so cannot note what is late by then.
  await client.query("SELECT pg_catalog.set_config('oms.now', (pg_catalog.now() + '3 days')::text, false)");
  const rows = async (sql: string, values: readonly unknown[] = []) => (await client.query(sql, [...values])).rows as unknown[];
  query = { client, zone: "UTC", rows, row: async (sql: string, values?: readonly unknown[]) => (await rows(sql, values))[0] } as Query;
});
after(async () => {
  await client.end();
  await w.end();
});

const NONE: Filter = {
  search: undefined, workflow: undefined, stage: undefined, owner: undefined, worker: undefined, applicant: undefined, status: undefined, clock: undefined, ageFrom: undefined, ageTo: undefined,
};
const within = (length: string) => `o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at <= o.now + interval '${length}'`;

/** What is asked for, and the same as one condition. */
const CASES: [Partial<Filter>, string][] = [
  [{}, "true"],
  [{ clock: "late" }, "o.overdue"],
  [{ clock: "hour" }, within("1 hour")],
  [{ clock: "soon" }, within("4 hours")],
  [{ clock: "day" }, within("24 hours")],
  [{ clock: "week" }, within("7 days")],
  [{ clock: "fine" }, "o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at > o.now + interval '4 hours'"],
  [{ clock: "stands" }, "o.running_since IS NULL AND NOT o.overdue"],
  [{ clock: "limit" }, "o.clocked"],
  [{ clock: "late", workflow: "Permit" }, "o.overdue AND o.workflow = 'Permit'"],
  [{ clock: "late", status: "on_hold" }, "o.overdue AND o.status = 'on_hold'"],
  [{ owner: "Desk", status: "queued" }, "o.owner = 'Desk' AND o.status = 'queued'"],
  [{ worker: "w2", stage: "b" }, "o.worker = 'w2' AND o.stage = 'b'"],
  [{ owner: "nobody" }, "false"],
  [{ search: "dl-2025-000" }, "o.ticket_id::text LIKE 'DL-2025-000%'"],
  [{ search: "pm-2025-0001" }, "o.ticket_id::text LIKE 'PM-2025-0001%'"],
  [{ search: "p" }, "o.ticket_id::text LIKE 'P%'"],
  [{ search: "pm-20" }, "o.ticket_id::text LIKE 'PM-20%'"],
  [{ search: "ZZ-2025" }, "false"],
];

for (const [some, condition] of CASES)
  test(`all pages of ${JSON.stringify(some)}`, async () => {
    const filter = { ...NONE, ...some };
    const all = await query.rows<{ place: string }>(`SELECT o.ticket_id || ' ' || o.stage_no AS place FROM oms.open_stage AS o WHERE ${condition} ORDER BY o.due_at, o.ticket_id, o.stage_no`);
    const seen: string[] = [];
    let next: string | undefined;
    do {
      const found = await openStages(query, await findPage(query, filter, readKey(next)));
      seen.push(...found.rows.map((r) => `${r.ticket_id} ${r.stage_no}`));
      next = found.next;
    } while (next !== undefined);
    assert.deepEqual(seen, all.map((r) => r.place));
    assert.equal(await countMatches(query, filter), all.length);
  });

test("ages are those of oms.aging, of what awaits something too", async () => {
  const ages = await query.rows<{ workflow: string; stage: string; from_days: number; to_days: number | null; open: number }>(
    "SELECT workflow, stage, from_days, to_days, open::int FROM oms.aging",
  );
  assert.ok(ages.some((age) => age.stage === "paid" && age.open === 3));
  for (const { workflow, stage, from_days, to_days, open } of ages)
    assert.equal(await countMatches(query, { ...NONE, workflow, stage, ageFrom: from_days, ageTo: to_days ?? undefined }), open, `${workflow} ${stage} ${from_days}`);
});

test("the cases are not empty", async () => {
  const [n] = await query.rows<Record<string, number>>(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE o.overdue AND o.running_since IS NULL)::int AS held_late, count(*) FILTER (WHERE o.overdue AND o.due_at > o.now)::int AS extended,
       count(*) FILTER (WHERE o.overdue AND o.breached_at IS NULL)::int AS not_noted, count(*) FILTER (WHERE o.due_at IS NULL AND NOT o.overdue)::int AS stands,
       count(*) FILTER (WHERE o.timer_at < o.due_at)::int AS early FROM oms.open_stage AS o`,
  );
  for (const [name, count] of Object.entries(n ?? {})) assert.ok(count > 0, name);
});

test("what is late has a due time, also if its clock stands", async () => {
  assert.deepEqual(await query.rows("SELECT * FROM oms.open_stage AS o WHERE o.overdue AND o.due_at IS NULL"), []);
});

test("no timer comes later than just after the due time", async () => {
  assert.deepEqual(await query.rows("SELECT * FROM oms.open_stage AS o WHERE o.breached_at IS NULL AND o.due_at IS NOT NULL AND (o.timer_at > o.due_at + interval '1 microsecond') IS NOT FALSE"), []);
});
