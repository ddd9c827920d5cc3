import type { Claimed } from "./work.js";

/** What {@link worker} may be told. */
export interface WorkerOptions {
  /** Name for the timeline; host name and process id by default. */
  name?: string | undefined;
  /** How many stages at a time; 4 by default. No more than that are claimed. */
  concurrency?: number | undefined;
  /** How many to claim with one call at most; `concurrency` by default. */
  batch?: number | undefined;
  /** After how long without a heartbeat a stage goes back to the queue; 60 by default. Heartbeats come three times as often. */
  leaseSecs?: number | undefined;
  /** How often to look for work without being told, for what events may have missed; 30 by default. */
  pollSecs?: number | undefined;
  /** How long {@link Worker.stop} waits for handlers before it gives their stages back; 30 by default. */
  graceSecs?: number | undefined;
  /** Signals that stop it; SIGTERM and SIGINT by default. */
  signals?: readonly `SIG${string}`[] | undefined;
  /**
   * Told of what a handler throws, with its job, of stages that could not be reported, and when the database
   * begins to be out of reach or to refuse: once, not at each attempt. `console.error` by default.
   */
  onError?: ((error: unknown, job?: Claimed) => void) | undefined;
  /** Told when the database answers again, with the name of the cell if there are several; a line on the console by default. */
  onRecovered?: ((afterMs: number, cell?: string) => void) | undefined;
  /** See {@link ListenOptions.selfTestMs}. */
  selfTestMs?: number | undefined;
}

/** How a {@link Worker} learns of work: not known yet, by LISTEN, by `wait_for_work`, or not any more. */
export type WorkerMode = "starting" | "listen" | "wait" | "stopped";

/** What a {@link Worker} has done so far. */
export interface WorkerCounts {
  /** Stages finished. */
  done: number;
  /** Attempts that failed. */
  failed: number;
  /** Stages that were no longer its own. */
  lost: number;
  /** Stages given back. */
  released: number;
}

/** A running {@link worker}. */
export interface Worker {
  /** Whose queue. */
  readonly owner: string;
  /** Its name in the timeline. */
  readonly name: string;
  /** How it learns of work. */
  readonly mode: WorkerMode;
  /** How many handlers run. */
  readonly running: number;
  /** What it has done so far. */
  readonly counts: Readonly<WorkerCounts>;
  /** Resolves when it has stopped. */
  readonly finished: Promise<void>;
  /**
   * Claims nothing more, waits for the handlers, and gives back what they do not finish in time.
   *
   * @param options - graceSecs, in place of that of the worker
   */
  stop(options?: { graceSecs?: number }): Promise<void>;
}
