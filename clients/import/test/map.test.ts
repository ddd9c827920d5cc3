// Reading a spreadsheet by a map: no server.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import { ImportError, readDate, readMap, readNumber, readSheet, toRows } from "../src/map.js";
import { table } from "../src/table.js";

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "import-"));
after(() => { fs.rmSync(scratch, { recursive: true }); });
let number = 0;
function file(text: string): string {
  const name = path.join(scratch, `f${++number}`);
  fs.writeFileSync(name, text);
  return name;
}
const map = (more: Record<string, unknown> = {}) => readMap(file(JSON.stringify({ workflow: "W", key: "No", opened_at: "On", ...more })));
const rows = (csv: string, more?: Record<string, unknown>) => toRows(map(more), readSheet(file(csv)));

test("dates are read in the forms of the map, and checked", () => {
  const forms = ["YYYY-MM-DD", "DD.MM.YYYY", "MM/DD/YYYY"];
  assert.deepEqual(["2025-03-05", "5.3.2025", "3/5/2025", "2025-03-05 9:30", "05.03.2025T09:30:15"].map((t) => readDate(t, forms)),
    ["2025-03-05", "2025-03-05", "2025-03-05", "2025-03-05T09:30:00", "2025-03-05T09:30:15"]);
  for (const bad of ["31.02.2025", "13/13/2025", "05-03-2025", "soon", "2025-03-05 930", ""]) assert.equal(readDate(bad, forms), undefined, bad);
  assert.equal(readDate("3/5/2025", ["DD/MM/YYYY"]), "2025-05-03");
});

test("numbers are read as people write them", () => {
  assert.deepEqual(["12", "-3.5", "12,500.00", "8.900,50", "$ 42,000", "1'500", "7,5"].map(readNumber), [12, -3.5, 12500, 8900.5, 42000, 1500, 7.5]);
  for (const bad of ["about 5000", "", "1,2,3", "NaN"]) assert.equal(readNumber(bad), undefined, bad);
});

test("byte order mark, semicolons, quotes, empty cells and lines", () => {
  const [one, two, ...none] = rows('\uFEFFNo;On;Name\r\n1;2025-03-05;"Ann; ""the first"""\r\n;;\r\n\r\n2;2025-03-06\r\n', { data: { name: "Name" } });
  assert.deepEqual(one?.row, { key: "1", opened_at: "2025-03-05", data: { name: 'Ann; "the first"' }, stages: {}, notes: [] });
  assert.deepEqual(two?.row.data, {});
  assert.equal(two.line, 5);
  assert.deepEqual(none, []);
  assert.equal(rows("No,On\n1,2025-03-05\n")[0]?.row["key"], "1");
});

test("a line is told by where it begins in the file, whatever ends lines and stands in cells", () => {
  for (const end of ["\r\n", "\n", "\r"]) {
    const csv = ["No;On;Name", '1;2025-03-05;"Ann', 'and Bob"', "", '2;2025-03-06;"a', '', '"', "3;2025-03-07;x", "4;2025-03-08;y"].join(end);
    assert.deepEqual(rows(csv, { data: { name: "Name" } }).map(({ line, row }) => [line, row.data]),
      [[2, { name: "Ann\nand Bob" }], [5, { name: "a\n\n" }], [8, { name: "x" }], [9, { name: "y" }]], JSON.stringify(end));
  }
});

test("stages, their states and notes", () => {
  const more = {
    stages: {
      a: { finished_at: "A", worker: "By", output: { score: { column: "Score", type: "number" } } },
      b: { status: { column: "State", values: { ok: "done", gone: "cancelled", open: null } }, finished_at: "B" },
    },
    notes: [{ at: "On", body: "Text", public: true }],
  };
  const csv = (line: string) => rows(`No;On;A;By;Score;State;B;Text\n${line}\n`, more)[0];
  assert.deepEqual(csv("1;2025-03-05;2025-03-06;Meg;0.9;OK;2025-03-07;hello")?.row, {
    key: "1", opened_at: "2025-03-05", data: {},
    stages: { a: { finished_at: "2025-03-06", worker: "Meg", output: { score: 0.9 } }, b: { status: "done", finished_at: "2025-03-07" } },
    notes: [{ at: "2025-03-05", body: "hello", public: true }],
  });
  // who is to do it, and when it ended otherwise, say nothing of a stage
  assert.deepEqual(csv("1;2025-03-05;;Meg;;gone;2025-03-07;")?.row.stages, { b: { status: "cancelled" } });
  assert.deepEqual(csv("1;2025-03-05;;;;open;;")?.row.stages, {});
  assert.deepEqual(csv("1;2025-03-05;;;;lost;;")?.problems, ['State: unknown value: "lost"']);
});

test("every problem of every line; what repeats is left out, what contradicts is a problem", () => {
  const lines = rows("No;On;N\n1;2025-03-05;1\n1;2025-03-05;1\n1;2025-03-06;1\n;x;y\n", { data: { n: { column: "N", type: "number" } } });
  assert.deepEqual(lines.map(({ line, problems, again }) => [line, problems, again]), [
    [2, [], undefined],
    [3, [], 2],
    [4, ["line 2 has the same key and says something else"], undefined],
    [5, ['On: no date: "x"', 'N: no number: "y"', "No: empty, and it is the key of the line"], undefined],
  ]);
});

test("a map that is wrong, a column that is not there, a file that is no spreadsheet", () => {
  const refused = (more: Record<string, unknown>, what: RegExp) => { assert.throws(() => map(more), (error) => error instanceof ImportError && what.test(error.message), what.source); };
  refused({ colour: 1 }, /unknown key: colour/);
  refused({ opened_at: undefined }, /no "opened_at"/);
  refused({ dates: ["YY"] }, /forms/);
  refused({ data: { a: { column: "A", typ: "text" } } }, /data\.a\.typ/);
  refused({ data: { a: {} } }, /either "column" or "value"/);
  refused({ stages: { a: { done: "A" } } }, /stages\.a\.done/);
  // each place has its kind of value
  refused({ workflow: 1 }, /workflow/);
  refused({ delimiter: 1 }, /delimiter/);
  refused({ dates: ["toString"] }, /forms/);
  refused({ data: "A" }, /data of the map must be an object/);
  refused({ data: { a: { column: 1 } } }, /data\.a\.column/);
  refused({ data: { a: { column: "A", values: "B" } } }, /data\.a\.values/);
  refused({ stages: [] }, /stages of the map must be an object/);
  refused({ stages: { a: { output: "A" } } }, /stages\.a\.output of the map must be an object/);
  refused({ notes: 1 }, /notes of the map must be a list/);
  refused({ notes: [null] }, /notes\[0\] of the map must be an object/);
  assert.throws(() => readMap(file("{")), ImportError);
  assert.throws(() => rows("No;On\n1;2025-03-05\n", { data: { a: "A" } }), /no column "A", which data.a of the map names; it has No, On/);
  assert.throws(() => rows("No;On\n"), /no lines/);
  assert.throws(() => rows('No;On\n"1;2\n'), ImportError);
});

test("a table has its columns under each other, and is not too wide", () => {
  assert.equal(table(["a", "long head"], [["1", "x"], ["22", "y".repeat(100)]]).split("\n").map((l) => l.length).at(-1), 1 + 2 + 3 + 90);
});
