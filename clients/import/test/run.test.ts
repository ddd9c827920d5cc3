// The command against a server.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import pg from "pg";

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const sheet = path.join(top, "demo/permits.csv");
const map = path.join(top, "demo/permits.json");
let client: pg.Client;

async function database(name: string): Promise<pg.Client> {
  const admin = new pg.Client({ database: "postgres" });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`ALTER DATABASE ${name} SET oms.worker = off`);
  await admin.end();
  const made = new pg.Client({ database: name });
  await made.connect();
  await made.query("CREATE EXTENSION oms");
  await made.query(fs.readFileSync(path.join(top, "demo/permits.sql"), "utf8"));
  return made;
}
function run(...args: string[]) {
  const done = spawnSync(process.execPath, [path.join(top, "dist/import-csv.js"), ...args], { env: { ...process.env, PGDATABASE: "brought" }, encoding: "utf8" });
  return { code: done.status, out: done.stdout, err: done.stderr };
}
const one = async (sql: string) => Object.values((await client.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0];

before(async () => {
  client = await database("brought");
});
after(() => client.end());

test("a dry run shows what is wrong as a table, and imports nothing", async () => {
  const { code, out } = run(map, sheet);
  assert.equal(code, 1);
  assert.match(out, /^ line \| key +\| what/);
  for (const what of ['State: unknown value: "isued"', 'Received: no date: "31.02.2025"', "Permit No: empty", 'Value: no number: "about 5000"',
    "left out: it is line \\d+ again", "line \\d+ has the same key and says something else",
    "stages.zoning.finished_at of the row is before the stage could begin"]) assert.match(out, new RegExp(what));
  assert.match(out, /200 lines: \d+ can be imported, 2 stand there again, \d+ have problems/);
  assert.equal(await one("SELECT count(*)::int FROM oms.ticket"), 0);
});

test("with problems nothing is imported unless they are to be left out", async () => {
  assert.equal(run("--import", map, sheet).code, 1);
  assert.equal(await one("SELECT count(*)::int FROM oms.ticket"), 0);
});

test("a run that was interrupted is repeated, and brings in what is missing", async () => {
  const lines = fs.readFileSync(sheet, "utf8").split("\r\n");
  const part = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "import-")), "part.csv");
  fs.writeFileSync(part, [lines[0], ...lines.slice(1, 19), ...lines.slice(-3, -1)].join("\n"));
  const heard = { oms_dispatch: [] as unknown[], oms_alert: [] as unknown[], oms_status: [] as unknown[] };
  client.on("notification", ({ channel, payload }) => heard[channel as keyof typeof heard].push(payload));
  for (const channel of Object.keys(heard)) await client.query(`LISTEN ${channel}`);
  const first = run("--import", "--batch", "7", map, part);
  assert.equal(first.code, 0, first.out + first.err);
  assert.match(first.out, /7 lines imported\n14 lines imported\n20 lines imported/);
  assert.equal(await one("SELECT count(*)::int FROM oms.ticket"), 20);
  const queued = await one("SELECT count(*)::int FROM oms.open_stage WHERE status = 'queued'");
  assert.ok(Number(queued) > 0);
  // They come with the next answers.
  for (let i = 0; i < 3000 && heard.oms_dispatch.length < Number(queued); i++) await client.query("SELECT pg_catalog.pg_sleep(0.02)");
  assert.equal(heard.oms_dispatch.length, queued);
  // Nobody is told of what is past; what is queued now is dispatched.
  assert.deepEqual([heard.oms_alert, heard.oms_status], [[], []]);
  const all = run("--import", "--skip-bad", map, sheet);
  assert.equal(all.code, 1);
  const good = Number(/(\d+) can be imported/.exec(all.out)?.[1]);
  assert.ok(good > 180);
  assert.equal(await one("SELECT count(*)::int FROM oms.ticket"), good);
  assert.equal(run("--import", "--skip-bad", "--quiet", map, sheet).code, 1);
  assert.equal(await one("SELECT count(*)::int FROM oms.ticket"), good);
  assert.equal(await one("SELECT count(*)::int FROM oms.check()"), 0);
  assert.equal(await one("SELECT status FROM oms.ticket WHERE data ->> 'address' = (SELECT data ->> 'address' FROM oms.ticket ORDER BY ticket_id LIMIT 1) LIMIT 1"), "done");
  fs.rmSync(path.dirname(part), { recursive: true });
});

test("wrong arguments, files, servers and rights are told in words", async () => {
  assert.equal(run("--help").code, 0);
  for (const [args, what] of [
    [[map], /usage/], [["--batch", "0", map, sheet], /--batch/], [["--skip-bad", map, sheet], /usage/], [["--colour"], /colour/],
    [["nothing.json", sheet], /nothing\.json/], [[map, "nothing.csv"], /nothing\.csv/],
    [["--database", "postgres:///brought?host=/nowhere", map, sheet], /nowhere|ENOENT/],
  ] as [string[], RegExp][]) {
    const { code, err } = run(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, what);
    assert.doesNotMatch(err, /at .*import-csv\.js/);
  }
  await client.query("CREATE ROLE nobody LOGIN");
  const { code, err } = run("--database", `postgres:///brought?host=${encodeURIComponent(process.env["PGHOST"] ?? "")}&user=nobody`, map, sheet);
  assert.equal(code, 2);
  assert.match(err, /permission denied/);
});
