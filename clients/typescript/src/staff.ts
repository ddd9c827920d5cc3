import { arg, callRows, callValue, dateOrNull, instant, opt, readValue, shape, ticketArg } from "./call.js";
import { cellOf, cells, rowsOfAll } from "./cells.js";
import { type CallOptions, withTransaction } from "./connection.js";
import { ordered } from "./merge.js";
import type { StageStatus, TicketId, TicketStatus } from "./types.js";
import type { NotedOptions } from "./work.js";

/** What {@link escalate} may be told. */
export interface EscalateOptions extends CallOptions {
  /** The owner that gets the stage as well. */
  reassignTo?: string | undefined;
}

/** What came of {@link escalate}. */
export interface Escalated {
  /** The level reached, from 1. */
  level: number;
  /** Who was alerted: the owner's supervisor, else the owner of the workflow; null: there is nobody, and that was recorded. */
  told: string | null;
}

/** Whom the last escalation of the stage `$2` of the ticket `$1` told. */
const lastTold = `
  SELECT e.payload OPERATOR(pg_catalog.->) 'told' FROM oms.timeline AS e
  WHERE e.ticket_id OPERATOR(pg_catalog.=) $1::oms.ticket_id AND e.stage OPERATOR(pg_catalog.=) $2::text
    AND e.status OPERATOR(pg_catalog.=) 'escalated' ORDER BY e.seq DESC LIMIT 1`;

/**
 * Alerts the supervisor about a stage and records it.
 *
 * @param ticket - its number
 * @param stage - which
 * @param reason - why
 * @param options - reassignTo, client
 * @returns the level reached, and whom it reached
 */
export async function escalate(ticket: TicketId, stage: string, reason: string, options: EscalateOptions = {}): Promise<Escalated> {
  // A transaction, in which the ticket is still ours when its event is read.
  const { client } = options;
  if (client === undefined) {
    const cell = cells().length === 0 ? undefined : await cellOf(ticket);
    return withTransaction((client) => escalate(ticket, stage, reason, { ...options, client }), { cell });
  }
  const level = (await callValue(
    "escalate",
    [
      ticketArg(ticket),
      arg("stage", "text", stage),
      arg("reason", "text", reason),
      opt("reassign_to", "text", options.reassignTo),
    ],
    options,
  )) as number;
  return { level, told: (await readValue(lastTold, [ticket, stage], client)) as string | null };
}

/** How much more {@link extend} gives: one of the two. */
export interface ExtendOptions extends CallOptions {
  /** Minutes of open time. */
  mins?: number | undefined;
  /** Open dates after the date on which it is due. */
  days?: number | undefined;
}

/**
 * Gives the clock of a stage more time.
 *
 * @param ticket - its number
 * @param stage - which; null: the ticket's own clock
 * @param reason - why
 * @param options - mins or days, client
 * @returns the new due time; null while the clock stands
 */
export async function extend(ticket: TicketId, stage: string | null, reason: string, options: ExtendOptions): Promise<Date | null> {
  return dateOrNull(
    await callValue(
      "extend",
      [
        ticketArg(ticket),
        arg("stage", "text", stage),
        arg("reason", "text", reason),
        opt("mins", "int", options.mins),
        opt("days", "int", options.days),
      ],
      options,
    ),
  );
}

/**
 * Finishes a stage without doing it.
 *
 * @param ticket - its number
 * @param stage - which
 * @param reason - why
 * @param options - client
 * @returns its new status
 */
export async function skipStage(ticket: TicketId, stage: string, reason: string, options: CallOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "skip_stage",
    [ticketArg(ticket), arg("stage", "text", stage), arg("reason", "text", reason)],
    options,
  )) as StageStatus;
}

/**
 * Queues a failed stage again, with fresh attempts.
 *
 * @param ticket - its number
 * @param stage - which
 * @param reason - why
 * @param options - client
 * @returns its new status
 */
export async function retryStage(ticket: TicketId, stage: string, reason: string, options: CallOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "retry_stage",
    [ticketArg(ticket), arg("stage", "text", stage), arg("reason", "text", reason)],
    options,
  )) as StageStatus;
}

/**
 * Sends work back: `toStage` is queued again, and every stage after it waits.
 *
 * @param ticket - its number
 * @param stage - where it was found wanting
 * @param toStage - where to do it again
 * @param reason - why
 * @param options - client
 * @returns the new status of `stage`
 */
export async function sendBack(
  ticket: TicketId,
  stage: string,
  toStage: string,
  reason: string,
  options: CallOptions = {},
): Promise<StageStatus> {
  return (await callValue(
    "send_back",
    [ticketArg(ticket), arg("stage", "text", stage), arg("to_stage", "text", toStage), arg("reason", "text", reason)],
    options,
  )) as StageStatus;
}

/**
 * Gives a stage to a person.
 *
 * @param ticket - its number
 * @param stage - which
 * @param worker - who is to do it
 * @param options - note, client
 * @returns its new status
 */
export async function assign(ticket: TicketId, stage: string, worker: string, options: NotedOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "assign",
    [ticketArg(ticket), arg("stage", "text", stage), arg("worker", "text", worker), opt("note", "text", options.note)],
    options,
  )) as StageStatus;
}

/**
 * Gives a stage to another owner, queued again.
 *
 * @param ticket - its number
 * @param stage - which
 * @param owner - who is responsible from now on
 * @param reason - why
 * @param options - client
 * @returns its new status
 */
export async function reassign(
  ticket: TicketId,
  stage: string,
  owner: string,
  reason: string,
  options: CallOptions = {},
): Promise<StageStatus> {
  return (await callValue(
    "reassign",
    [ticketArg(ticket), arg("stage", "text", stage), arg("owner", "text", owner), arg("reason", "text", reason)],
    options,
  )) as StageStatus;
}

/**
 * Lets somebody else do a stage that stays yours; {@link resolve} brings it back.
 *
 * @param ticket - its number
 * @param stage - which
 * @param worker - who is to do it
 * @param options - note, client
 * @returns its new status
 */
export async function delegate(ticket: TicketId, stage: string, worker: string, options: NotedOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "delegate",
    [ticketArg(ticket), arg("stage", "text", stage), arg("worker", "text", worker), opt("note", "text", options.note)],
    options,
  )) as StageStatus;
}

/**
 * Gives a delegated stage back to the one who delegated it.
 *
 * @param ticket - its number
 * @param stage - which
 * @param options - note, client
 * @returns its new status
 */
export async function resolve(ticket: TicketId, stage: string, options: NotedOptions = {}): Promise<StageStatus> {
  return (await callValue(
    "resolve",
    [ticketArg(ticket), arg("stage", "text", stage), opt("note", "text", options.note)],
    options,
  )) as StageStatus;
}

/** What {@link hold} may be told. */
export interface HoldOptions extends CallOptions {
  /** When it ends by itself. */
  until?: Date | undefined;
}

/**
 * Stops a stage, or the whole ticket, and its clock.
 *
 * @param ticket - its number
 * @param stage - which; null: the whole ticket
 * @param reason - a code of {@link setHoldReason}, or free text
 * @param options - until, client
 * @returns the new status of the stage, or of the ticket
 */
export async function hold(
  ticket: TicketId,
  stage: string | null,
  reason: string,
  options: HoldOptions = {},
): Promise<StageStatus | TicketStatus> {
  return (await callValue(
    "hold",
    [
      ticketArg(ticket),
      arg("stage", "text", stage),
      arg("reason", "text", reason),
      opt("until", "timestamptz", instant(options.until)),
    ],
    options,
  )) as StageStatus | TicketStatus;
}

/** What {@link resume} may be told. */
export interface ResumeOptions extends CallOptions {
  /** Lift only this hold; default: all of them. */
  reason?: string | undefined;
}

/**
 * Lifts holds; work goes on when the last is gone.
 *
 * @param ticket - its number
 * @param stage - which; null: the whole ticket
 * @param options - reason, client
 * @returns the new status of the stage, or of the ticket
 */
export async function resume(
  ticket: TicketId,
  stage: string | null,
  options: ResumeOptions = {},
): Promise<StageStatus | TicketStatus> {
  return (await callValue(
    "resume",
    [ticketArg(ticket), arg("stage", "text", stage), opt("reason", "text", options.reason)],
    options,
  )) as StageStatus | TicketStatus;
}

/** Why a stage is where it is. */
export interface Explanation {
  /** The stage. */
  stage: string;
  /** Its state. */
  status: StageStatus;
  /** Who is responsible. */
  owner: string;
  /** Since when. */
  since: Date | null;
  /** Until when, if that is known. */
  until: Date | null;
  /** The reason in words. */
  why: string;
}

/**
 * Why each unfinished stage of a ticket is where it is.
 *
 * @param ticket - its number
 * @param options - client
 */
export async function explain(ticket: TicketId, options: CallOptions = {}): Promise<Explanation[]> {
  return (await callRows("explain", [ticketArg(ticket)], options)).map((row) => shape<Explanation>(row, ["since", "until"]));
}

/** A piece of a clock. */
export interface ClockSegment {
  /** Its begin. */
  starts: Date;
  /** Its end; null while it lasts. */
  ends: Date | null;
  /** Open time in it, in milliseconds. */
  openMs: number | null;
  /** Open time up to its end, in milliseconds. */
  consumedMs: number | null;
  /** What began it. */
  reason: string | null;
}

/**
 * The pieces that make up a clock, to be checked with a pencil.
 *
 * @param ticket - its number
 * @param stage - which; left out: the clock of the ticket
 * @param options - client
 */
export async function explainClock(ticket: TicketId, stage?: string | null, options: CallOptions = {}): Promise<ClockSegment[]> {
  const rows = await callRows(
    "explain_clock",
    [ticketArg(ticket), opt("stage", "text", stage)],
    options,
    "starts, ends, EXTRACT(epoch FROM open_time) * 1000 AS open_ms, EXTRACT(epoch FROM consumed) * 1000 AS consumed_ms, reason",
  );
  return rows.map((row) => shape<ClockSegment>(row, ["starts", "ends"]));
}

/** A stage in somebody's inbox. */
export interface WorkItem {
  /** The ticket. */
  ticket: TicketId;
  /** The stage. */
  stage: string;
  /** Its state. */
  status: StageStatus;
  /** Who is responsible. */
  owner: string;
  /** The ticket's workflow. */
  workflow: string;
  /** Of the ticket. */
  priority: number;
  /** Public name of the stage. */
  label: string | null;
  /** When it was queued. */
  queuedAt: Date | null;
  /** When somebody took it. */
  startedAt: Date | null;
  /** When it is due. */
  dueAt: Date | null;
  /** Who delegated it. */
  delegatedBy: string | null;
}

/** What {@link myWork} may be told. */
export interface MyWorkOptions extends CallOptions {
  /** How many at most; 100 by default. */
  qty?: number | undefined;
}

/**
 * The inbox of a worker: what he has, then what he may take. With cells: of all.
 *
 * @param worker - the name
 * @param options - qty, client
 */
export async function myWork(worker: string, options: MyWorkOptions = {}): Promise<WorkItem[]> {
  return rowsOfAll(options, async (options) => {
    const rows = await callRows("my_work", [arg("worker", "text", worker), opt("qty", "int", options.qty)], options);
    return rows.map((row) => shape<WorkItem>(row, ["queued_at", "started_at", "due_at"]));
  }, (rows) => ordered(rows, (row) => [row.startedAt === null, -row.priority, row.queuedAt, row.ticket, row.stage]).slice(0, options.qty ?? 100));
}
