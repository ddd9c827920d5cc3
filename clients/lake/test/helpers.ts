import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { DuckDBInstance, type Json } from "@duckdb/node-api";
import pg from "pg";

import { Exporter, openDuck } from "../src/export.js";
import { Lake, type LakeFile } from "../src/lake.js";
import { Source } from "../src/source.js";

export const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const scratch = fs.mkdtempSync(path.join(process.env["OMS_SCRATCH"] ?? os.tmpdir(), "lakes-"));
let number = 0;

export function newDirectory(): string {
  return path.join(scratch, `lake${++number}`);
}

/** A database with the extension; its clients are ended by the server's end. */
export async function newDatabase(name: string): Promise<pg.Client> {
  const admin = await connect("postgres");
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`ALTER DATABASE ${name} SET oms.worker = off`);
  await admin.end();
  const client = await connect(name);
  await client.query("CREATE EXTENSION oms");
  return client;
}

export async function connect(database: string, user?: string): Promise<pg.Client> {
  const client = new pg.Client({ database, user });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Run export-lake to its end: { code, out }. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): { code: number | null; out: string } {
  const done = spawnSync(process.execPath, [path.join(top, "dist/export-lake.js"), ...args], { env: { ...process.env, ...env }, encoding: "utf8" });
  return { code: done.status, out: done.stdout + done.stderr };
}

/** The same within this process, which is quicker: a function that exports into a directory. */
export async function exporter(database: string, user: string) {
  const client = await connect(database, user);
  const source = new Source(client);
  const duck = await openDuck();
  const into = async (directory: string, options?: ConstructorParameters<typeof Exporter>[3]) => new Exporter(new Lake(directory), source, duck, options).run();
  return { into, end: () => client.end() };
}

class Killed extends Error {}

/**
 * Run a function that is as good as killed before it changes the disk for the nth time (from 0 on): from then on
 * nothing reaches the disk. True if it came to its end before that.
 */
export async function killedBefore(n: number, run: () => Promise<unknown>): Promise<boolean> {
  const names = ["mkdirSync", "writeFileSync", "renameSync", "unlinkSync", "rmSync", "fsyncSync"];
  const disk = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = names.map((name) => [name, disk[name]] as const);
  let left = n;
  for (const [name, original] of originals)
    disk[name] = (...args) => {
      if (left-- <= 0) throw new Killed();
      return original?.apply(fs, args);
    };
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return false;
  } finally {
    for (const [name, original] of originals) if (original !== undefined) disk[name] = original;
  }
}

/** Run it beside what the test does: the process, and its end. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): { child: ChildProcess; done: Promise<unknown> } {
  const child = spawn(process.execPath, [path.join(top, "dist/export-lake.js"), ...args], { env: { ...process.env, ...env }, stdio: "ignore" });
  return { child, done: once(child, "exit") };
}

/** A lake as its readers see it: only by lake.sql. */
export async function openLake(directory: string) {
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  await duck.run("SET TimeZone = 'UTC'");
  await duck.run(fs.readFileSync(path.join(directory, "lake.sql"), "utf8"));
  const rows = async <R = Record<string, Json>>(sql: string) => (await duck.runAndReadAll(sql)).getRowObjectsJson() as R[];
  return { rows, one: async (sql: string) => Object.values((await rows(sql))[0] ?? {})[0] };
}

/** All files of a lake, by their names in it. */
export function filesOf(directory: string): string[] {
  const list = (name: string): string[] => fs.readdirSync(path.join(directory, name), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? list(path.join(name, entry.name)) : [path.join(name, entry.name)]);
  return list("").sort();
}

export function manifestOf(directory: string): { lake: string; step: number; files: LakeFile[] } {
  return JSON.parse(fs.readFileSync(path.join(directory, "manifest.json"), "utf8")) as { lake: string; step: number; files: LakeFile[] };
}
