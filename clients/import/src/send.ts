// What the server says of rows: looking at them, and importing them.
import pg from "pg";

import type { Line } from "./map.js";

export class Server {
  readonly #client: pg.Client;

  /** @param connection - a connection string, or undefined: by PGHOST and the like */
  static async open(connection: string | undefined): Promise<Server> {
    const client = new pg.Client({ connectionString: connection, application_name: "import-csv" });
    client.on("error", () => undefined); // the query that is under way tells
    await client.connect();
    return new Server(client);
  }

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  close(): Promise<void> {
    return this.#client.end();
  }

  /** Asks for some lines, and adds to each what the server finds wrong with it. */
  async #call(workflow: string, lines: readonly Line[], dryRun: boolean): Promise<void> {
    const { rows } = await this.#client.query<{ row: number; problem: string | null }>('SELECT i."row", i.problem FROM oms.import_tickets($1, $2::jsonb, $3) AS i', [
      workflow, JSON.stringify(lines.map((line) => line.row)), dryRun,
    ]);
    for (const { row, problem } of rows) if (problem !== null) lines[row - 1]?.problems.push(problem);
  }

  /** Adds to each line what the server finds wrong with it, and imports nothing. */
  async look(workflow: string, lines: readonly Line[], batch: number): Promise<void> {
    for (let i = 0; i < lines.length; i += batch) await this.#call(workflow, lines.slice(i, i + batch), true);
  }

  /** Imports the lines, batch by batch; false if one of them was refused after all. */
  async import(workflow: string, lines: readonly Line[], batch: number, told: (count: number) => void): Promise<boolean> {
    for (let i = 0; i < lines.length; i += batch) {
      const part = lines.slice(i, i + batch);
      await this.#call(workflow, part, false);
      if (part.some((line) => line.problems.length > 0)) return false;
      told(i + part.length);
    }
    return true;
  }
}
