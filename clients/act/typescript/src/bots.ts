/*
 * The bots of the loan. Each gets a stage and says what it found; a throw is a failed attempt. They pretend
 * to need time, and stop when the signal of the stage says so. Put real work in their place.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Handler, type Job, StageError } from "hms-oms-sdk";

type Bot = (job: Job) => Record<string, unknown>;

function amountOf(job: Job): number {
  const { amount } = job.data;
  if (typeof amount !== "number") throw new StageError("there is no amount", { retryable: false });
  return amount;
}

const bots = new Map<string, Bot>([
  ["id_check", ({ data }) => {
    if (typeof data["name"] !== "string" || data["name"] === "") {
      // Another attempt would not find one either.
      throw new StageError("there is no name to check", { retryable: false });
    }
    return { match: true };
  }],
  ["risk_ai", (job) => {
    // What the stages before it brought.
    if (job.inputs["id_check"]?.["match"] === false) throw new StageError("it is somebody else", { retryable: false });
    return { score: Math.max(350, Math.round(850 - amountOf(job) / 1000)) };
  }],
  ["fund", (job) => ({ paid: amountOf(job) })],
]);

/** Why a stage was taken away, in a word or two. */
function reason(signal: AbortSignal): string {
  const why: unknown = signal.reason;
  return why instanceof Error ? why.message : String(why);
}

/**
 * The handler for {@link worker}: finds the bot of the stage.
 *
 * @param say - told what happens
 * @param workMs - how long a bot pretends to work
 */
export function handler(say: (text: string) => void, workMs: number): Handler {
  return async (job) => {
    const what = `${job.ticket} ${job.stage}`;
    const bot = bots.get(job.stage);
    if (bot === undefined) throw new StageError("no bot for this stage", { retryable: false });
    say(`${what}: begun${job.attempt > 1 ? `, attempt ${job.attempt}` : ""}`);
    // Cancelled, on hold, sent back, somebody else's, or the lease ran out: nobody waits for the answer.
    job.signal.addEventListener("abort", () => { say(`${what}: stopped, ${reason(job.signal)}`); }, { once: true });
    await pause(workMs, undefined, { signal: job.signal });
    try {
      const output = bot(job);
      say(`${what}: ${JSON.stringify(output)}`);
      return output;
    } catch (error) {
      say(`${what}: failed, ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  };
}
