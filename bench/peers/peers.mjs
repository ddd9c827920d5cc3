// The same four-stage work on oms and on other queues in PostgreSQL, run by run in turn on one server: bench/peers/run.sh.
//
// A request passes four stages, one after the other; a stage does nothing. CLIENTS sessions of one Node.js process do the
// work, which shares the cores with the server. Measured is from the first request handed in until the last one's fourth
// stage is over, with what makes each system fast by its own documentation; every stage must have run exactly once.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import pg from "pg";

const require = createRequire(import.meta.url);
const stages = ["FileCheck", "DamageAssessment", "LoanDecision", "Payment"];
const clients = Number(process.env.CLIENTS ?? 16);
const rounds = Number(process.env.RUNS ?? 3);
const requests = { 1: Number(process.env.REQUESTS ?? 1000), 20: 4 * Number(process.env.REQUESTS ?? 1000) };
const bare = 10 * Number(process.env.REQUESTS ?? 1000);
const data = { amount: 80000, name: "Kim Example", street: "12 Long Road", city: "Springfield", damage: "roof and cellar" };

const report = (error) => console.error(error);
const pool = (database, max = clients) => new pg.Pool({ database, max }).on("error", report).on("connect", (client) => client.on("error", report));
const version = (name) => JSON.parse(require("node:fs").readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
const inParallel = (n, work) => Promise.all(Array.from({ length: n }, (_, i) => work(i)));

/** Calls work(first, count) for pieces of n until all are taken, by all clients at once. */
async function pieces(n, size, work) {
  let next = 0;
  await inParallel(clients, async () => {
    while (next < n) {
      const first = next;
      next += size;
      await work(first, Math.min(size, n - first));
    }
  });
}

/** Counts the stages that ran, and ends when it has seen all of them. */
function counter(n) {
  let seen = 0;
  let finished;
  const all = new Promise((resolve) => (finished = resolve));
  return { all, add: (more) => (seen += more) >= n && finished(), seen: () => seen, over: () => seen >= n };
}

async function oms() {
  const db = pool("oms");
  const setup = new pg.Client({ database: "oms" });
  await setup.connect();
  await setup.query("CREATE EXTENSION oms");
  const chain = (ids) => ids.map((id, i) => ({ id, owner: id, ...(i > 0 && { dependsOn: [ids[i - 1]] }) }));
  await setup.query("SELECT oms.create_workflow($1)", [JSON.stringify({ name: "Loan", prefix: "DL", stages: chain(stages) })]);
  await setup.query("SELECT oms.create_workflow($1)", [JSON.stringify({ name: "Job", prefix: "JB", stages: chain(["Job"]) })]);
  // One who listens to everything, as a neighbour does.
  for (const channel of ["oms_dispatch", "oms_status", "oms_alert"]) await setup.query(`LISTEN ${channel}`);

  const open = (workflow, count) =>
    count === 1
      ? db.query({ name: "open", text: "SELECT oms.open_ticket($1, $2)", values: [workflow, data] })
      : db.query({
          name: "open many",
          text: "SELECT count(*) FROM oms.open_tickets($1, $2::jsonb[])",
          values: [workflow, Array.from({ length: count }, () => JSON.stringify(data))],
        });

  /** Each client takes what an owner has, and hands in what it did with the next call. */
  const work = (owners, qty, done) =>
    inParallel(clients, async (i) => {
      const owner = owners[i % owners.length];
      let items = [];
      while (!done.over() || items.length > 0) {
        const { rows } = await db.query({
          name: "exchange",
          text: "SELECT ticket, stage, token FROM oms.exchange($1, $2, $3, $4)",
          values: [owner, `w${i}`, JSON.stringify(items), qty],
        });
        done.add(items.length);
        items = rows.map(({ ticket, stage, token }) => ({ ticket, stage, token: Number(token), output: { result: "passed" } }));
        if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });

  return {
    name: "oms",
    version: (await setup.query("SELECT oms.version()")).rows[0].version,
    lacks: "nothing of this: graph, clocks, owners, history with a hash chain, events to one listener",
    async run(n, qty) {
      const done = counter(n * stages.length);
      await Promise.all([pieces(n, qty === 1 ? 1 : 100, (_, count) => open("Loan", count)), work(stages, qty, done)]);
      return done.seen();
    },
    async bare(n) {
      const done = counter(n);
      await Promise.all([pieces(n, 100, (_, count) => open("Job", count)), work(["Job"], 100, done)]);
      return done.seen();
    },
    async end() {
      const { rows } = await setup.query("SELECT (SELECT count(*) FROM oms.check()) AS found, (SELECT count(*) FROM oms.ticket WHERE status <> 'done') AS open");
      if (rows[0].found !== "0" || rows[0].open !== "0") throw new Error(`oms: ${JSON.stringify(rows[0])}`);
      await db.end();
      await setup.end();
    },
  };
}

async function pgBoss() {
  const { default: PgBoss } = await import("pg-boss");
  const boss = new PgBoss({ database: "pg_boss", host: process.env.PGHOST, max: clients, schedule: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  for (const queue of [...stages, "Job"]) await boss.createQueue(queue);

  const hand = (queue, jobs) => (jobs.length === 1 ? boss.send(queue, jobs[0]) : boss.insert(jobs.map((job) => ({ name: queue, data: job }))));
  const work = (queues, qty, done) =>
    inParallel(clients, async (i) => {
      const at = i % queues.length;
      while (!done.over()) {
        const jobs = await boss.fetch(queues[at], { batchSize: qty });
        if (jobs.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 2));
          continue;
        }
        if (at + 1 < queues.length) await hand(queues[at + 1], jobs.map((job) => job.data));
        await boss.complete(queues[at], jobs.map((job) => job.id));
        done.add(jobs.length);
      }
    });
  return {
    name: "pg-boss",
    version: version("pg-boss"),
    lacks: "no graph (each stage hands in the next by itself, not in one transaction), no clocks, no history, no event when a stage can be taken (its workers ask)",
    async run(n, qty) {
      const done = counter(n * stages.length);
      await Promise.all([pieces(n, qty === 1 ? 1 : 100, (_, count) => hand(stages[0], Array(count).fill(data))), work(stages, qty, done)]);
      return done.seen();
    },
    async bare(n) {
      const done = counter(n);
      await Promise.all([pieces(n, 100, (_, count) => hand("Job", Array(count).fill(data))), work(["Job"], 100, done)]);
      return done.seen();
    },
    end: () => boss.stop({ graceful: false, wait: true }),
  };
}

async function graphileWorker() {
  const { run, makeWorkerUtils, Logger } = await import("graphile-worker");
  const logger = new Logger(() => () => {});
  const pgPool = pool("graphile_worker", clients + 4);
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  let done;
  const taskList = Object.fromEntries(
    [...stages, "Job"].map((name) => [
      name,
      async (payload, helpers) => {
        const next = stages[stages.indexOf(name) + 1];
        if (name !== "Job" && next) await helpers.addJob(next, payload);
        done.add(1);
      },
    ]),
  );
  const hand = (name, count) =>
    count === 1 ? utils.addJob(name, data) : utils.addJobs(Array.from({ length: count }, () => ({ identifier: name, payload: data })));
  const drain = async (n, local, handIn) => {
    done = counter(n);
    const worker = { concurrentJobs: clients, pollInterval: 100, ...(local > 0 && { localQueue: { size: local }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }) };
    const runner = await run({ pgPool, taskList, logger, noHandleSignals: true, preset: { worker } });
    await Promise.all([handIn(), done.all]);
    await runner.stop();
    return done.seen();
  };
  return {
    name: "graphile-worker",
    version: version("graphile-worker"),
    lacks: "no graph (each stage hands in the next by itself), no clocks, no history (a job that is over is gone)",
    run: (n, qty) => drain(n * stages.length, qty === 1 ? 0 : 500, () => pieces(n, qty === 1 ? 1 : 100, (_, count) => hand(stages[0], count))),
    bare: (n) => drain(n, 500, () => pieces(n, 100, (_, count) => hand("Job", count))),
    async end() {
      await utils.release();
      await pgPool.end();
    },
  };
}

async function dbos() {
  const { DBOS } = await import("@dbos-inc/dbos-sdk");
  // The address is looked at, and only the pool is used.
  const systemDatabasePool = pool("dbos");
  const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error };
  DBOS.setConfig({ name: "peers", systemDatabasePool, systemDatabaseUrl: "postgresql://postgres@localhost/dbos", logger: quiet, runAdminServer: false });
  let done;
  const loan = DBOS.registerWorkflow(
    async (_request) => {
      for (const name of stages) await DBOS.runStep(async () => done.add(1), { name });
    },
    { name: "loan" },
  );
  await DBOS.launch();
  return {
    name: "DBOS",
    version: version("@dbos-inc/dbos-sdk"),
    lacks: "stages run in the process that began the workflow, there are no owners who claim them; no clocks; the steps are its history; nothing is done in batches",
    async run(n) {
      done = counter(n * stages.length);
      await pieces(n, 1, () => loan(data));
      return done.seen();
    },
    async end() {
      await DBOS.shutdown();
      await systemDatabasePool.end();
    },
  };
}

// ---- in turn ----

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const speed = (value) => Math.round(value).toLocaleString("en");
const systems = [];
for (const make of [oms, pgBoss, graphileWorker, dbos]) systems.push({ ...(await make()), figures: { 1: [], 20: [], bare: [] } });

async function measure(system, kind, n, work) {
  const start = process.hrtime.bigint();
  const seen = await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (seen !== n) throw new Error(`${system.name}: ${seen} stages ran instead of ${n}`);
  system.figures[kind].push(n / (kind === "bare" ? 1 : stages.length) / seconds);
}

for (let round = 0; round < rounds; round++) {
  for (const qty of [1, 20]) for (const system of round % 2 === 0 ? systems : systems.toReversed()) await measure(system, qty, requests[qty] * stages.length, () => system.run(requests[qty], qty));
  for (const system of systems.filter((system) => system.bare)) await measure(system, "bare", bare, () => system.bare(bare));
}

const cell = (system, kind) => {
  const all = system.figures[kind];
  if (all.length === 0) return "– | –";
  const ratios = all.map((value, i) => systems[0].figures[kind][i] / value);
  return `${speed(median(all))} (${speed(Math.min(...all))}–${speed(Math.max(...all))}) | ${median(ratios).toFixed(1)} (${Math.min(...ratios).toFixed(1)}–${Math.max(...ratios).toFixed(1)})`;
};
console.log(`\n${clients} clients, synchronous commit on, ${rounds} rounds; requests/s and jobs/s, median and range; oms over each, round by round\n`);
console.log("| system | one at a time | oms over it | 20 at a time | oms over it | bare jobs, 100 at a time | oms over it | what it does not do |");
console.log("|---|---|---|---|---|---|---|---|");
for (const system of systems) console.log(`| ${system.name} ${system.version} | ${[1, 20, "bare"].map((kind) => cell(system, kind)).join(" | ")} | ${system.lacks} |`);

writeFileSync(process.env.SVG, picture());

/** Bars of both ways of working, one below the other. */
function picture() {
  const most = Math.max(...systems.flatMap((system) => [1, 20].map((qty) => median(system.figures[qty]))));
  let y = 34;
  const lines = [];
  for (const qty of [1, 20]) {
    lines.push(`<text x="10" y="${y}" font-weight="bold">${qty === 1 ? "one at a time" : "20 at a time"}</text>`);
    for (const system of systems) {
      y += 26;
      const value = median(system.figures[qty]);
      const width = Math.max(1, Math.round((value / most) * 420));
      lines.push(`<text x="140" y="${y}" text-anchor="end">${system.name}</text>`);
      lines.push(`<rect x="150" y="${y - 14}" width="${width}" height="18" fill="${system.name === "oms" ? "#1f6feb" : "#8c959f"}"/>`);
      lines.push(`<text x="${156 + width}" y="${y}">${speed(value)}</text>`);
    }
    y += 42;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 ${y - 20}" font-family="sans-serif" font-size="14" role="img" aria-label="Requests of four stages per second">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="10" y="14" font-size="12">Requests of four stages per second, ${clients} clients, median of ${rounds} rounds</text>
${lines.join("\n")}
</svg>
`;
}

for (const system of systems) await system.end();
