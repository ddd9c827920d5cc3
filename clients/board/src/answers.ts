/**
 * Redirect after post: what a form is answered with, if it is a page, is kept for a while and shown by a GET of the
 * same address. So Back and loading again work, and what was typed into a form that was refused is still there.
 * Programs, which do not ask for HTML, are answered at once.
 */
import { randomBytes } from "node:crypto";
import { getCookie } from "hono/cookie";
import type { MiddlewareHandler } from "hono";
import { newOnce } from "./once.js";
import { COOKIE, findSession, type Session } from "./session.js";
import { bodyOf, type Env, type Web } from "./web.js";

interface Answer {
  body: string;
  status: number;
  headers: Headers;
}

/** Characters of all answers that are kept for one session, and for all who are not signed in together. */
const MOST_CHARS = 8 * 1024 * 1024;
/** Fields that the page needs when its answer is not kept any more. */
const FIELDS = ["stage", "back", "next"];
const ofNobody = new Map<string, Answer>();
const ofSession = new WeakMap<Session, Map<string, Answer>>();

function answersOf(session: Session | undefined): Map<string, Answer> {
  if (session === undefined) return ofNobody;
  const answers = ofSession.get(session) ?? new Map<string, Answer>();
  ofSession.set(session, answers);
  return answers;
}

function keep(session: Session | undefined, answer: Answer): string {
  const id = randomBytes(16).toString("base64url");
  const answers = answersOf(session);
  answers.set(id, answer);
  let chars = [...answers.values()].reduce((n, a) => n + a.body.length, 0);
  for (const [old, { body }] of answers) {
    if (chars <= MOST_CHARS || old === id) break;
    chars -= body.length;
    answers.delete(old);
  }
  return id;
}

async function address(c: Web, id: string): Promise<string> {
  const url = new URL(c.req.url);
  const body = await bodyOf(c).catch(() => undefined);
  for (const name of FIELDS) {
    const value = body?.[name];
    if (typeof value === "string" && value !== "") url.searchParams.set(name, value);
  }
  url.searchParams.set("again", id);
  return url.pathname + url.search;
}

export const answerByGet: MiddlewareHandler<Env> = async (c, next) => {
  const again = c.req.method === "GET" ? c.req.query("again") : undefined;
  if (again !== undefined) {
    const kept = answersOf(findSession(getCookie(c, COOKIE), false)).get(again);
    // A form that was sent from it and succeeded may be sent again with something else.
    if (kept !== undefined) return new Response(kept.body.replaceAll(/(name="once" value=")[^"]*/g, `$1${newOnce()}`), kept);
  }
  await next();
  const isPage = (c.res.headers.get("content-type") ?? "").startsWith("text/html");
  if (c.req.method !== "POST" || !isPage || !(c.req.header("accept") ?? "").includes("text/html")) return undefined;
  const id = keep(findSession(getCookie(c, COOKIE), true), { body: await c.res.text(), status: c.res.status, headers: new Headers(c.res.headers) });
  c.res = new Response(null, { status: 303, headers: { location: await address(c, id) } });
  return undefined;
};
