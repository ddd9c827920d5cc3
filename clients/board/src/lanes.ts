/**
 * Who waits for whom at the tracker. The database answers slowly for a number that many wrong suffixes were tried
 * with, up to two seconds; whoever guesses must not hold the connections of all others meanwhile. So a number with
 * misses has its turn in a lane of its own: one request at a time for each number, few for all of them together, and
 * a queue that ends.
 */
import { Refused } from "./web.js";

/** From so many misses on, within so long. The database becomes slow after ten. */
const MISSES = 5;
const FORGET_MS = 10 * 60_000;
/** Requests that may wait for one number, and for all of them. */
const MOST_OF_ONE = 4;
const MOST = 40;
/** Numbers that are remembered. */
const MOST_KNOWN = 100_000;

export interface Lanes {
  /** Runs it, in the lane of its number; what gives null has missed. */
  run<T>(number: string, fast: () => Promise<T | null>, slow: () => Promise<T | null>): Promise<T | null>;
}

/** The part of a tracking number that says which ticket it is: what is in front of the suffix. */
function ticketOf(number: string): string {
  return number.toUpperCase().split("-").slice(0, 3).join("-");
}

export function makeLanes(): Lanes {
  const known = new Map<string, { misses: number; at: number }>();
  const last = new Map<string, { waiting: number; turn: Promise<unknown> }>();
  /** Requests of a number that have no answer yet: each may be a miss. */
  const asking = new Map<string, number>();
  let waiting = 0;

  function missesOf(ticket: string): number {
    const found = known.get(ticket);
    return found === undefined || Date.now() - found.at > FORGET_MS ? 0 : found.misses;
  }

  function note(ticket: string) {
    const misses = missesOf(ticket) + 1;
    known.delete(ticket);
    if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value ?? ticket);
    known.set(ticket, { misses, at: Date.now() });
  }

  async function slowly<T>(ticket: string, work: () => Promise<T>): Promise<T> {
    const before = last.get(ticket) ?? { waiting: 0, turn: Promise.resolve() };
    if (waiting >= MOST || before.waiting >= MOST_OF_ONE)
      throw new Refused(429, "There were many attempts with wrong tracking numbers, so this one has to wait.", "Try again in a few minutes.");
    waiting++;
    before.waiting++;
    const mine = before.turn.then(work, work);
    before.turn = mine.catch(() => undefined);
    last.set(ticket, before);
    try {
      return await mine;
    } finally {
      waiting--;
      if (--before.waiting === 0) last.delete(ticket);
    }
  }

  return {
    async run(number, fast, slow) {
      const ticket = ticketOf(number);
      const others = asking.get(ticket) ?? 0;
      asking.set(ticket, others + 1);
      try {
        const found = await (missesOf(ticket) + others < MISSES ? fast() : slowly(ticket, slow));
        if (found === null) note(ticket);
        return found;
      } finally {
        const left = (asking.get(ticket) ?? 1) - 1;
        if (left === 0) asking.delete(ticket);
        else asking.set(ticket, left);
      }
    },
  };
}
