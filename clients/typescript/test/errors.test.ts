/*
 * Errors by their codes.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import pg from "pg";
import * as oms from "hms-oms-sdk";
import { isTransient } from "../src/errors.js";
import { database, sql } from "./helpers.js";

await database("sdk_errors");
await oms.createWorkflow({ name: "One", stages: [{ id: "a", owner: "A" }, { id: "b", owner: "B", dependsOn: ["a"] }] });

type Class = new (...args: never[]) => oms.OmsError;

async function raises(promise: Promise<unknown>, kind: Class, code: string): Promise<oms.OmsError> {
  const error: unknown = await promise.then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof kind, `a ${kind.name}, not ${String(error)}`);
  assert.ok(error instanceof oms.OmsError && error instanceof Error);
  assert.equal(error.code, code);
  assert.equal(error.name, kind.name);
  assert.match(error.stack ?? "", /errors\.test\.ts/);
  return error;
}

test("each code has its class", async () => {
  const ticket = await oms.openTicket("One", {}, { idempotencyKey: "k" });
  await raises(oms.openTicket("None"), oms.UnknownWorkflow, "OM001");
  await raises(oms.getTicket("O-2020-00001"), oms.UnknownTicket, "OM002");
  await raises(oms.stageDone(ticket, "z"), oms.UnknownStage, "OM003");
  const invalid = await raises(
    oms.createWorkflow({ name: "Two", stages: [{ id: "aa", owner: "A", dependsOn: ["b"] }, { id: "bb", owner: "A" }] }),
    oms.InvalidDefinition, "OM004",
  );
  assert.ok(invalid instanceof oms.InvalidDefinition);
  assert.equal(invalid.path, "$.stages[0].dependsOn[0]");
  assert.match(invalid.hint ?? "", /bb/);
  await raises(oms.stageDone(ticket, "b"), oms.WrongState, "OM005");
  await raises(oms.stageDone(ticket, "a", {}, { token: "99" }), oms.StaleToken, "OM006");
  await oms.claimStage(ticket, "a", { worker: "x" });
  await raises(oms.claimStage(ticket, "a", { worker: "y" }), oms.AlreadyClaimed, "OM007");
  await raises(oms.openTicket("One", { other: 1 }, { idempotencyKey: "k" }), oms.IdempotencyConflict, "OM008");
  await raises(oms.getTicket("nonsense"), oms.BadArgument, "22P02");
  await raises(oms.claim("A", { qty: 0 }), oms.BadArgument, "22023");
  const refused: unknown = await sql("DELETE FROM oms.timeline").catch(oms.asOmsError);
  assert.ok(refused instanceof oms.AppendOnly);
});

test("what is missing or broken is said by name", async () => {
  const none = undefined as never;
  await raises(oms.openTicket(none), oms.BadArgument, "22023");
  await raises(oms.getTicket(none), oms.BadArgument, "22023");
  await raises(oms.openTicket("One", { amount: NaN }), oms.BadArgument, "22023");
  await raises(oms.openTicket("One", { n: 1n }), oms.BadArgument, "22023");
  await raises(oms.openTicket("One", (() => undefined) as never), oms.BadArgument, "22023");
  await raises(oms.openTicket("One", [] as never), oms.BadArgument, "22023");
  await raises(oms.hold("O-2020-00001", "a", "r", { until: new Date(NaN) }), oms.BadArgument, "22023");
  await raises(oms.claim("A", { leaseSecs: NaN }), oms.BadArgument, "22023");
  // No value can break out of its parameter.
  await raises(oms.openTicket("One'); DROP TABLE x; --"), oms.UnknownWorkflow, "OM001");
});

test("rights are those of the role", async () => {
  await sql("CREATE ROLE sdk_portal LOGIN");
  await oms.grantAccess("sdk_portal", "portal");
  const portal = new pg.Client({ database: "sdk_errors", user: "sdk_portal" });
  await portal.connect();
  const ticket = await oms.openTicket("One", {}, { client: portal });
  assert.deepEqual((await oms.getTimeline(ticket, { client: portal })).map(({ status }) => status), ["⏳ in-progress"]);
  await raises(oms.getTicket(ticket, { client: portal }), oms.PermissionDenied, "42501");
  await portal.end();
  await sql("DROP OWNED BY sdk_portal");
  await sql("DROP ROLE sdk_portal");
});

test("other errors stay what they are", async () => {
  oms.configure({ host: "/nowhere" });
  try {
    const error: unknown = await oms.version().catch((e: unknown) => e);
    assert.ok(error instanceof Error && !(error instanceof oms.OmsError));
    assert.equal((error as { code?: string }).code, "ENOENT");
  } finally {
    oms.configure({ database: "sdk_errors" });
  }
  assert.equal(oms.asOmsError("text"), "text");
});

test("errors of the system are no SQLSTATEs, also if they are as long", () => {
  assert.deepEqual(["EPIPE", "ECONNRESET", "57P01", "42P01"].map((code) => isTransient(Object.assign(new Error(code), { code }))), [true, true, true, false]);
});

test("a connection that ends as soon as it is there does not end the process", async () => {
  const message = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  // One piece, so that nothing of ours runs between being ready and being ended.
  const greeting = Buffer.concat([
    message("R", Buffer.alloc(4)),
    message("Z", Buffer.from("I")),
    message("E", Buffer.from("SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0")),
  ]);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(greeting));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const own = new pg.Pool({ host: "127.0.0.1", port });
  own.on("error", () => undefined);
  try {
    for (const connection of [{ host: "127.0.0.1", port }, { pool: own }]) {
      oms.configure(connection);
      await assert.rejects(oms.withTransaction((tx) => oms.openTicket("One", {}, { client: tx })));
      await assert.rejects(oms.version());
    }
  } finally {
    oms.configure({ database: "sdk_errors" });
    await own.end();
    server.close();
  }
});

test("a pool of the caller's own, and a pool again after close", async () => {
  const own = new pg.Pool({ database: "sdk_errors", max: 1 });
  oms.configure({ pool: own });
  assert.ok(await oms.version());
  await oms.close();
  assert.ok(await oms.version());
  oms.configure({ database: "sdk_errors" });
  await own.end();
  assert.ok(await oms.version());
  await oms.close();
  assert.ok(await oms.version());
});
