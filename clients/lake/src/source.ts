// What is read from the server, and with which rights: level monitor is enough for all of it.
import pg from "pg";

import { LakeError } from "./lake.js";

// Times go as microseconds and bytes as hexadecimal text: exact, whatever the settings of the session.
const us = (column: string) => `(extract(epoch FROM ${column}) * 1000000)::int8::text`;

/** A row as a table of the lake is filled from it, by column. */
export type Row = Record<string, string | number | boolean | null>;
/** An event: a row of the timeline. */
export type Event = Row & { ticket: string; seq: number; status: string; note: string | null; payload: string | null; hash: string };

const event = `id, ticket::text AS ticket, seq, ${us('"time"')} AS us, workflow, version, stage, status, owner, actor,
  session_actor, client, worker, cycle, attempt, public, policy, public_stage, public_owner, public_status, note,
  payload::text AS payload, encode(note_digest, 'hex') AS note_digest, encode(payload_digest, 'hex') AS payload_digest,
  encode(hash, 'hex') AS hash`;

const ticket = `ticket_id::text AS ticket, workflow, version, status, priority, ${us("opened_at")} AS opened_us,
  ${us("closed_at")} AS closed_us, ${us("due_at")} AS due_us, ${us("breached_at")} AS breached_us, ${us("last_at")} AS last_us,
  last_seq, encode(head, 'hex') AS head`;

const stage = `t.ticket_id::text AS ticket, t.last_seq, ${us("t.opened_at")} AS opened_us, t.workflow, s.stage, s.stage_no, s.cycle,
  s.status, s.owner, s.attempt, s.level, ${us("s.queued_at")} AS queued_us, ${us("s.started_at")} AS started_us,
  ${us("s.finished_at")} AS finished_us, ${us("s.due_at")} AS due_us, ${us("s.breached_at")} AS breached_us,
  s.limit_us::text AS limit_us, s.consumed_us::text AS consumed_us, s.held_us::text AS held_us, ${us("s.awaiting_at")} AS awaiting_us`;

export class Source {
  readonly #client: pg.Client;

  /** @param connection - a connection string, or undefined: by PGHOST and the like */
  static async open(connection: string | undefined): Promise<Source> {
    const client = new pg.Client({ connectionString: connection, application_name: "export-lake" });
    client.on("error", () => undefined); // the query that is under way tells
    await client.connect();
    return new Source(client);
  }

  constructor(client: pg.Client) {
    this.#client = client;
  }

  close(): Promise<void> {
    return this.#client.end();
  }

  async #rows<R extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<R[]> {
    return (await this.#client.query<R>(sql, values)).rows;
  }

  /** One exporter per lake: a lock that the server drops with the connection. Waits for one that was just killed. */
  async lock(lake: string): Promise<void> {
    for (let i = 0; i < 100; i++) {
      const [row] = await this.#rows<{ locked: boolean }>("SELECT pg_try_advisory_lock(hashtextextended('oms lake ' || $1, 0)) AS locked", [lake]);
      if (row?.locked === true) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new LakeError("another export into this lake is running");
  }

  /** On a standby: how many seconds ago the last commit was that has come there. */
  async age(): Promise<number | undefined> {
    const [row] = await this.#rows<{ age: number | null }>(`SELECT CASE WHEN pg_is_in_recovery()
      THEN greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8 END AS age`);
    return row?.age ?? undefined;
  }

  /** Events after a cursor. */
  async changes(cursor: string | null, max: number): Promise<(Event & { cursor: string })[]> {
    try {
      return await this.#rows(`SELECT cursor, ${event} FROM oms.changes_since($1, $2)`, [cursor, max]);
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === "55000")
        throw new LakeError(`${error.message}. ${error.detail ?? ""} ${error.hint ?? ""}\nKeep this lake, and begin another in an empty directory.`);
      throw error;
    }
  }

  /** All events of some tickets as they stand now. */
  changesOf(tickets: readonly string[]): Promise<Event[]> {
    return this.#rows(`SELECT c.* FROM unnest($1::text[]) AS t (n), LATERAL (SELECT ${event} FROM oms.changes_of(t.n::oms.ticket_id)) AS c`, [tickets]);
  }

  tickets(tickets: readonly string[]): Promise<Row[]> {
    return this.#rows(`SELECT ${ticket} FROM oms.lake_ticket WHERE ticket_id = ANY ($1::oms.ticket_id[])`, [tickets]);
  }

  stages(tickets: readonly string[]): Promise<Row[]> {
    return this.#rows(`SELECT ${stage} FROM oms.lake_ticket AS t JOIN oms.lake_stage AS s ON s.ticket_id = t.ticket_id
      WHERE t.ticket_id = ANY ($1::oms.ticket_id[])`, [tickets]);
  }

  /** The last event of every ticket, and how many rows its stages have, in one snapshot. */
  heads(): Promise<{ ticket: string; last_seq: number; head: string; stages: number }[]> {
    return this.#rows(`SELECT t.ticket_id::text AS ticket, t.last_seq, encode(t.head, 'hex') AS head,
      (SELECT count(*)::int FROM oms.lake_stage AS s WHERE s.ticket_id = t.ticket_id) AS stages FROM oms.lake_ticket AS t`);
  }
}
