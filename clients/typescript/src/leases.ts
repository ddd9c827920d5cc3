import { isTransient } from "./errors.js";
import { LeaseLost } from "./job.js";
import { type Running, now } from "./source.js";
import { type Claimed, heartbeat } from "./work.js";

/** Keeps up the leases of the stages that run, and ends the work on those that are lost. */
export class Leases {
  /** When the timer for heartbeats last came. */
  #pulsed = now();
  readonly #pulseMs: number;

  constructor(
    private readonly running: ReadonlyMap<Claimed, Running>,
    private readonly leaseSecs: number,
    private readonly onError: (error: unknown, job: Claimed) => void,
  ) {
    this.#pulseMs = Math.min((leaseSecs * 1000) / 6, 60_000);
  }

  /** Begins with heartbeats; what it returns ends them. */
  start(): () => void {
    const timer = setInterval(() => { this.#pulse(); }, this.#pulseMs);
    return () => { clearInterval(timer); };
  }

  /**
   * Tells of a handler that blocked the event loop for so long that leases ran out: heartbeats could not be sent
   * meanwhile, and others may have begun the same work.
   */
  noticeBlock(): void {
    const silent = now() - this.#pulsed;
    if (silent < 2 * this.#pulseMs) return;
    for (const running of this.running.values()) {
      if (now() < running.deadline || running.settled || running.abort.signal.aborted) continue;
      const error = new LeaseLost(
        `the event loop was blocked for ${(silent / 1000).toFixed(1)} s, longer than the lease of ${this.leaseSecs} s: ` +
          "do such work in a worker thread or a process of its own",
      );
      this.onError(error, running.job);
      running.abort.abort(error);
    }
  }

  /** Heartbeats that are due, and leases that ran out while none got through. */
  #pulse(): void {
    this.noticeBlock();
    this.#pulsed = now();
    for (const running of this.running.values()) {
      if (running.settled || running.abort.signal.aborted) continue;
      if (now() >= running.deadline) {
        running.abort.abort(new LeaseLost("no heartbeat got through in time"));
      } else if (now() - running.beat >= (this.leaseSecs * 1000) / 3 - 1) {
        void this.beat(running);
      }
    }
  }

  /** Keeps up the lease of a stage, and learns whether the stage is still the worker's. */
  async beat(running: Running): Promise<void> {
    if (running.beating || running.settled || running.abort.signal.aborted) return;
    running.beating = true;
    const sent = now();
    const { job } = running;
    try {
      await heartbeat(job.ticket, job.stage, job.token, { leaseSecs: this.leaseSecs, client: running.source.cell });
      running.beat = sent;
      running.deadline = sent + this.leaseSecs * 1000;
    } catch (error) {
      if (isSettled(running)) return;
      if (isTransient(error)) running.source.trouble.begin("calls", error);
      else running.abort.abort(error);
    } finally {
      running.beating = false;
    }
  }
}

/** The compiler would take an earlier answer for granted. */
function isSettled(running: Running): boolean {
  return running.settled;
}
