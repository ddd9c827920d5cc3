/** What a citizen may see of a request: by tracking number, through the citizens' own login, and no other way. */
import type { Database, Query } from "./db.js";
import { makeLanes } from "./lanes.js";

export interface PublicEvent {
  time: string;
  stage: string | null;
  owner: string | null;
  status: string;
  note: string | null;
}

export interface PublicView {
  id: string;
  workflow: string;
  /** in progress, closed, cancelled */
  status: string;
  stages: { stage: string; status: string }[];
  /** A time, or "taking longer than expected". */
  expected_by: string | null;
  history: PublicEvent[];
}

/**
 * What was typed, as the database can read it. Whatever it is, the database is asked: what is no number at
 * all must not be told from one that is wrong, not even by the time it takes.
 */
export function clean(number: string): string {
  return number.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\s]/gu, "").replaceAll(/[‐‑‒–—−]/gu, "-").slice(0, 100);
}

const lanes = makeLanes();

/** Asks the database in the lane of the number; null or no rows: the number is not right. */
function asked<T>(db: Database, number: string, work: (query: Query, number: string) => Promise<T | null>): Promise<T | null> {
  const cleaned = clean(number);
  return lanes.run(
    cleaned,
    () => db.citizen((q) => work(q, cleaned)),
    () => db.citizen((q) => work(q, cleaned), { slow: true }),
  );
}

export async function track(db: Database, number: string): Promise<{ view: PublicView; zone: string } | null> {
  return asked(db, number, async (q, cleaned) => {
    const { view, zone } = await q.row<{ view: PublicView | null; zone: string }>(
      "SELECT oms.track($1) AS view, pg_catalog.current_setting('TimeZone') AS zone",
      [cleaned],
    );
    return view === null ? null : { view, zone };
  });
}

/** No rows: the number is not right. */
export async function timeline(db: Database, number: string): Promise<PublicEvent[]> {
  const rows = await asked(db, number, async (q, cleaned) => {
    const found = await q.rows<Omit<PublicEvent, "time"> & { time: Date }>('SELECT t."time", t.stage, t.owner, t.status, t.note FROM oms.get_timeline($1::text) AS t', [cleaned]);
    return found.length === 0 ? null : found;
  });
  return (rows ?? []).map((r) => ({ ...r, time: r.time.toISOString().replace(".000Z", "Z") }));
}
