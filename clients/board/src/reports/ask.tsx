/** What the pages of the reports ask, and where their figures lead. */
import type { FC } from "hono/jsx";
import type { Query } from "../db.js";
import { count, type Times } from "../format.js";
import { clockOf } from "../routes/board.js";
import { can, needs, param, Refused, report, type Web } from "../web.js";
import { AHEAD, stageNames, WAYS, type Ahead, type StageName, type Way } from "./data.js";
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

/** Runs a page's queries as the person, with what all reports need. */
export async function ask<T>(c: Web, work: (asked: Asked) => Promise<T>): Promise<T & Omit<Asked, "query">> {
  needs(c, "sla_report");
  const drills = can(c, "get_ticket");
  return report(c, async (query) => {
    const { now, times } = await clockOf(query);
    const scope = readScope(c, now, times);
    const names = drills
      ? (await query.rows<{ name: string }>("SELECT w.name FROM oms.workflow AS w WHERE w.current ORDER BY w.name")).map((w) => w.name)
      : undefined;
    const stageName = await stageNames(query);
    const asked = { now, times, scope, drills, names, stageName };
    return { ...(await work({ query, ...asked })), ...asked };
  });
}

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
