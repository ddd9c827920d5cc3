#!/usr/bin/env node
// Brings the cases of a spreadsheet into oms. See README.md.
import { parseArgs } from "node:util";

import { ImportError, type Line, readMap, readSheet, toRows } from "./map.js";
import { Server } from "./send.js";
import { problemTable } from "./table.js";

const usage = `usage: import-csv [options] MAP.json SHEET.csv

Shows what is wrong with the lines of a spreadsheet, and imports nothing.

  -d, --database URL   connection string; default: PGHOST, PGUSER and the like
      --import         import them, if nothing is wrong
      --skip-bad       with --import: leave out the lines that are wrong
      --batch LINES    lines per call (1000, at most 10000): a batch is imported as a whole or not at all
  -q, --quiet          say nothing but problems and errors

Needs a role of level admin. A run that was interrupted can be repeated: lines that are imported stay as they are.
Ends with 0, 1 if something was wrong with lines, 2 on any other error.
`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      database: { type: "string", short: "d" },
      import: { type: "boolean" },
      "skip-bad": { type: "boolean" },
      batch: { type: "string" },
      quiet: { type: "boolean", short: "q" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const batch = Number(values.batch ?? "1000");
  const [map, sheet, ...more] = positionals;
  if (map === undefined || sheet === undefined || more.length > 0 || (values["skip-bad"] === true && values.import !== true)) throw new ImportError(usage);
  if (!Number.isInteger(batch) || batch < 1 || batch > 10000) throw new ImportError(`--batch must be a number from 1 to 10000, not "${values.batch ?? ""}"`);
  return { ...values, batch, map, sheet };
}

const isGood = (line: Line) => line.problems.length === 0 && line.again === undefined;

/** Ends with the status of the program. */
async function main(): Promise<number> {
  const how = options();
  const say = (text: string) => {
    if (how.quiet !== true) process.stdout.write(`${text}\n`);
  };
  const map = readMap(how.map);
  const lines = toRows(map, readSheet(how.sheet, map.delimiter));
  const server = await Server.open(how.database);
  try {
    await server.look(map.workflow, lines.filter(isGood), how.batch);
    const bad = lines.filter((line) => line.problems.length > 0);
    const again = lines.filter((line) => line.again !== undefined);
    const good = lines.filter(isGood);
    if (bad.length + again.length > 0) process.stdout.write(`${problemTable(lines)}\n\n`);
    say(`${lines.length} lines: ${good.length} can be imported, ${again.length} stand there again, ${bad.length} have problems`);
    if (how.import !== true || (bad.length > 0 && how["skip-bad"] !== true)) return bad.length > 0 ? 1 : 0;
    const all = await server.import(map.workflow, good, how.batch, (count) => { say(`${count} lines imported`); });
    if (!all) process.stdout.write(`${problemTable(good)}\n`);
    return all && bad.length === 0 ? 0 : 1;
  } finally {
    await server.close();
  }
}

main().then(
  (code) => { process.exit(code); },
  (error: unknown) => {
    // What has a code says by its message what is wrong: of the server, of the system, of the options.
    const told = error instanceof ImportError || (error instanceof Error && "code" in error);
    process.stderr.write(`import-csv: ${told ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
