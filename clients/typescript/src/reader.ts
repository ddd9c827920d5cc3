/*
 * Reading at a standby: for whoever asks for it, call by call, so that everything else sees what was written before.
 */
import type pg from "pg";
import { type Queryable, type QueryRows, newPool, onConfigured, pool, readOptions } from "./connection.js";

/** How long an answer to the question how old the standby is counts. */
const LAG_MS = 1000;
/** A standby that could not be used is not asked again for so long. */
const REST_MS = 5000;

let readers: pg.Pool | undefined;
let restUntil = 0;
let known: { at: number; lag: Promise<number | null> } | undefined;

onConfigured(async () => {
  const before = readers;
  readers = undefined;
  known = undefined;
  restUntil = 0;
  await before?.end();
});

function readPool(): pg.Pool | undefined {
  const options = readOptions();
  if (options === undefined) return undefined;
  readers ??= newPool({ connectTimeoutMs: 2000, ...options });
  return readers;
}

/** Where the primary is in its log; null: it cannot be asked. */
async function position(): Promise<string | null> {
  try {
    const { rows } = await pool().query<{ at: string | null }>(
      "SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn()::pg_catalog.text END AS at");
    return rows[0]?.at ?? null;
  } catch {
    return null;
  }
}

async function measure(at: pg.Pool): Promise<number | null> {
  const primary = await position();
  const { rows } = await at.query<{ lag: number | null }>(
    `SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN NULL
         WHEN pg_catalog.pg_last_wal_replay_lsn() OPERATOR(pg_catalog.>=) $1::pg_catalog.pg_lsn THEN 0
         ELSE COALESCE(GREATEST(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp()), 0)::pg_catalog.float8, 'infinity')
       END AS lag`, [primary]);
  const lag = rows[0]?.lag ?? null;
  // A primary that is away has nothing newer.
  if (primary !== null && lag !== null && lag > (readOptions()?.maxLagSecs ?? Infinity)) throw new Error("the standby is too far behind");
  return lag;
}

/** The lag of a moment ago; fails if the standby cannot be used. */
function lagOf(at: pg.Pool): Promise<number | null> {
  if (known === undefined || Date.now() - known.at > LAG_MS) known = { at: Date.now(), lag: measure(at) };
  return known.lag;
}

/** Would the primary say the same? What was to be written is nothing for a reader, wherever. */
const isAnswer = (error: unknown) => ["25006", "57014"].includes((error as { code?: string }).code ?? "");

async function query(text: string, values: unknown[] = []): Promise<QueryRows> {
  const at = readPool();
  if (at === undefined || Date.now() < restUntil) return pool().query(text, values);
  try {
    await lagOf(at);
  } catch {
    restUntil = Date.now() + REST_MS;
    return pool().query(text, values);
  }
  try {
    return await at.query(text, values);
  } catch (error) {
    // It went away, ended what stood in the way of its work, or has not heard of something yet.
    if (isAnswer(error)) throw error;
    return pool().query(text, values);
  }
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
  const at = readPool();
  if (at === undefined || Date.now() < restUntil) return null;
  return lagOf(at).catch(() => null);
}
