// From the lines of a spreadsheet to rows for oms.import_tickets(), by a map of its columns.
import fs from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { parse } from "csv-parse/sync";

/** Something that the person at the keyboard can mend. */
export class ImportError extends Error {}

const FORMS = {
  "YYYY-MM-DD": /^(?<y>\d{4})-(?<m>\d{1,2})-(?<d>\d{1,2})$/,
  "DD.MM.YYYY": /^(?<d>\d{1,2})\.(?<m>\d{1,2})\.(?<y>\d{4})$/,
  "MM/DD/YYYY": /^(?<m>\d{1,2})\/(?<d>\d{1,2})\/(?<y>\d{4})$/,
  "DD/MM/YYYY": /^(?<d>\d{1,2})\/(?<m>\d{1,2})\/(?<y>\d{4})$/,
};
const STATUSES = ["done", "skipped", "queued", "cancelled"];

const two = (n) => String(n).padStart(2, "0");

/** A date in one of the forms, maybe with a time of day, as ISO 8601; undefined if it is none. */
export function readDate(text, forms) {
  const [, day, hours, minutes, seconds] = /^(\S+?)(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(text) ?? [];
  for (const form of day === undefined ? [] : forms) {
    const { y, m, d } = FORMS[form].exec(day)?.groups ?? {};
    if (y === undefined) continue;
    const date = new Date(Date.UTC(Number(y), Number(m) - 1, Number(d)));
    if (date.getUTCMonth() !== Number(m) - 1 || date.getUTCDate() !== Number(d)) continue;
    const whole = `${y}-${two(m)}-${two(d)}`;
    return hours === undefined ? whole : `${whole}T${two(hours)}:${minutes}:${seconds ?? "00"}`;
  }
  return undefined;
}

/** "1,234.50", "1.234,50" or "1234.5" as a number; undefined if it is none. */
export function readNumber(text) {
  const bare = text.replaceAll(/[\s'$€]/g, "");
  if (/^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(bare)) return Number(bare.replaceAll(",", ""));
  if (/^-?\d{1,3}(\.\d{3})+(,\d+)?$/.test(bare)) return Number(bare.replaceAll(".", "").replace(",", "."));
  if (/^-?\d+([.,]\d+)?$/.test(bare)) return Number(bare.replace(",", "."));
  return undefined;
}

// ---- the map ----

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function known(object, keys, place) {
  for (const key of Object.keys(object)) if (!keys.includes(key)) throw new ImportError(`the map has an unknown key: ${place}${key}; known are ${keys.join(", ")}`);
}

/** A column by name, or {"column", "type", "values"}, or {"value"}: a constant. */
function readField(field, place, type) {
  if (typeof field === "string") return { column: field, type, place };
  if (!isObject(field)) throw new ImportError(`${place} of the map must be the name of a column, or an object`);
  known(field, ["column", "value", "type", "values"], `${place}.`);
  if ((field.column === undefined) === (field.value === undefined)) throw new ImportError(`${place} of the map needs either "column" or "value"`);
  if (field.type !== undefined && !["text", "number", "date"].includes(field.type)) throw new ImportError(`${place}.type of the map is text, number or date`);
  return { ...field, type: field.type ?? type, place };
}

/** Reads the map; everything in it is known, or it is an error. */
export function readMap(file) {
  let map;
  try {
    map = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    throw new ImportError(`${file}: ${error.message}`);
  }
  if (!isObject(map)) throw new ImportError(`${file} must be a JSON object`);
  known(map, ["workflow", "delimiter", "dates", "key", "reference", "opened_at", "closed_at", "applicant", "priority", "data", "stages", "notes"], "");
  for (const key of ["workflow", "key", "opened_at"]) if (map[key] === undefined) throw new ImportError(`the map has no "${key}"`);
  const dates = map.dates ?? ["YYYY-MM-DD"];
  if (!Array.isArray(dates) || dates.length === 0 || dates.some((form) => !(form in FORMS))) throw new ImportError(`dates of the map is a list of these forms: ${Object.keys(FORMS).join(", ")}`);
  const fields = { key: "text", reference: "text", opened_at: "date", closed_at: "date", applicant: "text", priority: "number" };
  const read = { workflow: map.workflow, delimiter: map.delimiter, dates, fields: {}, data: {}, stages: {}, notes: [] };
  for (const [key, type] of Object.entries(fields)) if (map[key] !== undefined) read.fields[key] = readField(map[key], key, type);
  for (const [key, field] of Object.entries(map.data ?? {})) read.data[key] = readField(field, `data.${key}`, "text");
  for (const [id, stage] of Object.entries(map.stages ?? {})) {
    const place = `stages.${id}`;
    if (!isObject(stage)) throw new ImportError(`${place} of the map must be an object`);
    known(stage, ["status", "queued_at", "finished_at", "worker", "note", "output"], `${place}.`);
    read.stages[id] = {};
    for (const [key, field] of Object.entries(stage)) {
      if (key !== "output") read.stages[id][key] = readField(field, `${place}.${key}`, key.endsWith("_at") ? "date" : "text");
      else read.stages[id].output = Object.fromEntries(Object.entries(field).map(([name, one]) => [name, readField(one, `${place}.output.${name}`, "text")]));
    }
  }
  for (const [i, note] of (map.notes ?? []).entries()) {
    known(note, ["at", "body", "public"], `notes[${i}].`);
    read.notes.push({ at: readField(note.at, `notes[${i}].at`, "date"), body: readField(note.body, `notes[${i}].body`, "text"), public: note.public === true });
  }
  return read;
}

// ---- the lines ----

/** The delimiter that the first line has most of. */
function guessDelimiter(text) {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  return [";", ",", "\t"].map((d) => [d, first.split(d).length]).sort((a, b) => b[1] - a[1])[0][0];
}

/** The spreadsheet as [{ line, cells }]. */
export function readSheet(file, delimiter) {
  const text = fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  try {
    return parse(text, { columns: true, info: true, delimiter: delimiter ?? guessDelimiter(text), skip_empty_lines: true, trim: true, relax_column_count_less: true })
      .map(({ record, info }) => ({ line: info.lines, cells: record }))
      .filter(({ cells }) => Object.values(cells).some((cell) => cell !== ""));
  } catch (error) {
    throw new ImportError(`${file}: ${error.message}`);
  }
}

function columnsOf(map) {
  const all = [...Object.values(map.fields), ...Object.values(map.data), ...map.notes.flatMap((note) => [note.at, note.body])];
  for (const { output = {}, ...stage } of Object.values(map.stages)) all.push(...Object.values(stage), ...Object.values(output));
  return all.filter((field) => field.column !== undefined);
}

/** What a field says in a line; undefined: its cell is empty. */
function take(field, cells, dates, problems) {
  if (field.value !== undefined) return field.value;
  const cell = cells[field.column] ?? "";
  if (cell === "") return undefined;
  const say = (what) => void problems.push(`${field.column}: ${what}: "${cell}"`);
  if (field.values !== undefined) {
    const found = Object.entries(field.values).find(([key]) => key.toLowerCase() === cell.toLowerCase());
    return found === undefined ? say("unknown value") : (found[1] ?? undefined);
  }
  if (field.type === "date") return readDate(cell, dates) ?? say("no date");
  if (field.type === "number") return readNumber(cell) ?? say("no number");
  return cell;
}

const given = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** A line as a row for oms.import_tickets(), and what is wrong with its cells. */
function toRow(map, cells) {
  const problems = [];
  const get = (field) => take(field, cells, map.dates, problems);
  const all = (fields) => given(Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, get(field)])));
  const row = { ...all(map.fields), data: all(map.data), stages: {}, notes: [] };
  for (const [id, { output, ...stage }] of Object.entries(map.stages)) {
    const told = all(stage);
    if (output !== undefined && (told.status === "done" || (told.status === undefined && told.finished_at !== undefined))) told.output = all(output);
    if (told.status !== undefined && !STATUSES.includes(told.status)) problems.push(`stage ${id}: "${told.status}" is no status`);
    // of a stage that is not finished a sheet may say who is to do it, and when the case ended
    if (told.status === undefined && told.finished_at === undefined) continue;
    row.stages[id] = told.status === "queued" || told.status === "cancelled" ? given({ status: told.status, queued_at: told.queued_at }) : told;
  }
  for (const note of map.notes) {
    const body = get(note.body);
    if (body !== undefined) row.notes.push({ at: get(note.at) ?? row.opened_at, body, public: note.public });
  }
  if (row.key === undefined) problems.push(`${map.fields.key.column}: empty, and it is the key of the line`);
  return { row, problems: [...new Set(problems)] };
}

/**
 * All lines as { line, key, row, problems }. One that stands there twice is left out the second time (again: the
 * line that it repeats); two that differ and have one key are a problem.
 */
export function toRows(map, sheet) {
  if (sheet.length === 0) throw new ImportError("the spreadsheet has no lines");
  for (const { column, place } of columnsOf(map))
    if (!(column in sheet[0].cells)) throw new ImportError(`the spreadsheet has no column "${column}", which ${place} of the map names; it has ${Object.keys(sheet[0].cells).join(", ")}`);
  const seen = new Map();
  return sheet.map(({ line, cells }) => {
    const { row, problems } = toRow(map, cells);
    const first = row.key === undefined ? undefined : seen.get(row.key);
    if (first === undefined) seen.set(row.key, { line, row });
    else if (isDeepStrictEqual(first.row, row)) return { line, key: row.key, row, problems: [], again: first.line };
    else problems.push(`line ${first.line} has the same key and says something else`);
    return { line, key: row.key ?? "", row, problems };
  });
}
