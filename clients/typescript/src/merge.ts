/*
 * Rows of several cells as those of one, as the front puts them together.
 */
type SortKey = string | number | boolean | Date | null;

/** Rows in the order of their keys. */
export function ordered<T>(rows: readonly T[], key: (row: T) => readonly SortKey[]): T[] {
  const keyed = rows.map((row) => ({ row, key: key(row) }));
  return keyed.sort((a, b) => compare(a.key, b.key)).map(({ row }) => row);
}

/** NULLs last. */
function compare(a: readonly SortKey[], b: readonly SortKey[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? null;
    if (left === null || right === null) {
      if (left !== right) return left === null ? 1 : -1;
    } else if (left < right) return -1;
    else if (left > right) return 1;
  }
  return 0;
}

/** Rows that are about the same stage, in the order in which they came. */
export function byName<T extends { workflow: string | null; stage: string | null }>(rows: readonly T[]): Map<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>();
  for (const row of rows) {
    const name = JSON.stringify([row.workflow, row.stage]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return groups;
}

/** A sum as SQL has it: null if there is nothing to add. */
export function sumOf<T>(rows: readonly T[], of: (row: T) => number | null): number | null {
  return rows.map(of).reduce((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);
}

/** A share with four digits, as the server has it. */
export function share(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : Math.round((part / whole) * 1e4) / 1e4;
}

/** What one cell alone has. */
export function single(values: readonly (number | null)[]): number | null {
  const [only = null, ...more] = values.filter((value) => value !== null);
  return more.length === 0 ? only : null;
}
