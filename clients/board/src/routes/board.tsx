/** The board: every open stage, the most urgent first, live. */
import { clock } from "hms-oms-sdk";
import { Hono } from "hono";
import type { FC } from "hono/jsx";
import type { Database, Query } from "../db.js";
import { MOST_ROWS, send } from "../export.js";
import { count, makeTimes, words, type Times } from "../format.js";
import { page } from "../layout.js";
import { address } from "../reports/scope.js";
import { Clock, Field, Filters, LiveLine, Name, Status, Table, TicketLink } from "../ui.js";
import { can, needs, param, person, Refused, report, type Env, type Web } from "../web.js";

export const boardRoutes = new Hono<Env>();

const PAGE = 50;
/** Rows that a live page may ask for at once. */
const MOST_TICKETS = 100;

interface OpenStage {
  ticket_id: string;
  stage_no: number;
  workflow: string;
  stage: string;
  label: string | null;
  status: string;
  owner: string;
  worker: string | null;
  priority: number;
  applicant: string | null;
  queued_at: Date | null;
  due_at: Date | null;
  running_since: Date | null;
  breached_at: Date | null;
}

const COLUMNS = `o.ticket_id::pg_catalog.text AS ticket_id, o.stage_no, o.workflow, o.stage, o.label, o.status, o.owner, o.worker, o.priority, o.applicant,
  o.queued_at, o.due_at, o.running_since, o.breached_at`;

/** What can be asked for, in the address, so that it can be kept and sent on. */
export interface Filter {
  search: string | undefined;
  workflow: string | undefined;
  stage: string | undefined;
  owner: string | undefined;
  worker: string | undefined;
  applicant: string | undefined;
  status: string | undefined;
  clock: string | undefined;
  /** Queued in its cycle at least, and less than, so many days of 24 hours ago. */
  ageFrom: number | undefined;
  ageTo: number | undefined;
}

const STATUSES = ["awaiting", "queued", "in_progress", "on_hold", "failed"];
const CLOCKS = {
  late: "late", hour: "due within an hour", soon: "due within 4 hours", day: "due within 24 hours", week: "due within 7 days",
  fine: "due after 4 hours", stands: "stopped or none", limit: "with a time limit",
} as const;

function readDays(c: Web, name: string): number | undefined {
  const text = param(c, name, 5);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Refused(400, `"${text}" is not a number of days.`);
  return Number(text);
}

function readFilter(c: Web): Filter {
  const status = param(c, "status");
  const clock = param(c, "clock");
  if (status !== undefined && !STATUSES.includes(status)) throw new Refused(400, `There is no status "${status}".`);
  if (clock !== undefined && !Object.hasOwn(CLOCKS, clock)) throw new Refused(400, `There is no clock "${clock}".`);
  return {
    search: param(c, "q"), workflow: param(c, "workflow"), stage: param(c, "stage"), owner: param(c, "owner"),
    worker: param(c, "worker"), applicant: param(c, "applicant"), status, clock,
    ageFrom: readDays(c, "age_from"), ageTo: readDays(c, "age_to"),
  };
}

const dueWithin = (length: string) => `o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at <= o.now + '${length}'`;
const CLOCK_SQL: Record<string, string> = {
  late: "o.overdue",
  hour: dueWithin("1 hour"),
  soon: dueWithin("4 hours"),
  day: dueWithin("24 hours"),
  week: dueWithin("7 days"),
  fine: "o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at > o.now + '4 hours'",
  stands: "o.running_since IS NULL AND NOT o.overdue",
  limit: "o.clocked",
};

/** A page's last row, from which the next page goes on. Stages without a due time come last. */
interface Key {
  due: string | undefined;
  ticket: string;
  stage: number;
}

function readKey(text: string | undefined): Key | undefined {
  if (text === undefined) return undefined;
  const [due, ticket, stage] = text.split(" ");
  if (due === undefined || ticket === undefined || !/^\d+$/.test(stage ?? "")) throw new Refused(400, "This address is not whole.");
  return { due: due === "-" ? undefined : due, ticket, stage: Number(stage) };
}

/** A filter as conditions, with what they need among the values. */
function conditions(filter: Filter, values: unknown[]): string[] {
  const where: string[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  for (const column of ["workflow", "stage", "owner", "worker", "applicant", "status"] as const) {
    const value = filter[column];
    if (value !== undefined) where.push(`o.${column} = ${bind(value)}`);
  }
  if (filter.search !== undefined) {
    if (/^[a-z]{1,4}-\d{4}-\d{5,}$/i.test(filter.search)) where.push(`o.ticket_id = ${bind(filter.search)}::oms.ticket_id`);
    else where.push(`pg_catalog.starts_with(o.ticket_id::pg_catalog.text, ${bind(filter.search.toUpperCase())})`);
  }
  if (filter.clock !== undefined) where.push(CLOCK_SQL[filter.clock] ?? "false");
  // As oms.aging has them; 0 is no lower end there.
  if (filter.ageFrom !== undefined && filter.ageFrom > 0) where.push(`o.queued_at <= o.now - pg_catalog.make_interval(hours => ${bind(filter.ageFrom)}::int * 24)`);
  if (filter.ageTo !== undefined) where.push(`o.queued_at > o.now - pg_catalog.make_interval(hours => ${bind(filter.ageTo)}::int * 24)`);
  return where;
}

const whole = (where: readonly string[]) => (where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`);

/** How many match, as far as it is worth counting. */
async function countMatches(query: Query, filter: Filter): Promise<number> {
  const values: unknown[] = [];
  const where = whole(conditions(filter, values));
  const { n } = await query.row<{ n: number }>(`SELECT count(*)::int AS n FROM (SELECT FROM oms.open_stage AS o ${where} LIMIT ${MOST_ROWS + 1}) AS m`, values);
  return n;
}

/** As of which event of its ticket a row shows it. */
type Shown = OpenStage & { last_seq: number };
type Listed = Shown & { key: string };

/**
 * The rows of a page, and where another page goes on if there is one: first those that have a due time, then the others. Two
 * statements, so that each goes on from its last row by a comparison that an index on the due time can answer, if there is
 * one. The keys come first; only those of the page are looked up whole.
 */
async function openStages(query: Query, filter: Filter, after: Key | undefined) {
  const rows: Listed[] = [];
  if (after === undefined || after.due !== undefined) rows.push(...(await piece(query, filter, true, after, PAGE + 1)));
  if (rows.length <= PAGE)
    rows.push(...(await piece(query, filter, false, after?.due === undefined ? after : undefined, PAGE + 1 - rows.length)));
  return { rows: rows.slice(0, PAGE), next: rows.length > PAGE ? rows[PAGE - 1]?.key : undefined };
}

function piece(query: Query, filter: Filter, due: boolean, after: Key | undefined, most: number) {
  const values: unknown[] = [];
  const where = [`o.due_at IS ${due ? "NOT NULL" : "NULL"}`, ...conditions(filter, values)];
  const bind = (value: unknown) => `$${values.push(value)}`;
  if (after !== undefined) {
    const last = `${bind(after.ticket)}::oms.ticket_id, ${bind(after.stage)}::smallint`;
    where.push(after.due === undefined ? `(o.ticket_id, o.stage_no) > (${last})` : `(o.due_at, o.ticket_id, o.stage_no) > (${bind(after.due)}::timestamptz, ${last})`);
  }
  return query.rows<Listed>(
    `WITH page AS MATERIALIZED (
       SELECT o.ticket_id, o.stage_no, o.due_at FROM oms.open_stage AS o WHERE ${where.join(" AND ")}
       ORDER BY o.due_at, o.ticket_id, o.stage_no LIMIT ${most}
     )
     SELECT ${COLUMNS}, t.last_seq, pg_catalog.concat_ws(' ', COALESCE(pg_catalog.to_json(p.due_at) #>> '{}', '-'), p.ticket_id, p.stage_no) AS key
     FROM page AS p JOIN oms.open_stage AS o ON o.ticket_id = p.ticket_id AND o.stage_no = p.stage_no JOIN oms.ticket AS t ON t.ticket_id = p.ticket_id
     ORDER BY p.due_at, p.ticket_id, p.stage_no`,
    values,
  );
}

/** The rows of a file, in the same order; one more than it holds says that there are more. Of so many, all are read whole at once. */
function allStages(query: Query, filter: Filter): Promise<OpenStage[]> {
  const values: unknown[] = [];
  const where = whole(conditions(filter, values));
  return query.rows<OpenStage>(
    `SELECT ${COLUMNS} FROM oms.open_stage AS o ${where} ORDER BY o.due_at, o.ticket_id, o.stage_no LIMIT ${MOST_ROWS + 1}`,
    values,
  );
}

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

/**
 * How many there are: the same for everybody who may see the board, so it is counted at most every so often. Nobody waits
 * for a new count as long as the last one is of some use.
 */
const TOTALS_MS = 5000;
const OF_USE_MS = 30_000;
let totals: { at: number; value: Totals } | undefined;
let counting: Promise<Totals> | undefined;

async function countOpen(db: Database, role: string): Promise<Totals> {
  const age = totals === undefined ? Infinity : Date.now() - totals.at;
  if (totals !== undefined && age <= TOTALS_MS) return totals.value;
  if (counting === undefined) {
    counting = db
      .as(role, (query) =>
        query.row<Totals>(
          `SELECT COALESCE(sum(q.queued), 0)::text AS queued, COALESCE(sum(q.in_progress), 0)::text AS in_progress,
             COALESCE(sum(q.on_hold), 0)::text AS on_hold, COALESCE(sum(q.failed), 0)::text AS failed,
             COALESCE(sum(q.overdue), 0)::text AS overdue FROM oms.queue AS q`,
        ),
      )
      .then((value) => {
        totals = { at: Date.now(), value };
        return value;
      })
      .finally(() => (counting = undefined));
    // Whoever waits hears of it; if nobody does, the next one tries again.
    counting.catch(() => undefined);
  }
  return totals !== undefined && age <= OF_USE_MS ? totals.value : counting;
}

/** The time of the database, and the zone in which it shows times. */
export async function clockOf(query: Query): Promise<{ now: Date; times: Times }> {
  return { now: await clock({ client: query.client }), times: makeTimes(query.zone) };
}

const Count: FC<{ n: string; name: string; href: string; sign: string }> = ({ n, name, href, sign }) => (
  <li>
    <a href={href} class={`count count-${sign}`}>
      <strong>{count(Number(n))}</strong> {name}
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
  const { db, watch } = c.get("board");
  const filter = readFilter(c);
  const after = readKey(param(c, "after"));
  const filtered = Object.values(filter).some((v) => v !== undefined);
  // Counted at the same time, on connections of their own.
  const counted = countOpen(db, session.role);
  const matching = filtered ? db.as(session.role, (query) => countMatches(query, filter)) : undefined;
  for (const one of [counted, matching]) one?.catch(() => undefined);
  const { rows, next, now, times, workflows, owners } = await db.as(session.role, async (query) => ({
    ...(await openStages(query, filter, after)),
    ...(await clockOf(query)),
    workflows: await query.rows<{ name: string }>("SELECT w.name FROM oms.workflow AS w WHERE w.current ORDER BY w.name"),
    owners: await query.rows<{ name: string }>("SELECT o.name FROM oms.owner AS o ORDER BY o.name LIMIT 500"),
  }));
  for (const row of rows) watch.shown(session, row.ticket_id, row.last_seq);
  const counts = await counted;
  const matches = await matching;
  const url = new URL(c.req.url);
  const asked = { ...c.req.query(), after: undefined };
  if (next !== undefined) url.searchParams.set("after", next);
  return page(
    c,
    { title: "Board", scripts: ["/assets/live.js"], now, wide: true },
    <>
      <h1>Open work</h1>
      <ul class="counts" aria-label="How much is open">
        <Count n={counts.overdue} name="late" href="/?clock=late" sign="late" />
        <Count n={counts.queued} name="queued" href="/?status=queued" sign="queued" />
        <Count n={counts.in_progress} name="in progress" href="/?status=in_progress" sign="in_progress" />
        <Count n={counts.on_hold} name="on hold" href="/?status=on_hold" sign="on_hold" />
        <Count n={counts.failed} name="failed" href="/?status=failed" sign="failed" />
      </ul>
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
      {matches === undefined ? null : (
        <p class="matches">
          <strong>{matches > MOST_ROWS ? `More than ${count(MOST_ROWS)}` : count(matches)}</strong> open {matches === 1 ? "stage matches" : "stages match"}
          {[
            filter.stage === undefined ? "" : `: stage ${words(filter.stage)}`,
            filter.worker === undefined ? "" : `: worker ${filter.worker}`,
            filter.ageFrom === undefined && filter.ageTo === undefined
              ? ""
              : filter.ageTo === undefined ? `: queued ${filter.ageFrom ?? 0} days ago or earlier` : `: queued ${filter.ageFrom ?? 0} to ${filter.ageTo} days ago`,
          ].join("")}
        </p>
      )}
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
        This list as <a href={address("/tickets.csv", asked)}>CSV</a> or <a href={address("/tickets.json", asked)}>JSON</a>, at most {count(MOST_ROWS)} stages.
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
    rows: await query.rows<Shown>(
      `SELECT ${COLUMNS}, t.last_seq FROM pg_catalog.unnest($1::oms.ticket_id[]) AS i (id) JOIN oms.open_stage AS o ON o.ticket_id = i.id
         JOIN oms.ticket AS t ON t.ticket_id = i.id
       ORDER BY o.ticket_id, o.stage_no`,
      [tickets],
    ),
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
