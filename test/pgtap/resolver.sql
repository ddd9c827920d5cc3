-- Which stages come next, asked of hundreds of random graphs and compared
-- with a second opinion: a plain reading of the contract in SQL that knows
-- nothing of bit sets and dependants lists. Two forms are compared: tickets
-- that really run, and the pure function.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;
SELECT setseed(0.2026) \g /dev/null

-- One row per stage of the graph at hand.
--   need     how many dependencies must be finished
--   verdict  what the data says of its conditions: false is known to be
--            false, true and NULL (unknown) let it run
--   asks     the stage whose output "ok" its condition asks for, if any
--   st       the reference's opinion of the stage in the ticket: w(aiting),
--            r(eady), d(one), s(kipped)
--   ok       the output it was finished with
CREATE TEMP TABLE g (ord int PRIMARY KEY, id text, deps text[], need int, verdict bool, asks text, st char DEFAULT 'w', ok bool);

CREATE FUNCTION t.rnd(lo int, hi int) RETURNS int LANGUAGE sql VOLATILE AS
$$ SELECT lo + floor(random() * (hi - lo + 1))::int $$;

-- Draw a graph of n stages and the data of its ticket; returns both as one
-- value. Stages are drawn in an order in which they could run and then
-- written down in another one.
CREATE FUNCTION t.draw(n int, asking bool, OUT def jsonb, OUT data jsonb) LANGUAGE plpgsql AS $$
DECLARE
	i	int;
	k	int;
	d	text[];
	stage	jsonb;
	stages	jsonb[] := '{}';
	need	int;
	verdict	bool;
	asks	text;
	amount	int := CASE WHEN random() < 0.8 THEN t.rnd(0, 100) END;
	x	int := t.rnd(0, 100);
	lim	int;
BEGIN
	DELETE FROM g;
	data := jsonb_strip_nulls(jsonb_build_object('amount', amount, 'x', x, 'word', 'w'));
	FOR i IN 1..n LOOP
		-- Mostly near neighbours, now and then a far one, sometimes none.
		d := ARRAY(SELECT DISTINCT 's' || j FROM (SELECT CASE WHEN random() < 0.8 THEN greatest(1, i - t.rnd(1, 8)) ELSE t.rnd(1, i) END AS j
			FROM generate_series(1, CASE WHEN random() < 0.03 THEN 40 ELSE t.rnd(0, 4) END)) q WHERE j < i);
		stage := jsonb_build_object('id', 's' || i, 'owner', 'o' || i % 7);
		IF d <> '{}' OR random() < 0.5 THEN
			stage := stage || jsonb_build_object('dependsOn', to_jsonb(d));
		END IF;
		need := cardinality(d);
		k := CASE WHEN d = '{}' THEN 0 ELSE t.rnd(0, 3) END;
		IF k = 1 THEN
			need := 1;
			stage := stage || '{"join":"any"}';
		ELSIF k = 2 THEN
			need := t.rnd(1, cardinality(d));
			stage := stage || jsonb_build_object('join', need);
		ELSIF k = 3 THEN
			stage := stage || '{"join":"all"}';
		END IF;
		verdict := true;
		asks := NULL;
		IF random() < 0.15 THEN
			lim := t.rnd(0, 100);
			stage := stage || jsonb_build_object('minAmount', lim);
			verdict := coalesce(amount >= lim, true);
		END IF;
		IF random() < 0.2 THEN
			lim := t.rnd(0, 100);
			CASE t.rnd(1, CASE WHEN asking AND i > 1 THEN 7 ELSE 4 END)
			WHEN 1 THEN
				stage := stage || jsonb_build_object('when', '$.x >= ' || lim);
				verdict := verdict AND x >= lim;
			WHEN 2 THEN
				stage := stage || jsonb_build_object('when', '$.x < ' || lim || ' && $.word == "w"');
				verdict := verdict AND x < lim;
			WHEN 3 THEN
				stage := stage || jsonb_build_object('when', '$.nowhere == ' || lim);
			WHEN 4 THEN
				stage := stage || jsonb_build_object('when', '$.word > ' || lim);
			ELSE
				asks := 's' || t.rnd(1, i - 1);
				stage := stage || jsonb_build_object('when', '$stages.' || asks || '.ok == true');
			END CASE;
		END IF;
		INSERT INTO g VALUES (i, 's' || i, d, need, verdict, asks);
		stages := stages || stage;
	END LOOP;
	CREATE TEMP TABLE shuffled AS SELECT s, row_number() OVER (ORDER BY random())::int AS ord FROM unnest(stages) s;
	UPDATE g SET ord = -q.ord FROM shuffled q WHERE q.s ->> 'id' = g.id;
	UPDATE g SET ord = -ord;
	SELECT jsonb_build_object('name', 'Random', 'prefix', 'R', 'stages', jsonb_agg(s ORDER BY ord)) INTO def FROM shuffled;
	DROP TABLE shuffled;
END $$;

-- The pure form: what comes next when these are done. Nothing is remembered,
-- nothing is known of outputs, and conditions count when the dependencies are
-- met.
CREATE FUNCTION t.pure(done text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	fin	text[] := done;
	more	text[];
BEGIN
	LOOP
		SELECT array_agg(id) INTO more FROM g
		WHERE verdict IS FALSE AND id <> ALL (fin) AND (SELECT count(*) FROM unnest(deps) x WHERE x = ANY (fin)) >= need;
		EXIT WHEN more IS NULL;
		fin := fin || more;
	END LOOP;
	RETURN ARRAY(SELECT id FROM g WHERE id <> ALL (fin) AND (SELECT count(*) FROM unnest(deps) x WHERE x = ANY (fin)) >= need ORDER BY ord);
END $$;

-- The ticket's form: after something has been finished, let every waiting
-- stage whose dependencies are met become ready or skipped, again and again,
-- until nothing moves. Returns the newly ready ones in definition order.
CREATE FUNCTION t.settle() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	fin	text[];
	moved	int;
	fresh	text[] := '{}';
	f	text[];
BEGIN
	LOOP
		fin := ARRAY(SELECT id FROM g WHERE st IN ('d', 's'));
		WITH m AS (
			UPDATE g SET st = CASE WHEN verdict IS FALSE
				OR asks IS NOT NULL AND EXISTS (SELECT FROM g a WHERE a.id = g.asks AND a.st = 'd' AND a.ok IS FALSE) THEN 's' ELSE 'r' END
			WHERE st = 'w' AND (SELECT count(*) FROM unnest(deps) x WHERE x = ANY (fin)) >= need
			RETURNING id, st)
		SELECT count(*), coalesce(array_agg(id) FILTER (WHERE st = 'r'), '{}') INTO moved, f FROM m;
		EXIT WHEN moved = 0;
		fresh := fresh || f;
	END LOOP;
	RETURN ARRAY(SELECT id FROM g WHERE id = ANY (fresh) ORDER BY ord);
END $$;

CREATE FUNCTION t.sorted(a text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM unnest(a) x $$;

-- Run one random ticket from its opening to its end. Every "every"-th step all
-- forms are compared. Returns 'same' or the first difference.
CREATE FUNCTION t.play(n int, asking bool, every int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	def	jsonb;
	data	jsonb;
	tk	oms.ticket_id;
	step	int := 0;
	want	text[];
	got	text[];
	s	text;
	o	bool;
	how	float8;
BEGIN
	SELECT d.def, d.data INTO def, data FROM t.draw(n, asking) d;
	PERFORM oms.create_workflow(def);
	tk := oms.open_ticket('Random', data);
	PERFORM t.settle();
	LOOP
		IF step % every = 0 THEN
			want := ARRAY(SELECT id FROM g WHERE st = 'r' ORDER BY ord);
			got := ARRAY(SELECT oms.next_stages(tk));
			IF got <> want THEN
				RETURN format('step %s, next_stages(ticket): %s instead of %s in %s', step, got, want, def);
			END IF;
			got := ARRAY(SELECT x.stage::text FROM oms.stage x WHERE x.ticket_id = tk AND x.status::text IN ('queued', 'in_progress'));
			IF t.sorted(got) <> t.sorted(want) THEN
				RETURN format('step %s, stages queued: %s instead of %s in %s', step, got, want, def);
			END IF;
			got := ARRAY(SELECT x.stage::text FROM oms.stage x WHERE x.ticket_id = tk AND x.status::text = 'skipped');
			want := ARRAY(SELECT id FROM g WHERE st = 's');
			IF t.sorted(got) <> t.sorted(want) THEN
				RETURN format('step %s, stages skipped: %s instead of %s in %s', step, got, want, def);
			END IF;
			want := t.pure(ARRAY(SELECT id FROM g WHERE st = 'd'));
			got := ARRAY(SELECT oms.next_stages(def, ARRAY(SELECT id FROM g WHERE st = 'd' ORDER BY random()), data));
			IF got <> want THEN
				RETURN format('step %s, next_stages(definition, %s, %s): %s instead of %s in %s', step,
					ARRAY(SELECT id FROM g WHERE st = 'd'), data, got, want, def);
			END IF;
		END IF;
		SELECT id INTO s FROM g WHERE st = 'r' ORDER BY random() LIMIT 1;
		EXIT WHEN s IS NULL;
		-- Finish one in one of four ways.
		how := random();
		o := random() < 0.5;
		IF how < 0.1 THEN
			PERFORM oms.skip_stage(tk, s, 'no need');
			UPDATE g SET st = 's' WHERE id = s;
			PERFORM t.settle();
		ELSE
			UPDATE g SET st = 'd', ok = o WHERE id = s;
			want := t.settle();
			IF how < 0.2 THEN
				PERFORM oms.stages_done(jsonb_build_array(jsonb_build_object('ticket', tk::text, 'stage', s, 'output', jsonb_build_object('ok', o))));
			ELSE
				IF how < 0.5 THEN
					PERFORM oms.claim_stage(tk, s, 'w');
				END IF;
				got := oms.stage_done(tk, s, jsonb_build_object('ok', o));
				IF t.sorted(got) <> t.sorted(want) THEN
					RETURN format('step %s, stage_done(%s) made %s queued instead of %s in %s', step, s, got, want, def);
				END IF;
			END IF;
		END IF;
		step := step + 1;
	END LOOP;
	IF (SELECT k.status::text FROM oms.ticket k WHERE k.ticket_id = tk) <> 'done' THEN
		RETURN 'the ticket does not end in ' || def;
	ELSIF EXISTS (SELECT FROM g WHERE st NOT IN ('d', 's')) THEN
		RETURN 'the reference does not end in ' || def;
	ELSIF EXISTS (SELECT FROM oms.timeline e WHERE e.ticket_id = tk AND e.status::text = 'queued' GROUP BY e.stage HAVING count(*) <> 1) THEN
		RETURN 'a stage was queued twice in ' || def;
	ELSIF (SELECT count(DISTINCT e.stage::text) FROM oms.timeline e WHERE e.ticket_id = tk AND e.status::text IN ('done', 'skipped')) <> n THEN
		RETURN 'a stage has no end in the timeline of ' || def;
	ELSIF EXISTS (SELECT FROM oms.verify_timeline(tk)) THEN
		RETURN 'the timeline is broken';
	END IF;
	RETURN 'same';
END $$;

-- The reference itself, on the loan of the brief, so that both cannot be wrong
-- in the same way.
INSERT INTO g VALUES (1, 'id_check', '{}', 0, true, NULL), (2, 'risk_ai', '{id_check}', 1, true, NULL),
	(3, 'underwrite', '{risk_ai}', 1, false, NULL), (4, 'fund', '{underwrite}', 1, true, NULL);
SELECT is(t.pure('{}'), '{id_check}', 'the reference begins with id_check');
SELECT is(t.pure('{id_check,risk_ai}'), '{fund}', 'and jumps over the underwriter');

SELECT is(t.play(3 + i % 10, false, 1), 'same', 'small graph ' || i) FROM generate_series(1, 40) i;
SELECT is(t.play(3 + i % 30, true, 1), 'same', 'graph that asks for outputs ' || i) FROM generate_series(1, 30) i;
SELECT is(t.play(60 + i * 5, i % 2 = 0, 4), 'same', 'graph across the words of a bit set ' || i) FROM generate_series(0, 3) i;
SELECT is(t.play(n, true, 10), 'same', n || ' stages') FROM unnest(ARRAY[127, 128, 129, 200]) n;
SELECT is(t.play(500, true, 25), 'same', '500 stages');

-- The pure form on done sets that no ticket would reach: any subset counts.
CREATE FUNCTION t.subsets(n int, times int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	def	jsonb;
	data	jsonb;
	done	text[];
	got	text[];
BEGIN
	SELECT d.def, d.data INTO def, data FROM t.draw(n, true) d;
	FOR i IN 1..times LOOP
		done := ARRAY(SELECT id FROM g WHERE random() < i::float8 / times);
		got := ARRAY(SELECT oms.next_stages(def, done, data));
		IF got <> t.pure(done) THEN
			RETURN format('%s done: %s instead of %s with %s in %s', done, got, t.pure(done), data, def);
		END IF;
	END LOOP;
	RETURN 'same';
END $$;
SELECT is(t.subsets(5 + i * 3, 10), 'same', 'any subset of graph ' || i) FROM generate_series(1, 25) i;

-- 1 → n → 1: the widest fan the definition allows.
SELECT oms.create_workflow((SELECT jsonb_build_object('name', 'Fan', 'stages', '[{"id":"first","owner":"o"}]'
	|| (SELECT jsonb_agg(jsonb_build_object('id', 'm' || i, 'owner', 'o', 'dependsOn', '["first"]'::jsonb) ORDER BY i) FROM generate_series(1, 498) i)
	|| (SELECT jsonb_build_object('id', 'last', 'owner', 'o', 'dependsOn', jsonb_agg('m' || i)) FROM generate_series(1, 498) i)))) \g /dev/null
SELECT oms.open_ticket('Fan')::text AS fan \gset
SELECT is(cardinality(oms.stage_done(:'fan', 'first')), 498, 'one stage makes 498 ready');
SELECT is((SELECT count(*) FROM generate_series(2, 498) i WHERE oms.stage_done(:'fan', 'm' || i) <> '{}'), 0::bigint, '497 of them make nothing ready');
SELECT is(oms.stage_done(:'fan', 'm1'), '{last}', 'the last of them does');
SELECT is(oms.stage_done(:'fan', 'last'), '{}', 'and the end is the end');
SELECT is((SELECT k.status::text FROM oms.ticket k WHERE k.ticket_id = :'fan'), 'done', 'done');

SELECT finish();
ROLLBACK;
