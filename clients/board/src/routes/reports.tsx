/** The reports about a period, and their first page: figures for the level monitor and up; the way to the tickets for staff. */
import { Hono } from "hono";
import type { Child, FC } from "hono/jsx";
import { count, percent } from "../format.js";
import { page } from "../layout.js";
import { CHARTS, figures, Moment, More, MOST_BARS, MOST_LINES, readWay, ways } from "../reports/ask.js";
import { bottlenecks, heatMap, slaReport, WAYS, type SlaRow, type StageName } from "../reports/data.js";
import { HeatLegend, HeatMap, MOST_HEAT_ROWS } from "../reports/heatmap.js";
import { address, periodWords, scopeParams, type Scope } from "../reports/scope.js";
import { Chart, Downloads, duration, Figure, GroupTable, MovedClock, PeriodForm, ReportNav, sign } from "../reports/ui.js";
import { Name, Said, Table } from "../ui.js";
import type { Env } from "../web.js";

export const reportRoutes = new Hono<Env>();

const sum = <T,>(rows: readonly T[], of: (row: T) => number) => rows.reduce((all, row) => all + of(row), 0);

/** A share that has its sign where half or more is late. */
const Rate: FC<{ share: number | null }> = ({ share }) => (
  <>
    {percent(share)}
    {share !== null && share >= 0.5 ? (
      <>
        <span aria-hidden="true"> !</span>
        <span class="only-read"> half or more</span>
      </>
    ) : null}
  </>
);

const Used: FC<{ share: number | null }> = ({ share }) => {
  const bad = sign(share);
  return (
    <>
      {percent(share)}
      {bad.sign === "" ? null : (
        <>
          <span aria-hidden="true"> {bad.sign}</span>
          <span class="only-read"> {bad.words}</span>
        </>
      )}
    </>
  );
};

function nameOf(row: { workflow: string | null; stage: string | null }, several: boolean, stageName: StageName): string {
  if (row.stage === null) return row.workflow ?? "Everything";
  const name = stageName(row.workflow, row.stage);
  return several ? `${row.workflow ?? ""}: ${name}` : name;
}

function slaChart(rows: readonly SlaRow[], several: boolean, stageName: StageName): Child {
  const bars = [...rows].filter((r) => r.met + r.breached + r.open > 0).slice(0, MOST_BARS);
  return (
    <Chart
      label={`Stacked bars: how many were in time, late, and are open, for ${bars.length} ${bars[0]?.stage === null ? "workflows" : "stages"}.`}
      caption="In time, late and open"
      unit="stages" labels={bars.map((r) => nameOf(r, several, stageName))}
      series={[
        { name: "in time (met)", colour: "fine", pattern: "plain", values: bars.map((r) => r.met) },
        { name: "late (breached)", colour: "late", pattern: "lines", values: bars.map((r) => r.breached) },
        { name: "open, in time", colour: "info", pattern: "dots", values: bars.map((r) => r.open - r.open_overdue) },
        { name: "open, late", colour: "soon", pattern: "cross", values: bars.map((r) => r.open_overdue) },
      ]}
    />
  );
}

/** Met, breached and open side by side, for each line of the report. */
const SlaTable: FC<{ rows: readonly SlaRow[]; scope: Scope; drills: boolean; stageName: StageName; caption: string }> = ({ rows, scope, drills, stageName, caption }) => (
  <GroupTable
    caption={caption} class="sla"
    groups={[
      ["", ["Workflow", "Stage"]],
      ["Finished in the period", ["All", "In time (met)", "Late (breached)", "Late, share"]],
      ["Due in the period", ["All", "Late", "Late, share"]],
      ["Open now", ["All", "Late", "Late, share"]],
      ["Time limit used by", ["half", "9 of 10", "99 of 100"]],
    ]}
  >
    <tbody>
      {rows.map((r) => {
        const { finished, due, open } = ways(scope, drills, r);
        const limited = { verdict: "limited" };
        const late = { verdict: "breached" };
        return (
          <tr class={r.stage === null ? "sum" : undefined}>
            <th scope="row">{r.workflow === null ? "Everything" : <Name of={r.workflow} />}</th>
            <th scope="row">{r.stage === null ? "all" : <Name of={stageName(r.workflow, r.stage)} />}</th>
            <td class="right"><Figure href={finished()} n={r.finished} /></td>
            <td class="right"><Figure href={finished({ verdict: "met" })} n={r.met} /></td>
            <td class="right"><Figure href={finished(late)} n={r.breached} /></td>
            <td class="right"><Figure href={finished(late)} n={r.breached}><Rate share={r.completed_rate} /></Figure></td>
            <td class="right"><Figure href={due()} n={r.due} /></td>
            <td class="right"><Figure href={due(late)} n={r.due_breached} /></td>
            <td class="right"><Figure href={due(late)} n={r.due_breached}><Rate share={r.due_rate} /></Figure></td>
            <td class="right"><Figure href={open({ clock: "limit" })} n={r.open} /></td>
            <td class="right"><Figure href={open({ clock: "late" })} n={r.open_overdue} /></td>
            <td class="right"><Figure href={open({ clock: "late" })} n={r.open_overdue}><Rate share={r.open_rate} /></Figure></td>
            {([r.p50, r.p90, r.p99] as const).map((share) => (
              <td class="right"><Figure href={finished(limited)} n={r.met + r.breached}><Used share={share} /></Figure></td>
            ))}
          </tr>
        );
      })}
    </tbody>
  </GroupTable>
);

const ABOUT = [
  ["/reports/sla", "Time limits", "How limits were kept, stage by stage: met, breached and open side by side."],
  ["/reports/heat-map", "Heat-map", "Where and when limits get tight: by stage, weekday and hour, or owner."],
  ["/reports/bottlenecks", "Bottlenecks", "Where the time went: waiting, work, holds, rework."],
  ["/reports/queue", "Queues", "What each owner has now."],
  ["/reports/aging", "Age", "How long open stages have been open."],
  ["/reports/at-risk", "At risk", "What is due soon, the first one first."],
] as const;

const Big: FC<{ name: string; n: number; href: string | undefined; late: string; sign: string }> = (props) => (
  <li class={`card big big-${props.sign}`}>
    <span class="big-name">{props.name}</span>
    <span class="big-figure">
      <Figure href={props.href} n={props.n} />
    </span>
    <span class="by">{props.late}</span>
  </li>
);

reportRoutes.get("/reports", async (c) => {
  const { value: rows, asOf, scope, drills, names, stageName, now, times } = await figures(c, "sla", slaReport);
  const total = rows.find((r) => r.workflow === null);
  const workflows = rows.filter((r) => r.workflow !== null && r.stage === null);
  const { finished, due, open } = ways(scope, drills, {});
  return page(
    c,
    { title: "Reports", scripts: CHARTS, now, wide: true },
    <>
      <h1>Reports</h1>
      <ReportNav path="/reports" scope={scope} />
      <Moment of={asOf} times={times} />
      <PeriodForm path="/reports" scope={scope} names={names} now={now} times={times} />
      <MovedClock moved={total?.moved ?? 0} of={total?.finished ?? 0} />
      <h2>How time limits were kept, <Said of={periodWords(scope)} /></h2>
      {total === undefined ? null : (
        <ul class="bigs">
          <Big name="Met" sign="met" n={total.met} href={finished({ verdict: "met" })} late={`of ${count(total.met + total.breached)} finished with a time limit`} />
          <Big name="Breached" sign="late" n={total.breached} href={finished({ verdict: "breached" })} late={`${percent(total.completed_rate)} of what was finished`} />
          <Big name="Due" sign="due" n={total.due} href={due()} late={`${percent(total.due_rate)} of it late`} />
          <Big name="Open now" sign="open" n={total.open} href={open({ clock: "limit" })} late={`${count(total.open_overdue)} late, ${percent(total.open_rate)}`} />
        </ul>
      )}
      {slaChart(workflows, true, stageName)}
      <SlaTable rows={workflows.slice(0, MOST_LINES)} scope={scope} drills={drills} stageName={stageName} caption={`Time limits by workflow, ${periodWords(scope)}`} />
      <More shown={MOST_LINES} all={workflows.length} what="workflows" />
      <Downloads path="/reports/sla" params={scopeParams(scope)} />
      <h2>The reports</h2>
      <ul class="about">
        {ABOUT.map(([href, name, text]) => (
          <li>
            <a href={address(href, scopeParams(scope))}>{name}</a>: {text}
          </li>
        ))}
        {drills ? (
          <li>
            <a href={address("/finished", scopeParams(scope))}>Finished stages</a>: every passage of a ticket through a stage, one by one.
          </li>
        ) : null}
      </ul>
    </>,
  );
});

reportRoutes.get("/reports/sla", async (c) => {
  const { value: rows, asOf, scope, drills, names, stageName, now, times } = await figures(c, "sla", slaReport);
  const stages = rows.filter((r) => r.stage !== null);
  const several = new Set(stages.map((r) => r.workflow)).size > 1;
  const shown = rows.slice(0, MOST_LINES);
  return page(
    c,
    { title: "Time limits", scripts: CHARTS, now, wide: true },
    <>
      <h1>How time limits were kept</h1>
      <ReportNav path="/reports/sla" scope={scope} />
      <Moment of={asOf} times={times} />
      <PeriodForm path="/reports/sla" scope={scope} names={names} now={now} times={times} />
      <MovedClock moved={rows[0]?.moved ?? 0} of={rows[0]?.finished ?? 0} />
      {slaChart(stages, several, stageName)}
      <SlaTable rows={shown} scope={scope} drills={drills} stageName={stageName} caption={`Time limits, ${periodWords(scope)}`} />
      <p class="hint">
        The share of what was finished looks better the longer late work lies around; the share of what was due has it as soon as it is due. Stages without a
        time limit count in All of what was finished only. {"!"} stands beside what is over the limit, or late by half or more.
      </p>
      <h2>Where the time went</h2>
      <Table caption={`Time on the wall of what was finished, ${periodWords(scope)}`} class="figures cards" head={["Workflow", "Stage", "Waiting", "Work", "On hold", "Rework", "Reworked"]} right={[2, 6]}>
        <tbody>
          {shown.map((r) => {
            const { finished } = ways(scope, drills, r);
            const first = { cycle: "first" };
            return (
              <tr class={r.stage === null ? "sum" : undefined}>
                <th scope="row">{r.workflow === null ? "Everything" : <Name of={r.workflow} />}</th>
                <th scope="row">{r.stage === null ? "all" : <Name of={stageName(r.workflow, r.stage)} />}</th>
                {([r.wait_seconds, r.work_seconds, r.hold_seconds] as const).map((s) => (
                  <td class="right"><Figure href={s === 0 ? undefined : finished(first)} n={r.finished - r.reworked}>{duration(s)}</Figure></td>
                ))}
                <td class="right"><Figure href={finished({ cycle: "later" })} n={r.reworked}>{duration(r.rework_seconds)}</Figure></td>
                <td class="right"><Figure href={finished({ cycle: "later" })} n={r.reworked} /></td>
              </tr>
            );
          })}
        </tbody>
      </Table>
      <More shown={MOST_LINES} all={rows.length} what="rows" />
      <Downloads path="/reports/sla" params={scopeParams(scope)} />
    </>,
  );
});

reportRoutes.get("/reports/heat-map", async (c) => {
  const by = readWay(c);
  const { value: cells, asOf, scope, drills, names, stageName, now, times } = await figures(c, "heat", (query, of) => heatMap(query, of, by), by);
  const lines = new Set(cells.map((cell) => JSON.stringify([cell.workflow, cell.y]))).size;
  return page(
    c,
    { title: "Heat-map", now, wide: true },
    <>
      <h1>Where time limits get tight</h1>
      <ReportNav path="/reports/heat-map" scope={scope} />
      <Moment of={asOf} times={times} />
      <ul class="presets" aria-label="Heat-maps">
        {Object.entries(WAYS).map(([way, name]) => (
          <li>
            <a href={address("/reports/heat-map", { ...scopeParams(scope), by: way })} aria-current={way === by ? "true" : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ul>
      <PeriodForm path="/reports/heat-map" scope={scope} names={names} now={now} times={times} more={{ by }} />
      <MovedClock moved={sum(cells, (cell) => cell.moved)} of={sum(cells, (cell) => cell.n)} />
      {by !== "stage" && scope.workflow !== undefined ? <p class="message">This heat-map is about all workflows together.</p> : null}
      <p>
        The share of its time limit that nine of ten stages stayed under, and below it how many were finished and how many of them late.
        {" ! is over the limit, !! more than one and a half times the limit."}
      </p>
      <HeatLegend />
      {cells.length === 0 ? (
        <p>Nothing with a time limit was finished <Said of={periodWords(scope)} />.</p>
      ) : (
        <HeatMap
          cells={cells} by={by} scope={scope} drills={drills} stageName={stageName}
          caption={`${WAYS[by]} of finishing, ${periodWords(scope)}; ${by === "owner" ? "weeks in UTC" : times.zone}`}
        />
      )}
      <More shown={MOST_HEAT_ROWS} all={lines} what="rows" />
      <Downloads path="/reports/heat-map" params={{ ...scopeParams(scope), by }} />
    </>,
  );
});

reportRoutes.get("/reports/bottlenecks", async (c) => {
  const { value: rows, asOf, scope, drills, names, stageName, now, times } = await figures(c, "bottlenecks", bottlenecks);
  const several = new Set(rows.map((r) => r.workflow)).size > 1;
  const bars = rows.filter((r) => r.total_seconds > 0).slice(0, MOST_BARS);
  const hours = (of: (r: (typeof rows)[number]) => number) => bars.map((r) => Math.round(of(r) / 36) / 100);
  return page(
    c,
    { title: "Bottlenecks", scripts: CHARTS, now, wide: true },
    <>
      <h1>Where the time went</h1>
      <ReportNav path="/reports/bottlenecks" scope={scope} />
      <Moment of={asOf} times={times} />
      <PeriodForm path="/reports/bottlenecks" scope={scope} names={names} now={now} times={times} />
      <MovedClock moved={sum(rows, (r) => r.moved)} of={sum(rows, (r) => r.finished)} />
      <Chart
        label={`Stacked bars: hours of waiting, work, holds and rework, for the ${bars.length} stages with the most time.`}
        caption="Hours by stage, the one with the most first"
        unit="hours" labels={bars.map((r) => nameOf(r, several, stageName))}
        series={[
          { name: "waiting", colour: "soon", pattern: "lines", values: hours((r) => r.wait_seconds) },
          { name: "work", colour: "fine", pattern: "plain", values: hours((r) => r.work_seconds) },
          { name: "on hold", colour: "held", pattern: "dots", values: hours((r) => r.hold_seconds) },
          { name: "rework", colour: "late", pattern: "cross", values: hours((r) => r.rework_seconds) },
        ]}
      />
      <GroupTable
        caption={`Time on the wall of what was finished, ${periodWords(scope)}, the stage with the most first`}
        groups={[
          ["", ["Workflow", "Stage"]],
          ["Finished", ["Stages", "Time", "Share", "Mean"]],
          ["What the time was", ["Waiting", "Work", "On hold", "Rework"]],
          ["Breached", ["Stages", "Share"]],
          ["Open now", ["Stages", "Days to clear"]],
        ]}
      >
        <tbody>
          {rows.slice(0, MOST_LINES).map((r) => {
            const { finished, open } = ways(scope, drills, r);
            const late = { verdict: "breached" };
            const all = (text: string) => <Figure href={finished()} n={r.finished}>{text}</Figure>;
            // Not how many first passages there were, but whose time it is.
            const part = (seconds: number, cycle: string) => (
              <td class="right">{seconds === 0 || !drills ? duration(seconds) : <a href={finished({ cycle })}>{duration(seconds)}</a>}</td>
            );
            return (
              <tr>
                <th scope="row">
                  <Name of={r.workflow} />
                </th>
                <th scope="row">
                  <Name of={stageName(r.workflow, r.stage)} />
                </th>
                <td class="right"><Figure href={finished()} n={r.finished} /></td>
                <td class="right">{all(duration(r.total_seconds))}</td>
                <td class="right">{all(percent(r.share))}</td>
                <td class="right">{all(duration(r.mean_seconds))}</td>
                {part(r.wait_seconds, "first")}
                {part(r.work_seconds, "first")}
                {part(r.hold_seconds, "first")}
                {part(r.rework_seconds, "later")}
                <td class="right"><Figure href={finished(late)} n={r.breached} /></td>
                <td class="right"><Figure href={finished(late)} n={r.breached}>{percent(r.breach_share)}</Figure></td>
                <td class="right"><Figure href={open()} n={r.open} /></td>
                <td class="right">{r.days_to_clear === null ? "–" : <Figure href={open()} n={r.open}>{r.days_to_clear.toFixed(1)}</Figure>}</td>
              </tr>
            );
          })}
        </tbody>
      </GroupTable>
      <More shown={MOST_LINES} all={rows.length} what="stages" />
      <p class="hint">Days to clear: how long the open ones take at the pace of the period. Without a first day there is no pace.</p>
      <Downloads path="/reports/bottlenecks" params={scopeParams(scope)} />
    </>,
  );
});
