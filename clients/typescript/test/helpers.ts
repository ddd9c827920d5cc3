import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import pg from "pg";
import { close, configure } from "hms-oms-sdk";

/** The folder of the package. */
export const home = fileURLToPath(new URL("..", import.meta.url));

/** Where tests may leave files. */
export const scratch = process.env["OMS_SCRATCH"] ?? "/tmp";

/** Runs SQL as a superuser, past the package. A client per call, so that nothing is kept over restarts. */
export async function sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ database: process.env["PGDATABASE"] });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** A fresh database with the extension, for one test file. */
export async function database(name: string): Promise<void> {
  process.env["PGDATABASE"] = "postgres";
  await sql(`CREATE DATABASE ${name}`);
  process.env["PGDATABASE"] = name;
  await sql("CREATE EXTENSION oms");
  configure({ database: name });
  after(close);
}

/** Polls until something is so. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What a program did. */
export interface Ran {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** A program that runs. */
export interface Program {
  out: () => string;
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<Ran>;
}

/** Starts a command. */
export function start(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Program {
  const child = spawn(command, args, {
    cwd: options.cwd ?? home,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, out, err });
    });
  });
  return { out: () => out, kill: (signal) => child.kill(signal), ended };
}

/** Runs a command to its end, which has to be a good one. */
export async function run(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ran> {
  const ran = await start(command, args, options).ended;
  if (ran.code !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${ran.out}${ran.err}`);
  return ran;
}

/** Starts a .ts program. */
export function program(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program {
  return start(process.execPath, ["--import", "tsx", file, ...args], { env });
}
