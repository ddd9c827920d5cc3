/**
 * Finding a ticket: by number, by some of its digits, by whose it is, by tracking number. Nothing here reads more than an
 * index leads to: numbers are looked up by primary key, names by how their words begin, and by any part of them only if
 * there is an index of trigrams.
 */
import { timingSafeEqual } from "node:crypto";
import { trackingNumber } from "hms-oms-sdk";
import type { Query } from "./db.js";
import { clean } from "./tracking.js";

export interface Found {
  ticket_id: string;
  workflow: string;
  status: string;
  applicant: string | null;
  opened_at: Date;
  closed_at: Date | null;
  archived: boolean;
}

export interface Findings {
  tickets: Found[];
  /** There are more than these. */
  more: boolean;
  people: string[];
  owners: string[];
  /** Names are found by any part of them, not only by how their words begin. */
  anyPart: boolean;
}

export const MOST_FOUND = 50;
/** Of more that match, some are shown. */
const MOST_SORTED = 1000;
const MOST_NAMES = 20;
/** Fewer letters have no trigram. */
const SHORTEST_PART = 3;

const COLUMNS = "t.ticket_id::pg_catalog.text AS ticket_id, t.workflow, t.status, t.applicant, t.opened_at, t.closed_at, t.archived";

/** The number of a ticket and what makes it a secret, as they were typed or pasted. */
export function readTracking(text: string): { ticket: string; whole: string } | undefined {
  const whole = clean(text).toUpperCase();
  const ticket = /^([A-Z]{1,4}-\d{4}-\d{5,10})-[0-9A-Z]+$/.exec(whole)?.[1];
  return ticket === undefined ? undefined : { ticket, whole };
}

/** Is it the ticket's tracking number? It does not go into a statement, which the server may log. */
export async function isTracking(query: Query, { ticket, whole }: { ticket: string; whole: string }): Promise<boolean> {
  const [known] = await query.rows("SELECT FROM oms.any_ticket AS t WHERE t.ticket_id = $1::oms.ticket_id", [ticket]);
  if (known === undefined) return false;
  const number = await trackingNumber(ticket, { client: query.client });
  const [a, b] = [Buffer.from(number.toUpperCase()), Buffer.from(whole)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Numbers as people write them: DL-2026-00091, dl 91, 2026-91, 91. What is not given may be any that there is. */
async function byNumber(query: Query, text: string): Promise<Found[]> {
  const [, prefix, year, digits] = /^(?:([a-z]{1,4})(?:[- ]|(?=\d)))?(?:(\d{4})[- ])?0*([1-9]\d{0,9})$/i.exec(text.replaceAll(/[‐‑‒–—−]/g, "-")) ?? [];
  if (digits === undefined || Number(digits) > 2147483647) return [];
  const prefixes = prefix === undefined ? (await query.rows<{ prefix: string }>("SELECT DISTINCT w.prefix FROM oms.workflow AS w")).map((w) => w.prefix) : [prefix.toUpperCase()];
  const years = year === undefined ? await yearsOf(query) : [year];
  return query.rows<Found>(
    `SELECT ${COLUMNS} FROM oms.any_ticket AS t WHERE t.ticket_id = ANY ($1::oms.ticket_id[]) ORDER BY t.ticket_id DESC LIMIT ${MOST_FOUND + 1}`,
    [years.flatMap((y) => prefixes.map((p) => `${p}-${y}-${digits.padStart(5, "0")}`))],
  );
}

/** The years of the first ticket and the last, which ticket_id begins with, and those between. */
async function yearsOf(query: Query): Promise<string[]> {
  const ends = await query.rows<{ year: number }>(
    `SELECT pg_catalog.split_part(t.ticket_id::pg_catalog.text, '-', 2)::pg_catalog.int4 AS year FROM (
       (SELECT a.ticket_id FROM oms.any_ticket AS a ORDER BY a.ticket_id LIMIT 1) UNION ALL (SELECT z.ticket_id FROM oms.any_ticket AS z ORDER BY z.ticket_id DESC LIMIT 1)
     ) AS t ORDER BY 1`,
  );
  const [first, last] = [ends[0]?.year ?? 0, ends[1]?.year ?? -1];
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padStart(4, "0"));
}

const literally = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

/** Words of which each is how one begins. Signs part them, as they do in the index. */
const wordsOf = (text: string) => text.split(/[^A-Za-z0-9\u0080-\u{10ffff}]+/u).filter((word) => word !== "");

/** Have the tickets and the archive such an index? An administrator may make them; see README. */
async function hasTrigrams(query: Query): Promise<boolean> {
  const { n } = await query.row<{ n: number }>(
    `SELECT count(DISTINCT i.indrelid)::pg_catalog.int4 AS n FROM pg_catalog.pg_index AS i
       JOIN pg_catalog.pg_opclass AS c ON c.oid = i.indclass[0] AND c.opcname IN ('gin_trgm_ops', 'gist_trgm_ops')
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'applicant'
     WHERE i.indrelid IN (pg_catalog.to_regclass('oms.ticket_state'), pg_catalog.to_regclass('oms.ticket_state_archive')) AND i.indisvalid`,
  );
  return n === 2;
}

export function byApplicant(text: string, anyPart: boolean): { sql: string; value: string } {
  const where = anyPart ? "t.applicant ILIKE $1" : "t.words @@ pg_catalog.to_tsquery('pg_catalog.simple', $1)";
  return {
    sql: `SELECT ${COLUMNS} FROM (SELECT t.* FROM oms.any_ticket AS t WHERE ${where} LIMIT ${MOST_SORTED}) AS t ORDER BY t.ticket_id DESC LIMIT ${MOST_FOUND + 1}`,
    value: anyPart ? `%${literally(text)}%` : wordsOf(text).map((word) => `'${word}':*`).join(" & "),
  };
}

/** All that may be meant by what was typed. */
export async function find(query: Query, text: string): Promise<Findings> {
  const anyPart = text.length >= SHORTEST_PART && (await hasTrigrams(query));
  const { sql, value } = byApplicant(text, anyPart);
  const named = value === "" ? [] : await query.rows<Found>(sql, [value]);
  const tickets = new Map([...(await byNumber(query, text)), ...named].map((t) => [t.ticket_id, t]));
  const names = (sql: string) => query.rows<{ name: string }>(`${sql} ORDER BY 1 LIMIT ${MOST_NAMES}`, [`%${literally(text)}%`]);
  return {
    tickets: [...tickets.values()].slice(0, MOST_FOUND),
    more: tickets.size > MOST_FOUND,
    people: (await names("SELECT DISTINCT m.member AS name FROM oms.owner_member AS m WHERE m.member ILIKE $1")).map((p) => p.name),
    owners: (await names("SELECT o.name FROM oms.owner AS o WHERE o.name ILIKE $1")).map((o) => o.name),
    anyPart,
  };
}
