/**
 * The tickets behind the figures about finished work. /finished lists cycles of stages by when they were finished,
 * /due by when they were due, with those that are late and still open. Their conditions are those by which
 * oms.sla_report, oms.heat_map and oms.bottlenecks count.
 */
import { Hono } from "hono";
import type { FC } from "hono/jsx";
import type { Query } from "../db.js";
import { MOST_ROWS, send } from "../export.js";
import { count, percent, words, type Times } from "../format.js";
import { page } from "../layout.js";
import { keep, Moment } from "../reports/ask.js";
import { address, periodWords, readScope, scopeParams, type Scope } from "../reports/scope.js";
import { Downloads, duration, PeriodFields } from "../reports/ui.js";
import { Filters, Name, Table, TicketLink, Time } from "../ui.js";
import { needs, param, Refused, report, type Env, type Web } from "../web.js";
import { clockOf } from "./board.js";

export const finishedRoutes = new Hono<Env>();

const PAGE = 50;

interface Finished {
  ticket_id: string;
  stage_no: number;
  workflow: string;
  stage: string;
  label: string | null;
  /** 0: it is open. */
  cycle: number;
  owner: string;
  finished_at: Date | null;
  due_at: Date | null;
  met: boolean;
  breached: boolean;
  ratio: number | null;
  wait_seconds: number | null;
  work_seconds: number | null;
  hold_seconds: number | null;
}
const COLUMNS = [
  "ticket_id", "workflow", "stage", "label", "cycle", "owner", "finished_at", "due_at", "met", "breached", "ratio", "wait_seconds", "work_seconds",
  "hold_seconds",
] as const;

const LISTS = {
  "/finished": {
    title: "Finished stages", at: "finished_at", name: "finished-stages",
    from: "oms.finished_stage",
  },
  "/due": {
    title: "Stages that were due", at: "due_at", name: "due-stages",
    from: `(SELECT d.ticket_id, d.stage_no, d.workflow, d.stage, d.label, d.cycle, d.owner, d.finished_at, d.due_at, d.met, d.breached, d.ratio,
        d.wait, d.work, d.hold
      FROM oms.finished_stage AS d WHERE d.met OR d.breached
      UNION ALL
      SELECT o.ticket_id, o.stage_no, o.workflow, o.stage, o.label, 0, o.owner, NULL, o.due_at, false, true, NULL, NULL, NULL, NULL
      FROM oms.open_stage AS o WHERE o.overdue)`,
  },
} as const;
type List = (typeof LISTS)[keyof typeof LISTS];

const VERDICTS = { met: "in time", breached: "late", limited: "with a time limit" } as const;
const VERDICT_SQL: Record<string, string> = { met: "f.met", breached: "f.breached", limited: "(f.met OR f.breached)" };
const CYCLES = { first: "first passage", later: "rework" } as const;
const CYCLE_SQL: Record<string, string> = { first: "f.cycle = 1", later: "f.cycle > 1" };
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

interface Filter extends Scope {
  stage: string | undefined;
  owner: string | undefined;
  verdict: string | undefined;
  cycle: string | undefined;
  /** A cell of a heat-map: an ISO week, in the zone of the database or in UTC; a day and hour. */
  week: string | undefined;
  utcWeek: string | undefined;
  weekday: string | undefined;
  hour: string | undefined;
}

function oneOf(c: Web, name: string, known: readonly string[] | RegExp): string | undefined {
  const value = param(c, name);
  if (value === undefined || (known instanceof RegExp ? known.test(value) : known.includes(value))) return value;
  throw new Refused(400, `There is no ${name.replaceAll("_", " ")} "${value}".`);
}

const WEEK = /^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$/;
const readFilter = (c: Web, scope: Scope): Filter => ({
  ...scope, stage: param(c, "stage"), owner: param(c, "owner"), verdict: oneOf(c, "verdict", Object.keys(VERDICTS)),
  cycle: oneOf(c, "cycle", Object.keys(CYCLES)), week: oneOf(c, "week", WEEK), utcWeek: oneOf(c, "utc_week", WEEK),
  weekday: oneOf(c, "weekday", DAYS), hour: oneOf(c, "hour", /^([01]\d|2[0-3])$/),
});
const filterParams = (f: Filter) => ({
  ...scopeParams(f), stage: f.stage, owner: f.owner, verdict: f.verdict, cycle: f.cycle, week: f.week, utc_week: f.utcWeek, weekday: f.weekday, hour: f.hour,
});

// The reports take what was finished by the full hour in UTC, also where the zone is not whole hours off.
const HOUR = "pg_catalog.date_bin('1 hour', f.finished_at, '2000-01-01 00:00:00+00')";
const nextHour = (at: string) => `pg_catalog.date_bin('1 hour', ${at} + '59 minutes 59.999999 seconds', '2000-01-01 00:00:00+00')`;

function conditions({ at }: List, filter: Filter, values: unknown[]) {
  const bind = (value: unknown) => `$${values.push(value)}`;
  // What has no due time, or none that ever comes, was due in no period.
  const where: string[] = at === "due_at" ? ["f.due_at < 'infinity'"] : [];
  if (filter.from !== undefined) where.push(`f.${at} >= ${bind(filter.from)}::date::timestamptz`);
  if (filter.to !== undefined) where.push(`f.${at} < (${bind(filter.to)}::date + 1)::timestamptz`);
  for (const column of ["workflow", "stage", "owner"] as const) if (filter[column] !== undefined) where.push(`f.${column} = ${bind(filter[column])}`);
  if (filter.verdict !== undefined) where.push(VERDICT_SQL[filter.verdict] ?? "false");
  if (filter.cycle !== undefined) where.push(CYCLE_SQL[filter.cycle] ?? "false");
  if (filter.week !== undefined) {
    // Its Monday, as a range, so that the index is of use.
    const monday = `pg_catalog.to_timestamp(${bind(filter.week)}, 'IYYY-"W"IW')`;
    where.push(`f.finished_at >= ${nextHour(monday)} AND f.finished_at < ${nextHour(`(${monday} + '7 days')`)}`);
  }
  if (filter.utcWeek !== undefined) {
    const monday = `(pg_catalog.to_date(${bind(filter.utcWeek)}, 'IYYY-"W"IW')::timestamp AT TIME ZONE 'UTC')`;
    where.push(`f.finished_at >= ${monday} AND f.finished_at < ${monday} + '168 hours'`);
  }
  if (filter.weekday !== undefined) where.push(`EXTRACT(isodow FROM ${HOUR}) = ${bind(DAYS.indexOf(filter.weekday) + 1)}::int`);
  if (filter.hour !== undefined) where.push(`EXTRACT(hour FROM ${HOUR}) = ${bind(Number(filter.hour))}::int`);
  return where;
}

const whole = (where: readonly string[]) => (where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`);

async function countThem(query: Query, list: List, filter: Filter): Promise<number> {
  const values: unknown[] = [];
  const where = whole(conditions(list, filter, values));
  const { n } = await query.row<{ n: number }>(`SELECT count(*)::int AS n FROM (SELECT FROM ${list.from} AS f ${where} LIMIT ${MOST_ROWS + 1}) AS m`, values);
  return n;
}

/**
 * How far a step goes back from where the list begins, in seconds. Where one had too few rows, the next reads some
 * thousands at most if as much was finished in each of its minutes. Due times have no index that could lead a step.
 */
const STEPS = { finished_at: [1, 60, 3600, 3 * 86_400, 180 * 86_400, Infinity], due_at: [Infinity] } as const;

/** Where the next row would be, from the key of the last one. */
function readKey(after: string): string[] {
  const key = after.split(" ");
  if (key.length !== 4 || !/^\d+$/.test(key[2] ?? "") || !/^\d+$/.test(key[3] ?? "")) throw new Refused(400, "This address is not whole.");
  return key;
}

/** The newest first; one row more than most says that there are more. */
async function readThem(query: Query, list: List, filter: Filter, after: string | undefined, most: number) {
  const { at } = list;
  const key = after === undefined ? undefined : readKey(after);
  const { begin } = await query.row<{ begin: string }>(
    `SELECT pg_catalog.to_json(coalesce($1::timestamptz, least(($2::date + 1)::timestamptz, oms.clock()))) #>> '{}' AS begin`,
    [key?.[0], filter.to],
  );
  const rows: (Finished & { key: string })[] = [];
  let from: number | undefined;
  for (const to of STEPS[at]) {
    const values: unknown[] = [];
    const bind = (value: unknown) => `$${values.push(value)}`;
    const back = (seconds: number) => `(${bind(begin)}::timestamptz - '${seconds} seconds'::interval)`;
    const where = conditions(list, filter, values);
    if (key !== undefined) {
      const [time, ticket, stage, cycle] = key.map(bind);
      where.push(`(f.${at}, f.ticket_id, f.stage_no, f.cycle) < (${time}::timestamptz, ${ticket}::oms.ticket_id, ${stage}::smallint, ${cycle}::int)`);
    }
    if (from !== undefined) where.push(`f.${at} < ${back(from)}`);
    if (to !== Infinity) where.push(`f.${at} >= ${back(to)}`);
    rows.push(...(await readStep(query, list, where, values, most + 1 - rows.length)));
    if (rows.length > most) break;
    from = to;
  }
  return { rows, next: rows.length > most ? rows[most - 1]?.key : undefined };
}

const readStep = (query: Query, { at, from }: List, where: readonly string[], values: readonly unknown[], most: number) =>
  query.rows<Finished & { key: string }>(
    `SELECT f.ticket_id::pg_catalog.text AS ticket_id, f.stage_no, f.workflow, f.stage, f.label, f.cycle, f.owner, f.finished_at, f.due_at, f.met, f.breached,
       f.ratio, EXTRACT(epoch FROM f.wait)::float8 AS wait_seconds, EXTRACT(epoch FROM f.work)::float8 AS work_seconds,
       EXTRACT(epoch FROM f.hold)::float8 AS hold_seconds, pg_catalog.concat_ws(' ', pg_catalog.to_json(f.${at}) #>> '{}', f.ticket_id, f.stage_no, f.cycle) AS key
     FROM ${from} AS f ${whole(where)}
     ORDER BY f.${at} DESC, f.ticket_id DESC, f.stage_no DESC, f.cycle DESC LIMIT ${most}`,
    values,
  );

const Verdict: FC<{ row: Finished }> = ({ row }) =>
  row.breached ? (
    <span class="verdict verdict-late">
      <span aria-hidden="true">✕</span> {row.cycle === 0 ? "late and open" : "late"}
    </span>
  ) : row.met ? (
    <span class="verdict verdict-met">
      <span aria-hidden="true">✓</span> in time
    </span>
  ) : (
    <span class="by">no time limit</span>
  );

const FinishedRow: FC<{ row: Finished; times: Times }> = ({ row, times }) => (
  <tr>
    <th scope="row">
      <TicketLink id={row.ticket_id} />
    </th>
    <td>
      <Name of={row.workflow} />
    </td>
    <td>
      <Name of={words(row.label ?? row.stage)} />
    </td>
    <td>
      <Name of={row.owner} />
    </td>
    <td>{row.cycle === 0 ? "open" : <Time at={row.finished_at} times={times} />}</td>
    <td>
      <Time at={row.due_at} times={times} />
    </td>
    <td>
      <Verdict row={row} />
    </td>
    <td class="right">{percent(row.ratio)}</td>
    <td class="right">{duration(row.wait_seconds)}</td>
    <td class="right">{duration(row.work_seconds)}</td>
    <td class="right">{duration(row.hold_seconds)}</td>
    <td class="right">{row.cycle === 0 ? "–" : row.cycle}</td>
  </tr>
);

/** What is asked for beside what the fields of the form have. */
function askedFor(filter: Filter, times: Times): string {
  const parts = [
    periodWords(filter),
    filter.stage === undefined ? undefined : `stage ${words(filter.stage)}`,
    filter.week === undefined ? undefined : `in the week ${filter.week} (${times.zone})`,
    filter.utcWeek === undefined ? undefined : `in the week ${filter.utcWeek} (UTC)`,
    filter.weekday === undefined ? undefined : `on ${filter.weekday}`,
    filter.hour === undefined ? undefined : `from ${filter.hour}:00 to ${filter.hour}:59`,
    filter.weekday === undefined && filter.hour === undefined ? undefined : `(${times.zone})`,
  ];
  return parts.filter((part) => part !== undefined).join(", ").replace(", (", " (");
}

const Select: FC<{ name: string; label: string; value: string | undefined; from: Record<string, string> }> = (props) => (
  <p class="field">
    <label for={`f-${props.name}`}>{props.label}</label>
    <select id={`f-${props.name}`} name={props.name}>
      <option value="">all</option>
      {Object.entries(props.from).map(([value, text]) => (
        <option value={value} selected={value === props.value}>
          {text}
        </option>
      ))}
    </select>
  </p>
);

for (const path of ["/finished", "/due"] as const) {
  const list = LISTS[path];
  finishedRoutes.get(path, async (c) => {
    needs(c, "get_ticket");
    const after = param(c, "after");
    const { now, times, filter } = await report(c, async (query) => {
      // Refused to whoever may not see what may be kept.
      await query.rows(`SELECT FROM ${list.from} AS f LIMIT 0`);
      const { now, times } = await clockOf(query);
      return { now, times, filter: readFilter(c, readScope(c, now, times, "all")) };
    });
    const { value, asOf } = await keep(c, [path, filter, after, times.zone], async (query) => ({
      total: await countThem(query, list, filter), ...(await readThem(query, list, filter, after, PAGE)),
    }));
    const { total, rows, next } = value;
    const asked = filterParams(filter);
    return page(
      c,
      { title: list.title, now, wide: true },
      <>
        <h1>{list.title}</h1>
        <Filters action={path} label="Filter the list" search>
          <PeriodFields scope={filter} />
          <p class="field">
            <label for="f-workflow">Workflow</label>
            <input id="f-workflow" name="workflow" value={filter.workflow} maxlength={200} autocomplete="off" />
          </p>
          <p class="field">
            <label for="f-stage">Stage</label>
            <input id="f-stage" name="stage" value={filter.stage} maxlength={200} autocomplete="off" />
          </p>
          <p class="field">
            <label for="f-owner">Owner</label>
            <input id="f-owner" name="owner" value={filter.owner} maxlength={200} autocomplete="off" />
          </p>
          <Select name="verdict" label="Time limit" value={filter.verdict} from={VERDICTS} />
          <Select name="cycle" label="Passage" value={filter.cycle} from={CYCLES} />
          {(["week", "utc_week", "weekday", "hour"] as const).map((name) =>
            asked[name] === undefined ? null : <input type="hidden" name={name} value={asked[name]} />,
          )}
          <p class="buttons">
            <button class="main">Show</button> <a href={path}>Show all</a>
          </p>
        </Filters>
        <p class="matches">
          <strong>{total > MOST_ROWS ? `More than ${count(MOST_ROWS)}` : count(total)}</strong> {total === 1 ? "stage" : "stages"}, {askedFor(filter, times)}
          {path === "/due" ? ". Those that are late and still open are among them." : ""}
        </p>
        <Moment of={asOf} times={times} />
        <Table
          caption={`${list.title}, the newest first. A stage that a ticket passed again counts again.`}
          class="finished cards"
          head={["Ticket", "Workflow", "Stage", "Owner", "Finished", "Due", "Time limit", "Used", "Waiting", "Work", "On hold", "Passage"]} right={[7, 11]}
        >
          <tbody>
            {rows.length === 0 ? (
              <tr>
                <td colspan={12}>Nothing matches.</td>
              </tr>
            ) : (
              rows.slice(0, PAGE).map((row) => <FinishedRow row={row} times={times} />)
            )}
          </tbody>
        </Table>
        <nav class="pages" aria-label="Pages of the table">
          {after === undefined ? null : <a href={address(path, asked)}>First page</a>}
          {next === undefined ? null : (
            <a rel="next" href={address(path, { ...asked, after: next })}>
              Next page
            </a>
          )}
        </nav>
        <Downloads path={path} params={asked} limited />
      </>,
    );
  });
  for (const format of ["csv", "json"] as const)
    finishedRoutes.get(`${path}.${format}`, async (c) => {
      needs(c, "get_ticket");
      const { rows, filter } = await report(c, async (query) => {
        const { now, times } = await clockOf(query);
        const filter = readFilter(c, readScope(c, now, times, "all"));
        return { filter, ...(await readThem(query, list, filter, undefined, MOST_ROWS)) };
      });
      return send(c, { name: list.name, columns: COLUMNS, rows, asked: filterParams(filter) });
    });
}
