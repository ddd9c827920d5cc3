/** Signing in with a role of the database and its password, and out. */
import { deleteCookie, setCookie, getCookie } from "hono/cookie";
import { Hono } from "hono";
import { NoPasswords } from "../db.js";
import { page } from "../layout.js";
import { beginSession, COOKIE, endSession, rightsOf, findSession } from "../session.js";
import { Field } from "../ui.js";
import type { Limit } from "../limit.js";
import { addressOf, bodyOf, form, limited, type Env, type Web } from "../web.js";

/** A page of ours, never one elsewhere. */
function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[^\p{Cc}\\]*$/u.test(next) ? next : "/";
}

function signInPage(c: Web, next: string, problem?: string, status: 200 | 401 | 503 = 200) {
  return page(
    c,
    { title: "Sign in" },
    <div class="narrow">
      <h1>Sign in</h1>
      {problem === undefined ? null : (
        <div class="message message-error" role="alert">
          <p>{problem}</p>
        </div>
      )}
      <form method="post" action="/sign-in" class="stacked">
        <input type="hidden" name="next" value={next} />
        <Field label="User name" for="role" hint="Your role in the database">
          <input id="role" name="role" autocomplete="username" required autofocus aria-describedby="role-hint" maxlength={63} />
        </Field>
        <Field label="Password" for="password">
          <input id="password" name="password" type="password" autocomplete="current-password" required maxlength={1000} />
        </Field>
        <button class="main">Sign in</button>
      </form>
      {c.get("board").db.hasCitizen ? (
        <p>
          You applied for something? <a href="/track">Look how far it is</a>.
        </p>
      ) : null}
    </div>,
    status,
  );
}

export function makeSignIn(signIns: Limit) {
  const signInRoutes = new Hono<Env>();

  signInRoutes.get("/sign-in", (c) => signInPage(c, safeNext(c.req.query("next"))));

  signInRoutes.post("/sign-in", async (c) => {
    const { db, settings } = c.get("board");
    const fields = await form(c);
    const role = fields.text("role");
    const next = safeNext(fields.text("next"));
    const body = await bodyOf(c);
    limited(signIns, addressOf(c));
    let right: boolean;
    try {
      right = await db.signIn(role, typeof body["password"] === "string" ? body["password"] : "");
    } catch (error) {
      if (!(error instanceof NoPasswords)) throw error;
      console.error(error.message);
      return signInPage(c, next, "Nobody can sign in: the database does not check passwords.", 503);
    }
    if (!right) return signInPage(c, next, "Name or password is not right.", 401);
    signIns.giveBack(addressOf(c));
    endSession(getCookie(c, COOKIE));
    const id = beginSession(role, settings.idleMinutes);
    const secure = settings.behindProxy && c.req.header("x-forwarded-proto") === "https";
    setCookie(c, COOKIE, id, { httpOnly: true, sameSite: "Lax", path: "/", secure });
    const session = findSession(id, false);
    const rights = session === undefined ? new Set<string>() : await rightsOf(db, session);
    // Who may not see the board sees what there is for them.
    const first = next !== "/" || rights.has("get_ticket") ? next : rights.has("sla_report") ? "/reports" : "/welcome";
    return c.redirect(first, 303);
  });

  signInRoutes.get("/welcome", (c) =>
    page(
      c,
      { title: "Welcome" },
      <>
        <h1>Welcome</h1>
        <p>You are signed in, but your role has no level that this board has pages for: they need monitor, staff or admin.</p>
      </>,
    ),
  );

  signInRoutes.post("/sign-out", (c) => {
    endSession(getCookie(c, COOKIE));
    deleteCookie(c, COOKIE, { path: "/" });
    return c.redirect("/sign-in", 303);
  });
  return signInRoutes;
}
