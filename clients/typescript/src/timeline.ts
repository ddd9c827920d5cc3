import { callRows, date, number } from "./call.js";
import type { CallOptions } from "./connection.js";
import type { TicketId } from "./types.js";

/** An event of the timeline. */
export interface TimelineEvent {
  /** When it was recorded; for citizens to the minute. */
  time: Date;
  /** The stage, or null for the ticket itself. */
  stage: string | null;
  /** Who was responsible; for citizens only if the workflow names a public owner. */
  owner: string | null;
  /** What happened. */
  status: string;
  /** What was said. */
  note: string | null;
}

/** The latest state of a stage, made for `console.table`. */
export interface TimelineRow {
  /** Since when. A Date that `console.table` shows as `09:02`, with the day if that is not today. */
  time: Date;
  /** The stage. */
  stage: string;
  /** Who is responsible; null if hidden. */
  owner: string | null;
  /** The state with its sign: `✅ done`, `⏳ in-progress`. */
  status: string;
}

/** What {@link getTimeline} may be told. */
export interface TimelineOptions extends CallOptions {
  /** Every event instead of the latest state of each stage. */
  events?: boolean | undefined;
}

/** A Date like any other that is short in tables. */
class TableDate extends Date {
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const two = (n: number) => String(n).padStart(2, "0");
    const today = new Date();
    const time = `${two(this.getHours())}:${two(this.getMinutes())}`;
    return this.toDateString() === today.toDateString()
      ? time
      : `${this.getFullYear()}-${two(this.getMonth() + 1)}-${two(this.getDate())} ${time}`;
  }
}

const signs: Record<string, string> = {
  waiting: "💤 waiting",
  awaiting: "⌛ awaiting",
  queued: "🔄 queued",
  in_progress: "⏳ in-progress",
  on_hold: "⏸️ on-hold",
  done: "✅ done",
  skipped: "⏭️ skipped",
  failed: "❌ failed",
  cancelled: "🚫 cancelled",
  // What citizens are told.
  "in progress": "⏳ in-progress",
  "action needed": "✋ action-needed",
  returned: "↩️ returned",
};

/** Where an event takes its stage; events that are not here leave it where it is. */
const moves: Record<string, string> = {
  awaiting: "awaiting",
  queued: "queued",
  in_progress: "in_progress",
  assigned: "in_progress",
  released: "queued",
  lease_expired: "queued",
  retry: "queued",
  done: "done",
  skipped: "skipped",
  failed: "failed",
  cancelled: "cancelled",
  sent_back: "waiting",
  reopened: "waiting",
  "in progress": "in progress",
  "action needed": "action needed",
  returned: "returned",
};

/** The latest state of each stage that something happened to. */
function latest(events: readonly TimelineEvent[]): TimelineRow[] {
  const stages = new Map<string, TimelineRow & { state: string; below?: string }>();
  for (const { time, stage, owner, status } of events) {
    if (stage === null) continue;
    const before = stages.get(stage);
    let state = moves[status];
    let below = before?.below;
    // A stage on hold remembers where it was; given to another owner meanwhile, it comes back queued.
    if (status === "on_hold") {
      below ??= before?.state ?? "queued";
      state = "on_hold";
    } else if (status === "reassigned") {
      if (below !== undefined) below = "queued";
      state = below === undefined ? "queued" : "on_hold";
    } else if (status === "resumed") {
      state = below ?? before?.state;
      below = undefined;
    } else if (state !== undefined) {
      below = undefined;
    }
    if (state === undefined) continue;
    stages.set(stage, { time, stage, owner, status, state, ...(below === undefined ? {} : { below }) });
  }
  return [...stages.values()].map(({ time, stage, owner, state }) => ({
    time: new TableDate(time),
    stage,
    owner,
    status: signs[state] ?? state,
  }));
}

/**
 * What happened to a ticket, event by event, oldest first.
 *
 * @param ticket - its number or its tracking number
 * @param options - events, client
 */
export async function getTimeline(ticket: TicketId, options: TimelineOptions & { events: true }): Promise<TimelineEvent[]>;
/**
 * Where a ticket is: the latest state of each stage that was reached. With a tracking number, for
 * everybody, it is the citizen's view. A number that is unknown, or not yours to see, gives no rows.
 *
 * @param ticket - its number or its tracking number
 * @param options - events, client
 *
 * @example
 * ```ts
 * console.table(await getTimeline(ticket));
 * ```
 */
export async function getTimeline(ticket: TicketId, options?: TimelineOptions & { events?: false | undefined }): Promise<TimelineRow[]>;
export async function getTimeline(
  ticket: TicketId,
  options: TimelineOptions = {},
): Promise<TimelineEvent[] | TimelineRow[]> {
  const rows = await callRows("get_timeline", [number("ticket", ticket)], options);
  const events = rows.map((row) => ({ ...row, time: date(row["time"]) }) as TimelineEvent);
  return options.events === true ? events : latest(events);
}
