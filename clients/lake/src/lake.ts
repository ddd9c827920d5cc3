// A lake: a directory with Parquet files and a manifest that says which of them count.
//
//   manifest.json                        how far the lake is, and its files; replaced as a whole
//   lake.sql                             views for DuckDB over these files, made from the manifest
//   timeline/month=2026-03/….parquet     events, by the month in which they were recorded (UTC)
//   tickets/month=2026-03/….parquet      versions of tickets, by the month in which they were opened
//   stages/month=2026-03/….parquet       versions of cycles of stages, likewise
//
// A step writes new files, which nobody knows of, then the manifest, and then removes the files that it has
// replaced. Killed at any moment it leaves the manifest of before or of after, and files beside it that the next run
// removes. So nothing comes twice and nothing is lost.
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

import { emptyTable, type Table, tables } from "./shapes.js";

/** A file as the manifest has it. */
export interface LakeFile {
  table: Table;
  month: string;
  /** Its name in the lake. */
  path: string;
  rows: number;
  bytes: number;
}
interface Manifest {
  format: "oms-lake";
  version: 1;
  /** Whose lake: no other has this. */
  lake: string;
  /** How often something was written. */
  step: number;
  cursor: string | null;
  written?: string;
  rows?: Record<string, number>;
  files: LakeFile[];
}

/** An error that is explained by its message alone. */
export class LakeError extends Error {}

function syncPath(name: string): void {
  const file = fs.openSync(name, "r");
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Replace a file by a new one, as a whole: on disk before it gets its name, and the name on disk on return. */
function replaceFile(name: string, text: string): void {
  const temporary = `${name}.${randomUUID()}.tmp`;
  fs.writeFileSync(temporary, text);
  syncPath(temporary);
  fs.renameSync(temporary, name);
  syncPath(path.dirname(name));
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

export class Lake {
  readonly directory: string;
  readonly #manifestName: string;
  #manifest: Manifest;

  /** @param directory - is made if it is not there */
  constructor(directory: string) {
    this.directory = path.resolve(directory);
    fs.mkdirSync(this.directory, { recursive: true });
    this.#manifestName = path.join(this.directory, "manifest.json");
    if (!fs.existsSync(this.#manifestName)) {
      if (fs.readdirSync(this.directory).some((name) => !name.endsWith(".tmp")))
        throw new LakeError(`${this.directory} is neither empty nor a lake`);
      replaceFile(this.#manifestName, JSON.stringify({ format: "oms-lake", version: 1, lake: randomUUID(), step: 0, cursor: null, files: [] }));
    }
    this.#manifest = this.#read();
  }

  get manifest(): Readonly<Manifest> {
    return this.#manifest;
  }

  /** Read the manifest again. */
  read(): void {
    this.#manifest = this.#read();
  }

  #read(): Manifest {
    const manifest = JSON.parse(fs.readFileSync(this.#manifestName, "utf8")) as Partial<Manifest>;
    if (manifest.format !== "oms-lake" || manifest.version !== 1)
      throw new LakeError(`${this.#manifestName} is not the manifest of a lake of version 1`);
    return manifest as Manifest;
  }

  /** The files of a table, of one month or of all. */
  files(table: Table, month?: string): LakeFile[] {
    return this.manifest.files.filter((file) => file.table === table && (month === undefined || file.month === month));
  }

  fullName(file: LakeFile): string {
    return path.join(this.directory, file.path);
  }

  /** What stands in a FROM clause for some files of a table. */
  static source(table: Table, names: readonly string[]): string {
    return names.length === 0 ? `(${emptyTable(table)})` : `read_parquet([${names.map(quoted).join(", ")}], union_by_name = true)`;
  }

  /** Every file that is not in the manifest belongs to a step that was not finished, or was replaced by one that was. */
  clean(): void {
    this.#writeViews(); // first: until then lake.sql may name files that go now
    const known = new Set(this.manifest.files.map((file) => file.path));
    for (const entry of fs.readdirSync(this.directory))
      if (entry.endsWith(".tmp")) fs.unlinkSync(path.join(this.directory, entry));
    for (const table of tables)
      for (const month of this.#list(table))
        for (const name of this.#list(path.join(table, month)))
          if (!known.has(path.join(table, month, name))) fs.unlinkSync(path.join(this.directory, table, month, name));
  }

  #list(name: string): string[] {
    const directory = path.join(this.directory, name);
    return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  }

  /**
   * Write a file of one month.
   * @param write - gets a name and writes the file there; returns the number of rows
   * @returns its entry for the manifest
   */
  async writeFile(table: Table, month: string, write: (name: string) => Promise<number>): Promise<LakeFile> {
    const directory = path.join(table, `month=${month}`);
    const name = path.join(directory, `${String(this.manifest.step + 1).padStart(8, "0")}-${randomUUID().slice(0, 8)}.parquet`);
    const temporary = `${name}.tmp`;
    fs.mkdirSync(path.join(this.directory, directory), { recursive: true });
    const rows = await write(path.join(this.directory, temporary));
    syncPath(path.join(this.directory, temporary));
    fs.renameSync(path.join(this.directory, temporary), path.join(this.directory, name));
    syncPath(path.join(this.directory, directory));
    return { table, month, path: name, rows, bytes: fs.statSync(path.join(this.directory, name)).size };
  }

  /** The one moment at which a step happens: new files count, replaced ones do not, and the cursor has moved. */
  commit({ cursor, added, removed }: { cursor: string | null; added: readonly LakeFile[]; removed: readonly LakeFile[] }): void {
    // The lock is one of the server that is read, and there may be several. Who began later took our files for left over.
    if (this.#read().step !== this.manifest.step || !added.every((file) => fs.existsSync(this.fullName(file)))) throw new LakeError("another export has written into this lake meanwhile");
    const gone = new Set(removed.map((file) => file.path));
    const files = [...this.manifest.files.filter((file) => !gone.has(file.path)), ...added];
    const rows = Object.fromEntries(tables.map((table) => [table, files.filter((file) => file.table === table).reduce((sum, file) => sum + file.rows, 0)]));
    for (const table of tables) if (fs.existsSync(path.join(this.directory, table))) syncPath(path.join(this.directory, table));
    syncPath(this.directory);
    const manifest = { ...this.manifest, step: this.manifest.step + 1, cursor, written: new Date().toISOString(), rows, files };
    replaceFile(this.#manifestName, `${JSON.stringify(manifest, null, 1)}\n`);
    this.#manifest = manifest;
    this.#writeViews();
    for (const file of removed) fs.rmSync(this.fullName(file), { force: true });
  }

  /** The statements that make the views over the files as they are now. */
  views(): string {
    const source = (table: Table) => Lake.source(table, this.files(table).map((file) => this.fullName(file)));
    return `CREATE OR REPLACE VIEW timeline AS SELECT * FROM ${source("timeline")};
CREATE OR REPLACE VIEW tickets AS SELECT * FROM ${source("tickets")}
  QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY last_seq DESC) = 1;
CREATE OR REPLACE VIEW stages AS SELECT * FROM ${source("stages")}
  QUALIFY row_number() OVER (PARTITION BY ticket, stage, cycle ORDER BY last_seq DESC) = 1;
`;
  }

  #writeViews(): void {
    if (this.manifest.step > 0)
      replaceFile(path.join(this.directory, "lake.sql"), `-- Views over the lake for DuckDB, as of step ${this.manifest.step}; made again with every step.\n${this.views()}`);
  }
}
