// What a person reads of a run.
import type { Line } from "./map.js";

const cut = (text: string, width: number) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** Rows of texts under a head, as psql would show them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.min(90, Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0))));
  const line = (cells: readonly string[]) => ` ${widths.map((width, i) => cut(cells[i] ?? "", width).padEnd(width)).join(" | ")}`.trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width + 2)).join("+"), ...rows.map(line)].join("\n");
}

/** Lines that repeat others, and problems: one row each. */
export function problemTable(lines: readonly Line[]): string {
  const rows = lines.flatMap(({ line, key, problems, again }) =>
    again !== undefined ? [[String(line), key, `left out: it is line ${again} again`]] : problems.map((problem) => [String(line), key, problem]));
  return table(["line", "key", "what"], rows);
}
