/*
 * The worker on a connection of its own: what it claims, how it reports, and how it stops.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import * as oms from "hms-oms-sdk";
import { Backoff } from "../src/backoff.js";
import { database, home, program, sql, until } from "./helpers.js";

await database("sdk_worker");

/** A workflow with one stage, of an owner of the same name. */
async function single(name: string, extra: Partial<oms.StageDefinition> = {}): Promise<void> {
  await oms.createWorkflow({ name, stages: [{ id: "a", owner: name, ...extra }] });
}

const stage = async (ticket: string) => {
  const [first] = (await oms.getTicket(ticket)).stages;
  assert.ok(first);
  return first;
};

const item = ({ ticket, stage, token }: oms.Claimed) => ({ ticket, stage, token });

/** Something that is opened from outside. */
function gate(): { open: () => void; opened: Promise<void> } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { open, opened };
}

/** Keeps the messages of the errors that it is told. */
function listener(): { told: string[]; tell: (error: unknown) => void } {
  const told: string[] = [];
  return { told, tell: (error) => { told.push((error as Error).message); } };
}

function unexpected(error: unknown): void {
  assert.fail(`unexpected: ${String(error)}`);
}

test("works through a graph, hands on inputs, and hears of new tickets", async () => {
  await oms.createWorkflow({
    name: "Chain",
    stages: [{ id: "a", owner: "ChainA" }, { id: "b", owner: "ChainB", dependsOn: ["a"] }],
  });
  const early = await oms.openTicket("Chain", { n: 1 });
  // So long a poll that only events can bring the rest.
  const options = { pollSecs: 3600, onError: unexpected };
  const a = oms.worker<{ n: number }>("ChainA", ({ data }) => ({ n: data.n + 1 }), { ...options, name: "a-1" });
  const b = oms.worker("ChainB", ({ inputs, attempt, workflow }) => ({ inputs, attempt, workflow }), options);
  await until("the first ticket is through", async () => (await oms.getTicket(early)).status === "done");
  await until("they listen", () => a.mode === "listen" && b.mode === "listen");
  const late = await oms.openTicket("Chain", { n: 5 });
  await until("the second ticket is through", async () => (await oms.getTicket(late)).status === "done");
  const { stages } = await oms.getTicket(late);
  assert.deepEqual(stages[1]?.output, { inputs: { a: { n: 6 } }, attempt: 1, workflow: "Chain" });
  assert.equal(stages[0]?.worker, "a-1");
  await Promise.all([a.stop(), b.stop()]);
  assert.equal(a.mode, "stopped");
  assert.deepEqual(a.counts, { done: 2, failed: 0, lost: 0, released: 0 });
});

test("never holds more than it can do", async () => {
  await single("Limit");
  const tickets = await oms.openTickets("Limit", Array.from({ length: 30 }, () => ({})));
  let most = 0;
  let now = 0;
  const first = gate();
  const w = oms.worker("Limit", async () => {
    most = Math.max(most, ++now);
    await first.opened;
    now--;
  }, { concurrency: 5, batch: 2, onError: unexpected });
  await until("all places are taken", () => now === 5);
  const [held] = await sql<{ n: number }>("SELECT count(*)::int AS n FROM oms.stage WHERE owner = 'Limit' AND status = 'in_progress'");
  assert.equal(held?.n, 5);
  first.open();
  await until("all are done", () => w.counts.done === tickets.length);
  assert.equal(most, 5);
  await w.stop();
});

test("a throw is a failed attempt, unless it says that another is no use", async () => {
  await single("Throw", { retry: { maxAttempts: 2, backoffSecs: 0 } });
  const ticket = await oms.openTicket("Throw");
  const seen: number[] = [];
  const { told, tell } = listener();
  const w = oms.worker("Throw", ({ attempt, data }) => {
    seen.push(attempt);
    if (data["final"] === true) throw new oms.StageError("no such person", { retryable: false });
    throw new Error("line\0busy");
  }, { onError: tell });
  await until("both attempts failed", async () => (await stage(ticket)).status === "failed");
  assert.deepEqual(seen, [1, 2]);
  assert.ok((await oms.getTimeline(ticket, { events: true })).some(({ note }) => note?.includes("linebusy")));
  const final = await oms.openTicket("Throw", { final: true });
  await until("it failed at once", async () => (await stage(final)).status === "failed");
  assert.deepEqual(seen, [1, 2, 1]);
  await w.stop();
  assert.equal(w.counts.failed, 3);
  assert.deepEqual(told, ["line\0busy", "line\0busy", "no such person"]);
});

test("an output that is none is a failed attempt", async () => {
  await single("Output", { retry: { maxAttempts: 1 } });
  const tickets = await oms.openTickets("Output", [{ n: 0 }, { n: 1 }]);
  const errors: unknown[] = [];
  const w = oms.worker("Output", ({ data }) => (data["n"] === 0 ? { big: 1n } : { nul: "\0" }), { onError: (error) => errors.push(error) });
  for (const ticket of tickets) await until("it failed", async () => (await stage(ticket)).status === "failed");
  await w.stop();
  assert.equal(errors.length, 2);
});

test("what a handler throws is told, with its job and its stack", async () => {
  await single("Told", { retry: { maxAttempts: 1 } });
  const ticket = await oms.openTicket("Told");
  const told: [unknown, string | undefined][] = [];
  const w = oms.worker("Told", () => { throw new Error("no such case"); }, { onError: (error, job) => told.push([error, job?.ticket]) });
  await until("it failed", async () => (await stage(ticket)).status === "failed");
  await w.stop();
  assert.equal(told.length, 1);
  assert.ok(told[0]?.[0] instanceof Error && told[0][0].message === "no such case");
  assert.equal(told[0][1], ticket);

  const other = await oms.openTicket("Told");
  const ran = program(join(home, "test/programs/throw.ts"), ["Told"]);
  await until("it failed too", async () => (await stage(other)).status === "failed");
  ran.kill("SIGTERM");
  const { err } = await ran.ended;
  assert.match(err, new RegExp(`worker of Told, ${other} a: Error: no such case`));
  assert.match(err, /at .*throw\.ts:\d+/);
  assert.equal(err.match(/no such case/g)?.length, 1);
});

test("without rights it says so once, and goes on when it has them", async () => {
  await single("Right");
  await sql("CREATE ROLE sdk_right LOGIN");
  oms.configure({ database: "sdk_worker", user: "sdk_right" });
  const told: string[] = [];
  let again = 0;
  const w = oms.worker("Right", () => ({}), {
    onError: (error) => told.push((error as Error).message),
    onRecovered: () => again++,
  });
  let attempts = 0;
  // A claim that is refused leaves a line in the log of the server, not with us: wait for some of them.
  await until("it tried several times", async () => {
    attempts = (await sql<{ n: number }>("SELECT xact_rollback::int AS n FROM pg_stat_database WHERE datname = 'sdk_worker'"))[0]?.n ?? 0;
    return told.length > 0 && attempts > 4;
  });
  assert.equal(told.length, 1);
  assert.match(told[0] ?? "", /permission denied/);
  await oms.setOwner("Right", { members: ["sdk_right"], client: { query: async (text, values) => ({ rows: await sql(text, values) }) } });
  await sql("SELECT oms.grant_access('sdk_right', 'agent')");
  await until("it works", () => again === 1);
  assert.equal(told.length, 1);
  await w.stop();
  oms.configure({ database: "sdk_worker" });
  await sql("DROP OWNED BY sdk_right");
  await sql("DROP ROLE sdk_right");
});

test("an outage is told once when it begins and once when it is over", async () => {
  await single("Outage");
  let tries = 0;
  const server = createServer((socket) => {
    tries++;
    socket.on("error", () => undefined).destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  oms.configure({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const told: unknown[] = [];
  let again = 0;
  const w = oms.worker("Outage", () => ({}), { onError: (error) => told.push(error), onRecovered: () => again++ });
  // Calls and events, both of them several times.
  await until("it tried several times", () => tries >= 8);
  assert.equal(told.length, 1);
  oms.configure({ database: "sdk_worker" });
  await until("it works", () => again === 1 && w.mode === "listen");
  await w.stop();
  server.close();
  assert.deepEqual([told.length, again], [1, 1]);
});

test("pauses grow up to a limit, differ by chance, and are short again after a success", async (t) => {
  const pauses: number[] = [];
  t.mock.method(globalThis, "setTimeout", (go: () => void, ms: number) => {
    pauses.push(ms);
    queueMicrotask(go);
  });
  const backoff = new Backoff(100, 10_000);
  for (let i = 0; i < 12; i++) await backoff.pause();
  const limits = pauses.map((_, i) => Math.min(10_000, 100 * 2 ** i));
  const shares = pauses.map((ms, i) => ms / (limits[i] ?? 0));
  assert.ok(shares.every((share) => share >= 0.5 && share <= 1), pauses.join());
  assert.ok(new Set(shares.map((share) => share.toFixed(3))).size > 6, pauses.join());
  backoff.reset();
  await backoff.pause();
  assert.ok((pauses.at(-1) ?? Infinity) <= 100);
});

test("a handler that blocks the event loop beyond its lease is told so", async () => {
  await single("Block", { retry: { maxAttempts: 50, backoffSecs: 0 } });
  const ticket = await oms.openTicket("Block");
  const errors: unknown[] = [];
  let runs = 0;
  const w = oms.worker("Block", () => {
    if (runs++ === 0) for (const end = Date.now() + 1_500; Date.now() < end;);
    return {};
  }, { leaseSecs: 0.5, onError: (error) => errors.push(error) });
  await until("it is done", async () => (await stage(ticket)).status === "done");
  await w.stop();
  const block = errors.find((error) => error instanceof oms.LeaseLost);
  assert.ok(block instanceof oms.LeaseLost);
  assert.match(block.message, /event loop was blocked for \d+\.\d s, longer than the lease of 0\.5 s/);
});

test("keeps its lease while the handler runs", async () => {
  // So long that a busy machine does not let it run out.
  const leaseSecs = 12;
  await single("Lease");
  const ticket = await oms.openTicket("Lease");
  const over = gate();
  const w = oms.worker("Lease", () => over.opened, { leaseSecs, onError: unexpected });
  const until_ = async () => (await sql<{ until: Date | null }>("SELECT lease_until AS until FROM oms.stage WHERE ticket_id = $1", [ticket]))[0]?.until;
  await until("it is claimed", async () => (await until_()) instanceof Date);
  const first = await until_();
  // The first lease is over by then: without heartbeats somebody else would have it.
  await until("the lease was prolonged", async () => ((await until_())?.getTime() ?? 0) > (first?.getTime() ?? 0) + 1000 * leaseSecs);
  over.open();
  await until("it is done", async () => (await stage(ticket)).status === "done");
  assert.equal((await stage(ticket)).attempt, 1);
  await w.stop();
});

test("the handler learns that a stage is cancelled, held or given away", async () => {
  await single("Abort");
  const reasons = new Map<string, unknown>();
  const begun = new Set<string>();
  // Heartbeats are too far apart to bring it.
  const w = oms.worker("Abort", async ({ ticket, signal }) => {
    begun.add(ticket);
    if (begun.size > 3) return;
    await new Promise((_, reject) => { signal.addEventListener("abort", () => { reject(new Error("aborted")); }); });
  }, { leaseSecs: 3600, onError: unexpected, pollSecs: 3600 });
  await until("it listens", () => w.mode === "listen");
  const tickets = await oms.openTickets("Abort", [{}, {}, {}]);
  await until("all have begun", () => begun.size === 3);
  await w.stop({ graceSecs: 0 });
  reasons.clear();

  const again = oms.worker("Abort", ({ ticket, signal }) => new Promise((resolve, reject) => {
    begun.add(`again ${ticket}`);
    signal.addEventListener("abort", () => {
      reasons.set(ticket, signal.reason);
      // Whoever has finished all the same may say so, if the stage is only held.
      if (ticket === tickets[2]) resolve({ late: true });
      else reject(new Error("aborted"));
    });
  }), { leaseSecs: 3600, onError: unexpected, pollSecs: 3600 });
  await until("it listens", () => again.mode === "listen");
  await until("all have begun again", () => begun.size >= 6);
  const [cancelled = "", held = "", finished = ""] = tickets;
  await oms.cancelTicket(cancelled, "withdrawn");
  await oms.hold(held, "a", "audit");
  await oms.hold(finished, null, "audit");
  await until("all are told", () => reasons.size === 3);
  for (const reason of reasons.values()) assert.ok(reason instanceof oms.WrongState || reason instanceof oms.StaleToken, String(reason));
  await until("the held one that was finished is done", async () => (await stage(finished)).status === "done");
  await until("the others are let go", () => again.counts.lost === 2);
  assert.equal((await stage(held)).status, "on_hold");
  await again.stop();
});

test("a handler can finish the stage in its own transaction", async () => {
  await single("Own", { retry: { maxAttempts: 2, backoffSecs: 0 } });
  await sql("CREATE TABLE result (ticket text, attempt int)");
  const ticket = await oms.openTicket("Own");
  const { told, tell } = listener();
  const w = oms.worker("Own", async (job) => {
    await oms.withTransaction(async (client) => {
      await client.query("INSERT INTO result VALUES ($1, $2)", [job.ticket, job.attempt]);
      await job.done({ attempt: job.attempt }, { client });
      if (job.attempt === 1) throw new Error("the transaction fails after all");
    });
    return { ignored: true };
  }, { onError: tell });
  await until("it is done", async () => (await stage(ticket)).status === "done");
  assert.deepEqual((await stage(ticket)).output, { attempt: 2 });
  assert.deepEqual(await sql("SELECT * FROM result"), [{ ticket, attempt: 2 }]);
  await w.stop();
  assert.deepEqual(w.counts, { done: 1, failed: 1, lost: 0, released: 0 });
  assert.deepEqual(told, ["the transaction fails after all"]);
});

test("stop waits for what runs, and gives back what takes too long", async () => {
  await single("Stop");
  const [one = "", two = ""] = await oms.openTickets("Stop", [{ n: 1 }, { n: 2 }]);
  const finish = gate();
  let aborted: unknown;
  let begun = 0;
  const w = oms.worker("Stop", async ({ data, signal }) => {
    begun++;
    if (data["n"] === 1) return finish.opened;
    signal.addEventListener("abort", () => { aborted = signal.reason; });
    return new Promise(() => undefined);
  }, { onError: unexpected });
  await until("both have begun", () => begun === 2);
  // So long that a busy machine has the time to report the one.
  const stopped = w.stop({ graceSecs: 10 });
  finish.open();
  await oms.openTicket("Stop", { n: 3 });
  await stopped;
  await w.finished;
  assert.equal((await stage(one)).status, "done");
  assert.equal((await stage(two)).status, "queued");
  assert.ok((await oms.getTimeline(two, { events: true })).some(({ status }) => status === "released"));
  assert.ok(aborted instanceof oms.WorkerStopped);
  assert.equal(begun, 2);
  assert.deepEqual(w.counts, { done: 1, failed: 0, lost: 0, released: 1 });
});

test("SIGTERM: the process finishes what it has, then ends by the signal", async () => {
  await single("Term");
  const [one = "", two = ""] = await oms.openTickets("Term", [{ n: 1 }, { n: 2 }]);
  await sql("SELECT oms.hold($1, 'a', 'not yet')", [two]);
  const patient = program(join(home, "test/programs/work.ts"), ["Term"]);
  await until("it has begun", () => patient.out().includes(`began ${one}`));
  patient.kill("SIGTERM");
  await sql("SELECT oms.resume($1, 'a')", [two]);
  await oms.comment(one, "finish");
  const end = await patient.ended;
  assert.equal(end.err, "");
  assert.equal(end.signal, "SIGTERM");
  assert.equal((await stage(one)).status, "done");
  assert.equal((await stage(two)).status, "queued");

  const impatient = program(join(home, "test/programs/work.ts"), ["Term", "impatient"]);
  await until("it has begun", () => impatient.out().includes(`began ${two}`));
  impatient.kill("SIGTERM");
  const gone = await impatient.ended;
  assert.match(gone.out, /aborted WorkerStopped/);
  assert.equal((await stage(two)).status, "queued");
});

test("a report brings the next stage in the same commit", async () => {
  await single("Swap");
  await oms.openTickets("Swap", Array.from({ length: 6 }, () => ({})));
  const w = oms.worker("Swap", () => ({}), { concurrency: 1, onError: unexpected });
  await until("all are done", () => w.counts.done === 6);
  await w.stop();
  const commits = await sql<{ n: number; shared: number }>(`SELECT count(DISTINCT watermark)::int AS n,
    count(*) FILTER (WHERE status = 'done' AND watermark IN (SELECT watermark FROM oms.timeline WHERE owner = 'Swap' AND status = 'in_progress'))::int AS shared
    FROM oms.timeline WHERE owner = 'Swap' AND status IN ('in_progress', 'done')`);
  assert.deepEqual(commits, [{ n: 7, shared: 5 }]);
});

test("what ends together is reported together, and a refused report touches no other", async () => {
  await single("Together", { retry: { maxAttempts: 1 } });
  const tickets = await oms.openTickets("Together", [{ n: 0 }, { n: 1 }, { n: 2 }]);
  const errors: unknown[] = [];
  const all = gate();
  let begun = 0;
  const w = oms.worker("Together", async ({ data }) => {
    if (++begun === 3) all.open();
    await all.opened;
    return data["n"] === 1 ? { nul: "\0" } : {};
  }, { onError: (error) => errors.push(error) });
  const states = async () => Promise.all(tickets.map(async (ticket) => (await stage(ticket)).status));
  await until("all have an end", async () => (await states()).every((state) => state === "done" || state === "failed"));
  assert.deepEqual(await states(), ["done", "failed", "done"]);
  await w.stop();
  assert.deepEqual(w.counts, { done: 2, failed: 1, lost: 0, released: 0 });
  assert.equal(errors.length, 1);
});

test("a worker that dies after its report: that is done, and what it got comes back", async () => {
  await single("Crash", { retry: { maxAttempts: 2, backoffSecs: 0 } });
  const [one = "", two = ""] = await oms.openTickets("Crash", [{}, {}]);
  const [first] = await oms.claim("Crash", { worker: "gone" });
  assert.ok(first);
  const next = await oms.exchange("Crash", { worker: "gone", leaseSecs: 0.2, finished: [{ ...item(first), output: { by: "gone" } }] });
  assert.deepEqual(next.map(({ ticket }) => ticket), [two]);
  const w = oms.worker("Crash", ({ attempt }) => ({ attempt }), { onError: unexpected });
  await until("it is done", async () => (await stage(two)).status === "done");
  assert.deepEqual([(await stage(one)).output, (await stage(two)).output], [{ by: "gone" }, { attempt: 2 }]);
  await w.stop();
});

test("a killed worker's stage comes back when its lease runs out", async () => {
  await single("Kill", { retry: { maxAttempts: 2, backoffSecs: 0 } });
  const ticket = await oms.openTicket("Kill");
  await oms.claim("Kill", { worker: "gone", leaseSecs: 0.2 });
  const w = oms.worker("Kill", ({ attempt }) => ({ attempt }), { onError: unexpected });
  await until("it is done", async () => (await stage(ticket)).status === "done");
  assert.deepEqual((await stage(ticket)).output, { attempt: 2 });
  await w.stop();
});

test("an agent that may do nothing but the work", async () => {
  await single("Agent");
  await sql("CREATE ROLE sdk_worker LOGIN");
  await oms.grantAccess("sdk_worker", "agent");
  await oms.setOwner("Agent", { members: ["sdk_worker"] });
  const [one = "", two = ""] = await oms.openTickets("Agent", [{}, { stay: true }]);
  oms.configure({ database: "sdk_worker", user: "sdk_worker" });
  const w = oms.worker("Agent", ({ data }) => (data["stay"] === true ? new Promise(() => undefined) : {}), { onError: unexpected });
  await until("one is done", () => w.counts.done === 1 && w.running === 1 && w.mode === "listen");
  await w.stop({ graceSecs: 0 });
  oms.configure({ database: "sdk_worker" });
  assert.deepEqual([(await stage(one)).status, (await stage(two)).status], ["done", "queued"]);
  await sql("DROP OWNED BY sdk_worker");
  await sql("DROP ROLE sdk_worker");
});

test("options that make no sense are refused at once", () => {
  for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { batch: -1 }, { leaseSecs: 0 }, { leaseSecs: NaN }]) {
    assert.throws(() => oms.worker("None", () => ({}), options), RangeError);
  }
});
