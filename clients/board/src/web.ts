/** What all routes share: the types of Hono's context, and the one place that turns errors into answers. */
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import type { Database, Query } from "./db.js";
import { errorWords, type Called } from "./format.js";
import type { Kept } from "./kept.js";
import { networkOf, type Limit } from "./limit.js";
import type { Live } from "./live.js";
import type { Session } from "./session.js";
import type { Settings } from "./settings.js";
import type { Watch } from "./watch.js";

export interface Board {
  settings: Settings;
  db: Database;
  live: Live;
  watch: Watch;
  kept: Kept;
}

export interface Env {
  Variables: {
    board: Board;
    /** Who asks; empty on pages for everybody. */
    session: Session | undefined;
    /** The functions of oms that the person may call. */
    rights: ReadonlySet<string>;
    /** Seconds that what is shown may be old, if it was read from a standby. */
    behind: number | undefined;
    /** When something is done by a script, the answer is JSON. */
    wantsJson: boolean;
  };
}

export type Web = Context<Env>;

/** The session of a page that is only for people who are signed in. */
export function person(c: Web): Session {
  const session = c.get("session");
  if (session === undefined) throw new Refused(401, "Please sign in.");
  return session;
}

export const can = (c: Web, name: string): boolean => c.get("rights").has(name);

/** The rights to what a board that only reads offers. */
export const READS: ReadonlySet<string> = new Set(["get_ticket", "get_workflow", "my_work", "sla_report", "tracking_number"]);
export const ONLY_SHOWS = "Nothing can be changed here: this board only shows.";

/** Why the person may not do something: nobody may, or the role has not the right. */
export const lacking = (c: Web, name: string, otherwise: string): Refused => new Refused(403, c.get("board").settings.readOnly && !READS.has(name) ? ONLY_SHOWS : otherwise);

/** A page that the person's level does not have. */
export function needs(c: Web, name: string): void {
  person(c);
  if (!can(c, name)) throw lacking(c, name, "Your role does not have the right to see this page.");
}

/** An answer that is not what was asked for, in words for a person. */
export class Refused extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503,
    message: string,
    readonly hint?: string,
    /** Seconds after which it may work. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The address or network that asks, as far as it can be believed. */
export function addressOf(c: Web): string {
  const { settings } = c.get("board");
  const forwarded = settings.behindProxy ? c.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return networkOf(forwarded ?? getConnInfo(c).remote.address ?? "");
}

/** Counts an attempt, and refuses one that is too many. */
export function limited(limit: Limit, who: string): void {
  if (!limit.take(who)) throw new Refused(429, "There were too many attempts from your network.", "Wait a minute, then try again.", limit.seconds);
}

const AWAY = "The database cannot be reached just now.";
/** What pg says without a code, when a connection broke or none could be had in time. */
const NO_CONNECTION = /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed)/;

/** What the database said, as an answer. Errors that nobody foresaw keep their text to themselves. */
export function asRefused(error: unknown, called?: Called): Refused | undefined {
  if (error instanceof Refused) return error;
  const { code, message, hint } = error as { code?: unknown; message?: string; hint?: string };
  const text = errorWords(message ?? "", called);
  if (typeof code !== "string") return NO_CONNECTION.test(text) ? new Refused(503, AWAY, "Try again in a moment.") : undefined;
  if (code === "25006") return new Refused(503, "Nothing can be changed just now: this database can only be read.", "Try again later.");
  // The database has no word for it that says more.
  if (code === "22021" || code === "22P05") return new Refused(422, "There is a character in it that no text can have.", "Remove it, and try again.");
  if (code === "OM001" || code === "OM002" || code === "OM003") return new Refused(404, text, hint);
  if (code === "OM006" || code === "OM007" || code === "OM008") return new Refused(409, text, hint);
  if (/^OM\d\d\d$/.test(code) || code.startsWith("22") || code === "55000" || code === "0A000") return new Refused(422, text, hint);
  if (code === "42501") return new Refused(403, text, hint);
  if (code === "40001" || code === "40P01" || code === "55P03") return new Refused(409, "Somebody else changed this at the same moment.", "Try again.");
  if (code === "57014") return new Refused(503, "That took too long.", "Narrow the search down.");
  if (/^(08|53|57P)/.test(code) || /^E[A-Z]+$/.test(code)) return new Refused(503, AWAY, "Try again in a moment.");
  return undefined;
}

/** Reads as the person what may be some seconds old; the page says how old. */
export async function report<T>(c: Web, work: (query: Query) => Promise<T>): Promise<T> {
  return c.get("board").db.report(person(c).role, (query) => {
    c.set("behind", query.behind);
    return work(query);
  });
}

/** A parameter of the address, without the spaces around it; empty is none. */
export function param(c: Web, name: string, longest = 200): string | undefined {
  const value = c.req.query(name)?.trim();
  if (value === undefined || value === "") return undefined;
  if (value.length > longest) throw new Refused(400, `"${name}" is too long.`);
  return value;
}

export interface Form {
  text(name: string): string;
  optional(name: string): string | undefined;
}

/** What was sent by a form. What cannot be read is the sender's mistake, or was broken off. */
export async function bodyOf(c: Web) {
  try {
    return await c.req.parseBody();
  } catch {
    throw new Refused(400, "This form cannot be read.");
  }
}

/** The fields of a form; the token has been checked already. */
export async function form(c: Web): Promise<Form> {
  const body = await bodyOf(c);
  const text = (name: string) => {
    const value = body[name];
    return typeof value === "string" ? value.trim() : "";
  };
  return { text, optional: (name) => (text(name) === "" ? undefined : text(name)) };
}
