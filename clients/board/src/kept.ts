/**
 * Figures that take long to work out. The last ones are kept, and shown with the moment they are of while new ones are made:
 * one at a time however many ask, and the less often the longer it takes. What is quickly worked out is worked out each time.
 *
 * A key says what was asked, and not by whom: so what is kept must be the same for everybody who may see it, and who shows it
 * asks the database each time whether this person may.
 */

export interface Figures<T> {
  value: T;
  /** When they were asked for, by the clock of this process. */
  at: number;
  /** They are kept ones, and others are being made or will be for whoever asks later. */
  old: boolean;
}

export interface Ask {
  /** So old they may be without others being made. */
  freshMs?: number;
  /** Without any of use, who asks waits no longer than this; else until they are there. */
  waitMs?: number;
  /** New ones are made without a pause: what people work by. */
  eager?: boolean;
}

export interface Kept {
  /** Undefined: there are none, and they were not there in time. */
  get<T>(key: string, work: () => Promise<T>, ask?: Ask): Promise<Figures<T> | undefined>;
  /** Are there figures, or some being made? */
  has(key: string): boolean;
}

export interface Pace {
  /** What takes less is worked out each time, and by each who asks. */
  lightMs: number;
  /** If there are old ones, who asks waits so long for new ones. */
  patienceMs: number;
  /** Older ones are of no use. */
  oldestMs: number;
  /** The pause before new ones are made: at least, and so many times as long as it took. */
  pauseMs: number;
  pauseTimes: number;
  /** So many of a key, and of all that take long, are made at the same time for people who do not wait for them. */
  atOnce: number;
  /** Keys that are remembered. */
  most: number;
  /** All that is kept is no longer than so many letters of JSON: some heat-maps are large, and everybody can ask for many. */
  mostLetters: number;
}

export const PACE: Pace = { lightMs: 1000, patienceMs: 250, oldestMs: 15 * 60_000, pauseMs: 5000, pauseTimes: 20, atOnce: 2, most: 300, mostLetters: 32_000_000 };

interface Entry {
  last: { value: unknown; at: number } | undefined;
  letters: number;
  /** How long it took the last time, whether or not it succeeded, and when that was over. */
  tookMs: number;
  over: number;
  /** So many are under way; the one that began last is making. */
  running: number;
  making: { since: number; done: Promise<Figures<unknown>> } | undefined;
}

/** Undefined: it takes longer. */
function within<T>(done: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, ms);
  });
  return Promise.race([done, late]).finally(() => {
    clearTimeout(timer);
  });
}

export function makeKept(pace: Pace = PACE): Kept {
  const entries = new Map<string, Entry>();
  let letters = 0;
  let renewals = 0;

  /** What nobody has asked for the longest is forgotten first. */
  function forget(): void {
    for (const [key, entry] of entries) {
      if (entries.size <= pace.most && letters <= pace.mostLetters) return;
      entries.delete(key);
      letters -= entry.letters;
    }
  }

  function entryOf(key: string): Entry {
    const entry = entries.get(key) ?? { last: undefined, letters: 0, tookMs: 0, over: 0, running: 0, making: undefined };
    entries.delete(key);
    entries.set(key, entry);
    forget();
    return entry;
  }

  function keepLast(key: string, entry: Entry, value: unknown, at: number): void {
    // It was forgotten meanwhile, or one that began later is there already.
    if (entries.get(key) !== entry || (entry.last !== undefined && entry.last.at > at)) return;
    letters -= entry.letters;
    entry.letters = key.length + JSON.stringify([value]).length;
    letters += entry.letters;
    entry.last = { value, at };
    forget();
  }

  function make<T>(key: string, entry: Entry, work: () => Promise<T>): Promise<Figures<T>> {
    const at = Date.now();
    entry.running++;
    // It may fail at once, too.
    const done = (async () => work())()
      .then((value) => {
        keepLast(key, entry, value, at);
        return { value, at, old: false };
      })
      .finally(() => {
        entry.running--;
        entry.over = Date.now();
        entry.tookMs = entry.over - at;
        if (entry.making?.done === done) entry.making = undefined;
      });
    entry.making = { since: at, done };
    // Whoever waits hears of it; if nobody does, the next one tries again.
    done.catch(() => undefined);
    return done;
  }

  return {
    has: (key) => entries.has(key),
    async get<T>(key: string, work: () => Promise<T>, { freshMs = 0, waitMs, eager = false }: Ask = {}) {
      const entry = entryOf(key);
      const now = Date.now();
      const last = entry.last as { value: T; at: number } | undefined;
      const making = entry.making as { since: number; done: Promise<Figures<T>> } | undefined;
      if (last === undefined || now - last.at > pace.oldestMs) {
        const done = making?.done ?? make(key, entry, work);
        return waitMs === undefined ? done : within(done, waitMs);
      }
      if (now - last.at < freshMs) return { ...last, old: false };
      const soon = (done: Promise<Figures<T>>) => within(done.catch(() => undefined), pace.patienceMs);
      if (making !== undefined && now - making.since < freshMs && entry.tookMs < pace.lightMs) return (await soon(making.done)) ?? { ...last, old: true };
      // What people did not wait for goes on, so there must not be many of them.
      const light = entry.tookMs < pace.lightMs && entry.running < pace.atOnce && (making === undefined || now - making.since < pace.lightMs);
      if (light) return (await within(make(key, entry, work), pace.patienceMs)) ?? { ...last, old: true };
      if (making !== undefined) return (await soon(making.done)) ?? { ...last, old: true };
      const pauseMs = eager ? 0 : Math.max(pace.pauseMs, pace.pauseTimes * entry.tookMs);
      if (now - entry.over < pauseMs || renewals >= pace.atOnce) return { ...last, old: true };
      renewals++;
      const done = make(key, entry, work).finally(() => renewals--);
      return (await soon(done)) ?? { ...last, old: true };
    },
  };
}
