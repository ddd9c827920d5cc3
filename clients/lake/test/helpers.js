import { execFile, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { DuckDBInstance } from "@duckdb/node-api";
import pg from "pg";

import { Exporter, openDuck } from "../lib/export.js";
import { Lake } from "../lib/lake.js";
import { Source } from "../lib/source.js";

export const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const scratch = fs.mkdtempSync(path.join(process.env.OMS_SCRATCH ?? os.tmpdir(), "lakes-"));
let number = 0;

export function newDirectory() {
  return path.join(scratch, `lake${++number}`);
}

/** A database with the extension; its clients are ended by the server's end. */
export async function newDatabase(name) {
  const admin = await connect("postgres");
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`ALTER DATABASE ${name} SET oms.worker = off`);
  await admin.end();
  const client = await connect(name);
  await client.query("CREATE EXTENSION oms");
  return client;
}

export async function connect(database, user) {
  const client = new pg.Client({ database, user });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Run export-lake to its end: { code, out }. */
export function run(args, env = {}) {
  const done = spawnSync(process.execPath, [path.join(top, "export-lake.js"), ...args], { env: { ...process.env, ...env }, encoding: "utf8" });
  return { code: done.status, out: done.stdout + done.stderr };
}

/** The same within this process, which is quicker: a function that exports into a directory. */
export async function exporter(database, user) {
  const client = await connect(database, user);
  const source = new Source(client);
  const duck = await openDuck();
  const into = async (directory, options) => new Exporter(new Lake(directory), source, duck, options).run();
  return { into, end: () => client.end() };
}

class Killed extends Error {}

/**
 * Run a function that is as good as killed before it changes the disk for the nth time (from 0 on): from then on
 * nothing reaches the disk. True if it came to its end before that.
 */
export async function killedBefore(n, run) {
  const names = ["mkdirSync", "writeFileSync", "renameSync", "unlinkSync", "rmSync", "fsyncSync"];
  const originals = names.map((name) => fs[name]);
  let left = n;
  for (const [i, name] of names.entries())
    fs[name] = (...args) => {
      if (left-- <= 0) throw new Killed();
      return originals[i].apply(fs, args);
    };
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return false;
  } finally {
    for (const [i, name] of names.entries()) fs[name] = originals[i];
  }
}

/** Run it beside what the test does: a promise of the same, and the process. */
export function start(args, env = {}) {
  let child;
  const done = new Promise((resolve) => {
    child = execFile(process.execPath, [path.join(top, "export-lake.js"), ...args], { env: { ...process.env, ...env } },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, signal: error?.signal ?? null, out: stdout + stderr }));
  });
  return { child, done };
}

/** A lake as its readers see it: only by lake.sql. */
export async function openLake(directory) {
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  await duck.run("SET TimeZone = 'UTC'");
  await duck.run(fs.readFileSync(path.join(directory, "lake.sql"), "utf8"));
  return {
    duck,
    rows: async (sql) => (await duck.runAndReadAll(sql)).getRowObjectsJson(),
    one: async (sql) => Object.values((await duck.runAndReadAll(sql)).getRowObjectsJson()[0])[0],
  };
}

/** All files of a lake, by their names in it. */
export function filesOf(directory) {
  const list = (name) => fs.readdirSync(path.join(directory, name), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? list(path.join(name, entry.name)) : [path.join(name, entry.name)]);
  return list("").sort();
}

export function manifestOf(directory) {
  return JSON.parse(fs.readFileSync(path.join(directory, "manifest.json"), "utf8"));
}
