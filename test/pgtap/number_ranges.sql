-- Ranges of ticket numbers: what several databases share so that a number is unique over all of them, and what happens at
-- the last one, as docs/operation/capacity.md says.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
CREATE FUNCTION t.n(ticket oms.ticket_id) RETURNS int LANGUAGE sql RETURN split_part(ticket::text, '-', 3)::int;
CREATE FUNCTION t.open(times int DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t.n(oms.open_ticket('Ranges'))::text, ' ') FROM generate_series(1, times) $$;
CREATE FUNCTION t.left() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(value::bigint::text, ' of ' ORDER BY name DESC) FROM oms.metrics() WHERE name ~ '^oms_ticket_numbers' $$;
CREATE FUNCTION t.found() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', kind, ticket, detail), ' | ' ORDER BY ticket) FROM oms.check() $$;
SELECT oms.create_workflow('{"name": "Ranges", "stages": [{"id": "a", "owner": "A"}]}') \g /dev/null

-- Without a range everything is as it was.
SELECT is(t.open(2), '1 2', 'without a range the numbers begin at 1');
SELECT is(t.left(), '2147483645 of 2147483647', 'all but two are left');
SELECT is((SELECT count(*) FROM oms.number_range), 0::bigint, 'there is no range');

-- What is refused, and changes nothing
SELECT throws_ok($$SELECT oms.set_number_ranges(NULL)$$, '22023', 'ranges must not be null', 'NULL');
SELECT throws_ok($$SELECT oms.set_number_ranges('{[0,10]}')$$, '22023', 'ticket numbers are from 1 to 2147483647, the range [0,11) is not', 'from 0');
SELECT throws_ok($$SELECT oms.set_number_ranges('{[1,2147483648]}')$$, '22023', 'ticket numbers are from 1 to 2147483647, the range [1,2147483649) is not', 'beyond the last number');
SELECT throws_ok($$SELECT oms.set_number_ranges('{[1,)}')$$, '22023', 'ticket numbers are from 1 to 2147483647, the range [1,) is not', 'without an end');
SELECT throws_like($$SELECT oms.set_number_ranges('{[2,10]}')$$, 'ticket % would be outside of the ranges', 'without a ticket that is there');
SELECT is((SELECT count(*) FROM oms.number_range), 0::bigint, 'there is still no range');

-- One range after the other
SELECT oms.set_number_ranges('{[1,4],[11,12],[13,13],[21,2147483647]}') \g /dev/null
SELECT is((SELECT string_agg(concat_ws('-', first_number, last_number), ' ' ORDER BY first_number) FROM oms.number_range), '1-4 11-13 21-2147483647', 'ranges, joined where they meet');
SELECT is(t.left(), '2147483632 of 2147483634', 'what is left of them');
SELECT is(t.open(7), '3 4 11 12 13 21 22', 'used to the end, then the next');
SELECT is(t.n(t), 23 + i::int - 1, 'many at once') FROM oms.open_tickets('Ranges', array_fill('{}'::jsonb, ARRAY[3])) WITH ORDINALITY AS o (t, i);
SELECT is(t.found(), NULL, 'check() has nothing to say');

-- A sequence that is behind, or far ahead, comes into a range.
SELECT setval('oms.ticket_number', 1, false) \g /dev/null
SELECT is(t.open(), '26', 'behind: beyond what was given out');
SELECT setval('oms.ticket_number', 5, false), oms.activate() \g /dev/null
SELECT is(t.open(2), '27 28', 'activate() moves it there as well');

-- The end, and going on after it.  Openings that fail use up nothing.
SELECT oms.set_number_ranges('{[1,30]}') \g /dev/null
SELECT is(t.open(2), '29 30', 'to the last one');
SELECT throws_ok($$SELECT oms.open_ticket('Ranges')$$, '54000', 'the ticket numbers of this database are used up', 'then an error');
SELECT throws_ok($$SELECT oms.open_tickets('Ranges', ARRAY['{}', '{}']::jsonb[])$$, '54000', NULL, 'for many, too');
SELECT throws_ok($$SELECT * FROM oms.import_tickets('Ranges', '[{"opened_at": "2020-01-01"}]', false)$$, '54000', NULL, 'and for an import');
SELECT is(t.left(), '0 of 30', 'none is left');
SELECT lives_ok($$SELECT oms.activate()$$, 'activate() does not mind');
SELECT is(t.found(), NULL, 'nor does check()');
SELECT oms.set_number_ranges('{[1,30],[31,33]}') \g /dev/null
SELECT is(t.open(3), '31 32 33', 'the next range begins with its first number, whatever failed before');
SELECT oms.set_number_ranges('{[1,33],[101,110]}'), oms.set_number_ranges('{[1,33],[101,110]}') \g /dev/null
SELECT is(t.open(), '101', 'a range elsewhere');
SELECT oms.set_number_ranges('{[1,33],[50,60],[101,110]}') \g /dev/null
SELECT is(t.open(), '102', 'a range below the last number is not used any more');
SELECT is(t.left(), '8 of 54', 'and counts as used');

-- Also if the last number was drawn and rolled back
SAVEPOINT before;
SELECT t.open(8) \g /dev/null
ROLLBACK TO before;
SELECT throws_ok($$SELECT oms.open_ticket('Ranges')$$, '54000', NULL, 'a number that was rolled back is not used again');

-- The journal, check() and who may
SELECT is((SELECT string_agg(concat_ws(' ', before, '>', after), ' | ' ORDER BY seq) FROM oms.journal WHERE what = 'number ranges' AND seq > (SELECT max(seq) - 2 FROM oms.journal WHERE what = 'number ranges')),
	'[[1, 33]] > [[1, 33], [101, 110]] | [[1, 33], [101, 110]] > [[1, 33], [50, 60], [101, 110]]', 'the journal says what changed; the same again is no change');
SELECT throws_like($$SELECT oms.set_number_ranges('{[50,60]}')$$, 'ticket % would be outside of the ranges', 'a ticket stays inside');
UPDATE oms.number_range SET last_number = 100 WHERE first_number = 1;
DELETE FROM oms.number_range WHERE first_number = 101;
SELECT is(regexp_replace(t.found(), 'R-\d+', 'R', 'g'), 'numbers R-00101 its number is in no range of this database (oms.number_range) | numbers R-00102 its number is in no range of this database (oms.number_range) | journal number ranges "": it is not as the journal says',
	'check() finds what passed by, and numbers that are outside');
SELECT oms.set_number_ranges('{}') \g /dev/null
SELECT is((SELECT count(*) FROM oms.number_range), 0::bigint, 'none again');
SELECT is(t.open(), '111', 'all numbers');
SELECT is(t.found(), NULL, 'all is well');
CREATE ROLE t_ranges;
SELECT oms.grant_access('t_ranges', 'staff') \g /dev/null
SET LOCAL ROLE t_ranges;
SELECT is((SELECT count(*) FROM oms.number_range), 0::bigint, 'staff may read them');
SELECT throws_ok($$SELECT oms.set_number_ranges('{}')$$, '42501', NULL, 'and not write them');
RESET ROLE;

SELECT finish();
ROLLBACK;
