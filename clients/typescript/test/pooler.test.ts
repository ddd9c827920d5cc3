/*
 * Behind pgbouncer in transaction mode: every call is one statement, so all of them work; LISTEN does not,
 * and the worker finds that out.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import * as oms from "hms-oms-sdk";
import { database, scratch, start, until } from "./helpers.js";

const there = spawnSync("pgbouncer", ["--version"]).error === undefined;

await database("sdk_pooler");
await oms.createWorkflow({ name: "Pooled", stages: [{ id: "a", owner: "PooledA" }, { id: "b", owner: "PooledB", dependsOn: ["a"] }] });

const direct = process.env["PGHOST"] ?? "";

/** Starts pgbouncer with so many server connections and lets the package use it. */
async function pooler(mode: "transaction" | "session", size: number): Promise<void> {
  // Sockets have short names, so not below the scratch folder.
  const folder = mkdtempSync("/tmp/oms-pool.");
  writeFileSync(join(folder, "users"), '"postgres" ""\n');
  writeFileSync(join(folder, "pgbouncer.ini"), `
[databases]
* = host=${direct} port=${process.env["PGPORT"] ?? "5432"}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = ${folder}
auth_type = trust
auth_file = ${folder}/users
pool_mode = ${mode}
default_pool_size = ${size}
logfile = ${scratch}/pgbouncer.log
`);
  const running = start("pgbouncer", [join(folder, "pgbouncer.ini")]);
  after(async () => {
    oms.configure({ database: "sdk_pooler" });
    running.kill("SIGTERM");
    await running.ended;
    spawnSync("rm", ["-rf", folder]);
  });
  oms.configure({ host: folder, port: 6432, database: "sdk_pooler" });
  await until("the pooler answers", () => oms.version().then(() => true, () => false));
}

for (const size of [1, 5]) {
  test(`transaction mode with ${size} connections`, { skip: !there && "no pgbouncer" }, async (t) => {
    await pooler("transaction", size);

    await t.test("calls and transactions", async () => {
      const tickets = await Promise.all(Array.from({ length: 20 }, (_, n) =>
        oms.withTransaction((client) => oms.openTicket("Pooled", { n }, { client }))));
      assert.equal(new Set(tickets).size, 20);
      await Promise.all(tickets.map((ticket) => oms.cancelTicket(ticket, "only a test")));
      await assert.rejects(oms.openTicket("None"), oms.UnknownWorkflow);
    });

    await t.test("the worker falls back to wait_for_work", async () => {
      const errors: unknown[] = [];
      const options = { selfTestMs: 300, pollSecs: size === 1 ? 0.5 : 20, onError: (error: unknown) => errors.push(error) };
      // Who waits keeps the connection busy: with a single one there is time for one worker, between short waits.
      const workers = [oms.worker("PooledA", () => ({ ok: true }), options)];
      if (size > 1) workers.push(oms.worker("PooledB", () => ({}), options));
      await until("they know how to wait", () => workers.every(({ mode }) => mode === "wait"));
      const tickets = await oms.openTickets("Pooled", Array.from({ length: 10 }, () => ({})));
      await until("all is done", async () => {
        const stages = (await Promise.all(tickets.map((ticket) => oms.getTicket(ticket)))).flatMap((ticket) => ticket.stages);
        return stages.every(({ owner, status }) => status === "done" || !workers.some((one) => one.owner === owner));
      });
      await Promise.all(workers.map((one) => one.stop()));
      assert.deepEqual(errors, []);
    });
  });
}

test("session mode: LISTEN works", { skip: !there && "no pgbouncer" }, async () => {
  await pooler("session", 20);
  const w = oms.worker("PooledA", () => ({}), { pollSecs: 3600 });
  await until("it listens", () => w.mode === "listen");
  const before = w.counts.done;
  const ticket = await oms.openTicket("Pooled");
  await until("the stage is done", () => w.counts.done > before);
  await w.stop();
  await oms.cancelTicket(ticket, "only a test");
});
