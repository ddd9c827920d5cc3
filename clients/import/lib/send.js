// What the server says of rows: looking at them, and importing them.
import pg from "pg";

export class Server {
  /** @param connection  a connection string, or undefined: by PGHOST and the like */
  static async open(connection) {
    const client = new pg.Client({ connectionString: connection, application_name: "import-csv" });
    client.on("error", () => {}); // the query that is under way tells
    await client.connect();
    return new Server(client);
  }

  constructor(client) {
    this.client = client;
  }

  close() {
    return this.client.end();
  }

  async #call(workflow, lines, dryRun) {
    const { rows } = await this.client.query('SELECT i."row", i.ticket::text AS ticket, i.problem FROM oms.import_tickets($1, $2::jsonb, $3) AS i', [
      workflow, JSON.stringify(lines.map((line) => line.row)), dryRun,
    ]);
    return rows.map((answer) => ({ ...answer, line: lines[answer.row - 1] }));
  }

  /** Adds to each line what the server finds wrong with it. */
  async look(workflow, lines, batch) {
    for (let i = 0; i < lines.length; i += batch)
      for (const { line, problem } of await this.#call(workflow, lines.slice(i, i + batch), true)) if (problem !== null) line.problems.push(problem);
  }

  /** Imports the lines, batch by batch; false if one of them was refused after all. */
  async import(workflow, lines, batch, told) {
    for (let i = 0; i < lines.length; i += batch) {
      const part = lines.slice(i, i + batch);
      const answers = await this.#call(workflow, part, false);
      for (const { line, problem, ticket } of answers) {
        if (problem !== null) line.problems.push(problem);
        else line.ticket = ticket;
      }
      if (part.some((line) => line.problems.length > 0)) return false;
      told(i + part.length);
    }
    return true;
  }
}
