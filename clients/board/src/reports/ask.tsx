/** What the pages of the reports ask, and where their figures lead. */
import type { FC } from "hono/jsx";
import type { Query } from "../db.js";
import { count, type Times } from "../format.js";
import { clockOf } from "../routes/board.js";
import { can, needs, param, person, Refused, report, type Web } from "../web.js";
import type { Figures } from "../kept.js";
import { AsOf } from "../ui.js";
import { AHEAD, PROBES, stageNames, WAYS, type Ahead, type Report, type StageName, type Way } from "./data.js";
import { address, readScope, scopeParams, type Scope } from "./scope.js";

/** More bars are no picture any more. */
export const MOST_BARS = 16;
/** More rows are no page any more; the CSV has them. */
export const MOST_LINES = 200;
export const CHARTS = ["/assets/vendor/chart.js", "/assets/charts.js"];

export interface Asked {
  query: Query;
  now: Date;
  times: Times;
  scope: Scope;
  /** May the person see the tickets behind the figures? */
  drills: boolean;
  /** Names to choose from; undefined for who may not read them. */
  names: readonly string[] | undefined;
  stageName: StageName;
}

type About = Omit<Asked, "query">;

async function about(c: Web, query: Query): Promise<About> {
  const drills = can(c, "get_ticket");
  const { now, times } = await clockOf(query);
  const names = drills
    ? (await query.rows<{ name: string }>("SELECT w.name FROM oms.workflow AS w WHERE w.current ORDER BY w.name")).map((w) => w.name)
    : undefined;
  return { now, times, scope: readScope(c, now, times), drills, names, stageName: await stageNames(query) };
}

/** Runs a report's queries as the person, with what all reports need. */
export async function ask<T>(c: Web, work: (asked: Asked) => Promise<T>): Promise<T & About> {
  needs(c, "sla_report");
  return report(c, async (query) => {
    const asked = await about(c, query);
    return { ...(await work({ query, ...asked })), ...asked };
  });
}

/**
 * What takes long, or what of it is kept. The key says what was asked; whether the person may see it, the caller has asked the
 * database.
 */
export async function keep<T>(c: Web, key: readonly unknown[], work: (query: Query) => Promise<T>): Promise<{ value: T; asOf: Figures<T> }> {
  const { db, kept } = c.get("board");
  const { role } = person(c);
  const found = await kept.get(JSON.stringify(key), () => db.report(role, async (query) => ({ value: await work(query), behind: query.behind ?? 0 })));
  if (found === undefined) throw new Error("what is waited for is there");
  const { value, behind } = found.value;
  return { value, asOf: { ...found, value, at: found.at - behind * 1000 } };
}

/** The same as ask() for a page, with figures that may be kept ones; more is what was asked for beside the period and the workflow. */
export async function figures<T>(
  c: Web, of: Report, work: (query: Query, scope: Scope) => Promise<T>, more = "",
): Promise<About & { value: T; asOf: Figures<T> }> {
  needs(c, "sla_report");
  const asked = await report(c, async (query) => {
    await query.rows(PROBES[of]);
    return about(c, query);
  });
  const { scope, times } = asked;
  return { ...asked, ...(await keep(c, [of, more, scope.from, scope.to, scope.workflow, times.zone], (query) => work(query, scope))) };
}

/** When the figures of a page were worked out, if that was not just now. */
export const Moment: FC<{ of: Figures<unknown> | undefined; times: Times }> = ({ of, times }) => <AsOf figures={of} times={times} what="These figures are" />;

export const More: FC<{ shown: number; all: number; what: string }> = ({ shown, all, what }) =>
  all <= shown ? null : (
    <p class="hint">
      The first {count(shown)} of {count(all)} {what}; CSV and JSON have all.
    </p>
  );

/** Where the figures of a line lead: finished work, what was due, what is open. */
export function ways(scope: Scope, drills: boolean, of: { workflow?: string | null; stage?: string | null }) {
  const workflow = of.workflow ?? scope.workflow;
  const stage = of.stage ?? undefined;
  const past = { ...scopeParams(scope), workflow, stage };
  const to = (path: string, params: Record<string, string | undefined>) => (drills ? address(path, params) : undefined);
  return {
    finished: (more: Record<string, string> = {}) => to("/finished", { ...past, ...more }),
    due: (more: Record<string, string> = {}) => to("/due", { ...past, ...more }),
    open: (more: Record<string, string> = {}) => to("/", { workflow, stage, ...more }),
  };
}

export function readWay(c: Web): Way {
  const by = param(c, "by") ?? "stage";
  if (!Object.hasOwn(WAYS, by)) throw new Refused(400, `There is no heat-map by "${by}".`);
  return by as Way;
}

export function readAhead(c: Web): Ahead {
  const within = param(c, "within") ?? "soon";
  if (!Object.hasOwn(AHEAD, within)) throw new Refused(400, `There is no "${within}" to look ahead.`);
  return within as Ahead;
}
