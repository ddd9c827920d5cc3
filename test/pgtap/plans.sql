-- What is looked up by a key is read by an index, even if a session has made its plan while the tables were empty: it may
-- open a hundred thousand tickets in one transaction, and no statistics tell it of them.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\ir include/scene.psql
CREATE FUNCTION t.read(tables text[]) RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_xact_all_tables WHERE schemaname = 'oms' AND relname = ANY (tables)
$$;
SELECT oms.create_workflow('{"name":"P","stages":[{"id":"a","owner":"turns"}]}') \g /dev/null
CREATE ROLE plans_ann;
CREATE ROLE plans_bob;
SELECT oms.set_owner('turns', 'group', members => '{plans_ann,plans_bob}', assignment => 'least_loaded') \g /dev/null
ANALYZE oms.idempotency, oms.ticket_state, oms.stage_state;

SELECT oms.open_ticket('P', idempotency_key => 'early ' || n) FROM generate_series(1, 20) AS n \g /dev/null
SELECT count(*) FROM generate_series(1, 500) AS n, LATERAL (SELECT oms.open_ticket('P', idempotency_key => 'key ' || n)) AS o \g /dev/null
SELECT is(t.read('{idempotency}'), 0::bigint, 'a new idempotency key');
SELECT is(count(DISTINCT oms.open_ticket('P', idempotency_key => 'key ' || n)), 500::bigint, 'the same keys again') FROM generate_series(1, 500) AS n;
SELECT is(t.read('{idempotency}'), 0::bigint, '… are found');
SELECT cmp_ok(t.read('{stage_state}'), '<', 100::bigint, 'who has least to do');

CREATE ROLE plans_form;
SELECT oms.grant_access('plans_form', 'portal') \g /dev/null
SET oms.max_open_tickets_per_role = 100;
SELECT t.read('{ticket_state}') AS before \gset
SET LOCAL ROLE plans_form;
SELECT count(oms.open_ticket('P')) FROM generate_series(1, 50) \g /dev/null
RESET ROLE;
SELECT is(t.read('{ticket_state}') - :before, 0::bigint, 'how many tickets a role has open');

SELECT t.findings();
SELECT * FROM finish();
ROLLBACK;
