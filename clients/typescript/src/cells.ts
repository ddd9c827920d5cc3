/*
 * Several cells in place of one database: which one a call goes to, as the front chooses it.
 */
import pg from "pg";
import { sleep } from "./backoff.js";
import type { Arg } from "./call.js";
import {
  type CallOptions, type CellOptions, type Lent, type QueryRows, type Queryable, cellOptions, lend, newPool, onConfigured, pool, poolConfig,
} from "./connection.js";
import { BadArgument, CellUnavailable, UnknownTicket, isOfConnection } from "./errors.js";
import type { TicketId } from "./types.js";

/** How long a cell may take to tell its ranges. */
const RANGES_MS = 10_000;

/**
 * Functions that any cell answers alike; those of tickets go to the ticket's, and all others are asked at one cell by name.
 *
 * @internal
 */
export const anyCell = new Set([
  "breached", "business_add", "business_time", "calendar_problem", "diagram", "draw_workflow", "get_workflow", "next_stages",
  "us_federal_holidays", "validate_workflow",
]);

type Range = readonly [first: number, last: number];

/** One of the cells. As `client` of a call it is asked itself. */
export class Cell implements Queryable {
  /** What errors call it. */
  readonly name: string;
  /** @internal */
  readonly keyed: boolean;
  /** @internal Not known as long as it was not reached. */
  ranges: readonly Range[] = [];
  #pool: pg.Pool | undefined;

  /** @internal */
  constructor(private readonly options: CellOptions) {
    this.name = options.name ?? new pg.Client(poolConfig(options)).database ?? "";
    this.keyed = options.keyed ?? true;
  }

  /** @internal */
  get pool(): pg.Pool {
    this.#pool ??= newPool(this.options);
    return this.#pool;
  }

  /** @internal */
  async lend(): Promise<Lent> {
    try {
      return await lend(this.pool);
    } catch (error) {
      throw new CellUnavailable(this.name, "08001", error);
    }
  }

  /**
   * Runs one statement there.
   *
   * @param text - the statement
   * @param values - its parameters
   * @throws {@link CellUnavailable}
   */
  async query(text: string, values: unknown[] = []): Promise<QueryRows> {
    const { client, release } = await this.lend();
    let broken: Error | undefined;
    try {
      return await client.query(text, values);
    } catch (error) {
      if (!isOfConnection(error)) throw error;
      broken = new CellUnavailable(this.name, "08007", error);
      throw broken;
    } finally {
      release(broken);
    }
  }

  /** @internal */
  async readRanges(): Promise<void> {
    const over = new AbortController();
    const late = sleep(RANGES_MS, over.signal).then(() => {
      throw new CellUnavailable(this.name, "08001", new Error("it does not answer"));
    });
    late.catch(() => undefined);
    try {
      const answer = this.query(
        "SELECT pg_catalog.json_agg(pg_catalog.json_build_array(r.first_number, r.last_number))::pg_catalog.text AS r FROM oms.number_range AS r");
      answer.catch(() => undefined);
      const [row] = (await Promise.race([answer, late])).rows as { r: string | null }[];
      this.ranges = JSON.parse(row?.r ?? "[]") as Range[];
    } finally {
      over.abort();
    }
    if (this.ranges.length === 0) {
      throw wrong(`cell "${this.name}" has no ranges of ticket numbers`, "tools/cells apply gives each cell its own, or set_number_ranges() there.");
    }
  }

  /** @internal */
  has(number: number): boolean {
    return this.ranges.some(([first, last]) => number >= first && number <= last);
  }

  /** @internal */
  async close(): Promise<void> {
    const before = this.#pool;
    this.#pool = undefined;
    await before?.end();
  }
}

let made: readonly Cell[] | undefined;
/** Of the ranges, for all who need them now; what could not be asked. */
let reading: Promise<unknown[]> | undefined;
/** Whose ranges were read once, and made sense. */
let checked: readonly Cell[] | undefined;

onConfigured(async () => {
  const before = made;
  made = undefined;
  reading = undefined;
  checked = undefined;
  await Promise.all((before ?? []).map((cell) => cell.close()));
});

function wrong(message: string, hint: string): BadArgument {
  return new BadArgument({ message, code: "22023", hint });
}

/**
 * The cells of {@link configure}, in its order; none if there is one database. What the front leaves out on purpose, such as
 * workflows and imports, is called at each, or at one.
 *
 * @example
 * ```ts
 * for (const client of cells()) await createWorkflow(definition, { client });
 * ```
 */
export function cells(): readonly Cell[] {
  if (made !== undefined) return made;
  const options = cellOptions();
  if (options === undefined) return [];
  const all = options.map((one) => new Cell(one));
  if (!all.some(({ keyed }) => keyed)) throw wrong("no cell takes tickets with a key", "Name at least one cell that is keyed.");
  const twice = all.find(({ name }, i) => all.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) throw wrong(`two cells are called "${twice.name}"`, "Each database stands there once; name tells apart those that are called alike.");
  made = all;
  return all;
}

/**
 * Whether a call has several cells to choose from.
 *
 * @internal
 */
export function hasChoice(options: CallOptions): boolean {
  return options.client === undefined && cells().length > 0;
}

/** Reads the ranges of all cells again; once for all who ask at the same time. */
function readAll(): Promise<unknown[]> {
  reading ??= (async () => {
    const all = cells();
    const failed = (await Promise.allSettled(all.map((cell) => cell.readRanges()))).flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : []);
    const mistake = failed.find((error) => error instanceof BadArgument);
    if (mistake !== undefined) throw mistake;
    const sorted = all.flatMap((cell) => cell.ranges.map(([first, last]) => ({ cell, first, last }))).sort((a, b) => a.first - b.first);
    for (const [i, { cell, first }] of sorted.entries()) {
      const before = sorted[i - 1];
      if (before === undefined || before.last < first) continue;
      throw wrong(`cells "${before.cell.name}" and "${cell.name}" both give out the ticket number ${first}`,
        "Either they are the same database, or their ranges overlap: see oms.number_range at each.");
    }
    return failed;
  })().finally(() => (reading = undefined));
  return reading;
}

/**
 * Resolves when the ranges were read and make sense; a cell that was not reached is asked again when a number is missing.
 *
 * @internal
 */
export async function ready(): Promise<readonly Cell[]> {
  const all = cells();
  if (all.length > 0 && checked !== all) {
    await readAll();
    checked = all;
  }
  return all;
}

/**
 * An error of a connection, with the name of its cell.
 *
 * @internal
 */
export function named(cell: Cell | undefined, error: unknown): unknown {
  return cell !== undefined && isOfConnection(error) ? new CellUnavailable(cell.name, "08001", error) : error;
}

/** The cell of a ticket number, or of a tracking number; "malformed", or "unknown" to all cells. */
async function find(text: string, form: RegExp): Promise<Cell | "malformed" | "unknown"> {
  const all = await ready();
  const digits = form.exec(text)?.[1];
  if (digits === undefined) return "malformed";
  const look = () => all.find((cell) => cell.has(Number(digits)));
  let found = look();
  if (found === undefined) {
    const failed = await readAll();
    found = look();
    if (found === undefined && failed.length > 0) throw failed[0];
  }
  return found ?? "unknown";
}

const ticketNumber = /^[A-Z]{1,4}-\d{4}-(\d{5,10})$/i;
const trackingNumber = /^\s*[A-Z]{1,4}-\d{4}-(\d{5,10})(?:-|\s*$)/i;

function unknown(ticket: string): UnknownTicket {
  return new UnknownTicket({ message: `unknown ticket: ${ticket}`, code: "OM002", detail: "No cell gives out its number." });
}

/**
 * The cell that has a ticket, by its number.
 *
 * @param ticket - its number
 * @throws {@link UnknownTicket} if no cell gives out such numbers, {@link CellUnavailable} if one that was not reached may
 */
export async function cellOf(ticket: TicketId): Promise<Cell> {
  if (cells().length === 0) throw wrong("there are no cells", "configure({ cells: … }) names them.");
  const found = await find(ticket, ticketNumber);
  if (found === "malformed") throw new BadArgument({ message: `invalid ticket number: "${ticket}"`, code: "22P02" });
  if (found === "unknown") throw unknown(ticket);
  return found;
}

/**
 * FNV-1a of the letters in UTF-8, as the front has it.
 *
 * @internal
 */
export function digest(key: string): number {
  let hash = 2166136261;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/**
 * Opens at the cell that the key chooses, without a key the applicant, without both at any.
 *
 * @internal
 */
export async function atCellFor<T>(
  options: CallOptions & { idempotencyKey?: string | null | undefined; applicant?: string | null | undefined },
  call: (client: Queryable | undefined) => Promise<T>,
): Promise<T> {
  if (!hasChoice(options)) return call(options.client);
  const all = await ready();
  const key = options.idempotencyKey ?? options.applicant;
  if (key === undefined || key === null) return anywhere(call);
  const keyed = all.filter((cell) => cell.keyed);
  return call(keyed[digest(key) % keyed.length]);
}

/**
 * All cells from one that is chosen by chance.
 *
 * @internal
 */
export function byChance(): Cell[] {
  const all = cells();
  const first = Math.floor(Math.random() * all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

/** At any cell; at the next one if nothing was done at the first. */
async function anywhere<T>(call: (cell: Cell) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (const cell of byChance()) {
    try {
      return await call(cell);
    } catch (error) {
      if (!(error instanceof CellUnavailable && error.code === "08001")) throw error;
      failure = error;
    }
  }
  throw failure;
}

/**
 * Asks where the call belongs.
 *
 * @internal
 */
export async function ask(fn: string, args: readonly Arg[], options: CallOptions, query: (at: Queryable) => Promise<QueryRows>): Promise<QueryRows> {
  if (!hasChoice(options)) return query(options.client ?? pool());
  await ready();
  const [[name, type, value] = []] = args;
  if ((name === "ticket" || name === "tracking_number") && typeof value === "string") {
    const strict = type === "oms.ticket_id";
    const found = await find(value, strict ? ticketNumber : trackingNumber);
    if (found instanceof Cell) return query(found);
    if (found === "unknown" && strict) throw unknown(value);
  } else if (!anyCell.has(fn)) {
    throw wrong(`${fn} is asked at one cell`, "Name one of cells() as client.");
  }
  return anywhere(query);
}

/**
 * The answers of all cells, or of the one database or client. All are asked, also if one fails.
 *
 * @internal
 */
export async function atAll<O extends CallOptions, T>(options: O, call: (options: O) => Promise<T>): Promise<T[]> {
  if (!hasChoice(options)) return [await call(options)];
  const all = await ready();
  const results = await Promise.allSettled(all.map((client) => call({ ...options, client })));
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/**
 * The rows of all cells, put together by `merge`; those of one as they are.
 *
 * @internal
 */
export async function rowsOfAll<O extends CallOptions, T>(
  options: O, call: (options: O) => Promise<T[]>, merge: (rows: T[]) => T[] = (rows) => rows,
): Promise<T[]> {
  const parts = await atAll(options, call);
  const [only = []] = parts;
  return parts.length === 1 ? only : merge(parts.flat());
}
