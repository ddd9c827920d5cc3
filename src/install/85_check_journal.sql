-- ---- journal ----

-- What roles other than the owner of the schema were granted in it, by names that are the same after a restore; "public"
-- (which no role can be called) is everybody, who has nothing.  That everybody may use a type says nothing: so it is with
-- each whose rights were never set.
CREATE VIEW oms_internal.journal_right (role, object, privilege) AS
	SELECT COALESCE(r.rolname::text, 'public') COLLATE "C", a.object,
		a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
	FROM (
		SELECT n.nspname::text AS object, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_namespace AS n, aclexplode(n.nspacl) AS x
		WHERE n.nspname IN ('oms', 'oms_internal')
		UNION ALL
		SELECT c.relname::text, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_class AS c, aclexplode(c.relacl) AS x
		WHERE c.relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT c.relname || '.' || t.attname, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_class AS c
		JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS x
		WHERE c.relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT p.proname || '()', x.grantee, x.privilege_type, x.is_grantable
		FROM pg_proc AS p, aclexplode(p.proacl) AS x
		WHERE p.pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
		UNION ALL
		SELECT 'type ' || t.typname, x.grantee, x.privilege_type, x.is_grantable
		FROM pg_type AS t, aclexplode(t.typacl) AS x
		WHERE t.typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND x.grantee <> 0
	) AS a
	LEFT JOIN pg_roles AS r ON r.oid = a.grantee
	JOIN pg_namespace AS o ON o.nspname = 'oms' AND o.nspowner <> a.grantee
	WHERE r.oid IS NOT NULL OR a.grantee = 0;
COMMENT ON VIEW oms_internal.journal_right IS 'for the journal: what was granted to roles in the schemas of oms';

-- What the journal keeps the state of, as it stands now.  Nothing in it depends on the settings of a session.
CREATE VIEW oms_internal.journal_state (what, name, state) AS
	SELECT 'owner'::text, o.name, jsonb_build_object('kind', w.kind, 'supervisor', w.supervisor, 'calendar', w.calendar,
		'assignment', w.assignment, 'members', COALESCE((SELECT jsonb_agg(m.member ORDER BY m.member)
			FROM oms.owner_member AS m WHERE m.owner = o.name), '[]'))
	FROM (SELECT x.name FROM oms.owner AS x UNION SELECT y.owner FROM oms.owner_member AS y) AS o
	LEFT JOIN oms.owner AS w ON w.name = o.name
	UNION ALL
	SELECT 'level', r.role, jsonb_build_object('rights', count(*), 'digest', encode(sha256(convert_to(
		string_agg(r.object || ' ' || r.privilege, ',' ORDER BY (r.object || ' ' || r.privilege) COLLATE "C"), 'UTF8')), 'hex'))
	FROM oms_internal.journal_right AS r
	GROUP BY r.role
	UNION ALL
	SELECT 'calendar', c.name, jsonb_build_object('version', c.version,
		'digest', encode(sha256(convert_to(c.definition::text, 'UTF8')), 'hex'))
	FROM oms.calendar AS c WHERE c.current
	UNION ALL
	SELECT 'hold reason', h.code, jsonb_build_object('stops_clock', h.stops_clock, 'waiting_on', h.waiting_on,
		'max_per_ticket', h.max_per_ticket, 'public_label', h.public_label)
	FROM oms.hold_reason AS h
	UNION ALL
	SELECT 'absence', a.person, jsonb_agg(jsonb_build_object('from', a.from_at AT TIME ZONE 'UTC',
		'to', a.to_at AT TIME ZONE 'UTC', 'delegate', a.delegate) ORDER BY a.from_at)
	FROM oms.absence AS a
	GROUP BY a.person
	UNION ALL
	SELECT 'retention', r.workflow, jsonb_build_object('months', EXTRACT(year FROM r.keep) * 12 + EXTRACT(month FROM r.keep),
		'days', EXTRACT(day FROM r.keep), 'secs', EXTRACT(epoch FROM r.keep)
			- EXTRACT(epoch FROM date_trunc('day', r.keep)))
	FROM oms.retention AS r
	UNION ALL
	SELECT 'workflow', w.name, jsonb_build_object('version', w.version, 'retired', w.retired_at IS NOT NULL,
		'digest', encode(sha256(convert_to(w.definition::text, 'UTF8')), 'hex'))
	FROM oms.workflow AS w WHERE w.current
	UNION ALL
	SELECT 'number ranges', '', jsonb_agg(jsonb_build_array(n.first_number, n.last_number) ORDER BY n.first_number)
	FROM oms.number_range AS n
	HAVING count(*) > 0;
COMMENT ON VIEW oms_internal.journal_state IS 'for the journal: owners, rights, calendars, reasons of holds, absences, retention, workflows and ranges of numbers as they are now';

CREATE FUNCTION oms.verify_journal() RETURNS TABLE (seq bigint, problem text)
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT c.seq, p.problem
		FROM (
			SELECT j.seq, j.at, j.hash, lag(j.seq) OVER w AS seq_before, lag(j.at) OVER w AS at_before,
				sha256(COALESCE(lag(j.hash) OVER w,
						E'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea)
					|| CASE WHEN j.moved THEN E'\\x02'::bytea ELSE E'\\x01'::bytea END
					|| int8send(j.seq)
					|| int8send(CASE WHEN isfinite(j.at) THEN (EXTRACT(epoch FROM j.at) * 1000000)::int8 END)
					|| oms_internal.check_piece(j.actor)
					|| oms_internal.check_piece(j.session_actor)
					|| oms_internal.check_piece(j.what)
					|| oms_internal.check_piece(j.name)
					|| oms_internal.check_piece(j.before::text)
					|| oms_internal.check_piece(j.after::text)) AS expected
			FROM oms.journal AS j
			WINDOW w AS (ORDER BY j.seq)
		) AS c
		CROSS JOIN LATERAL (VALUES
			(c.seq <> COALESCE(c.seq_before, 0) + 1, 'an entry is missing before it'),
			(c.at < c.at_before, 'time goes back'),
			(c.hash IS DISTINCT FROM c.expected, 'content does not match the hash')) AS p (found, problem)
		WHERE p.found
		UNION ALL
		-- The end of the chain at each seal is still there.
		SELECT s.journal_seq, format('seal %s has %s', s.number,
			CASE WHEN j.seq IS NULL THEN 'this entry, which is missing' ELSE 'another hash of it' END)
		FROM oms.seals AS s
		LEFT JOIN oms.journal AS j ON j.seq = s.journal_seq
		WHERE s.journal_seq > 0 AND j.hash IS DISTINCT FROM s.journal_hash
		ORDER BY 1, 2;
	$$;
COMMENT ON FUNCTION oms.verify_journal() IS 'works out the chain of the journal anew, compares it with what was sealed, and returns what does not fit; no rows if all is well';

CREATE VIEW oms_internal.check_journal (kind, ticket, detail) AS
	SELECT 'journal', NULL::oms.ticket_id, format('entry %s: %s', v.seq, v.problem)
	FROM oms.verify_journal() AS v
	UNION ALL
	-- What changed by other ways than the functions.  A role that has nothing any more does no harm.
	SELECT 'journal', NULL, format('%s %s: %s', COALESCE(j.what, s.what), quote_ident(COALESCE(j.name, s.name)),
		CASE WHEN j.what IS NULL THEN 'the journal does not know of it'
			WHEN s.what IS NULL THEN 'it is gone, and the journal does not know why'
			ELSE 'it is not as the journal says' END)
	FROM (
		SELECT DISTINCT ON (x.what, x.name) x.what, x.name, x.after - 'level' AS state
		FROM oms.journal AS x
		WHERE x.what IN ('owner', 'level', 'calendar', 'hold reason', 'absence', 'retention', 'workflow', 'number ranges')
		ORDER BY x.what, x.name, x.seq DESC
	) AS j
	FULL JOIN oms_internal.journal_state AS s ON s.what = j.what AND s.name = j.name
	WHERE j.state IS DISTINCT FROM s.state AND NOT (s.what IS NULL AND j.what = 'level');
COMMENT ON VIEW oms_internal.check_journal IS 'for oms.check(): the chain of the journal, and rules that are not as it says';

