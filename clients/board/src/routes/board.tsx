/** The board: every open stage, the most urgent first, live. */
import { clock } from "hms-oms-sdk";
import { Hono } from "hono";
import type { FC } from "hono/jsx";
import type { Query } from "../db.js";
import { MOST_ROWS, send } from "../export.js";
import { count, makeTimes, words, type Times } from "../format.js";
import type { Figures } from "../kept.js";
import { page } from "../layout.js";
import { allStages, CLOCKS, countMatches, findPage, openStages, readFilter, readKey, STATUSES, stagesOf, writeKey, type Shown } from "../open.js";
import { address } from "../reports/scope.js";
import { AsOf, Clock, Field, Filters, LiveLine, Name, Status, Table, TicketLink } from "../ui.js";
import { can, needs, param, person, Refused, report, type Env } from "../web.js";

export const boardRoutes = new Hono<Env>();

/** Rows that a live page may ask for at once. */
const MOST_TICKETS = 100;

const BoardRow: FC<{ row: Shown; now: Date; times: Times }> = ({ row, now, times }) => (
  <tr data-ticket={row.ticket_id} data-seq={row.last_seq} data-stage={row.stage} data-key={`${row.ticket_id}/${row.stage_no}`}>
    <th scope="row">
      <TicketLink id={row.ticket_id} />
    </th>
    <td data-label="Workflow">
      <Name of={row.workflow} />
    </td>
    <td data-label="Stage">
      <Name of={words(row.label ?? row.stage)} />
    </td>
    <td data-label="Status">
      <Status status={row.status} />
    </td>
    <td data-label="Owner">
      <span>
        <Name of={row.owner} />
        {row.worker === null ? null : (
          <span class="by">
            {" · "}
            <Name of={row.worker} />
          </span>
        )}
      </span>
    </td>
    <td data-label="Applicant">{row.applicant === null ? "–" : <Name of={row.applicant} />}</td>
    <td data-label="Clock">
      <Clock facts={row} now={now} times={times} />
    </td>
  </tr>
);

interface Totals {
  queued: string;
  in_progress: string;
  on_hold: string;
  failed: string;
  overdue: string;
}

/** The same for everybody who may see the board. */
const countOpen = (query: Query) =>
  query.row<Totals>(
    `SELECT COALESCE(sum(q.queued), 0)::text AS queued, COALESCE(sum(q.in_progress), 0)::text AS in_progress,
       COALESCE(sum(q.on_hold), 0)::text AS on_hold, COALESCE(sum(q.failed), 0)::text AS failed,
       COALESCE(sum(q.overdue), 0)::text AS overdue FROM oms.queue AS q`,
  );
/** So old they may be at any time. */
const TOTALS_MS = 5000;
/** So many times as long as for newer ones a page waits for counts that there were not before; then it comes without. */
const COUNT_TIMES = 4;

/** The time of the database, and the zone in which it shows times. */
export async function clockOf(query: Query): Promise<{ now: Date; times: Times }> {
  return { now: await clock({ client: query.client }), times: makeTimes(query.zone) };
}

const Count: FC<{ n: string | undefined; name: string; href: string; sign: string }> = ({ n, name, href, sign }) => (
  <li>
    <a href={href} class={`count count-${sign}`}>
      <strong>{n === undefined ? "…" : count(Number(n))}</strong> {name}
    </a>
  </li>
);

const Choice: FC<{ name: string; label: string; value: string | undefined; from: readonly (readonly [string, string])[] }> = (props) => (
  <Field label={props.label} for={`f-${props.name}`}>
    <select id={`f-${props.name}`} name={props.name}>
      <option value="">all</option>
      {props.from.map(([value, text]) => (
        <option value={value} selected={value === props.value}>
          {text}
        </option>
      ))}
    </select>
  </Field>
);

boardRoutes.get("/", async (c) => {
  const session = person(c);
  if (!can(c, "get_ticket")) return c.redirect(can(c, "sla_report") ? "/reports" : "/welcome", 303);
  const { db, watch, kept, settings } = c.get("board");
  const filter = readFilter(c);
  const after = readKey(param(c, "after"));
  const filtered = Object.values(filter).some((v) => v !== undefined);
  const waitMs = COUNT_TIMES * settings.waitMs;
  const { workflows, owners } = await db.as(session.role, async (query) => {
    // Refused to whoever may not see what may be kept. Who may see this may see the counts.
    await query.rows("SELECT FROM oms.open_stage LIMIT 0");
    return {
      workflows: await query.rows<{ name: string }>("SELECT w.name FROM oms.workflow AS w WHERE w.current ORDER BY w.name"),
      owners: await query.rows<{ name: string }>("SELECT o.name FROM oms.owner AS o ORDER BY o.name LIMIT 500"),
    };
  });
  // Counted on connections of their own, at the same time as the list is read. A page without them is of more use than none.
  const counted = kept.get("open", () => db.as(session.role, countOpen), { freshMs: TOTALS_MS, waitMs }).catch(() => undefined);
  const asked = JSON.stringify(filter);
  const countAll = () => kept.get(`count ${asked}`, () => db.as(session.role, (query) => countMatches(query, filter)), { waitMs }).catch(() => undefined);
  // If there was more than a page last time, at the same time, too.
  const early = filtered && kept.has(`count ${asked}`) ? countAll() : undefined;
  const found = await kept.get(`list ${after === undefined ? "" : writeKey(after)} ${asked}`, () => db.as(session.role, (query) => findPage(query, filter, after)), { eager: true });
  const { rows, next, now, times } = await db.as(session.role, async (query) => ({
    ...(await openStages(query, found?.value ?? [])),
    ...(await clockOf(query)),
  }));
  for (const row of rows) watch.shown(session, row.ticket_id, row.last_seq);
  // What is all on one page need not be counted.
  const alone = after === undefined && next === undefined;
  const matches: Figures<number> | undefined = !filtered || alone
    ? { value: rows.length, at: Date.now(), old: false }
    : await (early ?? countAll());
  const counts = await counted;
  const url = new URL(c.req.url);
  const params = { ...c.req.query(), after: undefined };
  if (next !== undefined) url.searchParams.set("after", next);
  return page(
    c,
    { title: "Board", scripts: ["/assets/live.js"], now, wide: true },
    <>
      <h1>Open work</h1>
      <ul class="counts" aria-label="How much is open">
        <Count n={counts?.value.overdue} name="late" href="/?clock=late" sign="late" />
        <Count n={counts?.value.queued} name="queued" href="/?status=queued" sign="queued" />
        <Count n={counts?.value.in_progress} name="in progress" href="/?status=in_progress" sign="in_progress" />
        <Count n={counts?.value.on_hold} name="on hold" href="/?status=on_hold" sign="on_hold" />
        <Count n={counts?.value.failed} name="failed" href="/?status=failed" sign="failed" />
      </ul>
      <AsOf figures={counts} times={times} what="These counts are" />
      <Filters action="/" label="Filter the board" used={filtered} search>
        <Field label="Ticket number" for="f-q">
          <input id="f-q" name="q" value={filter.search} placeholder="DL-2026-00091" maxlength={40} autocomplete="off" />
        </Field>
        <Field label="Applicant" for="f-applicant">
          <input id="f-applicant" name="applicant" value={filter.applicant} maxlength={200} autocomplete="off" />
        </Field>
        <Choice name="workflow" label="Workflow" value={filter.workflow} from={workflows.map((w) => [w.name, w.name])} />
        <Field label="Owner" for="f-owner">
          <input id="f-owner" name="owner" value={filter.owner} list="owners" maxlength={200} autocomplete="off" />
          <datalist id="owners">
            {owners.map((o) => (
              <option value={o.name}></option>
            ))}
          </datalist>
        </Field>
        <Choice name="status" label="Status" value={filter.status} from={STATUSES.map((s) => [s, s.replaceAll("_", " ")])} />
        <Choice name="clock" label="Clock" value={filter.clock} from={Object.entries(CLOCKS)} />
        {filter.stage === undefined ? null : <input type="hidden" name="stage" value={filter.stage} />}
        {filter.worker === undefined ? null : <input type="hidden" name="worker" value={filter.worker} />}
        {filter.ageFrom === undefined ? null : <input type="hidden" name="age_from" value={filter.ageFrom} />}
        {filter.ageTo === undefined ? null : <input type="hidden" name="age_to" value={filter.ageTo} />}
        <p class="buttons">
          <button class="main">Show</button> {filtered ? <a href="/">Show all</a> : null}
        </p>
      </Filters>
      {!filtered ? null : (
        <p class="matches">
          <strong>{matches === undefined ? `More than ${count(rows.length)}` : matches.value > MOST_ROWS ? `More than ${count(MOST_ROWS)}` : count(matches.value)}</strong> open{" "}
          {matches?.value === 1 ? "stage matches" : "stages match"}
          {[
            filter.stage === undefined ? "" : `: stage ${words(filter.stage)}`,
            filter.worker === undefined ? "" : `: worker ${filter.worker}`,
            filter.ageFrom === undefined && filter.ageTo === undefined
              ? ""
              : filter.ageTo === undefined ? `: begun ${filter.ageFrom ?? 0} days ago or earlier` : `: begun ${filter.ageFrom ?? 0} to ${filter.ageTo} days ago`,
          ].join("")}
          {matches === undefined ? ": how many is being counted, load the page again" : ""}
        </p>
      )}
      {filtered ? <AsOf figures={matches} times={times} what="This count is" /> : null}
      <AsOf figures={found} times={times} what="Which stages are in this list is" />
      <LiveLine times={times} />
      <Table
        caption={filtered ? "Open stages that match, the most urgent first" : "Open stages, the most urgent first"}
        class="board cards" id="board"
        head={["Ticket", "Workflow", "Stage", "Status", "Owner", "Applicant", "Clock"]}
      >
        <tbody data-rows="/rows">
          {rows.length === 0 ? (
            <tr>
              <td colspan={7}>{filtered ? "Nothing open matches." : "Nothing is open."}</td>
            </tr>
          ) : (
            rows.map((row) => <BoardRow row={row} now={now} times={times} />)
          )}
        </tbody>
      </Table>
      <nav class="pages" aria-label="Pages of the table">
        {after === undefined ? null : <a href={firstPage(url)}>First page</a>}
        {next === undefined ? null : (
          <a rel="next" href={url.pathname + url.search}>
            Next page
          </a>
        )}
      </nav>
      <p class="downloads">
        This list as <a href={address("/tickets.csv", params)}>CSV</a> or <a href={address("/tickets.json", params)}>JSON</a>, at most {count(MOST_ROWS)} stages.
      </p>
      <section aria-labelledby="alerts-head" class="alerts">
        <h2 id="alerts-head">Alerts since you opened this page</h2>
        <ul id="alerts" class="alert-list"></ul>
      </section>
    </>,
  );
});

function firstPage(url: URL): string {
  const first = new URL(url);
  first.searchParams.delete("after");
  return first.pathname + first.search;
}

/** The rows of some tickets as they are now, for a page that has heard that something happened to them. */
boardRoutes.get("/rows", async (c) => {
  needs(c, "get_ticket");
  const tickets = c.req.queries("ticket") ?? [];
  if (tickets.length > MOST_TICKETS) throw new Refused(400, `At most ${MOST_TICKETS} tickets at once.`);
  const { db, watch } = c.get("board");
  const { rows, now, times } = await db.as(person(c).role, async (query) => ({
    rows: await stagesOf(query, tickets),
    ...(await clockOf(query)),
  }));
  for (const row of rows) watch.shown(person(c), row.ticket_id, row.last_seq);
  return c.html(
    <table>
      <tbody>
        {rows.map((row) => (
          <BoardRow row={row} now={now} times={times} />
        ))}
      </tbody>
    </table>,
  );
});

const LIST_COLUMNS = [
  "ticket_id", "workflow", "stage", "label", "status", "owner", "worker", "priority", "applicant", "queued_at", "due_at", "running_since", "breached_at",
] as const;

/** The board's list for other programs. */
for (const format of ["csv", "json"] as const)
  boardRoutes.get(`/tickets.${format}`, async (c) => {
    needs(c, "get_ticket");
    const filter = readFilter(c);
    const rows = await report(c, (query) => allStages(query, filter));
    return send(c, { name: "open-stages", columns: LIST_COLUMNS, rows, asked: c.req.query() });
  });
