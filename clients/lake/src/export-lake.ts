#!/usr/bin/env node
// Lands tickets, stages and timeline of oms as Parquet. See README.md.
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Exporter, openDuck } from "./export.js";
import { Lake, LakeError } from "./lake.js";
import { Source } from "./source.js";
import { verify } from "./verify.js";

const usage = `usage: export-lake [options] DIRECTORY

Exports what is new since the last time into the lake in DIRECTORY, and ends.

  -d, --database URL   connection string; default: PGHOST, PGUSER and the like
      --follow SECS    go on, and look again after so many seconds
      --verify         export, then prove that the lake has what the server has
      --batch EVENTS   events per step (100000): what a kill may throw away
      --files N        files of one month before they are merged into one (24)
  -q, --quiet          say nothing but errors

Needs a role of level monitor. Notes and payloads are exported only by a role of level staff.
Ends with 0, 1 if the proof fails, 2 on any other error.
`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      database: { type: "string", short: "d" },
      follow: { type: "string" },
      verify: { type: "boolean" },
      batch: { type: "string" },
      files: { type: "string" },
      quiet: { type: "boolean", short: "q" },
      help: { type: "boolean", short: "h" },
    },
  });
  const number = (name: "follow" | "batch" | "files") => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new LakeError(`--${name} must be a number from 1 on, not "${text}"`);
    return Number(text);
  };
  if (values.help === true) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const [directory, ...more] = positionals;
  if (directory === undefined || more.length > 0) throw new LakeError(usage);
  return { ...values, directory, follow: number("follow"), batch: number("batch"), files: number("files") };
}

/** Ends with the status of the program. */
async function main(): Promise<number> {
  const how = options();
  const say = (text: string) => {
    if (how.quiet !== true) process.stderr.write(`${text}\n`);
  };
  const source = await Source.open(how.database);
  let code = 0;
  try {
    const lake = new Lake(how.directory);
    const { lake: name } = lake.manifest;
    await source.lock(name);
    lake.read();
    if (lake.manifest.lake !== name) throw new LakeError("another export has just begun in this directory");
    const duck = await openDuck();
    const exporter = new Exporter(lake, source, duck, { batch: how.batch, files: how.files });
    for (;;) {
      const count = await exporter.run((total) => { say(`${total} events`); });
      if (how.follow === undefined) {
        const age = await source.age();
        const from = age === undefined ? "" : `; from a standby, whose last change is ${age.toFixed(0)} s old`;
        say(`${count} new events, ${lake.manifest.rows?.["timeline"] ?? 0} in all, step ${lake.manifest.step}${from}`);
        break;
      }
      await setTimeout(how.follow * 1000);
    }
    if (how.verify === true) {
      const proof = await verify(lake, source, duck);
      for (const problem of proof.problems.slice(0, 100)) process.stderr.write(`${problem}\n`);
      const found = proof.problems.length === 0 ? "all hashes and heads are the server's" : `${proof.problems.length} problems`;
      const meanwhile = proof.ahead === 0 ? "" : `; something happened to ${proof.ahead} meanwhile`;
      say(`${proof.tickets} tickets with ${proof.events} events: ${found}${meanwhile}`);
      if (proof.problems.length > 0) code = 1;
    }
  } finally {
    await source.close();
  }
  return code;
}

main().then(
  (code) => { process.exit(code); },
  (error: unknown) => {
    // What has a code says by its message what is wrong: of the server, of the system, of the options.
    const told = error instanceof LakeError || (error instanceof Error && "code" in error);
    process.stderr.write(`export-lake: ${told ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
