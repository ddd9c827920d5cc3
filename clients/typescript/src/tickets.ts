import { atCellFor } from "./cells.js";
import { arg, callRows, callValue, callValues, callVoid, date, dateOrNull, json, number, opt, shape, ticketArg } from "./call.js";
import type { CallOptions } from "./connection.js";
import type { Json, JsonObject, StageStatus, TicketId, TicketStatus } from "./types.js";

/** What {@link openTicket} may be told. */
export interface OpenTicketOptions extends CallOptions {
  /** The same key again returns the same ticket; with other data it is an error. */
  idempotencyKey?: string | undefined;
  /** Higher is claimed first; 0 by default. */
  priority?: number | undefined;
  /** Your own key of the person, kept apart from the data. */
  applicant?: string | undefined;
}

/**
 * Opens a ticket. Its first stages are queued at once. With cells: at the one that the key chooses, without a key the
 * applicant, without both at any.
 *
 * @param workflow - its name
 * @param data - what the request is about
 * @param options - idempotency key, priority, applicant, client
 * @returns the number of the ticket
 * @throws {@link UnknownWorkflow}, {@link IdempotencyConflict}
 */
export async function openTicket(workflow: string, data: JsonObject = {}, options: OpenTicketOptions = {}): Promise<TicketId> {
  return atCellFor(options, async (client) => (await callValue(
    "open_ticket",
    [
      arg("workflow", "text", workflow),
      arg("data", "jsonb", json(data)),
      opt("idempotency_key", "text", options.idempotencyKey),
      opt("priority", "int", options.priority),
      opt("applicant", "text", options.applicant),
    ],
    { client },
  )) as TicketId);
}

/**
 * Opens many tickets of one workflow, all or none. With cells: all at one.
 *
 * @param workflow - its name
 * @param data - of each ticket
 * @param options - client
 * @returns the numbers, in the order of `data`
 */
export async function openTickets(workflow: string, data: readonly JsonObject[], options: CallOptions = {}): Promise<TicketId[]> {
  return atCellFor({ client: options.client }, async (client) => (await callValues(
    "open_tickets",
    [arg("workflow", "text", workflow), arg("data", "jsonb[]", data.map((one) => json(one)))],
    { client },
  )) as TicketId[]);
}

/** A case that began elsewhere. Times are ISO 8601. */
export interface ImportedTicket {
  /** Idempotency key: the same row again imports nothing. */
  key?: string | null;
  /** Data of the ticket. */
  data?: JsonObject | null;
  /** When it was opened. */
  opened_at: string;
  /** When it was closed. */
  closed_at?: string | null;
  /** The application's own key of the person. */
  applicant?: string | null;
  /** Place in the queues. */
  priority?: number | null;
  /** How it was called elsewhere. */
  reference?: string | null;
  /** What is known of its stages, by id. */
  stages?: Readonly<Record<string, ImportedStage | null>> | null;
  /** What was noted. */
  notes?: readonly ImportedNote[] | null;
}

/** A note of {@link ImportedTicket}. */
export interface ImportedNote {
  /** When it was written, ISO 8601. */
  at: string;
  /** What it says. */
  body: string;
  /** Whether citizens see it; false if it is left out. */
  public?: boolean | null;
}

/** What is known of a stage of {@link ImportedTicket}. */
export interface ImportedStage {
  /** Left out: done with `finished_at`, else queued. */
  status?: "done" | "skipped" | "queued" | "cancelled" | null;
  /** Left out: when the stages before it were finished. */
  queued_at?: string | null;
  /** When it was done or skipped. */
  finished_at?: string | null;
  /** Who did it. */
  worker?: string | null;
  /** What it brought. */
  output?: Json;
  /** What is to be said of it. */
  note?: string | null;
}

/** A line of {@link importTickets}. */
export interface ImportResult {
  /** Place of the row, from 1. */
  row: number;
  /** Its ticket; null in a dry run, and with a problem. */
  ticket: TicketId | null;
  /** What is wrong with it; a row can have several. */
  problem: string | null;
}

/** What {@link importTickets} may be told. */
export interface ImportTicketsOptions extends CallOptions {
  /** False: import; by default it only looks. */
  dryRun?: boolean | undefined;
}

/**
 * Brings in cases that began elsewhere, all or none.
 *
 * @param workflow - its name
 * @param rows - up to 10,000
 * @param options - whether it only looks, client
 * @returns the problems if there are any, else a line for each row
 * @throws {@link UnknownWorkflow}
 */
export async function importTickets(workflow: string, rows: readonly ImportedTicket[], options: ImportTicketsOptions = {}): Promise<ImportResult[]> {
  return (await callRows(
    "import_tickets",
    [arg("workflow", "text", workflow), arg("rows", "jsonb", json(rows)), opt("dry_run", "bool", options.dryRun)],
    options,
  )).map((row) => shape<ImportResult>(row));
}

/** A stage of {@link Ticket}. */
export interface TicketStage {
  /** Its id in the definition. */
  id: string;
  /** Its state. */
  status: StageStatus;
  /** Who is responsible. */
  owner: string;
  /** Who has it, or had it last. */
  worker: string | null;
  /** Try within the cycle. */
  attempt: number;
  /** Passage through the stage. */
  cycle: number;
  /** When it was first queued in this cycle. */
  queuedAt: Date | null;
  /** When somebody took it. */
  startedAt: Date | null;
  /** When it was finished. */
  finishedAt: Date | null;
  /** When it is due. */
  dueAt: Date | null;
  /** What it brought. */
  output: JsonObject | null;
  /** What newer servers add. */
  [key: string]: unknown;
}

/** An event of {@link Ticket}. */
export interface TicketEvent {
  /** The stage, or null for the ticket itself. */
  stage: string | null;
  /** What happened. */
  status: string;
  /** When. */
  ts: Date;
  /** The role that called. */
  actor: string | null;
  /** The name that the worker gave. */
  worker: string | null;
  /** What was said. */
  note: string | null;
  /** Whether the applicant sees the note. */
  public: boolean;
  /** What newer servers add. */
  [key: string]: unknown;
}

/** A ticket as staff see it. */
export interface Ticket {
  /** Its number. */
  id: TicketId;
  /** Its workflow. */
  workflow: string;
  /** Version of the workflow. */
  version: number;
  /** Its state. */
  status: TicketStatus;
  /** Higher is claimed first. */
  priority: number;
  /** The application's key of the person. */
  applicant: string | null;
  /** What the request is about. */
  data: JsonObject;
  /** When it was opened. */
  openedAt: Date;
  /** When it was closed. */
  closedAt: Date | null;
  /** Ids of the current stages. */
  stage: string[];
  /** All stages, in the order of the definition. */
  stages: TicketStage[];
  /** All events, oldest first. */
  history: TicketEvent[];
  /** What newer servers add. */
  [key: string]: unknown;
}

/**
 * Everything about a ticket, for staff: `admin/ticket/{id}`.
 *
 * @param ticket - its number
 * @param options - client
 * @throws {@link UnknownTicket}
 */
export async function getTicket(ticket: TicketId, options: CallOptions = {}): Promise<Ticket> {
  const raw = (await callValue("get_ticket", [ticketArg(ticket)], options)) as Record<string, unknown>;
  const times = ["queued_at", "started_at", "finished_at", "due_at", "lease_until", "ready_at", "held_at"];
  return shape<Ticket>(
    {
      ...raw,
      stages: (raw["stages"] as Record<string, unknown>[]).map((stage) => shape(stage, times)),
      history: (raw["history"] as Record<string, unknown>[]).map((event) => shape(event, ["ts"])),
    },
    ["opened_at", "closed_at", "due_at"],
  );
}

/** A stage of {@link TrackedTicket}. */
export interface TrackedStage {
  /** Its public name. */
  stage: string;
  /** Its public status. */
  status: string;
}

/** An event of {@link TrackedTicket}. */
export interface TrackedEvent {
  /** When, to the minute. */
  time: Date;
  /** The public name of the stage, or null for the ticket itself. */
  stage: string | null;
  /** The public name of who is responsible; null: the workflow names none. */
  owner: string | null;
  /** What happened, in public words. */
  status: string;
  /** What the applicant may read, or null. */
  note: string | null;
}

/** A ticket as its applicant sees it. */
export interface TrackedTicket {
  /** The ticket's number. */
  id: TicketId;
  /** Its workflow. */
  workflow: string;
  /** `in progress`, `closed` or `cancelled`. */
  status: string;
  /** Public names and statuses. */
  stages: TrackedStage[];
  /** When it should be through; a text once that has passed; null if nobody can tell. */
  expectedBy: Date | string | null;
  /** What happened, in public words. */
  history: TrackedEvent[];
}

/**
 * Looks a ticket up by its tracking number, for citizens.
 *
 * @param trackingNumber - with its suffix, `DL-2026-00091-7QK3M9ZT4`
 * @param options - client
 * @returns null if the number is not right
 */
export async function track(trackingNumber: string, options: CallOptions = {}): Promise<TrackedTicket | null> {
  const raw = (await callValue("track", [number("tracking_number", trackingNumber)], options)) as Record<
    string,
    unknown
  > | null;
  if (raw === null) return null;
  const expected = raw["expected_by"];
  return shape<TrackedTicket>({
    ...raw,
    expected_by: typeof expected === "string" && /^\d{4}-/.test(expected) ? date(expected) : expected ?? null,
    history: (raw["history"] as Record<string, unknown>[]).map((event) => ({ ...event, time: dateOrNull(event["time"]) })),
  });
}

/**
 * The tracking number of a ticket, for its applicant.
 *
 * @param ticket - its number
 * @param options - client
 */
export async function trackingNumber(ticket: TicketId, options: CallOptions = {}): Promise<string> {
  return (await callValue("tracking_number", [ticketArg(ticket)], options)) as string;
}

/**
 * Gives a ticket another tracking number; the old one is void.
 *
 * @param ticket - its number
 * @param options - client
 */
export async function rotateTrackingNumber(ticket: TicketId, options: CallOptions = {}): Promise<string> {
  return (await callValue("rotate_tracking_number", [ticketArg(ticket)], options)) as string;
}

/**
 * Corrects the data of a ticket that is not closed. What was decided stays; stages that have not begun go by the new data.
 *
 * @param ticket - its number
 * @param patch - a JSON merge patch (RFC 7396): keys with their new values, null for those that go
 * @param reason - why
 * @param options - client
 * @returns the new data
 */
export async function amend(
  ticket: TicketId,
  patch: JsonObject,
  reason: string,
  options: CallOptions = {},
): Promise<JsonObject> {
  return (await callValue(
    "amend",
    [ticketArg(ticket), arg("patch", "jsonb", json(patch)), arg("reason", "text", reason)],
    options,
  )) as JsonObject;
}

/**
 * Ends a ticket with all its unfinished stages.
 *
 * @param ticket - its number
 * @param reason - why
 * @param options - client
 * @returns the new status of the ticket
 */
export async function cancelTicket(ticket: TicketId, reason: string, options: CallOptions = {}): Promise<TicketStatus> {
  return (await callValue("cancel_ticket", [ticketArg(ticket), arg("reason", "text", reason)], options)) as TicketStatus;
}

/**
 * Takes a stage of a ticket up again, also of a closed one; the stages after it wait again.
 *
 * @param ticket - its number
 * @param stage - where to begin
 * @param reason - why
 * @param options - client
 * @returns the new status of the ticket
 */
export async function reopen(ticket: TicketId, stage: string, reason: string, options: CallOptions = {}): Promise<TicketStatus> {
  return (await callValue(
    "reopen",
    [ticketArg(ticket), arg("stage", "text", stage), arg("reason", "text", reason)],
    options,
  )) as TicketStatus;
}

/** What {@link comment} and {@link attach} may be told. */
export interface NoteOptions extends CallOptions {
  /** What it is about; default: the ticket as a whole. */
  stage?: string | undefined;
  /** Whether the applicant sees it; not by default. */
  public?: boolean | undefined;
}

/**
 * Adds a comment, in any state.
 *
 * @param ticket - its number
 * @param body - the text
 * @param options - stage, public, client
 */
export async function comment(ticket: TicketId, body: string, options: NoteOptions = {}): Promise<void> {
  await callVoid(
    "comment",
    [
      ticketArg(ticket),
      arg("body", "text", body),
      opt("stage", "text", options.stage),
      opt("public", "bool", options.public),
    ],
    options,
  );
}

/**
 * Notes a document that is kept elsewhere.
 *
 * @param ticket - its number
 * @param document - its name, where it is, and the SHA-256 of its content in hex
 * @param options - stage, public, client
 */
export async function attach(
  ticket: TicketId,
  document: { name: string; url: string; sha256: string },
  options: NoteOptions = {},
): Promise<void> {
  await callVoid(
    "attach",
    [
      ticketArg(ticket),
      arg("name", "text", document.name),
      arg("url", "text", document.url),
      arg("sha256", "text", document.sha256),
      opt("stage", "text", options.stage),
      opt("public", "bool", options.public),
    ],
    options,
  );
}
