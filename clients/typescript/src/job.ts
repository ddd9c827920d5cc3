import type { JsonObject } from "./types.js";
import type { Claimed, StageDoneOptions } from "./work.js";

/** A stage in the hands of a {@link worker}'s handler. */
export interface Job<Data extends JsonObject = JsonObject> extends Claimed {
  /** The ticket's data. */
  data: Data;
  /**
   * Aborts when the stage is no longer yours (cancelled, held, given to somebody else, lease run out) or
   * the worker has to stop. Its reason tells which: an `OmsError`, {@link LeaseLost} or {@link WorkerStopped}.
   */
  signal: AbortSignal;
  /**
   * Finishes the stage here and now, for a handler that does so in its own transaction. What the handler
   * returns then is not looked at.
   *
   * @param output - what it brought
   * @param options - client
   * @returns the stages that this queued
   */
  done(output?: JsonObject, options?: Pick<StageDoneOptions, "client">): Promise<string[]>;
}

/** Does the work of a stage. What it returns is the stage's output; a throw is a failed attempt. */
export type Handler<Data extends JsonObject = JsonObject> = (job: Job<Data>) => unknown;

/** Thrown by a handler: the stage failed, and whether another attempt may help is said here. */
export class StageError extends Error {
  /** Whether to try again while attempts are left. */
  readonly retryable: boolean;

  /**
   * @param message - for the timeline
   * @param options - `retryable`, true by default, and `cause`
   */
  constructor(message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "StageError";
    this.retryable = options.retryable ?? true;
  }
}

/**
 * Reason of {@link Job.signal}: no heartbeat got through for as long as the lease was, so the stage may be with
 * somebody else by now. The message says so if a handler that blocks the event loop was in the way.
 */
export class LeaseLost extends Error {
  /** `LeaseLost` */
  override name = "LeaseLost";
}

/** Reason of {@link Job.signal}: the worker stops and gives the stage back. */
export class WorkerStopped extends Error {
  /** `WorkerStopped` */
  override name = "WorkerStopped";
}
