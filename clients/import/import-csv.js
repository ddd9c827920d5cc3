#!/usr/bin/env node
// Brings the cases of a spreadsheet into oms. See README.md.
import { parseArgs } from "node:util";

import { ImportError, readMap, readSheet, toRows } from "./lib/map.js";
import { Server } from "./lib/send.js";
import { problemTable } from "./lib/table.js";

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
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const batch = Number(values.batch ?? "1000");
  if (positionals.length !== 2 || (values["skip-bad"] && !values.import)) throw new ImportError(usage);
  if (!Number.isInteger(batch) || batch < 1 || batch > 10000) throw new ImportError(`--batch must be a number from 1 to 10000, not "${values.batch}"`);
  return { ...values, batch, map: positionals[0], sheet: positionals[1] };
}

const isGood = (line) => line.problems.length === 0 && line.again === undefined;

async function main() {
  const how = options();
  const say = (text) => how.quiet || process.stdout.write(`${text}\n`);
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
    if (!how.import || (bad.length > 0 && !how["skip-bad"])) return bad.length > 0 ? 1 : 0;
    const all = await server.import(map.workflow, good, how.batch, (count) => say(`${count} lines imported`));
    if (!all) process.stdout.write(`${problemTable(good)}\n`);
    return all && bad.length === 0 ? 0 : 1;
  } finally {
    await server.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`import-csv: ${error instanceof ImportError || error.code ? error.message : error.stack}\n`);
    process.exit(2);
  },
);
