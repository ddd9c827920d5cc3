/** Where the pages of workflows are, and the pieces that they share with the editor. */
import type { FC } from "hono/jsx";
import { raw } from "hono/html";
import type { Diff } from "../definition.js";
import { count } from "../format.js";
import { Table } from "../ui.js";
import type { Web } from "../web.js";

/** Names that would mean something else as a part of an address. */
const AWKWARD = new Set(["", ".", "..", "-", "new", "check"]);

export function workflowPath(name: string, below = "", version?: number): string {
  const query = new URLSearchParams();
  if (AWKWARD.has(name)) query.set("name", name);
  if (version !== undefined) query.set("version", String(version));
  return `/workflows/${AWKWARD.has(name) ? "-" : encodeURIComponent(name)}${below}${query.size === 0 ? "" : `?${query.toString()}`}`;
}

/** The name of the workflow that is asked for. */
export const nameIn = (c: Web) => (c.req.param("name") === "-" ? (c.req.query("name") ?? "") : (c.req.param("name") ?? ""));

/** A version of a workflow, without its definition; COLUMNS reads it. */
export interface Version {
  version: number;
  current: boolean;
  created_by: string;
  created_at: Date;
  retired_at: Date | null;
  stages: number;
}
export const COLUMNS = `w.version, w.current, w.created_by, w.created_at, w.retired_at, pg_catalog.jsonb_array_length(w.definition -> 'stages') AS stages`;

/** A picture of a graph, or why there is none. */
export const Picture: FC<{ svg: string | undefined; name: string }> = ({ svg, name }) =>
  svg === undefined ? (
    <p>The workflow is too large for a picture.</p>
  ) : (
    <div class="drawing" role="region" aria-label={`Diagram of ${name}`} tabindex={0}>
      {raw(svg)}
    </div>
  );

const SIGN_WORDS = { "+": "added", "-": "removed", " ": "the same", "…": "left out" };

export const DiffTable: FC<{ diff: Diff; caption: string }> = ({ diff, caption }) => (
  <>
    <Table caption={`${caption}: ${count(diff.added)} ${diff.added === 1 ? "line" : "lines"} added, ${count(diff.removed)} removed`} head={["Before", "After", "Change", "Line"]} class="diff">
      <tbody>
        {diff.lines.map((line) => {
          const text = line.parts.map((p) => (p.changed ? <mark>{p.text}</mark> : p.text));
          return (
            <tr class={line.sign === "+" ? "added" : line.sign === "-" ? "removed" : line.sign === "…" ? "gap" : undefined}>
              <td>{line.before}</td>
              <td>{line.after}</td>
              <td>
                <span aria-hidden="true">{line.sign}</span>
                <span class="unseen">{SIGN_WORDS[line.sign]}</span>
              </td>
              <td>{line.sign === "+" ? <ins>{text}</ins> : line.sign === "-" ? <del>{text}</del> : text}</td>
            </tr>
          );
        })}
      </tbody>
    </Table>
    {diff.more === 0 ? null : <p>{count(diff.more)} more changed lines are not shown.</p>}
  </>
);
