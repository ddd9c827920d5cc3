-- A calendar is a set of instants, and an hour is as long as it really is. Each vector of the project
-- is here, and then chance: business_time is compared with an oracle that looks at every minute, in
-- zones that are hard to get right.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;

-- The same hours on some weekdays.
CREATE FUNCTION t.week(days text, VARIADIC hours text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(d, to_jsonb(hours)) FROM string_to_table(days, ' ') AS d
$$;

CREATE FUNCTION t.secs(i interval) RETURNS numeric LANGUAGE sql AS $$ SELECT extract(epoch FROM i) $$;

-- ---------------------------------------------------------------------------
-- The vectors
-- ---------------------------------------------------------------------------
CREATE TABLE t.calendar (name text, definition jsonb);
INSERT INTO t.calendar
SELECT name, jsonb_build_object('timezone', zone, 'hours', hours)
FROM (VALUES
	('DC', 'America/New_York', t.week('mon tue wed thu fri', '09:00-17:00')),
	('ALL', 'America/New_York', t.week('mon tue wed thu fri sat sun', '00:00-24:00')),
	('NIGHT', 'America/New_York', t.week('mon tue wed thu fri sat sun', '22:00-24:00', '00:00-06:00')),
	('LUNCH', 'America/Chicago', t.week('mon tue wed thu fri', '08:00-12:00', '13:00-17:00')),
	('W7', 'America/New_York', t.week('mon tue wed thu fri sat sun', '09:00-17:00')),
	('GAP', 'America/New_York', t.week('sun', '02:30-04:00')),
	('LHI', 'Australia/Lord_Howe', t.week('sun', '00:00-24:00')),
	('KTM', 'Asia/Kathmandu', t.week('sun mon tue wed thu fri', '10:00-17:00'))) v(name, zone, hours);
UPDATE t.calendar SET definition = definition || jsonb_build_object('holidays',
	(SELECT jsonb_agg(d) FROM generate_series(2020, 2030) y, oms.us_federal_holidays(y) d)) WHERE name = 'DC';
SELECT is(oms.create_calendar(name, definition), 1, 'calendar ' || name) FROM t.calendar;

CREATE TABLE t.vector (kind text, id text, calendar text, start timestamptz, arg text, expected text, what text);
INSERT INTO t.vector VALUES
	('add', 'T1', 'DC', '2024-11-07 16:00-05', '240', '2024-11-08T17:00:00', 'four hours, one of them today'),
	('add', 'T2', 'DC', '2024-11-08 16:30-05', '240', '2024-11-12T17:30:00', 'over a weekend and Veterans Day'),
	('add', 'T3', 'ALL', '2024-03-09 12:00-05', '1440', '2024-03-10T17:00:00', '24 hours over a date that has 23'),
	('add', 'T5', 'DC', '2024-03-08 16:00-05', '120', '2024-03-11T14:00:00', 'the morning after the change is an hour earlier'),
	('time', 'T6', 'NIGHT', '2024-03-09 22:00-05', '2024-03-10 06:00-04', '25200', 'a night shift in a night of seven hours'),
	('time', 'T8a', 'GAP', '2024-03-10 00:00-05', '2024-03-11 00:00-04', '3600', 'half an hour of the shift does not exist'),
	('time', 'T10a', 'LHI', '2024-04-06 00:00+11', '2024-04-08 00:00+10:30', '88200', 'clocks go back by half an hour'),
	('add', 'T12', 'KTM', '2024-06-07 16:30+05:45', '60', '2024-06-09T04:45:00', 'an offset of 45 minutes, a weekend of one day'),
	('add', 'T13', 'LUNCH', '2024-06-03 11:30-05', '60', '2024-06-03T18:30:00', 'lunch is closed'),
	('add', 'T15', 'DC', '2024-06-07 09:00-04', '480', '2024-06-07T21:00:00', 'due when it closes, not when it opens again'),
	('time', 'T17a', 'W7', '2024-03-09 23:30-05', '2024-03-11 12:00-04', '39600', 'steps of 86400 seconds would skip a date'),
	('add', 'zero', 'DC', '2024-06-08 11:00-04', '0', '2024-06-08T15:00:00', 'nothing to wait for, although it is closed');
CREATE VIEW t.result AS
SELECT id, what, expected, CASE kind
	WHEN 'add' THEN to_char(oms.business_add(calendar, start, arg::int) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
	ELSE t.secs(oms.business_time(calendar, start, arg::timestamptz))::int::text END AS got
FROM t.vector;
SELECT is(got, expected, concat_ws(': ', id, what)) FROM t.result;

-- The session's time zone has no say.
SELECT is((SELECT count(*) FROM t.result WHERE got = expected AND set_config('timezone', zone, true) = zone),
	12::bigint, 'all of them in a session in ' || zone)
FROM unnest(ARRAY['America/New_York', 'Asia/Kathmandu', 'Pacific/Apia', 'Australia/Lord_Howe']) zone;
SET LOCAL timezone = 'UTC';

-- More of the catalogue of pitfalls.
SELECT is(oms.business_time('DC', '2024-06-08', '2024-06-01'), interval '0', 'nothing between a later and an earlier instant');
SELECT is(oms.business_time('DC', '2024-06-08', '2024-06-08'), interval '0', 'nor between an instant and itself');
SELECT is(oms.business_time('ALL', '2024-11-02 00:00-04', '2024-11-04 00:00-05')::text, '49:00:00', 'an hour that is repeated counts twice; hours, never days');
SELECT is(t.secs(oms.business_time('GAP', '2024-11-03 00:00-04', '2024-11-04 00:00-05'))::int, 5400, 'but not for a shift after it');
SELECT is(oms.business_add('DC', '2024-06-07 21:00+00', 1), '2024-06-10 13:01+00', 'from closing time on it is the next day');
SELECT is(oms.business_add('NIGHT', '2024-06-05 23:00-04', 120), '2024-06-06 05:00+00', 'hours that meet at midnight are one shift');
SELECT is(oms.business_add('NIGHT', '2024-06-05 23:00-04', 60), '2024-06-06 04:00+00', 'also when the time ends just there');
SELECT is(t.secs(oms.business_time('DC', '2024-06-07 16:59:59.999999-04', '2024-06-10')), 0.000001, 'to the microsecond');
SELECT is(t.secs(oms.business_time('DC', '2024-06-07 17:00-04', '2024-06-10 13:00+00')), 0::numeric, 'closing time is not open');

-- ---------------------------------------------------------------------------
-- Arguments
-- ---------------------------------------------------------------------------
SELECT is(error_code(sql), '22023', sql) FROM unnest(ARRAY[
	$$SELECT oms.business_time('nowhere', 'epoch', 'epoch')$$,
	$$SELECT oms.business_add('nowhere', 'epoch', 1)$$,
	$$SELECT oms.business_time('DC', '-infinity', 'epoch')$$,
	$$SELECT oms.business_time('DC', 'epoch', 'infinity')$$,
	$$SELECT oms.business_add('DC', 'infinity', 1)$$,
	$$SELECT oms.business_add('DC', 'epoch', -1)$$,
	$$SELECT oms.business_time(NULL, 'epoch', 'epoch')$$,
	$$SELECT oms.business_time('DC', NULL, 'epoch')$$,
	$$SELECT oms.business_time('DC', 'epoch', NULL)$$,
	$$SELECT oms.business_add('DC', 'epoch', NULL)$$,
	$$SELECT oms.us_federal_holidays(NULL)$$,
	$$SELECT oms.us_federal_holidays(1970)$$,
	$$SELECT oms.us_federal_holidays(10000)$$,
	$$SELECT oms.create_calendar(NULL, '{}')$$,
	$$SELECT oms.create_calendar('', '{}')$$,
	$$SELECT oms.create_calendar('DC', NULL)$$]) sql;
SELECT throws_like($$SELECT oms.business_add('nowhere', 'epoch', 1)$$, '%nowhere%', 'the unknown calendar is named');
SELECT is(error_code($$SELECT oms.business_add('DC', '294276-12-01', 1000000)$$), '22008', 'there is an end of time');
SELECT is(error_code($$SELECT oms.business_time('ALL', '4713-01-01 BC', '294276-12-31')$$), '22008', 'a span that no interval can hold');

-- ---------------------------------------------------------------------------
-- Versions
-- ---------------------------------------------------------------------------
SELECT is(oms.create_calendar('DC', definition), 1, 'the same definition is the same version') FROM t.calendar WHERE name = 'DC';
SELECT is(oms.create_calendar('V', '{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}'), 1, 'a first version');
SELECT is(oms.business_time('V', '2024-06-03', '2024-06-10'), interval '1 hour', 'counts');
SELECT is(oms.create_calendar('V', '{"timezone":"UTC","hours":{"mon":["09:00-12:00"]}}'), 2, 'a second one');
SELECT is(oms.business_time('V', '2024-06-03', '2024-06-10'), interval '3 hours', 'counts at once');
SELECT is(oms.create_calendar('V', '{"hours":{"mon":["09:00-12:00"]},"timezone":"UTC"}'), 2, 'the order of keys makes no version');
SELECT is(oms.create_calendar('V', '{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}'), 3, 'the first one again is a third version');
SELECT is(array_agg((version, current) ORDER BY version)::text, '{"(1,f)","(2,f)","(3,t)"}', 'one of them is current') FROM oms.calendar WHERE name = 'V';
SAVEPOINT s;
SELECT oms.create_calendar('V', '{"timezone":"UTC","hours":{"mon":["09:00-15:00"]}}') \g /dev/null
SELECT is(oms.business_time('V', '2024-06-03', '2024-06-10'), interval '6 hours', 'a version that is taken back …');
ROLLBACK TO s;
SELECT is(oms.business_time('V', '2024-06-03', '2024-06-10'), interval '1 hour', '… counts no more');
SELECT is(error_code(sql), 'OM009', sql) FROM unnest(ARRAY[
	$$UPDATE oms.calendar SET definition = '{}'$$, 'DELETE FROM oms.calendar', 'TRUNCATE oms.calendar']) sql;

-- ---------------------------------------------------------------------------
-- Definitions
-- ---------------------------------------------------------------------------
-- What create_calendar says: path, problem.
CREATE FUNCTION t.says(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m	text;
	d	text;
BEGIN
	PERFORM oms.create_calendar('tried', definition);
	RETURN 'fine';
EXCEPTION WHEN SQLSTATE 'OM004' THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
	RETURN d || ' ' || m;
END $$;
CREATE FUNCTION t.base(keys jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT '{"timezone":"UTC","hours":{"mon":["09:00-17:00"]}}'::jsonb || keys $$;

SELECT is(t.says(d::jsonb), e, d) FROM (VALUES
	('1', '$ the calendar must be an object, not a number'),
	('null', '$ the calendar must be an object, not null'),
	('[]', '$ the calendar must be an object, not an array'),
	('{}', '$ the calendar has no "timezone"'),
	('{"timezone":"UTC"}', '$ the calendar is never open'),
	('{"timezone":"UTC","hours":{}}', '$ the calendar is never open'),
	('{"timezone":"UTC","hours":{"mon":[]}}', '$ the calendar is never open'),
	('{"timezone":"UTC","exceptions":{"2024-12-24":[]}}', '$ the calendar is never open'),
	('{"timezone":"UTC","holidays":["2024-12-24"],"exceptions":{"2024-12-24":["09:00-12:00"]}}', '$ the calendar is never open'),
	('{"timezone":"UTC","exceptions":{"2024-12-24":["09:00-12:00"]}}', 'fine')) v(d, e);
SELECT is(t.says(t.base(k::jsonb)), e, k) FROM (VALUES
	('{"timezone":"Mars/Olympus"}', '$.timezone unknown time zone "Mars/Olympus"'),
	('{"timezone":""}', '$.timezone unknown time zone ""'),
	('{"timezone":"../../etc/passwd"}', '$.timezone unknown time zone "../../etc/passwd"'),
	('{"timezone":"UTC+5"}', '$.timezone unknown time zone "UTC+5"'),
	('{"timezone":"Etc/GMT+99"}', '$.timezone unknown time zone "Etc/GMT+99"'),
	('{"timezone":"<+07>-7"}', '$.timezone unknown time zone "<+07>-7"'),
	('{"timezone":5}', '$.timezone timezone of the calendar must be text, not a number'),
	('{"timezone":"Etc/GMT+5"}', 'fine'),
	-- A file of that name, where there is one: it would do as a rule of POSIX as well, and those are no zones.
	('{"timezone":"EST5EDT"}', CASE WHEN EXISTS (SELECT FROM pg_timezone_names WHERE name = 'EST5EDT')
		THEN 'fine' ELSE '$.timezone unknown time zone "EST5EDT"' END),
	('{"timezone":"europe/berlin"}', 'fine'),
	('{"colour":"red"}', '$.colour unknown key "colour" in the calendar'),
	('{"time zone":"UTC"}', '$."time zone" unknown key "time zone" in the calendar'),
	('{"hours":["09:00-17:00"]}', '$.hours hours of the calendar must be an object, not an array'),
	('{"hours":{"monday":["09:00-17:00"]}}', '$.hours.monday unknown key "monday" in hours of the calendar'),
	('{"hours":{"Mon":["09:00-17:00"]}}', '$.hours.Mon unknown key "Mon" in hours of the calendar'),
	('{"hours":{"mon":"09:00-17:00"}}', '$.hours.mon hours.mon of the calendar must be an array, not text'),
	('{"hours":{"mon":null}}', '$.hours.mon hours.mon of the calendar must be an array, not null'),
	('{"hours":{"mon":[9]}}', '$.hours.mon[0] hours.mon[0] of the calendar must be text, not a number'),
	('{"hours":{"mon":["08:00-09:00","17:00-09:00"]}}', '$.hours.mon[1] "17:00-09:00" does not end later than it begins'),
	('{"hours":{"mon":["09:00-09:00"]}}', '$.hours.mon[0] "09:00-09:00" does not end later than it begins'),
	('{"hours":{"mon":["22:00-00:00"]}}', '$.hours.mon[0] "22:00-00:00" does not end later than it begins'),
	('{"hours":{"mon":["24:00-24:00"]}}', '$.hours.mon[0] "24:00-24:00" does not end later than it begins'),
	('{"hours":{"mon":["9-17"]}}', '$.hours.mon[0] "9-17" are no hours'),
	('{"hours":{"mon":["09:00-24:01"]}}', '$.hours.mon[0] "09:00-24:01" are no hours'),
	('{"hours":{"mon":["09:60-17:00"]}}', '$.hours.mon[0] "09:60-17:00" are no hours'),
	('{"hours":{"mon":["-9:00-17:00"]}}', '$.hours.mon[0] "-9:00-17:00" are no hours'),
	('{"hours":{"mon":["09:00-17:00 "]}}', '$.hours.mon[0] "09:00-17:00 " are no hours'),
	('{"hours":{"mon":["09:00\n17:00"]}}', '$.hours.mon[0] "09:00?17:00" are no hours'),
	('{"holidays":{"2024-12-24":[]}}', '$.holidays holidays of the calendar must be an array, not an object'),
	('{"holidays":[20241224]}', '$.holidays[0] holidays[0] of the calendar must be text, not a number'),
	('{"holidays":["2024-02-29","2023-02-29"]}', '$.holidays[1] there is no date "2023-02-29"'),
	('{"holidays":["1900-02-29"]}', '$.holidays[0] there is no date "1900-02-29"'),
	('{"holidays":["2024-13-01"]}', '$.holidays[0] there is no date "2024-13-01"'),
	('{"holidays":["0000-01-01"]}', '$.holidays[0] there is no date "0000-01-01"'),
	('{"holidays":["2024-1-1"]}', '$.holidays[0] there is no date "2024-1-1"'),
	('{"holidays":["12/24/2024"]}', '$.holidays[0] there is no date "12/24/2024"'),
	('{"exceptions":["2024-12-24"]}', '$.exceptions exceptions of the calendar must be an object, not an array'),
	('{"exceptions":{"2023-02-29":[]}}', '$.exceptions."2023-02-29" there is no date "2023-02-29"'),
	('{"exceptions":{"2024-12-24":"closed"}}', '$.exceptions."2024-12-24" exceptions."2024-12-24" of the calendar must be an array, not text'),
	('{"exceptions":{"2024-12-24":["12:00-09:00"]}}', '$.exceptions."2024-12-24"[0] "12:00-09:00" does not end later than it begins'),
	('{"holidays":["2024-12-24","2024-12-24"]}', 'fine'),
	('{"exceptions":{"2024-12-24":[]}}', 'fine'),
	('{"hours":{"mon":["00:00-24:00","09:00-17:00"]}}', 'fine')) v(k, e);

-- What the keys mean.
SELECT is(oms.create_calendar('X', '{"timezone":"UTC",
	"hours":{"mon":["09:00-12:00","11:00-13:00","13:00-15:00"],"tue":["09:00-10:00"],"wed":["09:00-10:00"]},
	"holidays":["2024-06-04","2024-06-18"],
	"exceptions":{"2024-06-03":["10:00-11:00"],"2024-06-05":[],"2024-06-06":["00:00-24:00"],"2024-06-18":["09:00-10:00"]}}'), 1, 'a calendar with everything');
SELECT is(t.secs(oms.business_time('X', d::date::timestamptz, d::date + 1))::int / 60, m, format('on %s %s', d, why)) FROM (VALUES
	('2024-06-10', 360, 'hours that overlap or touch are joined'),
	('2024-06-03', 60, 'an exception replaces the hours of the weekday'),
	('2024-06-04', 0, 'a holiday is closed'),
	('2024-06-05', 0, 'an exception without hours closes'),
	('2024-06-06', 1440, 'an exception opens what is closed'),
	('2024-06-18', 0, 'a holiday stays closed with an exception'),
	('2024-06-12', 60, 'any other date is as always')) v(d, m, why);

-- Junk in every place: it is refused in words, or it is right.
CREATE FUNCTION t.fuzz(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	junk	jsonb[] := ARRAY['null', '""', '0', '-1e300', 'true', '[]', '{}', '[[]]', '[null]', '[{}]', '{"":""}', '"09:00-17:00"',
		'["09:00-17:00"]', '["00:00-24:00","00:00-24:00"]', '"2024-02-29"', '["2024-02-29"]', '"99:99-99:99"', '"::::-:::::"',
		'"ⅨⅨ:00-17:00"', '"9999-12-31"', '["9999-12-31","0001-01-01"]', '{"mon":{"mon":[]}}', '{"sun":["23:59-24:00"]}',
		'{"0001-01-01":["00:00-00:01"],"9999-12-31":["23:59-24:00"]}', '{"2024-02-29":null}', '"Asia/Kathmandu"', '"XYZ5"', '"%s%n%d"'];
	paths	text[] := ARRAY['timezone', 'hours', 'hours,mon', 'hours,mon,0', 'hours,tue', 'hours,x', 'holidays', 'holidays,0',
		'exceptions', 'exceptions,2024-12-24', 'exceptions,2024-12-24,0', 'exceptions,x', 'y'];
	d		jsonb;
	state	text;
	seen	text[] := '{}';
BEGIN
	junk := junk || to_jsonb(repeat('x', 70000)) || to_jsonb(repeat('é', 40)) || to_jsonb(E'\x01\n\x7f'::text)
		|| (repeat('[', 5000) || repeat(']', 5000))::jsonb;
	FOR i IN 1 .. n LOOP
		d := '{"timezone":"UTC","hours":{"mon":["09:00-17:00"]},"holidays":["2024-11-11"],"exceptions":{"2024-12-24":["09:00-12:00"]}}';
		FOR k IN 0 .. (random() * 2)::int LOOP
			BEGIN
				d := jsonb_set(d, string_to_array(paths[1 + floor(random() * cardinality(paths))::int], ','),
					junk[1 + floor(random() * cardinality(junk))::int]);
			EXCEPTION WHEN invalid_text_representation THEN
				NULL;	-- the place is gone already
			END;
		END LOOP;
		IF i % 50 = 0 THEN
			d := junk[1 + floor(random() * cardinality(junk))::int];
		END IF;
		BEGIN
			PERFORM oms.create_calendar('fuzz', d);
			PERFORM oms.business_time('fuzz', '2024-01-01', '2025-01-01');
			state := 'fine';
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
		END;
		IF state <> ALL (seen) THEN
			seen := seen || state;
		END IF;
	END LOOP;
	RETURN (SELECT string_agg(s, ' ' ORDER BY s) FROM unnest(seen) s);
END $$;
SELECT setseed(0.5) \g /dev/null
SELECT is(t.fuzz(1500), 'OM004 fine', '1500 spoiled definitions: fine or OM004');

-- ---------------------------------------------------------------------------
-- The oracle
-- ---------------------------------------------------------------------------
-- Is a calendar open at an instant? Straight from the definition, with the server's AT TIME ZONE.
CREATE FUNCTION t.is_open(definition jsonb, at timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
	SELECT coalesce(NOT definition->'holidays' ? to_char(w, 'YYYY-MM-DD'), true) AND EXISTS (
		SELECT FROM jsonb_array_elements_text(coalesce(definition->'exceptions'->to_char(w, 'YYYY-MM-DD'), definition->'hours'->to_char(w, 'dy'))) AS h
		WHERE to_char(w, 'HH24:MI:SS') >= left(h, 5) || ':00' AND to_char(w, 'HH24:MI:SS') < right(h, 5) || ':00')
	FROM (SELECT at AT TIME ZONE (definition->>'timezone') AS w) AS wall
$$;
CREATE FUNCTION t.oracle(definition jsonb, a timestamptz, b timestamptz, step interval DEFAULT '1 minute') RETURNS interval LANGUAGE sql STABLE AS $$
	SELECT coalesce(sum(step) FILTER (WHERE t.is_open(definition, m)), '0') FROM generate_series(a, b - step, step) AS m
$$;

-- Windows in which clocks do something odd, and ordinary ones.
CREATE TABLE t.window (zone text, start timestamptz, what text);
INSERT INTO t.window VALUES
	('Australia/Lord_Howe', '2024-04-05 12:00+00', 'back by 30 minutes'),
	('Australia/Lord_Howe', '2024-10-04 12:00+00', 'on by 30 minutes'),
	('Asia/Kathmandu', '2024-06-01 00:00+00', '45 minutes'),
	('Asia/Kathmandu', '1985-12-31 00:00+00', 'from 5:30 to 5:45'),
	('Pacific/Chatham', '2024-04-05 12:00+00', '45 minutes, and back'),
	('Pacific/Chatham', '2024-09-27 12:00+00', '45 minutes, and on'),
	('America/Havana', '2024-03-09 12:00+00', 'midnight does not exist'),
	('America/Havana', '2024-11-02 12:00+00', 'midnight is repeated'),
	('Asia/Beirut', '2024-03-30 00:00+00', 'midnight does not exist'),
	('Asia/Beirut', '2024-10-26 00:00+00', 'back at midnight: a date comes twice'),
	('America/Sao_Paulo', '2018-11-03 12:00+00', 'midnight does not exist'),
	('America/Sao_Paulo', '2018-02-17 00:00+00', 'back at midnight'),
	('America/St_Johns', '2006-10-28 12:00+00', 'back at a minute past midnight'),
	('America/St_Johns', '2007-03-10 12:00+00', 'on at a minute past midnight'),
	('Africa/Cairo', '2024-04-25 12:00+00', 'midnight does not exist'),
	('Pacific/Apia', '2011-12-29 12:00+00', 'a date that never was'),
	('Pacific/Kwajalein', '1993-08-20 00:00+00', 'another date that never was'),
	('America/New_York', '2024-03-09 12:00+00', 'on'),
	('America/New_York', '2024-11-02 12:00+00', 'back'),
	('America/New_York', '2436-11-01 12:00+00', 'far off'),
	('Europe/Dublin', '2024-03-30 00:00+00', 'summer time the other way round'),
	('Europe/Moscow', '2014-10-25 00:00+00', 'back for good'),
	('Africa/Casablanca', '2024-03-09 00:00+00', 'winter in Ramadan'),
	('Asia/Pyongyang', '2018-05-04 00:00+00', 'half an hour, once'),
	('America/Caracas', '2016-04-30 12:00+00', 'half an hour, once'),
	('Antarctica/Troll', '2024-03-30 12:00+00', 'two hours'),
	('Asia/Tehran', '2022-03-21 00:00+00', 'at midnight, half an hour off'),
	('Asia/Gaza', '2024-04-19 12:00+00', 'another midnight'),
	('Asia/Kolkata', '2024-06-01 00:00+00', 'half an hour, no changes'),
	('UTC', '1999-12-31 00:00+00', 'nothing'),
	('Etc/GMT+12', '2024-06-01 00:00+00', 'as far west as it gets'),
	('Pacific/Kiritimati', '1994-12-30 00:00+00', 'a date that never was, and as far east as it gets');

-- Random hours, whole hours and odd minutes, some to midnight and from it; an exception and a holiday.
CREATE FUNCTION t.hours() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(jsonb_agg(format('%s:%s-%s:%s', lpad((least(a, b) / 60)::text, 2, '0'), lpad((least(a, b) % 60)::text, 2, '0'),
		lpad((greatest(a, b) / 60)::text, 2, '0'), lpad((greatest(a, b) % 60)::text, 2, '0'))), '[]')
	FROM (SELECT CASE WHEN random() < 0.3 THEN 0 WHEN random() < 0.5 THEN floor(random() * 24)::int * 60 ELSE floor(random() * 1440)::int END AS a,
			CASE WHEN random() < 0.3 THEN 1440 WHEN random() < 0.5 THEN floor(random() * 24)::int * 60 ELSE floor(random() * 1440)::int END AS b
		FROM generate_series(1, (0.2 + random() * 2.6)::int)) AS r
	WHERE a <> b
$$;
CREATE FUNCTION t.random_calendar(zone text, near timestamptz) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object('timezone', zone,
		'hours', (SELECT jsonb_object_agg(d, t.hours()) FROM unnest('{mon,tue,wed,thu,fri,sat}'::text[]) d) || '{"sun":["00:00-01:30","23:00-24:00"]}',
		'holidays', jsonb_build_array(to_char(near + random() * interval '4 days', 'YYYY-MM-DD')),
		'exceptions', jsonb_build_object(to_char(near + random() * interval '4 days', 'YYYY-MM-DD'), t.hours()))
$$;

CREATE TABLE t.trial (nr int, name text, definition jsonb, a timestamptz, b timestamptz);
INSERT INTO t.trial
SELECT nr, 'R' || nr, t.random_calendar(zone, start), start + floor(random() * 1440) * interval '1 minute', start + (1440 + floor(random() * 1440)) * interval '1 minute'
FROM (SELECT w.*, row_number() OVER ()::int AS nr FROM t.window w, generate_series(1, 3)) w;
SELECT is((SELECT count(*) FROM t.trial WHERE oms.create_calendar(name, definition) = 1), 96::bigint, 'random calendars');
CREATE TABLE t.judged AS
SELECT *, oms.business_time(name, a, b) AS got, t.oracle(definition, a, b) AS expected FROM t.trial;
SELECT is_empty('SELECT * FROM t.judged WHERE got <> expected', 'business_time is what counting the minutes gives');
SELECT cmp_ok((SELECT count(*) FROM t.judged WHERE got > '0'), '>', 80::bigint, 'and mostly that is something');
SELECT is((SELECT count(*) FROM t.judged WHERE set_config('timezone', zone, true) = zone AND got = oms.business_time(name, a, b)),
	96::bigint, 'also in a session in ' || zone)
FROM unnest(ARRAY['America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu', 'Europe/Dublin']) zone;
SET LOCAL timezone = 'UTC';

-- Clocks that changed by seconds.
SELECT is(oms.create_calendar('MON', '{"timezone":"Africa/Monrovia","hours":{"thu":["00:00-24:00"],"fri":["00:10-09:00"]}}'), 1, 'a calendar of Liberia');
SELECT is(oms.business_time('MON', '1972-01-06 12:00+00', '1972-01-07 12:00+00'),
	t.oracle(definition, '1972-01-06 12:00+00', '1972-01-07 12:00+00', '1 second'), 'Liberia left its offset of 44 minutes and 30 seconds')
FROM oms.calendar WHERE name = 'MON';

-- ---------------------------------------------------------------------------
-- Adding and measuring undo each other
-- ---------------------------------------------------------------------------
CREATE TABLE t.added AS
SELECT name, definition, a, m, oms.business_add(name, a, m) AS due
FROM (SELECT *, CASE WHEN random() < 0.5 THEN floor(random() * 3000)::int + 1 ELSE floor(random() * 300000)::int + 1 END AS m
	FROM t.trial, generate_series(1, 20)) AS x;
SELECT is_empty($$SELECT * FROM t.added WHERE t.secs(oms.business_time(name, a, due)) <> m * 60$$, 'what is added is what is measured');
SELECT is_empty($$SELECT * FROM t.added WHERE t.secs(oms.business_time(name, a, due - interval '1 microsecond')) <> m * 60 - 0.000001$$,
	'and a microsecond earlier it is a microsecond less, so there is no earlier due time');
SELECT is_empty($$SELECT * FROM t.added WHERE oms.business_add(name, oms.business_add(name, a, m / 2), m - m / 2) <> due$$, 'two halves are a whole');
SELECT is_empty($$SELECT * FROM (SELECT *, a + random() * (due - a) AS middle FROM t.added) x
	WHERE oms.business_time(name, a, middle) + oms.business_time(name, middle, due) <> oms.business_time(name, a, due)$$, 'wherever a span is cut, the parts add up');
SELECT is_empty($$SELECT * FROM t.added WHERE NOT t.is_open(definition, due - interval '1 microsecond')$$, 'time runs out in open time');

-- ---------------------------------------------------------------------------
-- Long, and hopeless
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.msecs(sql text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE
	start	timestamptz := clock_timestamp();
BEGIN
	EXECUTE format('SELECT count(%s) FROM generate_series(1, 1000)', sql);
	RETURN extract(epoch FROM clock_timestamp() - start);
END $$;
SELECT is(oms.business_time('ALL', '2014-06-01 00:00-04', '2024-06-01 00:00-04')::text, '87672:00:00', 'ten years are 3653 times 24 hours');
SELECT is(t.secs(oms.business_time('ALL', a, b)), extract(epoch FROM b) - extract(epoch FROM a), 'eight thousand years are open all the time')
FROM (VALUES ('1900-06-01 00:00-05'::timestamptz, '9900-06-01 00:00-04'::timestamptz)) v(a, b);
SELECT cmp_ok(t.msecs($$oms.business_time('DC', '2014-06-01', '2024-06-01')$$), '<', 1.0::float, 'ten years in less than a millisecond');
SELECT cmp_ok(t.msecs($$oms.business_add('DC', '2014-06-01', 1000000)$$), '<', 1.0::float, 'a million minutes, too');
SELECT is(oms.business_time('DC', '2014-06-01', oms.business_add('DC', '2014-06-01', 1000000)), interval '1 minute' * 1000000, 'and right');

SELECT is(oms.create_calendar('LAST', '{"timezone":"UTC","exceptions":{"2024-06-03":["09:00-10:00"],"2034-06-01":["09:00-10:00"],"2044-06-05":["09:00-10:00"]}}'), 1, 'three dates');
SELECT is(oms.business_add('LAST', '2024-06-01', 61), '2034-06-01 09:01+00', 'closed for not quite ten years');
SELECT is(error_code($$SELECT oms.business_add('LAST', '2024-06-01', 121)$$), '22023', 'closed for ten years and some days');
SELECT is(error_code($$SELECT oms.business_add('LAST', '2045-01-01', 1)$$), '22023', 'closed for ever');
SELECT is(oms.business_time('LAST', '2024-01-01', '2100-01-01'), interval '3 hours', 'to be measured none the less');
SELECT is(oms.business_add('LAST', '2045-01-01', 0), '2045-01-01 00:00+00', 'and zero is always there');

-- ---------------------------------------------------------------------------
-- Federal holidays
-- ---------------------------------------------------------------------------
SELECT is((SELECT string_agg(to_char(d, 'MM-DD'), ' ' ORDER BY nr) FROM oms.us_federal_holidays(y) WITH ORDINALITY AS h(d, nr)), e, y::text) FROM (VALUES
	(1971, '01-01 02-15 05-31 07-05 09-06 10-11 10-25 11-25 12-24 12-31'),
	(1977, '02-21 05-30 07-04 09-05 10-10 10-24 11-24 12-26'),
	(1978, '01-02 02-20 05-29 07-04 09-04 10-09 11-10 11-23 12-25'),
	(1985, '01-01 02-18 05-27 07-04 09-02 10-14 11-11 11-28 12-25'),
	(1986, '01-01 01-20 02-17 05-26 07-04 09-01 10-13 11-11 11-27 12-25'),
	(2020, '01-01 01-20 02-17 05-25 07-03 09-07 10-12 11-11 11-26 12-25'),
	(2021, '01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31'),
	(2022, '01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26'),
	(2024, '01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25'),
	(2027, '01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31')) v(y, e);
-- The same rules in SQL.
CREATE FUNCTION t.holidays(y int) RETURNS SETOF date LANGUAGE sql AS $$
	SELECT CASE extract(isodow FROM d) WHEN 6 THEN d - 1 WHEN 7 THEN d + 1 ELSE d END
	FROM (SELECT make_date(n, month, day) AS d FROM (VALUES (1, 1, 0), (6, 19, 2021), (7, 4, 0), (11, 11, 1978), (12, 25, 0)) v(month, day, since),
			generate_series(y, y + 1) AS n WHERE n >= since) AS fixed
	WHERE extract(year FROM CASE extract(isodow FROM d) WHEN 6 THEN d - 1 WHEN 7 THEN d + 1 ELSE d END) = y
	UNION SELECT d FROM (VALUES (1, 1, 15, 1986, 9999), (2, 1, 15, 0, 9999), (5, 1, 25, 0, 9999), (9, 1, 1, 0, 9999), (10, 1, 8, 0, 9999), (10, 1, 22, 0, 1977), (11, 4, 22, 0, 9999)) v(month, dow, earliest, since, until),
		LATERAL (SELECT make_date(y, month, earliest) + n AS d FROM generate_series(0, 6) n) AS days
	WHERE extract(isodow FROM d) = dow AND y BETWEEN since AND until
$$;
SELECT is((SELECT count(*) FROM generate_series(1971, 2400) y WHERE ARRAY(SELECT * FROM oms.us_federal_holidays(y)) <> ARRAY(SELECT d FROM t.holidays(y) d ORDER BY d)),
	0::bigint, 'four centuries of them, ascending');
SELECT is((SELECT max(d) FROM oms.us_federal_holidays(9999) d), '9999-12-31'::date, 'to the last year, whose last day is off');

SELECT finish();
ROLLBACK;
