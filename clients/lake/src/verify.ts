// Is the lake what the server has? Counts of the files, numbers without gaps, every hash recomputed, and heads
// compared with those of the server.
import fs from "node:fs";

import type { DuckDBConnection } from "@duckdb/node-api";

import { beginning, type ChainedEvent, eventHash } from "./chain.js";
import { count, query } from "./export.js";
import { Lake } from "./lake.js";
import type { Source } from "./source.js";

interface Proof {
  /** What is wrong, in words. */
  problems: string[];
  tickets: number;
  events: number;
  /** Tickets to which something happened meanwhile. */
  ahead: number;
}
/** The last event of a ticket. */
interface Last {
  seq: number;
  hash: string;
}

/** Compares the lake with itself and with the server. */
export async function verify(lake: Lake, source: Source, duck: DuckDBConnection): Promise<Proof> {
  const problems: string[] = [];
  for (const file of lake.manifest.files) {
    const name = lake.fullName(file);
    if (!fs.existsSync(name)) {
      problems.push(`${file.path} is missing`);
      continue;
    }
    const rows = await count(duck, Lake.source(file.table, [name]));
    if (rows !== file.rows) problems.push(`${file.path} has ${rows} rows, the manifest says ${file.rows}`);
  }
  if (problems.length > 0) return { problems, tickets: 0, events: 0, ahead: 0 };

  await duck.run(lake.views());
  const last = await checkChains(duck, problems);
  const ahead = await compareHeads(duck, source, last, problems);
  return { problems, tickets: last.size, events: [...last.values()].reduce((sum, at) => sum + at.seq, 0), ahead };
}

/** Work out every hash; the last event of each ticket. */
async function checkChains(duck: DuckDBConnection, problems: string[]): Promise<Map<string, Last>> {
  const last = new Map<string, Last>();
  const result = await duck.stream(`SELECT ticket, seq, epoch_us(time)::VARCHAR AS us, status, stage, owner, actor, session_actor, client, worker,
    public, cycle, attempt, lower(hex(note_digest)) AS note_digest, lower(hex(payload_digest)) AS payload_digest, lower(hex(hash)) AS hash
    FROM timeline ORDER BY ticket, seq`);
  for await (const rows of result.yieldRowObjectJs())
    for (const row of rows as unknown as (ChainedEvent & { hash: string })[]) {
      const before = last.get(row.ticket) ?? { seq: 0, hash: beginning };
      if (row.seq !== before.seq + 1) problems.push(`${row.ticket}: event ${row.seq} comes after ${before.seq}`);
      // Whether it was recorded under a moved clock stands in its hash alone.
      else if (eventHash(row, before.hash) !== row.hash && eventHash(row, before.hash, 2) !== row.hash) problems.push(`${row.ticket}: event ${row.seq} does not match its hash`);
      last.set(row.ticket, { seq: row.seq, hash: row.hash });
    }
  return last;
}

/** The last event of each ticket here and there; how many tickets went on meanwhile. */
async function compareHeads(duck: DuckDBConnection, source: Source, last: ReadonlyMap<string, Last>, problems: string[]): Promise<number> {
  const versions = new Map((await query<{ ticket: string; last_seq: number; head: string; stages: number }>(duck, `SELECT t.ticket, t.last_seq, lower(hex(t.head)) AS head, count(s.ticket)::INTEGER AS stages
    FROM tickets AS t LEFT JOIN stages AS s ON s.ticket = t.ticket GROUP BY ALL`)).map((row) => [row.ticket, row]));
  const heads = await source.heads();
  const seen = new Set<string>();
  const moved: string[] = [];
  for (const head of heads) {
    const here = last.get(head.ticket);
    const version = versions.get(head.ticket);
    seen.add(head.ticket);
    if (here === undefined || head.last_seq > here.seq) moved.push(head.ticket);
    else if (here.seq !== head.last_seq || here.hash !== head.head) problems.push(`${head.ticket}: the last event is not the server's`);
    else if (version?.last_seq !== head.last_seq || version.head !== head.head) problems.push(`${head.ticket}: its row in tickets is not the server's`);
    else if (version.stages !== head.stages) problems.push(`${head.ticket}: ${version.stages} rows in stages, the server has ${head.stages}`);
  }
  // Events come on while we look: then what is here must be the beginning of what is there.
  for (let i = 0; i < moved.length; i += 1000) {
    const events = new Map((await source.changesOf(moved.slice(i, i + 1000))).map((row) => [`${row.ticket} ${row.seq}`, row.hash]));
    for (const ticket of moved.slice(i, i + 1000)) {
      const here = last.get(ticket);
      if (here !== undefined && events.get(`${ticket} ${here.seq}`) !== here.hash) problems.push(`${ticket}: event ${here.seq} is not the server's`);
    }
  }
  for (const ticket of versions.keys()) if (!last.has(ticket)) problems.push(`${ticket}: it has no events`);
  // Archived tickets are there, too: no ticket ever goes.
  for (const ticket of last.keys()) if (!seen.has(ticket)) problems.push(`${ticket}: the server does not have it`);
  return moved.length;
}

