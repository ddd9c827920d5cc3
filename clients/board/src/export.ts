/** Tables for other programs: CSV by RFC 4180, and JSON. */
import type { Row } from "./db.js";
import { Refused, type Web } from "./web.js";

/** What one answer carries at most. */
export const MOST_ROWS = 10_000;

export interface Sheet {
  /** Name of the file, without its ending. */
  name: string;
  columns: readonly string[];
  /** With one row more than MOST_ROWS, it says that there are more. */
  rows: readonly object[];
  /** What was asked for. */
  asked: Record<string, string | undefined>;
}

/**
 * What begins like a formula, behind quotes and what is not seen: in front of all, and behind what ends a cell where the
 * spreadsheet does not part at commas.
 */
const FORMULA = /(^|[;|\t\r\n])(?=[\s"\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*[=+\-@\uFF0B\uFF0D\uFF1D\uFF20])|^(?=\s*[\t\r])/gu;

/** A field of CSV. A formula gets an apostrophe in front; numbers are numbers, with a minus too. */
function field(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const raw = value instanceof Date ? (Number.isFinite(value.getTime()) ? value.toISOString() : "") : typeof value === "string" ? value : JSON.stringify(value);
  const text = raw.replace(FORMULA, "$1'");
  return /[",;\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(columns: readonly string[], rows: readonly object[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((name) => (row as Row)[name]))];
  // The mark at the beginning tells spreadsheets that it is UTF-8.
  return "\uFEFF" + lines.map((line) => line.map(field).join(",") + "\r\n").join("");
}

/** Which of the two the address asks for, by its ending. */
export function formatOf(c: Web): "csv" | "json" {
  const ending = /\.(csv|json)$/.exec(c.req.path)?.[1];
  if (ending === undefined) throw new Refused(404, "There is no such page.");
  return ending as "csv" | "json";
}

export function send(c: Web, sheet: Sheet) {
  const truncated = sheet.rows.length > MOST_ROWS;
  const rows = sheet.rows.slice(0, MOST_ROWS);
  if (formatOf(c) === "json") {
    const only = rows.map((row) => Object.fromEntries(sheet.columns.map((name) => [name, (row as Row)[name] ?? null])));
    return c.json({ name: sheet.name, asked: sheet.asked, truncated, rows: only });
  }
  // A file has no other place to say that there is more.
  const file = [sheet.name, ...(truncated ? [`first-${MOST_ROWS}`] : [])].join("-");
  c.header("content-type", "text/csv; charset=utf-8; header=present");
  c.header("content-disposition", `attachment; filename="${file.replaceAll(/[^\w-]/g, "_")}.csv"`);
  return c.body(csv(sheet.columns, rows));
}
