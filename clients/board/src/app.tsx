/** The whole server: what every request passes, and where it goes then. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { getCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { answerByGet } from "./answers.js";
import { viewersZone } from "./db.js";
import { isZone } from "./format.js";
import { makeKept, PACE } from "./kept.js";
import { errorPage } from "./layout.js";
import { makeLimit } from "./limit.js";
import { isApi, makeApi } from "./routes/api.js";
import { assets } from "./routes/assets.js";
import { boardRoutes } from "./routes/board.js";
import { finishedRoutes } from "./routes/finished.js";
import { inboxRoutes } from "./routes/inbox.js";
import { liveRoutes } from "./routes/live.js";
import { reportFileRoutes } from "./routes/reports-files.js";
import { openReportRoutes } from "./routes/reports-open.js";
import { reportRoutes } from "./routes/reports.js";
import { makeSignIn } from "./routes/signin.js";
import { trackRoutes } from "./routes/track.js";
import { workflowEditRoutes } from "./routes/workflows-edit.js";
import { workflowRoutes } from "./routes/workflows.js";
import { searchRoutes } from "./routes/search.js";
import { ticketActionRoutes } from "./routes/ticket-actions.js";
import { ticketRoutes } from "./routes/ticket.js";
import { makeTv } from "./routes/tv.js";
import { COOKIE, endSession, findSession, isRoleLost, rightsOf, sameToken } from "./session.js";
import { addressOf, asRefused, bodyOf, limited, READS, Refused, type Board, type Env, type Web } from "./web.js";

/** The largest that HTTP has. */
const MOST_AGE = 2 ** 31;

/** Where our own pages come from, as their browser sees it: a proxy may speak TLS for us. */
function originOf(c: Web): string {
  const { origin, host } = new URL(c.req.url);
  const proto = c.get("board").settings.behindProxy ? c.req.header("x-forwarded-proto") : undefined;
  return proto === undefined ? origin : `${proto}://${host}`;
}

export function makeApp(given: Omit<Board, "kept">, kept = makeKept({ ...PACE, patienceMs: given.settings.waitMs })) {
  const board: Board = { ...given, kept };
  const app = new Hono<Env>();
  const attempts = makeLimit(board.settings.attemptsPerMinute);
  const signIns = makeLimit(board.settings.signInsPerMinute);

  app.onError((error, c) => {
    // A form that was sent from another site.
    const refused = error instanceof HTTPException ? new Refused(403, "This was not sent from a page of the board.") : asRefused(error);
    if (refused === undefined) {
      // For whoever runs the board; the page says no more than that it happened.
      console.error(error);
      return errorPage(c, 500, "Something went wrong here.", "It has been noted in the board's log.");
    }
    if (refused.status === 401 && c.req.method === "GET" && !c.get("wantsJson")) {
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/sign-in?next=${encodeURIComponent(pathname + search)}`, 303);
    }
    if (refused.retryAfter !== undefined) c.header("retry-after", String(refused.retryAfter));
    return errorPage(c, refused.status, refused.message, refused.hint);
  });
  app.notFound((c) => errorPage(c, 404, "There is no such page."));

  app.use(async (c, next) => {
    c.set("board", board);
    c.set("session", undefined);
    c.set("rights", new Set());
    c.set("behind", undefined);
    const accept = c.req.header("accept") ?? "";
    c.set("wantsJson", accept.startsWith("application/json") || c.req.path.endsWith(".json") || (isApi(c.req.path) && !accept.includes("text/html")));
    await next();
  });
  // page.js says in a cookie where the browser is.
  app.use((c, next) => {
    const zone = getCookie(c, "zone");
    return viewersZone.run(zone !== undefined && isZone(zone) ? zone : undefined, next);
  });
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      referrerPolicy: "same-origin",
      xFrameOptions: "DENY",
      strictTransportSecurity: board.settings.behindProxy ? "max-age=31536000" : false,
      permissionsPolicy: { camera: [], microphone: [], geolocation: [] },
    }),
  );
  app.use(compress());
  app.route("/assets", assets);
  // Asked for by browsers and programs that do not look into the page.
  app.get("/favicon.ico", (c) => c.redirect("/assets/icon.svg", 301));
  app.use(async (c, next) => {
    await next();
    const behind = c.get("behind");
    if (behind !== undefined) c.header("age", String(Math.min(Math.ceil(behind), MOST_AGE)));
    // What one person saw must not come back for the next one at the same desk.
    if (c.res.headers.get("cache-control") === null) c.header("cache-control", "no-store");
  });
  app.use(answerByGet);
  app.use(bodyLimit({ maxSize: 2 * 1024 * 1024, onError: (c) => errorPage(c as Web, 413, "That is too large.") }));
  // Two locks on one door: where a form was sent from, and a token that only our pages know.
  app.use(csrf({ origin: (origin, c) => origin === originOf(c as Web) }));
  // In front of the sessions: a screen has none, and is nobody on all other pages.
  app.route("/tv", makeTv(board.settings, signIns));
  app.use(async (c, next) => {
    // A page that looks again by itself says so.
    const id = getCookie(c, COOKIE);
    let session = findSession(id, c.req.header("x-by-itself") !== undefined || c.req.path === "/live");
    c.set("session", session);
    if (session !== undefined) {
      try {
        const rights = await rightsOf(board.db, session);
        c.set("rights", board.settings.readOnly ? new Set([...rights].filter((name) => READS.has(name))) : rights);
        if (board.settings.readOnly) c.set("behind", await board.db.age());
      } catch (error) {
        if (!isRoleLost(error)) throw error;
        // Nobody is signed in any more, and can sign in as somebody else.
        endSession(id);
        session = undefined;
        c.set("session", undefined);
      }
    }
    if ((c.req.path.startsWith("/track") && c.req.method === "POST") || c.req.path.startsWith("/timeline")) limited(attempts, addressOf(c));
    // The form of the sign-in may be older than a session that was begun beside it; where it comes from has been checked.
    if (c.req.method !== "GET" && c.req.method !== "HEAD" && session !== undefined && c.req.path !== "/sign-in") {
      const body = await bodyOf(c);
      if (!sameToken(session, body["csrf"] ?? c.req.header("x-csrf"))) throw new Refused(403, "This form is out of date.", "Go back, load the page again, and repeat what you did.");
    }
    await next();
  });

  app.route("/", makeSignIn(signIns));
  app.route("/", boardRoutes);
  app.route("/", inboxRoutes);
  app.route("/", liveRoutes);
  app.route("/", reportRoutes);
  app.route("/", openReportRoutes);
  app.route("/", reportFileRoutes);
  app.route("/", finishedRoutes);
  app.route("/", searchRoutes);
  app.route("/", trackRoutes);
  // Before the others, for which "new" would be a name.
  app.route("/", workflowEditRoutes);
  app.route("/", workflowRoutes);
  app.route("/", makeApi(signIns));
  app.route("/", ticketRoutes);
  // Its addresses match those above, too.
  app.route("/", ticketActionRoutes);
  return app;
}
