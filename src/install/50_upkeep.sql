--------------------------------------------------------------------------------------------------
-- api: seals
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.seal(everything bool DEFAULT false) RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_seal' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.seal(bool) IS 'seals the chains of all tickets that changed since the last seal and returns the number of the last seal; without a change none is made, 0: there is none yet. everything: compares all tickets with their latest seal instead of those with new events. Waits for another sealer';

CREATE FUNCTION oms.verify_seals() RETURNS TABLE (seal bigint, ticket oms.ticket_id, problem text)
	AS 'MODULE_PATHNAME', 'oms_verify_seals' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION oms.verify_seals() IS 'recomputes the chain of seals and their roots, looks up every sealed event, and returns what does not fit; no rows if all is well. ticket NULL: about the seal as such';

CREATE FUNCTION oms.add_stamp(seal bigint, token bytea) RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_add_stamp' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.add_stamp(bigint, bytea) IS 'stores a token (TimeStampToken of RFC 3161 in DER, at most 64 kB) that a time-stamping authority gave for the hash of a seal; false: it is there already. Does not check its signature: tools/stamp-seal does before, verify-proof --tsa after. 22023 no such seal, or not a token over the SHA-256 hash of this seal';

CREATE FUNCTION oms.proof(ticket oms.ticket_id, content bool DEFAULT true, journal bool DEFAULT false) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'oms_proof' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.proof(oms.ticket_id, bool, bool) IS 'all events of a ticket with its latest seal and the way to there, and the stamps of that seal or of the next one that has any, for tools/verify-proof; collects only, does not check. content false: digests in place of notes, data and outputs. journal true: also the sealed entries of the journal, from the one on by which the first of the ticket''s owners stood as it did when the ticket began. OM002 unknown ticket';

--------------------------------------------------------------------------------------------------
-- api: the archive
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.set_retention(keep interval, workflow text DEFAULT NULL) RETURNS void
	AS 'MODULE_PATHNAME', 'oms_set_retention' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.set_retention(interval, text) IS 'how long closed tickets of a workflow (all versions) stay before archive() may move them, counted from when they were closed; keep NULL: for ever. workflow NULL: of all workflows that have no rule of their own. OM001, 22023 keep is negative or over 1000 years';

CREATE FUNCTION oms.archive(before timestamptz DEFAULT NULL, max int DEFAULT 1000) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_archive' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.archive(timestamptz, int) IS 'moves up to max (1 to 1000000) done and cancelled tickets into the archive, sealed and whole, and returns how many. before: only those closed before then, NULL: those that their rule of set_retention() lets go; a rule is never overridden, and without any only before counts. Tickets that another session has are left for the next call, and those whose chain is not whole stay (WARNING), as do damaged ones (see oms.worker_errors). 22023 bad max';

--------------------------------------------------------------------------------------------------
-- worker
--------------------------------------------------------------------------------------------------

CREATE PROCEDURE oms.wait_for_work(owner text, timeout interval DEFAULT '30 seconds', worker text DEFAULT NULL)
	AS 'MODULE_PATHNAME', 'oms_wait_for_work' LANGUAGE C;
COMMENT ON PROCEDURE oms.wait_for_work(text, interval, text) IS 'returns as soon as the owner has something that the worker (NULL: the calling role) can claim, or after the timeout; passes over what four eyes bar and what another session has locked, as claim() does; holds no snapshot while it waits, and ends with its client. 25001 inside a transaction block, 22023 bad argument';

CREATE FUNCTION oms.dispatch_channel(owner text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_dispatch_channel_name' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.dispatch_channel(text) IS 'the channel of an owner''s dispatch events with oms.dispatch_channel = owner; LISTEN needs it in double quotes. 22023 bad name';

CREATE FUNCTION oms.worker_status(
		OUT database name, OUT pid int, OUT state text, OUT nearest_timer timestamptz, OUT last_tick timestamptz,
		OUT backlog bigint, OUT timers_fired bigint, OUT events_sent bigint, OUT batches_sent bigint,
		OUT late_p50_ms float8, OUT late_p99_ms float8, OUT late_max_ms float8,
		OUT errors bigint, OUT last_error text, OUT started_at timestamptz)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'oms_worker_status' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.worker_status() IS 'one row per database that has or had a worker since the server started; none if the library was not preloaded. backlog: events not sent yet; late: how late timers fired (upper bounds within a factor of two)';
CREATE VIEW oms.worker_status AS SELECT * FROM oms.worker_status();
COMMENT ON VIEW oms.worker_status IS 'see the function of the same name';

CREATE FUNCTION oms.worker_errors(
		OUT step text, OUT ticket_id oms.ticket_id, OUT stage_no int, OUT failures int, OUT retry_at timestamptz, OUT error text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'oms_worker_errors' LANGUAGE C VOLATILE ROWS 10;
COMMENT ON FUNCTION oms.worker_errors() IS 'steps of the worker of this database that raised an error, with the ticket if it is that of one, and are left alone until retry_at; steps: home, timers, calendars, messages, prepared, events, announce, horizon, roll-up, seal; and tickets that others passed over: claims, archive';
CREATE VIEW oms.worker_errors AS SELECT * FROM oms.worker_errors();
COMMENT ON VIEW oms.worker_errors IS 'see the function of the same name';

CREATE FUNCTION oms.health()
	RETURNS TABLE (status text, reasons text[], checked_at timestamptz, standby bool, worker text, timers_late interval,
		backlog bigint, version text)
	AS 'MODULE_PATHNAME', 'oms_health' LANGUAGE C VOLATILE ROWS 1;
COMMENT ON FUNCTION oms.health() IS 'one row: good, degraded or bad, and why. worker: its state as in oms.worker_status; timers_late: of the oldest one that is due; backlog: events that wait in shared memory; these are NULL on a standby and where they are not known. Looks at no ticket, waits for no table';

CREATE FUNCTION oms.metrics() RETURNS TABLE (name text, labels jsonb, value float8, type text, help text)
	AS 'MODULE_PATHNAME', 'oms_metrics' LANGUAGE C VOLATILE ROWS 200;
COMMENT ON FUNCTION oms.metrics() IS 'metrics of this database, one row per sample. type: counter, gauge or histogram; of what is in seconds or bytes the name says so. Open work is counted every few seconds at most, oms_open_age_seconds tells when; counters are those of committed transactions, and absent if the library is not preloaded';
CREATE VIEW oms.metrics AS SELECT * FROM oms.metrics();
COMMENT ON VIEW oms.metrics IS 'see the function of the same name';

CREATE FUNCTION oms.metrics_text() RETURNS text
	AS 'MODULE_PATHNAME', 'oms_metrics_text' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.metrics_text() IS 'the same in the text format of Prometheus (0.0.4)';

CREATE FUNCTION oms.enable_cron(schedule text DEFAULT '* * * * *') RETURNS bigint
	AS 'MODULE_PATHNAME', 'oms_enable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.enable_cron(text) IS 'lets pg_cron call oms.tick() on a schedule, oms.seal() once an hour, and oms.roll_up() and oms.archive() every five minutes; returns the number of the first job. If pg_cron is in another database, the jobs are made there at once, whatever becomes of the transaction, by cron.schedule_in_database(), which the caller must be allowed to call. 22023 if schedule is NULL or over 255 bytes, 55000 if pg_cron is not installed, or the caller cannot connect to its database, 42501 if the caller may not schedule there';

CREATE FUNCTION oms.disable_cron() RETURNS bool
	AS 'MODULE_PATHNAME', 'oms_disable_cron' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.disable_cron() IS 'removes the jobs of enable_cron, in the database that pg_cron is in; false if there were none. 55000 as for enable_cron';

