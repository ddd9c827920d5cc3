/*
 * Reading at a standby: for whoever asks for it, call by call, so that everything else sees what was written before.
 */
import type pg from "pg";
import { type Queryable, type QueryRows, newPool, onConfigured, pool, readOptions } from "./connection.js";

/** How long an answer to the question how old the standby is counts for {@link reader}. */
const LAG_MS = 1000;
/** A standby that could not be used is not asked again for so long. */
const REST_MS = 5000;

/** Where the primary is in its log; null: it cannot be asked. */
async function logPosition(primary: Queryable): Promise<string | null> {
  try {
    const { rows } = await primary.query("SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn()::pg_catalog.text END AS at");
    return (rows[0] as { at: string | null } | undefined)?.at ?? null;
  } catch {
    return null;
  }
}

/**
 * How old at most, in seconds, is what is read at a server; null: it is no standby.
 *
 * @param client - a connection to the server
 * @param position - where the primary was in its log a moment ago: a standby that has everything up to there is 0 seconds
 *   old, however long ago the last change was. Without it the time since the last commit that arrived there counts.
 */
export async function standbyLag(client: Queryable, position: string | null = null): Promise<number | null> {
  const { rows } = await client.query(
    `SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
         WHEN pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.>=) $1::pg_catalog.pg_lsn THEN 0
         ELSE COALESCE(GREATEST(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp()), 0)::pg_catalog.float8, 'infinity')
       END AS lag`, [position]);
  return (rows[0] as { lag: number | null } | undefined)?.lag ?? null;
}

/** What a {@link Standby} may be told. */
export interface StandbyOptions {
  /** How many seconds it may be behind; no limit by default. */
  maxLagSecs?: number;
  /** How long, in milliseconds, it counts how old the standby was; 0 by default: it is measured for each read. */
  trustMs?: number;
  /** Errors that say what the primary would say, besides 25006 (it writes) and 57014 (it took too long). */
  isAnswer?: (error: unknown) => boolean;
}

/** Measures on a connection to the standby how old it is, as {@link standbyLag}; fails if that is more than it may be. */
export type MeasureLag = (client: Queryable) => Promise<number | null>;

/**
 * When to read at a standby, for programs that have connections of their own; all others use {@link reader}. It is not
 * read if it is away, or further behind than it may be, nor for five seconds after that. While the primary is away it is
 * read whatever its age.
 *
 * @example
 * ```ts
 * const standby = new Standby(primaryPool, { maxLagSecs: 30 });
 * const found = await standby.read(async (lag) => {
 *   await lag(standbyPool);
 *   return slaReport(null, null, { client: standbyPool });
 * });
 * const report = found ?? (await slaReport(null, null, { client: primaryPool }));
 * ```
 */
export class Standby {
  #restUntil = 0;
  #known: { at: number; position: Promise<string | null>; lag?: Promise<number | null> } | undefined;

  /**
   * @param primary - where to ask how far the primary is
   * @param options - maxLagSecs, trustMs, isAnswer
   */
  constructor(
    private readonly primary: Queryable,
    private readonly options: StandbyOptions = {},
  ) {}

  /**
   * Runs `work` if the standby may be read.
   *
   * @param work - reads at the standby, after it has measured there how old that is
   * @returns what `work` returns; undefined: ask the primary
   */
  async read<T>(work: (lag: MeasureLag) => Promise<T>): Promise<T | undefined> {
    const now = Date.now();
    if (now < this.#restUntil) return undefined;
    if (this.#known === undefined || now - this.#known.at >= (this.options.trustMs ?? 0)) this.#known = { at: now, position: logPosition(this.primary) };
    const known = this.#known;
    const position = await known.position;
    const found = { usable: false };
    try {
      return await work(async (client) => {
        const lag = await (known.lag ??= this.#measure(client, position));
        found.usable = true;
        return lag;
      });
    } catch (error) {
      // A primary that is away has no other answer.
      if (position === null || isAnswer(error) || this.options.isAnswer?.(error) === true) throw error;
      // Otherwise it went away just now, ended what stood in the way of its work, or has not heard of something yet.
      if (!found.usable) {
        this.#restUntil = Date.now() + REST_MS;
        this.#known = undefined;
      }
      return undefined;
    }
  }

  async #measure(client: Queryable, position: string | null): Promise<number | null> {
    const lag = await standbyLag(client, position);
    // A primary that is away has nothing newer.
    if (position !== null && lag !== null && lag > (this.options.maxLagSecs ?? Infinity)) throw new Error("the standby is too far behind");
    return lag;
  }
}

/** Would the primary say the same? What was to be written is nothing for a reader, wherever. */
const isAnswer = (error: unknown) => ["25006", "57014"].includes((error as { code?: string }).code ?? "");

let configured: { readers: pg.Pool; standby: Standby } | undefined;

onConfigured(async () => {
  const before = configured;
  configured = undefined;
  await before?.readers.end();
});

/** Reads at the standby of configure(); undefined: there is none, or it may not be read. */
async function read<T>(work: (readers: pg.Pool, lag: MeasureLag) => Promise<T>): Promise<T | undefined> {
  const options = readOptions();
  if (options === undefined) return undefined;
  configured ??= {
    readers: newPool({ connectTimeoutMs: 2000, ...options }),
    standby: new Standby(pool(), { trustMs: LAG_MS, ...(options.maxLagSecs === undefined ? {} : { maxLagSecs: options.maxLagSecs }) }),
  };
  const { readers, standby } = configured;
  return standby.read((lag) => work(readers, lag));
}

async function query(text: string, values: unknown[] = []): Promise<QueryRows> {
  const found = await read(async (readers, lag) => {
    await lag(readers);
    return readers.query(text, values);
  });
  return found ?? pool().query(text, values);
}

/**
 * Where to read what may be some seconds old: `client` of functions that only read, such as {@link track},
 * {@link getTimeline}, reports and changes. It is the standby that `read` of {@link configure} names; the primary, if
 * there is none, if it is away, or if it is further behind than `maxLagSecs`. Without `client` a call sees
 * everything that was committed before it.
 *
 * @example
 * ```ts
 * configure({ host: "db.example.org", read: { host: "standby.example.org", maxLagSecs: 30 } });
 * const report = await slaReport(null, null, { client: reader() });
 * ```
 */
export function reader(): Queryable {
  return { query };
}

/**
 * How old at most, in seconds, is what {@link reader} reads; null: nothing, since it reads from the primary. It is 0 if the
 * standby has everything that the primary had just now; else it is the time since the last commit that arrived there.
 */
export async function readerLag(): Promise<number | null> {
  const lag = await read((readers, measure) => measure(readers)).catch(() => null);
  return lag ?? null;
}
