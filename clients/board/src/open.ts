/**
 * Open stages, the most urgent first: what can be asked for, and how it is found without reading all that is open.
 *
 * What is late has an index in the order of the list. What is not yet late is found by its timer, which comes no later than
 * that it is: so the list is found in steps, each of what is due until then, and most often ends in the first.
 */
import type { Query } from "./db.js";
import { MOST_ROWS } from "./export.js";
import { param, Refused, type Web } from "./web.js";

const PAGE = 50;

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
  awaiting_at: Date | null;
  due_at: Date | null;
  running_since: Date | null;
  breached_at: Date | null;
}

/** As of which event of its ticket a row shows it. */
export type Shown = OpenStage & { last_seq: number };

/** Not by a join: the planner would read all tickets for it, since oms.ticket is a view that hides nothing before it has all of it. */
export const LAST_SEQ = "(SELECT t.last_seq FROM oms.ticket AS t WHERE t.ticket_id = o.ticket_id) AS last_seq";

const COLUMNS = `o.ticket_id::pg_catalog.text AS ticket_id, o.stage_no, o.workflow, o.stage, o.label, o.status, o.owner, o.worker, o.priority, o.applicant,
  o.queued_at, o.awaiting_at, o.due_at, o.running_since, o.breached_at`;

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

export const STATUSES = ["awaiting", "queued", "in_progress", "on_hold", "failed"];
export const CLOCKS = {
  late: "late", hour: "due within an hour", soon: "due within 4 hours", day: "due within 24 hours", week: "due within 7 days",
  fine: "due after 4 hours", stands: "stopped or none", limit: "with a time limit",
} as const;

function readDays(c: Web, name: string): number | undefined {
  const text = param(c, name, 5);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Refused(400, `"${text}" is not a number of days.`);
  return Number(text);
}

export function readFilter(c: Web): Filter {
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

/** In hours. */
const AHEAD: Record<string, number> = { hour: 1, soon: 4, day: 24, week: 7 * 24 };

function clockSql(clock: string): string {
  const ahead = AHEAD[clock];
  if (ahead !== undefined) return `o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at <= o.now + '${ahead} hours'`;
  if (clock === "late") return "o.overdue";
  if (clock === "fine") return `o.running_since IS NOT NULL AND NOT o.overdue AND o.due_at > o.now + '4 hours'`;
  return clock === "stands" ? "o.running_since IS NULL AND NOT o.overdue" : "o.clocked";
}

/** A page's last row, from which the next page goes on. Stages without a due time come last. */
export interface Key {
  due: string | null;
  ticket: string;
  stage: number;
}

export function readKey(text: string | undefined): Key | undefined {
  if (text === undefined) return undefined;
  const [due, ticket, stage] = text.split(" ");
  if (due === undefined || ticket === undefined || !/^\d+$/.test(stage ?? "")) throw new Refused(400, "This address is not whole.");
  return { due: due === "-" ? null : due, ticket, stage: Number(stage) };
}

export const writeKey = ({ due, ticket, stage }: Key) => `${due ?? "-"} ${ticket} ${stage}`;

type Bind = (value: unknown) => string;

/** Longer numbers have no zeros in front, shorter ones five digits. */
const SHORTEST = 5;
const LONGEST = 10;
const MOST_NUMBER = 2147483647;

/** Numbers that begin so: where they are among all numbers, so that the primary key leads there. */
function beginsWith(text: string, bind: Bind): string[] {
  const where = [`pg_catalog.starts_with(o.ticket_id::pg_catalog.text, ${bind(text)})`];
  const [, prefix = "", rest] = /^([A-Z]{1,4})(-.*)?$/.exec(text) ?? [];
  // Asked once and not for each stage.
  where.push(`EXISTS (SELECT FROM oms.workflow AS w WHERE ${rest === undefined ? `pg_catalog.starts_with(w.prefix, ${bind(prefix)})` : `w.prefix = ${bind(prefix)}`})`);
  const [, year, digits] = /^-(\d{4})-(\d{1,10})$/.exec(rest ?? "") ?? [];
  if (year === undefined || digits === undefined) return where;
  const ranges: string[] = [];
  for (let length = SHORTEST; length <= LONGEST; length++) {
    if (digits.length > length || (length > SHORTEST && digits.startsWith("0"))) continue;
    const [from, to] = ["0", "9"].map((digit) => digits.padEnd(length, digit));
    if (Number(from) > MOST_NUMBER) continue;
    const number = (n: string | undefined) => `${bind(`${prefix}-${year}-${String(Math.min(Number(n), MOST_NUMBER)).padStart(SHORTEST, "0")}`)}::oms.ticket_id`;
    ranges.push(`o.ticket_id BETWEEN ${number(from)} AND ${number(to)}`);
  }
  where.push(`(${ranges.join(" OR ")})`);
  return where;
}

/** A filter as conditions, with what they need among the values. */
const BEGUN = "coalesce(o.awaiting_at, o.queued_at)";

function conditions(filter: Filter, bind: Bind): string[] {
  const where: string[] = [];
  for (const column of ["workflow", "stage", "owner", "worker", "applicant", "status"] as const) {
    const value = filter[column];
    if (value !== undefined) where.push(`o.${column} = ${bind(value)}`);
  }
  if (filter.search !== undefined) {
    if (isNumber(filter.search)) where.push(`o.ticket_id = ${bind(filter.search)}::oms.ticket_id`);
    else where.push(...beginsWith(filter.search.toUpperCase(), bind));
  }
  if (filter.clock !== undefined) where.push(clockSql(filter.clock));
  // As oms.aging has them, from when a stage began to await something; 0 is no lower end there.
  if (filter.ageFrom !== undefined && filter.ageFrom > 0) where.push(`${BEGUN} <= o.now - pg_catalog.make_interval(hours => ${bind(filter.ageFrom)}::int * 24)`);
  if (filter.ageTo !== undefined) where.push(`${BEGUN} > o.now - pg_catalog.make_interval(hours => ${bind(filter.ageTo)}::int * 24)`);
  return where;
}

const isNumber = (search: string) => /^[a-z]{1,4}-\d{4}-\d{5,}$/i.test(search);

/** How far a step goes from where the list begins, in hours. Each is several times the one before, so what is read in vain is little. */
const STEPS = [1, 8, 3 * 24, 20 * 24, Infinity];

/** What is asked for by these may all be due late; then many steps would read more than one that reads all. */
const FEW_STEPS = [8, Infinity];

/** At once if another index leads to few rows; and no further than what is asked for. */
function stepsOf({ applicant, search, clock = "", ...others }: Filter): readonly number[] {
  const end = AHEAD[clock] ?? Infinity;
  if (applicant !== undefined || (search !== undefined && isNumber(search))) return [end];
  const narrow = search !== undefined || Object.values(others).some((value) => value !== undefined);
  return [...(narrow ? FEW_STEPS : STEPS).filter((hours) => hours < end), end];
}

/** Stages that have a due time, from now on if the list does not go on after that. */
async function findDue(query: Query, filter: Filter, after: Key | undefined, most: number): Promise<Key[]> {
  const found: Key[] = [];
  const { clock } = filter;
  const { now } = await query.row<{ now: string }>("SELECT pg_catalog.to_json(oms.clock()) #>> '{}' AS now");
  const begin = after?.due !== undefined && after.due !== null && Date.parse(after.due) > Date.parse(now) ? after.due : now;
  let from: number | undefined;
  for (const to of stepsOf(filter)) {
    const values: unknown[] = [];
    const bind = (value: unknown) => `$${values.push(value)}`;
    const end = (hours: number) => `(${bind(begin)}::timestamptz + '${hours} hours'::interval)`;
    const where = ["o.due_at IS NOT NULL", ...conditions(filter, bind)];
    if (from !== undefined) where.push(`o.due_at > ${end(from)}`);
    if (to !== Infinity) where.push(`o.due_at <= ${end(to)}`);
    if (after !== undefined) where.push(`(o.due_at, o.ticket_id, o.stage_no) > (${bind(after.due)}::timestamptz, ${bind(after.ticket)}::oms.ticket_id, ${bind(after.stage)}::smallint)`);
    const ways: string[][] = [];
    if (clock === undefined || clock === "late" || clock === "limit") ways.push(["o.breached_at IS NOT NULL"]);
    // A timer fires just after the due time. What is late was due before the first step ends.
    if (clock !== "late" || from === undefined) ways.push(["o.breached_at IS NULL", ...(to === Infinity ? [] : [`o.timer_at <= ${end(to)} + '1 microsecond'::interval`])]);
    found.push(...(await places(query, ways.map((way) => [...where, ...way]), values, most - found.length)));
    if (found.length >= most) break;
    from = to;
  }
  return found;
}

/** Stages without a due time: without a limit, or with a clock that stands. */
function findOthers(query: Query, filter: Filter, after: Key | undefined, most: number): Promise<Key[]> {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const where = ["o.due_at IS NULL", ...conditions(filter, bind)];
  if (after?.due === null) where.push(`(o.ticket_id, o.stage_no) > (${bind(after.ticket)}::oms.ticket_id, ${bind(after.stage)}::smallint)`);
  return places(query, [where], values, most);
}

/** Where the next rows are, so many at most: first those that have a due time, then the others. */
async function find(query: Query, filter: Filter, after: Key | undefined, most: number): Promise<Key[]> {
  const { clock } = filter;
  const found = after?.due === null || clock === "stands" ? [] : await findDue(query, filter, after, most);
  // What asks for a due time passes over the others. What is late has one: the time that was not kept.
  if (found.length >= most || (clock !== undefined && clock !== "limit" && clock !== "stands")) return found;
  return [...found, ...(await findOthers(query, filter, after, most - found.length))];
}

/** Each way has conditions of its own, and no row that another has. */
function places(query: Query, ways: readonly (readonly string[])[], values: readonly unknown[], most: number): Promise<Key[]> {
  const parts = ways.map(
    (where) => `(SELECT o.due_at, o.ticket_id, o.stage_no FROM oms.open_stage AS o WHERE ${where.join(" AND ")} ORDER BY o.due_at, o.ticket_id, o.stage_no LIMIT ${most})`,
  );
  return query.rows<Key>(
    `SELECT pg_catalog.to_json(p.due_at) #>> '{}' AS due, p.ticket_id::pg_catalog.text AS ticket, p.stage_no AS stage
     FROM (${parts.join(" UNION ALL ")}) AS p ORDER BY p.due_at, p.ticket_id, p.stage_no LIMIT ${most}`,
    values,
  );
}

/** The stages at these places, in their order, as far as they are open still. */
function at(query: Query, keys: readonly Key[]): Promise<Shown[]> {
  return query.rows<Shown>(
    `SELECT ${COLUMNS}, ${LAST_SEQ}
     FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.int2[])) WITH ORDINALITY AS p (ticket, stage, n)
     JOIN oms.open_stage AS o ON o.ticket_id = p.ticket::oms.ticket_id AND o.stage_no = p.stage ORDER BY p.n`,
    [keys.map((key) => key.ticket), keys.map((key) => key.stage)],
  );
}

/** Where the rows of a page are, and one more if another page follows. */
export const findPage = (query: Query, filter: Filter, after: Key | undefined): Promise<Key[]> => find(query, filter, after, PAGE + 1);

/** The rows of a page, and where another page goes on if there is one. */
export async function openStages(query: Query, keys: readonly Key[]): Promise<{ rows: Shown[]; next: string | undefined }> {
  const last = keys[PAGE - 1];
  return { rows: await at(query, keys.slice(0, PAGE)), next: keys.length > PAGE && last !== undefined ? writeKey(last) : undefined };
}

/** The rows of a file, in the same order; one more than it holds says that there are more. */
export async function allStages(query: Query, filter: Filter): Promise<OpenStage[]> {
  return at(query, await find(query, filter, undefined, MOST_ROWS + 1));
}

/** How many match, as far as it is worth counting: one more says that there are more. */
export const countMatches = async (query: Query, filter: Filter): Promise<number> => (await find(query, filter, undefined, MOST_ROWS + 1)).length;

/** The stages of some tickets. */
export function stagesOf(query: Query, tickets: readonly string[]): Promise<Shown[]> {
  return query.rows<Shown>(
    `SELECT ${COLUMNS}, ${LAST_SEQ} FROM pg_catalog.unnest($1::oms.ticket_id[]) AS i (id) JOIN oms.open_stage AS o ON o.ticket_id = i.id
     ORDER BY o.ticket_id, o.stage_no`,
    [tickets],
  );
}
