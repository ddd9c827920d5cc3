--------------------------------------------------------------------------------------------------
-- made by tools/front.sh from the catalogue of a cell and src/front/classes
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms."check"(ticket oms.ticket_id DEFAULT NULL::oms.ticket_id) RETURNS TABLE(kind text, ticket oms.ticket_id, detail text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cells_of(ticket); $$;
COMMENT ON FUNCTION oms."check"(ticket oms.ticket_id) IS 'every invariant of a ticket, or with NULL of everything, worked out by an independent model in SQL; no rows if all is well. kind: guards, chain, counters, fold, moves, dispatch, stuck, breach, clock, holds, hands, timers, orphans, archive, numbers, journal; of an archived ticket only guards, chain, orphans and archive. NULL reads every row of every table, several times; locks nothing. Here: at the cell of the ticket, NULL: at all';

CREATE FUNCTION oms.amend(ticket oms.ticket_id, patch jsonb, reason text) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.amend(ticket oms.ticket_id, patch jsonb, reason text) IS 'corrects the data of a ticket that is not closed, and returns the new data. patch: a JSON merge patch (RFC 7396): its keys take the place of those of the data, null takes one away. What was decided stays; stages that have not begun go by the new data, and explain() names those that were skipped and would now run. OM002, OM005 closed, 22023 bad argument, or data that could not have been opened. Here: at the cell of the ticket';

CREATE FUNCTION oms.assign(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.assign(ticket oms.ticket_id, stage text, worker text, note text) IS 'gives a queued stage, or one that somebody else has, to a worker, without a lease; the old token is void; returns the new status. OM002, OM003, OM005, 22023 the worker is away, 42501 the workflow wants another person (notSameAs). Here: at the cell of the ticket';

CREATE FUNCTION oms.attach(ticket oms.ticket_id, name text, url text, sha256 text, stage text DEFAULT NULL::text, public boolean DEFAULT false) RETURNS void
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.attach(ticket oms.ticket_id, name text, url text, sha256 text, stage text, public boolean) IS 'records a document that is kept elsewhere; citizens see its name and URL only if public. sha256: 64 hexadecimal digits. OM002, OM003, 22023. Here: at the cell of the ticket';

CREATE FUNCTION oms.breached(started timestamp with time zone, now timestamp with time zone, limit_mins integer) RETURNS boolean
	AS 'MODULE_PATHNAME', 'oms_breached' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION oms.breached(started timestamp with time zone, now timestamp with time zone, limit_mins integer) IS 'true only if now is strictly later than limit_mins minutes after started; NULL if an argument is, 22023 for a negative limit';

CREATE FUNCTION oms.business_add(calendar text, start timestamp with time zone, mins integer) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.business_add(calendar text, start timestamp with time zone, mins integer) IS 'the earliest instant by which that many minutes of open time have passed since start; for 0, start. 22023 for an unknown calendar, infinity, NULL, negative mins, or a calendar that stays closed for ten years; 55000 for one that this server cannot read. Here: at any cell';

CREATE FUNCTION oms.business_time(calendar text, starts timestamp with time zone, ends timestamp with time zone) RETURNS interval
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.business_time(calendar text, starts timestamp with time zone, ends timestamp with time zone) IS 'open time of a calendar between two instants, as it really passes, in hours and smaller; 0 if ends is not later. 22023 for an unknown calendar, infinity or NULL; 55000 for one that this server cannot read. Here: at any cell';

CREATE FUNCTION oms.calendar_problem(calendar text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.calendar_problem(calendar text) IS 'why this server cannot read the current version of a calendar, such as an unknown time zone; NULL: it can. 22023 for an unknown calendar or NULL. Here: at any cell';

CREATE FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.cancel_ticket(ticket oms.ticket_id, reason text) IS 'ends a ticket with all its unfinished stages; returns the new status of the ticket. OM002 unknown ticket, OM005 already closed. Here: at the cell of the ticket';

CREATE FUNCTION oms.changes_of(ticket oms.ticket_id) RETURNS TABLE(cursor text, id text, ticket oms.ticket_id, seq integer, "time" timestamp with time zone, workflow text, version integer, stage text, status text, owner text, actor text, session_actor text, client text, worker text, cycle integer, attempt integer, public boolean, policy text, public_stage text, public_owner text, public_status text, note text, payload jsonb, note_digest bytea, payload_digest bytea, hash bytea)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.changes_of(ticket oms.ticket_id) IS 'the events of one ticket as they stand now, as oms.changes_since() shows them but without cursor: to read again what was erased. No rows for an unknown ticket, 22023 for NULL. Here: at the cell of the ticket';

CREATE FUNCTION oms.claim_stage(ticket oms.ticket_id, stage text, worker text DEFAULT NULL::text) RETURNS bigint
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.claim_stage(ticket oms.ticket_id, stage text, worker text) IS 'a person takes one named stage, without a lease; returns the token, the same one again to the worker who has it. OM002, OM003, OM005, OM007 somebody else has it. Here: at the cell of the ticket';

CREATE FUNCTION oms.comment(ticket oms.ticket_id, body text, stage text DEFAULT NULL::text, public boolean DEFAULT false) RETURNS void
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.comment(ticket oms.ticket_id, body text, stage text, public boolean) IS 'adds a note of up to 1 MB to a ticket or one of its stages, in any state; citizens see it only if public. OM002, OM003. Here: at the cell of the ticket';

CREATE FUNCTION oms.delegate(ticket oms.ticket_id, stage text, worker text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.delegate(ticket oms.ticket_id, stage text, worker text, note text) IS 'lets another worker do a stage that somebody has, until resolve() gives it back; if delegated again, it still comes back to the first. Returns the new status. Errors as assign(). Here: at the cell of the ticket';

CREATE FUNCTION oms.diagram(ticket oms.ticket_id, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.diagram(ticket oms.ticket_id, format text) IS 'the workflow of a ticket as a picture, each stage with its state, also as a colour, and its present owner. OM002 unknown ticket, 22023 unknown format. Here: at the cell of the ticket';

CREATE FUNCTION oms.diagram(workflow text, version integer DEFAULT NULL::integer, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.diagram(workflow text, version integer, format text) IS 'a version of a workflow as a picture, for Mermaid or Graphviz (format dot); version NULL: the current one, and then a text that names no workflow may be a ticket number. OM001 unknown workflow or version, OM002 unknown ticket, 22023 unknown format. Here: at any cell';

CREATE FUNCTION oms.draw_workflow(definition jsonb, format text DEFAULT 'mermaid'::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.draw_workflow(definition jsonb, format text) IS 'a definition as a picture, as diagram() draws it once it is created: for editors. OM004 if it is invalid, with path as detail, 22023 unknown format or NULL. Here: at any cell';

CREATE FUNCTION oms.erase(ticket oms.ticket_id, paths text[], reason text) RETURNS integer
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.erase(ticket oms.ticket_id, paths text[], reason text) IS 'erases personal data with its salt and records that; the hash chain stays whole. paths: applicant, notes, note.<number of the event>, output.<stage>[.<key>...], data[.<key>...], or a key of the data; reason must not contain what is erased. Returns how many pieces were erased. OM002, OM003, 22023 for a path that names nothing. Here: at the cell of the ticket';

CREATE FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text DEFAULT NULL::text) RETURNS integer
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.escalate(ticket oms.ticket_id, stage text, reason text, reassign_to text) IS 'records an escalation and alerts; returns the level reached, from 1. reassign_to: the stage goes to that owner as well. OM002, OM003, OM005 (only with reassign_to). Here: at the cell of the ticket';

CREATE FUNCTION oms.explain(ticket oms.ticket_id) RETURNS TABLE(stage text, status text, owner text, since timestamp with time zone, until timestamp with time zone, why text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.explain(ticket oms.ticket_id) IS 'why each unfinished stage of an open ticket is where it is, in words, with since when and until when, and which skipped ones would run by data that was amended since; none for a closed ticket. OM002. Here: at the cell of the ticket';

CREATE FUNCTION oms.explain_clock(ticket oms.ticket_id, stage text DEFAULT NULL::text) RETURNS TABLE(starts timestamp with time zone, ends timestamp with time zone, open_time interval, consumed interval, reason text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.explain_clock(ticket oms.ticket_id, stage text) IS 'the pieces that the clock of a stage in its current cycle (stage NULL: of the ticket) is made of, up to now: starts, ends, the open time in it, the sum so far, and why it ran or stood. No rows without a clock. OM002, OM003. Here: at the cell of the ticket';

CREATE FUNCTION oms.extend(ticket oms.ticket_id, stage text, reason text, mins integer DEFAULT NULL::integer, days integer DEFAULT NULL::integer) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.extend(ticket oms.ticket_id, stage text, reason text, mins integer, days integer) IS 'gives the clock of a stage (NULL: of the ticket) more: minutes of open time, or open dates after the date on which it is due; one of the two, more than 0. Returns the new due time; NULL while the clock stands. After a breach the due time moves and the breach stays; the next cycle starts without it. OM002, OM003, OM005, 22023 without a clock. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_archived_ticket(ticket oms.ticket_id) IS 'for oms.get_ticket(): an archived ticket; NULL if it is not archived. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_ticket(ticket oms.ticket_id) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_ticket(ticket oms.ticket_id) IS 'a ticket, archived or not, with its stages and history as JSON; stored facts only. OM002 if there is no such ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_timeline(ticket oms.ticket_id) RETURNS TABLE("time" timestamp with time zone, stage text, owner text, status text, note text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_timeline(ticket oms.ticket_id) IS 'what happened to a ticket, oldest first: all of it for staff, the public part for the portal that opened it; no rows for others, an unknown ticket or NULL. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_timeline(ticket text) RETURNS TABLE("time" timestamp with time zone, stage text, owner text, status text, note text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.get_timeline(ticket text) IS 'with a tracking number the citizen''s view (time to the minute, public names and statuses); with a ticket number as the other form. No rows for what is not right; 22P02 for staff only. Here: at the cell of the ticket';

CREATE FUNCTION oms.get_workflow(name text, version integer DEFAULT NULL::integer) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.get_workflow(name text, version integer) IS 'the definition of a workflow as it was given; version NULL: the current one, retired or not. OM001 if there is none. Here: at any cell';

CREATE FUNCTION oms.heartbeat(ticket oms.ticket_id, stage text, token bigint, lease interval DEFAULT '00:05:00'::interval) RETURNS timestamp with time zone
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.heartbeat(ticket oms.ticket_id, stage text, token bigint, lease interval) IS 'the worker is alive: the lease now ends after the given length (a day is 24 hours), which is returned. OM005, OM006: the stage is gone, stop working on it. Here: at the cell of the ticket';

CREATE FUNCTION oms.hold(ticket oms.ticket_id, stage text, reason text, until timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.hold(ticket oms.ticket_id, stage text, reason text, until timestamp with time zone) IS 'puts a stage on hold, or with stage NULL the whole ticket; several holds add up. reason: a code of set_hold_reason(), or free text, which stops the clock; until: ends by itself then. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005 (also more often than the reason allows), 22023 until is not in the future. Here: at the cell of the ticket';

CREATE FUNCTION oms.next_stages(definition jsonb, done text[], data jsonb DEFAULT '{}'::jsonb) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'oms_next_stages_of_definition' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.next_stages(definition jsonb, done text[], data jsonb) IS 'the same without a ticket: stages that come next when those in done are finished; a stage whose condition is false on the data counts as finished, outputs do not exist. OM003 unknown stage in done, OM004 invalid definition, 22023 NULL';

CREATE FUNCTION oms.next_stages(ticket oms.ticket_id) RETURNS SETOF text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.next_stages(ticket oms.ticket_id) IS 'stages of a ticket that are not finished and wait for no other, in definition order; none if the ticket is closed. OM002 unknown ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.proof(ticket oms.ticket_id, content boolean DEFAULT true, journal boolean DEFAULT false) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.proof(ticket oms.ticket_id, content boolean, journal boolean) IS 'all events of a ticket with its latest seal and the way to there, and the stamps of that seal or of the next one that has any, for tools/verify-proof; collects only, does not check. content false: digests in place of notes, data and outputs. journal true: also the sealed entries of the journal, from the one on by which the first of the ticket''s owners stood as it did when the ticket began. OM002 unknown ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.reassign(ticket oms.ticket_id, stage text, owner text, reason text) IS 'gives a stage to another owner and queues it there; the clock runs on, attempts of a failed stage count from 1 again; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.release(ticket oms.ticket_id, stage text, note text DEFAULT NULL::text, token bigint DEFAULT NULL::bigint) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.release(ticket oms.ticket_id, stage text, note text, token bigint) IS 'gives a stage back to the queue, at its old position; the clock runs on. token: of the worker who gives it back, so that one who comes late cannot give back the work of another (NULL: not checked). Returns the new status. OM002, OM003, OM005, OM006. Here: at the cell of the ticket';

CREATE FUNCTION oms.reopen(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.reopen(ticket oms.ticket_id, stage text, reason text) IS 'queues a done, skipped or cancelled stage again as the next cycle, also of a closed ticket; everything after it waits again, and what was cancelled with the ticket goes on. Returns the new status of the ticket. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.resolve(ticket oms.ticket_id, stage text, note text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.resolve(ticket oms.ticket_id, stage text, note text) IS 'gives a delegated stage back to the one who delegated it, or to who stands in; with nobody there it is queued again. Returns the new status. OM002, OM003, OM005, 42501 the workflow wants another person (notSameAs). Here: at the cell of the ticket';

CREATE FUNCTION oms.resume(ticket oms.ticket_id, stage text, reason text DEFAULT NULL::text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.resume(ticket oms.ticket_id, stage text, reason text) IS 'lifts the holds of a stage, or with stage NULL those of the whole ticket; with a reason only those for it. Goes on when the last one is gone. Returns the new status of the stage, or of the ticket. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.retry_stage(ticket oms.ticket_id, stage text, reason text) IS 'queues a failed stage again; attempts count from 1 again; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.rotate_tracking_number(ticket oms.ticket_id) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.rotate_tracking_number(ticket oms.ticket_id) IS 'makes a new tracking number; the old one is void. OM002. Here: at the cell of the ticket';

CREATE FUNCTION oms.send_back(ticket oms.ticket_id, stage text, to_stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.send_back(ticket oms.ticket_id, stage text, to_stage text, reason text) IS 'rework: to_stage (done or skipped) is queued again as the next cycle; it, stage and everything after to_stage lose their state and wait. Other branches keep what they have. Returns the new status of stage. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.skip_stage(ticket oms.ticket_id, stage text, reason text) IS 'staff finish a stage without doing it; its dependants go on; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb DEFAULT '{}'::jsonb, token bigint DEFAULT NULL::bigint) RETURNS text[]
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.stage_done(ticket oms.ticket_id, stage text, output jsonb, token bigint) IS 'finishes a stage and returns the stages that this queued; the same call again returns an empty array and writes nothing. output NULL: {}; token NULL: not checked. OM002, OM003, OM005, OM006 stale token. Here: at the cell of the ticket';

CREATE FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint DEFAULT NULL::bigint, retryable boolean DEFAULT true) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.stage_failed(ticket oms.ticket_id, stage text, error text, token bigint, retryable boolean) IS 'an attempt went wrong: queued again after the back-off of the definition while attempts are left and it is retryable, else failed; returns the new status. OM002, OM003, OM005, OM006. Here: at the cell of the ticket';

CREATE FUNCTION oms.start_stage(ticket oms.ticket_id, stage text) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.start_stage(ticket oms.ticket_id, stage text) IS 'queues a manual stage whose dependencies are finished; its conditions are not asked; returns the new status. OM002, OM003, OM005. Here: at the cell of the ticket';

CREATE FUNCTION oms.track(tracking_number text) RETURNS jsonb
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(tracking_number); $$;
COMMENT ON FUNCTION oms.track(tracking_number text) IS 'a ticket as its applicant may see it: id, workflow, status, stages, expected_by, history; NULL if the tracking number is not right. Here: at the cell of the ticket';

CREATE FUNCTION oms.tracking_number(ticket oms.ticket_id) RETURNS text
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cell_of(ticket); $$;
COMMENT ON FUNCTION oms.tracking_number(ticket oms.ticket_id) IS 'the ticket number plus a suffix that cannot be guessed, for the applicant. OM002, 42501 for a portal that did not open the ticket. Here: at the cell of the ticket';

CREATE FUNCTION oms.us_federal_holidays(year integer) RETURNS SETOF date
	AS 'MODULE_PATHNAME', 'oms_us_federal_holidays' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.us_federal_holidays(year integer) IS 'days off of the US government in a year (1971 to 9999), ascending: holidays on a Saturday are taken on Friday, those on a Sunday on Monday; without Inauguration Day. 22023 for another year or NULL';

CREATE FUNCTION oms.validate_workflow(definition jsonb) RETURNS TABLE(path text, problem text, hint text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ANY; $$;
COMMENT ON FUNCTION oms.validate_workflow(definition jsonb) IS 'everything that is wrong with a definition, in its order, and if nothing else is, each of its examples that differs from what the rules do; no rows if nothing is. 22023 for NULL. Here: at any cell';

CREATE FUNCTION oms.verify_timeline(ticket oms.ticket_id DEFAULT NULL::oms.ticket_id) RETURNS TABLE(ticket oms.ticket_id, seq integer, problem text)
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON oms.cells_of(ticket); $$;
COMMENT ON FUNCTION oms.verify_timeline(ticket oms.ticket_id) IS 'recomputes the hash chain of a ticket (NULL: of every ticket) and returns what does not fit; no rows if all is well. OM002 unknown ticket. Here: at the cell of the ticket, NULL: at all';

CREATE FUNCTION oms.worker_errors(OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no integer, OUT failures integer, OUT retry_at timestamp with time zone, OUT error text) RETURNS SETOF record
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; $$;
COMMENT ON FUNCTION oms.worker_errors(OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no integer, OUT failures integer, OUT retry_at timestamp with time zone, OUT error text) IS 'steps of the worker of this database that raised an error, with the ticket if it is that of one, and are left alone until retry_at; steps: home, timers, calendars, messages, prepared, events, announce, horizon, roll-up, seal; and tickets that others passed over: claims, archive. Here: of all cells';

CREATE FUNCTION oms.worker_status(OUT database name, OUT pid integer, OUT state text, OUT nearest_timer timestamp with time zone, OUT last_tick timestamp with time zone, OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint, OUT late_p50_ms double precision, OUT late_p99_ms double precision, OUT late_max_ms double precision, OUT errors bigint, OUT last_error text, OUT started_at timestamp with time zone) RETURNS SETOF record
	LANGUAGE oms_proxy VOLATILE SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
	AS $$ CLUSTER 'cells'; RUN ON ALL; $$;
COMMENT ON FUNCTION oms.worker_status(OUT database name, OUT pid integer, OUT state text, OUT nearest_timer timestamp with time zone, OUT last_tick timestamp with time zone, OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint, OUT late_p50_ms double precision, OUT late_p99_ms double precision, OUT late_max_ms double precision, OUT errors bigint, OUT last_error text, OUT started_at timestamp with time zone) IS 'one row per database that has or had a worker since the server started; none if the library was not preloaded. backlog: events not sent yet; late: how late timers fired (upper bounds within a factor of two). Here: of all cells';
