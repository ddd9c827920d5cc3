-- Work of people: assignment by turns and by load, absences, delegation, the inbox, manual stages, remarks and documents, and
-- who may do all this. Four eyes have a file of their own.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
\set roles people
\ir include/people.psql

-- ---------------------------------------------------------------------------
-- By turns, by load
-- ---------------------------------------------------------------------------
SELECT is(t.try('> t.team(''none'')', 't.open(3)'), 'queued queued queued', 'none: everybody takes what they want');
SELECT is(t.try('> t.team(''round_robin'')', 't.sorted(t.open(3))'), 'ann bob cid', 'round_robin: each in turn');
SELECT is(t.try('> t.team(''round_robin'')', 't.sorted(t.open(9))'), 'ann ann ann bob bob bob cid cid cid', 'three times');
SELECT matches(t.try('> t.team(''round_robin'')', 't.open(9)'), '^(\w+ \w+ \w+) \1 \1$', 'in the same order');
SELECT is(t.try('> t.team(''least_loaded'')', 't.sorted(t.open(6))'), 'ann ann bob bob cid cid', 'least_loaded: as much for each');
SELECT is(t.try(E'> t.team(''' || how || E''')\n> oms.open_tickets(''Team'', array_fill(''{}''::jsonb, ARRAY[6]))', $$(SELECT string_agg(n::text, ',') FROM (SELECT count(*) FROM oms.stage s WHERE s.owner = 'Team' AND s.status = 'in_progress' GROUP BY s.worker) x(n))$$),
	'2,2,2', how || ': many at once') FROM unnest('{round_robin,least_loaded}'::text[]) how;
SELECT is(t.try($$
	> t.team('least_loaded')
	> t.open(6)
	> oms.stage_done(s.ticket_id, 'a') FROM oms.stage s WHERE s.worker = 'people_bob'
	$$, 't.open(2)'), 'bob bob', 'who is done gets the next');
SELECT is(t.try($$
	> t.team('round_robin')
	> t.open(3)
	> oms.stage_done(s.ticket_id, 'a') FROM oms.stage s WHERE s.worker = 'people_bob'
	$$, 't.sorted(t.open(3))'), 'ann bob cid', 'but turns are turns');
SELECT is(t.try($$
	> t.team('least_loaded')
	> t.open(1)
	> oms.assign(TK, 'a', 'people_ann')
	> oms.assign(oms.open_ticket('Plain'), 'a', 'people_bob')
	> oms.assign(oms.open_ticket('Plain'), 'a', 'people_cid')
	> oms.stage_done(s.ticket_id, 'a') FROM oms.stage s WHERE s.owner = 'Team' AND s.stage = 'a'
	> oms.stage_done(TK, 'a')
	$$, 't.open(1)'), 'ann', 'work for other owners is load as well');
SELECT is(t.play('Team', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'ann')
	2026-03-02 10:00+00 > open
	$$, $$t.who(TK), t.due(TK), (SELECT count(*) FROM oms.claim('Team')), t.log(TK) ~ 'queued.*assigned'$$), '("in_progress ann","2026-03-02 11:00",0,t)', 'it has the stage, without a lease, and the clock runs');
SELECT is(t.play('Team', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'ann')
	2026-03-02 10:00+00 > open
	2026-03-05 10:00+00 > oms.tick()
	$$, $$t.who(TK), t.n(TK, 'lease_expired')$$), '("in_progress ann",0)', 'for as long as it takes');
SELECT is(t.play('Team', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'ann')
	2026-03-02 10:00+00 > open
	> TOK := oms.claim_stage(TK, 'a', 'people_ann')
	> OM007 oms.claim_stage(TK, 'a', 'people_bob')
	> oms.stage_done(TK, 'a', '{}', TOK)
	$$, $$t.status(TK)$$), 'done', 'claim_stage gives the worker its token, and others OM007');

-- ---------------------------------------------------------------------------
-- Owners are changed in part
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.owner(which text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws(' ', o.kind, o.assignment, o.supervisor, o.calendar, (SELECT string_agg(replace(m.member, 'people_', ''), ',' ORDER BY m.member) FROM oms.owner_member m WHERE m.owner = o.name)) FROM oms.owner o WHERE o.name = which $$;
SELECT is(t.try('> oms.set_owner(''New'')', 't.owner(''New'')'), 'agent none', 'a new owner is an agent without members, whose work is claimed');
SELECT is(t.try($$
	> oms.create_calendar('Days', '{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}')
	> oms.set_owner('New', 'group', 'Chief', 'Days', '{people_ann,people_bob}', 'round_robin')
	> $$ || call, 't.owner(''New'')'), now, call) FROM (VALUES
	('oms.set_owner(''New'')', 'group round_robin Chief Days ann,bob'),
	('oms.set_owner(''New'', NULL, NULL, NULL, NULL, NULL)', 'group round_robin Chief Days ann,bob'),
	('oms.set_owner(''New'', supervisor => ''Boss'')', 'group round_robin Boss Days ann,bob'),
	('oms.set_owner(''New'', members => ''{people_bob,people_cid}'')', 'group round_robin Chief Days bob,cid'),
	('oms.set_owner(''New'', members => ''{}'')', 'group round_robin Chief Days'),
	('oms.set_owner(''New'', kind => ''service'', assignment => ''none'')', 'service none Chief Days ann,bob'),
	('oms.set_owner(''New'', supervisor => '''', calendar => '''')', 'group round_robin ann,bob')) v(call, now);
SELECT is(t.try($$
	> t.team('round_robin', 'ann,bob')
	> t.open(1)
	> oms.set_owner('Team', supervisor => 'Chief')
	> oms.set_owner('Team', members => '{people_ann,people_bob,people_cid}')
	$$, 't.open(2)'), 'bob cid', 'who stays keeps the turn');

-- ---------------------------------------------------------------------------
-- Absences
-- ---------------------------------------------------------------------------
SELECT is(t.try(E'> t.team(''' || how || E''')\n> t.away(''bob'')', 't.sorted(t.open(4))'), 'ann ann cid cid', 'the absent get no new work: ' || how) FROM unnest('{round_robin,least_loaded}'::text[]) how;
SELECT is(t.try(E'> t.team(''round_robin'', ''ann'')\n> t.away(''ann'', ''dora'')', 't.open(2)'), 'dora dora', 'who stands in gets it');
SELECT is(t.try(E'> t.team(''round_robin'', ''ann'')\n> t.away(''ann'', ''bob'')\n> t.away(''bob'', ''cid'')\n> t.away(''cid'', ''dora'')', 't.open(1)'), 'dora', 'or who stands in for that one');
SELECT is(t.try(E'> t.team(''' || how || E''', ''ann'')\n> t.away(''ann'', ''bob'')\n> t.away(''bob'', ''ann'')', 't.open(1)'), 'queued', 'two that stand in for each other: nobody is there') FROM unnest('{round_robin,least_loaded}'::text[]) how;
SELECT is(t.play('Team', E'2026-03-02 09:00+00 > t.team(''' || how || E''', ''ann,bob'')\n> t.away(''ann'')\n> t.away(''bob'')\n2026-03-02 10:00+00 > open', $$t.who(TK), t.log(TK) <> 'queued', t.due(TK)$$),
	'(queued,t,"2026-03-02 11:00")', 'nobody left: an event, and it stays queued; ' || how) FROM unnest('{round_robin,least_loaded}'::text[]) how;
SELECT is(t.play('Team', E'2026-03-02 09:00+00 > t.team(''round_robin'', '''')\n2026-03-02 10:00+00 > open', $$t.who(TK), t.log(TK) <> 'queued'$$), '(queued,t)', 'the same if there are no members');
SELECT is(t.play('Team', E'2026-03-02 09:00+00 > t.team(''round_robin'', ''ann'')\n> t.away(''ann'')\n2026-03-02 10:00+00 > open', $$(SELECT count(*) FROM oms.claim('Team', 'people_bob'))$$), '1', 'it can be claimed');
SELECT is(t.play('Team', E'2026-03-02 09:00+00 > t.team(''round_robin'', ''ann'')\n2026-03-02 10:00+00 > open\n> t.away(''ann'', ''bob'')\n2026-03-02 10:00+00 > oms.tick()', $$t.who(TK)$$), 'in_progress ann', 'what somebody has stays');
SELECT is(t.try(E'> t.team(''round_robin'', ''ann'')\n> t.away(''ann'', NULL, ''2026-03-02 12:00+00'')\n' || at || ' > oms.tick()', 't.open(1)'), who, 'back at 12:00, opened ' || at) FROM (VALUES
	('2026-03-02 11:59:59.999999+00', 'queued'), ('2026-03-02 12:00+00', 'ann')) v(at, who);
SELECT is(t.try(E'> oms.set_absence(''people_ann'', ''2026-03-02 11:00+00'', ''2026-03-02 12:00+00'')\n' || at || ' > ' || code || ' oms.assign(TK, ''a'', ''people_ann'')', 't.status(TK)'), status, 'assign at ' || at) FROM (VALUES
	('2026-03-02 10:59:59.999999+00', '', 'in_progress'), ('2026-03-02 11:00+00', '22023', 'queued'), ('2026-03-02 12:00+00', '', 'in_progress')) v(at, code, status);
SELECT is(error_code(c), '22023', c) FROM unnest(ARRAY[$$SELECT oms.set_absence('x', '2026-03-02', '2026-03-01')$$, $$SELECT oms.set_absence('', '2026-03-02', '2026-03-03')$$,
	$$SELECT oms.set_absence(NULL, '2026-03-02', '2026-03-03')$$, $$SELECT oms.set_owner('x', assignment => 'dice')$$, $$SELECT oms.set_owner('x', 'robot')$$]) c;
SELECT oms.set_absence('people_p', '2026-03-01', '2026-04-01', 'a'), oms.set_absence('people_p', '2026-03-10', '2026-03-11', 'b') \g /dev/null
SELECT is((SELECT array_agg(format('%s %s %s', from_at::date, to_at::date, delegate) ORDER BY from_at) FROM oms.absence WHERE person = 'people_p'),
	ARRAY['2026-03-01 2026-03-10 a', '2026-03-10 2026-03-11 b', '2026-03-11 2026-04-01 a'], 'a day inside of a month splits it');
SELECT oms.set_absence('people_p', '2026-03-05', '2026-03-15', 'c'), oms.set_absence('people_p', '2026-03-15', '2026-03-20', 'd') \g /dev/null
SELECT is((SELECT array_agg(format('%s %s %s', from_at::date, to_at::date, delegate) ORDER BY from_at) FROM oms.absence WHERE person = 'people_p'),
	ARRAY['2026-03-01 2026-03-05 a', '2026-03-05 2026-03-15 c', '2026-03-15 2026-03-20 d', '2026-03-20 2026-04-01 a'],
	'one that overlaps takes the parts, and one that begins where a part does leaves the rest of the month');
SELECT oms.set_absence('people_p', '2026-03-01', '2026-03-03', 'a'), oms.set_absence('people_p', '2026-03-15', '2026-03-17', 'e') \g /dev/null
SELECT is((SELECT array_agg(format('%s %s %s', from_at::date, to_at::date, delegate) ORDER BY from_at) FROM oms.absence WHERE person = 'people_p'),
	ARRAY['2026-03-01 2026-03-03 a', '2026-03-05 2026-03-15 c', '2026-03-15 2026-03-17 e'], 'one that begins at the same time takes the place of all parts');
SELECT oms.set_absence('people_p', '2026-03-06', '2026-03-06') \g /dev/null
SELECT is((SELECT count(*) FROM oms.absence WHERE person = 'people_p'), 2::bigint, 'who is back after all ends the one around that moment');
SELECT oms.set_absence('people_p', '2026-03-01', '2026-04-01', 'a'), oms.set_absence('people_p', '2026-03-10', '2026-03-11', 'b'),
	oms.set_absence('people_p', '2026-03-20', '2026-03-20') \g /dev/null
SELECT is((SELECT array_agg(format('%s %s %s', from_at::date, to_at::date, delegate) ORDER BY from_at) FROM oms.absence WHERE person = 'people_p'),
	ARRAY['2026-03-10 2026-03-11 b'], '… with all its parts, and no other');

-- ---------------------------------------------------------------------------
-- assign, delegate, resolve, release
-- ---------------------------------------------------------------------------
SELECT is(t.try(E'> oms.assign(TK, ''a'', ''ann'', ''please'')', 't.who(TK), t.log(TK), t.notes(TK, ''assigned'')'), '("in_progress ann","queued, assigned",please)', 'assign');
SELECT is(t.try($$
	> TOK := oms.claim_stage(TK, 'a', 'ann')
	> oms.assign(TK, 'a', 'bob')
	> OM006 oms.stage_done(TK, 'a', '{}', TOK)
	> OM007 oms.claim_stage(TK, 'a', 'ann')
	> TOK := oms.claim_stage(TK, 'a', 'bob')
	> oms.stage_done(TK, 'a', '{}', TOK)
	$$, 't.who(TK), t.states(TK)'), '("done bob","a done, b queued")', 'assigned to another one: a new token');
SELECT is(t.try($$
	> TOK := token FROM oms.claim('Desk', 'ann')
	> oms.assign(TK, 'a', 'bob')
	> OM006 oms.heartbeat(TK, 'a', TOK)
	2026-03-02 20:00+00 > oms.tick()
	$$, 't.who(TK), t.n(TK, ''lease_expired'')'), '("in_progress bob",0)', 'and no lease');
SELECT is(t.try('> ' || prepare || E'\n> OM005 oms.assign(TK, ''a'', ''ann'')\n> OM005 oms.delegate(TK, ''a'', ''ann'')\n> OM005 oms.resolve(TK, ''a'')\n> OM005 oms.release(TK, ''a'')', '1'), '1', 'none of them after ' || prepare)
FROM unnest(ARRAY['oms.stage_done(TK, ''a'')', 'oms.skip_stage(TK, ''a'', ''r'')', 'oms.hold(TK, ''a'', ''r'')', 'oms.cancel_ticket(TK, ''r'')', 'oms.stage_failed(TK, ''a'', ''e'', NULL, false)']) prepare;
SELECT is(t.try(E'> OM005 oms.assign(TK, ''b'', ''ann'')\n> OM003 oms.assign(TK, ''z'', ''ann'')\n> OM003 oms.delegate(TK, ''z'', ''ann'')\n> OM003 oms.resolve(TK, ''z'')\n> 22023 oms.assign(TK, ''a'', '''')\n> 22023 oms.assign(TK, ''a'', NULL)', '1'), '1', 'waiting, unknown, nobody');
SELECT is(t.try(E'> OM005 oms.delegate(TK, ''a'', ''bob'')\n> OM005 oms.resolve(TK, ''a'')\n> oms.claim_stage(TK, ''a'', ''ann'')\n> OM005 oms.resolve(TK, ''a'')', '1'), '1', 'only what somebody has can be delegated, only what was delegated resolved');
SELECT is(t.try($$
	> TOK := oms.claim_stage(TK, 'a', 'ann')
	2026-03-02 10:10+00 > oms.delegate(TK, 'a', 'bob', 'have a look')
	> OM006 oms.stage_done(TK, 'a', '{}', TOK)
	$$, 't.who(TK), t.n(TK, ''delegated''), t.notes(TK, ''delegated''), t.due(TK)'), '("in_progress bob",1,"have a look","2026-03-02 11:00")', 'delegated');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.delegate(TK, 'a', 'bob')
	> TOK := oms.claim_stage(TK, 'a', 'bob')
	> oms.resolve(TK, 'a', 'fine')
	> OM006 oms.stage_done(TK, 'a', '{}', TOK)
	> OM005 oms.resolve(TK, 'a')
	$$, 't.who(TK)'), 'in_progress ann', 'resolved: it comes back');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.delegate(TK, 'a', 'bob')
	> oms.delegate(TK, 'a', 'cid')
	> oms.resolve(TK, 'a')
	$$, 't.who(TK)'), 'in_progress ann', 'delegated again: it comes back to the first');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.delegate(TK, 'a', 'bob')
	> oms.stage_done(TK, 'a')
	$$, 't.who(TK)'), 'done bob', 'who it was delegated to may finish it');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.delegate(TK, 'a', 'bob')
	> $$ || call || $$
	> oms.claim_stage(TK, 'a', 'cid')
	> OM005 oms.resolve(TK, 'a')
	$$, 't.who(TK)'), 'in_progress cid', 'no more delegated after ' || call) FROM unnest(ARRAY['oms.release(TK, ''a'')', 'oms.reassign(TK, ''a'', ''Other'', ''r'')']) call;
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	> oms.delegate(TK, 'a', 'bob')
	> oms.hold(TK, 'a', 'r')
	2026-03-02 11:00+00 > oms.resume(TK, 'a')
	> oms.resolve(TK, 'a')
	$$, 't.who(TK)'), 'in_progress ann', 'a hold does not forget it');
SELECT is(t.try($$
	> t.away('bob')
	> oms.claim_stage(TK, 'a', 'ann')
	> 22023 oms.delegate(TK, 'a', 'people_bob')
	> 22023 oms.delegate(TK, 'a', '')
	$$, 't.who(TK)'), 'in_progress ann', 'not to the absent');
SELECT is(t.try($$
	> TOK := oms.claim_stage(TK, 'a', 'ann')
	> OM007 oms.claim_stage(TK, 'a', 'bob')
	2026-03-07 10:00+00 > oms.tick()
	$$, 't.who(TK), oms.claim_stage(TK, ''a'', ''ann'') = TOK'), '("in_progress ann",t)', 'claim_stage: no lease, the same token again');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'ann')
	2026-03-02 10:10+00 > oms.open_ticket('Plain')
	> oms.release(TK, 'a', 'lunch')
	$$, $$(SELECT c.ticket = TK FROM oms.claim('Desk') c), t.log(TK), t.notes(TK, 'released')$$), '(t,"queued, in_progress, released, in_progress",lunch)', 'released: at its old place in the queue');

-- ---------------------------------------------------------------------------
-- Who gets what is handed over
-- ---------------------------------------------------------------------------
-- Every receiver is treated alike: groups that stand in, four eyes, nobody there, roles that are gone or no persons.
SELECT oms.create_workflow('{"name":"Person","stages":[{"id":"b","owner":"Desk"},{"id":"a","owner":"people_ann","dependsOn":["b"],"notSameAs":"b"}]}') \g /dev/null
SELECT oms.set_owner('people_ann', 'person') \g /dev/null
SELECT is(t.play('Person', $$
	2026-03-02 09:00+00 > t.team('round_robin', 'bob,cid')
	> oms.set_absence('people_ann', '2026-03-01 00:00+00', '2026-03-09 09:00+00', 'Team')
	> t.away('bob')
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'b')
	$$, 't.who(TK), t.log(TK)'), '("in_progress cid","queued, reassigned, assigned")', 'a group that stands in: its work is handed out');
SELECT is(t.play('Person', $$
	2026-03-02 09:00+00 > t.team('none', 'bob,cid')
	> oms.set_absence('people_ann', '2026-03-01 00:00+00', '2026-03-09 09:00+00', 'Team')
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'b')
	$$, $$t.who(TK), t.log(TK), (SELECT count(*) FROM oms.claim('Team', 'people_bob'))$$), '(queued,"queued, reassigned",1)', '… or there for its members to claim');
SELECT is(t.play('Person', $$
	2026-03-02 09:00+00 > t.team('$$ || how || $$', 'bob,cid')
	> oms.set_absence('people_ann', '2026-03-01 00:00+00', '2026-03-09 09:00+00', 'Team')
	> t.away('bob'), t.away('cid')
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'b')
	$$, $$t.who(TK), t.log(TK), t.notes(TK, 'unassigned')$$), '(queued,"queued, unassigned","people_ann is away, and nobody stands in")', '… all of it away: somebody is told, ' || how) FROM unnest('{none,round_robin}'::text[]) how;
SELECT is(t.play('Person', $$
	2026-03-02 09:00+00 > oms.set_absence('people_ann', '2026-03-01 00:00+00', '2026-03-09 09:00+00', 'people_bob')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'people_bob')
	> oms.stage_done(TK, 'b')
	$$, $$t.log(TK), (SELECT s.owner FROM oms.stage s WHERE s.ticket_id = TK AND s.stage = 'a')$$), '("queued, unassigned",people_ann)', 'four eyes bar who stands in: somebody is told');
SELECT is(t.try($$
	> t.team('round_robin', 'bob,cid')
	> oms.set_owner('Spare', 'group', members => '{people_ann,people_dora}')
	> oms.set_absence('people_bob', '2026-03-02 08:00+00', '2026-03-09 09:00+00', 'Spare')
	$$, 't.sorted(t.open(4))'), 'ann cid cid dora', 'a group that stands in for a member: its turn, by turns');
SELECT is(t.try($$
	> t.team('round_robin', 'bob')
	> oms.set_owner('Spare', 'group', members => '{people_cid}')
	> oms.set_absence('people_bob', '2026-03-02 08:00+00', '2026-03-09 09:00+00', 'Spare')
	> oms.set_absence('people_cid', '2026-03-02 08:00+00', '2026-03-09 09:00+00', 'Team')
	$$, 't.open(1)'), 'queued', 'groups that stand in for each other: nobody is there');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'people_ann')
	> oms.delegate(TK, 'a', 'people_bob')
	> t.away('ann', 'cid')
	> oms.resolve(TK, 'a', 'ready')
	$$, $$t.who(TK), t.notes(TK, 'resolved')$$), '("in_progress cid",ready)', 'resolve: to who stands in');
SELECT is(t.try($$
	> oms.claim_stage(TK, 'a', 'people_ann')
	> oms.delegate(TK, 'a', 'people_bob')
	> t.away('ann')
	> oms.resolve(TK, 'a', 'ready')
	$$, $$t.who(TK), t.log(TK), t.notes(TK, 'unassigned')$$), '(queued,"queued, in_progress, delegated, released, unassigned","people_ann is away, and nobody stands in")', '… or, with nobody there, into the queue');
SELECT is(t.try($$
	> oms.set_owner('Spare', 'group', members => '{people_cid,people_dora}')
	> t.away('cid')
	> oms.claim_stage(TK, 'a', 'people_ann')
	> oms.delegate(TK, 'a', 'people_bob')
	> oms.set_absence('people_ann', '2026-03-02 08:00+00', '2026-03-09 09:00+00', 'Spare')
	> oms.resolve(TK, 'a')
	$$, 't.who(TK)'), 'in_progress dora', '… of a group to who is there');
CREATE ROLE people_gone;
CREATE ROLE people_old;
CREATE ROLE people_desk;
CREATE ROLE people_empty;
CREATE ROLE people_eve LOGIN;
GRANT people_desk TO people_cid, people_eve;
GRANT people_eve TO people_dora;
SELECT oms.set_owner('Lost', 'group', members => '{people_gone,people_old,people_ann}', assignment => 'round_robin') \g /dev/null
DROP ROLE people_gone;
ALTER ROLE people_old RENAME TO people_new;
SELECT oms.create_workflow('{"name":"Lost","stages":[{"id":"a","owner":"Lost"}]}') \g /dev/null
SELECT is(t.try('> 1', 't.open(3, ''Lost'')'), 'ann ann ann', 'roles that were dropped or renamed get nothing');
SELECT is((SELECT string_agg(c.detail, ', ' ORDER BY c.detail) FROM oms.check(NULL) c WHERE c.kind = 'orphans' AND c.ticket IS NULL),
	'owner Lost: its member people_gone is no role, owner Lost: its member people_old is no role', 'check tells of them');
SELECT is((SELECT r FROM oms.health() h, unnest(h.reasons) r WHERE r ~ '^members'), 'members: 2 of owners are no roles, as people_gone of Lost; see oms.set_owner()', 'and so does health');
SELECT oms.set_owner('Lost', members => '{}') \g /dev/null
SELECT is(t.try('> 1', 't.open(1, ''Lost'')'), 'queued', 'with no member left nobody gets it');
SELECT is(t.try(E'> t.team(''round_robin'', ''desk'')', 't.sorted(t.open(4))'), 'cid cid eve eve', 'a role that stands for others is no person: they get it, who has less first');
SELECT is(t.try(E'> t.team(''least_loaded'', ''desk,ann'')', 't.sorted(t.open(3))'), 'ann cid eve', '… by load');
SELECT is(t.try(E'> t.team(''round_robin'', ''desk'')\n> t.away(''cid''), t.away(''eve'', ''bob'')', 't.sorted(t.open(2))'), 'bob bob', '… and who is away is away');
SELECT is(t.try(E'> t.team(''round_robin'', ''empty'')', 't.open(1)'), 'empty', 'a role for which nobody stands is a person, whether it may log in or not');

-- ---------------------------------------------------------------------------
-- The inbox has what one may claim
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.inbox(who text) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT coalesce(string_agg(w.stage || ' ' || w.status, ', ' ORDER BY w.nr), '') FROM oms.my_work('people_' || who) WITH ORDINALITY AS w(ticket, stage, status, owner, workflow, priority, label, queued_at, started_at, due_at, delegated_by, nr) $$;
SELECT is(t.play('Person', $$
	2026-03-02 10:00+00 > oms.set_owner('Desk', members => '{people_desk}')
	> oms.set_owner('people_ann', members => '{people_ann,people_bob}')
	2026-03-02 10:00+00 > open
	$$, $$t.inbox('cid'), t.inbox('dora'), t.inbox('bob')$$), '("b queued","b queued","")', 'for a group role of which one is a member');
SELECT is(t.play('Person', $$
	2026-03-02 10:00+00 > oms.set_owner('people_ann', members => '{people_ann,people_bob}')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'people_bob')
	> oms.stage_done(TK, 'b')
	$$, $$t.inbox('ann'), t.inbox('bob')$$), '("a queued","")', 'not what four eyes bar');
SELECT is(t.play('Plain', $$
	2026-03-02 10:00+00 > oms.set_owner('Desk', members => '{people_bob}')
	2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'e')
	$$, $$t.inbox('bob'), (SELECT count(*) FROM oms.claim('Desk', 'people_bob'))$$), '("",0)', 'nothing in a pause');
SELECT is(t.play('Plain', $$
	2026-03-02 10:00+00 > oms.set_owner('Desk', members => '{people_bob}')
	2026-03-02 10:00+00 > open
	> oms.stage_failed(TK, 'a', 'e')
	2026-03-02 10:10+00 > oms.tick()
	$$, $$t.inbox('bob'), (SELECT count(*) FROM oms.claim('Desk', 'people_bob'))$$), '("a queued",1)', '… until it is over');
SELECT is(t.play('Person', $$
	2026-03-02 10:00+00 > oms.set_owner('people_ann', members => '{$$ || members || $$}')
	> oms.set_owner('Desk', members => '{people_ann}')
	2026-03-02 10:00+00 > open
	> oms.claim_stage(TK, 'b', 'people_bob')
	$$ || finish || $$
	$$, $$(SELECT x.why FROM oms.explain(TK) x WHERE x.stage = 'a')$$), why, 'explain: ' || why) FROM (VALUES
	('people_bob', '> oms.stage_done(TK, ''b'')', 'queued for people_ann, and the only member did b'),
	('people_ann,people_bob', '> oms.stage_done(TK, ''b'')', 'queued for people_ann, which has 2 members'),
	('people_ann', '> t.as(''ann'', format(''oms.stage_done(%L, ''''b'''')'', TK))', 'queued for people_ann, and the only member did b'),
	('people_ann,people_bob', '> t.as(''ann'', format(''oms.stage_done(%L, ''''b'''')'', TK))', 'queued for people_ann, and all 2 members did b')) v(members, finish, why);

SELECT is(t.play('Plain', $$
	2026-03-02 10:00+00 > oms.set_owner('Desk', members => '{people_bob}')
	2026-03-02 10:00+00 > open
	$$ || play || $$
	$$, $$(SELECT concat_ws(', ', x.why, to_char(x.until AT TIME ZONE 'UTC', 'HH24:MI'),
			CASE (SELECT count(*) FROM oms.claim('Desk', 'people_bob')) WHEN 0 THEN 'nothing to claim' ELSE 'to be claimed' END)
		FROM oms.explain(TK) x WHERE x.stage = 'a')$$), why, 'explain: ' || what) FROM (VALUES
	('2026-03-02 09:30+00 > oms.tick()', 'queued for Desk, which has 1 member, to be claimed', 'no pause after the clock was set back'),
	('> oms.claim_stage(TK, ''a'', ''x'')
	2026-03-02 09:30+00 > oms.release(TK, ''a'')', 'queued for Desk, which has 1 member, to be claimed', '… nor when it was given back meanwhile'),
	('> oms.stage_failed(TK, ''a'', ''e'')
	> oms.hold(TK, ''a'', ''wait'')
	> oms.resume(TK, ''a'')', 'pauses before attempt 2, then queued for Desk, which has 1 member, 10:00, nothing to claim', 'a pause goes on after a hold'),
	('> oms.stage_failed(TK, ''a'', ''e'')
	> oms.hold(TK, ''a'', ''wait'')
	2026-03-02 11:00+00 > oms.resume(TK, ''a'')', 'queued for Desk, which has 1 member, to be claimed', '… and is over after a longer one')) v(play, why, what);
SELECT is(t.play('Plain', $$
	2026-03-02 10:00+00 > open
	> oms.assign(TK, 'a', 'ann')
	2026-03-02 10:10+00 > oms.tick()
	$$ || play, $$(SELECT to_char(x.since AT TIME ZONE 'UTC', 'HH24:MI ') || x.why FROM oms.explain(TK) x WHERE x.stage = 'a')$$), why,
	'explain: since when somebody has it') FROM (VALUES
	('', '10:00 ann has it'),
	('> oms.assign(TK, ''a'', ''bob'')', '10:10 bob has it'),
	('> oms.delegate(TK, ''a'', ''cid'')', '10:10 cid has it, by delegation of ann'),
	(E'> oms.delegate(TK, ''a'', ''cid'')\n2026-03-02 10:20+00 > oms.resolve(TK, ''a'')', '10:20 ann has it'),
	(E'> oms.hold(TK, ''a'', ''wait'')\n2026-03-02 10:20+00 > oms.resume(TK, ''a'')', '10:00 ann has it')) v(play, why);

-- ---------------------------------------------------------------------------
-- Manual stages
-- ---------------------------------------------------------------------------
SELECT oms.create_workflow('{"name":"Manual","stages":[{"id":"a","owner":"Desk"},{"id":"m","owner":"Back","dependsOn":["a"],"manual":true,"slaMins":60},{"id":"c","owner":"End","dependsOn":["a"]}]}') \g /dev/null
SELECT oms.create_workflow('{"name":"ManualFirst","stages":[{"id":"a","owner":"Desk"},{"id":"m","owner":"Back","manual":true,"minAmount":10}]}') \g /dev/null
SELECT is(t.play('Manual', $$
	2026-03-02 10:00+00 > open
	> OM005 oms.start_stage(TK, 'm')
	> OM005 oms.start_stage(TK, 'a')
	> OM003 oms.start_stage(TK, 'z')
	> oms.stage_done(TK, 'a')
	> OM005 oms.start_stage(TK, 'c')
	2026-03-02 11:00+00 > oms.start_stage(TK, 'm')
	> OM005 oms.start_stage(TK, 'm')
	$$, 't.states(TK), t.due(TK, ''m'')'), '("a done, m queued, c queued","2026-03-02 12:00")', 'started when its dependencies are met, once');
SELECT is(t.play('Manual', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.stage_done(TK, 'c')
	$$, 't.ticket(TK), t.states(TK)'), '(done,"a done, m waiting, c done")', 'the ticket does not wait for it');
SELECT is(t.play('Manual', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'c')
	$$, 't.ticket(TK)'), 'open', 'but when it was started it does');
SELECT is(t.play('Manual', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.start_stage(TK, 'm')
	> oms.stage_done(TK, 'c')
	> oms.stage_done(TK, 'm')
	$$, 't.ticket(TK)'), 'done', 'until it is done');
SELECT is(t.play('ManualFirst', E'2026-03-02 10:00+00 > open\n> oms.start_stage(TK, ''m'')', 't.states(TK)', '{"amount":5}'), 'a queued, m queued', 'whoever starts it is not asked for conditions');
SELECT is(t.play('Manual', $$
	2026-03-02 10:00+00 > open
	> oms.stage_done(TK, 'a')
	> oms.hold(TK, NULL, 'r')
	> oms.start_stage(TK, 'm')
	$$, $$(SELECT count(*) FROM oms.claim('Back')), t.due(TK, 'm')$$), '(0,none)', 'started with the ticket on hold: it cannot be claimed') ;

-- ---------------------------------------------------------------------------
-- Remarks and documents
-- ---------------------------------------------------------------------------
SELECT is(t.try(E'> oms.comment(TK, ''inner'', ''a'')\n> oms.comment(TK, ''inner'')\n> oms.comment(TK, ''outer'', ''a'', true)\n> oms.comment(TK, ''all'', NULL, true)', 't.citizen(TK)'),
	'received, a in progress, a comment (outer), comment (all)', 'citizens see what is public');
SELECT is(t.try(E'> oms.attach(TK, ''plan.pdf'', ''https://files/1'', repeat(''0a'', 32), ''a'')\n> oms.attach(TK, ''map.pdf'', ''https://files/2'', repeat(''0b'', 32))', 't.citizen(TK)'), 'received, a in progress', 'documents are internal');
SELECT is(t.try(E'> oms.attach(TK, ''plan.pdf'', ''https://files/1'', repeat(''0a'', 32), ''a'', true)', 't.citizen(TK) ~ ''plan.pdf'' AND t.citizen(TK) ~ ''https://files/1'''), 'true', 'unless they are public');
SELECT is(t.try(E'> oms.attach(TK, ''plan.pdf'', ''https://files/1'', repeat(''0A'', 32), ''a'')', $$(SELECT concat(e.note, e.payload) ~ 'plan.pdf' AND concat(e.note, e.payload) ~ 'https://files/1' AND concat(e.note, e.payload) ~* repeat('0a', 32)
	FROM oms.timeline e WHERE e.ticket_id = TK ORDER BY e.seq DESC LIMIT 1)$$), 'true', 'name, URL and digest are in the timeline');
SELECT is(t.try(format('> %s oms.attach(TK, %s)', code, args), '1'), '1', format('attach(%s) is %s', args, code)) FROM (VALUES
	('22023', '''x'', ''https://x'', ''aa'''), ('22023', '''x'', ''https://x'', repeat(''zz'', 32)'), ('22023', ''''', ''https://x'', repeat(''aa'', 32)'),
	('22023', '''x'', '''', repeat(''aa'', 32)'), ('22023', 'NULL, ''https://x'', repeat(''aa'', 32)'), ('22023', '''x'', ''https://x'', NULL'),
	('OM003', '''x'', ''https://x'', repeat(''aa'', 32), ''z''')) v(code, args);
SELECT is(t.try(E'> oms.stage_done(TK, ''a'')\n> oms.stage_done(TK, ''b'')\n> oms.comment(TK, ''x'', ''a'', true)\n> oms.attach(TK, ''x'', ''y'', repeat(''aa'', 32), ''b'')', 't.ticket(TK)'), 'done', 'both are possible when all is done');
SELECT is(t.try(E'> oms.claim_stage(TK, ''a'', ''ann'')\n> OM006 oms.release(TK, ''a'', ''late'', 1)\n> OM005 oms.release(TK, ''b'', NULL, 1)', 't.who(TK)'), 'in_progress ann', 'who comes late does not give back the work of another');
SELECT is(t.try(E'> oms.claim_stage(TK, ''a'', ''ann'')\n> oms.delegate(TK, ''a'', ''bob'')\n> oms.resolve(TK, ''a'')\n> oms.assign(TK, ''a'', ''cid'')\n> oms.release(TK, ''a'')\n> oms.reassign(TK, ''a'', ''Other'', ''r'')', 't.citizen(TK)'),
	'received, a in progress', 'of all the rest citizens see that it is in progress');

-- ---------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------
SET LOCAL t.checking = 'off';
SELECT oms.set_owner('Mine', members => '{people_agent}') \g /dev/null
SELECT oms.create_workflow('{"name":"Rights","stages":[{"id":"a","owner":"Mine","slaMins":60},{"id":"b","owner":"Theirs"},{"id":"m","owner":"Mine","manual":true},{"id":"c","owner":"Mine","dependsOn":["a","b"]}]}') \g /dev/null
SELECT is(t.play('Rights', '2026-03-02 10:00+00 > open' || E'\n' || prepare, format($$error_code(format('SET LOCAL ROLE people_%s; SELECT %s', %s))$$, role, replace(c.call, 'TK', '%1$L'), 'TK')),
	CASE WHEN role IN ('staff', 'admin') THEN '00000' ELSE '42501' END, format('%s: %s', role, c.call))
FROM (VALUES ('', 'oms.hold(TK, ''''a'''', ''''r'''')'), ('', 'oms.hold(TK, NULL, ''''r'''')'),
	('> oms.hold(TK, ''a'', ''r'')', 'oms.resume(TK, ''''a'''')'),
	('', 'oms.assign(TK, ''''a'''', ''''w'''')'), ('> oms.claim_stage(TK, ''a'', ''v'')', 'oms.delegate(TK, ''''a'''', ''''w'''')'),
	('> oms.claim_stage(TK, ''a'', ''v''), oms.delegate(TK, ''a'', ''w'')', 'oms.resolve(TK, ''''a'''')'),
	('', 'oms.reassign(TK, ''''a'''', ''''X'''', ''''r'''')'), ('', 'oms.escalate(TK, ''''a'''', ''''r'''')'), ('', 'oms.start_stage(TK, ''''m'''')'),
	('> oms.stage_done(TK, ''a'')', 'oms.send_back(TK, ''''a'''', ''''a'''', ''''r'''')'), ('> oms.stage_done(TK, ''a'')', 'oms.reopen(TK, ''''a'''', ''''r'''')'),
	('', 'oms.skip_stage(TK, ''''a'''', ''''r'''')'), ('> oms.stage_failed(TK, ''a'', ''e'', NULL, false)', 'oms.retry_stage(TK, ''''a'''', ''''r'''')'),
	('', 'oms.cancel_ticket(TK, ''''r'''')'), ('', 'oms.comment(TK, ''''x'''')'), ('', 'oms.attach(TK, ''''x'''', ''''y'''', repeat(''''aa'''', 32))'),
	('', 'oms.get_ticket(TK)'), ('', 'oms.explain(TK)'), ('', 'oms.explain_clock(TK, ''''a'''')'), ('', 'oms.my_work(''''w'''')'), ('', 'count(*) FROM oms.stage'), ('', 'count(*) FROM oms.ticket'), ('', 'count(*) FROM oms.timeline')) c(prepare, call),
	unnest('{staff,admin,agent,portal,citizen,monitor,none}'::text[]) role;
SELECT is(t.play('Rights', '2026-03-02 10:00+00 > open', format($$error_code('SET LOCAL ROLE people_%s; SELECT %s')$$, role, c)), CASE WHEN role = 'admin' THEN '00000' ELSE '42501' END, format('%s: %s', role, c))
FROM unnest(ARRAY['oms.tick()', 'oms.set_owner(''''x'''')', 'oms.create_calendar(''''x'''', ''''{"timezone":"UTC","hours":{"mon":["09:00-10:00"]}}'''')', 'oms.create_workflow(''''{"name":"x","stages":[{"id":"a","owner":"b"}]}'''')']) c,
	unnest('{admin,staff,agent,portal,citizen,monitor,none}'::text[]) role;
SELECT is(t.play('Rights', '2026-03-02 10:00+00 > open', format($$error_code('SET LOCAL ROLE people_%s; SELECT %s')$$, role, c)), '42501', format('%s: %s', role, c))
FROM unnest(ARRAY['oms.set_hold_reason(''''x'''')', 'oms.set_absence(''''x'''', ''''2026-01-01'''', ''''2026-01-02'''')']) c, unnest('{agent,portal,citizen,monitor,none}'::text[]) role;
-- Agents, for their owners only
SELECT is(t.play('Rights', '2026-03-02 10:00+00 > open', format($$error_code(format('SET LOCAL ROLE people_agent; SELECT %s', TK))$$, call)), code, 'agent: ' || call) FROM (VALUES
	('oms.claim_stage(%1$L, ''''a'''')', '00000'), ('oms.claim_stage(%1$L, ''''b'''')', '42501'), ('oms.claim_stage(%1$L, ''''a''''), oms.release(%1$L, ''''a'''')', '00000'),
	('oms.stage_done(%1$L, ''''a'''')', '00000'), ('oms.stage_done(%1$L, ''''b'''')', '42501')) v(call, code);
SELECT is(t.play('Rights', E'2026-03-02 10:00+00 > open\n> oms.reassign(TK, ''a'', ''Theirs'', ''r'')', $$error_code(format('SET LOCAL ROLE people_agent; SELECT oms.claim_stage(%L, %L)', TK, 'a'))$$), '42501', 'reassigned to others: no more');
SELECT is(t.play('Rights', E'2026-03-02 10:00+00 > open\n> oms.reassign(TK, ''b'', ''Mine'', ''r'')', $$error_code(format('SET LOCAL ROLE people_agent; SELECT oms.claim_stage(%L, %L)', TK, 'b'))$$), '00000', 'reassigned to it: now');
-- The portal
SET LOCAL ROLE people_portal;
SELECT oms.open_ticket('Rights')::text AS own \gset
RESET ROLE;
SELECT oms.open_ticket('Rights')::text AS other \gset
SELECT is(error_code(format('SET LOCAL ROLE people_portal; SELECT oms.comment(%L, ''x'', NULL, %s)', tk, pub::text)), code, format('portal: %s comment on %s', CASE WHEN pub THEN 'public' ELSE 'internal' END, what)) FROM (VALUES
	(:'own', true, '00000', 'its own'), (:'own', false, '42501', 'its own'), (:'other', true, '42501', 'another')) v(tk, pub, code, what);

RESET ROLE;
SELECT t.findings();
SELECT finish();
ROLLBACK;
