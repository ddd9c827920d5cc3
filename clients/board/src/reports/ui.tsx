/** Pieces that the pages of the reports share. */
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import { MOST_ROWS } from "../export.js";
import { count, lengthOf, type Times } from "../format.js";
import { Filters, Said } from "../ui.js";
import { address, presetOf, PRESETS, scopeParams, type Scope } from "./scope.js";

/** A length of time; NULL, and no time at all, have no words. */
export const duration = (seconds: number | null) => (seconds === null ? "–" : seconds === 0 ? "0" : lengthOf(seconds));

const REPORTS = [
  { href: "/reports", name: "Overview" },
  { href: "/reports/sla", name: "Time limits" },
  { href: "/reports/heat-map", name: "Heat-map" },
  { href: "/reports/bottlenecks", name: "Bottlenecks" },
  { href: "/reports/queue", name: "Queues" },
  { href: "/reports/aging", name: "Age" },
  { href: "/reports/at-risk", name: "At risk" },
] as const;

/** Of how many finished stages the figures were not made by the real clock alone; where all are so it is a simulation, and nobody is told. */
export const MovedClock: FC<{ moved: number; of: number }> = ({ moved, of }) =>
  moved === 0 || moved === of ? null : (
    <p class="message">
      {count(moved)} of the {count(of)} finished stages were recorded under a moved clock.
    </p>
  );

/** From one report to another the period stays. */
export const ReportNav: FC<{ path: string; scope?: Scope | undefined }> = ({ path, scope }) => (
  <nav aria-label="Reports" class="tabs">
    <ul>
      {REPORTS.map((r) => (
        <li>
          <a href={address(r.href, scope === undefined ? {} : scopeParams(scope))} aria-current={r.href === path ? "page" : undefined}>
            {r.name}
          </a>
        </li>
      ))}
    </ul>
  </nav>
);

export const PeriodFields: FC<{ scope: Scope }> = ({ scope }) => (
  <>
    <p class="field">
      <label for="f-from">From</label>
      <input id="f-from" name="from" type="date" value={scope.from} />
    </p>
    <p class="field">
      <label for="f-to">To (inclusive)</label>
      <input id="f-to" name="to" type="date" value={scope.to} />
    </p>
  </>
);

/** Those who may not read the list of workflows write a name. */
export const WorkflowField: FC<{ value: string | undefined; names: readonly string[] | undefined }> = ({ value, names }) => (
  <p class="field">
    <label for="f-workflow">Workflow</label>
    {names === undefined ? (
      <input id="f-workflow" name="workflow" value={value} maxlength={200} autocomplete="off" />
    ) : (
      <select id="f-workflow" name="workflow">
        <option value="">all</option>
        {[...new Set([...names, ...(value === undefined ? [] : [value])])].map((name) => (
          <option value={name} selected={name === value}>
            {name}
          </option>
        ))}
      </select>
    )}
  </p>
);

export const PeriodForm: FC<
  PropsWithChildren<{ path: string; scope: Scope; names: readonly string[] | undefined; now: Date; times: Times; more?: Record<string, string> }>
> = (props) => {
  const { path, scope, now, times, more = {} } = props;
  const current = presetOf(scope, now, times);
  return (
    <>
      <Filters action={path} label="Period and workflow">
        <PeriodFields scope={scope} />
        <WorkflowField value={scope.workflow} names={props.names} />
        {Object.entries(more).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <p class="buttons">
          <button class="main">Show</button>
        </p>
      </Filters>
      <ul class="presets" aria-label="Periods">
        {Object.entries(PRESETS).map(([preset, name]) => (
          <li>
            <a href={address(path, { period: preset, workflow: scope.workflow, ...more })} aria-current={preset === current ? "true" : undefined}>
              {preset === "all" ? "Since the beginning" : `Last ${name}`}
            </a>
          </li>
        ))}
      </ul>
    </>
  );
};

/**
 * A figure with the way to its tickets. For who may not see tickets, and for what nothing lies behind, it is the
 * figure alone. n: how many stages there are behind it, if it is not the figure itself.
 */
export const Figure: FC<PropsWithChildren<{ href: string | undefined; n: number; plain?: boolean }>> = ({ href, n, plain, children }) =>
  href === undefined || n === 0 ? (
    <>{children ?? count(n)}</>
  ) : (
    <a class="figure" href={href} title={children === undefined || plain === true ? undefined : `${count(n)} ${n === 1 ? "stage" : "stages"}`}>
      {children ?? count(n)}
    </a>
  );

export const Downloads: FC<{ path: string; params: Record<string, string | undefined>; limited?: boolean }> = ({ path, params, limited }) => (
  <p class="downloads">
    This table as <a href={address(`${path}.csv`, params)}>CSV</a> or <a href={address(`${path}.json`, params)}>JSON</a>
    {limited === true ? `, at most ${count(MOST_ROWS)} rows` : ""}.
  </p>
);

export interface Series {
  name: string;
  /** A variable of board.css: its ground is the area, it draws the pattern and the border. */
  colour: "fine" | "late" | "soon" | "held" | "info";
  pattern: "plain" | "lines" | "dots" | "cross" | "back";
  values: readonly number[];
}

export interface ChartFacts {
  /** What it shows, for who does not see it. */
  label: string;
  caption: string;
  unit: string;
  labels: readonly string[];
  series: readonly Series[];
}

/** Stacked bars, drawn by public/charts.js. The table on the page has the same figures. */
export const Chart: FC<ChartFacts> = ({ label, caption, ...facts }) =>
  facts.labels.length === 0 ? null : (
    <figure class={`chart${facts.labels.length > 8 ? " chart-tall" : ""}`}>
      <figcaption>{caption}</figcaption>
      <div class="chart-area">
        <canvas role="img" aria-label={`${label} The table on this page has the same figures.`} data-chart={JSON.stringify(facts)}></canvas>
      </div>
    </figure>
  );

/** A table of which the head has two rows: groups, and what is in them. */
export const GroupTable: FC<PropsWithChildren<{ caption: string; groups: readonly (readonly [string, readonly Child[]])[]; class?: string }>> = (props) => (
  <div class="table" role="region" aria-label={props.caption} tabindex={0}>
    <table class={`figures cards ${props.class ?? ""}`}>
      <caption>
        <Said of={props.caption} />
      </caption>
      {props.groups.map(([, heads]) => (
        <colgroup span={heads.length}></colgroup>
      ))}
      <thead>
        <tr>
          {props.groups.map(([group, heads]) =>
            group === "" ? (
              <td colspan={heads.length}></td>
            ) : (
              <th scope="colgroup" colspan={heads.length}>
                {group}
              </th>
            ),
          )}
        </tr>
        <tr>
          {props.groups.map(([group, heads]) =>
            heads.map((head) => (
              <th scope="col" class={group === "" ? undefined : "right"}>
                {head}
              </th>
            )),
          )}
        </tr>
      </thead>
      {props.children}
    </table>
  </div>
);

/** How much of the time limit was used up, with a sign where it is too much: colours do not print. */
export function sign(share: number | null): { sign: string; words: string } {
  if (share === null || share <= 1) return { sign: "", words: "" };
  return share <= 1.5 ? { sign: "!", words: "over the limit" } : { sign: "!!", words: "far over the limit" };
}
