/**
 * The reports of the extension, which docs/guides/reports.md explains, with lengths of time in seconds. columns are
 * those of CSV and JSON.
 */
import type { Query } from "../db.js";
import { words } from "../format.js";
import type { Scope } from "./scope.js";

// The last day is in it.
const PERIOD = "$1::pg_catalog.date::pg_catalog.timestamptz, ($2::pg_catalog.date + 1)::pg_catalog.timestamptz";
const number = (...names: string[]) => names.map((name) => `r.${name}::pg_catalog.float8 AS ${name}`).join(", ");
const seconds = (...names: string[]) => names.map((name) => `EXTRACT(epoch FROM r.${name})::pg_catalog.float8 AS ${name}_seconds`).join(", ");

export interface SlaRow {
  workflow: string | null;
  stage: string | null;
  finished: number;
  met: number;
  breached: number;
  completed_rate: number | null;
  due: number;
  due_breached: number;
  due_rate: number | null;
  open: number;
  open_overdue: number;
  open_rate: number | null;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  wait_seconds: number;
  work_seconds: number;
  hold_seconds: number;
  rework_seconds: number;
  reworked: number;
  moved: number;
}
export const SLA_COLUMNS = [
  "workflow", "stage", "finished", "met", "breached", "completed_rate", "due", "due_breached", "due_rate", "open", "open_overdue", "open_rate",
  "p50", "p90", "p99", "wait_seconds", "work_seconds", "hold_seconds", "rework_seconds", "reworked", "moved",
] as const;
const SLA_SQL = `SELECT r.workflow, r.stage,
  ${number("finished", "met", "breached", "completed_rate", "due", "due_breached", "due_rate", "open", "open_overdue", "open_rate", "p50", "p90", "p99", "reworked", "moved")},
  ${seconds("wait", "work", "hold", "rework")} FROM oms.sla_report(${PERIOD}, $3) AS r`;

export const slaReport = (query: Query, scope: Scope) =>
  query.rows<SlaRow>(SLA_SQL, [scope.from ?? null, scope.to ?? null, scope.workflow ?? null]);

export const WAYS = { stage: "Stage and week", weekday: "Weekday and hour", owner: "Owner and week" } as const;
export type Way = keyof typeof WAYS;

export interface HeatCell {
  workflow: string | null;
  y: string;
  x: string;
  n: number;
  value: number | null;
  p50: number | null;
  breach_rate: number | null;
  moved: number;
}
export const HEAT_COLUMNS = ["workflow", "y", "x", "n", "value", "p50", "breach_rate", "moved"] as const;

/** Of a workflow only by stage: the others are about everybody. */
export async function heatMap(query: Query, scope: Scope, by: Way): Promise<HeatCell[]> {
  const cells = await query.rows<HeatCell>(
    `SELECT r.workflow, r.y, r.x, ${number("n", "value", "p50", "breach_rate", "moved")} FROM oms.heat_map(${PERIOD}, $3) AS r`,
    [scope.from ?? null, scope.to ?? null, by],
  );
  return by === "stage" && scope.workflow !== undefined ? cells.filter((cell) => cell.workflow === scope.workflow) : cells;
}

export interface BottleneckRow {
  workflow: string;
  stage: string;
  finished: number;
  total_seconds: number;
  share: number | null;
  mean_seconds: number | null;
  wait_seconds: number;
  work_seconds: number;
  hold_seconds: number;
  rework_seconds: number;
  breached: number;
  breach_share: number | null;
  open: number;
  days_to_clear: number | null;
  moved: number;
}
export const BOTTLENECK_COLUMNS = [
  "workflow", "stage", "finished", "total_seconds", "share", "mean_seconds", "wait_seconds", "work_seconds", "hold_seconds", "rework_seconds",
  "breached", "breach_share", "open", "days_to_clear", "moved",
] as const;

export const bottlenecks = (query: Query, scope: Scope) =>
  query.rows<BottleneckRow>(
    `SELECT r.workflow, r.stage, ${number("finished", "share", "breached", "breach_share", "open", "days_to_clear", "moved")},
       ${seconds("total", "mean", "wait", "work", "hold", "rework")} FROM oms.bottlenecks(${PERIOD}, $3) AS r`,
    [scope.from ?? null, scope.to ?? null, scope.workflow ?? null],
  );

export interface QueueRow {
  owner: string;
  queued: number;
  in_progress: number;
  on_hold: number;
  failed: number;
  oldest: Date | null;
  due_within_hour: number;
  overdue: number;
}
export const QUEUE_COLUMNS = ["owner", "queued", "in_progress", "on_hold", "failed", "oldest", "due_within_hour", "overdue"] as const;

export const queue = (query: Query) =>
  query.rows<QueueRow>(
    `SELECT r.owner, r.oldest, ${number("queued", "in_progress", "on_hold", "failed", "due_within_hour", "overdue")}
     FROM oms.queue AS r ORDER BY r.overdue DESC, r.queued DESC, r.owner`,
  );

export interface AgeRow {
  workflow: string;
  stage: string;
  from_days: number;
  to_days: number | null;
  open: number;
  on_hold: number;
  overdue: number;
  oldest: Date;
}
export const AGE_COLUMNS = ["workflow", "stage", "from_days", "to_days", "open", "on_hold", "overdue", "oldest"] as const;

export const aging = (query: Query, workflow: string | undefined) =>
  query.rows<AgeRow>(
    `SELECT r.workflow, r.stage, r.from_days, r.to_days, r.oldest, ${number("open", "on_hold", "overdue")} FROM oms.aging AS r
     WHERE $1::pg_catalog.text IS NULL OR r.workflow = $1 ORDER BY r.workflow, r.stage, r.from_days`,
    [workflow ?? null],
  );

/** How far to look ahead; each is a clock of the board, too. */
export const AHEAD = { hour: "1 hour", soon: "4 hours", day: "24 hours", week: "7 days" } as const;
export type Ahead = keyof typeof AHEAD;

export interface RiskRow {
  ticket: string;
  workflow: string;
  stage: string;
  owner: string;
  status: string;
  due_at: Date;
  remaining_seconds: number;
}
export const RISK_COLUMNS = ["ticket", "workflow", "stage", "owner", "status", "due_at", "remaining_seconds"] as const;

/**
 * Statements that do nothing, and are refused to whoever may not read what the report is made of: for figures that are kept,
 * and so are not asked of the database by everybody who sees them.
 */
export const PROBES = {
  sla: "SELECT FROM oms.sla_report(NULL, NULL) LIMIT 0",
  heat: "SELECT FROM oms.heat_map(NULL, NULL) LIMIT 0",
  bottlenecks: "SELECT FROM oms.bottlenecks(NULL, NULL) LIMIT 0",
  queue: "SELECT FROM oms.queue LIMIT 0",
  aging: "SELECT FROM oms.aging LIMIT 0",
  risk: "SELECT FROM oms.at_risk() LIMIT 0",
} as const;
export type Report = keyof typeof PROBES;

/** The name of a stage for people: its label in the current version of the workflow, or else its id in words. */
export type StageName = (workflow: string | null, stage: string) => string;

const keyOf = (workflow: string | null, stage: string) => JSON.stringify([workflow, stage]);

export async function stageNames(query: Query): Promise<StageName> {
  const rows = await query.rows<{ workflow: string; stage: string; label: string }>("SELECT l.workflow, l.stage, l.label FROM oms.stage_label AS l");
  const labels = new Map(rows.map((l) => [keyOf(l.workflow, l.stage), l.label]));
  return (workflow, stage) => words(labels.get(keyOf(workflow, stage)) ?? stage);
}

/** The first of them, and how many there are. */
export async function atRisk(query: Query, ahead: Ahead, most: number): Promise<{ rows: RiskRow[]; total: number }> {
  const rows = await query.rows<RiskRow & { total: number }>(
    `SELECT r.ticket::pg_catalog.text AS ticket, r.workflow, r.stage, r.owner, r.status, r.due_at, ${seconds("remaining")},
       (pg_catalog.count(*) OVER ())::pg_catalog.float8 AS total
     FROM oms.at_risk($1::pg_catalog.interval) AS r LIMIT $2`,
    [AHEAD[ahead], most],
  );
  return { rows, total: rows[0]?.total ?? 0 };
}
