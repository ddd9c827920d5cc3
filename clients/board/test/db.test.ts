/** The way to the database: a connection that breaks ends a request, never the board. */
import assert from "node:assert/strict";
import test from "node:test";
import pg from "pg";
import { openDatabase } from "../src/db.js";
import { readSettings } from "../src/settings.js";
import { until } from "./_harness.js";

test("a connection that breaks between two queries of a transaction", async () => {
  const admin = new pg.Client();
  await admin.connect();
  const db = openDatabase(readSettings({}));
  const role = await admin.query<{ name: string }>("SELECT current_user AS name");
  const name = role.rows[0]?.name ?? "";
  await assert.rejects(
    db.as(name, async (query) => {
      const { pid } = await query.row<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await admin.query("SELECT pg_terminate_backend($1, 10000)", [pid]);
      // The server's last words are read before the next query.
      await admin.query("SELECT 1");
      await new Promise((resolve) => setImmediate(resolve));
      await query.rows("SELECT 1");
    }),
  );
  assert.deepEqual(await db.as(name, (query) => query.row("SELECT 1 AS one")), { one: 1 });
  await admin.end();
  await db.end();
});

test("a sign-in costs the same whether the role is known or not", async (t) => {
  const db = openDatabase(readSettings({}));
  await db.signIn("nobody-here", "x");
  const connect = t.mock.method(pg.Client.prototype, "connect");
  const attempts: number[] = [];
  for (const role of ["ann", "nobody-here", "ann\0", ""]) {
    const before = connect.mock.callCount();
    assert.equal(await db.signIn(role, "wrong"), false);
    attempts.push(connect.mock.callCount() - before);
  }
  assert.deepEqual(attempts, [2, 2, 2, 2]);
  await db.end();
});

test("tracking numbers that are guessed at do not take the connections of the others", async () => {
  const db = openDatabase(readSettings({ BOARD_CITIZEN_USER: "postgres" }));
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  let running = 0;
  let most = 0;
  let begun = 0;
  // The database is slow on purpose; these are more than there are connections of either kind.
  const guesses = Array.from({ length: 12 }, () =>
    db.citizen(async () => {
      begun++;
      most = Math.max(most, ++running);
      await gate;
      running--;
    }, { slow: true }),
  );
  try {
    await until("both connections of the slow are in use", () => running === 2);
    assert.deepEqual(await db.citizen((query) => query.row("SELECT 1 AS one")), { one: 1 });
  } finally {
    open();
    await Promise.all(guesses);
    await db.end();
  }
  // Though all of them have had their turn.
  assert.deepEqual([begun, most], [12, 2]);
});

test("what one page asks is answered as of one moment", async () => {
  const admin = new pg.Client();
  await admin.connect();
  const db = openDatabase(readSettings({}));
  const { rows: [me] } = await admin.query<{ name: string }>("SELECT current_user AS name");
  await db.as(me?.name ?? "", async (query) => {
    const moment = () => query.row("SELECT pg_current_snapshot()::text AS moment");
    const before = await moment();
    await admin.query("SELECT pg_current_xact_id()");
    assert.deepEqual(await moment(), before);
  });
  await admin.end();
  await db.end();
});
