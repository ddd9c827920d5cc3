/** What a ticket's pages ask the database, as the person who looks. */
import type { Query } from "../db.js";
import { Refused } from "../web.js";

/** Outputs and data are shown up to here. */
const MOST_CHARS = 20_000;
/** Notes and reasons up to here; the rest of a note has a page of its own. */
export const MOST_NOTE = 2000;

/** What fits, of a text that the database may have cut one later. */
export const folded = (text: string): string => (text.length > MOST_NOTE ? `${text.slice(0, MOST_NOTE)}…` : text);

const cutInSql = (column: string) => `pg_catalog.left(${column}, ${MOST_NOTE + 1})`;

/** Where a ticket is kept: what is archived has relations of its own, with the same columns. */
const LIVE = { ticket: "oms.ticket", stage: "oms.stage", timeline: "oms.timeline", hold: "oms.hold" };
const ARCHIVE = { ticket: "oms.archived_ticket", stage: "oms.archived_stage", timeline: "oms.timeline_archive", hold: "oms.hold_archive" };
const placeOf = (archived: boolean) => (archived ? ARCHIVE : LIVE);

export interface Ticket {
  ticket_id: string;
  workflow: string;
  version: number;
  status: string;
  priority: number;
  applicant: string | null;
  data: string;
  opened_at: Date;
  closed_at: Date | null;
  opened_by: string | null;
  due_at: Date | null;
  breached_at: Date | null;
  /** It has a time limit. */
  limited: boolean;
  last_seq: number;
  /** It is only read then. */
  archived: boolean;
}

export interface Stage {
  stage_no: number;
  stage: string;
  label: string;
  status: string;
  owner: string;
  worker: string | null;
  delegated_by: string | null;
  attempt: number;
  cycle: number;
  level: number;
  queued_at: Date | null;
  started_at: Date | null;
  finished_at: Date | null;
  due_at: Date | null;
  running_since: Date | null;
  breached_at: Date | null;
  /** Since when it awaits a moment or a message, or did in its cycle. */
  awaiting_at: Date | null;
  /** The message that it awaits. */
  waits_for: string | null;
  /** A step of its escalation has finished it. */
  by_law: boolean;
  /** Its clock has started, if it has a time limit. */
  limited: boolean;
  output: string | null;
  manual: boolean;
  /** Stages that must be finished first. */
  needs: string[];
}

export interface Hold {
  stage: string | null;
  reason: string;
  until: Date | null;
}

export interface Facts {
  ticket: Ticket;
  stages: Stage[];
  holds: Hold[];
}

const NUMBER = /^[a-z]{1,4}-\d{4}-\d{5,10}$/i;

/** The number as it is written, or a page that says that there is no such ticket. */
export function ticketNumber(text: string): string {
  if (!NUMBER.test(text)) throw new Refused(404, `There is no ticket "${text.slice(0, 60)}".`, "A number looks like DL-2026-00091.");
  return text.toUpperCase();
}

export async function factsOf(query: Query, id: string): Promise<Facts> {
  const kept = async (archived: boolean) => query.rows<Ticket>(
    `SELECT t.ticket_id::pg_catalog.text AS ticket_id, t.workflow, t.version, t.status, t.priority, t.applicant,
       pg_catalog.left(pg_catalog.jsonb_pretty(t.data), ${MOST_CHARS + 1}) AS data, t.opened_at, t.closed_at, t.opened_by, t.due_at, t.breached_at, t.last_seq, $2::pg_catalog.bool AS archived,
       w.definition ? 'slaMins' OR w.definition ? 'slaDays' AS limited
     FROM ${placeOf(archived).ticket} AS t JOIN oms.workflow AS w ON w.name = t.workflow AND w.version = t.version
     WHERE t.ticket_id = $1::oms.ticket_id`,
    [id, archived],
  );
  const [ticket] = [...(await kept(false)), ...(await kept(true))];
  if (ticket === undefined) throw new Refused(404, `There is no ticket ${id}.`);
  const place = placeOf(ticket.archived);
  const stages = await query.rows<Stage>(
    `SELECT s.stage_no, s.stage, s.label, s.status, s.owner, s.worker, s.delegated_by, s.attempt, s.cycle, s.level, s.queued_at, s.started_at,
       s.finished_at, s.due_at, s.running_since, s.breached_at, s.awaiting_at, s.waits_for,
       s.status = 'done' AND s.worker IS NULL AND EXISTS (SELECT FROM ${place.timeline} AS e
         WHERE e.ticket_id = s.ticket_id AND e.stage = s.stage AND e.cycle = s.cycle AND e.status = 'done' AND e.note LIKE 'by law %') AS by_law,
       d.def ?| '{slaMins,slaDays,sla,dueAt}' AND (s.queued_at IS NOT NULL OR s.waits_for IS NOT NULL) AS limited,
       CASE WHEN s.output <> '{}' THEN pg_catalog.left(pg_catalog.jsonb_pretty(s.output), ${MOST_CHARS + 1}) END AS output,
       COALESCE((d.def ->> 'manual')::pg_catalog.bool, false) AS manual,
       ARRAY(SELECT pg_catalog.jsonb_array_elements_text(COALESCE(d.def -> 'dependsOn', '[]'))) AS needs
     FROM ${place.stage} AS s
     JOIN oms.workflow AS w ON w.name = $2 AND w.version = $3
     CROSS JOIN LATERAL (SELECT w.definition -> 'stages' -> (s.stage_no - 1)) AS d (def)
     WHERE s.ticket_id = $1::oms.ticket_id ORDER BY s.stage_no`,
    [id, ticket.workflow, ticket.version],
  );
  const holds = await query.rows<Hold>(
    `SELECT s.stage, ${cutInSql("h.reason")} AS reason, h.until FROM ${place.hold} AS h LEFT JOIN ${place.stage} AS s ON s.ticket_id = h.ticket_id AND s.stage_no = h.stage_no
     WHERE h.ticket_id = $1::oms.ticket_id AND h.lifted_at IS NULL ORDER BY h.seq`,
    [id],
  );
  return { ticket, stages, holds };
}

/** What a stage is called and who has it; undefined: there is no such stage. */
export async function holderOf(query: Query, id: string, stage: string | undefined): Promise<Pick<Stage, "label" | "worker"> | undefined> {
  const [row] = await query.rows<Pick<Stage, "label" | "worker">>("SELECT s.label, s.worker FROM oms.stage AS s WHERE s.ticket_id = $1::oms.ticket_id AND s.stage = $2", [id, stage]);
  return row;
}

/** A JSON text that may have been cut. */
export function cut(text: string): string {
  return text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}\n… (longer than is shown here)` : text;
}

export interface TimelineEvent {
  seq: number;
  at: Date;
  stage: string | null;
  status: string;
  owner: string | null;
  actor: string;
  worker: string | null;
  note: string | null;
  public: boolean;
  cycle: number;
  attempt: number;
  /** Of an escalation: whom it told. */
  told: string | null;
  /** Of an event that brought an output. */
  output: string | null;
  attachment: string | null;
  url: string | null;
  sha256: string | null;
}

/** Events from the newest back, before a number; undefined: from the end. */
export async function timelineOf(query: Query, { ticket_id, archived }: Ticket, before: number | undefined, most: number): Promise<TimelineEvent[]> {
  return query.rows<TimelineEvent>(
    `SELECT e.seq, e.at, e.stage, e.status, e.owner, e.actor, e.worker, CASE WHEN a.seq IS NULL THEN ${cutInSql("e.note")} END AS note, e.public, e.cycle, e.attempt,
       CASE WHEN e.status = 'done' AND e.payload <> '{}' THEN pg_catalog.left(pg_catalog.jsonb_pretty(e.payload), ${MOST_CHARS + 1}) END AS output,
       CASE WHEN e.status = 'escalated' THEN e.payload ->> 'told' END AS told, a.name AS attachment, a.url, a.sha256
     FROM ${placeOf(archived).timeline} AS e
     LEFT JOIN oms.attachment AS a ON a.ticket_id = e.ticket_id AND a.seq = e.seq
     WHERE e.ticket_id = $1::oms.ticket_id AND e.seq < COALESCE($2::int, 2147483647) ORDER BY e.seq DESC LIMIT $3`,
    [ticket_id, before ?? null, most],
  );
}

/** A note in full; undefined: there is none. */
export async function noteOf(query: Query, id: string, seq: number): Promise<string | undefined> {
  const [row] = await query.rows<{ note: string | null }>(
    `SELECT e.note FROM (SELECT x.ticket_id, x.seq, x.note FROM ${LIVE.timeline} AS x UNION ALL SELECT y.ticket_id, y.seq, y.note FROM ${ARCHIVE.timeline} AS y) AS e
     WHERE e.ticket_id = $1::oms.ticket_id AND e.seq = $2`,
    [id, seq],
  );
  return row?.note ?? undefined;
}

export interface Why {
  stage: string;
  since: Date | null;
  until: Date | null;
  why: string | null;
}

export const whyOf = (query: Query, id: string) =>
  query.rows<Why>(`SELECT e.stage, e.since, e.until, ${cutInSql("e.why")} AS why FROM oms.explain($1::oms.ticket_id) AS e`, [id]);

export interface Segment {
  starts: Date;
  ends: Date;
  /** Seconds. */
  open_time: number;
  consumed: number;
  reason: string;
}

/** The pieces of a stage's clock; null: of the ticket's. */
export const clockOfStage = (query: Query, id: string, stage: string | null) =>
  query.rows<Segment>(
    `SELECT c.starts, c.ends, EXTRACT(epoch FROM c.open_time)::pg_catalog.float8 AS open_time,
       EXTRACT(epoch FROM c.consumed)::pg_catalog.float8 AS consumed, ${cutInSql("c.reason")} AS reason
     FROM oms.explain_clock($1::oms.ticket_id, $2) AS c`,
    [id, stage],
  );

export interface Choices {
  owners: string[];
  people: string[];
  reasons: { code: string; public_label: string | null; stops_clock: boolean }[];
}

/** What forms offer to choose from. */
export async function choicesOf(query: Query): Promise<Choices> {
  const owners = await query.rows<{ name: string }>(
    `SELECT o.name FROM oms.owner AS o
     UNION SELECT s.def ->> 'owner' FROM oms.workflow AS w CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(w.definition -> 'stages') AS s (def)
       WHERE w.current AND s.def ? 'owner'
     ORDER BY 1 LIMIT 500`,
  );
  const people = await query.rows<{ name: string }>(
    `SELECT m.member AS name FROM oms.owner_member AS m UNION SELECT o.name FROM oms.owner AS o WHERE o.kind = 'person' ORDER BY 1 LIMIT 500`,
  );
  const reasons = await query.rows<{ code: string; public_label: string | null; stops_clock: boolean }>(
    "SELECT r.code, r.public_label, r.stops_clock FROM oms.hold_reason AS r ORDER BY r.code LIMIT 500",
  );
  return { owners: owners.map((o) => o.name), people: people.map((p) => p.name), reasons };
}
