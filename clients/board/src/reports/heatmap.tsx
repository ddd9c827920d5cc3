/** The heat-map as a table: shades repeat what the figures and signs in the cells say. */
import type { Child, FC } from "hono/jsx";
import { count, percent } from "../format.js";
import { Name, Said } from "../ui.js";
import type { HeatCell, StageName, Way } from "./data.js";
import { addDays, address, scopeParams, type Scope } from "./scope.js";
import { sign } from "./ui.js";

/** Up to these shares of the limit; beyond the last one it is heat-5. */
const SHADES = [0.25, 0.5, 0.8, 1, 1.5];
const DAYS = [["Mon", "Monday"], ["Tue", "Tuesday"], ["Wed", "Wednesday"], ["Thu", "Thursday"], ["Fri", "Friday"], ["Sat", "Saturday"], ["Sun", "Sunday"]] as const;
/** All hours from the first to the last in which something was finished. */
function hoursOf(cells: readonly HeatCell[]): string[] {
  const hours = cells.map((cell) => Number(cell.x));
  const first = Math.min(...hours);
  return cells.length === 0 ? [] : Array.from({ length: Math.max(...hours) - first + 1 }, (_, i) => String(first + i).padStart(2, "0"));
}

/** A page with more rows is of no use; the CSV has all. */
export const MOST_HEAT_ROWS = 200;

function shade(value: number): number {
  const at = SHADES.findIndex((most) => value <= most);
  return at === -1 ? SHADES.length : at;
}

/** The Monday of an ISO week, 2026-W10. */
function mondayOf(week: string): string {
  const [year = "", number = ""] = week.split("-W");
  // The fourth of January is always in the first week.
  const fourth = new Date(`${year}-01-04T00:00:00Z`);
  return addDays(fourth.toISOString().slice(0, 10), -((fourth.getUTCDay() + 6) % 7) + (Number(number) - 1) * 7);
}

function weekOf(monday: string): string {
  const year = addDays(monday, 3).slice(0, 4);
  const first = mondayOf(`${year}-W01`);
  const number = Math.round((Date.parse(monday) - Date.parse(first)) / (7 * 86_400_000)) + 1;
  return `${year}-W${String(number).padStart(2, "0")}`;
}

/** All weeks from the first to the last, so that one in which nothing was finished leaves a gap. */
export function weeksBetween(names: readonly string[]): string[] {
  const mondays = names.map(mondayOf).sort();
  const weeks: string[] = [];
  const last = mondays.at(-1) ?? "";
  for (let monday = mondays[0] ?? "~"; monday <= last; monday = addDays(monday, 7)) weeks.push(weekOf(monday));
  return weeks;
}

/** at: its column, which stands in the cell itself on a phone. */
const Cell: FC<{ cell: HeatCell | undefined; at: string; href: string | undefined }> = ({ cell, at, href }) => {
  if (cell === undefined) return <td class="heat"></td>;
  const bad = sign(cell.value);
  const content =
    cell.value === null ? (
      <span class="heat-n">
        {count(cell.n)}
        <span class="only-read"> finished, too few for figures</span>
      </span>
    ) : (
      <>
        <span class="heat-value">
          {percent(cell.value)}
          {bad.sign === "" ? null : (
            <>
              <span aria-hidden="true"> {bad.sign}</span>
              <span class="only-read"> {bad.words}</span>
            </>
          )}
        </span>
        <span class="heat-n">
          {count(cell.n)}
          <span class="only-read"> finished</span>
          {cell.breach_rate === null || cell.breach_rate === 0 ? null : `, ${percent(cell.breach_rate)} late`}
        </span>
      </>
    );
  const level = cell.value === null ? "heat-few" : `heat-${shade(cell.value)}${bad.sign === "" ? "" : " heat-bad"}`;
  return <td class={`heat ${level}`} data-label={at}>{href === undefined ? content : <a href={href}>{content}</a>}</td>;
};

interface Line {
  head: string;
  cells: ReadonlyMap<string, HeatCell>;
}

/** by: which heat-map; drills: may the person see the tickets? */
export const HeatMap: FC<{ cells: readonly HeatCell[]; by: Way; scope: Scope; drills: boolean; stageName: StageName; caption: string }> = (props) => {
  const { cells, by, scope, drills } = props;
  // Seven days fit beside each other, 24 hours do not.
  const columns = by === "weekday" ? DAYS.map(([day]) => day) : weeksBetween([...new Set(cells.map((cell) => cell.x))]);
  const placeOf = ({ x, y }: HeatCell) => (by === "weekday" ? { row: x, column: y } : { row: y, column: x });
  const groups = new Map<string | null, Map<string, Map<string, HeatCell>>>();
  if (by === "weekday") groups.set(null, new Map(hoursOf(cells).map((hour) => [hour, new Map<string, HeatCell>()])));
  for (const cell of cells) {
    const { row, column } = placeOf(cell);
    const group = groups.get(cell.workflow) ?? new Map<string, Map<string, HeatCell>>();
    groups.set(cell.workflow, group);
    const line = group.get(row) ?? new Map<string, HeatCell>();
    group.set(row, line);
    line.set(column, cell);
  }
  const { from, to, period } = scopeParams(scope);
  const hrefOf = (cell: HeatCell) =>
    !drills
      ? undefined
      : address("/finished", {
          period, from, to, verdict: "limited", workflow: cell.workflow ?? undefined,
          ...(by === "stage" ? { stage: cell.y, week: cell.x } : by === "owner" ? { owner: cell.y, utc_week: cell.x } : { weekday: cell.y, hour: cell.x }),
        });
  const headOf = (workflow: string | null, row: string): Child => (by === "stage" ? <Name of={props.stageName(workflow, row)} /> : by === "owner" ? <Name of={row} /> : `${row} h`);
  const headOfColumn = (column: string) => DAYS.find(([day]) => day === column)?.[1] ?? column;
  let left = MOST_HEAT_ROWS;
  return (
    <div class="table" role="region" aria-label={props.caption} tabindex={0}>
      <table class={`figures heat-map heat-by-${by}`}>
        <caption><Said of={props.caption} /></caption>
        <thead>
          <tr>
            <th scope="col">{by === "stage" ? "Stage" : by === "owner" ? "Owner" : "Hour"}</th>
            {columns.map((x) => (
              <th scope="col">
                {by === "weekday" ? (
                  headOfColumn(x)
                ) : (
                  <>
                    {headOfColumn(x)} <small>from {mondayOf(x).slice(5)}</small>
                  </>
                )}
              </th>
            ))}
          </tr>
        </thead>
        {[...groups].map(([workflow, group]) => {
          const lines: Line[] = [...group].slice(0, left).map(([head, line]) => ({ head, cells: line }));
          left -= lines.length;
          return lines.length === 0 ? null : (
            <tbody>
              {workflow === null ? null : (
                <tr>
                  <th scope="rowgroup" colspan={columns.length + 1} class="heat-group">
                    <span>
                      <Name of={workflow} />
                    </span>
                  </th>
                </tr>
              )}
              {lines.map((line) => (
                <tr>
                  <th scope="row">{headOf(workflow, line.head)}</th>
                  {columns.map((x) => {
                    const cell = line.cells.get(x);
                    return <Cell cell={cell} at={headOfColumn(x)} href={cell === undefined ? undefined : hrefOf(cell)} />;
                  })}
                </tr>
              ))}
            </tbody>
          );
        })}
      </table>
    </div>
  );
};

/** What the shades mean. */
export const HeatLegend: FC = () => (
  <ul class="heat-legend" aria-label="What the shades mean">
    {[...SHADES, undefined].map((most, i) => {
      const low = i === 0 ? undefined : SHADES[i - 1];
      const bad = sign(most ?? 2).sign;
      return (
        <li class={`heat heat-${i}${bad === "" ? "" : " heat-bad"}`}>
          {most === undefined ? `over ${percent(low ?? 0)}` : `up to ${percent(most)}`}
          {bad === "" ? "" : ` ${bad}`}
        </li>
      );
    })}
    <li class="heat heat-few">under 5: no figures</li>
  </ul>
);
