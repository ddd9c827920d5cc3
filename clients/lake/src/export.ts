// One step after the other: read what changed, write it, commit.
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

import { Lake, type LakeFile } from "./lake.js";
import { numbers, rawTable, shapes, type Table, tables } from "./shapes.js";
import type { Row, Source } from "./source.js";

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** A DuckDB in memory, with an empty table for what is read for each table of the lake. */
export async function openDuck(): Promise<DuckDBConnection> {
  const duck = await (await DuckDBInstance.create(":memory:")).connect();
  await duck.run("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; SET preserve_insertion_order = false");
  for (const table of tables) {
    await duck.run(`CREATE TABLE raw_${table} AS ${rawTable(table)}`);
  }
  return duck;
}

/** The rows of a query as objects. */
export async function query<R>(duck: DuckDBConnection, sql: string): Promise<R[]> {
  return (await duck.runAndReadAll(sql)).getRowObjectsJS() as R[];
}

/** The one number of a query. */
export async function count(duck: DuckDBConnection, from: string): Promise<number> {
  const [row] = await query<{ n: number }>(duck, `SELECT count(*)::INTEGER AS n FROM ${from}`);
  return row?.n ?? 0;
}

async function append(duck: DuckDBConnection, table: Table, rows: readonly Row[]): Promise<void> {
  const { columns } = shapes[table];
  const appender = await duck.createAppender(`raw_${table}`);
  for (const row of rows) {
    for (const name of columns) {
      const value = row[name];
      if (value === null || value === undefined) appender.appendNull();
      else if (name === "public") appender.appendBoolean(value === true);
      else if (numbers.has(name)) appender.appendInteger(Number(value));
      else appender.appendVarchar(String(value));
    }
    appender.endRow();
  }
  appender.flushSync();
  appender.closeSync();
}

interface Sizes {
  page?: number | undefined;
  batch?: number | undefined;
  files?: number | undefined;
}

/** How often a step is tried that a standby ends. */
const ATTEMPTS = 10;

export class Exporter {
  readonly #lake: Lake;
  readonly #source: Source;
  readonly #duck: DuckDBConnection;
  readonly #page: number;
  readonly #batch: number;
  readonly #maxFiles: number;

  /** @param options - page: events per call; batch: events per step; files: of one month, before they are merged */
  constructor(lake: Lake, source: Source, duck: DuckDBConnection, { page = 10000, batch = 100000, files = 24 }: Sizes = {}) {
    this.#lake = lake;
    this.#source = source;
    this.#duck = duck;
    this.#page = page;
    this.#batch = batch;
    this.#maxFiles = files;
  }

  /** Export until there is nothing new; how many events that was. */
  async run(report: (total: number) => void = () => undefined): Promise<number> {
    let total = 0;
    this.#lake.clean();
    let attempts = 0;
    for (;;) {
      let events: number;
      try {
        events = await this.#step();
        attempts = 0;
      } catch (error) {
        // A standby ends what stands in the way of its work. Nothing of the step counts, so it is done again.
        if ((error as { code?: unknown }).code !== "40001" || ++attempts >= ATTEMPTS) throw error;
        continue;
      }
      if (events === 0) break;
      total += events;
      report(total);
    }
    return total;
  }

  /** Export one batch; how many events it had. */
  async #step(): Promise<number> {
    const duck = this.#duck;
    const lake = this.#lake;
    const touched = new Set<string>();
    const erased = new Set<string>();
    let cursor = lake.manifest.cursor;
    let events = 0;

    for (const table of tables) await duck.run(`DELETE FROM raw_${table}`);
    while (events < this.#batch) {
      const rows = await this.#source.changes(cursor, Math.min(this.#page, this.#batch - events));
      const last = rows.at(-1);
      if (last === undefined) break;
      await append(duck, "timeline", rows);
      for (const row of rows) {
        touched.add(row.ticket);
        if (row.status === "erased") erased.add(row.ticket);
      }
      cursor = last.cursor;
      events += rows.length;
    }
    if (events === 0) return 0;

    const added: LakeFile[] = [];
    const removed: LakeFile[] = [];
    if (erased.size > 0) await this.#erase([...erased], added, removed);
    await this.#snapshot([...touched]);
    for (const table of tables) added.push(...(await this.#writeRows(table)));
    lake.commit({ cursor, added, removed });
    await this.#merge();
    return events;
  }

  async #snapshot(tickets: readonly string[]): Promise<void> {
    for (let i = 0; i < tickets.length; i += 5000) {
      const some = tickets.slice(i, i + 5000);
      await append(this.#duck, "tickets", await this.#source.tickets(some));
      await append(this.#duck, "stages", await this.#source.stages(some));
    }
  }

  async #copy(select: string, table: Table, name: string): Promise<number> {
    const { order } = shapes[table];
    await this.#duck.run(`COPY (SELECT * FROM (${select}) ORDER BY ${order}) TO ${quoted(name)} (FORMAT parquet, COMPRESSION zstd)`);
    return count(this.#duck, `read_parquet(${quoted(name)})`);
  }

  async #writeRows(table: Table): Promise<LakeFile[]> {
    const { select, month } = shapes[table];
    const of = `strftime(make_timestamptz(${month}::BIGINT), '%Y-%m')`;
    const months = await query<{ month: string }>(this.#duck, `SELECT DISTINCT ${of} AS month FROM raw_${table} ORDER BY 1`);
    const files: LakeFile[] = [];
    for (const row of months)
      files.push(await this.#lake.writeFile(table, row.month, (name) =>
        this.#copy(`SELECT ${select} FROM raw_${table} WHERE ${of} = ${quoted(row.month)}`, table, name)));
    return files;
  }

  /**
   * Content that was erased on the server goes here, too: from what was just read, and from files, which are written
   * again without it.
   */
  async #erase(tickets: readonly string[], added: LakeFile[], removed: LakeFile[]): Promise<void> {
    const duck = this.#duck;
    const lake = this.#lake;
    await duck.run("CREATE OR REPLACE TEMP TABLE fresh (ticket VARCHAR, seq INTEGER, note VARCHAR, payload VARCHAR)");
    const appender = await duck.createAppender("fresh");
    for (const row of await this.#source.changesOf(tickets)) {
      appender.appendVarchar(row.ticket);
      appender.appendInteger(row.seq);
      for (const value of [row.note, row.payload]) {
        if (value === null) appender.appendNull();
        else appender.appendVarchar(value);
      }
      appender.endRow();
    }
    appender.flushSync();
    appender.closeSync();
    await duck.run("UPDATE raw_timeline AS r SET note = f.note, payload = f.payload FROM fresh AS f WHERE f.ticket = r.ticket AND f.seq = r.seq");
    const differs = "(e.note IS DISTINCT FROM f.note OR (e.payload IS NULL) <> (f.payload IS NULL))";
    for (const file of lake.files("timeline")) {
      const source = Lake.source("timeline", [lake.fullName(file)]);
      if ((await count(duck, `${source} AS e JOIN fresh AS f USING (ticket, seq) WHERE ${differs}`)) === 0) continue;
      removed.push(file);
      added.push(await lake.writeFile("timeline", file.month, (name) =>
        this.#copy(`SELECT e.* REPLACE (CASE WHEN f.ticket IS NULL THEN e.note ELSE f.note END AS note,
          CASE WHEN f.ticket IS NULL OR f.payload IS NOT NULL THEN e.payload END AS payload)
          FROM ${source} AS e LEFT JOIN fresh AS f USING (ticket, seq)`, "timeline", name)));
    }
  }

  /** Many small files of a month become one, which has the latest version of each row only. */
  async #merge(): Promise<void> {
    const added: LakeFile[] = [];
    const removed: LakeFile[] = [];
    for (const table of tables)
      for (const month of new Set(this.#lake.files(table).map((file) => file.month))) {
        const files = this.#lake.files(table, month);
        if (files.length <= this.#maxFiles) continue;
        const source = Lake.source(table, files.map((file) => this.#lake.fullName(file)));
        const latest = table === "timeline" ? "" : ` QUALIFY row_number() OVER (PARTITION BY ${shapes[table].key} ORDER BY last_seq DESC) = 1`;
        added.push(await this.#lake.writeFile(table, month, (name) => this.#copy(`SELECT * FROM ${source}${latest}`, table, name)));
        removed.push(...files);
      }
    if (added.length > 0) this.#lake.commit({ cursor: this.#lake.manifest.cursor, added, removed });
  }
}
