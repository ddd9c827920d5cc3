/** The frame of all pages. */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import { lengthOf } from "./format.js";
import { formToken } from "./session.js";
import type { Web } from "./web.js";

/** What a level may see, by a function that only it may call. */
const PAGES = [
  { href: "/", name: "Board", right: "get_ticket" },
  { href: "/inbox", name: "Inbox", right: "my_work" },
  { href: "/reports", name: "Reports", right: "sla_report" },
  { href: "/workflows", name: "Workflows", right: "get_workflow" },
] as const;

function agedWords(behind: number): string {
  if (behind < 1) return "Read from a copy of the database that is up to date.";
  if (!Number.isFinite(behind)) return "Read from a copy of the database; nobody knows how old it is.";
  return `Read from a copy of the database: what happened in the last ${behind < 60 ? `${Math.ceil(behind)} s` : lengthOf(behind)} may be missing.`;
}

export interface PageOptions {
  title: string;
  /** Files in public/ that the page runs. */
  scripts?: readonly string[];
  /** The time of the database, from which clocks in the browser count. */
  now?: Date;
  wide?: boolean;
  /** Read from afar, without anything to click on. */
  wall?: boolean;
  /** What was searched for. */
  search?: string;
}

export function page(c: Web, options: PageOptions, content: Child, status: 200 | 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503 = 200) {
  const session = c.get("session");
  const { settings } = c.get("board");
  const rights = c.get("rights");
  const behind = c.get("behind");
  const message = session?.message;
  if (session !== undefined) session.message = undefined;
  const path = c.req.path;
  const scripts = options.wall === true ? (options.scripts ?? []) : ["/assets/page.js", ...(options.scripts ?? [])];
  const body = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${options.title} · ${settings.title}`}</title>
        <link rel="stylesheet" href="/assets/board.css" />
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        {scripts.map((src) => (
          <script type="module" src={src}></script>
        ))}
      </head>
      <body data-now={options.now?.toISOString()} class={options.wall === true ? "wide wall" : options.wide === true ? "wide" : undefined}>
        <a class="skip" href="#content">
          Skip to the content
        </a>
        <header class="top">
          {options.wall === true ? <span class="brand">{settings.title}</span> : (
            <a class="brand" href={session === undefined ? "/track" : "/"}>
              {settings.title}
            </a>
          )}
          {session === undefined ? null : (
            <nav aria-label="Pages">
              <ul>
                {PAGES.filter((p) => rights.has(p.right)).map((p) => (
                  <li>
                    <a href={p.href} aria-current={p.href === path || (p.href !== "/" && path.startsWith(`${p.href}/`)) ? "page" : undefined}>
                      {p.name}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
          )}
          {session === undefined || !rights.has("get_ticket") ? null : (
            <form method="post" action="/search" class="find" role="search" aria-label="All tickets">
              <input type="hidden" name="csrf" value={formToken(session)} />
              <input type="search" name="q" value={options.search} aria-label="Find a ticket" placeholder="Number, name, tracking number" required maxlength={200} autocomplete="off" />{" "}
              <button class="quiet">Find</button>
            </form>
          )}
          {session === undefined ? null : (
            <form method="post" action="/sign-out" class="who">
              <input type="hidden" name="csrf" value={formToken(session)} />
              <bdi class="person">{session.role}</bdi> <button class="quiet">Sign out</button>
            </form>
          )}
        </header>
        <main id="content" tabindex={-1}>
          {message === undefined ? null : (
            <div class={`message message-${message.kind}`} role={message.kind === "error" ? "alert" : "status"}>
              <p>{message.text}</p>
              {message.hint === undefined ? null : <p class="hint">{message.hint}</p>}
            </div>
          )}
          {settings.readOnly && session !== undefined ? <p class="hint">This board only shows: nothing can be changed here.</p> : null}
          {behind === undefined ? null : (
            <p class="hint" id="behind">
              {agedWords(behind)}
            </p>
          )}
          {content}
        </main>
      </body>
    </html>
  );
  return c.html(html`<!doctype html>${body}`, status);
}

/** An error as a page, or as JSON for who asked for that. */
export function errorPage(c: Web, status: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503, text: string, hint?: string) {
  const from = c.req.method === "POST" ? formOf(c) : undefined;
  if (c.get("wantsJson")) return c.json({ error: text, ...(hint === undefined ? {} : { hint }) }, status);
  return page(
    c,
    { title: "Sorry" },
    <>
      <h1>That did not work</h1>
      <div class="message message-error" role="alert">
        <p>{text}</p>
        {hint === undefined ? null : <p class="hint">{hint}</p>}
      </div>
      {from === undefined ? null : (
        <p>
          {status === 401 ? <a href={`/sign-in?next=${encodeURIComponent(from)}`}>Sign in, and go on where you were</a> : <a href={from}>Back to the form</a>}
        </p>
      )}
    </>,
    status,
  );
}

/** The page of ours from which a form was sent. */
function formOf(c: Web): string | undefined {
  const from = c.req.header("referer");
  const host = c.req.header("host");
  if (from === undefined || !URL.canParse(from)) return undefined;
  const { host: there, pathname, search } = new URL(from);
  return there === host ? pathname + search : undefined;
}
