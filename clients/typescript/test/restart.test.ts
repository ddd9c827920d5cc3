/*
 * Some hundred tickets of two stages, while connections are killed and the server is restarted, gently and
 * by force. At the end every stage is done, once, and what handlers wrote in the transaction of the stage is there once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oms from "hms-oms-sdk";
import { database, run, sql, until } from "./helpers.js";

await database("sdk_restart");

const count = 300;
const server = process.env["OMS_SERVER"] ?? "";

/** Ends every connection of the package's, in whatever state. */
async function killAll(): Promise<void> {
  await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = 'sdk_restart' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`);
}

async function restart(mode: "fast" | "immediate"): Promise<void> {
  await run("pg_ctl", ["-D", server, "-m", mode, "-w", "-s", "-l", `${server}.log`, "restart"]);
}

const progress = async () => {
  try {
    return (await sql<{ n: number }>("SELECT count(*)::int AS n FROM effect"))[0]?.n ?? 0;
  } catch {
    return -1;
  }
};

test("none lost, none done twice", async () => {
  await sql("CREATE TABLE effect (ticket text, stage text, attempt int)");
  // Claims whose answer was lost with the connection cost an attempt each.
  const retry = { maxAttempts: 50, backoffSecs: 0 };
  await oms.createWorkflow({
    name: "Storm",
    stages: [{ id: "a", owner: "StormA", retry }, { id: "b", owner: "StormB", dependsOn: ["a"], retry }],
  });
  await oms.openTickets("Storm", Array.from({ length: count }, (_, n) => ({ n })));

  const errors: unknown[] = [];
  const options = { concurrency: 4, leaseSecs: 2, pollSecs: 2, onError: (error: unknown) => errors.push(error) };
  // One finishes in the handler's own transaction, the other leaves it to the worker.
  const a = oms.worker("StormA", async (job) => {
    await oms.withTransaction(async (client) => {
      await client.query("INSERT INTO effect VALUES ($1, $2, $3)", [job.ticket, job.stage, job.attempt]);
      await job.done({ n: job.data["n"] }, { client });
    });
  }, options);
  const b = oms.worker("StormB", ({ inputs }) => ({ seen: inputs["a"]?.["n"] }), options);

  for (const [at, disturb] of [
    [20, killAll],
    [60, () => restart("fast")],
    [110, killAll],
    [160, () => restart("immediate")],
    [220, killAll],
  ] as const) {
    await until(`${at} stages are done`, async () => (await progress()) >= at, 120);
    await disturb();
  }
  await until("every ticket is done", async () => {
    try {
      const [row] = await sql<{ n: number }>("SELECT count(*)::int AS n FROM oms.ticket WHERE status = 'done'");
      return row?.n === count;
    } catch {
      return false;
    }
  }, 180);
  await until("both listen again", () => a.mode === "listen" && b.mode === "listen");
  await Promise.all([a.stop(), b.stop()]);

  assert.ok(errors.length > 0, "the disturbances were noticed");
  assert.deepEqual(await sql("SELECT ticket, count(*) FROM effect GROUP BY ticket HAVING count(*) <> 1"), []);
  assert.equal(await progress(), count);
  assert.deepEqual(await sql(`SELECT ticket_id, stage FROM oms.timeline WHERE status = 'done'
    GROUP BY ticket_id, stage HAVING count(*) <> 1`), []);
  assert.deepEqual(await sql(`SELECT s.ticket_id FROM oms.stage AS s JOIN oms.ticket AS t USING (ticket_id)
    WHERE s.stage = 'b' AND s.output -> 'seen' IS DISTINCT FROM t.data -> 'n'`), []);
  assert.deepEqual(await oms.check(), []);
});

test("idle workers hear of work again after a restart", async () => {
  const options = { pollSecs: 3600, onError: () => undefined };
  await oms.createWorkflow({ name: "Calm", stages: [{ id: "a", owner: "Calm" }] });
  const w = oms.worker("Calm", () => ({}), options);
  await until("it listens", () => w.mode === "listen");
  await restart("fast");
  // Opened before the worker is back: it has to look for itself.
  const missed = await oms.openTicket("Calm");
  await until("it finds what it missed", async () => (await oms.getTicket(missed)).status === "done");
  await killAll();
  // The pool notices a little later that its connection is gone.
  await until("a ticket is opened", () => oms.openTicket("Calm").then(() => true, () => false));
  await until("it is done", () => w.counts.done >= 2);
  await w.stop();
});

test("stops in time while the server is away", async () => {
  await oms.createWorkflow({ name: "Away", stages: [{ id: "a", owner: "Away" }] });
  const ticket = await oms.openTicket("Away");
  let begun = false;
  const w = oms.worker("Away", () => {
    begun = true;
    return new Promise(() => undefined);
  }, { graceSecs: 0, leaseSecs: 2, onError: () => undefined });
  await until("it has begun", () => begun);
  await run("pg_ctl", ["-D", server, "-m", "fast", "-w", "-s", "stop"]);
  await w.stop();
  await run("pg_ctl", ["-D", server, "-w", "-s", "-l", `${server}.log`, "start"]);
  const again = oms.worker("Away", () => ({}), { onError: () => undefined });
  await until("another one does it", async () => {
    try {
      return (await oms.getTicket(ticket)).status === "done";
    } catch {
      return false;
    }
  });
  await again.stop();
});
