-- diagram: workflows and tickets as pictures, in both formats. That nothing which somebody wrote into a
-- definition leaves its label is checked by a grammar of what may be printed, and by reading it back.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET TimeZone = 'UTC';
SET oms.now = '2026-03-02 14:03:40.517023+00';
\pset format unaligned
\pset tuples_only on

-- What is in a picture besides the lines that it may consist of: nothing.
CREATE FUNCTION pg_temp.odd(diagram text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT line FROM string_to_table(diagram, E'\n') AS line
  WHERE line !~ CASE WHEN diagram LIKE 'flowchart%' THEN
      '^(flowchart TD|  n\d+\["([A-Za-z0-9_., -]|[^\x01-\x7f]|#\d+;|<br/>)*"\](:::[a-z_]+)?|  n\d+ --> n\d+|  classDef [a-z_]+ [a-z-]+:[^";]+|  class n\d+ manual)$'
    ELSE '^(digraph workflow \{|  node \[shape=box\];|  n\d+ \[label="([^"\\]|\\["\\n])*"(, [a-z]+="[a-z#0-9, _-]+")*\];|  n\d+ -> n\d+;|\})$' END $$;
-- The labels, as they are when they are shown.
CREATE FUNCTION pg_temp.shown(diagram text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  label text;
  code text;
BEGIN
  FOR label IN SELECT m[1] FROM regexp_matches(diagram, CASE WHEN diagram LIKE 'flowchart%'
    THEN '\["([^"]*)"\]' ELSE 'label="((?:[^"\\]|\\.)*)"' END, 'g') AS m LOOP
    IF diagram LIKE 'flowchart%' THEN
      label := replace(label, '<br/>', E'\n');
      FOR code IN SELECT DISTINCT m[1] FROM regexp_matches(label, '#(\d+);', 'g') AS m ORDER BY 1 LOOP
        label := replace(label, '#' || code || ';', chr(code::int + 57344));
      END LOOP;
      RETURN NEXT (SELECT string_agg(CASE WHEN ascii(c) >= 57344 AND ascii(c) < 57472 THEN chr(ascii(c) - 57344) ELSE c END, '' ORDER BY n)
        FROM string_to_table(label, NULL) WITH ORDINALITY AS t (c, n));
    ELSE
      label := replace(label, '\\', chr(57344));
      label := replace(replace(replace(label, '\n', E'\n'), '\"', '"'), '&amp;', '&');
      RETURN NEXT replace(label, chr(57344), '\');
    END IF;
  END LOOP;
END $$;

-- ---- workflows ----

SELECT oms.create_workflow('{"name": "Picture", "prefix": "PIC", "stages": [
  {"id": "id_check",   "owner": "IRS_Bot",      "slaMins": 5},
  {"id": "risk_ai",    "owner": "RiskAI",       "slaMins": 15,  "dependsOn": ["id_check"]},
  {"id": "underwrite", "owner": "SBA_Team",     "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000},
  {"id": "fund",       "owner": "Treasury_Bot", "slaMins": 60,  "dependsOn": ["underwrite"]}]}');
SELECT oms.diagram('Picture');
SELECT oms.diagram('Picture', format => 'dot');

-- Everything that a node can show.
SELECT oms.create_workflow('{"name": "Picture all", "prefix": "PIC", "stages": [
  {"id": "end", "owner": "A", "dependsOn": ["b", "c", "d"], "join": "any"},
  {"id": "two", "owner": "A", "dependsOn": ["b", "c", "d"], "join": 2},
  {"id": "all", "owner": "A", "dependsOn": ["b", "c", "d"], "join": 3},
  {"id": "a", "owner": "IRS desk", "label": "Received", "slaMins": 60},
  {"id": "b", "owner": "B", "label": "b", "dependsOn": ["a"], "minAmount": 0.50},
  {"id": "c", "owner": "C", "dependsOn": ["a"], "when": "$.state == \"FL\" && $stages.a.score > 0.5", "minAmount": 1e3},
  {"id": "d", "owner": "D", "dependsOn": ["a"], "when": "strict $.n > 1"},
  {"id": "call", "owner": "E", "manual": true},
  {"id": "minutes", "owner": "E", "manual": true, "dependsOn": ["call"], "label": "Minutes"}]}');
SELECT oms.diagram('Picture all');
SELECT oms.diagram('Picture all', NULL, 'dot');
SELECT count(*) FROM unnest(ARRAY['mermaid', 'dot']) AS f, pg_temp.odd(oms.diagram('Picture all', format => f));

-- Versions; a retired workflow is still drawn.
SELECT oms.create_workflow('{"name": "Picture", "prefix": "PIC", "stages": [{"id": "new", "owner": "X", "slaMins": 1440}]}');
SELECT oms.diagram('Picture');
SELECT oms.diagram('Picture', 2) = oms.diagram('Picture'), oms.diagram('Picture', 1) LIKE '%underwrite%';
SELECT oms.retire_workflow('Picture');
SELECT oms.diagram('Picture', 2, 'mermaid') = oms.diagram('Picture');

-- A condition that is too long is cut, between characters.
SELECT oms.create_workflow(jsonb_build_object('name', 'Picture long', 'stages', jsonb_build_array(
  jsonb_build_object('id', 'a', 'owner', 'x', 'when', format('$.x == "%s"', repeat('é', 500))))));
SELECT octet_length(label), right(label, 8) FROM pg_temp.shown(oms.diagram('Picture long')) AS label;

-- ---- definitions that are not created ----

SELECT name, version, format, oms.draw_workflow(definition, format) = oms.diagram(name, version, format)
FROM oms.workflow, unnest(ARRAY['mermaid', 'dot']) AS format WHERE name LIKE 'Picture%' ORDER BY 1, 2, 3;
SELECT oms.draw_workflow('{"name": "Not yet", "stages": [{"id": "a", "owner": "x"}, {"id": "b", "owner": "y", "dependsOn": ["a"], "manual": true}]}');
SELECT count(*) FROM oms.workflow WHERE name = 'Not yet';

-- ---- tickets ----

SELECT oms.open_ticket('Picture all', '{"amount": 700, "state": "GA", "n": 2}') AS t \gset
SELECT oms.diagram(:'t');
SELECT oms.claim_stage(:'t', 'a', 'kim') > 0;
SELECT oms.stage_done(:'t', 'a', '{"score": 0.9}');
SELECT count(*) FROM oms.claim('D');
SELECT oms.stage_failed(:'t', 'd', 'broken', retryable => false);
SELECT oms.reassign(:'t', 'b', 'B2 "the other"', 'holidays');
SELECT oms.diagram(:'t');
SELECT oms.diagram(:'t'::oms.ticket_id, 'dot');
-- The literal, the text and the number are the same picture, and so is the number in small letters.
SELECT oms.diagram(:'t') = oms.diagram(:'t'::oms.ticket_id), oms.diagram(:'t'::text) = oms.diagram(:'t'::oms.ticket_id),
  oms.diagram(lower(:'t'), format => 'dot') = oms.diagram(:'t'::oms.ticket_id, 'dot');
-- Every state, cycles, and due times that cannot be told.
CREATE FUNCTION pg_temp.state(change text, format text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid::regclass::text ~ '^oms\.';
  UPDATE pg_class SET relname = relname WHERE relnamespace = 'oms'::regnamespace;
  EXECUTE 'UPDATE oms.stage_state SET ' || change || format(' WHERE ticket_id = %L', current_setting('my.ticket'));
  RAISE EXCEPTION SQLSTATE 'ZZ001' USING MESSAGE = oms.diagram(current_setting('my.ticket'), format => format);
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
  RETURN SQLERRM;
END $$;
SET my.ticket = :'t';
SELECT s, (SELECT string_agg(line, E'\n') FROM string_to_table(pg_temp.state(format('status = %L', s), 'mermaid'), E'\n') AS line
  WHERE line ~ '^  n4\[|classDef') FROM unnest(string_to_array('wqphdsfx', NULL)) AS s;
SELECT s, (SELECT line FROM string_to_table(pg_temp.state(format('status = %L', s), 'dot'), E'\n') AS line
  WHERE line ~ '^  n4 \[') FROM unnest(string_to_array('wqphdsfx', NULL)) AS s;
SELECT pg_temp.shown(pg_temp.state('cycle = 2, due_at = ''2026-12-31 23:59:59.999999-05''', 'dot')) LIMIT 5;
SELECT pg_temp.shown(pg_temp.state('due_at = ''infinity''', 'dot')) LIMIT 5;
-- What never began has ended with its ticket.
SELECT oms.cancel_ticket(:'t', 'double');
SELECT oms.diagram(:'t');
-- A ticket can be drawn in the statement that opens it, and keeps its version.
SELECT pg_temp.shown(oms.diagram(oms.open_ticket('Picture long')));
-- A workflow comes first, whatever its name looks like.
SELECT oms.create_workflow(jsonb_build_object('name', :'t', 'stages', '[{"id": "shadow", "owner": "x"}]'::jsonb));
SELECT oms.diagram(:'t');
SELECT oms.diagram(:'t'::oms.ticket_id) LIKE '%Received%';

-- ---- hostile names ----

CREATE TEMP TABLE hostile (no int GENERATED ALWAYS AS IDENTITY, word text);
INSERT INTO hostile (word) VALUES ('"'), ('"]; n1 --> n2; click n1 "javascript:alert(1)"'), ('"]:::done'), ('\'), ('\"'), ('\\"'), ('a\'),
  ('\n\l\N\G\E'), ('<script>alert(1)</script>'), ('<br/>'), ('<!-- -->'), ('-->'), ('---'), ('--- title: x'), ('end'), ('End'), ('graph'),
  ('subgraph x'), ('%%{init: {}}%%'), ('%% x'), ('[a](b)'), ('{a|b}'), ('((x))'), ('`**bold**`'), ('`md`'), ('$$x^2$$'), ('#quot;'), ('#34;'),
  ('&quot;'), ('&#34;'), ('&amp;amp;'), ('1. list'), ('1) list'), ('- list'), ('* list'), ('# head'), ('_em_ __em__'), ('style x:y#"'), ('classDef a:b#;"'),
  ('fa:fa-car'), ('n1'), ('n2'), ('digraph'), ('//'), ('/* x */'), ('@{shape: x}'), (';'), (' '), ('  x  '), ('''; DROP TABLE oms.timeline; --'),
  ('Ünïcödé 漢字 🎉'), (E'\u2028%%x'), (E'\u202Eevil'), (E'\u0085'), ('fl°°34¶ß'),
  ((SELECT string_agg(chr(c), '' ORDER BY c) FROM generate_series(32, 79) AS c)), ((SELECT string_agg(chr(c), '' ORDER BY c) FROM generate_series(80, 126) AS c));
-- As ids, owners, labels and in conditions.
SELECT oms.create_workflow(jsonb_build_object('name', 'Picture hostile', 'stages', (SELECT jsonb_agg(jsonb_build_object(
  'id', h.word, 'owner', h.word, 'label', h.word || '!', 'when', format('$.%s == 1', to_json(h.word)),
  'dependsOn', (SELECT coalesce(jsonb_agg(d.word), '[]') FROM hostile AS d WHERE d.no = h.no - 1)) ORDER BY h.no) FROM hostile AS h)));
SELECT count(*) FROM unnest(ARRAY['mermaid', 'dot']) AS f, pg_temp.odd(oms.diagram('Picture hostile', format => f));
SELECT f, count(*), count(*) FILTER (WHERE s.label IS DISTINCT FROM
  format(E'%s! (%s)\n%s\nif (%s)', h.word, h.word, h.word, substr(format('$.%s == 1', to_json(h.word))::jsonpath::text, 2, length(format('$.%s == 1', to_json(h.word))::jsonpath::text) - 2))) AS other
FROM unnest(ARRAY['mermaid', 'dot']) AS f, pg_temp.shown(oms.diagram('Picture hostile', format => f)) WITH ORDINALITY AS s (label, no)
FULL JOIN hostile AS h ON h.no = s.no GROUP BY f ORDER BY f;
SELECT line FROM string_to_table(oms.diagram('Picture hostile'), E'\n') AS line WHERE line ~ '^  n(2|9|26|32|38|51)\[';
SELECT line FROM string_to_table(oms.diagram('Picture hostile', format => 'dot'), E'\n') AS line WHERE line ~ '^  n(2|5|8|29)\ \[';
SELECT oms.open_ticket('Picture hostile') AS h \gset
SELECT oms.reassign(:'h', '"', word, 'r') FROM hostile WHERE no IN (2, 5, 9);
SELECT count(*) FROM unnest(ARRAY['mermaid', 'dot']) AS f, pg_temp.odd(oms.diagram(:'h'::oms.ticket_id, f));

-- This check can fail.
SELECT pg_temp.odd(E'flowchart TD\n  n1["a"b"]\n  n1["a#;"]\n  n2["`a`"]\n  n2["a"]:::done');
SELECT pg_temp.odd(E'digraph workflow {\n  n1 [label="a"b"];\n  n1 [label="a\\"];\n  n2 [label="a\\"b"];\n}');

-- ---- the largest workflow ----

SELECT oms.create_workflow(jsonb_build_object('name', 'Picture large', 'stages', (SELECT jsonb_agg(jsonb_build_object(
  'id', 's' || n, 'owner', 'o' || n % 7, 'manual', n % 2 = 0, 'dependsOn',
  CASE WHEN n = 4096 THEN (SELECT jsonb_agg('s' || d) FROM generate_series(1, 4095) AS d) WHEN n > 1 THEN jsonb_build_array('s' || n - 1) ELSE '[]' END) ORDER BY n)
  FROM generate_series(1, 4096) AS n)));
SELECT oms.open_ticket('Picture large') AS large \gset
SET statement_timeout = '10s';
SELECT f, count(*), count(*) FILTER (WHERE line ~ '^  n\d+ ?\[') AS nodes, count(*) FILTER (WHERE line ~ '^  n\d+ -') AS edges
FROM unnest(ARRAY['mermaid', 'dot']) AS f, string_to_table(oms.diagram('Picture large', format => f), E'\n') AS line GROUP BY f ORDER BY f;
SELECT f, count(*), count(*) FILTER (WHERE line ~ 'waiting') AS waiting
FROM unnest(ARRAY['mermaid', 'dot']) AS f, string_to_table(oms.diagram(:'large'::oms.ticket_id, f), E'\n') AS line GROUP BY f ORDER BY f;
SELECT count(*) FROM unnest(ARRAY['mermaid', 'dot']) AS f, pg_temp.odd(oms.diagram(:'large'::oms.ticket_id, f));
RESET statement_timeout;

-- ---- errors ----

CREATE FUNCTION pg_temp.error(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE sql;
  RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif('(' || hint || ')', '()'));
END $$;
SELECT sql, pg_temp.error(sql) FROM unnest(ARRAY[
  $$SELECT oms.diagram('no such workflow')$$, $$SELECT oms.diagram('')$$, $$SELECT oms.diagram('picture')$$,
  $$SELECT oms.diagram('Picture', 3)$$, $$SELECT oms.diagram('Picture', 0)$$, $$SELECT oms.diagram('no such workflow', 1)$$,
  $$SELECT oms.diagram('PIC-1999-00001')$$, $$SELECT oms.diagram('PIC-1999-00001'::oms.ticket_id)$$, $$SELECT oms.diagram('PIC-1999-00001', 1)$$,
  $$SELECT oms.diagram('PIC-1999-1')$$, $$SELECT oms.diagram(NULL)$$, $$SELECT oms.diagram(NULL::oms.ticket_id)$$,
  $$SELECT oms.diagram('Picture', format => 'svg')$$, $$SELECT oms.diagram('Picture', format => 'DOT')$$, $$SELECT oms.diagram('Picture', format => '')$$,
  $$SELECT oms.diagram('Picture', NULL, 'svg')$$, $$SELECT oms.diagram('Picture', format => NULL)$$, $$SELECT oms.diagram('PIC-1999-00001'::oms.ticket_id, 'png')$$,
  $$SELECT oms.diagram('PIC-1999-00001'::oms.ticket_id, NULL)$$,
  $$SELECT oms.draw_workflow('{"name": "a", "stages": [{"id": "x", "owner": "y", "dependsOn": ["X"]}]}')$$, $$SELECT oms.draw_workflow('[]')$$,
  $$SELECT oms.draw_workflow('{"name": "a", "stages": [{"id": "x", "owner": "y"}]}', 'svg')$$, $$SELECT oms.draw_workflow(NULL)$$,
  $$SELECT oms.draw_workflow('{"name": "a", "stages": [{"id": "x", "owner": "y"}]}', NULL)$$]) AS sql;

-- ---- rights ----

CREATE ROLE regress_draws;
CREATE ROLE regress_not;
SELECT oms.grant_access('regress_draws', 'staff');
SELECT oms.grant_access('regress_not', level) FROM unnest(ARRAY['citizen', 'portal', 'agent', 'monitor']) AS level;
SELECT role, r, has_function_privilege(role, r, 'EXECUTE')
FROM unnest(ARRAY['regress_draws', 'regress_not']) AS role,
  unnest(ARRAY['oms.diagram(text, int, text)', 'oms.diagram(oms.ticket_id, text)', 'oms.draw_workflow(jsonb, text)']) AS r;
SET ROLE regress_draws;
SELECT oms.diagram('Picture', 1) LIKE 'flowchart%', oms.diagram(:'h') LIKE 'flowchart%';
SET ROLE regress_not;
SELECT oms.diagram('Picture', 1);
RESET ROLE;
SELECT oms.revoke_access(role) FROM unnest(ARRAY['regress_draws', 'regress_not']) AS role;
DROP ROLE regress_draws, regress_not;
