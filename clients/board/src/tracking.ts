/** What a citizen may see of a request: by tracking number, through the citizens' own login, and no other way. */
import type { Database } from "./db.js";

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
function clean(number: string): string {
  return number.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\s]/gu, "").replaceAll(/[‐‑‒–—−]/gu, "-").slice(0, 100);
}

export async function track(db: Database, number: string): Promise<{ view: PublicView | null; zone: string }> {
  return db.citizen((q) =>
    q.row("SELECT oms.track($1) AS view, pg_catalog.current_setting('TimeZone') AS zone", [clean(number)]),
  );
}

/** No rows: the number is not right. */
export async function timeline(db: Database, number: string): Promise<PublicEvent[]> {
  const rows = await db.citizen((q) =>
    q.rows<Omit<PublicEvent, "time"> & { time: Date }>('SELECT t."time", t.stage, t.owner, t.status, t.note FROM oms.get_timeline($1::text) AS t', [clean(number)]),
  );
  return rows.map((r) => ({ ...r, time: r.time.toISOString().replace(".000Z", "Z") }));
}
