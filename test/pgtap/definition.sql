-- A definition is checked as a whole: what is wrong, where, and what was
-- perhaps meant. Each error is tried alone, then many at once; then what must
-- be accepted, because a check that refuses everything is easy to write.
\ir include/settings.psql

BEGIN;
SELECT no_plan();
CREATE SCHEMA t;

-- A sound definition of two stages, to be spoiled in one place.
CREATE FUNCTION t.base() RETURNS jsonb LANGUAGE sql AS
$$ SELECT '{"name":"Base","stages":[{"id":"a","owner":"A"},{"id":"b","owner":"B","dependsOn":["a"]}]}'::jsonb $$;

-- One key of the second stage set to a value.
CREATE FUNCTION t.stage(key text, value jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_set(t.base(), ARRAY['stages', '1', key], value) $$;

-- One key of the whole definition set to a value.
CREATE FUNCTION t.top(key text, value jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_set(t.base(), ARRAY[key], value) $$;

-- A definition out of pairs "stage: what it depends on".
CREATE FUNCTION t.graph(VARIADIC edges text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('name', 'Graph', 'stages', jsonb_agg(jsonb_build_object('id', split_part(e, ':', 1), 'owner', 'o',
		'dependsOn', to_jsonb(string_to_array(split_part(e, ':', 2), ','))) ORDER BY nr))
	FROM unnest(edges) WITH ORDINALITY AS u(e, nr)
$$;

-- All problems as one text, for matching.
CREATE FUNCTION t.problems(def jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' | ', path, problem, hint), E'\n'), 'no problem') FROM oms.validate_workflow(def)
$$;

-- create_workflow must complain with the validator's first problem: code
-- OM004, the problem as message, its path as detail, its hint as hint.
CREATE FUNCTION t.creating(def jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f	record;
	c	text;
	m	text;
	d	text;
	h	text;
BEGIN
	BEGIN
		PERFORM oms.create_workflow(def);
		RETURN 'accepted';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS c = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	END;
	IF c <> 'OM004' THEN
		RETURN c || ': ' || m;
	END IF;
	SELECT * INTO f FROM oms.validate_workflow(def) WITH ORDINALITY AS v(path, problem, hint, nr) ORDER BY nr LIMIT 1;
	IF f.problem IS NULL OR f.problem = '' THEN
		RETURN 'the validator finds nothing';
	ELSIF strpos(m, f.problem) = 0 THEN
		RETURN 'another message: ' || m || ' / ' || f.problem;
	ELSIF strpos(d, coalesce(f.path, '')) = 0 OR (coalesce(f.path, '') <> '') <> (d <> '') THEN
		RETURN 'another detail: ' || d || ' / ' || f.path;
	ELSIF h <> coalesce(f.hint, '') THEN
		RETURN 'another hint: ' || h || ' / ' || f.hint;
	END IF;
	RETURN 'OM004 as validated';
END $$;

-- ---------------------------------------------------------------------------
-- The sound ones
-- ---------------------------------------------------------------------------
SELECT is(t.problems(t.base()), 'no problem', 'the base has no problem');

CREATE TEMP TABLE good (nr serial, label text, def jsonb);
INSERT INTO good (label, def) VALUES
	('a single stage', '{"name":"N","stages":[{"id":"a","owner":"A"}]}'),
	('an empty list of dependencies', t.stage('dependsOn', '[]')),
	('a dependency on a stage defined later', t.graph('a:b', 'b:')),
	('two roots, two ends', t.graph('a:', 'b:', 'c:a,b', 'd:a,b')),
	('a diamond is not a cycle', t.graph('a:', 'b:a', 'c:a', 'd:b,c')),
	('description and owner', t.base() || '{"description":"words","owner":"SBA"}'),
	('a time limit for the whole ticket', t.top('slaMins', '1440')),
	('prefix of one letter', t.top('prefix', '"D"')),
	('prefix of four letters', t.top('prefix', '"ABCD"')),
	('slaMins', t.stage('slaMins', '240')),
	('the greatest slaMins', t.stage('slaMins', '2147483647')),
	('slaDays', t.stage('slaDays', '3')),
	('join all', t.stage('join', '"all"')),
	('join any', t.stage('join', '"any"')),
	('join 1 of 1', t.stage('join', '1')),
	('join 2 of 3', jsonb_set(t.graph('a:', 'b:', 'c:', 'd:a,b,c'), '{stages,3,join}', '2')),
	('minAmount', t.stage('minAmount', '50000')),
	('minAmount with cents', t.stage('minAmount', '50000.50')),
	('minAmount zero', t.stage('minAmount', '0')),
	('when on data', t.stage('when', '"$.kind == \"farm\""')),
	('when on an output', t.stage('when', '"$stages.a.risk == \"high\""')),
	('when on both', t.stage('when', '"$.amount > 5 && $stages.a.score < 0.5"')),
	('when with exists', t.stage('when', '"exists($.children[*] ? (@.age < 18))"')),
	('when with like_regex', t.stage('when', '"$.zip like_regex \"^9\""')),
	('a dollar in a string is no variable', t.stage('when', '"$.currency == \"$foo\""')),
	('a dollar in a key is no variable', t.stage('when', '"$.\"$foo\" == 1"')),
	('an empty retry: all defaults', t.stage('retry', '{}')),
	('retry with one key', t.stage('retry', '{"maxAttempts":1}')),
	('a whole retry', t.stage('retry', '{"maxAttempts":3,"backoffSecs":30,"factor":2,"maxSecs":3600}')),
	('retry with a fraction as factor', t.stage('retry', '{"factor":1.5}')),
	('warnAt', jsonb_set(t.stage('slaMins', '60'), '{stages,1,warnAt}', '[50,80]')),
	('the escalation of the contract', jsonb_set(t.stage('slaMins', '60'), '{stages,1,escalation}',
		'[{"at":"100%","notify":"supervisor"},{"at":"+60m","reassignTo":"SBA_Backup"},{"at":"+240m","everyMins":240,"max":3,"notify":"director"}]')),
	('label', t.stage('label', '"Check of your papers"')),
	('publicOwner', t.stage('publicOwner', '"The agency"')),
	('notSameAs', t.stage('notSameAs', '"a"')),
	('manual', t.stage('manual', 'true')),
	('not manual', t.stage('manual', 'false')),
	('an id with quotes', t.graph('it''s "quoted":', 'next:it''s "quoted"')),
	('an id with blanks, slash and backslash', t.graph('a b/c\d:', 'next:a b/c\d')),
	('ids in other scripts', t.graph('检查:', 'проверка:检查', 'Prüfung:проверка', '🙂:Prüfung')),
	('ids that differ in case only', t.graph('a:', 'A:a')),
	('ids that look like numbers and keywords', t.graph('1:', 'null:1', 'true:null', '-1:true')),
	('an id with a format in it', t.graph('%s%n%d:', 'b:%s%n%d')),
	('a name in another script', t.top('name', '"灾害贷款 %s"')),
	('an owner in another script', t.stage('owner', '"Отдел \"А\""'));
SELECT is(t.problems(def), 'no problem', 'accepts ' || label) FROM good ORDER BY nr;
UPDATE good SET def = jsonb_set(def, '{name}', to_jsonb('Good ' || nr)) WHERE label <> 'a name in another script';
SELECT is(error_code(format('SELECT oms.create_workflow(%L)', def)), '00000', 'creates ' || label) FROM good ORDER BY nr;
SELECT ok(oms.get_workflow(def ->> 'name') @> def, 'keeps ' || label) FROM good ORDER BY nr;

-- Warnings and escalations with all later keys at once; a calendar may have to
-- exist first, nothing else may be complained of.
SELECT is_empty($q$SELECT * FROM oms.validate_workflow('{"name":"Full","prefix":"FU","description":"d","owner":"o","slaMins":10,"calendar":"DC","stages":[
	{"id":"a","owner":"A","slaDays":2,"warnAt":[80],"calendar":"DC","label":"l","publicOwner":"p"},
	{"id":"b","owner":"B","dependsOn":["a"],"join":"any","notSameAs":"a","minAmount":1,"when":"$.x == 1","manual":true,
	"retry":{"maxAttempts":2},"slaMins":5,"escalation":[{"at":"100%","notify":"n"}]}]}') WHERE path NOT LIKE '%calendar%'$q$,
	'a definition with every key');

-- ---------------------------------------------------------------------------
-- One error at a time: "hit" must be found in the place or the words
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE bad (nr serial, label text, def jsonb, hit text);
INSERT INTO bad (label, def, hit) VALUES
	-- the definition itself
	('an array', '[]', ''),
	('a string', '"x"', ''),
	('a number', '5', ''),
	('null', 'null', ''),
	('an empty object', '{}', 'name|stages'),
	('no name', t.base() - 'name', 'name'),
	('no stages', t.base() - 'stages', 'stages'),
	('null as name', t.top('name', 'null'), 'name'),
	('a number as name', t.top('name', '5'), 'name'),
	('a name of 8 KB', t.top('name', to_jsonb(repeat('x', 8192))), 'name'),
	('null as stages', t.top('stages', 'null'), 'stages'),
	('an object as stages', t.top('stages', '{"a":1}'), 'stages'),
	('a string as stages', t.top('stages', '"a"'), 'stages'),
	('no stage at all', t.top('stages', '[]'), 'stages'),
	('an unknown key', t.top('stagess', '[]'), 'stagess'),
	('a key in other case', t.top('Owner', '"x"'), 'Owner'),
	('an empty key', t.top('', '1'), ''),
	('an empty prefix', t.top('prefix', '""'), 'prefix'),
	('a prefix of five letters', t.top('prefix', '"ABCDE"'), 'prefix'),
	('a digit in the prefix', t.top('prefix', '"D1"'), 'prefix'),
	('a foreign letter in the prefix', t.top('prefix', '"Ä"'), 'prefix'),
	('a blank in the prefix', t.top('prefix', '"D L"'), 'prefix'),
	('a number as prefix', t.top('prefix', '5'), 'prefix'),
	('a number as description', t.top('description', '5'), 'description'),
	('an array as owner', t.top('owner', '["x"]'), 'owner'),
	('an owner of 8 KB', t.top('owner', to_jsonb(repeat('x', 8192))), 'owner'),
	('a number as calendar', t.top('calendar', '5'), 'calendar'),
	('a negative ticket limit', t.top('slaMins', '-1'), 'slaMins'),
	('a text as ticket limit', t.top('slaMins', '"60"'), 'slaMins'),
	('a fraction as ticket limit', t.top('slaMins', '1.5'), 'slaMins'),
	('a stage key at the top', t.top('dependsOn', '[]'), 'dependsOn'),
	-- a stage
	('a number as stage', jsonb_set(t.base(), '{stages,1}', '5'), 'stages'),
	('a string as stage', jsonb_set(t.base(), '{stages,1}', '"b"'), 'stages'),
	('null as stage', jsonb_set(t.base(), '{stages,1}', 'null'), 'stages'),
	('an array as stage', jsonb_set(t.base(), '{stages,1}', '[]'), 'stages'),
	('an empty stage', jsonb_set(t.base(), '{stages,1}', '{}'), 'id|owner'),
	('a stage without id', t.base() #- '{stages,1,id}', '\mid\M'),
	('a stage without owner', t.base() #- '{stages,1,owner}', 'owner'),
	('null as id', t.stage('id', 'null'), '\mid\M'),
	('a number as id', t.stage('id', '5'), '\mid\M'),
	('an id of 8 KB', t.stage('id', to_jsonb(repeat('x', 8192))), '\mid\M'),
	('null as stage owner', t.stage('owner', 'null'), 'owner'),
	('a number as stage owner', t.stage('owner', '5'), 'owner'),
	('a stage owner of 8 KB', t.stage('owner', to_jsonb(repeat('x', 8192))), 'owner'),
	('the same id twice', t.stage('id', '"a"') #- '{stages,1,dependsOn}', '\mid\M'),
	('an unknown stage key', t.stage('slaMin', '5'), 'slaMin'),
	('a top key in a stage', t.stage('prefix', '"X"'), 'prefix'),
	-- dependencies
	('a string as dependsOn', t.stage('dependsOn', '"a"'), 'dependsOn'),
	('an object as dependsOn', t.stage('dependsOn', '{"a":1}'), 'dependsOn'),
	('a number among the dependencies', t.stage('dependsOn', '[1]'), 'dependsOn'),
	('null among the dependencies', t.stage('dependsOn', '[null]'), 'dependsOn'),
	('an array among the dependencies', t.stage('dependsOn', '[["a"]]'), 'dependsOn'),
	('an unknown dependency', t.stage('dependsOn', '["zebra"]'), 'zebra'),
	('an empty dependency', t.stage('dependsOn', '[""]'), 'dependsOn'),
	('a dependency in other case', t.stage('dependsOn', '["A"]'), 'dependsOn'),
	('a dependency of 8 KB', t.stage('dependsOn', to_jsonb(ARRAY[repeat('a', 8192)])), 'dependsOn'),
	('a stage that depends on itself', t.stage('dependsOn', '["b"]'), 'dependsOn|\mb\M'),
	('two stages in a circle', t.graph('a:b', 'b:a'), '->'),
	('a circle behind a sound start', t.graph('s:', 'a:s,c', 'b:a', 'c:b', 'e:c'), '->'),
	('a circle joined by any', jsonb_set(t.graph('s:', 'a:s,b', 'b:a'), '{stages,1,join}', '"any"'), '->'),
	-- join
	('a join by another word', t.stage('join', '"some"'), 'join'),
	('a join in capitals', t.stage('join', '"ALL"'), 'join'),
	('a negative join', t.stage('join', '-1'), 'join'),
	('a fraction as join', t.stage('join', '1.5'), 'join'),
	('a huge join', t.stage('join', '1e10'), 'join'),
	('true as join', t.stage('join', 'true'), 'join'),
	('a number in quotes as join', t.stage('join', '"1"'), 'join'),
	('a list as join', t.stage('join', '["all"]'), 'join'),
	('2 of 1: a join that never comes', t.stage('join', '2'), 'join'),
	-- minAmount and when
	('a text as minAmount', t.stage('minAmount', '"50000"'), 'minAmount'),
	('"NaN" as minAmount', t.stage('minAmount', '"NaN"'), 'minAmount'),
	('"Infinity" as minAmount', t.stage('minAmount', '"Infinity"'), 'minAmount'),
	('true as minAmount', t.stage('minAmount', 'true'), 'minAmount'),
	('a list as minAmount', t.stage('minAmount', '[1]'), 'minAmount'),
	('a number as when', t.stage('when', '5'), 'when'),
	('true as when', t.stage('when', 'true'), 'when'),
	('an object as when', t.stage('when', '{"a":1}'), 'when'),
	('an empty when', t.stage('when', '""'), 'when'),
	('half a jsonpath', t.stage('when', '"$.a =="'), 'when'),
	('a word that is no jsonpath', t.stage('when', '"amount > 5"'), 'when'),
	('SQL as when', t.stage('when', '"1=1; drop table x"'), 'when'),
	('a bad regular expression', t.stage('when', '"$.a like_regex \"(\""'), 'when'),
	('another variable', t.stage('when', '"$foo > 1"'), 'when'),
	('another variable on the right', t.stage('when', '"$.a == $b"'), 'when'),
	('another variable in a filter', t.stage('when', '"exists($.a[*] ? (@ > $limit))"'), 'when'),
	('another variable as an index', t.stage('when', '"$.a[$i] == 1"'), 'when'),
	('another variable in quotes', t.stage('when', '"$\"foo\" == 1"'), 'when'),
	('$stage without its s', t.stage('when', '"$stage.a.x == 1"'), 'when'),
	('$Stages with a capital', t.stage('when', '"$Stages.a.x == 1"'), 'when'),
	-- numbers, once for every kind of key
	('a negative slaMins', t.stage('slaMins', '-5'), 'slaMins'),
	('a fraction as slaMins', t.stage('slaMins', '0.5'), 'slaMins'),
	('slaMins beyond int4', t.stage('slaMins', '2147483648'), 'slaMins'),
	('1e10 as slaMins', t.stage('slaMins', '1e10'), 'slaMins'),
	('1e400 as slaMins', t.stage('slaMins', '1e400'), 'slaMins'),
	('a text as slaMins', t.stage('slaMins', '"5"'), 'slaMins'),
	('"NaN" as slaMins', t.stage('slaMins', '"NaN"'), 'slaMins'),
	('true as slaMins', t.stage('slaMins', 'true'), 'slaMins'),
	('a list as slaMins', t.stage('slaMins', '[5]'), 'slaMins'),
	('a negative slaDays', t.stage('slaDays', '-1'), 'slaDays'),
	('a fraction as slaDays', t.stage('slaDays', '1.5'), 'slaDays'),
	('1e10 as slaDays', t.stage('slaDays', '1e10'), 'slaDays'),
	('a text as slaDays', t.stage('slaDays', '"1"'), 'slaDays'),
	-- retry
	('a number as retry', t.stage('retry', '3'), 'retry'),
	('a list as retry', t.stage('retry', '[3]'), 'retry'),
	('an unknown key in retry', t.stage('retry', '{"attempts":3}'), 'attempts'),
	('a negative maxAttempts', t.stage('retry', '{"maxAttempts":-1}'), 'maxAttempts'),
	('a fraction as maxAttempts', t.stage('retry', '{"maxAttempts":1.5}'), 'maxAttempts'),
	('a text as maxAttempts', t.stage('retry', '{"maxAttempts":"3"}'), 'maxAttempts'),
	('1e10 as maxAttempts', t.stage('retry', '{"maxAttempts":1e10}'), 'maxAttempts'),
	('a negative backoffSecs', t.stage('retry', '{"backoffSecs":-1}'), 'backoffSecs'),
	('a text as backoffSecs', t.stage('retry', '{"backoffSecs":"1"}'), 'backoffSecs'),
	('1e10 as backoffSecs', t.stage('retry', '{"backoffSecs":1e10}'), 'backoffSecs'),
	('a negative factor', t.stage('retry', '{"factor":-2}'), 'factor'),
	('a text as factor', t.stage('retry', '{"factor":"2"}'), 'factor'),
	('a negative maxSecs', t.stage('retry', '{"maxSecs":-1}'), 'maxSecs'),
	('1e10 as maxSecs', t.stage('retry', '{"maxSecs":1e10}'), 'maxSecs'),
	('a list as maxSecs', t.stage('retry', '{"maxSecs":[1]}'), 'maxSecs'),
	-- warnings and escalation
	('a number as warnAt', t.stage('warnAt', '80'), 'warnAt'),
	('a text in warnAt', t.stage('warnAt', '["80%"]'), 'warnAt'),
	('a negative percentage', t.stage('warnAt', '[-1]'), 'warnAt'),
	('1e10 per cent', t.stage('warnAt', '[1e10]'), 'warnAt'),
	('null in warnAt', t.stage('warnAt', '[null]'), 'warnAt'),
	('an object as escalation', t.stage('escalation', '{"at":"100%"}'), 'escalation'),
	('a text in escalation', t.stage('escalation', '["100%"]'), 'escalation'),
	('an escalation step without at', t.stage('escalation', '[{"notify":"x"}]'), '\mat\M'),
	('a number as at', t.stage('escalation', '[{"at":100,"notify":"x"}]'), '\mat\M'),
	('a word as at', t.stage('escalation', '[{"at":"soon","notify":"x"}]'), '\mat\M'),
	('an empty at', t.stage('escalation', '[{"at":"","notify":"x"}]'), '\mat\M'),
	('an at with rest', t.stage('escalation', '[{"at":"+60mm","notify":"x"}]'), '\mat\M'),
	('an at beyond int4', t.stage('escalation', '[{"at":"+99999999999m","notify":"x"}]'), '\mat\M'),
	('a number as notify', t.stage('escalation', '[{"at":"100%","notify":5}]'), 'notify'),
	('a number as reassignTo', t.stage('escalation', '[{"at":"100%","reassignTo":5}]'), 'reassignTo'),
	('a negative everyMins', t.stage('escalation', '[{"at":"100%","notify":"x","everyMins":-1}]'), 'everyMins'),
	('a text as everyMins', t.stage('escalation', '[{"at":"100%","notify":"x","everyMins":"5"}]'), 'everyMins'),
	('a negative max', t.stage('escalation', '[{"at":"100%","notify":"x","everyMins":5,"max":-1}]'), 'max'),
	('a fraction as max', t.stage('escalation', '[{"at":"100%","notify":"x","everyMins":5,"max":1.5}]'), 'max'),
	('an unknown key in a step', t.stage('escalation', '[{"at":"100%","notifyy":"x"}]'), 'notifyy'),
	-- the rest
	('a number as stage calendar', t.stage('calendar', '5'), 'calendar'),
	('a number as label', t.stage('label', '5'), 'label'),
	('true as publicOwner', t.stage('publicOwner', 'true'), 'publicOwner'),
	('a list as notSameAs', t.stage('notSameAs', '["a"]'), 'notSameAs'),
	('an unknown stage in notSameAs', t.stage('notSameAs', '"zebra"'), 'notSameAs'),
	('a text as manual', t.stage('manual', '"yes"'), 'manual'),
	('a number as manual', t.stage('manual', '1'), 'manual');
SELECT cmp_ok((SELECT count(*) FROM oms.validate_workflow(def)), '>=', 1::bigint, 'finds ' || label) FROM bad ORDER BY nr;
SELECT ok(t.problems(def) ~ hit AND t.problems(def) <> 'no problem', 'names ' || label) FROM bad ORDER BY nr;
SELECT is(t.creating(def), 'OM004 as validated', 'creates nothing from ' || label) FROM bad ORDER BY nr;
SELECT is_empty('SELECT label FROM bad, oms.validate_workflow(def) v WHERE v.problem IS NULL OR v.problem = '''' OR v.path IS NULL',
	'every problem has a place and words');
SELECT is(error_code($$SELECT oms.get_workflow('Base')$$), 'OM001', 'nothing of all that was stored');
SELECT isnt(error_code('SELECT oms.create_workflow(NULL)'), '00000', 'NULL is no definition');

-- Where: the index of the stage stands in the path.
SELECT ok(EXISTS (SELECT FROM oms.validate_workflow(t.stage('slaMins', '-5')) WHERE path ~ '1' AND path ~ 'slaMins'), 'the path tells stage and key');
SELECT ok(EXISTS (SELECT FROM oms.validate_workflow(t.stage('retry', '{"factor":-2}')) WHERE path ~ '1.*retry.*factor'), 'also of nested keys');

-- ---------------------------------------------------------------------------
-- Hints and cycles
-- ---------------------------------------------------------------------------
SELECT ok(EXISTS (SELECT FROM oms.validate_workflow(t.graph('id_check:', 'risk_ai:id_chek', 'fund:risk_ai')) WHERE hint ~ 'id_check'),
	'id_chek: the hint is id_check');
SELECT ok(EXISTS (SELECT FROM oms.validate_workflow(t.graph('underwrite:', 'underpaint:', 'fund:undrwrite')) WHERE hint ~ 'underwrite'),
	'undrwrite: the nearest of two');
SELECT ok(NOT EXISTS (SELECT FROM oms.validate_workflow(t.graph('underwrite:', 'underpaint:', 'fund:undrwrite')) WHERE hint ~ 'underpaint.*underwrite'),
	'and not the other one first');

SELECT matches(t.problems(t.graph('a:b', 'b:a')), 'a -> b -> a|b -> a -> b', 'two in a circle are printed');
SELECT matches(t.problems(t.graph('a:c', 'b:a', 'c:b')),
	'a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c|a -> c -> b -> a|c -> b -> a -> c|b -> a -> c -> b', 'three in a circle');
SELECT matches(t.problems(t.graph('s:', 'a:s,b', 'b:a', 'x:b')), '(?n)(a -> b -> a|b -> a -> b)', 'the circle only');
SELECT doesnt_match(t.problems(t.graph('s:', 'a:s,b', 'b:a', 'x:b')), '(s|x) -> |-> (s|x)', 'not what leads to it or hangs on it');

-- ---------------------------------------------------------------------------
-- Many at once
-- ---------------------------------------------------------------------------
CREATE TEMP TABLE mess AS SELECT '{"prefix":"TOOLONG","colour":"red","stages":[
	{"id":"a","owner":"A","slaMins":-1,"minAmount":"x"},
	{"id":"a","owner":"A"},
	{"id":"b","dependsOn":["aa"],"when":"$x >"},
	{"id":"c","owner":7,"dependsOn":["c"]},
	{"id":"d","owner":"D","retry":{"factor":"two"},"warnAt":"80","shape":"round"}]}'::jsonb AS def;
SELECT ok(t.problems(def) ~ hit, 'among many: ' || hit)
FROM mess, unnest(ARRAY['name', 'prefix', 'colour', 'slaMins', 'minAmount', '\mid\M', 'owner', '\maa\M', 'when', 'factor', 'warnAt', 'shape']) hit;
SELECT cmp_ok((SELECT count(*) FROM oms.validate_workflow(def)), '>=', 13::bigint, 'all thirteen problems at once') FROM mess;
SELECT is(t.creating(def), 'OM004 as validated', 'create_workflow tells the first') FROM mess;

-- Two errors in one: each pair of a sample is reported in full.
SELECT is_empty($$SELECT a.label, b.label FROM bad a, bad b
	WHERE a.def -> 'stages' -> 1 ? 'slaMins' AND a.def -> 'name' = '"Base"' AND b.def ? 'prefix' AND b.nr <= 40
		AND (t.problems(jsonb_set(b.def, '{stages}', a.def -> 'stages')) !~ a.hit OR t.problems(jsonb_set(b.def, '{stages}', a.def -> 'stages')) !~ b.hit)$$,
	'no error hides another');

-- ---------------------------------------------------------------------------
-- Optional keys with null: either absent or an error, but never stored silently as a number
-- ---------------------------------------------------------------------------
SELECT ok(error_code(format('SELECT oms.create_workflow(%L)', jsonb_set(t.stage(k, 'null'), '{name}', to_jsonb('Null ' || k)))) IN ('00000', 'OM004'),
	'null as ' || k || ' is taken or refused, nothing else')
FROM unnest(ARRAY['slaMins', 'slaDays', 'dependsOn', 'join', 'minAmount', 'when', 'retry', 'warnAt', 'escalation', 'calendar', 'label', 'publicOwner',
	'notSameAs', 'manual']) k;

-- ---------------------------------------------------------------------------
-- Size
-- ---------------------------------------------------------------------------
CREATE FUNCTION t.chain(n int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('name', 'Chain' || n, 'stages', jsonb_agg(jsonb_build_object('id', 's' || i, 'owner', 'o',
		'dependsOn', CASE i WHEN 1 THEN '[]' ELSE jsonb_build_array('s' || i - 1) END) ORDER BY i))
	FROM generate_series(1, n) i
$$;
SELECT is(t.problems(t.chain(4096)), 'no problem', '4,096 stages in a row');
SELECT is(oms.create_workflow(t.chain(4096)), 1, 'can be created');
SELECT is(ARRAY(SELECT oms.next_stages(oms.open_ticket('Chain4096'))), '{s1}', 'and opened');
SELECT cmp_ok((SELECT count(*) FROM oms.validate_workflow(t.chain(4097))), '>=', 1::bigint, '4,097 are too many');
SELECT is(t.creating(t.chain(4097)), 'OM004 as validated', 'and cannot be created');
SELECT matches(t.problems(jsonb_set(t.chain(4096), '{stages,0,dependsOn}', '["s4096"]')), '->', 'a circle of 4,096 is found');
SELECT is(t.problems(jsonb_set(t.chain(500), '{stages,499,dependsOn}', (SELECT jsonb_agg('s' || i) FROM generate_series(1, 499) i))), 'no problem',
	'a stage may depend on all others');
SELECT is(t.problems((SELECT jsonb_build_object('name', 'Wide', 'stages', jsonb_agg(jsonb_build_object('id', 's' || i, 'owner', 'o', 'dependsOn',
	CASE WHEN i > 64 THEN (SELECT jsonb_agg('s' || j) FROM generate_series(1, 64) j) ELSE '[]' END))) FROM generate_series(1, 1000) i)), 'no problem',
	'60,000 dependencies');

-- Huge and deep JSON in places where nobody expects it.
SELECT is(t.creating(t.top('deep', (repeat('[', 1000) || repeat(']', 1000))::jsonb)), 'OM004 as validated', 'a thousand brackets under an unknown key');
SELECT is(t.creating(t.stage('owner', (repeat('{"a":', 1000) || '1' || repeat('}', 1000))::jsonb)), 'OM004 as validated', 'a thousand braces as an owner');
SELECT is(t.creating(t.top('stages', (repeat('[', 1000) || repeat(']', 1000))::jsonb)), 'OM004 as validated', 'a thousand brackets as stages');
SELECT is(t.creating(t.stage('escalation', (repeat('[', 1000) || repeat(']', 1000))::jsonb)), 'OM004 as validated', 'a thousand brackets as escalation');
SELECT is(t.creating(t.stage('slaMins', repeat('9', 5000)::jsonb)), 'OM004 as validated', 'a number of 5,000 digits');
SELECT is(t.creating(t.stage('dependsOn', (SELECT jsonb_agg('nowhere' || i) FROM generate_series(1, 2000) i))), 'OM004 as validated', '2,000 unknown dependencies');
SELECT is(t.creating((SELECT jsonb_build_object('name', 'Same', 'stages', jsonb_agg('{"id":"a","owner":"o"}'::jsonb)) FROM generate_series(1, 2000))),
	'OM004 as validated', 'the same id 2,000 times');
SELECT is(t.creating((SELECT t.base() || jsonb_object_agg('key' || i, i) FROM generate_series(1, 2000) i)), 'OM004 as validated', '2,000 unknown keys');

-- The length of names is measured, not guessed: what passes works all the way.
CREATE FUNCTION t.longest(key text) RETURNS int LANGUAGE sql AS $$
	SELECT max(n) FROM generate_series(1, 1000) n
	WHERE NOT EXISTS (SELECT FROM oms.validate_workflow(CASE key WHEN 'name' THEN t.top(key, to_jsonb(repeat('ü', n))) ELSE t.stage(key, to_jsonb(repeat('ü', n))) END))
$$;
SELECT cmp_ok(t.longest(k), '>=', 15, k || ' may have a useful length') FROM unnest(ARRAY['name', 'id', 'owner']) k;
SELECT is(error_code(format('SELECT oms.create_workflow(%L)', jsonb_build_object('name', repeat('ü', t.longest('name')), 'stages',
	jsonb_build_array(jsonb_build_object('id', repeat('ü', t.longest('id')), 'owner', repeat('ü', t.longest('owner'))))))), '00000',
	'the longest names can be created');
SELECT is(error_code(format('SELECT oms.stage_done(oms.open_ticket(%L), %L)', repeat('ü', t.longest('name')), repeat('ü', t.longest('id')))), '00000',
	'and used, events included');

-- ---------------------------------------------------------------------------
-- Versions
-- ---------------------------------------------------------------------------
SELECT is(oms.create_workflow('{"name":"V","stages":[{"id":"a","owner":"x"}]}'), 1, 'version 1');
SELECT is(oms.create_workflow('{"stages":[{"owner":"x","id":"a"}],"name":"V"}'), 1, 'the order of keys is no difference');
SELECT is(oms.create_workflow('{"name":"V","stages":[{"id":"a","owner":"y"}]}'), 2, 'version 2');
SELECT is(oms.create_workflow('{"name":"V","stages":[{"id":"a","owner":"y"}]}'), 2, 'still version 2');
SELECT cmp_ok(oms.create_workflow('{"name":"V","stages":[{"id":"a","owner":"x"}]}'), '<>', 2, 'back to the first one is not version 2');
SELECT ok(oms.get_workflow('V') @> '{"stages":[{"owner":"x"}]}', 'it is the current one now');
SELECT ok(oms.get_workflow('V', 2) @> '{"stages":[{"owner":"y"}]}', 'version 2 is what it was');
SELECT is(error_code($$SELECT oms.get_workflow('v')$$), 'OM001', 'names keep their case');

SELECT finish();
ROLLBACK;
