/** The reports about what is open now: queues, age, what is due soon. */
import { Hono } from "hono";
import { count } from "../format.js";
import { page } from "../layout.js";
import { CHARTS, figures, Moment, More, MOST_BARS, MOST_LINES, readAhead } from "../reports/ask.js";
import { AHEAD, aging, atRisk, queue, type AgeRow } from "../reports/data.js";
import { address } from "../reports/scope.js";
import { Chart, Downloads, duration, Figure, ReportNav, WorkflowField } from "../reports/ui.js";
import { Filters, Name, Status, Table, TicketLink } from "../ui.js";
import type { Env } from "../web.js";

export const openReportRoutes = new Hono<Env>();

openReportRoutes.get("/reports/queue", async (c) => {
  const { value: rows, asOf, drills, scope, now, times } = await figures(c, "queue", queue);
  const sum = (of: (r: (typeof rows)[number]) => number) => rows.reduce((all, r) => all + of(r), 0);
  const bars = [...rows].sort((a, b) => b.queued + b.in_progress - a.queued - a.in_progress).slice(0, MOST_BARS);
  const FIGURES = [
    ["queued", { status: "queued" }], ["in_progress", { status: "in_progress" }], ["on_hold", { status: "on_hold" }], ["failed", { status: "failed" }],
    ["due_within_hour", { clock: "hour" }], ["overdue", { clock: "late" }],
  ] as const;
  return page(
    c,
    { title: "Queues", scripts: CHARTS, now, wide: true },
    <>
      <h1>What each owner has now</h1>
      <ReportNav path="/reports/queue" scope={scope} />
      <Moment of={asOf} times={times} />
      <Chart
        label={`Stacked bars: what is queued, in progress, on hold and failed, for ${bars.length} owners.`}
        caption="Open stages by owner" unit="stages" labels={bars.map((r) => r.owner)}
        series={[
          { name: "queued", colour: "info", pattern: "dots", values: bars.map((r) => r.queued) },
          { name: "in progress", colour: "fine", pattern: "plain", values: bars.map((r) => r.in_progress) },
          { name: "on hold", colour: "held", pattern: "back", values: bars.map((r) => r.on_hold) },
          { name: "failed", colour: "late", pattern: "cross", values: bars.map((r) => r.failed) },
        ]}
      />
      <Table
        caption="Open stages by owner, the most late ones first"
        class="figures cards" head={["Owner", "Queued", "In progress", "On hold", "Failed", "Due within the hour", "Late", "Oldest queued since"]} right={[1, 6]}
      >
        <tbody>
          {rows.length === 0 ? (
            <tr>
              <td colspan={8}>Nothing is open.</td>
            </tr>
          ) : (
            <tr class="sum">
              <th scope="row">All owners</th>
              {FIGURES.map(([name, filter]) => (
                <td class="right"><Figure href={drills ? address("/", filter) : undefined} n={sum((r) => r[name])} /></td>
              ))}
              <td>–</td>
            </tr>
          )}
          {rows.slice(0, MOST_LINES).map((r) => (
            <tr>
              <th scope="row">
                <Name of={r.owner} />
              </th>
              {FIGURES.map(([name, filter]) => (
                <td class="right"><Figure href={drills ? address("/", { owner: r.owner, ...filter }) : undefined} n={r[name]} /></td>
              ))}
              <td class="nowrap">
                {r.oldest === null ? "–" : (
                  <>
                    {times.full(r.oldest)} <span class="by">({duration((now.getTime() - r.oldest.getTime()) / 1000)})</span>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <More shown={MOST_LINES} all={rows.length} what="owners" />
      <Downloads path="/reports/queue" params={{}} />
    </>,
  );
});

const AGES = [[0, 1], [1, 3], [3, 7], [7, 14], [14, 30], [30, null]] as const;
const ageWords = (from: number, to: number | null) => (to === null ? `${from} days and more` : to === 1 ? "under a day" : `${from} to ${to} days`);

openReportRoutes.get("/reports/aging", async (c) => {
  const { value: rows, asOf, scope, drills, names, stageName, now, times } = await figures(c, "aging", (query, of) => aging(query, of.workflow));
  const lines = new Map<string, AgeRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.workflow, row.stage]);
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const sums = AGES.map(([from]) => {
    const those = rows.filter((r) => r.from_days === from);
    const sum = (of: (r: AgeRow) => number) => those.reduce((all, r) => all + of(r), 0);
    return { from_days: from, open: sum((r) => r.open), on_hold: sum((r) => r.on_hold), overdue: sum((r) => r.overdue) };
  });
  const ageCells = (of: readonly Pick<AgeRow, "from_days" | "open" | "on_hold" | "overdue">[], workflow?: string, stage?: string) =>
    AGES.map(([from, to]) => {
      const row = of.find((r) => r.from_days === from);
      if (row === undefined || row.open === 0) return <td class="right">–</td>;
      const href = (more: Record<string, string>) =>
        drills ? address("/", { workflow: workflow ?? scope.workflow, stage, age_from: from, age_to: to ?? undefined, ...more }) : undefined;
      return (
        <td class="right">
          <Figure href={href({})} n={row.open} />
          {row.overdue === 0 ? null : (
            <small class="part late-words"><Figure href={href({ clock: "late" })} n={row.overdue} plain>{count(row.overdue)} late</Figure></small>
          )}
          {row.on_hold === 0 ? null : (
            <small class="part"><Figure href={href({ status: "on_hold" })} n={row.on_hold} plain>{count(row.on_hold)} on hold</Figure></small>
          )}
        </td>
      );
    });
  return page(
    c,
    { title: "Age", scripts: CHARTS, now, wide: true },
    <>
      <h1>How long open stages have been open</h1>
      <ReportNav path="/reports/aging" scope={scope} />
      <Moment of={asOf} times={times} />
      <Filters action="/reports/aging" label="Workflow">
        <WorkflowField value={scope.workflow} names={names} />
        <p class="buttons">
          <button class="main">Show</button>
        </p>
      </Filters>
      {rows.length === 0 ? null : (
        <Chart
          label="Stacked bars: how many open stages are how old, late ones and others." caption="Open stages by age" unit="stages"
          labels={AGES.map(([from, to]) => ageWords(from, to))}
          series={[
            { name: "not late", colour: "info", pattern: "plain", values: sums.map((s) => s.open - s.overdue) },
            { name: "late", colour: "late", pattern: "lines", values: sums.map((s) => s.overdue) },
          ]}
        />
      )}
      <Table
        caption="Open stages by age: days of 24 hours since they were queued in their cycle"
        head={["Workflow", "Stage", ...AGES.map(([from, to]) => ageWords(from, to))]} right={[2, AGES.length + 1]} class="figures cards"
      >
        <tbody>
          {rows.length === 0 ? (
            <tr>
              <td colspan={8}>Nothing is open.</td>
            </tr>
          ) : (
            <tr class="sum">
              <th scope="row">Everything</th>
              <th scope="row">all</th>
              {ageCells(sums)}
            </tr>
          )}
          {[...lines.values()].slice(0, MOST_LINES).map((line) => {
            const { workflow = "", stage = "" } = line[0] ?? {};
            return (
              <tr>
                <th scope="row">
                  <Name of={workflow} />
                </th>
                <th scope="row">
                  <Name of={stageName(workflow, stage)} />
                </th>
                {ageCells(line, workflow, stage)}
              </tr>
            );
          })}
        </tbody>
      </Table>
      <More shown={MOST_LINES} all={lines.size} what="stages" />
      <Downloads path="/reports/aging" params={{ workflow: scope.workflow }} />
    </>,
  );
});

openReportRoutes.get("/reports/at-risk", async (c) => {
  const within = readAhead(c);
  const { value, asOf, scope, drills, stageName, now, times } = await figures(c, "risk", (query) => atRisk(query, within, MOST_LINES), within);
  const { rows, total } = value;
  return page(
    c,
    { title: "At risk", now, wide: true },
    <>
      <h1>What is due soon</h1>
      <ReportNav path="/reports/at-risk" scope={scope} />
      <Moment of={asOf} times={times} />
      <ul class="presets" aria-label="How far ahead">
        {Object.entries(AHEAD).map(([name, text]) => (
          <li>
            <a href={address("/reports/at-risk", { within: name })} aria-current={name === within ? "true" : undefined}>
              {text}
            </a>
          </li>
        ))}
      </ul>
      <p class="matches">
        <strong><Figure href={drills ? address("/", { clock: within }) : undefined} n={total} /></strong> {total === 1 ? "stage is" : "stages are"} due within {AHEAD[within]}.
      </p>
      <Table caption="Running clocks, the first one first" class="list cards" head={["Ticket", "Workflow", "Stage", "Owner", "Status", "Clock", "Due"]}>
        <tbody>
          {rows.length === 0 ? (
            <tr>
              <td colspan={7}>Nothing is due within {AHEAD[within]}.</td>
            </tr>
          ) : (
            rows.map((r) => (
              <tr>
                <th scope="row">{drills ? <TicketLink id={r.ticket} /> : <span class="number">{r.ticket}</span>}</th>
                <td>
                  <Name of={r.workflow} />
                </td>
                <td>
                  <Name of={stageName(r.workflow, r.stage)} />
                </td>
                <td>
                  <Name of={r.owner} />
                </td>
                <td>
                  <Status status={r.status} />
                </td>
                <td class="nowrap">{r.due_at < now ? `late by ${duration((now.getTime() - r.due_at.getTime()) / 1000)}` : `${duration((r.due_at.getTime() - now.getTime()) / 1000)} left`}</td>
                <td class="nowrap">{times.full(r.due_at)}</td>
              </tr>
            ))
          )}
        </tbody>
      </Table>
      <More shown={MOST_LINES} all={total} what="stages" />
      <Downloads path="/reports/at-risk" params={{ within }} limited />
    </>,
  );
});
