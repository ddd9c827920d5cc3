/*
 * Two cells, each on a server of its own: where calls go, what one answers while the other is wrongly set up, down or hung,
 * and a worker of both.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import * as oms from "hms-oms-sdk";
import { anyCell, digest } from "../src/cells.js";
import { database, home, run, until } from "./helpers.js";

const host = process.env["OMS_SOUTH_HOST"] ?? "";
const data = process.env["OMS_SOUTH"] ?? "";
const loan: oms.WorkflowDefinition = {
  name: "Loan",
  stages: [{ id: "check", owner: "Checker", slaMins: 60 }, { id: "score", owner: "Scorer", dependsOn: ["check"], slaMins: 60 }],
};

await database("sdk_north");
const maintenance = new pg.Client({ host, database: "postgres" });
await maintenance.connect();
await maintenance.query("CREATE DATABASE sdk_south");
await maintenance.end();

const both: oms.CellOptions[] = [{ database: "sdk_north" }, { host, database: "sdk_south" }];
oms.configure({ cells: both });
function cell(name: "north" | "south"): oms.Cell {
  const found = oms.cells().find((one) => one.name === `sdk_${name}`);
  assert.ok(found);
  return found;
}
async function at<T>(name: "north" | "south", text: string): Promise<T> {
  return Object.values((await cell(name).query(text)).rows[0] as Record<string, T>)[0] as T;
}
await cell("south").query("CREATE EXTENSION oms");

const control = (...what: string[]) => run("pg_ctl", ["-D", data, "-w", "-s", ...what]);
const stop = () => control("-m", "immediate", "stop");
const start = () => control("-l", `${data}.log`, "start");
const where = async (ticket: string) => (await oms.cellOf(ticket)).name.replace("sdk_", "");
const unavailable = (code: string) => ({ name: "CellUnavailable", code, cell: "sdk_south" });
/** So many tickets at a cell. */
const opened = (name: "north" | "south", workflow: string, count: number) =>
  oms.openTickets(workflow, Array.from({ length: count }, () => ({})), { client: cell(name) });
/** A workflow of one stage, at both. */
async function single(name: string): Promise<void> {
  for (const client of oms.cells()) await oms.createWorkflow({ name, stages: [{ id: "a", owner: name }] }, { client });
}

test("a wrong configuration is a clear error", async () => {
  const refused = (message: string) => assert.rejects(oms.version({ client: undefined }), { name: "BadArgument", message });
  await refused('cell "sdk_north" has no ranges of ticket numbers');
  await oms.setNumberRanges([[1, 999_999]], { client: cell("north") });
  await refused('cell "sdk_south" has no ranges of ticket numbers');
  await oms.setNumberRanges([[999_999, 1_999_999]], { client: cell("south") });
  await refused('cells "sdk_north" and "sdk_south" both give out the ticket number 999999');
  await oms.setNumberRanges([[1_000_000, 1_999_999]], { client: cell("south") });
  await refused("version is asked at one cell");
  oms.configure({ cells: [{ database: "sdk_north" }, { database: "sdk_north", name: "again" }] });
  await refused('cells "sdk_north" and "again" both give out the ticket number 1');
  oms.configure({ cells: [{ database: "sdk_north" }, { database: "sdk_north" }] });
  await refused('two cells are called "sdk_north"');
  oms.configure({ cells: [] });
  await refused("no cell takes tickets with a key");
  oms.configure({ cells: both, read: { host } });
  await refused("cells and read do not go together");
  assert.throws(() => oms.worker("Nobody", () => ({})), /do not go together/);
  oms.configure({ database: "sdk_north" });
  assert.deepEqual(oms.cells(), []);
  await assert.rejects(oms.cellOf("L-2026-00001"), oms.BadArgument);
  oms.configure({ cells: both });
});

test("what the front does at any cell, by ticket, or not at all, is so here", async () => {
  const classes = readFileSync(join(home, "../../src/front/classes"), "utf8");
  const any = [...classes.matchAll(/^(?:any|local) +oms\.(\w+)\((?!oms\.ticket_id)/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(any)].sort(), [...anyCell].sort());
  for (const client of oms.cells()) await oms.createWorkflow(loan, { client });
  assert.deepEqual(await oms.getWorkflow("Loan"), loan);
  assert.deepEqual(await oms.validateWorkflow(loan), []);
  assert.deepEqual(await oms.nextStages(loan, ["check"]), ["score"]);
  const alone = { name: "BadArgument", code: "22023", hint: "Name one of cells() as client." };
  await assert.rejects(oms.createWorkflow(loan), { ...alone, message: "create_workflow is asked at one cell" });
  await assert.rejects(oms.heatMap(null, null), { ...alone, message: "heat_map is asked at one cell" });
  await assert.rejects(oms.withTransaction(() => undefined), oms.BadArgument);
  await assert.rejects(oms.slaReport(null, null, { client: oms.reader() }), oms.BadArgument);
});

test("keys choose their cells as at the front", async () => {
  // As in test/cells/front.pl.
  assert.deepEqual(["a", "foobar", "", "application 1", "Jürgen Müller"].map((key) => digest(key) % 97), [83, 35, 64, 18, 68]);
  const open = (i: number) => oms.openTicket("Loan", { i }, { idempotencyKey: `key ${i}`, applicant: "p" });
  const tickets = await Promise.all(Array.from({ length: 8 }, (_, i) => open(i)));
  assert.deepEqual(await Promise.all(tickets.map((_, i) => open(i))), tickets);
  const places = await Promise.all(tickets.map(where));
  assert.deepEqual(new Set(places), new Set(["north", "south"]));
  assert.deepEqual(places, tickets.map((_, i) => (digest(`key ${i}`) % 2 === 0 ? "north" : "south")));
  await assert.rejects(oms.openTicket("Loan", {}, { idempotencyKey: "key 1" }), oms.IdempotencyConflict);
  const of = async (applicant: string) => where(await oms.openTicket("Loan", {}, { applicant }));
  assert.equal(await of("b"), digest("b") % 2 === 0 ? "north" : "south");
  assert.equal(await of("b"), await of("b"));
  const loose = await Promise.all(Array.from({ length: 40 }, () => oms.openTicket("Loan").then(where)));
  assert.deepEqual(new Set(loose), new Set(["north", "south"]));
  const many = await oms.openTickets("Loan", [{}, {}, {}]);
  assert.equal(new Set(await Promise.all(many.map(where))).size, 1);
  assert.equal(await oms.eraseApplicant("p", "asked for"), 8);
  // A cell that was added later gets those without a key.
  oms.configure({ cells: [both[0] ?? {}, { ...both[1], keyed: false }] });
  assert.deepEqual(new Set(await Promise.all(["k1", "k2", "k3", "k4"].map((idempotencyKey) => oms.openTicket("Loan", {}, { idempotencyKey }).then(where)))), new Set(["north"]));
  const now = await Promise.all(Array.from({ length: 40 }, () => oms.openTicket("Loan").then(where)));
  assert.deepEqual(new Set(now), new Set(["north", "south"]));
  oms.configure({ cells: both });
});

test("a ticket's calls go to its cell", async () => {
  for (const name of ["north", "south"] as const) {
    const [ticket = ""] = await opened(name, "Loan", 1);
    assert.equal(await where(ticket), name);
    const token = await oms.claimStage(ticket, "check", { worker: "kim" });
    assert.deepEqual(await oms.stageDone(ticket, "check", { ok: true }, { token }), ["score"]);
    assert.equal((await oms.escalate(ticket, "score", "slow")).level, 1);
    const tracking = await oms.trackingNumber(ticket);
    assert.equal((await oms.track(` ${tracking.toLowerCase()} `))?.id, ticket);
    assert.deepEqual((await oms.getTimeline(tracking)).map(({ stage }) => stage), ["check", "score"]);
    assert.deepEqual(await oms.check(ticket), []);
    assert.equal(await oms.withTransaction(async (client) => {
      await oms.comment(ticket, "seen", { client });
      return (await oms.getTicket(ticket, { client })).history.at(-1)?.note;
    }, { cell: await oms.cellOf(ticket) }), "seen");
    assert.equal(await at(name, `SELECT client FROM oms.changes_of('${ticket}') ORDER BY seq DESC LIMIT 1`), "hms-oms-sdk@[local]");
    await assert.rejects(oms.stageDone(ticket, "nothing"), oms.UnknownStage);
  }
  const none = { name: "UnknownTicket", code: "OM002", detail: "No cell gives out its number." };
  await assert.rejects(oms.getTicket("L-2026-7000000"), none);
  await assert.rejects(oms.escalate("L-2026-7000000", "check", "slow"), none);
  assert.equal(await oms.track("L-2026-7000000-ABCDEFGHJ"), null);
  assert.deepEqual(await oms.getTimeline("L-2026-7000000"), []);
  await assert.rejects(oms.getTicket("nonsense"), { name: "BadArgument", code: "22P02" });
  assert.equal(await oms.track("nonsense"), null);
});

test("a range that was added is found", async () => {
  await oms.setNumberRanges([[1_000_000, 1_999_999], [5_000_000, 5_999_999]], { client: cell("south") });
  await cell("south").query("SELECT setval('oms.ticket_number', 1999999)");
  const [ticket = ""] = await opened("south", "Loan", 1);
  assert.match(ticket, /-5000000$/);
  assert.equal((await oms.getTicket(ticket)).status, "open");
});

test("work is claimed at one cell, then at the others", async () => {
  await single("Work");
  const tickets = [...(await opened("north", "Work", 3)), ...(await opened("south", "Work", 3))];
  const [first] = await oms.claim("Work");
  assert.ok(first !== undefined && tickets.includes(first.ticket));
  const rest = await oms.claim("Work", { qty: 10 });
  assert.equal(rest.length, 5);
  assert.deepEqual(await oms.claim("Work", { qty: 10 }), []);
  await assert.rejects(oms.claim("Work", { qty: 0 }), oms.BadArgument);
  const done = ({ ticket, stage, token }: oms.Claimed) => ({ ticket, stage, token });
  assert.equal(await oms.stagesDone(rest.map(done)), 5);
  assert.deepEqual(await oms.exchange("Work", { finished: [done(first)], qty: 0 }), []);
  // What one brings is taken from the other while there are fewer than asked for.
  await opened("north", "Work", 2);
  const more = await oms.exchange("Work", { qty: 2 });
  assert.equal(more.length, 2);
  await opened("south", "Work", 2);
  assert.equal((await oms.exchange("Work", { qty: 5, finished: more.map(done) })).length, 2);
  // All or none within a cell.
  const [here = ""] = await opened("north", "Work", 1);
  const [there = ""] = await opened("south", "Work", 1);
  await assert.rejects(oms.stagesDone([{ ticket: here, stage: "a" }, { ticket: there, stage: "z" }]), oms.UnknownStage);
  assert.equal((await oms.getTicket(here)).status, "done");
  await assert.rejects(oms.stagesDone([{ ticket: there, stage: "a" }, { ticket: "nonsense", stage: "a" }]), oms.BadArgument);
  assert.equal((await oms.getTicket(there)).status, "open");
  const waited = oms.waitForWork("Waited", { timeoutSecs: 60 });
  await single("Waited");
  await opened("south", "Waited", 1);
  await waited;
});

test("reports are sums of all, lists are of all", async () => {
  const sum = async (text: string) => (await at<number>("north", text)) + (await at<number>("south", text));
  const sla = await oms.slaReport(null, null);
  assert.deepEqual([sla[0]?.workflow, sla[0]?.stage], [null, null]);
  assert.equal(sla[0]?.finished, await sum("SELECT finished::int FROM oms.sla_report(NULL, NULL) WHERE workflow IS NULL"));
  assert.deepEqual(sla.filter(({ workflow }) => workflow === "Loan").map(({ stage }) => stage), [null, "check", "score"]);
  const checks = sla.find(({ stage }) => stage === "check");
  assert.equal(checks?.open, await sum("SELECT open::int FROM oms.sla_report(NULL, NULL) WHERE stage = 'check'"));
  assert.deepEqual([checks.met, checks.completedRate, checks.p50, checks.moved], [2, 0, null, 0]);
  const slow = await oms.bottlenecks(null, null);
  const check = slow.find(({ stage }) => stage === "check");
  assert.deepEqual([check?.finished, check?.moved], [2, 0]);
  assert.deepEqual(slow.map(({ totalMs }) => totalMs), slow.map(({ totalMs }) => totalMs).sort((a, b) => b - a));
  const risks = await oms.atRisk();
  assert.equal(risks.length, await sum("SELECT count(*)::int FROM oms.at_risk()"));
  assert.deepEqual(risks.map(({ dueAt }) => dueAt), risks.map(({ dueAt }) => dueAt).sort((a, b) => a.getTime() - b.getTime()));
  assert.deepEqual(new Set(await Promise.all((await oms.myWork("Scorer")).map(({ ticket }) => where(ticket)))), new Set(["north", "south"]));
  const inbox = await oms.myWork("Checker", { qty: 5 });
  assert.equal(inbox.length, 5);
  assert.deepEqual(inbox.map(({ queuedAt }) => queuedAt), inbox.map(({ queuedAt }) => queuedAt).sort((a, b) => Number(a) - Number(b)));
  const served = (await oms.workerStatus()).map(({ database }) => database);
  assert.ok(served.includes("sdk_north") && served.includes("sdk_south"));
  assert.deepEqual(await oms.workerErrors(), []);
  assert.deepEqual(await oms.check(), []);
  assert.deepEqual(await oms.verifyTimeline(), []);
});

test("an agent of both may claim", async () => {
  for (const client of oms.cells()) {
    await client.query("CREATE ROLE sdk_cell_agent LOGIN");
    await oms.grantAccess("sdk_cell_agent", "agent", { client });
    await oms.setOwner("Team", { members: ["sdk_cell_agent"], client });
    await oms.createWorkflow({ name: "Team", stages: [{ id: "a", owner: "Team" }] }, { client });
  }
  await opened("north", "Team", 1);
  await opened("south", "Team", 1);
  oms.configure({ cells: both, user: "sdk_cell_agent" });
  const jobs = await oms.claim("Team", { qty: 2 });
  assert.equal(await oms.stagesDone(jobs.map(({ ticket, stage, token }) => ({ ticket, stage, token }))), 2);
  oms.configure({ cells: both });
});

test("a worker works for both, and leaves none waiting for the other", async (t) => {
  await single("Both");
  const backlog = await opened("north", "Both", 60);
  let released = false;
  const order: string[] = [];
  const errors: unknown[] = [];
  const w = oms.worker("Both", async ({ ticket }) => {
    await until("it may begin", () => released);
    order.push(ticket);
  }, { concurrency: 2, pollSecs: 3600, onError: (error) => errors.push(error) });
  t.after(() => w.stop({ graceSecs: 0 }));
  await until("it is busy at the north, and listens to both", () => w.running === 2 && w.mode === "listen");
  const heard = new Set<unknown>();
  let ready = 0;
  const subscription = oms.listen(["oms_dispatch"], ({ payload }) => heard.add(payload["ticket"]), { onReady: () => ready++ });
  t.after(() => subscription.close());
  await until("the other listener is there", () => ready === 2);
  const [lonely = ""] = await opened("south", "Both", 1);
  // The source of the south has heard, as another listener of the process has, and waits for a place.
  await until("it is told of", () => heard.has(lonely));
  released = true;
  await until("all are done", () => order.length === backlog.length + 1);
  assert.ok(order.indexOf(lonely) < 30, `it came as number ${order.indexOf(lonely)}`);
  const [late = ""] = await opened("south", "Both", 1);
  await until("it hears of new ones", async () => (await oms.getTicket(late)).status === "done");
  await w.stop();
  assert.deepEqual(w.counts, { done: 62, failed: 0, lost: 0, released: 0 });
  assert.deepEqual(errors, []);
});

test("events of both arrive", async (t) => {
  const heard = new Set<unknown>();
  let ready = 0;
  const subscription = oms.listen(["oms_dispatch"], ({ payload }) => heard.add(payload["ticket"]), { onReady: () => ready++ });
  t.after(() => subscription.close());
  await until("it listens to both", () => ready === 2);
  const tickets = [...(await opened("north", "Loan", 1)), ...(await opened("south", "Loan", 1))];
  await until("both are heard", () => tickets.every((ticket) => heard.has(ticket)));
  await subscription.close();
});

test("a cell that hangs keeps nobody from the others", async (t) => {
  await single("Hung");
  const seen: string[] = [];
  const w = oms.worker("Hung", ({ ticket }) => { seen.push(ticket); }, { concurrency: 1, leaseSecs: 600, pollSecs: 3600, onError: () => undefined });
  t.after(() => w.stop({ graceSecs: 0 }));
  await until("it listens to both", () => w.mode === "listen");
  await opened("south", "Hung", 1);
  await until("it has worked for the south", () => w.counts.done === 1);
  // Its connections of the pool stand still, those for events go on.
  const pids = await (async () => {
    const client = new pg.Client({ host, database: "sdk_south" });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE datname = 'sdk_south'
      AND application_name = 'hms-oms-sdk' AND query NOT LIKE 'LISTEN%' AND pid <> pg_backend_pid()`);
    await opened("north", "Hung", 1);
    for (const { pid } of rows) process.kill(pid, "SIGSTOP");
    await client.query("SELECT oms.open_ticket('Hung')");
    await client.end();
    return rows.map(({ pid }) => pid);
  })();
  try {
    const [ticket = ""] = await opened("north", "Hung", 1);
    await until("the north goes on", async () => (await oms.getTicket(ticket)).status === "done");
  } finally {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  }
  await until("all is done", () => w.counts.done === 4);
  await w.stop();
  assert.equal(new Set(seen).size, 4);
});

test("a cell that is down is named, and all else goes on", async (t) => {
  await single("Down");
  const [here = ""] = await opened("north", "Loan", 1);
  const [there = ""] = await opened("south", "Loan", 1);
  const errors: unknown[] = [];
  const recovered: (string | undefined)[] = [];
  const seen: string[] = [];
  const w = oms.worker("Down", ({ ticket }) => { seen.push(ticket); }, {
    pollSecs: 3600, onError: (error) => errors.push(error), onRecovered: (_, name) => recovered.push(name),
  });
  t.after(() => w.stop({ graceSecs: 0 }));
  await until("it listens to both", () => w.mode === "listen");
  const tracking = await oms.trackingNumber(there);
  await stop();
  // Connections of the pool that nobody used meanwhile are noticed to be gone.
  await until("nothing is done there", () => oms.getTicket(there).then(() => false, (error: unknown) => (error as oms.CellUnavailable).code === "08001"));
  await assert.rejects(oms.getTicket(there), unavailable("08001"));
  await assert.rejects(oms.comment(there, "hello"), /^CellUnavailable: cell "sdk_south" was not reached: /);
  await assert.rejects(oms.track(tracking), unavailable("08001"));
  await assert.rejects(oms.withTransaction(() => undefined, { cell: cell("south") }), unavailable("08001"));
  assert.equal((await oms.getTicket(here)).status, "open");
  for (const call of [() => oms.slaReport(null, null), () => oms.bottlenecks(null, null), () => oms.atRisk(), () => oms.myWork("kim"),
    () => oms.check(), () => oms.verifyTimeline(), () => oms.workerStatus(), () => oms.workerErrors(), () => oms.eraseApplicant("b", "why")]) {
    await assert.rejects(call(), unavailable("08001"));
  }
  for (let i = 0; i < 10; i++) assert.equal(await where(await oms.openTicket("Loan")), "north");
  const key = ["a", "b", "c", "d"].find((one) => digest(one) % 2 === 1) ?? "";
  await assert.rejects(oms.openTicket("Loan", {}, { idempotencyKey: key }), unavailable("08001"));
  const missed: unknown[] = [];
  // By chance half of them ask the south first.
  await opened("north", "Loan", 30);
  for (let i = 0; i < 30; i++) assert.equal((await oms.claim("Checker", { onMissed: (error) => missed.push(error) })).length, 1);
  assert.ok(missed.length > 0);
  assert.ok((await oms.claim("Checker", { qty: 10_000, onMissed: (error) => missed.push(error) })).length > 0);
  assert.deepEqual(new Set(missed.map((error) => (error as oms.CellUnavailable).cell)), new Set(["sdk_south"]));
  await opened("north", "Down", 5);
  await until("the worker goes on", () => seen.length === 5);

  // Who begins now: numbers that nobody gives out may be those of the south.
  oms.configure({ cells: both });
  assert.equal((await oms.getTicket(here)).status, "open");
  await assert.rejects(oms.getTicket(there), unavailable("08001"));
  await assert.rejects(oms.track(tracking), unavailable("08001"));
  await assert.rejects(oms.cellOf("L-2026-7000000"), unavailable("08001"));
  const idle = oms.worker("Nobody", () => ({}), { onError: () => undefined });
  t.after(() => idle.stop());

  await start();
  await until("its tickets are found", () => oms.getTicket(there).then(() => true, () => false));
  await until("workers join it again", () => idle.mode === "listen");
  await opened("south", "Down", 5);
  await until("its work is done", () => seen.length === 10);
  await until("that is told", () => recovered.length > 0);
  await Promise.all([w.stop(), idle.stop()]);
  assert.equal(new Set(seen).size, 10);
  assert.ok(errors.length > 0 && errors.every((error) => (error as oms.CellUnavailable).cell === "sdk_south"));
  assert.deepEqual(new Set(recovered), new Set(["sdk_south"]));
  assert.deepEqual(await oms.check(), []);
});

test("while none is reached that is an error", async () => {
  oms.configure({ cells: [{ host: `${host}/nowhere`, database: "one" }, { host: `${host}/nowhere`, database: "two" }] });
  await assert.rejects(oms.claim("Checker"), { name: "CellUnavailable", code: "08001" });
  await assert.rejects(oms.openTicket("Loan"), { name: "CellUnavailable", code: "08001" });
  await assert.rejects(oms.waitForWork("Checker"), { name: "CellUnavailable", code: "08001" });
});
