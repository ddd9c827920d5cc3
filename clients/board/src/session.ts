/**
 * Who is signed in. Sessions live in the memory of this process: signing out ends them at once, and so does
 * a restart of the board. The cookie is a random number and nothing else.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Database, Query } from "./db.js";
import { asRefused } from "./web.js";

export const COOKIE = "oms_board";
const LONGEST_MS = 12 * 60 * 60_000;
const MOST = 10_000;
const TOKEN_BYTES = 32;
/** How soon a right that was taken away is gone from the pages; the database refuses it at once. */
const RIGHTS_MS = 30_000;

export interface Message {
  kind: "done" | "error";
  text: string;
  hint?: string | undefined;
}

export interface Session {
  role: string;
  /** Has to come back with every form, as formToken() writes it. */
  csrf: Buffer;
  begun: number;
  seen: number;
  /** It ends when the person has done nothing for so long. */
  idleMs: number;
  /** To be shown on the next page. */
  message: Message | undefined;
  rights: ReadonlySet<string>;
  rightsAt: number;
}

const sessions = new Map<string, Session>();
const key = (id: string) => createHash("sha256").update(id).digest("hex");

export function beginSession(role: string, idleMinutes: number): string {
  const id = randomBytes(32).toString("base64url");
  const now = Date.now();
  for (const [k, s] of sessions) if (ended(s, now) || sessions.size >= MOST) sessions.delete(k);
  sessions.set(key(id), {
    role, csrf: randomBytes(TOKEN_BYTES), begun: now, seen: now, idleMs: idleMinutes * 60_000, message: undefined, rights: new Set(), rightsAt: 0,
  });
  return id;
}

const ended = (s: Session, now: number) => now - s.seen > s.idleMs || now - s.begun > LONGEST_MS;

/** The session of a cookie. What a page does by itself does not keep it alive. */
export function findSession(id: string | undefined, byItself: boolean): Session | undefined {
  if (id === undefined) return undefined;
  const k = key(id);
  const session = sessions.get(k);
  if (session === undefined) return undefined;
  const now = Date.now();
  if (ended(session, now)) {
    sessions.delete(k);
    return undefined;
  }
  if (!byItself) session.seen = now;
  return session;
}

export function endSession(id: string | undefined): void {
  if (id !== undefined) sessions.delete(key(id));
}

export function isLive(session: Session): boolean {
  return !ended(session, Date.now()) && [...sessions.values()].includes(session);
}

const mixed = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));

/**
 * The token for a form, written again each time: so the length of a compressed page tells nothing about it to whoever
 * chooses another part of the page.
 */
export function formToken(session: Session): string {
  const mask = randomBytes(TOKEN_BYTES);
  return Buffer.concat([mask, mixed(mask, session.csrf)]).toString("base64url");
}

export function sameToken(session: Session, token: unknown): boolean {
  if (typeof token !== "string") return false;
  const given = Buffer.from(token, "base64url");
  return given.length === 2 * TOKEN_BYTES && timingSafeEqual(mixed(given.subarray(0, TOKEN_BYTES), given.subarray(TOKEN_BYTES)), session.csrf);
}

/** Does what rightsOf() threw say that the board may no longer act for the role? It was revoked, or dropped. */
export function isRoleLost(error: unknown): boolean {
  if (error instanceof NoLogin) return true;
  const { code } = error as { code?: unknown };
  return code === "42501" || code === "22023";
}

class NoLogin extends Error {}

/**
 * The functions and relations of oms that the person may use. It decides what a page offers; what is allowed
 * is decided by the database.
 */
export async function rightsOf(db: Database, session: Session): Promise<ReadonlySet<string>> {
  if (Date.now() - session.rightsAt > RIGHTS_MS) {
    const read = async (q: Query) => {
      // Whoever could not sign in any more is not signed in any more.
      const still = await q.rows(
        `SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER AND r.rolcanlogin
           AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())`,
      );
      if (still.length === 0) throw new NoLogin("the role may not log in any more");
      return q.rows<{ name: string }>(
        `SELECT DISTINCT p.proname::pg_catalog.text AS name FROM pg_catalog.pg_proc AS p
           WHERE p.pronamespace OPERATOR(pg_catalog.=) (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'oms')
             AND pg_catalog.has_schema_privilege('oms', 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')`,
      );
    };
    const rows = await db.as(session.role, read).catch((error: unknown) => {
      // While the primary is away, reports go on.
      if (!db.hasReaders || asRefused(error)?.status !== 503) throw error;
      return db.report(session.role, read);
    });
    session.rights = new Set(rows.map((r) => r.name));
    session.rightsAt = Date.now();
  }
  return session.rights;
}
