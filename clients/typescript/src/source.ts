import type { Cell } from "./cells.js";
import { isTransient } from "./errors.js";
import type { Claimed, DoneItem, FailedItem } from "./work.js";

/** Where work comes from: the one database, or a cell. Each is claimed at and listened to by itself. */
export interface Source {
  readonly cell: Cell | undefined;
  readonly trouble: Trouble;
  mode: "starting" | "listen" | "wait";
  /** How often a claim found nothing since the last event. */
  looks: number;
  /** How often something told of work, and whether a call that was sent after that found no more to claim. */
  events: number;
  looked: boolean;
  /** Reports that wait to be sent, and whether a call with others has just left. */
  readonly reports: Report[];
  sending: boolean;
  /** Rings when there may be work or a free place; replaced each time. */
  bell: AbortController;
}

/** A stage that is being worked on. */
export interface Running {
  readonly job: Claimed;
  readonly source: Source;
  readonly abort: AbortController;
  /** When the lease runs out by our own clock, which no server's clock can disturb. */
  deadline: number;
  /** When the last heartbeat was sent. */
  beat: number;
  beating: boolean;
  /** The stage is finished, or no longer ours to report. */
  settled: boolean;
}

/** How a stage ended, on its way to the server. */
export interface Report {
  readonly item: DoneItem | FailedItem;
  /** Told when it was sent, refused along with those that went with it, or given up. */
  readonly answer: (answer: "sent" | "refused" | "given up") => void;
}

/** Milliseconds by a clock that nobody sets. */
export const now = () => performance.now();

/**
 * Trouble that lasts, with the calls or with the events: told when it begins, when it turns from an outage into a
 * refusal or back, and when all of it is over.
 */
export class Trouble {
  /** For each part that is in trouble, whether it is an outage. */
  readonly #parts = new Map<"calls" | "events", boolean>();
  #since = 0;

  constructor(
    private readonly onBegin: (error: unknown) => void,
    private readonly onEnd: (afterMs: number) => void,
  ) {}

  begin(part: "calls" | "events", error: unknown): void {
    const outage = isTransient(error);
    if (this.#parts.size === 0) this.#since = now();
    const told = [...this.#parts.values()].includes(outage);
    this.#parts.set(part, outage);
    if (!told) this.onBegin(error);
  }

  end(part: "calls" | "events"): void {
    if (this.#parts.delete(part) && this.#parts.size === 0) this.onEnd(now() - this.#since);
  }
}

/** There may be work, or a free place. */
export function ring(source: Source): void {
  const { bell } = source;
  source.bell = new AbortController();
  bell.abort();
}

/** Waits until the bell rings. */
export function rung(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => { resolve(); }, { once: true });
  });
}
