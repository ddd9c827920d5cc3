/**
 * What is lost when a server dies: eight clients and the neighbours' programs at work while hosts, cables and etcd
 * fail. For the inside of ops/patroni/cluster.sh; ops/patroni/test.sh calls it. Shows what docs/operation/failover.md
 * says. Prints TAP.
 *
 *   node failover.mjs kill switchover     these faults, in this order
 *
 * With WITH_CLIENTS=1 the board is there as well, and clients/act does one of the stages.
 *
 * Each client keeps a list of what the server has acknowledged. At the end every entry of the lists has to be in the
 * database, once. An answer that did not come is asked for again, as programs do: an opening by its idempotency key, a
 * done by its token. On both hosts a program writes without a pause, whatever the host takes itself for: what
 * was acknowledged there must be there in the end, so nothing was written on a primary that is none any more.
 */
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { configure, listen, worker } from "hms-oms-sdk";
import pg from "pg";

const run = promisify(execFile);
const cluster = async (...args) => (await run("cluster", args)).stdout.trim();
const CLIENTS = 8;
/** A try in the middle of it must not wait for a server that does not answer. */
const PATIENCE_MS = 4000;
/** How long anything may take on a machine that does much else. */
const LIMIT_MS = 180_000;

// ---- TAP ----

let tests = 0;
let failed = 0;
function ok(good, name, detail) {
  tests++;
  if (!good) failed++;
  console.log(`${good ? "ok" : "not ok"} ${tests} - ${name}`);
  if (!good && detail !== undefined) console.log(String(detail).replaceAll(/^/gm, "#   "));
}
const note = (text) => console.log(`# ${text}`);

// ---- one client ----

/** A connection that comes back. */
class Connection {
  #client;
  constructor(settings = {}) {
    this.settings = settings;
  }
  async #connected() {
    if (this.#client) return this.#client;
    const client = new pg.Client({ connectionTimeoutMillis: PATIENCE_MS, query_timeout: PATIENCE_MS, keepAlive: true, ...this.settings });
    client.on("error", () => undefined);
    await client.connect();
    return (this.#client = client);
  }
  async query(text, values) {
    try {
      return (await (await this.#connected()).query(text, values)).rows;
    } catch (error) {
      // What the server refuses is no matter of connections; a server that may only be read is the wrong one.
      if (/^(22|23|42|OM)/.test(error.code ?? "")) throw error;
      this.end();
      throw Object.assign(error, { again: true });
    }
  }
  end() {
    this.#client?.end().catch(() => undefined);
    this.#client?.connection.stream.destroy();
    this.#client = undefined;
  }
  /** Until there is an answer. */
  async insist(text, values) {
    const until = Date.now() + LIMIT_MS;
    for (;;) {
      try {
        return await this.query(text, values);
      } catch (error) {
        if (!error.again || Date.now() > until) throw error;
        await sleep(50);
      }
    }
  }
}

let opening = true;
let working = true;
/** What the server has acknowledged. */
const opened = new Map();
const finished = new Map();
let refused = 0;

/** Times of answers, for the longest time without any. */
let lastAnswer = performance.now();
let gap = 0;
function answered() {
  const now = performance.now();
  gap = Math.max(gap, now - lastAnswer);
  lastAnswer = now;
}

async function client(number) {
  const db = new Connection();
  for (let n = 0; working; n++) {
    if (opening) {
      const key = `${number}/${n}`;
      const [{ ticket }] = await db.insist("SELECT oms.open_ticket('Plain', '{}', $1) AS ticket", [key]);
      opened.set(key, ticket);
      answered();
    } else {
      await sleep(100);
    }
    for (let i = 0; i < 5; i++) {
      // Nobody learns the token of a claim whose answer was lost: its lease runs out.
      const [job] = await db.insist("SELECT ticket, stage, token::text FROM oms.claim('Desk', $1, lease => '20 seconds')", [`client-${number}`]);
      answered();
      if (!job) break;
      const mark = `${number}/${n}/${i}`;
      try {
        await db.insist("SELECT oms.stage_done($1, $2, $3, $4)", [job.ticket, job.stage, { mark }, job.token]);
        finished.set(`${job.ticket} ${job.stage}`, mark);
        answered();
      } catch (error) {
        // The lease ran out while there was no server.
        if (error.code !== "OM006") throw error;
        refused++;
      }
    }
    await sleep(80);
  }
  db.end();
}

/** Tickets that nobody works on: what the clock does with them. And some for the programs of the neighbours. */
async function slow() {
  const db = new Connection();
  for (let n = 0; opening; n++) {
    await db.insist("SELECT oms.open_ticket('Slow', '{}', $1)", [`slow/${n}`]);
    await db.insist("SELECT oms.open_ticket('DisasterLoan', '{\"name\": \"Kim\", \"amount\": 100}', $1)", [`loan/${n}`]);
    await sleep(1000);
  }
  db.end();
}

/** Writes on its own host, by its own socket, and says what was acknowledged. */
function probe(host) {
  const child = spawn("cluster", ["at", host, "node", fileURLToPath(import.meta.url), "--probe", host], { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged = new Set();
  createInterface({ input: child.stdout }).on("line", (line) => acknowledged.add(line));
  return { acknowledged, end: () => child.kill() };
}
async function beProbe(host) {
  const begun = Date.now();
  const settings = { host: "127.0.0.1", port: 5432, query_timeout: 0 };
  const db = new Connection(settings);
  for (let n = 0; ; n++) {
    try {
      await db.query("INSERT INTO probe (host, n) VALUES ($1, $2)", [host, `${begun}/${n}`]);
      console.log(`${begun}/${n}`);
    } catch {
      // A standby, or none at all.
    }
    await sleep(100);
  }
}

// ---- neighbours ----

const started = [];
const top = fileURLToPath(new URL("../..", import.meta.url));

/** The listener of clients/act. */
function startAct(owner) {
  const child = spawn("node", ["dist/act.js", "-n", "act-1", "-w", "0", "-l", "20", owner], { cwd: `${top}/clients/act/typescript`, stdio: ["ignore", "ignore", "ignore"] });
  started.push(child);
}

/** The board; where it listens. */
async function startBoard() {
  await run("psql", ["-Xq", "-v", "ON_ERROR_STOP=1", "-f", `${top}/clients/board/demo/roles.sql`]);
  const env = { ...process.env, BOARD_PORT: "0", PGUSER: "oms_board", PGPASSWORD: "board-demo", BOARD_CITIZEN_USER: "oms_citizen", BOARD_CITIZEN_PASSWORD: "citizen-demo" };
  const child = spawn("node", ["dist/main.js"], { cwd: `${top}/clients/board`, env, stdio: ["ignore", "pipe", "ignore"] });
  started.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const [url] = line.match(/http:\S+/) ?? [];
    if (url) {
      child.stdout.resume();
      return url.replace(/\/$/, "");
    }
  }
  throw new Error("the board does not start");
}

// ---- faults ----

const db = new Connection();
async function until(what, condition) {
  const end = Date.now() + LIMIT_MS;
  while (Date.now() < end) {
    try {
      if (await condition()) return true;
    } catch (error) {
      if (!error.again) throw error;
    }
    await sleep(200);
  }
  ok(false, what, await cluster("list").catch(String));
  throw new Error(`in vain: ${what}`);
}
const other = (host) => (host === "a" ? "b" : "a");
const inStep = () =>
  until("the standby is there again and in step", async () => {
    const [row] = await db.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'");
    return row.count === "1";
  });
/** Someone has been answered since. */
async function goesOn() {
  const since = performance.now();
  await until("the clients go on", () => lastAnswer > since + 500);
}
const leads = (host) => until(`${host} is primary`, async () => (await cluster("primary").catch(() => "")) === host);

const faults = {
  kill: {
    name: "kill -9 of the primary and its Patroni",
    async break(primary) {
      await cluster("kill", primary);
      await leads(other(primary));
      await goesOn();
    },
    mend: (primary) => cluster("start", primary),
  },
  cut: {
    name: "the primary is cut off",
    async break(primary) {
      await cluster("cut", primary);
      await leads(other(primary));
      await goesOn();
    },
    mend: (primary) => cluster("join", primary),
  },
  link: {
    name: "the two servers do not reach each other, etcd reaches both",
    async break() {
      await cluster("cut", "a", "b");
      await goesOn();
      // Longer than any lease, so that whoever wanted to take over has.
      await sleep(15_000);
      await goesOn();
    },
    mend: () => cluster("join", "a", "b"),
  },
  etcd: {
    name: "etcd has no quorum",
    async break() {
      await cluster("kill", "e1");
      await cluster("kill", "e2");
      await sleep(15_000);
      await goesOn();
    },
    async mend() {
      await cluster("start", "e1");
      await cluster("start", "e2");
    },
  },
  switchover: {
    name: "planned switchover",
    async break(primary) {
      // Patroni refuses while the standby has just come back, and may do it without having said so in time.
      await until("Patroni switches over", async () => {
        await cluster("switchover", primary).catch(({ stderr }) => note(`Patroni: ${stderr.trim().split("\n").pop()}`));
        return (await cluster("primary").catch(() => "")) === other(primary);
      });
      await goesOn();
    },
    mend: () => undefined,
  },
};

async function main(chosen) {
  const patient = new Connection({ query_timeout: LIMIT_MS });
  await patient.insist("CREATE EXTENSION oms");
  await patient.insist("CREATE TABLE probe (host text, n text)");
  const stage = (id, owner, slaMins, ...dependsOn) => ({ id, owner, slaMins, dependsOn });
  for (const definition of [
    { name: "Plain", stages: [stage("a", "Desk", 60), stage("b", "Desk", 60, "a"), stage("c", "Desk", 60, "b"), stage("d", "Desk", 60, "c")] },
    { name: "Slow", stages: [stage("wait", "Nobody", 1)] },
    {
      name: "DisasterLoan",
      stages: [
        stage("id_check", "IRS_Bot", 5), stage("risk_ai", "RiskAI", 15, "id_check"),
        { ...stage("underwrite", "SBA_Team", 240, "risk_ai"), minAmount: 50000 }, stage("fund", "Treasury_Bot", 60, "underwrite"),
      ],
    },
  ]) {
    await patient.insist("SELECT oms.create_workflow($1)", [definition]);
  }

  const heard = { oms_dispatch: 0, oms_alert: 0, oms_status: 0 };
  configure({});
  const listener = listen(Object.keys(heard), (event) => void heard[event.channel]++);
  // Two of them, so that both connect and claim beside each other.
  const quiet = { concurrency: 4, leaseSecs: 20, onError: () => undefined };
  const board = process.env.WITH_CLIENTS ? await startBoard() : undefined;
  if (board) startAct("RiskAI");
  const workers = ["IRS_Bot", ...(board ? [] : ["RiskAI"]), "Treasury_Bot"].flatMap((owner) => [0, 1].map(() => worker(owner, async () => ({ by: owner }), quiet)));
  const probes = { a: probe("a"), b: probe("b") };
  const clients = Array.from({ length: CLIENTS }, (_, i) => client(i));
  const clock = slow();
  // A failure of one of them is told when its turn comes.
  for (const promise of [...clients, clock]) promise.catch(() => undefined);
  await until("clients are at work", () => finished.size > 50);

  const gaps = [];
  for (const fault of chosen) {
    const { name, break: begin, mend } = faults[fault];
    const primary = await cluster("primary");
    const before = { ...heard };
    gap = 0;
    await begin(primary);
    await mend(primary);
    await inStep();
    await goesOn();
    ok(true, `${name}: clients go on by themselves, and the standby is there again`);
    const [row] = await db.insist("SELECT oms.open_ticket('DisasterLoan', '{\"name\": \"Kim\", \"amount\": 100}', $1) AS ticket", [`after ${fault}`]);
    if (board) {
      const [{ number }] = await db.insist("SELECT oms.tracking_number($1) AS number", [row.ticket]);
      const page = async () => (await fetch(`${board}/timeline/${number}`)).ok && (await fetch(`${board}/healthz`)).ok;
      // The number of tries of one address is limited.
      await until("the board answers", () => page().then((good) => good || sleep(3000)));
      ok(true, `${name}: the board shows a citizen what was opened since`);
    }
    const done = () => db.query("SELECT FROM oms.ticket WHERE ticket_id = $1 AND status = 'done'", [row.ticket]).then((rows) => rows.length === 1);
    await until("the workers finish a loan", done);
    ok(heard.oms_dispatch > before.oms_dispatch && heard.oms_status > before.oms_status, `${name}: dispatches go on, and workers and listeners are there again`, JSON.stringify([before, heard]));
    gaps.push(`${fault} ${(gap / 1000).toFixed(1)} s`);
  }

  opening = false;
  await clock;
  await until("all stages are done", async () => {
    const [row] = await db.query("SELECT count(*) FROM oms.ticket WHERE status = 'open' AND workflow <> 'Slow'");
    return row.count === "0";
  });
  working = false;
  await Promise.all(clients);
  await Promise.all(workers.map((each) => each.stop()));
  for (const each of started) each.kill();
  for (const each of Object.values(probes)) each.end();

  // ---- the reckoning ----
  const missing = async (pairs, text) => (await db.insist(text, [JSON.stringify(pairs)])).map((row) => JSON.stringify(row)).join("\n");
  let odd = await missing([...opened], `SELECT p FROM jsonb_array_elements($1::jsonb) AS p
    WHERE (SELECT count(*) FROM oms.idempotency AS i WHERE i.key = p->>0 AND i.ticket_id::text = p->>1) <> 1 LIMIT 5`);
  ok(odd === "", `each of ${opened.size} openings that were acknowledged is there`, odd);
  odd = await missing([...finished], `SELECT p, s.output FROM jsonb_array_elements($1::jsonb) AS p
    LEFT JOIN oms.stage AS s ON s.ticket_id::text = split_part(p->>0, ' ', 1) AND s.stage = split_part(p->>0, ' ', 2)
    WHERE s.status IS DISTINCT FROM 'done' OR s.output->>'mark' <> p->>1 LIMIT 5`);
  ok(odd === "", `each of ${finished.size} stages that were acknowledged is done, by whom it was told`, odd);
  odd = (await db.insist(`SELECT ticket_id, stage, count(*) FROM oms.timeline WHERE status = 'done' AND stage IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 5`)).map((row) => JSON.stringify(row)).join("\n");
  ok(odd === "", "no stage is done twice", odd);
  const [{ open }] = await db.insist("SELECT count(*) AS open FROM oms.ticket WHERE workflow = 'DisasterLoan' AND status <> 'done'");
  ok(open === "0", "the workers of the SDK and of clients/act finished every loan", open);
  await until("all clocks that ran out were seen", async () => {
    const [row] = await db.query(`SELECT count(*) FROM oms.ticket AS t WHERE t.workflow = 'Slow'
      AND NOT EXISTS (SELECT FROM oms.timeline AS e WHERE e.ticket_id = t.ticket_id AND e.status = 'breached')`);
    return row.count === "0";
  });
  const [late] = await db.insist(`SELECT count(*), count(DISTINCT e.ticket_id) AS tickets
    FROM oms.timeline AS e JOIN oms.ticket AS t USING (ticket_id) WHERE t.workflow = 'Slow' AND e.status = 'breached'`);
  ok(late.count === late.tickets && late.count > 0, `each of ${late.tickets} clocks that ran out was seen once`, JSON.stringify(late));
  for (const [host, { acknowledged }] of Object.entries(probes)) {
    const [row] = await db.insist("SELECT count(*) FROM unnest($1::text[]) AS n WHERE NOT EXISTS (SELECT FROM probe AS p WHERE p.host = $2 AND p.n = n)", [[...acknowledged], host]);
    ok(row.count === "0" && acknowledged.size > 0, `all ${acknowledged.size} writes that ${host} itself acknowledged are there`, row.count);
  }
  await patient.insist("SELECT oms.seal(true)");
  for (const call of ["check", "verify_seals"]) {
    const rows = await patient.insist(`SELECT * FROM oms.${call}() LIMIT 5`);
    ok(rows.length === 0, `${call}() finds nothing`, JSON.stringify(rows));
  }
  const [health] = await patient.insist("SELECT status, reasons FROM oms.health()");
  ok(health.status === "good", "health() is content", JSON.stringify(health));
  patient.end();
  note(`the longest time without any answer: ${gaps.join(", ")}; ${refused} stages done after their lease`);
  listener.close();
  db.end();
  console.log(`1..${tests}`);
  process.exit(failed > 0 ? 1 : 0);
}

if (process.argv[2] === "--probe") await beProbe(process.argv[3]);
else await main(process.argv.length > 2 ? process.argv.slice(2) : Object.keys(faults));
