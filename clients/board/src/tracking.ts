/** What a citizen may see of a request: by tracking number, through the citizens' own login, and no other way. */
import * as oms from "hms-oms-sdk";
import type { Database, Query } from "./db.js";
import { makeLanes } from "./lanes.js";

/**
 * What was typed, as the database can read it. Whatever it is, the database is asked: what is no number at
 * all must not be told from one that is wrong, not even by the time it takes.
 */
export function clean(number: string): string {
  return number.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\s]/gu, "").replaceAll(/[‐‑‒–—−]/gu, "-").slice(0, 100);
}

const lanes = makeLanes();

/** Is told how old at most, in seconds, what was found is, if it was read from a standby. */
type Tell = (behind: number | undefined) => void;

/** Asks the database in the lane of the number; null or no rows: the number is not right. */
function asked<T>(db: Database, number: string, tell: Tell, work: (query: Query, number: string) => Promise<T | null>): Promise<T | null> {
  const cleaned = clean(number);
  const run = (query: Query) => {
    tell(query.behind);
    return work(query, cleaned);
  };
  return lanes.run(
    cleaned,
    () => db.citizen(run, { reader: true }),
    () => db.citizen(run, { slow: true }),
  );
}

export async function track(db: Database, number: string, tell: Tell = () => undefined): Promise<{ view: oms.TrackedTicket; zone: string } | null> {
  return asked(db, number, tell, async ({ client, zone }, cleaned) => {
    const view = await oms.track(cleaned, { client });
    return view === null ? null : { view, zone };
  });
}

/** No events: the number is not right. */
export async function timeline(db: Database, number: string, tell: Tell = () => undefined): Promise<oms.TimelineEvent[]> {
  const found = await asked(db, number, tell, async ({ client }, cleaned) => {
    const events = await oms.getTimeline(cleaned, { events: true, client });
    return events.length === 0 ? null : events;
  });
  return found ?? [];
}
