/** Server-sent events for the pages of people who are signed in: that something happened to a ticket. */
import { Hono } from "hono";
import { streamSSE, type SSEMessage } from "hono/streaming";
import type { Database } from "../db.js";
import type { LiveEvent } from "../live.js";
import { isLive, isRoleLost, rightsOf, type Session } from "../session.js";
import { needs, person, Refused, type Env, type Web } from "../web.js";

/** Proxies and phones drop a stream on which nothing is said. */
const BEAT_MS = 15_000;
/** A browser that does not keep up is told to look at everything again. */
const MOST_WAITING = 1000;
/** A browser needs one stream, old ones one for each tab; a person may have several. */
const MOST_STREAMS = 20;
const streams = new WeakMap<object, number>();

export const liveRoutes = new Hono<Env>();

/** Is the person still signed in, with the right? While the database is away nothing is heard, and pages are told so. */
async function mayHear(db: Database, session: Session): Promise<boolean> {
  if (!isLive(session)) return false;
  try {
    return (await rightsOf(db, session)).has("get_ticket");
  } catch (error) {
    return !isRoleLost(error);
  }
}

/** Tells of what happens, until what it returns is called. */
type Source = (hear: (event: LiveEvent) => void) => () => void;

/** Streams what is heard of the sources, in the words of say, to somebody (a session) as long as they may hear it. */
export function streamEvents(c: Web, who: object, may: () => Promise<boolean>, sources: Source[], say: (events: LiveEvent[]) => SSEMessage[]) {
  const { live } = c.get("board");
  c.header("x-accel-buffering", "no");
  // Nobody reads what a HEAD is answered, so nobody would end it.
  if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
  const others = streams.get(who) ?? 0;
  if (others >= MOST_STREAMS) throw new Refused(429, "This session has too many pages open.", "Close some of them.");
  streams.set(who, others + 1);
  return streamSSE(c, async (stream) => {
    let waiting: LiveEvent[] = [live.state()];
    let wake: () => void = () => undefined;
    const hear = (event: LiveEvent) => {
      if (waiting.length >= MOST_WAITING) waiting = [live.state()];
      else waiting.push(event);
      wake();
    };
    const ends = sources.map((source) => source(hear));
    stream.onAbort(() => {
      wake();
    });
    try {
      // Signing out, and losing the right, end the stream at the next event or beat. A database that is away is not asked:
      // it may never answer, and all there is to say is that it is away.
      while (!stream.aborted && !stream.closed && (live.state().kind === "away" || (await may()))) {
        const now = waiting;
        waiting = [];
        for (const message of say(now)) await stream.writeSSE(message);
        if (now.length === 0) await stream.write(": beat\n\n");
        if (waiting.length > 0) continue;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, BEAT_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          if (stream.aborted) wake();
        });
      }
    } finally {
      streams.set(who, (streams.get(who) ?? 1) - 1);
      for (const end of ends) end();
    }
  });
}

liveRoutes.get("/live", (c) => {
  needs(c, "get_ticket");
  const session = person(c);
  const { db, live, watch } = c.get("board");
  const seen: Source = (hear) =>
    watch.follow(session, (ticket, seq) => {
      hear({ kind: "seen", ticket, data: { ticket, seq } });
    });
  return streamEvents(c, session, () => mayHear(db, session), [live.subscribe, seen], (events) => events.map(({ kind, data }) => ({ event: kind, data: JSON.stringify(data ?? {}) })));
});
