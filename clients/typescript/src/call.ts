/*
 * One call of a function of oms is one parameterised statement. Results come as JSON text, so they
 * depend neither on settings of the session (DateStyle) nor on type parsers of the application.
 */
import { ask } from "./cells.js";
import type { CallOptions, Queryable } from "./connection.js";
import { BadArgument, asOmsError } from "./errors.js";

/** An argument: its name, SQL type and value; undefined leaves it to its default. */
export type Arg = readonly [name: string, type: string, value: unknown];

/** An argument without a default: to leave it out is a mistake, also where the server would take a NULL. */
export function arg(name: string, type: string, value: unknown): Arg {
  if (value === undefined) throw new BadArgument({ message: `${name} is missing`, code: "22023" });
  return [name, type, value];
}

/** The same where the server takes NULL for a number that nobody has, and answers with nothing. */
export function number(name: string, value: unknown): Arg {
  return arg(name, "text", value ?? undefined);
}

/** An argument with a default. */
export function opt(name: string, type: string, value: unknown): Arg {
  return [name, type, value];
}

export const ticketArg = (ticket: string): Arg => arg("ticket", "oms.ticket_id", ticket);

/** Undefined for functions and symbols, whatever the library's type says. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/** A value as JSON for a parameter. */
export function json(value: unknown): string | null | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (error) {
    throw new BadArgument({ message: `not to be written as JSON: ${(error as Error).message}`, code: "22023" }, error);
  }
  if (text === undefined) throw new BadArgument({ message: `not to be written as JSON: a ${typeof value}`, code: "22023" });
  return text;
}

/** An instant for a parameter. */
export function instant(value: Date | null | undefined): string | null | undefined {
  if (value === undefined || value === null) return value;
  if (Number.isNaN(value.getTime())) throw new BadArgument({ message: "invalid Date", code: "22023" });
  return value.toISOString();
}

/** Seconds as an interval; undefined stays undefined. */
export function seconds(value: number | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!Number.isFinite(value)) throw new BadArgument({ message: `not a number of seconds: ${value}`, code: "22023" });
  return `${value.toFixed(6)} seconds`;
}

/** An instant of a result. */
export function date(value: unknown): Date {
  return new Date(value as string);
}

/** An instant of a result that may be missing. */
export function dateOrNull(value: unknown): Date | null {
  return value === null || value === undefined ? null : date(value);
}

interface Row {
  r: string | null;
}

/** Runs the statement of a call where the call belongs, which its name and arguments tell. */
async function run(text: string, values: unknown[], options: CallOptions, fn: string, args: readonly Arg[]): Promise<Row[]> {
  try {
    return (await ask(fn, args, options, (at) => at.query(text, values))).rows as Row[];
  } catch (error) {
    throw asOmsError(error);
  }
}

function statement(fn: string, args: readonly Arg[]): { text: string; values: unknown[] } {
  const given = args.filter(([, , value]) => value !== undefined);
  const list = given.map(([name, type], i) => `"${name}" => $${i + 1}::${type}`).join(", ");
  return { text: `oms.${fn}(${list})`, values: given.map(([, , value]) => value) };
}

function parse(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}

/** Calls a function that returns nothing. */
export async function callVoid(fn: string, args: readonly Arg[], options: CallOptions): Promise<void> {
  const { text, values } = statement(fn, args);
  await run(`SELECT ${text}`, values, options, fn, args);
}

/** Calls a function that returns one value. `wrap` may convert it in SQL, as in `extract(epoch FROM *)`. */
export async function callValue(fn: string, args: readonly Arg[], options: CallOptions, wrap = "*"): Promise<unknown> {
  const { text, values } = statement(fn, args);
  const rows = await run(`SELECT pg_catalog.to_json(${wrap.replace("*", text)})::text AS r`, values, options, fn, args);
  return parse(rows[0]?.r ?? null);
}

/** Calls a function that returns a set of single values. */
export async function callValues(fn: string, args: readonly Arg[], options: CallOptions): Promise<unknown[]> {
  const { text, values } = statement(fn, args);
  const rows = await run(`SELECT pg_catalog.to_json(r)::text AS r FROM ${text} AS r`, values, options, fn, args);
  return rows.map((row) => parse(row.r));
}

/** Calls a function, or reads a view, that returns rows. `columns` may convert some in SQL. */
export async function callRows(
  fn: string,
  args: readonly Arg[],
  options: CallOptions,
  columns = "*",
): Promise<Record<string, unknown>[]> {
  const { text, values } = statement(fn, args);
  return rowsOf(text, values, options, columns, fn, args);
}

/** Reads one value of a query. */
export async function readValue(query: string, values: unknown[], client: Queryable): Promise<unknown> {
  const rows = await run(`SELECT pg_catalog.to_json((${query}))::text AS r`, values, { client }, "query", []);
  return parse(rows[0]?.r ?? null);
}

/** Reads rows from a view of oms. */
export async function readView(view: string, options: CallOptions): Promise<Record<string, unknown>[]> {
  return rowsOf(`oms.${view}`, [], options, "*", view, []);
}

async function rowsOf(from: string, values: unknown[], options: CallOptions, columns: string, fn: string, args: readonly Arg[]) {
  const rows = await run(
    `SELECT pg_catalog.to_json(r)::text AS r FROM (SELECT ${columns} FROM ${from} AS f) AS r`,
    values,
    options,
    fn,
    args,
  );
  return rows.map((row) => parse(row.r) as Record<string, unknown>);
}

/** A row with its keys in camelCase, and those in `dates` as Date. Values inside are left alone. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it is an assertion with a name
export function shape<T>(row: Record<string, unknown>, dates: readonly string[] = []): T {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(row)) {
    const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    out[name] = dates.includes(key) ? dateOrNull(value) : value;
  }
  return out as T;
}
