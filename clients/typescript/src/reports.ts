import { arg, callRows, callValue, instant, opt, seconds, shape } from "./call.js";
import { rowsOfAll } from "./cells.js";
import type { CallOptions } from "./connection.js";
import { byName, ordered, share, single, sumOf } from "./merge.js";
import type { StageStatus, TicketId } from "./types.js";

/** Intervals of a report as milliseconds, each under its own name. */
function columns(plain: string, intervals: readonly string[]): string {
  return [plain, ...intervals.map((name) => `EXTRACT(epoch FROM f.${name})::float8 * 1000 AS ${name}_ms`)].join(", ");
}

/** A period of a report, for what takes one: `from` belongs to it, `to` does not; null: without that end. */
function period(from: Date | null, to: Date | null) {
  return [arg("starts", "timestamptz", instant(from)), arg("ends", "timestamptz", instant(to))] as const;
}

/** What {@link slaReport} and {@link bottlenecks} may be told. */
export interface ReportOptions extends CallOptions {
  /** Only this workflow. */
  workflow?: string | undefined;
}

/** How a stage, a workflow or everything kept its limits in a period. Shares are of 1; null: there is nothing to divide by. */
export interface SlaRow {
  /** Null: of everything. */
  workflow: string | null;
  /** Null: of the workflow. */
  stage: string | null;
  /** Cycles that were finished. */
  finished: number;
  /** Those with a limit that were in time. */
  met: number;
  /** And not. */
  breached: number;
  /** Share of `breached`. */
  completedRate: number | null;
  /** Cycles that were due and of which it is known how they came out. */
  due: number;
  /** Those that were not in time. */
  dueBreached: number;
  /** Their share. */
  dueRate: number | null;
  /** Stages with a limit that are open now. */
  open: number;
  /** Those that are overdue. */
  openOverdue: number;
  /** Their share. */
  openRate: number | null;
  /** Median of consumed open time by limit. */
  p50: number | null;
  /** 90th percentile. */
  p90: number | null;
  /** 99th percentile. */
  p99: number | null;
  /** Time of first cycles until somebody took them, without holds. */
  waitMs: number | null;
  /** From then on. */
  workMs: number | null;
  /** On hold. */
  holdMs: number | null;
  /** Later cycles. */
  reworkMs: number | null;
  /** How many later cycles. */
  reworked: number;
  /** Of `finished`: those with events recorded under a moved clock. */
  moved: number;
  /** What newer servers add. */
  [key: string]: unknown;
}

/**
 * How limits were kept in a period: one row for everything, one for each workflow, one for each stage. With cells: sums of
 * all; percentiles only where one alone has any.
 *
 * @param from - begin; null: none
 * @param to - end, not in it; null: none
 * @param options - workflow, client
 */
export async function slaReport(from: Date | null, to: Date | null, options: ReportOptions = {}): Promise<SlaRow[]> {
  return rowsOfAll(options, async (options) => {
    const rows = await callRows(
      "sla_report",
      [...period(from, to), opt("workflow", "text", options.workflow)],
      options,
      columns(
        "workflow, stage, finished, met, breached, completed_rate, due, due_breached, due_rate, open, open_overdue, open_rate, p50, p90, p99, reworked, moved",
        ["wait", "work", "hold", "rework"],
      ),
    );
    return rows.map((row) => shape<SlaRow>(row));
  }, slaOfAll);
}

function slaOfAll(rows: readonly SlaRow[]): SlaRow[] {
  const groups = [...byName(rows).values()].map((group): SlaRow => {
    const [{ workflow, stage }] = group;
    const count = (of: (row: SlaRow) => number) => sumOf(group, of) ?? 0;
    const breached = count((row) => row.breached);
    const met = count((row) => row.met);
    const due = count((row) => row.due);
    const dueBreached = count((row) => row.dueBreached);
    const open = count((row) => row.open);
    const openOverdue = count((row) => row.openOverdue);
    return {
      workflow, stage, finished: count((row) => row.finished), met, breached, completedRate: share(breached, met + breached),
      due, dueBreached, dueRate: share(dueBreached, due), open, openOverdue, openRate: share(openOverdue, open),
      p50: single(group.map((row) => row.p50)), p90: single(group.map((row) => row.p90)), p99: single(group.map((row) => row.p99)),
      reworked: count((row) => row.reworked), moved: count((row) => row.moved),
      waitMs: sumOf(group, (row) => row.waitMs), workMs: sumOf(group, (row) => row.workMs),
      holdMs: sumOf(group, (row) => row.holdMs), reworkMs: sumOf(group, (row) => row.reworkMs),
    };
  });
  // Stages as the cells have them: in the order of the workflow.
  return ordered(groups, (row) => [row.workflow ?? "", row.stage !== null]);
}

/** A cell of a heat-map. */
export interface HeatMapCell {
  /** Null where the rows are no stages. */
  workflow: string | null;
  /** The row: a stage, an owner, or a weekday. */
  y: string;
  /** The column: a week, or an hour. */
  x: string;
  /** How many cycles. */
  n: number;
  /** 90th percentile of consumed open time by limit; null if there are too few. */
  value: number | null;
  /** Its median. */
  p50: number | null;
  /** Share that was not in time. */
  breachRate: number | null;
  /** Of `n`: those with events recorded under a moved clock. */
  moved: number;
}

/** What {@link heatMap} may be told. */
export interface HeatMapOptions extends CallOptions {
  /** What the rows are; `stage` by default. */
  by?: "stage" | "weekday" | "owner" | undefined;
}

/**
 * How tight limits were, by stage and week, owner and week, or weekday and hour.
 *
 * @param from - begin; null: none
 * @param to - end, not in it; null: none
 * @param options - by, client
 */
export async function heatMap(from: Date | null, to: Date | null, options: HeatMapOptions = {}): Promise<HeatMapCell[]> {
  const rows = await callRows("heat_map", [...period(from, to), opt("by", "text", options.by)], options);
  return rows.map((row) => shape<HeatMapCell>(row));
}

/** Where time went. */
export interface Bottleneck {
  /** The workflow. */
  workflow: string;
  /** The stage. */
  stage: string;
  /** Cycles that were finished. */
  finished: number;
  /** Time of all of them. */
  totalMs: number;
  /** Its share of all rows. */
  share: number | null;
  /** Mean time of a cycle. */
  meanMs: number | null;
  /** Until somebody took them. */
  waitMs: number | null;
  /** From then on. */
  workMs: number | null;
  /** On hold. */
  holdMs: number | null;
  /** Later cycles. */
  reworkMs: number | null;
  /** Cycles that were not in time. */
  breached: number;
  /** Share of all breaches. */
  breachShare: number | null;
  /** Open now. */
  open: number;
  /** How long it takes to work that off; null if nothing gets finished. */
  daysToClear: number | null;
  /** Of `finished`: those with events recorded under a moved clock. */
  moved: number;
  /** What newer servers add. */
  [key: string]: unknown;
}

/**
 * Where the time of what was finished in a period went, the stage with the most first. With cells: sums of all.
 *
 * @param from - begin; null: none
 * @param to - end, not in it; null: none
 * @param options - workflow, client
 */
export async function bottlenecks(from: Date | null, to: Date | null, options: ReportOptions = {}): Promise<Bottleneck[]> {
  return rowsOfAll(options, async (options) => {
    const rows = await callRows(
      "bottlenecks",
      [...period(from, to), opt("workflow", "text", options.workflow)],
      options,
      columns("workflow, stage, finished, share, breached, breach_share, open, days_to_clear, moved", ["total", "mean", "wait", "work", "hold", "rework"]),
    );
    return rows.map((row) => shape<Bottleneck>(row));
  }, bottlenecksOfAll);
}

function bottlenecksOfAll(rows: readonly Bottleneck[]): Bottleneck[] {
  const total = sumOf(rows, (row) => row.totalMs);
  const breaches = sumOf(rows, (row) => row.breached);
  const groups = [...byName(rows).values()].map((group): Bottleneck => {
    const [{ workflow, stage }] = group;
    const finished = sumOf(group, (row) => row.finished) ?? 0;
    const totalMs = sumOf(group, (row) => row.totalMs) ?? 0;
    const breached = sumOf(group, (row) => row.breached) ?? 0;
    const open = sumOf(group, (row) => row.open) ?? 0;
    // The period in days, from a cell that can tell.
    const days = group.flatMap((row) => row.daysToClear === null || row.open === 0 ? [] : [(row.daysToClear * row.finished) / row.open]);
    return {
      workflow, stage, finished, totalMs, share: share(totalMs, total), meanMs: finished === 0 ? null : totalMs / finished,
      waitMs: sumOf(group, (row) => row.waitMs), workMs: sumOf(group, (row) => row.workMs),
      holdMs: sumOf(group, (row) => row.holdMs), reworkMs: sumOf(group, (row) => row.reworkMs),
      breached, breachShare: share(breached, breaches), open,
      daysToClear: days.length === 0 || finished === 0 ? null : Math.round(((open * Math.max(...days)) / finished) * 100) / 100,
      moved: sumOf(group, (row) => row.moved) ?? 0,
    };
  });
  return ordered(groups, (row) => [-row.totalMs, row.workflow, row.stage]);
}

/** A stage that will soon be late. */
export interface StageAtRisk {
  /** The ticket. */
  ticket: TicketId;
  /** Its workflow. */
  workflow: string;
  /** The stage. */
  stage: string;
  /** Who is responsible. */
  owner: string;
  /** Its state. */
  status: StageStatus;
  /** When it is due. */
  dueAt: Date;
  /** How long that is from now. */
  remainingMs: number;
}

/** What {@link atRisk} may be told. */
export interface AtRiskOptions extends CallOptions {
  /** How far to look ahead; 4 hours by default. */
  withinSecs?: number | undefined;
}

/**
 * Open stages whose clock runs and that are due soon, the first first. With cells: of all.
 *
 * @param options - withinSecs, client
 */
export async function atRisk(options: AtRiskOptions = {}): Promise<StageAtRisk[]> {
  return rowsOfAll(options, async (options) => {
    const rows = await callRows(
      "at_risk",
      [opt("within", "interval", seconds(options.withinSecs))],
      options,
      columns("ticket, workflow, stage, owner, status, due_at", ["remaining"]),
    );
    return rows.map((row) => shape<StageAtRisk>(row, ["due_at"]));
  }, (rows) => ordered(rows, (row) => [row.dueAt, row.ticket, row.stage]));
}

/** What {@link rollUp} may be told. */
export interface RollUpOptions extends CallOptions {
  /** Counts from the beginning again. */
  everything?: boolean | undefined;
}

/**
 * Adds up what was finished, so that reports stay fast. The server's worker does so by itself.
 *
 * @param options - everything, client
 * @returns how many stages
 */
export async function rollUp(options: RollUpOptions = {}): Promise<number> {
  return (await callValue("roll_up", [opt("everything", "bool", options.everything)], options)) as number;
}
