/*
 * Reading at a standby, and at the primary when it is away or behind: docs/operation/readers.md.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import * as oms from "hms-oms-sdk";
import { database, home, run, sql, until } from "./helpers.js";

await database("sdk_reader");
await oms.createWorkflow({ name: "Loan", stages: [{ id: "a", owner: "A" }] });

const data = `${process.env["OMS_SERVER"] ?? ""}.standby`;
const control = async (what: "start" | "stop" | "remove") => (await run("bash", [join(home, "../standby.sh"), what, data])).out.trim();
const host = await control("start");
after(() => control("remove"));

/** Runs SQL on the standby. */
async function there<T>(text: string): Promise<T> {
  const client = new pg.Client({ host, database: "postgres" });
  await client.connect();
  try {
    return Object.values((await client.query<Record<string, T>>(text)).rows[0] ?? {})[0] as T;
  } finally {
    await client.end();
  }
}
async function settled(): Promise<void> {
  const [primary] = await sql<{ at: string }>("SELECT pg_current_wal_lsn()::text AS at");
  await until("the standby has everything", () => there<boolean>(`SELECT pg_last_wal_replay_lsn() >= '${primary?.at ?? ""}'`));
}
const configure = (maxLagSecs?: number) => {
  oms.configure({ database: "sdk_reader", read: { host, ...(maxLagSecs === undefined ? {} : { maxLagSecs }) } });
};
const stands = (ticket: string, options?: oms.CallOptions) => oms.getTimeline(ticket, options).then((rows) => rows.map(({ status }) => status));

test("who asks for it reads at the standby, everybody else at the primary", async () => {
  const ticket = await oms.openTicket("Loan");
  await settled();
  configure();
  assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["🔄 queued"]);
  assert.equal(await there("SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'hms-oms-sdk'"), 1);
  await until("it has everything", async () => (await oms.readerLag()) === 0);
  await there("SELECT pg_wal_replay_pause()");
  try {
    await oms.stageDone(ticket, "a");
    assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["🔄 queued"]);
    assert.deepEqual(await stands(ticket), ["✅ done"]);
    await until("the lag is known", async () => ((await oms.readerLag()) ?? 0) > 0);
    // Every function that only reads.
    const client = oms.reader();
    const number = await oms.trackingNumber(ticket);
    assert.equal((await oms.track(number, { client }))?.status, "in progress");
    assert.deepEqual((await oms.changesOf(ticket, { client })).map(({ status }) => status), ["opened", "queued"]);
    assert.deepEqual((await oms.changesSince({ client })).map(({ status }) => status), ["opened", "queued"]);
    assert.ok((await oms.slaReport(null, null, { client })).length > 0);
    assert.deepEqual(await oms.heatMap(null, null, { client }), []);
    assert.deepEqual((await oms.bottlenecks(null, null, { client })).map(({ stage, open }) => [stage, open]), [["a", 1]]);
    assert.deepEqual(await oms.atRisk({ client }), []);
    assert.equal((await oms.health({ client })).standby, true);
    assert.match(await oms.metricsText({ client }), /^oms_in_recovery 1$/m);
  } finally {
    await there("SELECT pg_wal_replay_resume()");
  }
});

test("a cursor of the one is good at the other", async () => {
  await settled();
  const cursor = (await oms.changesSince({ client: oms.reader() })).at(-1)?.cursor ?? "";
  await oms.openTicket("Loan");
  assert.deepEqual((await oms.changesSince({ cursor })).map(({ status }) => status), ["opened", "queued"]);
  await until("it has come", async () => (await oms.changesSince({ cursor, client: oms.reader() })).length === 2);
});

test("what writes is refused there, not done elsewhere", async () => {
  const before = await sql("SELECT count(*) FROM oms.ticket");
  await assert.rejects(oms.openTicket("Loan", {}, { client: oms.reader() }), { code: "25006" });
  assert.deepEqual(await sql("SELECT count(*) FROM oms.ticket"), before);
});

test("the primary answers while the standby is behind, away, or not named", async () => {
  const ticket = await oms.openTicket("Loan");
  await settled();
  configure(0);
  assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["🔄 queued"]);
  await there("SELECT pg_wal_replay_pause()");
  try {
    await oms.stageDone(ticket, "a");
    configure(0);
    assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["✅ done"]);
    assert.equal(await oms.readerLag(), null);
  } finally {
    await there("SELECT pg_wal_replay_resume()");
  }
  configure();
  assert.deepEqual((await stands(ticket, { client: oms.reader() })).length, 1);
  await control("stop");
  assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["✅ done"]);
  oms.configure({ database: "sdk_reader" });
  assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["✅ done"]);
  assert.equal(await oms.readerLag(), null);
  await control("start");
});

test("a program with connections of its own reads there, and rests after it could not", async () => {
  await settled();
  const primary = new pg.Pool({ database: "sdk_reader" });
  const at = new pg.Pool({ host, database: "sdk_reader" });
  try {
    assert.equal(await oms.standbyLag(primary), null);
    const [position] = await sql<{ at: string }>("SELECT pg_current_wal_lsn()::text AS at");
    await until("it has everything up to there", async () => (await oms.standbyLag(at, position?.at)) === 0);
    assert.ok(((await oms.standbyLag(at)) ?? -1) >= 0);
    const standby = new oms.Standby(primary, { isAnswer: (error) => error instanceof RangeError });
    // The server writes by itself, too.
    const upToDate = (of: oms.Standby) => until("it has everything", async () => (await of.read((lag) => lag(at))) === 0);
    await upToDate(standby);
    // What is an answer is the caller's; what is not is asked of the primary, and nothing is wrong with the standby.
    await assert.rejects(standby.read(() => Promise.reject(new RangeError("no"))), RangeError);
    await assert.rejects(standby.read(() => at.query("CREATE TABLE x ()")), { code: "25006" });
    assert.equal(await standby.read(async (lag) => {
      await lag(at);
      return at.query("SELECT * FROM nothing_here");
    }), undefined);
    assert.equal(typeof (await standby.read((lag) => lag(at))), "number");
    assert.equal(await standby.read<number>(() => Promise.reject(new Error("no connection"))), undefined);
    assert.equal(await standby.read((lag) => lag(at)), undefined);
    // Measured anew for each read, or not, as it is told.
    const fresh = new oms.Standby(primary, { maxLagSecs: 0 });
    const trusting = new oms.Standby(primary, { maxLagSecs: 0, trustMs: 3_600_000 });
    await upToDate(fresh);
    await upToDate(trusting);
    await there("SELECT pg_wal_replay_pause()");
    try {
      await oms.openTicket("Loan");
      assert.deepEqual([await fresh.read((lag) => lag(at)), await trusting.read((lag) => lag(at))], [undefined, 0]);
    } finally {
      await there("SELECT pg_wal_replay_resume()");
    }
  } finally {
    await primary.end();
    await at.end();
  }
});

test("while the primary is away the standby answers, whatever its age", async () => {
  const ticket = await oms.openTicket("Loan");
  await settled();
  configure(0);
  const server = process.env["OMS_SERVER"] ?? "";
  await run("pg_ctl", ["-D", server, "-m", "fast", "-w", "-s", "stop"]);
  try {
    assert.deepEqual(await stands(ticket, { client: oms.reader() }), ["🔄 queued"]);
    assert.ok(((await oms.readerLag()) ?? 0) > 0);
  } finally {
    await run("pg_ctl", ["-D", server, "-w", "-s", "-l", `${server}.log`, "start"]);
  }
});
