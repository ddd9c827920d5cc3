-- What is erased is gone from every table, and the chains of hashes are whole all the same.
\ir include/settings.psql
SET client_min_messages = warning;

SELECT no_plan();
\set roles er
\ir include/trust.psql

BEGIN;
-- Where a word stands in any column of any table of oms, and of its views but those of check(), which show nothing else.
CREATE FUNCTION t.where_is(word text) RETURNS SETOF text LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text;
	relation regclass;
BEGIN
	FOR name, relation IN SELECT relname, oid FROM pg_class WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind IN ('r', 'v', 'm', 'p') AND relname !~ '^check' ORDER BY relname COLLATE "C" LOOP
		RETURN QUERY EXECUTE format('SELECT DISTINCT %L FROM %s AS x WHERE strpos(to_jsonb(x)::text, $1) > 0', name, relation) USING word;
	END LOOP;
END $$;
SELECT oms.open_ticket('Loan', '{"name":"CANARY-data","keep":{"me":1},"deep":{"ssn":"CANARY-deep","x":1},"list":[1,"CANARY-list"]}', 'erase me', 0, 'CANARY-applicant')::text AS e1,
	oms.open_ticket('Loan', '{"name":"CANARY-data","n":2}', 'erase me too', 0, 'CANARY-applicant')::text AS e2, oms.open_ticket('Loan', '{"name":"bystander"}', NULL, 0, 'bystander')::text AS e3 \gset
SELECT oms.comment(:'e1', 'CANARY-note'), oms.comment(:'e1', 'CANARY-public', 'a', true), oms.escalate(:'e1', 'a', 'CANARY-reason'), oms.comment(:'e1', 'plain') \g /dev/null
SELECT oms.stage_failed(:'e1', 'a', 'CANARY-error') \g /dev/null
SELECT oms.stage_done(:'e1', 'a', '{"result":"CANARY-output","ok":true}'), oms.stage_done(:'e2', 'a', '{"result":"CANARY-output"}') \g /dev/null
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-data')$$, ARRAY['ticket', 'timeline'], 'the data stands in two places');
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-applicant')$$, ARRAY['any_ticket', 'open_stage', 'report_open', 'ticket', 'ticket_state'], 'the applicant too');
SELECT set_eq($$SELECT * FROM t.where_is('CANARY-output')$$, ARRAY['stage', 'timeline'], 'and the output');
CREATE TEMP TABLE hashes AS SELECT ticket_id, seq, hash FROM oms.timeline;

-- Piece by piece.
SELECT is(t.try('er_staff', format('SELECT oms.erase(%L, ''{name}'', ''r'')', :'e1')), '42501', 'staff do not erase');
SELECT is(oms.erase(:'e1', '{name,deep.ssn}', 'request 1'), 2, 'two keys of the data');
SELECT is(oms.get_ticket(:'e1') -> 'data', '{"keep":{"me":1},"deep":{"x":1},"list":[1,"CANARY-list"]}'::jsonb, 'the rest of it stays');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-deep')), 0::bigint, 'a key within is gone everywhere');
SELECT is(oms.erase(:'e1', '{output.a.result}', 'request 2'), 1, 'a key of an output');
SELECT is(oms.get_ticket(:'e1') #> '{stages,0,output}', '{"ok":true}', 'the rest of it stays');
SELECT seq AS note_seq FROM oms.timeline WHERE ticket_id = :'e1' AND note = 'CANARY-note' \gset
SELECT is(oms.erase(:'e1', ARRAY['note.' || :'note_seq'], 'request 3'), 1, 'one note');
SELECT is(t.try('er_admin', format('SELECT oms.erase(%L, ''{note.%s}'', ''r'')', e.ticket_id, e.seq)), '22023', 'note.' || e.seq || ' of an event with data is not the data') FROM oms.timeline e WHERE e.ticket_id = :'e2' AND e.payload IS NOT NULL;
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND payload::text LIKE '%CANARY%'), 2::bigint, '… which is still there');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-note')), 0::bigint, '… is gone');
SELECT is((SELECT count(*) FROM t.where_is('CANARY-reason')), 2::bigint - 1, '… the others stay');
SELECT is(t.try('er_admin', format('SELECT oms.erase(%L, ARRAY[%L], ''r'')', :'e1', p)), '22023', 'names nothing: ' || p)
FROM unnest(ARRAY['name', 'deep.ssn', 'no.such', 'note.' || :'note_seq', 'note.0', 'note.99999', 'note.x', 'note.1', 'output.b', '', 'output.a.result']) p;
SELECT is(t.try('er_admin', format('SELECT oms.erase(%L, ''{list,no such}'', ''r'')', :'e1')), '22023', 'all paths or none');
SELECT is(oms.get_ticket(:'e1') #>> '{data,list,1}', 'CANARY-list', '… so it is still there');
SELECT is(oms.erase(:'e1', '{notes}', 'request 4'), 1, 'all notes');
SELECT is((SELECT count(*) FROM t.where_is(w)), 0::bigint, w || ' is gone') FROM unnest(ARRAY['CANARY-note', 'CANARY-public', 'CANARY-reason', 'CANARY-error']) w;
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e1' AND status = 'erased' AND note LIKE 'request _'), 4::bigint, 'the reasons of erasures stay: they say why the others are gone');
SELECT is(oms.erase(:'e1', '{data,output.a,applicant}', 'request 5'), 3, 'what is left');
SELECT is((SELECT oms.get_ticket(:'e1') - 'history') ->> 'applicant', NULL, 'no applicant');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e1' AND to_jsonb(timeline)::text LIKE '%CANARY%'), 0::bigint, 'nothing of the ticket is left in its timeline');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chain is whole');

-- A whole person.
SELECT is(oms.erase_applicant('CANARY-applicant', 'letter of today'), 1, 'erase_applicant: the ticket that still was theirs');
SELECT is_empty($$SELECT * FROM t.where_is('CANARY')$$, 'no trace in any table of oms');
SELECT is(oms.erase_applicant('CANARY-applicant', 'again'), 0, 'again: nothing left to do');
SELECT is(oms.get_ticket(:'e2') -> 'data', '{}', 'no data');
SELECT is(oms.get_ticket(:'e2') #> '{stages,0,output}', '{}', 'no output');
SELECT is(oms.get_ticket(:'e3') #>> '{data,name}', 'bystander', 'others keep theirs');
SELECT is((SELECT applicant FROM oms.ticket WHERE ticket_id = :'e3'), 'bystander', '… all of it');
SELECT is_empty('SELECT * FROM oms.verify_timeline()', 'the chains are whole');
SELECT is_empty($$SELECT * FROM hashes h WHERE hash IS DISTINCT FROM (SELECT e.hash FROM oms.timeline e WHERE e.ticket_id = h.ticket_id AND e.seq = h.seq)$$, 'no hash has changed');
SELECT is_empty($$SELECT ticket_id, seq FROM oms.timeline WHERE salt IS NULL AND (note IS NOT NULL OR payload IS NOT NULL)$$, 'no content without its salt');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND (note_digest IS NOT NULL OR payload_digest IS NOT NULL) AND salt IS NOT NULL), 0::bigint, 'no digest with its salt');
SELECT cmp_ok((SELECT count(*) FROM oms.timeline WHERE ticket_id = :'e2' AND payload_digest IS NOT NULL), '>=', 2::bigint, 'the digests stay');
SELECT is_empty($$SELECT key FROM oms.idempotency WHERE key LIKE 'erase me%' AND request_hash IS NOT NULL$$, 'nor a digest of the request');
SELECT is((SELECT count(*) FROM oms.timeline WHERE ticket_id IN (:'e1', :'e2') AND status = 'erased'), 6::bigint, 'each erasure is an event');
-- The request again is the same ticket, whatever its data: it cannot be compared any more.
SELECT is(oms.open_ticket('Loan', '{"name":"CANARY-data","n":2}', 'erase me too')::text, :'e2', 'the same request: the same ticket');
SELECT is_empty($$SELECT * FROM t.where_is('CANARY')$$, '… and the data is not back');
-- Life goes on.
SELECT is(oms.stage_done(:'e2', 'b')::text, '{}', 'the ticket can be finished');
SELECT is(oms.get_ticket(:'e2') ->> 'status', 'done', '… is');
SELECT isnt(oms.track(oms.tracking_number(:'e2')), NULL, 'its tracking number works');
SELECT is(t.try('er_admin', s), c, s) FROM (VALUES ('SELECT oms.erase(''L-2026-77777'', ''{data}'', ''r'')', 'OM002'), (format('SELECT oms.erase(%L, ''{data}'', NULL)', :'e3'), '22023'), (format('SELECT oms.erase(%L, NULL, ''r'')', :'e3'), '22023'),
	(format('SELECT oms.erase(%L, ''{NULL}'', ''r'')', :'e3'), '22023'), ('SELECT oms.erase_applicant(NULL, ''r'')', '22023'), ('SELECT oms.erase_applicant(''x'', '''')', '22023')) v (s, c);

SELECT finish();
ROLLBACK;
\ir include/trust_end.psql
