/**
 * The board on a wall: what is due next and what each owner has, to be read from afar, for a screen at which nobody signs
 * in. It shows what the level monitor may see: no applicant, no worker, and no way to a ticket.
 */
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { Hono } from "hono";
import type { Query } from "../db.js";
import { count } from "../format.js";
import { page } from "../layout.js";
import type { Limit } from "../limit.js";
import { atRisk, PROBES, queue, stageNames, type StageName } from "../reports/data.js";
import { makeScreens } from "../screens.js";
import type { Settings } from "../settings.js";
import { Clock, Name, Status, Table } from "../ui.js";
import { addressOf, form, limited, Refused, type Env, type Web } from "../web.js";
import { clockOf } from "./board.js";
import { streamEvents } from "./live.js";

const COOKIE = "oms_tv";
/** A wall does not scroll. */
const MOST_DUE = 12;
const MOST_OWNERS = 12;
/** The bar of a clock is what is left of a day. */
const AHEAD_MS = 24 * 60 * 60_000;
/** All screens show the same, so it is asked for once. */
const OF_USE_MS = 1000;

interface Wall {
  totals: Record<"overdue" | "queued" | "in_progress" | "on_hold" | "failed", number>;
  owners: Awaited<ReturnType<typeof queue>>;
  due: Awaited<ReturnType<typeof atRisk>>;
  stageName: StageName;
}

async function load(query: Query): Promise<Wall & Awaited<ReturnType<typeof clockOf>>> {
  const owners = await queue(query);
  const sum = (of: (row: (typeof owners)[number]) => number) => owners.reduce((all, row) => all + of(row), 0);
  return {
    owners,
    totals: { overdue: sum((r) => r.overdue), queued: sum((r) => r.queued), in_progress: sum((r) => r.in_progress), on_hold: sum((r) => r.on_hold), failed: sum((r) => r.failed) },
    due: await atRisk(query, "day", MOST_DUE),
    stageName: await stageNames(query),
    ...(await clockOf(query)),
  };
}

function wallOf({ totals, owners, due, stageName, now, times }: Awaited<ReturnType<typeof load>>) {
  return (
    <div>
      <ul class="counts" aria-label="How much is open">
        {([["late", totals.overdue], ["queued", totals.queued], ["in progress", totals.in_progress], ["on hold", totals.on_hold], ["failed", totals.failed]] as const).map(([name, n]) => (
          <li class={`count count-${name.replace(" ", "_")}`}>
            <strong>{count(n)}</strong> {name}
          </li>
        ))}
      </ul>
      <div class="wall-tables">
        <Table caption={due.total > MOST_DUE ? `Due within 24 hours: the first ${MOST_DUE} of ${count(due.total)}` : "Due within 24 hours"} head={["Ticket", "Stage", "Owner", "Status", "Clock"]}>
          <tbody>
            {due.rows.length === 0 ? (
              <tr>
                <td colspan={5}>Nothing is due within 24 hours.</td>
              </tr>
            ) : (
              due.rows.map((r) => (
                <tr>
                  <th scope="row" class="number">
                    {r.ticket}
                  </th>
                  <td>
                    <Name of={stageName(r.workflow, r.stage)} />
                  </td>
                  <td>
                    <Name of={r.owner} />
                  </td>
                  <td>
                    <Status status={r.status} />
                  </td>
                  <td>
                    <Clock facts={{ status: r.status, due_at: r.due_at, running_since: now, queued_at: new Date(r.due_at.getTime() - AHEAD_MS) }} now={now} times={times} />
                  </td>
                </tr>
              ))
            )}
          </tbody>
        </Table>
        <Table caption={owners.length > MOST_OWNERS ? `Owners: the first ${MOST_OWNERS} of ${count(owners.length)}, the most late ones on top` : "Owners, the most late ones on top"} head={["Owner", "Late", "Due within the hour", "Queued", "In progress"]}>
          <tbody>
            {owners.length === 0 ? (
              <tr>
                <td colspan={5}>Nothing is open.</td>
              </tr>
            ) : (
              owners.slice(0, MOST_OWNERS).map((r) => (
                <tr>
                  <th scope="row">
                    <Name of={r.owner} />
                  </th>
                  <td class={r.overdue > 0 ? "right late-words" : "right"}>{count(r.overdue)}</td>
                  <td class="right">{count(r.due_within_hour)}</td>
                  <td class="right">{count(r.queued)}</td>
                  <td class="right">{count(r.in_progress)}</td>
                </tr>
              ))
            )}
          </tbody>
        </Table>
      </div>
      <p class="hint" data-zone={times.zone}>
        As of {times.full(now)} ({times.zone})
      </p>
    </div>
  );
}

export function makeTv({ tvFile, tvRole, behindProxy }: Settings, attempts: Limit) {
  const tv = new Hono<Env>();
  if (tvFile === undefined || tvRole === undefined) return tv;
  const screens = makeScreens(tvFile);

  const screenOf = (c: Web) => screens.find(getCookie(c, COOKIE));

  tv.get("/", (c) =>
    page(
      c,
      { title: "Wall", scripts: ["/assets/tv.js"], wall: true },
      <>
        <h1 class="only-read">Open work</h1>
        <p class="live" id="live" role="status">
          <span class="live-dot" aria-hidden="true"></span> <span id="live-words">The screen starts</span>
        </p>
        <div id="wall"></div>
      </>,
    ),
  );

  tv.post("/", async (c) => {
    const from = addressOf(c);
    limited(attempts, from);
    const cookie = screens.enter((await form(c)).text("token"));
    if (cookie === undefined) {
      deleteCookie(c, COOKIE, { path: "/tv" });
      throw new Refused(401, "There is no screen with this token.");
    }
    attempts.giveBack(from);
    setCookie(c, COOKIE, cookie, { httpOnly: true, sameSite: "Strict", path: "/tv", secure: behindProxy && c.req.header("x-forwarded-proto") === "https" });
    return c.body(null, 204);
  });

  tv.get("/wall", async (c) => {
    if (screenOf(c) === undefined) return c.body(null, 401);
    const { db, kept } = c.get("board");
    // Refused if the role may no longer see what may be kept.
    await db.as(tvRole, async (query) => {
      for (const probe of [PROBES.queue, PROBES.risk]) await query.rows(probe);
    });
    const found = await kept.get("wall", () => db.as(tvRole, load), { freshMs: OF_USE_MS });
    return found === undefined ? c.body(null, 503) : c.html(wallOf(found.value));
  });

  // That something changed, and nothing of what.
  tv.get("/live", (c) => {
    const screen = screenOf(c);
    if (screen === undefined) return c.body(null, 401);
    return streamEvents(
      c,
      screen,
      () => Promise.resolve(screenOf(c) !== undefined),
      [c.get("board").live.subscribe],
      (events) => (events.length === 0 ? [] : [{ event: events.at(-1)?.kind === "away" ? "away" : "changed", data: "{}" }]),
    );
  });
  return tv;
}
