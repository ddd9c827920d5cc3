/** The figures of the reports for other programs: /reports/NAME.csv and .json, with the parameters of the page. */
import { Hono } from "hono";
import { MOST_ROWS, send } from "../export.js";
import { ask, readAhead, readWay, type Asked } from "../reports/ask.js";
import {
  AGE_COLUMNS, aging, atRisk, bottlenecks, BOTTLENECK_COLUMNS, HEAT_COLUMNS, heatMap, queue, QUEUE_COLUMNS, RISK_COLUMNS, slaReport, SLA_COLUMNS,
} from "../reports/data.js";
import { scopeParams, type Scope } from "../reports/scope.js";
import type { Env, Web } from "../web.js";

export const reportFileRoutes = new Hono<Env>();

const SHEETS: Record<string, (c: Web) => ReturnType<typeof sheet>> = {
  sla: (c) => sheet(c, "sla-report", SLA_COLUMNS, ({ query, scope }) => slaReport(query, scope), (scope) => scopeParams(scope)),
  "heat-map": (c) => {
    const by = readWay(c);
    return sheet(c, `heat-map-by-${by}`, HEAT_COLUMNS, ({ query, scope }) => heatMap(query, scope, by), (scope) => ({ ...scopeParams(scope), by }));
  },
  bottlenecks: (c) => sheet(c, "bottlenecks", BOTTLENECK_COLUMNS, ({ query, scope }) => bottlenecks(query, scope), (scope) => scopeParams(scope)),
  queue: (c) => sheet(c, "queue", QUEUE_COLUMNS, ({ query }) => queue(query), () => ({})),
  aging: (c) => sheet(c, "aging", AGE_COLUMNS, ({ query, scope }) => aging(query, scope.workflow), ({ workflow }) => ({ workflow })),
  "at-risk": (c) => {
    const within = readAhead(c);
    return sheet(c, "at-risk", RISK_COLUMNS, async ({ query }) => (await atRisk(query, within, MOST_ROWS + 1)).rows, () => ({ within }));
  },
};

async function sheet(
  c: Web, name: string, columns: readonly string[], read: (asked: Asked) => Promise<readonly object[]>,
  askedFor: (scope: Scope) => Record<string, string | undefined>,
) {
  const { rows, scope } = await ask(c, async (asked) => ({ rows: await read(asked) }));
  return send(c, { name, columns, rows, asked: askedFor(scope) });
}

reportFileRoutes.get("/reports/:file{[a-z-]+\\.(?:csv|json)}", (c) => {
  const name = c.req.param("file").replace(/\..*$/, "");
  const make = Object.hasOwn(SHEETS, name) ? SHEETS[name] : undefined;
  return make === undefined ? c.notFound() : make(c);
});
