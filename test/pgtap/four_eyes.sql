-- Four eyes: whoever had a hand in one stage cannot do the other, by whatever call, name or role.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\set roles eyes
\ir include/people.psql

SELECT oms.create_workflow('{"name":"Eyes","stages":[{"id":"a","owner":"Desk"},{"id":"b","owner":"Back","dependsOn":["a"],"notSameAs":"a"}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"EyesTeam","stages":[{"id":"b","owner":"Desk"},{"id":"a","owner":"Team","dependsOn":["b"],"notSameAs":"b"}]}') \g /dev/null
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.stage_done(TK, 'a')
	> 42501 oms.claim_stage(TK, 'b', 'ann')
	> 42501 oms.assign(TK, 'b', 'ann')
	> oms.claim_stage(TK, 'b', 'bob')
	> 42501 oms.assign(TK, 'b', 'ann')
	> 42501 oms.delegate(TK, 'b', 'ann')
	> oms.delegate(TK, 'b', 'cid')
	> oms.stage_done(TK, 'b')
	$$, 't.states(TK)'), 'a done, b done', 'who did it cannot do the other: claim_stage, assign, delegate');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim('Desk', 'ann')
	> oms.stage_done(TK, 'a')
	$$, $$(SELECT count(*) FROM oms.claim('Back', 'ann')), (SELECT count(*) FROM oms.claim('Back', 'bob'))$$), '(0,1)', 'claim passes over it');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim('Desk', 'ann')
	> oms.stage_done(TK, 'a')
	> oms.stage_done(oms.open_ticket('Eyes'), 'a')
	$$, $$(SELECT count(*) FROM oms.claim('Back', 'ann', 10)), (SELECT count(*) FROM oms.claim('Back', 'bob', 10))$$), '(1,1)', 'and takes the next');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> set_config('role', 'eyes_staff', true)
	> oms.stage_done(TK, 'a')
	> set_config('role', 'postgres', true)
	$$, $$error_code(format('SET LOCAL ROLE eyes_staff; SELECT oms.stage_done(%L, %L)', TK, 'b'))$$), '42501', 'stage_done without a claim: the role is who did it') WHERE current_user = 'postgres';
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.assign(TK, 'a', 'bob')
	> oms.stage_done(TK, 'a')
	> 42501 oms.claim_stage(TK, 'b', 'bob')
	> oms.claim_stage(TK, 'b', 'ann')
	$$, 't.who(TK, ''b'')'), 'in_progress ann', 'who finished it did it');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.stage_done(TK, 'a')
	> oms.claim_stage(TK, 'b', 'bob')
	> oms.send_back(TK, 'b', 'a', 'r')
	> oms.claim_stage(TK, 'a', 'cid')
	> oms.stage_done(TK, 'a')
	> 42501 oms.claim_stage(TK, 'b', 'cid')
	> oms.claim_stage(TK, 'b', 'bob')
	$$, 't.who(TK, ''b'')'), 'in_progress bob', 'after rework: who did it this time');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.skip_stage(TK, 'a', 'r')
	> oms.claim_stage(TK, 'b', 'ann')
	$$, 't.who(TK, ''b'')'), 'in_progress ann', 'nobody did what was skipped');
SELECT is(t.play('Eyes', $$
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.stage_done(TK, 'a')
	> oms.claim_stage(TK, 'b', 'bob')
	> oms.hold(TK, 'b', 'r')
	> oms.reassign(TK, 'b', 'Other', 'r')
	> oms.resume(TK, 'b')
	> 42501 oms.claim_stage(TK, 'b', 'ann')
	$$, $$(SELECT count(*) FROM oms.claim('Other', 'ann'))$$), '0', 'for another owner too');
SELECT is(t.play('EyesTeam', $$
	2026-03-02 09:00+00 > t.team('$$ || how || $$', 'ann,bob')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'eyes_ann')
	> oms.stage_done(TK, 'b')
	$$, 't.who(TK)'), 'in_progress bob', how || ' passes over it') FROM unnest('{round_robin,least_loaded}'::text[]) how;
SELECT is(t.play('EyesTeam', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'ann')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'eyes_ann')
	> oms.stage_done(TK, 'b')
	$$, 't.who(TK), t.log(TK) <> ''queued'''), '(queued,t)', 'nobody else: it stays queued, with an event');
SELECT is(t.play('EyesTeam', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'bob')
	> t.away('bob', 'ann')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'eyes_ann')
	> oms.stage_done(TK, 'b')
	$$, 't.who(TK)'), 'queued', 'not for one who stands in either');

-- Who finishes without the token of the holder has a hand in it as well, and all of them have to be others.
CREATE FUNCTION t.sees(tk oms.ticket_id) RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT count(*) FROM oms.check(tk) c WHERE c.kind = 'hands' $$;
CREATE FUNCTION t.token(tk oms.ticket_id, st text) RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT max(e.seq) FROM oms.timeline e WHERE e.ticket_id = tk AND e.stage = st AND e.status IN ('in_progress', 'assigned', 'delegated', 'resolved') $$;
CREATE FUNCTION t.hands(script text, question text) RETURNS text LANGUAGE sql AS $$
	SELECT t.play('Eyes', '2026-03-02 10:00+00 > open' || E'\n> oms.set_owner(''Desk'', members => ''{eyes_ann,eyes_bob,eyes_cid}'')' ||
		E'\n> oms.set_owner(''Back'', members => ''{eyes_ann,eyes_bob,eyes_cid}'')\n' || script, question)
$$;
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('ann', format('oms.stage_done(%L, ''a'')', TK))
	> t.as('bob', format('oms.claim_stage(%L, ''b'')', TK))
	> 42501 t.as('ann', format('oms.stage_done(%L, ''b'')', TK))
	> 42501 t.as('ann', format('oms.stage_done(%L, ''b'', ''{}'', %s)', TK, t.token(TK, 'b')))
	> 42501 t.as('ann', format('oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', %L::text, ''stage'', ''b'')))', TK))
	> t.as('cid', format('oms.stage_done(%L, ''b'')', TK))
	$$, 't.who(TK, ''b''), t.sees(TK)'), '("done bob",0)', 'who did the one cannot finish the other for whoever has it');
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('bob', format('oms.stage_done(%L, ''a'')', TK))
	> 42501 t.as('bob', format('oms.claim_stage(%L, ''b'')', TK))
	> 42501 t.as('bob', format('oms.stage_done(%L, ''b'')', TK))
	> 42501 oms.assign(TK, 'b', 'eyes_bob')
	> 42501 oms.claim_stage(TK, 'b', 'eyes_ann')
	> 42501 t.as('staff', format('oms.claim_stage(%L, ''b'', ''eyes_bob'')', TK))
	> t.as('cid', format('oms.claim_stage(%L, ''b'')', TK))
	> 42501 oms.delegate(TK, 'b', 'eyes_bob')
	> 42501 t.as('bob', format('oms.stage_done(%L, ''b'')', TK))
	$$, $$t.who(TK, 'b'), (SELECT count(*) FROM oms.claim('Back', 'eyes_bob'))$$), '("in_progress cid",0)', 'who finished the one for its holder has done it too');
SELECT is(t.hands($$
	> oms.claim_stage(TK, 'a', 'eyes_ann')
	> 42501 t.as('bob', format('oms.stages_done(jsonb_build_array(jsonb_build_object(''ticket'', %L::text, ''stage'', ''a''), jsonb_build_object(''ticket'', %1$L::text, ''stage'', ''b'')))', TK))
	$$, 't.states(TK)'), 'a in_progress, b waiting', 'nor both in one call');
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'', ''Anna'')', TK))
	> t.as('ann', format('oms.stage_done(%L, ''a'', ''{}'', %s)', TK, t.token(TK, 'a')))
	> 42501 t.as('ann', format('oms.claim_stage(%L, ''b'')', TK))
	> t.as('bob', format('oms.claim_stage(%L, ''b'', ''Bert'')', TK))
	> 42501 t.as('ann', format('oms.stage_done(%L, ''b'')', TK))
	$$, 't.who(TK, ''b'')'), 'in_progress Bert', 'by its role too, if it gave another name');
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('ann', format('oms.stage_done(%L, ''a'')', TK))
	> 42501 t.as('ann', format('oms.claim_stage(%L, ''b'', ''Zoe'')', TK))
	> t.as('ann', 'oms.claim(''Back'', ''Zoe'')')
	$$, $$t.who(TK, 'b'), (SELECT count(*) FROM oms.claim('Back', 'Zoe'))$$), '(queued,1)', 'who did it under the name of its role cannot take the other under another');
SELECT is(t.hands($$
	> t.as('staff', format('oms.claim_stage(%L, ''a'', ''Anna'')', TK))
	> t.as('staff', format('oms.stage_done(%L, ''a'', ''{}'', %s)', TK, t.token(TK, 'a')))
	> t.as('staff', format('oms.claim_stage(%L, ''b'', ''Bert'')', TK))
	> 42501 t.as('staff', format('oms.stage_done(%L, ''b'')', TK))
	> t.as('staff', format('oms.stage_done(%L, ''b'', ''{}'', %s)', TK, t.token(TK, 'b')))
	$$, 't.ticket(TK), t.sees(TK)'), '(done,0)', 'one role of an application acts for two persons, by their names and tokens');
SELECT is(t.hands($$
	> t.as('staff', format('oms.claim_stage(%L, ''a'', ''Anna'')', TK))
	> t.as('staff', format('oms.stage_done(%L, ''a'')', TK))
	> t.as('staff', format('oms.claim_stage(%L, ''b'', ''Bert'')', TK))
	> 42501 t.as('staff', format('oms.stage_done(%L, ''b'')', TK))
	$$, 't.who(TK, ''b'')'), 'in_progress Bert', 'without the tokens it is the role that would finish both');
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('staff', format('oms.stage_done(%L, ''a'')', TK))
	> oms.send_back(TK, 'a', 'a', 'again')
	> t.as('bob', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('bob', format('oms.stage_done(%L, ''a'')', TK))
	> t.as('staff', format('oms.claim_stage(%L, ''b'')', TK))
	$$, 't.who(TK, ''b''), t.sees(TK)'), '("in_progress staff",0)', 'the next cycle forgets who finished the last one');
SELECT is(t.hands($$
	> t.as('staff', format('oms.claim_stage(%L, ''a'', ''eyes_ann'')', TK))
	> t.as('staff', format('oms.delegate(%L, ''a'', ''eyes_cid'')', TK))
	> t.as('bob', format('oms.stage_done(%L, ''a'')', TK))
	> t.as('staff', format('oms.claim_stage(%L, ''b'', ''eyes_ann'')', TK))
	> 42501 t.as('staff', format('oms.delegate(%L, ''b'', ''eyes_bob'')', TK))
	> 42501 t.as('staff', format('oms.delegate(%L, ''b'', ''eyes_cid'')', TK))
	> t.as('staff', format('oms.delegate(%L, ''b'', ''eyes_dora'')', TK))
	> t.as('staff', format('oms.resolve(%L, ''b'')', TK))
	$$, 't.who(TK, ''b'')'), 'in_progress ann', 'delegated stages likewise');
SELECT is(t.hands($$
	> t.as('ann', format('oms.claim_stage(%L, ''a'')', TK))
	> t.as('bob', format('oms.stage_done(%L, ''a'')', TK))
	$$, $$error_code(format('UPDATE oms.stage SET status = ''in_progress'', worker = ''eyes_bob'' WHERE ticket_id = %L AND stage = ''b''', TK))$$), '42501', 'by UPDATE neither');
SELECT is(t.play('EyesTeam', $$
	2026-03-02 09:00+00 > t.team('$$ || how || $$', 'ann,bob,cid')
	> oms.set_owner('Desk', members => '{eyes_ann,eyes_bob}')
	2026-03-02 10:00+00 > open
	> t.as('ann', format('oms.claim_stage(%L, ''b'')', TK))
	> t.as('bob', format('oms.stage_done(%L, ''b'')', TK))
	$$, 't.who(TK)'), 'in_progress cid', how || ' passes over both') FROM unnest('{round_robin,least_loaded}'::text[]) how;

SELECT t.findings();
SELECT finish();
ROLLBACK;
