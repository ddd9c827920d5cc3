import { atAll, rowsOfAll } from "./cells.js";
import { arg, callRows, callValue, callValues, callVoid, date, instant, json, opt, readView, seconds, shape, ticketArg } from "./call.js";
import type { CallOptions } from "./connection.js";
import { sumOf } from "./merge.js";
import type { JsonObject, TicketId } from "./types.js";

/** Levels of {@link grantAccess}. */
export type AccessLevel = "citizen" | "portal" | "agent" | "monitor" | "staff" | "admin";

/**
 * Gives a role a level in addition to what it has.
 *
 * @param role - of the database
 * @param level - what it may do
 * @param options - client
 */
export async function grantAccess(role: string, level: AccessLevel, options: CallOptions = {}): Promise<void> {
  await callVoid("grant_access", [arg("role", "name", role), arg("level", "text", level)], options);
}

/**
 * Takes every right on oms from a role.
 *
 * @param role - of the database
 * @param options - client
 */
export async function revokeAccess(role: string, options: CallOptions = {}): Promise<void> {
  await callVoid("revoke_access", [arg("role", "name", role)], options);
}

/** What {@link setOwner} may be told; what is left out stays as it is. */
export interface OwnerOptions extends CallOptions {
  /** `agent` for a new owner. */
  kind?: "agent" | "group" | "person" | "service" | undefined;
  /** Who is told of escalations. */
  supervisor?: string | undefined;
  /** Calendar of its clocks. */
  calendar?: string | undefined;
  /** Roles that may act for it. */
  members?: readonly string[] | undefined;
  /** How new work is given out; `none` for a new owner. */
  assignment?: "none" | "round_robin" | "least_loaded" | undefined;
}

/**
 * Registers or changes an owner.
 *
 * @param name - of the owner
 * @param options - kind, supervisor, calendar, members, assignment, client
 */
export async function setOwner(name: string, options: OwnerOptions = {}): Promise<void> {
  await callVoid(
    "set_owner",
    [
      arg("name", "text", name),
      opt("kind", "text", options.kind),
      opt("supervisor", "text", options.supervisor),
      opt("calendar", "text", options.calendar),
      opt("members", "name[]", options.members),
      opt("assignment", "text", options.assignment),
    ],
    options,
  );
}

/** What {@link setAbsence} may be told. */
export interface AbsenceOptions extends CallOptions {
  /** Who gets new work meanwhile. */
  delegate?: string | undefined;
}

/**
 * Says that a person is away and gets no new work.
 *
 * @param person - who
 * @param from - first moment
 * @param to - last moment
 * @param options - delegate, client
 */
export async function setAbsence(person: string, from: Date, to: Date, options: AbsenceOptions = {}): Promise<void> {
  await callVoid(
    "set_absence",
    [
      arg("person", "text", person),
      arg("starts", "timestamptz", instant(from)),
      arg("ends", "timestamptz", instant(to)),
      opt("delegate", "text", options.delegate),
    ],
    options,
  );
}

/** What {@link setHoldReason} may be told. */
export interface HoldReasonOptions extends CallOptions {
  /** True by default. */
  stopsClock?: boolean | undefined;
  /** Who is waited for; `applicant` shows citizens `action needed`. */
  waitingOn?: string | undefined;
  /** How often it may be used in one ticket. */
  maxPerTicket?: number | undefined;
  /** What citizens read. */
  publicLabel?: string | undefined;
}

/**
 * Adds or changes a reason for holds.
 *
 * @param code - its name
 * @param options - stopsClock, waitingOn, maxPerTicket, publicLabel, client
 */
export async function setHoldReason(code: string, options: HoldReasonOptions = {}): Promise<void> {
  await callVoid(
    "set_hold_reason",
    [
      arg("code", "text", code),
      opt("stops_clock", "bool", options.stopsClock),
      opt("waiting_on", "text", options.waitingOn),
      opt("max_per_ticket", "int", options.maxPerTicket),
      opt("public_label", "text", options.publicLabel),
    ],
    options,
  );
}

/** A weekday's key in {@link CalendarDefinition}. */
export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** Open hours. */
export interface CalendarDefinition {
  /** Of the hours: `America/New_York`. */
  timezone: string;
  /** Shifts by weekday: `["09:00-12:00", "13:00-17:00"]`. */
  hours: Partial<Record<Weekday, readonly string[]>>;
  /** Dates that are closed: `"2024-11-11"`. */
  holidays?: readonly string[];
  /** Dates with other hours. */
  exceptions?: Record<string, readonly string[]>;
}

/**
 * Stores a calendar as its next version.
 *
 * @param name - of the calendar
 * @param definition - time zone, hours, holidays, exceptions
 * @param options - client
 * @returns the version
 */
export async function createCalendar(name: string, definition: CalendarDefinition, options: CallOptions = {}): Promise<number> {
  return (await callValue(
    "create_calendar",
    [arg("name", "text", name), arg("definition", "jsonb", json(definition))],
    options,
  )) as number;
}

/**
 * Why the server cannot read a calendar, such as a time zone that it does not know.
 *
 * @param calendar - its name
 * @param options - client
 * @returns `null` if it can
 */
export async function calendarProblem(calendar: string, options: CallOptions = {}): Promise<string | null> {
  return (await callValue("calendar_problem", [arg("calendar", "text", calendar)], options)) as string | null;
}

/**
 * Open time between two moments.
 *
 * @param calendar - its name
 * @param from - begin
 * @param to - end
 * @param options - client
 * @returns milliseconds; 0 if `to` is not later
 */
export async function businessTime(calendar: string, from: Date, to: Date, options: CallOptions = {}): Promise<number> {
  return (await callValue(
    "business_time",
    [
      arg("calendar", "text", calendar),
      arg("starts", "timestamptz", instant(from)),
      arg("ends", "timestamptz", instant(to)),
    ],
    options,
    "EXTRACT(epoch FROM *) * 1000",
  )) as number;
}

/**
 * The earliest moment by which that much open time has passed.
 *
 * @param calendar - its name
 * @param start - begin
 * @param mins - minutes of open time
 * @param options - client
 */
export async function businessAdd(calendar: string, start: Date, mins: number, options: CallOptions = {}): Promise<Date> {
  return date(
    await callValue(
      "business_add",
      [arg("calendar", "text", calendar), arg("start", "timestamptz", instant(start)), arg("mins", "int", mins)],
      options,
    ),
  );
}

/**
 * Days off of a year in the United States, shifted ones included.
 *
 * @param year - which
 * @param options - client
 * @returns dates as `2024-11-11`: a day is no moment, so it is no Date
 */
export async function usFederalHolidays(year: number, options: CallOptions = {}): Promise<string[]> {
  return (await callValues("us_federal_holidays", [arg("year", "int", year)], options)) as string[];
}

/**
 * Whether a limit has passed: strictly later.
 *
 * @param started - begin
 * @param now - the moment to judge
 * @param limitMins - minutes allowed
 * @param options - client
 */
export async function breached(started: Date, now: Date, limitMins: number, options: CallOptions = {}): Promise<boolean> {
  return (await callValue(
    "breached",
    [
      arg("started", "timestamptz", instant(started)),
      arg("now", "timestamptz", instant(now)),
      arg("limit_mins", "int", limitMins),
    ],
    options,
  )) as boolean;
}

/**
 * Fires every timer that is due. The background worker of the server does so by itself.
 *
 * @param options - client
 * @returns how many
 */
export async function tick(options: CallOptions = {}): Promise<number> {
  return (await callValue("tick", [], options)) as number;
}

/** Where a chain is broken. */
export interface ChainProblem {
  /** The ticket. */
  ticket: TicketId;
  /** Number of the event. */
  seq: number | null;
  /** What is wrong. */
  problem: string;
}

/**
 * Checks the hash chains of the timeline.
 *
 * @param ticket - one of them; left out: all, with cells of all
 * @param options - client
 * @returns no rows when every chain is whole
 */
export async function verifyTimeline(ticket?: TicketId | null, options: CallOptions = {}): Promise<ChainProblem[]> {
  const call = async (options: CallOptions) =>
    (await callRows("verify_timeline", [opt("ticket", "oms.ticket_id", ticket)], options)).map((row) => shape<ChainProblem>(row));
  return typeof ticket === "string" ? call(options) : rowsOfAll(options, call);
}

/** What does not hold. */
export interface CheckProblem {
  /** Which rule. */
  kind: string;
  /** The ticket, if it is about one. */
  ticket: TicketId | null;
  /** What is wrong. */
  detail: string;
}

/**
 * Works out from definitions and timeline what must always hold.
 *
 * @param ticket - one of them; left out: everything, with cells of all
 * @param options - client
 * @returns no rows when all is well
 */
export async function check(ticket?: TicketId | null, options: CallOptions = {}): Promise<CheckProblem[]> {
  const call = async (options: CallOptions) =>
    (await callRows("check", [opt("ticket", "oms.ticket_id", ticket)], options)).map((row) => shape<CheckProblem>(row));
  return typeof ticket === "string" ? call(options) : rowsOfAll(options, call);
}

/** What {@link seal} may be told. */
export interface SealOptions extends CallOptions {
  /** Compares all tickets, after rows were loaded from elsewhere. */
  everything?: boolean | undefined;
}

/**
 * Seals the tickets that changed since the last seal.
 *
 * @param options - everything, client
 * @returns the number of the last seal; null if there is none
 */
export async function seal(options: SealOptions = {}): Promise<bigint | null> {
  const number = await callValue("seal", [opt("everything", "bool", options.everything)], options, "(*)::text");
  return number === null ? null : BigInt(number as string);
}

/** What is wrong with a seal. */
export interface SealProblem {
  /** Number of the seal. */
  seal: bigint | null;
  /** The ticket, if it is about one. */
  ticket: TicketId | null;
  /** What is wrong. */
  problem: string;
}

/**
 * Checks all seals, and that everything that was sealed is still there.
 *
 * @param options - client
 * @returns no rows when all is whole
 */
export async function verifySeals(options: CallOptions = {}): Promise<SealProblem[]> {
  const rows = await callRows("verify_seals", [], options, "seal::text AS seal, ticket, problem");
  return rows.map((row) => ({
    ...shape<SealProblem>(row),
    seal: row["seal"] === null ? null : BigInt(row["seal"] as string),
  }));
}

/**
 * Stores a token that a time-stamping authority (RFC 3161) gave for the hash of a seal.
 *
 * @param seal - its number
 * @param token - in DER
 * @param options - client
 * @returns false if it is there already
 */
export async function addStamp(seal: bigint, token: Uint8Array, options: CallOptions = {}): Promise<boolean> {
  return (await callValue("add_stamp", [arg("seal", "bigint", seal.toString()), arg("token", "bytea", token)], options)) as boolean;
}

/** Something that is wrong with the journal. */
export interface JournalProblem {
  /** Number of the entry. */
  seq: bigint;
  /** What is wrong. */
  problem: string;
}

/**
 * Checks the chain of the journal of the rules.
 *
 * @param options - client
 * @returns no rows when it is whole
 */
export async function verifyJournal(options: CallOptions = {}): Promise<JournalProblem[]> {
  const rows = await callRows("verify_journal", [], options, "seq::text AS seq, problem");
  return rows.map((row) => ({ ...shape<JournalProblem>(row), seq: BigInt(row["seq"] as string) }));
}

/** What {@link proof} may be told. */
export interface ProofOptions extends CallOptions {
  /** False: digests instead of notes, data and outputs. */
  content?: boolean | undefined;
  /** True: with the sealed journal of its owners. */
  journal?: boolean | undefined;
}

/**
 * A ticket's events with the seal over them, to be checked without a server.
 *
 * @param ticket - its number
 * @param options - content, journal, client
 */
export async function proof(ticket: TicketId, options: ProofOptions = {}): Promise<JsonObject> {
  return (await callValue(
    "proof",
    [ticketArg(ticket), opt("content", "bool", options.content), opt("journal", "bool", options.journal)],
    options,
  )) as JsonObject;
}

/**
 * Erases personal data of a ticket.
 *
 * @param ticket - its number
 * @param paths - what: `data.name`, `output.id_check`, `notes`, …
 * @param reason - why; it stays for good
 * @param options - client
 * @returns how many pieces
 */
export async function erase(ticket: TicketId, paths: readonly string[], reason: string, options: CallOptions = {}): Promise<number> {
  return (await callValue(
    "erase",
    [ticketArg(ticket), arg("paths", "text[]", paths), arg("reason", "text", reason)],
    options,
  )) as number;
}

/**
 * Erases everything that was said in all tickets of an applicant. With cells: at all; if one is not reached, the others have
 * done it, so ask again.
 *
 * @param applicant - the application's key of the person
 * @param reason - why; it stays for good
 * @param options - client
 * @returns how many tickets
 */
export async function eraseApplicant(applicant: string, reason: string, options: CallOptions = {}): Promise<number> {
  const counts = await atAll(options, async (options) => (await callValue(
    "erase_applicant",
    [arg("applicant", "text", applicant), arg("reason", "text", reason)],
    options,
  )) as number);
  return sumOf(counts, (count) => count) ?? 0;
}

/** Lets timers fire and events be sent in this database from now on: after a restore. */
export async function activate(options: CallOptions = {}): Promise<void> {
  await callVoid("activate", [], options);
}

/**
 * Makes the guards of the tables fire always again.
 *
 * @param options - client
 * @returns how many did not
 */
export async function repairGuards(options: CallOptions = {}): Promise<number> {
  return (await callValue("repair_guards", [], options)) as number;
}

/** What the background worker of a database does. */
export interface WorkerStatus {
  /** The database. */
  database: string;
  /** Process; null if none runs. */
  pid: number | null;
  /** `running`, `off`, `no slot`, … */
  state: string;
  /** When it next wakes for a timer. */
  nearestTimer: Date | null;
  /** When it last looked for timers. */
  lastTick: Date | null;
  /** Events that wait. */
  backlog: number;
  /** What else it counts. */
  [key: string]: unknown;
}

/**
 * What the background workers of the server do, one row per database. With cells: of all.
 *
 * @param options - client
 */
export async function workerStatus(options: CallOptions = {}): Promise<WorkerStatus[]> {
  return rowsOfAll(options, async (options) =>
    (await readView("worker_status", options)).map((row) => shape<WorkerStatus>(row, ["nearest_timer", "last_tick", "started_at"])));
}

/**
 * The channel of an owner with `oms.dispatch_channel = owner`.
 *
 * @param owner - whose
 * @param options - client
 */
export async function dispatchChannel(owner: string, options: CallOptions = {}): Promise<string> {
  return (await callValue("dispatch_channel", [arg("owner", "text", owner)], options)) as string;
}

/**
 * The version of the library in the server.
 *
 * @param options - client
 */
export async function version(options: CallOptions = {}): Promise<string> {
  return (await callValue("version", [], options)) as string;
}

/**
 * The ticket numbers that this database gives out, so that several databases have different ones.
 *
 * @param ranges - first and last number of each; none: all numbers
 * @param options - client
 */
export async function setNumberRanges(
  ranges: readonly (readonly [first: number, last: number])[],
  options: CallOptions = {},
): Promise<void> {
  const multirange = `{${ranges.map(([first, last]) => `[${String(first)},${String(last)}]`).join(",")}}`;
  await callVoid("set_number_ranges", [arg("ranges", "int8multirange", multirange)], options);
}

/** What {@link setRetention} may be told. */
export interface RetentionOptions extends CallOptions {
  /** Of this workflow; left out: of all that have no rule of their own. */
  workflow?: string | undefined;
}

/**
 * How long closed tickets stay before they are archived.
 *
 * @param days - counted from when they were closed; null: for ever
 * @param options - workflow, client
 */
export async function setRetention(days: number | null, options: RetentionOptions = {}): Promise<void> {
  const keep = days === null ? null : seconds(days * 86_400);
  await callVoid("set_retention", [arg("keep", "interval", keep), opt("workflow", "text", options.workflow)], options);
}

/** What {@link archive} may be told. */
export interface ArchiveOptions extends CallOptions {
  /** Those closed before then; left out: those that their retention lets go. */
  before?: Date | undefined;
  /** How many at most; 1,000 by default. */
  max?: number | undefined;
}

/**
 * Moves closed tickets into the archive.
 *
 * @param options - before, max, client
 * @returns how many
 */
export async function archive(options: ArchiveOptions = {}): Promise<number> {
  return (await callValue(
    "archive",
    [opt("before", "timestamptz", instant(options.before)), opt("max", "int", options.max)],
    options,
  )) as number;
}

/** What {@link enableCron} may be told. */
export interface CronOptions extends CallOptions {
  /** As pg_cron reads it; `* * * * *` by default. */
  schedule?: string | undefined;
}

/**
 * Lets pg_cron do what the server's worker does where there is none.
 *
 * @param options - schedule, client
 * @returns number of the job
 */
export async function enableCron(options: CronOptions = {}): Promise<bigint> {
  return BigInt((await callValue("enable_cron", [opt("schedule", "text", options.schedule)], options, "(*)::text")) as string);
}

/**
 * Ends what {@link enableCron} began.
 *
 * @param options - client
 * @returns whether there was something to end
 */
export async function disableCron(options: CallOptions = {}): Promise<boolean> {
  return (await callValue("disable_cron", [], options)) as boolean;
}
