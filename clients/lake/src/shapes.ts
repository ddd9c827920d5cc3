// The tables of a lake: what is read from the server, and what is written.
// Columns are read as text, but for these and "public".
export const numbers: ReadonlySet<string> = new Set(["seq", "version", "cycle", "attempt", "priority", "last_seq", "stage_no", "level"]);
const time = (name: string) => `make_timestamptz(${name}_us::BIGINT) AS ${name}_at`;
interface Shape {
  readonly columns: readonly string[];
  /** What is written, from the columns. */
  readonly select: string;
  /** The column of the time whose month a row belongs to. */
  readonly month: string;
  readonly order: string;
  readonly key: string;
}
export type Table = "timeline" | "tickets" | "stages";

export const shapes: Readonly<Record<Table, Shape>> = {
  timeline: {
    columns: ["id", "ticket", "seq", "us", "workflow", "version", "stage", "status", "owner", "actor", "session_actor", "client", "worker",
      "cycle", "attempt", "public", "policy", "public_stage", "public_owner", "public_status", "note", "payload", "note_digest", "payload_digest", "hash"],
    select: `id, ticket, seq, make_timestamptz(us::BIGINT) AS time, workflow, version, stage, status, owner, actor, session_actor, client,
      worker, cycle, attempt, public, policy, public_stage, public_owner, public_status, note, payload::JSON AS payload,
      unhex(note_digest) AS note_digest, unhex(payload_digest) AS payload_digest, unhex(hash) AS hash`,
    month: "us",
    order: "ticket, seq",
    key: "ticket, seq",
  },
  tickets: {
    columns: ["ticket", "workflow", "version", "status", "priority", "opened_us", "closed_us", "due_us", "breached_us", "last_us", "last_seq", "head"],
    select: `ticket, workflow, version, status, priority, ${["opened", "closed", "due", "breached", "last"].map(time).join(", ")}, last_seq, unhex(head) AS head`,
    month: "opened_us",
    order: "ticket",
    key: "ticket",
  },
  stages: {
    columns: ["ticket", "last_seq", "opened_us", "workflow", "stage", "stage_no", "cycle", "status", "owner", "attempt", "level", "queued_us", "started_us",
      "finished_us", "due_us", "breached_us", "limit_us", "consumed_us", "held_us", "awaiting_us"],
    select: `ticket, last_seq, workflow, stage, stage_no, cycle, status, owner, attempt, level,
      ${["awaiting", "queued", "started", "finished", "due", "breached"].map(time).join(", ")},
      limit_us::BIGINT AS limit_us, consumed_us::BIGINT AS consumed_us, held_us::BIGINT AS held_us`,
    month: "opened_us",
    order: "ticket, stage_no, cycle",
    key: "ticket, stage, cycle",
  },
};

export const tables: readonly Table[] = ["timeline", "tickets", "stages"];

/** No rows in the shape in which a table is read. */
export function rawTable(table: Table): string {
  const columns = shapes[table].columns.map((name) => `NULL::${name === "public" ? "BOOLEAN" : numbers.has(name) ? "INTEGER" : "VARCHAR"} AS ${name}`);
  return `SELECT ${columns.join(", ")} WHERE false`;
}

/** No rows in the shape in which a table is written. */
export function emptyTable(table: Table): string {
  return `SELECT ${shapes[table].select} FROM (${rawTable(table)})`;
}
