/**
 * The two APIs for programs: what a citizen may know of a request, by tracking number, and all of a ticket for
 * staff, with a session or with HTTP Basic.
 */
import { createHmac, randomBytes } from "node:crypto";
import { Hono } from "hono";
import { NoPasswords } from "../db.js";
import { timeline } from "../tracking.js";
import type { Limit } from "../limit.js";
import { addressOf, limited, Refused, type Env, type Web } from "../web.js";

/** A password that was right is right for so long, so that a program is not checked with every ticket. */
const KNOWN_MS = 60_000;
const MOST_KNOWN = 1000;

/** Is the answer to this request JSON whatever is asked for? */
export function isApi(path: string): boolean {
  return path === "/healthz" || path.startsWith("/timeline/") || path.startsWith("/admin/");
}

interface Credentials {
  role: string;
  password: string;
}

function readBasic(header: string | undefined): Credentials | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1 || text.includes("\0")) return undefined;
  return { role: text.slice(0, colon), password: text.slice(colon + 1) };
}

export function makeApi(signIns: Limit) {
  const api = new Hono<Env>();
  const known = new Map<string, number>();
  // What is kept says nothing about a password to who reads this process's memory later.
  const secret = randomBytes(32);

  async function right(c: Web, { role, password }: Credentials): Promise<boolean> {
    const name = createHmac("sha256", secret).update(JSON.stringify([role, password])).digest("hex");
    const until = known.get(name);
    if (until !== undefined && Date.now() < until) return true;
    known.delete(name);
    limited(signIns, addressOf(c));
    try {
      if (!(await c.get("board").db.signIn(role, password))) return false;
      signIns.giveBack(addressOf(c));
    } catch (error) {
      if (!(error instanceof NoPasswords)) throw error;
      console.error(error.message);
      throw new Refused(503, "Nobody can sign in: the database does not check passwords.");
    }
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(name, Date.now() + KNOWN_MS);
    return true;
  }

  /** The role that asks; undefined: nobody who is known. */
  async function whoAsks(c: Web): Promise<string | undefined> {
    const credentials = readBasic(c.req.header("authorization"));
    if (credentials !== undefined) return (await right(c, credentials)) ? credentials.role : undefined;
    return c.get("session")?.role;
  }

  // For load balancers: no session, no words about the database, nothing kept.
  api.get("/healthz", async (c) => {
    const well = await c.get("board").db.answers();
    return c.json({ status: well ? "ok" : "no database" }, well ? 200 : 503);
  });

  api.get("/timeline/:number", async (c) => {
    c.header("x-robots-tag", "noindex, nofollow");
    const { db } = c.get("board");
    const tell = (behind: number | undefined) => {
      c.set("behind", behind);
    };
    const events = db.hasCitizen ? await timeline(db, c.req.param("number"), tell) : [];
    // One answer for a number that is unknown, wrong, bare or none at all.
    return events.length === 0 ? c.json({ error: "No request has this tracking number." }, 404) : c.json(events.map((event) => ({ ...event, time: event.time.toISOString().replace(".000Z", "Z") })));
  });

  api.get("/admin/ticket/:id", async (c) => {
    c.header("x-robots-tag", "noindex, nofollow");
    const role = await whoAsks(c);
    if (role === undefined) {
      // A person is taken to the sign-in by the page of errors, a program has to be asked.
      if (!c.get("wantsJson")) throw new Refused(401, "Please sign in.");
      c.header("www-authenticate", 'Basic realm="oms", charset="UTF-8"');
      return c.json({ error: "Please sign in.", hint: "Send the name of a role and its password with HTTP Basic, or the cookie of a session." }, 401);
    }
    const { ticket } = await c.get("board").db.as(role, (q) =>
      // As text: a number keeps all its digits.
      q.row<{ ticket: string }>("SELECT oms.get_ticket($1::oms.ticket_id)::pg_catalog.text AS ticket", [c.req.param("id")]),
    );
    c.header("content-type", "application/json");
    return c.body(ticket);
  });
  return api;
}
