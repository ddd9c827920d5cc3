import { rowsOfAll } from "./cells.js";
import { callRows, callValue, date, opt, shape, ticketArg } from "./call.js";
import type { CallOptions } from "./connection.js";
import type { JsonObject, TicketId } from "./types.js";

/** How the database is. */
export interface Health {
  /** The worst of what was found. */
  status: "good" | "degraded" | "bad";
  /** What was found. */
  reasons: string[];
  /** When it was looked. */
  checkedAt: Date;
  /** Whether this server is a standby. */
  standby: boolean;
  /** State of the background worker. */
  worker: string | null;
  /** How late the oldest timer is; null if that is not known. */
  timersLateMs: number | null;
  /** Events that wait. */
  backlog: number | null;
  /** Version of the library. */
  version: string;
  /** What newer servers add. */
  [key: string]: unknown;
}

/**
 * How the database is, in about a millisecond: for load balancers and people.
 *
 * @param options - client
 */
export async function health(options: CallOptions = {}): Promise<Health> {
  const [row] = await callRows(
    "health",
    [],
    options,
    "status, reasons, checked_at, standby, worker, EXTRACT(epoch FROM f.timers_late)::float8 * 1000 AS timers_late_ms, backlog, version",
  );
  return shape<Health>(row ?? {}, ["checked_at"]);
}

/**
 * The metrics of the database as text for Prometheus.
 *
 * @param options - client
 */
export async function metricsText(options: CallOptions = {}): Promise<string> {
  return (await callValue("metrics_text", [], options)) as string;
}

/** A sample of {@link metrics}. */
export interface Metric {
  /** `oms_queue_depth`, … */
  name: string;
  /** What it is of. */
  labels: Record<string, string>;
  /** Its value; null where JSON has no number for it. */
  value: number | null;
  /** Kind. */
  type: "counter" | "gauge" | "histogram";
  /** What it tells. */
  help: string;
}

/**
 * The metrics of the database, one row per sample.
 *
 * @param options - client
 */
export async function metrics(options: CallOptions = {}): Promise<Metric[]> {
  return (await callRows("metrics", [], options)).map((row) => shape<Metric>(row));
}

/** A timer that raised an error. */
export interface WorkerError {
  /** The ticket. */
  ticketId: TicketId | null;
  /** How often in a row. */
  failures: number;
  /** Left alone until then. */
  retryAt: Date | null;
  /** What it raised. */
  error: string;
  /** What newer servers add. */
  [key: string]: unknown;
}

/**
 * Timers of this database that raised an error and are left alone for a while. With cells: of all.
 *
 * @param options - client
 */
export async function workerErrors(options: CallOptions = {}): Promise<WorkerError[]> {
  return rowsOfAll(options, async (options) =>
    (await callRows("worker_errors", [], options)).map((row) => shape<WorkerError>(row, ["retry_at"])));
}

/**
 * What the database takes for now: the server's clock, unless a test moved it.
 *
 * @param options - client
 */
export async function clock(options: CallOptions = {}): Promise<Date> {
  return date(await callValue("clock", [], options));
}

/** An event as copies elsewhere get it. */
export interface Change {
  /** To go on from here. */
  cursor: string | null;
  /** Of the event: the same however often it is read. */
  id: string;
  /** The ticket. */
  ticket: TicketId;
  /** Number of the event in its ticket. */
  seq: number;
  /** When it was recorded. */
  time: Date;
  /** The ticket's workflow. */
  workflow: string;
  /** And its version. */
  version: number;
  /** The stage, or null for the ticket itself. */
  stage: string | null;
  /** What happened. */
  status: string;
  /** Who was responsible. */
  owner: string | null;
  /** The role that called. */
  actor: string;
  /** The name that the worker gave. */
  worker: string | null;
  /** Passage through the stage. */
  cycle: number;
  /** Try within the cycle. */
  attempt: number;
  /** Whether citizens see it. */
  public: boolean;
  /** What was said. */
  note: string | null;
  /** Data of the ticket, or output of the stage. */
  payload: JsonObject | null;
  /** Digests, public words and the hash of the chain; bytes as `\x` and hexadecimal. */
  [key: string]: unknown;
}

/** What {@link changesSince} may be told. */
export interface ChangesOptions extends CallOptions {
  /** Of the last change that was read; left out: from the beginning. */
  cursor?: string | undefined;
  /** How many at most; 1,000 by default. */
  max?: number | undefined;
}

/**
 * Every event once, for copies elsewhere: those of one ticket in their order.
 *
 * @param options - cursor, max, client
 * @returns nothing if there is nothing new
 */
export async function changesSince(options: ChangesOptions = {}): Promise<Change[]> {
  const rows = await callRows(
    "changes_since",
    [opt("cursor", "text", options.cursor), opt("max", "int", options.max)],
    options,
  );
  return rows.map((row) => shape<Change>(row, ["time"]));
}

/**
 * Every event of one ticket, in the form of {@link changesSince}.
 *
 * @param ticket - its number
 * @param options - client
 */
export async function changesOf(ticket: TicketId, options: CallOptions = {}): Promise<Change[]> {
  return (await callRows("changes_of", [ticketArg(ticket)], options)).map((row) => shape<Change>(row, ["time"]));
}

/** A line of {@link help}. */
export interface HelpLine {
  /** What it is for. */
  task: string;
  /** How to call it in SQL. */
  call: string;
  /** What it does. */
  what: string;
}

/** What {@link help} may be told. */
export interface HelpOptions extends CallOptions {
  /** Only this one. */
  task?: string | undefined;
}

/**
 * What there is to call in SQL, by task.
 *
 * @param options - task, client
 */
export async function help(options: HelpOptions = {}): Promise<HelpLine[]> {
  return (await callRows("help", [opt("task", "text", options.task)], options)).map((row) => shape<HelpLine>(row));
}
