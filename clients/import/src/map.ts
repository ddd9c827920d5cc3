// From the lines of a spreadsheet to rows for oms.import_tickets(), by a map of its columns.
import fs from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { parse } from "csv-parse/sync";

/** Something that the person at the keyboard can mend. */
export class ImportError extends Error {}

const TYPES = ["text", "number", "date"] as const;
type FieldType = (typeof TYPES)[number];
/** A place of the map: which column is read and as what, or a constant. */
interface Field {
  /** Where in the map it stands. */
  place: string;
  type: FieldType;
  column?: string;
  /** What stands there instead of a cell. */
  value?: unknown;
  /** What the cells mean, whatever the case; null: nothing. */
  values?: Record<string, unknown>;
}
type Fields = Record<string, Field>;
/** The map, with all of its places read. */
export interface SheetMap {
  workflow: string;
  delimiter: string | undefined;
  dates: readonly string[];
  fields: Fields;
  data: Fields;
  stages: Record<string, { fields: Fields; output: Fields | undefined }>;
  notes: { at: Field; body: Field; public: boolean }[];
}
/** A line of the spreadsheet. */
interface SheetLine {
  line: number;
  cells: Record<string, string>;
}
/** A row for oms.import_tickets(). */
interface Row {
  [field: string]: unknown;
  data: Record<string, unknown>;
  stages: Record<string, Record<string, unknown>>;
  notes: { at: unknown; body: unknown; public: boolean }[];
}
/** A line with what becomes of it; again: the line that it repeats. */
export interface Line {
  line: number;
  key: string;
  row: Row;
  problems: string[];
  again?: number;
}

const FORMS: Readonly<Record<string, RegExp>> = {
  "YYYY-MM-DD": /^(?<y>\d{4})-(?<m>\d{1,2})-(?<d>\d{1,2})$/,
  "DD.MM.YYYY": /^(?<d>\d{1,2})\.(?<m>\d{1,2})\.(?<y>\d{4})$/,
  "MM/DD/YYYY": /^(?<m>\d{1,2})\/(?<d>\d{1,2})\/(?<y>\d{4})$/,
  "DD/MM/YYYY": /^(?<d>\d{1,2})\/(?<m>\d{1,2})\/(?<y>\d{4})$/,
};
/** The fields of a row, and as what they are read. */
const ROW: Readonly<Record<string, FieldType>> = { key: "text", reference: "text", opened_at: "date", closed_at: "date", applicant: "text", priority: "number" };
const STATUSES: readonly unknown[] = ["done", "skipped", "queued", "cancelled"];

const two = (n: string | undefined) => (n ?? "").padStart(2, "0");

/** A date in one of the forms, maybe with a time of day, as ISO 8601; undefined if it is none. */
export function readDate(text: string, forms: readonly string[]): string | undefined {
  const [, day, hours, minutes, seconds] = /^(\S+?)(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(text) ?? [];
  for (const form of day === undefined ? [] : forms) {
    const { y, m, d } = FORMS[form]?.exec(day ?? "")?.groups ?? {};
    if (y === undefined) continue;
    const date = new Date(Date.UTC(Number(y), Number(m) - 1, Number(d)));
    if (date.getUTCMonth() !== Number(m) - 1 || date.getUTCDate() !== Number(d)) continue;
    const whole = `${y}-${two(m)}-${two(d)}`;
    return hours === undefined ? whole : `${whole}T${two(hours)}:${two(minutes)}:${seconds ?? "00"}`;
  }
  return undefined;
}

/** "1,234.50", "1.234,50" or "1234.5" as a number; undefined if it is none. */
export function readNumber(text: string): number | undefined {
  const bare = text.replaceAll(/[\s'$€]/g, "");
  if (/^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(bare)) return Number(bare.replaceAll(",", ""));
  if (/^-?\d{1,3}(\.\d{3})+(,\d+)?$/.test(bare)) return Number(bare.replaceAll(".", "").replace(",", "."));
  if (/^-?\d+([.,]\d+)?$/.test(bare)) return Number(bare.replace(",", "."));
  return undefined;
}

// ---- the map ----

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function known(object: Record<string, unknown>, keys: readonly string[], place: string): void {
  for (const key of Object.keys(object)) if (!keys.includes(key)) throw new ImportError(`the map has an unknown key: ${place}${key}; known are ${keys.join(", ")}`);
}

/** What stands at a place of the map, as an object; nothing: an empty one. */
function objectAt(value: unknown, place: string): Record<string, unknown> {
  if (value === undefined) return {};
  if (!isObject(value)) throw new ImportError(`${place} of the map must be an object`);
  return value;
}

/** A column by name, or {"column", "type", "values"}, or {"value"}: a constant. */
function readField(field: unknown, place: string, byDefault: FieldType): Field {
  if (typeof field === "string") return { column: field, type: byDefault, place };
  if (!isObject(field)) throw new ImportError(`${place} of the map must be the name of a column, or an object`);
  known(field, ["column", "value", "type", "values"], `${place}.`);
  const { column, value } = field;
  if ((column === undefined) === (value === undefined)) throw new ImportError(`${place} of the map needs either "column" or "value"`);
  if (column !== undefined && typeof column !== "string") throw new ImportError(`${place}.column of the map must be the name of a column`);
  const type = field["type"] === undefined ? byDefault : TYPES.find((one) => one === field["type"]);
  if (type === undefined) throw new ImportError(`${place}.type of the map is text, number or date`);
  return {
    place,
    type,
    ...(column === undefined ? { value } : { column }),
    ...(field["values"] === undefined ? {} : { values: objectAt(field["values"], `${place}.values`) }),
  };
}

/** Fields by their names. */
function readFields(value: unknown, place: string): Fields {
  return Object.fromEntries(Object.entries(objectAt(value, place)).map(([name, field]) => [name, readField(field, `${place}.${name}`, "text")]));
}

function readStage(value: unknown, place: string): SheetMap["stages"][string] {
  const { output, ...stage } = objectAt(value, place);
  known(stage, ["status", "queued_at", "finished_at", "worker", "note", "output"], `${place}.`);
  return {
    fields: Object.fromEntries(Object.entries(stage).map(([key, field]) => [key, readField(field, `${place}.${key}`, key.endsWith("_at") ? "date" : "text")])),
    output: output === undefined ? undefined : readFields(output, `${place}.output`),
  };
}

function readNote(value: unknown, place: string): SheetMap["notes"][number] {
  const note = objectAt(value, place);
  known(note, ["at", "body", "public"], `${place}.`);
  return { at: readField(note["at"], `${place}.at`, "date"), body: readField(note["body"], `${place}.body`, "text"), public: note["public"] === true };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (error) {
    throw new ImportError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Reads the map; everything in it is known, or it is an error. */
export function readMap(file: string): SheetMap {
  const map = readJson(file);
  if (!isObject(map)) throw new ImportError(`${file} must be a JSON object`);
  const { workflow, delimiter, dates = ["YYYY-MM-DD"], data, stages, notes = [], ...rest } = map;
  known(map, ["workflow", "delimiter", "dates", ...Object.keys(ROW), "data", "stages", "notes"], "");
  for (const key of ["workflow", "key", "opened_at"]) if (map[key] === undefined) throw new ImportError(`the map has no "${key}"`);
  if (typeof workflow !== "string") throw new ImportError("workflow of the map must be the name of a workflow");
  if (delimiter !== undefined && typeof delimiter !== "string") throw new ImportError("delimiter of the map must be a text");
  if (!Array.isArray(dates) || dates.length === 0 || !dates.every((form) => typeof form === "string" && Object.hasOwn(FORMS, form)))
    throw new ImportError(`dates of the map is a list of these forms: ${Object.keys(FORMS).join(", ")}`);
  if (!Array.isArray(notes)) throw new ImportError("notes of the map must be a list");
  return {
    workflow,
    delimiter,
    dates: dates as string[],
    fields: Object.fromEntries(Object.entries(rest).map(([key, field]) => [key, readField(field, key, ROW[key] ?? "text")])),
    data: readFields(data, "data"),
    stages: Object.fromEntries(Object.entries(objectAt(stages, "stages")).map(([id, stage]) => [id, readStage(stage, `stages.${id}`)])),
    notes: notes.map((note, i) => readNote(note, `notes[${i}]`)),
  };
}

// ---- the lines ----

/** The delimiter that the first line has most of. */
function guessDelimiter(text: string): string {
  const first = text.slice(0, text.search(/\n|$/));
  const count = (delimiter: string) => first.split(delimiter).length;
  return [";", ",", "\t"].reduce((most, one) => (count(one) > count(most) ? one : most));
}

/** The lines of the spreadsheet that are not empty; a cell may have several, and lines end as they like. */
export function readSheet(file: string, delimiter?: string): SheetLine[] {
  const text = fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  try {
    const lines = parse(text, {
      columns: true, info: true, raw: true, delimiter: delimiter ?? guessDelimiter(text), skip_empty_lines: true, trim: true, relax_column_count_less: true,
    }) as unknown as { record: SheetLine["cells"]; info: { lines: number }; raw: string }[];
    return lines
      // what is told is where it ends, and the empty lines before it are part of it
      .map(({ record, info, raw }) => ({ line: info.lines - (raw.trim().split("\n").length - 1), cells: record }))
      .filter(({ cells }) => Object.values(cells).some((cell) => cell !== ""));
  } catch (error) {
    throw new ImportError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function fieldsOf(map: SheetMap): Field[] {
  const groups = [map.fields, map.data, ...Object.values(map.stages).flatMap(({ fields, output = {} }) => [fields, output])];
  return [...groups.flatMap((fields) => Object.values(fields)), ...map.notes.flatMap(({ at, body }) => [at, body])];
}

/** What a field says in a line; undefined: its cell is empty. */
function take(field: Field, cells: SheetLine["cells"], dates: readonly string[], problems: string[]): unknown {
  if (field.column === undefined) return field.value;
  const cell = cells[field.column] ?? "";
  if (cell === "") return undefined;
  const say = (what: string): unknown => {
    problems.push(`${field.column ?? ""}: ${what}: "${cell}"`);
    return undefined;
  };
  if (field.values !== undefined) {
    const found = Object.entries(field.values).find(([key]) => key.toLowerCase() === cell.toLowerCase());
    return found === undefined ? say("unknown value") : (found[1] ?? undefined);
  }
  if (field.type === "date") return readDate(cell, dates) ?? say("no date");
  if (field.type === "number") return readNumber(cell) ?? say("no number");
  return cell;
}

/** A text as it is, and anything else as JSON. */
const inWords = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
const given = (object: Record<string, unknown>) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** A line as a row for oms.import_tickets(), and what is wrong with its cells. */
function toRow(map: SheetMap, cells: SheetLine["cells"]): { row: Row; problems: string[] } {
  const problems: string[] = [];
  const get = (field: Field) => take(field, cells, map.dates, problems);
  const all = (fields: Fields) => given(Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, get(field)])));
  const row: Row = { ...all(map.fields), data: all(map.data), stages: {}, notes: [] };
  for (const [id, { fields, output }] of Object.entries(map.stages)) {
    const told = all(fields);
    if (output !== undefined && (told["status"] === "done" || (told["status"] === undefined && told["finished_at"] !== undefined))) told["output"] = all(output);
    if (told["status"] !== undefined && !STATUSES.includes(told["status"])) problems.push(`stage ${id}: "${inWords(told["status"])}" is no status`);
    // of a stage that is not finished a sheet may say who is to do it, and when the case ended
    if (told["status"] === undefined && told["finished_at"] === undefined) continue;
    row.stages[id] = told["status"] === "queued" || told["status"] === "cancelled" ? given({ status: told["status"], queued_at: told["queued_at"] }) : told;
  }
  for (const note of map.notes) {
    const body = get(note.body);
    if (body !== undefined) row.notes.push({ at: get(note.at) ?? row["opened_at"], body, public: note.public });
  }
  if (row["key"] === undefined) problems.push(`${map.fields["key"]?.column ?? ""}: empty, and it is the key of the line`);
  return { row, problems: [...new Set(problems)] };
}

/**
 * All lines with what becomes of them. One that stands there twice is left out the second time; two that differ and have
 * one key are a problem.
 */
export function toRows(map: SheetMap, sheet: readonly SheetLine[]): Line[] {
  const [top] = sheet;
  if (top === undefined) throw new ImportError("the spreadsheet has no lines");
  for (const { column, place } of fieldsOf(map))
    if (column !== undefined && !(column in top.cells))
      throw new ImportError(`the spreadsheet has no column "${column}", which ${place} of the map names; it has ${Object.keys(top.cells).join(", ")}`);
  const seen = new Map<unknown, { line: number; row: Row }>();
  return sheet.map(({ line, cells }) => {
    const { row, problems } = toRow(map, cells);
    const { key } = row;
    const first = key === undefined ? undefined : seen.get(key);
    if (first === undefined) seen.set(key, { line, row });
    else if (isDeepStrictEqual(first.row, row)) return { line, key: inWords(key), row, problems: [], again: first.line };
    else problems.push(`line ${first.line} has the same key and says something else`);
    return { line, key: key === undefined ? "" : inWords(key), row, problems };
  });
}
