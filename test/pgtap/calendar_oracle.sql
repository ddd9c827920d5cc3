-- Business time against minutes that are counted one by one. The test asks the server where clocks
-- change, makes calendars whose hours begin and end right there, reads the wall clock of every minute
-- (of every second where offsets have seconds) to find the shifts, and compares what business_time and
-- business_add say with them, to the microsecond. Then what must hold for spans of decades, and the
-- federal holidays date by date.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
-- The same plans, so the same order of random numbers.
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off;
SET LOCAL timezone = 'UTC';
SELECT setseed(0.42) \g /dev/null

CREATE FUNCTION t.usecs(i interval) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (extract(epoch FROM i) * 1000000)::bigint $$;
-- So many microseconds, and no days or months: intervals that are equal may differ in that.
CREATE FUNCTION t.exactly(i interval, usecs bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT interval_send(i) = int8send(usecs) || int8send(0) $$;
CREATE FUNCTION t.ints(low bigint, high bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT low + floor(random() * (high - low + 1))::bigint $$;

-- ---------------------------------------------------------------------------
-- Where clocks change
-- ---------------------------------------------------------------------------
CREATE TABLE t.zone (zone text, what text);
INSERT INTO t.zone VALUES
	('Asia/Kathmandu', '5:45, before that 5:30'), ('Pacific/Chatham', '12:45 and 13:45'), ('Australia/Eucla', '8:45 and, for a while, 9:45'),
	('Asia/Kolkata', '5:30'), ('Asia/Yangon', '6:30'), ('Asia/Kabul', '4:30'), ('Asia/Tehran', '3:30, changes at midnight, none any more'),
	('America/St_Johns', '-3:30, a minute past midnight'), ('Pacific/Marquesas', '-9:30'), ('Australia/Adelaide', '9:30'),
	('Australia/Lord_Howe', 'changes of half an hour'), ('Asia/Pyongyang', 'half an hour and back'), ('America/Caracas', 'half an hour and back'),
	('Asia/Beirut', 'midnight'), ('America/Havana', 'midnight'), ('Africa/Cairo', 'midnight'), ('America/Asuncion', 'midnight, none any more'),
	('Atlantic/Azores', 'midnight'), ('America/Santiago', 'midnight'), ('America/Sao_Paulo', 'midnight, none any more'), ('Asia/Amman', 'midnight'),
	('Asia/Gaza', 'midnight, wherever'), ('America/Nuuk', 'the evening before'), ('Pacific/Apia', 'a date that never was'),
	('Pacific/Kwajalein', 'a date that never was'), ('Pacific/Kiritimati', 'a date that never was, 14:00'), ('Pacific/Fakaofo', 'a date that never was'),
	('Asia/Manila', 'a date that never was'), ('America/Juneau', 'a date that came twice'), ('Europe/Moscow', 'back for good'),
	('Europe/Istanbul', 'on for good'), ('Asia/Tokyo', 'once'), ('America/Argentina/San_Luis', 'none any more'), ('Africa/Windhoek', 'winter time'),
	('Africa/Casablanca', 'Ramadan'), ('Europe/Dublin', 'the other way round'), ('Antarctica/Troll', 'two hours'), ('Europe/London', 'two hours in the war'),
	('Africa/Monrovia', 'seconds until 1972'), ('Europe/Amsterdam', 'seconds'), ('Asia/Pontianak', 'seconds, and back and forth'),
	('America/New_York', 'the usual'), ('Europe/Berlin', 'the usual'), ('Australia/Sydney', 'the usual, in the south'), ('UTC', 'nothing');

CREATE FUNCTION t.off(at timestamptz, zone text) RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT (at AT TIME ZONE zone) - (at AT TIME ZONE 'UTC') $$;

-- Every few days the offset; where it differs, the second in which it changes. Also where the tables that
-- the server makes of the rules end.
CREATE TABLE t.change AS
WITH RECURSIVE sample AS MATERIALIZED (
	SELECT zone, at, t.off(at, zone) AS was, era
	FROM t.zone, (VALUES (1, timestamptz '1840-01-01 00:00+00', timestamptz '2045-01-01 00:00+00'), (2, '2436-01-01 00:00+00', '2439-01-01 00:00+00'),
			(3, '2768-01-01 00:00+00', '2771-01-01 00:00+00')) AS v(era, f, u),
		generate_series(f, u, '200 hours') AS at
), step AS (
	SELECT zone, at, was, lead(at) OVER w AS next, lead(was) OVER w AS becomes FROM sample WINDOW w AS (PARTITION BY zone, era ORDER BY at)
), span (zone, low, high, was) AS (
	SELECT zone, at, next, was FROM step WHERE was <> becomes
	UNION ALL
	SELECT zone, CASE WHEN t.off(middle, zone) = was THEN middle ELSE low END, CASE WHEN t.off(middle, zone) = was THEN high ELSE middle END, was
	FROM span, LATERAL (SELECT low + make_interval(secs => floor(extract(epoch FROM high - low) / 2)) AS middle) AS m
	WHERE high - low > '1 second'
)
SELECT zone, high AS at, was, t.off(high, zone) AS becomes, t.off(high, zone) - was AS jump,
	least((high AT TIME ZONE 'UTC' + was)::time, (high AT TIME ZONE zone)::time) <= '00:01' AS midnight,
	mod(extract(epoch FROM was), 60) <> 0 OR mod(extract(epoch FROM t.off(high, zone)), 60) <> 0 AS seconds
FROM span WHERE high - low = '1 second';
SELECT cmp_ok((SELECT count(*) FROM t.change), '>', 3000::bigint, 'clocks change often');
SELECT is((SELECT count(*) FROM t.change WHERE t.off(at - interval '1 second', zone) <> was OR was = becomes), 0::bigint, 'at the seconds that were found');

-- ---------------------------------------------------------------------------
-- Calendars, and windows around the changes or anywhere
-- ---------------------------------------------------------------------------
CREATE TABLE t.trial (nr int PRIMARY KEY, zone text, at timestamptz, jump interval, midnight bool, a timestamptz, b timestamptz, step interval, name text, definition jsonb);
INSERT INTO t.trial
SELECT row_number() OVER (ORDER BY zone, at), zone, at, jump, midnight,
	CASE WHEN seconds THEN at - interval '1 minute' * t.ints(25, 45) ELSE at - interval '1 minute' * t.ints(600, 2000) END,
	CASE WHEN seconds THEN at + interval '1 minute' * t.ints(25, 45) ELSE at + interval '1 minute' * t.ints(600, 2400) END,
	CASE WHEN seconds THEN interval '1 second' ELSE interval '1 minute' END
FROM (
	SELECT *, row_number() OVER (PARTITION BY zone, seconds ORDER BY nth, r) AS place
	FROM (
		-- for each zone one of each kind, then others
		SELECT *, row_number() OVER (PARTITION BY zone, seconds, jump, midnight, at < '1970-01-01', at > '2037-12-31', at > '2700-01-01' ORDER BY r) AS nth
		FROM (SELECT *, random() AS r FROM (SELECT * FROM t.change ORDER BY zone, at) AS c) AS c
	) AS k
) AS p
WHERE place <= CASE WHEN seconds THEN 1 ELSE 9 END OR abs(extract(epoch FROM jump)) > 4 * 3600;
INSERT INTO t.trial
SELECT (SELECT max(nr) FROM t.trial) + row_number() OVER (ORDER BY zone), zone, at, NULL, false, at, at + interval '1 minute' * t.ints(4000, 12000), '1 minute'
FROM (SELECT zone, date_trunc('minute', '1970-01-01'::timestamptz + random() * interval '40000 days') AS at FROM (SELECT * FROM t.zone ORDER BY zone) AS z) AS r;

SELECT is((SELECT array_agg(zone::text) FROM t.zone WHERE zone NOT IN (SELECT zone FROM t.trial)), NULL, 'each zone has its trials');
SELECT cmp_ok(v.n, '>=', atleast::bigint, what) FROM (
	SELECT count(*) AS n, count(*) FILTER (WHERE midnight AND jump > '0') AS on_at, count(*) FILTER (WHERE midnight AND jump < '0') AS back,
		count(*) FILTER (WHERE abs(extract(epoch FROM jump)) = 1800) AS half, count(*) FILTER (WHERE abs(extract(epoch FROM jump)) = 7200) AS two,
		count(*) FILTER (WHERE jump > '20 hours') AS lost, count(*) FILTER (WHERE jump < '-20 hours') AS twice,
		count(*) FILTER (WHERE step = '1 second') AS seconds, count(*) FILTER (WHERE at > '2400-01-01') AS far
	FROM t.trial) AS c,
	LATERAL (VALUES (n, 350, 'windows in all'), (on_at, 50, 'of them with a change at midnight, on'), (back, 50, 'and back'), (half, 15, 'by half an hour'), (two, 5, 'by two hours'), (lost, 5, 'over a whole date'),
		(twice, 2, 'back by a whole date'), (seconds, 20, 'with offsets that have seconds'), (far, 20, 'and far off')) AS v(n, atleast, what);

-- From minute to minute of the day on which isodow, or on which date: what the calendars are made of, and
-- what the oracle goes by.
CREATE TABLE t.hours (nr int, isodow int, day date, f int, u int, nth int);
CREATE TABLE t.special (nr int, day date, holiday bool, exception bool, PRIMARY KEY (nr, day));
CREATE FUNCTION t.minute(marks int[]) RETURNS int LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.5 THEN marks[t.ints(1, cardinality(marks))] WHEN random() < 0.4 THEN t.ints(0, 24)::int * 60 ELSE t.ints(0, 1440)::int END
$$;
CREATE FUNCTION t.fill() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r		t.trial;
	marks	int[];
	wall	timestamp;
	kind	float;
	f		int;
	u		int;
	night	int[];
	d		date;
BEGIN
	FOR r IN SELECT * FROM t.trial ORDER BY nr LOOP
		-- midnight, the wall clock on both sides of the change, and a minute or so away from them
		wall := (r.at AT TIME ZONE 'UTC') + t.off(r.at - interval '1 second', r.zone);
		marks := ARRAY[0, 1440, 1, 1439];
		FOR i IN 1 .. 2 LOOP
			f := extract(hour FROM wall) * 60 + extract(minute FROM wall);
			marks := marks || ARRAY[f, f, (f + 1) % 1440, (f + 1439) % 1440, (f + 30) % 1440, (f + 1410) % 1440];
			wall := r.at AT TIME ZONE r.zone;
		END LOOP;
		kind := random();
		night := ARRAY[t.ints(1200, 1439), t.ints(1, 420)];
		FOR dow IN 1 .. 7 LOOP
			IF kind < 0.2 THEN		-- night shifts
				INSERT INTO t.hours VALUES (r.nr, dow, NULL, night[1], 1440, 1), (r.nr, dow, NULL, 0, night[2], 2);
			ELSIF kind < 0.28 THEN	-- always
				INSERT INTO t.hours VALUES (r.nr, dow, NULL, 0, 1440, 1);
			ELSIF kind < 0.33 THEN	-- nothing but exceptions
				NULL;
			ELSE
				FOR n IN 1 .. t.ints(0, 4) LOOP
					f := t.minute(marks);
					u := CASE WHEN random() < 0.5 THEN least(f + t.ints(1, 240)::int, 1440) ELSE t.minute(marks) END;
					IF f <> u THEN
						INSERT INTO t.hours VALUES (r.nr, dow, NULL, least(f, u), greatest(f, u), n);
					END IF;
				END LOOP;
			END IF;
		END LOOP;
		-- dates next to the change, among them those that it takes away or repeats; and others
		FOR k IN -2 .. 25 LOOP
			CONTINUE WHEN random() > CASE WHEN k <= 3 THEN 0.3 ELSE 0.15 END;
			d := wall::date + CASE WHEN k <= 3 THEN k ELSE t.ints(-3000, 3000)::int END;
			kind := random();
			INSERT INTO t.special VALUES (r.nr, d, kind < 0.35, kind > 0.25) ON CONFLICT DO NOTHING;
			CONTINUE WHEN NOT FOUND OR kind <= 0.25;
			FOR n IN 1 .. t.ints(0, 2) LOOP
				f := t.minute(marks);
				u := CASE WHEN random() < 0.5 THEN least(f + t.ints(1, 240)::int, 1440) ELSE t.minute(marks) END;
				IF f <> u THEN
					INSERT INTO t.hours VALUES (r.nr, NULL, d, least(f, u), greatest(f, u), n);
				END IF;
			END LOOP;
		END LOOP;
		IF NOT EXISTS (SELECT FROM t.hours h LEFT JOIN t.special s USING (nr, day) WHERE h.nr = r.nr AND s.holiday IS NOT TRUE) THEN
			INSERT INTO t.hours VALUES (r.nr, extract(isodow FROM wall), NULL, 0, 1439, 1);
		END IF;
	END LOOP;
END $$;
SELECT t.fill() \g /dev/null
CREATE INDEX ON t.hours (nr);
ANALYZE t.hours, t.special;

CREATE FUNCTION t.text(f int, u int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT concat(lpad((f / 60)::text, 2, '0'), ':', lpad((f % 60)::text, 2, '0'), '-', lpad((u / 60)::text, 2, '0'), ':', lpad((u % 60)::text, 2, '0'))
$$;
UPDATE t.trial AS r SET name = 'R' || nr, definition = jsonb_build_object('timezone', zone,
	'hours', (SELECT coalesce(jsonb_object_agg(d, h), '{}') FROM (
		SELECT ('{mon,tue,wed,thu,fri,sat,sun}'::text[])[isodow] AS d, jsonb_agg(t.text(f, u) ORDER BY nth) AS h
		FROM t.hours WHERE nr = r.nr AND day IS NULL GROUP BY isodow) AS w),
	'holidays', (SELECT coalesce(jsonb_agg(to_char(day, 'YYYY-MM-DD') ORDER BY random()), '[]') FROM t.special WHERE nr = r.nr AND holiday),
	'exceptions', (SELECT coalesce(jsonb_object_agg(to_char(day, 'YYYY-MM-DD'), (SELECT coalesce(jsonb_agg(t.text(f, u) ORDER BY nth), '[]') FROM t.hours h WHERE h.nr = r.nr AND h.day = s.day)), '{}')
		FROM t.special s WHERE nr = r.nr AND exception));

-- Each is made, and first asked, by a session with other settings.
CREATE TABLE t.settings (nr int, zone text, style text, intervals text);
INSERT INTO t.settings VALUES (0, 'UTC', 'ISO, MDY', 'postgres'), (1, 'America/St_Johns', 'German, DMY', 'postgres_verbose'), (2, 'Pacific/Apia', 'SQL, DMY', 'sql_standard'),
	(3, 'Asia/Kathmandu', 'Postgres, MDY', 'iso_8601'), (4, 'Australia/Lord_Howe', 'ISO, YMD', 'postgres'), (5, 'Etc/GMT+12', 'SQL, MDY', 'postgres');
CREATE FUNCTION t.set(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s	t.settings;
BEGIN
	SELECT * INTO STRICT s FROM t.settings WHERE nr = n;
	PERFORM set_config('timezone', s.zone, true), set_config('datestyle', s.style, true), set_config('intervalstyle', s.intervals, true);
END $$;
CREATE FUNCTION t.create_all() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r	t.trial;
	n	bigint := 0;
BEGIN
	FOR r IN SELECT * FROM t.trial ORDER BY nr LOOP
		PERFORM t.set(r.nr % 6);
		n := n + oms.create_calendar(r.name, r.definition);
		PERFORM oms.business_time(r.name, r.a, r.b);
	END LOOP;
	PERFORM t.set(0);
	RETURN n;
END $$;
SELECT is(t.create_all(), (SELECT count(*) FROM t.trial), 'a calendar for each');

-- ---------------------------------------------------------------------------
-- The oracle
-- ---------------------------------------------------------------------------
CREATE TABLE t.week AS
SELECT nr, (SELECT array_agg(coalesce((SELECT range_agg(int4range(f, u)) FROM t.hours h WHERE h.nr = r.nr AND h.isodow = d AND h.day IS NULL), '{}') ORDER BY d) FROM generate_series(1, 7) d) AS open
FROM t.trial r;
CREATE TABLE t.date AS
SELECT nr, day, CASE WHEN holiday THEN '{}' ELSE coalesce((SELECT range_agg(int4range(f, u)) FROM t.hours h WHERE h.nr = s.nr AND h.day = s.day), '{}') END AS open
FROM t.special s;
ANALYZE t.trial, t.week, t.date;

-- The minutes whose wall reading is open, and the shifts that they make, with the open time before each.
CREATE TABLE t.shift AS
SELECT *, t.usecs(u - f) AS len, (coalesce(sum(t.usecs(u - f)) OVER (PARTITION BY nr ORDER BY f ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS before
FROM (
	SELECT nr, min(m) AS f, max(m) + step AS u
	FROM (
		SELECT nr, m, step, m - step * row_number() OVER (PARTITION BY nr ORDER BY m) AS run
		FROM (SELECT nr, m, step, wall, wall::date AS day
			FROM t.trial, generate_series(a, b - step, step) AS m, LATERAL (SELECT m AT TIME ZONE zone AS wall) AS w) AS r
		JOIN t.week AS w USING (nr)
		LEFT JOIN t.date AS d USING (nr, day)
		WHERE (date_part('hour', wall) * 60 + date_part('minute', wall))::int <@ coalesce(d.open, w.open[date_part('isodow', wall)::int])
	) AS o
	GROUP BY nr, run, step
) AS s;
CREATE INDEX ON t.shift (nr);
ANALYZE t.shift;
SELECT cmp_ok((SELECT count(*) FROM t.shift), '>', 700::bigint, 'the minutes make shifts');
SELECT cmp_ok((SELECT count(DISTINCT nr) FROM t.shift)::numeric / (SELECT count(*) FROM t.trial), '>', 0.8, 'few windows are without one');
SELECT cmp_ok((SELECT count(*) FROM t.shift JOIN t.trial USING (nr) WHERE f = at OR u = at), '>', 50::bigint, 'many begin or end where the clock changes');
SELECT cmp_ok((SELECT count(*) FROM t.shift JOIN t.trial USING (nr) WHERE (f AT TIME ZONE zone)::date <> ((u - interval '1 second') AT TIME ZONE zone)::date), '>', 100::bigint, 'many go over midnight');

-- Where to look: at each end of a shift, at the change, a microsecond away from them, and anywhere;
-- and the open time before.
CREATE TABLE t.point AS
SELECT row_number() OVER (ORDER BY nr, p) AS id, nr, p, (SELECT coalesce(sum(t.usecs(least(u, p) - f)), 0)::bigint FROM t.shift s WHERE s.nr = x.nr AND f < p) AS open
FROM (
	SELECT DISTINCT nr, p FROM t.trial, LATERAL (
		SELECT e + d AS p
		FROM (SELECT f AS e FROM t.shift s WHERE s.nr = trial.nr UNION SELECT u FROM t.shift s WHERE s.nr = trial.nr UNION SELECT at UNION SELECT a UNION SELECT b) AS edges,
			(VALUES (interval '0'), ('1 microsecond'), ('-1 microsecond')) AS away(d)
		UNION SELECT at + d FROM (VALUES (interval '1 second'), ('-1 second'), ('1 hour'), ('-1 hour')) AS away(d)
		UNION ALL SELECT a + random() * (b - a) FROM generate_series(1, 10)) AS points
	WHERE p BETWEEN a AND b
) AS x;
CREATE INDEX ON t.point (nr);
ANALYZE t.point;

-- From each point to two others, whichever comes first, and to the end of its window.
CREATE TABLE t.pair AS
SELECT nr, name, x.p AS f, y.p AS u, greatest(y.open - x.open, 0) AS expected
FROM (SELECT * FROM t.point ORDER BY id) AS x JOIN t.trial USING (nr) JOIN LATERAL (
	(SELECT p, open FROM t.point y WHERE y.nr = x.nr AND x.id > 0 ORDER BY random() LIMIT 2)
	UNION ALL (SELECT p, open FROM t.point y WHERE y.nr = x.nr ORDER BY p DESC LIMIT 1)) AS y ON true;

-- From each point so many minutes that they run out in the window: any number, those up to the end of
-- some shift, none.
CREATE TABLE t.due AS
SELECT q.*, CASE WHEN m = 0 THEN q.a ELSE s.f + make_interval(secs => (goal - s.before) / 1000000.0) END AS expected, s.u AS closes
FROM (
	SELECT nr, name, x.p AS a, x.open, m, x.open + m * 60000000 AS goal
	FROM (SELECT * FROM t.point ORDER BY id) AS x JOIN t.trial USING (nr) JOIN LATERAL (
		SELECT t.ints(0, (y.open - x.open) / 60000000) AS m FROM t.point y WHERE y.nr = x.nr AND y.p = trial.b AND y.open > x.open
		UNION ALL (SELECT (s.before + s.len - x.open) / 60000000 FROM t.shift s WHERE s.nr = x.nr AND s.u > x.p ORDER BY random() LIMIT 2)
		UNION ALL SELECT 0 WHERE random() < 0.1) AS y ON true
) AS q LEFT JOIN t.shift AS s ON s.nr = q.nr AND s.before < goal AND goal <= s.before + s.len AND m > 0;

SELECT cmp_ok(v.n, '>', atleast, what) FROM (SELECT count(*) AS n, count(*) FILTER (WHERE expected > 0) AS filled FROM t.pair) AS p, LATERAL (VALUES
	(n, 30000::bigint, 'spans to measure'), (filled, 15000, 'many with open time')) AS v(n, atleast, what);
SELECT cmp_ok(v.n, '>', atleast, what) FROM (SELECT count(*) AS n, count(*) FILTER (WHERE expected = closes) AS ends, count(*) FILTER (WHERE expected IS NULL) AS lacking FROM t.due) AS p, LATERAL (VALUES
	(n, 20000::bigint, 'times to add'), (ends, 3000, 'many due when it closes'), (1 - lacking, 0, 'and the oracle knows them all')) AS v(n, atleast, what);

CREATE VIEW t.wrong_time AS
SELECT name, f, u, make_interval(secs => expected / 1000000.0) AS expected, got FROM (SELECT *, oms.business_time(name, f, u) AS got FROM t.pair) AS p
WHERE t.exactly(got, expected) IS NOT TRUE;
CREATE VIEW t.wrong_due AS
SELECT name, a, m, expected, got FROM (SELECT *, oms.business_add(name, a, m::int) AS got FROM t.due) AS d WHERE got IS DISTINCT FROM expected;
SELECT is_empty('SELECT w.*, t.definition FROM t.wrong_time AS w JOIN t.trial AS t USING (name) LIMIT 3', 'business_time is what the minutes are, in hours and never in days');
SELECT is_empty('SELECT w.*, t.definition FROM t.wrong_due AS w JOIN t.trial AS t USING (name) LIMIT 3', 'business_add is the earliest instant by which they are over');
-- What a query counts under other settings; planned again, so that nothing is left of an earlier answer.
CREATE FUNCTION t.count_under(n int, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	found	bigint;
BEGIN
	PERFORM t.set(n);
	EXECUTE 'SELECT count(*) FROM ' || query INTO found;
	PERFORM t.set(0);
	RETURN found;
END $$;
SELECT is(t.count_under(nr, 't.wrong_time') + t.count_under(nr, 't.wrong_due'), 0::bigint, 'the same under ' || concat_ws(', ', zone, style, intervals)) FROM t.settings WHERE nr > 0 ORDER BY nr;

-- ---------------------------------------------------------------------------
-- What must hold for spans of any length
-- ---------------------------------------------------------------------------
-- Also past the end of the tables of transitions that the server keeps, which is after 2437 or 2769. Not for
-- calendars that live on exceptions alone: they end.
CREATE TABLE t.long AS
SELECT name, a, b, c, m, n, oms.business_add(name, a, m) AS due
FROM (
	SELECT name, '1900-01-01'::timestamptz + random() * interval '60000 days' AS a, since + random() * span AS b, since + random() * span AS c,
		t.ints(1, (10 ^ t.ints(1, 6))::bigint)::int AS m, t.ints(0, (10 ^ t.ints(1, 6))::bigint)::int AS n
	FROM (SELECT name FROM t.trial WHERE definition->'hours' <> '{}' ORDER BY nr) AS r,
		(VALUES (timestamptz '1900-01-01', interval '340000 days', 16), ('2436-06-01', '1300 days', 2), ('2768-06-01', '1300 days', 2)) AS v(since, span, times),
		generate_series(1, times)
) AS x;
SELECT cmp_ok((SELECT count(*) FROM t.long), '>', 6000::bigint, 'spans of up to centuries');
SELECT is_empty($$SELECT * FROM t.long WHERE NOT t.exactly(oms.business_time(name, a, due), m * 60000000::bigint) LIMIT 3$$, 'what is added is measured');
SELECT is_empty($$SELECT * FROM t.long WHERE NOT t.exactly(oms.business_time(name, a, due - interval '1 microsecond'), m * 60000000::bigint - 1) LIMIT 3$$,
	'and no instant is due before which it is closed');
SELECT is_empty($$SELECT * FROM t.long WHERE oms.business_add(name, due, n) <> oms.business_add(name, a, m + n) LIMIT 3$$, 'adding twice is adding the sum');
SELECT is_empty($$SELECT * FROM t.long WHERE oms.business_add(name, a, m + 1) <= due OR due <= a LIMIT 3$$, 'a minute more is due later');
SELECT is_empty($$SELECT * FROM t.long WHERE (oms.business_add(name, least(b, c), m) > oms.business_add(name, greatest(b, c), m)) LIMIT 3$$, 'what starts later is not due earlier');
SELECT is_empty($$SELECT * FROM t.long, LATERAL (SELECT x[1] AS x, x[2] AS y, x[3] AS z FROM (SELECT array_agg(p ORDER BY p) AS x FROM unnest(ARRAY[a, b, c]) AS p) AS o) AS o
	WHERE oms.business_time(name, x, y) + oms.business_time(name, y, z) <> oms.business_time(name, x, z) LIMIT 3$$, 'wherever a span is cut, the parts add up');
SELECT is_empty($$SELECT * FROM t.long, LATERAL (SELECT oms.business_time(name, least(b, c), greatest(b, c)) AS got) AS o
	WHERE got < '0' OR t.usecs(got) > t.usecs(greatest(b, c) - least(b, c)) OR NOT t.exactly(got, t.usecs(got)) LIMIT 3$$,
	'not more than all of it, and in hours');
SELECT is_empty($$SELECT * FROM t.long WHERE oms.business_time(name, greatest(b, c), least(b, c)) <> '0' OR oms.business_add(name, b, 0) <> b LIMIT 3$$, 'nothing backwards, and nothing for nothing');
CREATE TABLE t.kept AS SELECT *, oms.business_time(name, a, b) AS open FROM t.long;
SELECT is(t.count_under(nr, 't.kept WHERE interval_send(open) <> interval_send(oms.business_time(name, a, b)) OR due <> oms.business_add(name, a, m)'), 0::bigint,
	'the same under ' || concat_ws(', ', zone, style, intervals)) FROM t.settings WHERE nr > 0 ORDER BY nr;

-- ---------------------------------------------------------------------------
-- The federal holidays, by looking at each date
-- ---------------------------------------------------------------------------
-- Not which dates a year has off, but whether a date is one: by its own name, or on a Friday or Monday by
-- that of its neighbour.
CREATE FUNCTION t.fixed(d date) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
	SELECT to_char(d, 'MM-DD') IN ('01-01', '07-04', '12-25') OR to_char(d, 'MM-DD') = '11-11' AND d >= '1978-01-01' OR to_char(d, 'MM-DD') = '06-19' AND d >= '2021-06-17'
$$;
CREATE FUNCTION t.is_off(d date) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE to_char(d, 'dy') WHEN 'sat' THEN false WHEN 'sun' THEN false
		WHEN 'fri' THEN t.fixed(d) OR t.fixed(d + 1)
		WHEN 'mon' THEN t.fixed(d) OR t.fixed(d - 1) OR CASE to_char(d, 'MM W')		-- W: which of its weekday in the month
			WHEN '01 3' THEN d >= '1986-01-01' WHEN '02 3' THEN true WHEN '09 1' THEN true WHEN '10 2' THEN true WHEN '10 4' THEN d < '1978-01-01'
			ELSE to_char(d, 'MM') = '05' AND to_char(d + 7, 'MM') = '06' END
		WHEN 'thu' THEN t.fixed(d) OR to_char(d, 'MM W') = '11 4'
		ELSE t.fixed(d) END
$$;
SELECT is((SELECT array_agg(d ORDER BY y, nr) FROM generate_series(1971, 2100) AS y, oms.us_federal_holidays(y) WITH ORDINALITY AS h(d, nr)),
	(SELECT array_agg(d::date ORDER BY d) FROM generate_series('1971-01-01'::timestamp, '2100-12-31', '1 day') AS d WHERE t.is_off(d::date)),
	'130 years of federal holidays, in order');
SELECT is((SELECT count(*) FROM generate_series(1971, 2100) AS y, oms.us_federal_holidays(y) AS d WHERE extract(year FROM d) <> y), 0::bigint, 'each in its own year');
SELECT is((SELECT array_agg(y) FROM generate_series(1971, 2040) AS y WHERE make_date(y, 12, 31) IN (SELECT oms.us_federal_holidays(y))),
	'{1971,1976,1982,1993,1999,2004,2010,2021,2027,2032,2038}', 'also when New Year is taken the year before');

SELECT finish();
ROLLBACK;
