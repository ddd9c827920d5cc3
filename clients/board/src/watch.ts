/**
 * What listeners do not hear: who has claimed a stage, a comment. The tickets that people look at are asked for the number
 * of their last event, all in one statement by primary key, as long as anybody follows.
 *
 * A page has to say nothing for it: what was shown is known here. It goes on to ask for its rows once a minute, so what is
 * forgotten here is known again then.
 */
import type { Database } from "./db.js";
import { isRoleLost, type Session } from "./session.js";
import { asRefused } from "./web.js";

/** Tells that the ticket has come to event number seq. */
export type Hear = (ticket: string, seq: number) => void;

export interface Watch {
  /** A page that shows the ticket as of this event goes to somebody of the session. */
  shown(session: Session, ticket: string, seq: number): void;
  /** Tells of changes to what the session has been shown, until the function that it returns is called. */
  follow(session: Session, hear: Hear): () => void;
}

/** With the way to the page and back it is less than a second. */
const LOOK_MS = 500;
/** Looking takes a small part of the time, however many look on. */
const REST = 4;
/** Of so few, each is looked up by the index, however small the table is. */
const AT_ONCE = 500;
/** Tickets of one session: a board, an inbox and a few pages more. */
const MOST_TICKETS = 500;

export function makeWatch(db: Database): Watch {
  /** The oldest event as of which a page of the session may show a ticket, the ticket shown last at the end. */
  const seen = new WeakMap<Session, Map<string, number>>();
  const followers = new Map<Session, Set<Hear>>();
  let looking = false;

  /** What is asked for, each ticket once, with the oldest event as of which anybody sees it. */
  function asked(): Map<string, number> {
    const all = new Map<string, number>();
    for (const session of followers.keys())
      for (const [ticket, seq] of seen.get(session) ?? []) all.set(ticket, Math.min(seq, all.get(ticket) ?? seq));
    return all;
  }

  /** Those that have gone on. Everybody who may follow may read all tickets, so one asks for all. */
  async function changes(all: Map<string, number>): Promise<{ ticket: string; seq: number }[]> {
    const tickets = [...all];
    for (const role of new Set([...followers.keys()].map((session) => session.role))) {
      try {
        return await db.as(role, async (query) => {
          const found: { ticket: string; seq: number }[] = [];
          for (let i = 0; i < tickets.length; i += AT_ONCE) {
            const some = tickets.slice(i, i + AT_ONCE);
            found.push(...(await query.rows<{ ticket: string; seq: number }>(
              // Joined with oms.ticket, all tickets would be read.
              `SELECT n.ticket, n.seq FROM (
                 SELECT i.ticket, i.seq AS known, (SELECT t.last_seq FROM oms.ticket AS t WHERE t.ticket_id = i.ticket::oms.ticket_id) AS seq
                 FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.int4[])) AS i (ticket, seq)
               ) AS n WHERE n.seq <> n.known`,
              [some.map(([ticket]) => ticket), some.map(([, seq]) => seq)],
            )));
          }
          return found;
        });
      } catch (error) {
        // Somebody who has lost the right does not follow much longer.
        if (!isRoleLost(error)) throw error;
      }
    }
    return [];
  }

  async function look() {
    const all = asked();
    if (all.size === 0) return;
    for (const { ticket, seq } of await changes(all))
      for (const [session, hears] of followers) {
        const tickets = seen.get(session);
        const before = tickets?.get(ticket);
        if (before === undefined || before >= seq) continue;
        tickets?.set(ticket, seq);
        for (const hear of hears) hear(ticket, seq);
      }
  }

  async function goOn() {
    if (looking) return;
    looking = true;
    while (followers.size > 0) {
      const begun = Date.now();
      // While the database is away there is nothing to tell; the stream says that it is.
      await look().catch((error: unknown) => {
        if (asRefused(error) === undefined) console.error(error);
      });
      const pause = Math.max(LOOK_MS, REST * (Date.now() - begun));
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
    }
    looking = false;
  }

  return {
    shown(session, ticket, seq) {
      const tickets = seen.get(session) ?? new Map<string, number>();
      seen.set(session, tickets);
      const before = tickets.get(ticket) ?? seq;
      tickets.delete(ticket);
      tickets.set(ticket, Math.min(before, seq));
      if (tickets.size > MOST_TICKETS) tickets.delete(tickets.keys().next().value ?? "");
    },
    follow(session, hear) {
      const hears = followers.get(session) ?? new Set();
      followers.set(session, hears.add(hear));
      void goOn();
      return () => {
        hears.delete(hear);
        if (hears.size === 0) followers.delete(session);
      };
    },
  };
}
