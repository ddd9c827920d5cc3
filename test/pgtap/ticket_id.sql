-- The ticket number: eight bytes that look like DL-2026-00091.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;

-- The plan of a query as one text.
CREATE FUNCTION t.plan(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	l	text;
	r	text := '';
BEGIN
	FOR l IN EXECUTE 'EXPLAIN (COSTS OFF) ' || sql LOOP
		r := r || l || E'\n';
	END LOOP;
	RETURN r;
END $$;

-- ---------------------------------------------------------------------------
-- What the catalogs say
-- ---------------------------------------------------------------------------
SELECT is(typlen, 8::smallint, 'eight bytes') FROM pg_type WHERE oid = 'oms.ticket_id'::regtype;
SELECT ok(typbyval, 'passed by value') FROM pg_type WHERE oid = 'oms.ticket_id'::regtype;
SELECT is(typtype, 'b'::"char", 'a base type') FROM pg_type WHERE oid = 'oms.ticket_id'::regtype;
SELECT ok(typsend <> 0 AND typreceive <> 0, 'with binary input and output') FROM pg_type WHERE oid = 'oms.ticket_id'::regtype;
SELECT is((SELECT l.lanname FROM pg_type t JOIN pg_proc p ON p.oid = t.typinput JOIN pg_language l ON l.oid = p.prolang
	WHERE t.oid = 'oms.ticket_id'::regtype), 'c'::name, 'written in C');
SELECT is((SELECT castcontext FROM pg_cast WHERE castsource = 'text'::regtype AND casttarget = 'oms.ticket_id'::regtype), 'i'::"char",
	'the cast from text is implicit');
SELECT is((SELECT castcontext FROM pg_cast WHERE castsource = 'oms.ticket_id'::regtype AND casttarget = 'text'::regtype), 'a'::"char",
	'the cast to text is for assignment only');
SELECT is((SELECT array_agg(a.amname::text ORDER BY a.amname::text) FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
	WHERE o.opcintype = 'oms.ticket_id'::regtype AND o.opcdefault AND a.amname IN ('btree', 'hash')), '{btree,hash}',
	'default operator classes for btree and hash');

-- ---------------------------------------------------------------------------
-- Good texts
-- ---------------------------------------------------------------------------
SELECT is(v::oms.ticket_id::text, w, 'reads ' || v) FROM (VALUES
	('DL-2026-00091', 'DL-2026-00091'),
	('dl-2026-00091', 'DL-2026-00091'),
	('dL-2026-00091', 'DL-2026-00091'),
	('T-2026-00001', 'T-2026-00001'),
	('ABCD-2026-00001', 'ABCD-2026-00001'),
	('zzzz-2026-99999', 'ZZZZ-2026-99999'),
	('DL-2026-100000', 'DL-2026-100000'),
	('DL-2026-1234567', 'DL-2026-1234567'),
	('A-1999-10000', 'A-1999-10000')) x(v, w);
SELECT is(array_agg(v::oms.ticket_id::text), array_agg(v), 'a thousand numbers of all shapes come back as they went in')
FROM (SELECT substr('QWZA', 1 + i % 4, 1 + i % 4 % (4 - i % 4)) || '-' || (2000 + i % 99) || '-' || lpad((i * 7919)::text, greatest(5, length((i * 7919)::text)), '0') AS v
	FROM generate_series(1, 1000) i) x;

-- ---------------------------------------------------------------------------
-- Bad texts: always 22P02, through the literal and through the cast
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE bad(v text);
INSERT INTO bad VALUES
	(''), (' '), ('-'), ('--'), ('D'), ('DL'), ('DL-'), ('DL-2026'), ('DL-2026-'), ('DL--00091'), ('-2026-00091'),
	('2026-00091'), ('DL2026-00091'), ('DL-202600091'), ('DL-2026-91'), ('DL-2026-0091'), ('DL-226-00091'), ('DL-26-00091'),
	('DL-20266-00091'), ('DLXYZ-2026-00091'), ('ABCDEFGHIJKLMNOP-2026-00091'), ('D1-2026-00091'), ('1-2026-00091'),
	('D L-2026-00091'), (' DL-2026-00091'), ('DL-2026-00091 '), ('DL -2026-00091'), ('DL- 2026-00091'), ('DL-2026- 00091'),
	(E'DL-2026-00091\n'), (E'\tDL-2026-00091'), ('DL-2026-00091x'), ('DL-2026-0009a'), ('DL-2026-0x091'), ('DL-2o26-00091'),
	('DL-2026-+0091'), ('DL-2026--0091'), ('DL-+026-00091'), ('DL--026-00091'), ('DL-2026-00091-'), ('DL-2026-00091-7QK3M9ZT4'),
	('DL-2026-00091-00092'), ('DL_2026_00091'), ('DL–2026–00091'), ('DL/2026/00091'), ('DL.2026.00091'), ('DL-2026-000.1'),
	('DL-2026-1e100'), ('DL-2026-999999999999999'), ('DL-2026-9223372036854775808'), ('DL-2026-18446744073709551707'), ('DL-2026-99999999999999999999999999'),
	('DL-99999999999999999999-00091'), ('ÄL-2026-00091'), ('ДЛ-2026-00091'), ('DL-２０２６-00091'), ('DL-2026-０００９１'), ('[L-2026-00091'),
	('@L-2026-00091'), ('`L-2026-00091'), ('{L-2026-00091'), ('%s%n-2026-00091'), ('DL-%d-%d'), ('NULL'), ('null'), ('0'), ('91'),
	(''''), ('"DL-2026-00091"'), ('(DL-2026-00091)'), ('DL-2026-00091;'), (repeat('A', 8192)), ('DL-2026-' || repeat('0', 8192) || '1'),
	('DL-2026-' || repeat('9', 8192)), (repeat('-', 8192)), (E'DL-2026-00091\u0001'), (E'DL-2026-\u00a000091');
SELECT is(error_code(format('SELECT %L::oms.ticket_id', v)), '22P02', 'refuses ' || to_json(left(v, 40))) FROM bad;
SELECT is(error_code(format('SELECT (%L::text)::oms.ticket_id', v)), '22P02', 'refuses the text ' || to_json(left(v, 40))) FROM bad;
SELECT ok(NULL::text::oms.ticket_id IS NULL, 'NULL is NULL');

-- ---------------------------------------------------------------------------
-- Order and equality
-- ---------------------------------------------------------------------------
SELECT ok('dl-2026-00091'::oms.ticket_id = 'DL-2026-00091'::oms.ticket_id, 'case does not matter for equality');
SELECT ok('DL-2026-00091'::oms.ticket_id <> 'DL-2026-00092'::oms.ticket_id, 'another number');
SELECT ok('DL-2026-00091'::oms.ticket_id <> 'DM-2026-00091'::oms.ticket_id, 'another prefix');
SELECT ok('DL-2026-00091'::oms.ticket_id <> 'D-2026-00091'::oms.ticket_id, 'a shorter prefix');
SELECT ok('DL-2026-00091'::oms.ticket_id <> 'DL-2027-00091'::oms.ticket_id, 'another year');
SELECT ok('DL-2026-00009'::oms.ticket_id < 'DL-2026-00010'::oms.ticket_id, 'numbers are ordered as numbers');
SELECT ok('DL-2026-99999'::oms.ticket_id < 'DL-2026-100000'::oms.ticket_id, 'also beyond five digits');
SELECT ok('DL-2025-00005'::oms.ticket_id < 'DL-2026-00006'::oms.ticket_id, 'later years are later');

CREATE TEMP TABLE ids AS
SELECT (p || '-' || y || '-' || n)::oms.ticket_id AS id, p || '-' || y || '-' || n AS txt
FROM unnest(ARRAY['A', 'Z', 'AA', 'DL', 'ZZZZ']) p, unnest(ARRAY[1999, 2026, 2027]) y, unnest(ARRAY['00001', '00002', '99999', '100000']) n;
SELECT is_empty($$SELECT a.txt, b.txt FROM ids a, ids b
	WHERE (a.id < b.id)::int + (a.id = b.id)::int + (a.id > b.id)::int <> 1
		OR (a.id = b.id) IS DISTINCT FROM (a.txt = b.txt)
		OR (a.id <> b.id) IS DISTINCT FROM NOT (a.id = b.id)
		OR (a.id <= b.id) IS DISTINCT FROM (a.id < b.id OR a.id = b.id)
		OR (a.id >= b.id) IS DISTINCT FROM (a.id > b.id OR a.id = b.id)
		OR (a.id < b.id) IS DISTINCT FROM (b.id > a.id)$$, 'the six operators agree on every pair');
SELECT is_empty($$SELECT 1 FROM ids a, ids b, ids c WHERE a.id < b.id AND b.id < c.id AND NOT a.id < c.id$$, 'the order is transitive');
SELECT is_empty($$SELECT 1 FROM (SELECT id, lag(id) OVER (ORDER BY id) AS before FROM ids) x WHERE before >= id$$, 'ORDER BY follows it');
SELECT is_empty($$SELECT 1 FROM (SELECT id, lag(id) OVER (ORDER BY id DESC) AS before FROM ids) x WHERE before <= id$$, 'backwards too');

-- ---------------------------------------------------------------------------
-- Joins and indexes
-- ---------------------------------------------------------------------------
ANALYZE ids;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
SELECT matches(t.plan('SELECT * FROM ids a JOIN ids b USING (id)'), 'Hash Join', 'hash joins work');
SELECT is((SELECT count(*) FROM ids a JOIN ids b USING (id)), 60::bigint, 'and find what belongs together');
SET LOCAL enable_mergejoin = on;
SET LOCAL enable_hashjoin = off;
SELECT matches(t.plan('SELECT * FROM ids a JOIN ids b USING (id)'), 'Merge Join', 'merge joins work');
SELECT is((SELECT count(*) FROM ids a JOIN ids b USING (id)), 60::bigint, 'and find the same');
RESET enable_nestloop;
RESET enable_hashjoin;
SET LOCAL enable_sort = off;
SELECT matches(t.plan('SELECT id, count(*) FROM ids GROUP BY id'), 'HashAggregate', 'hashing groups');
SELECT is((SELECT count(*) FROM (SELECT id FROM (SELECT id FROM ids UNION ALL SELECT lower(txt)::oms.ticket_id FROM ids) x GROUP BY id) y), 60::bigint,
	'equal ones fall into one group');
RESET enable_sort;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
CREATE INDEX ids_btree ON ids USING btree (id);
SELECT matches(t.plan($$SELECT txt FROM ids WHERE id = 'DL-2026-99999'$$), 'Index.*ids_btree', 'a btree index finds it');
SELECT is((SELECT txt FROM ids WHERE id = 'dl-2026-99999'), 'DL-2026-99999', 'an untyped literal compares');
SELECT is((SELECT txt FROM ids WHERE id = 'dl-2026-99999'::text), 'DL-2026-99999', 'a text compares');
SELECT is((SELECT count(*) FROM ids WHERE id >= 'A-1999-00001'), (SELECT count(*) FROM ids WHERE NOT id < 'A-1999-00001'), 'ranges work');
SELECT matches(t.plan('SELECT max(id) FROM ids'), 'Limit.*Index Only Scan Backward', 'an index has the last');
SELECT matches(t.plan('SELECT min(id) FROM ids'), 'Limit.*Index Only Scan', '… and the first');
DROP INDEX ids_btree;
CREATE INDEX ids_hash ON ids USING hash (id);
SELECT matches(t.plan($$SELECT txt FROM ids WHERE id = 'DL-2026-99999'$$), 'Index.*ids_hash', 'a hash index finds it');
SELECT is((SELECT txt FROM ids WHERE id = 'ZZZZ-2027-100000'), 'ZZZZ-2027-100000', 'and the right one');
SELECT lives_ok('CREATE TEMP TABLE keyed (id oms.ticket_id PRIMARY KEY)', 'it can be a primary key');
SELECT is(error_code($$INSERT INTO keyed VALUES ('DL-2026-00001'), ('dl-2026-00001')$$), '23505', 'that is unique whatever the case');

-- ---------------------------------------------------------------------------
-- min and max, whatever the search_path is and whoever asks
-- ---------------------------------------------------------------------------
SELECT is((SELECT min(id) || ' ' || max(id) FROM ids), (SELECT (array_agg(id ORDER BY id))[1] || ' ' || (array_agg(id ORDER BY id DESC))[1] FROM ids), 'min and max are the ends of the order');
SELECT is((SELECT max(v::oms.ticket_id) FROM unnest(ARRAY['ZZZZ-2025-99999', NULL, 'a-2026-00001']) v)::text, 'A-2026-00001', 'which is by age; NULL does not count');
SELECT is((SELECT coalesce(min(id), max(id)) FROM ids WHERE false), NULL, 'of no ticket at all: NULL');
CREATE FUNCTION t.ends() RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT min(i.id) || ' ' || max(i.id) FROM pg_temp.ids AS i $$;
SELECT is(t.ends(), (SELECT min(id) || ' ' || max(id) FROM ids), 'also where only pg_catalog is searched');
CREATE ROLE ti_clerk;
SELECT oms.grant_access('ti_clerk', 'staff') \g /dev/null
SET LOCAL ROLE ti_clerk;
SELECT max(t.ticket_id) IS NULL AS clerk FROM oms.ticket AS t \gset
RESET ROLE;
SELECT is(:'clerk'::bool, true, 'staff may ask, too');

-- ---------------------------------------------------------------------------
-- Binary form: the same for equal numbers, another for others
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.send(v oms.ticket_id) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	r	bytea;
BEGIN
	EXECUTE format('SELECT %s($1)', (SELECT typsend::regproc FROM pg_type WHERE oid = 'oms.ticket_id'::regtype)) INTO r USING v;
	RETURN r;
END $$;
SELECT is(t.send('dl-2026-00091'), t.send('DL-2026-00091'), 'equal numbers have one binary form');
SELECT is((SELECT count(DISTINCT t.send(id)) FROM ids), 60::bigint, 'different numbers have different ones');
SELECT is(octet_length(t.send('DL-2026-00091')), 8, 'eight bytes on the wire');

-- ---------------------------------------------------------------------------
-- Casts where people meet them
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE words (w text);
SELECT lives_ok($$INSERT INTO words SELECT id FROM ids WHERE txt = 'DL-2026-00001'$$, 'a number goes into a text column');
SELECT is((SELECT w FROM words), 'DL-2026-00001', 'in its text form');
SELECT is(error_code($$SELECT lower(id) FROM ids$$), '42883', 'but is not taken for a text silently');

-- ---------------------------------------------------------------------------
-- Where numbers come from
-- ---------------------------------------------------------------------------
SET LOCAL oms.now = '2026-06-01 12:00+00';
CREATE FUNCTION t.prefix(name text, prefix text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM oms.create_workflow(jsonb_strip_nulls(jsonb_build_object('name', name, 'prefix', prefix,
		'stages', jsonb_build_array(jsonb_build_object('id', 'a', 'owner', 'o')))));
	RETURN split_part(oms.open_ticket(name)::text, '-', 1);
END $$;
SELECT is(t.prefix('DisasterLoan'), 'DL', 'initials of the words of a name');
SELECT is(t.prefix('AidForHomesAndFarms'), 'AFHA', 'the first four');
SELECT is(t.prefix('Small Business Loan'), 'SBL', 'words parted by blanks');
SELECT is(t.prefix('日本'), 'T', 'no letter at all: T');
SELECT is(t.prefix('Another', 'XYZW'), 'XYZW', 'the prefix of the definition counts first');
SELECT is(t.prefix('YetAnother', 'Q'), 'Q', 'one letter is enough');

CREATE TEMP TABLE made AS SELECT i, oms.open_ticket(CASE i % 2 WHEN 0 THEN 'DisasterLoan' ELSE 'Another' END) AS id FROM generate_series(1, 50) i;
SELECT is((SELECT count(DISTINCT split_part(id::text, '-', 3)) FROM made), 50::bigint, 'the number alone is unique in the database');
SELECT is((SELECT count(*) FROM made WHERE split_part(id::text, '-', 2) <> '2026'), 0::bigint, 'all of the year of the clock');
SELECT is(error_code($q$DO $b$ BEGIN PERFORM oms.open_ticket('DisasterLoan'); RAISE division_by_zero; END $b$ $q$), '22012', 'an opening is rolled back');
SELECT isnt(split_part(oms.open_ticket('DisasterLoan')::text, '-', 3)::int,
	(SELECT max(split_part(id::text, '-', 3)::int) + 1 FROM made), 'its number is not used again');
SET LOCAL oms.now = '2026-12-31 23:59:59.999999+00';
SELECT is(split_part(oms.open_ticket('Another')::text, '-', 2), '2026', 'the last microsecond of the year');
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is(split_part(oms.open_ticket('Another')::text, '-', 2), '2026', 'the year is that of UTC, not of the session');
SET LOCAL oms.now = '2027-01-01 00:00+00';
SET LOCAL TimeZone = 'America/New_York';
SELECT is(split_part(oms.open_ticket('Another')::text, '-', 2), '2027', 'and the first of the next');

-- The end of the numbers
SELECT setval('oms.ticket_number', 2147483645, true) \g /dev/null
SELECT is(split_part(oms.open_ticket('Another')::text, '-', 3), '2147483646', 'the last number but one');
SELECT is((SELECT value FROM oms.metrics WHERE name = 'oms_ticket_numbers_left'), 1::float8, 'the metric tells that one is left');
SELECT is(split_part(oms.open_ticket('Another')::text, '-', 3), '2147483647', 'the last number');
SELECT throws_ok($$SELECT oms.open_ticket('Another')$$, '54000', 'the ticket numbers of this database are used up', 'after it there is none');
SELECT throws_ok($$SELECT oms.open_tickets('Another', ARRAY['{}']::jsonb[])$$, '54000', NULL, 'neither many at once');

SELECT finish();
ROLLBACK;
