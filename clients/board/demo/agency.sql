-- A simulated agency: eight weeks of work up to now, so that the pictures have something to show. For psql, as a superuser, in a
-- database that has roles.sql; it takes a while and leaves some thousand tickets and a few roles more.
--
-- Nothing is put into tables: the clock is moved in steps of half an hour, and in each step people and programs call the
-- functions that they call in life. Four workflows. A storm in the fourth week brings more loans than the underwriters can do,
-- in the sixth the IRS does not answer for a morning, and now carla is away.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'America/New_York';
-- Events of the past are no news, and the worker would take the moved clock's tickets for old ones.
SET oms.dispatch = off;
SELECT format('ALTER DATABASE %I SET oms.worker = off', current_database()) \gexec
DO $$
BEGIN
  WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type ~ '^oms') LOOP
    PERFORM pg_sleep(0.01);
    PERFORM pg_stat_clear_snapshot();
  END LOOP;
END $$;
-- Same random numbers, same story.
SELECT setseed(0.42);

-- ---- who ----
-- Besides ann, bob and ada: colleagues, the web form and the programs. None of them can log in.
CREATE ROLE carla; CREATE ROLE dev; CREATE ROLE ines; CREATE ROLE omar; CREATE ROLE web_form; CREATE ROLE programs;
SELECT oms.grant_access(r, 'staff') FROM unnest('{carla,dev,ines,omar}'::name[]) AS r;
SELECT oms.grant_access('web_form', 'portal'), oms.grant_access('programs', 'agent');

SELECT oms.create_calendar('federal', jsonb_build_object('timezone', 'America/New_York',
  'hours', (SELECT jsonb_object_agg(d, '["08:00-18:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS d),
  'holidays', (SELECT jsonb_agg(h) FROM generate_series(-1, 5) AS y, oms.us_federal_holidays(extract(year FROM now())::int + y) AS h)));
SELECT oms.create_calendar('city', jsonb_build_object('timezone', 'America/New_York',
  'hours', (SELECT jsonb_object_agg(d, '["08:30-12:00", "12:30-16:30"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri}'::text[]) AS d),
  'holidays', (SELECT jsonb_agg(h) FROM generate_series(-1, 5) AS y, oms.us_federal_holidays(extract(year FROM now())::int + y) AS h)));

SELECT oms.set_owner(o, k, s, c, m::name[])
FROM (VALUES
  ('SBA_Director', 'person', NULL, NULL, '{ada}'), ('SBA_Team', 'group', 'SBA_Director', 'federal', '{ann,bob,carla,dev}'),
  ('IRS_Bot', 'agent', 'SBA_Director', NULL, '{programs}'), ('RiskAI', 'agent', 'SBA_Director', NULL, '{programs}'),
  ('Treasury_Bot', 'agent', 'SBA_Director', NULL, '{programs}'),
  ('Building_Chief', 'person', NULL, NULL, '{ada}'), ('Permit_Desk', 'group', 'Building_Chief', 'city', '{bob,ines}'),
  ('Zoning', 'group', 'Building_Chief', 'city', '{ines,omar}'), ('Engineers', 'group', 'Building_Chief', 'city', '{dev,omar}'),
  ('Fire_Marshal', 'person', 'Building_Chief', 'city', '{carla}'),
  ('Health_Desk', 'group', 'Health_Chief', 'city', '{ann,ines}'), ('Inspectors', 'group', 'Health_Chief', 'city', '{carla,omar}'),
  ('Health_Chief', 'person', NULL, NULL, '{ada}'), ('Business', 'service', 'Health_Desk', NULL, '{ines}'),
  ('Roads_Desk', 'group', 'Roads_Chief', 'city', '{bob,dev}'), ('Road_Crew', 'group', 'Roads_Chief', 'city', '{dev,omar}'),
  ('Roads_Chief', 'person', NULL, NULL, '{ada}'), ('Roads_Night_Desk', 'group', 'Roads_Chief', NULL, '{omar}')) AS v (o, k, s, c, m);

SELECT oms.set_hold_reason('missing_papers', waiting_on => 'applicant', public_label => 'Please send the papers that are missing');
SELECT oms.set_hold_reason('fees', waiting_on => 'applicant', public_label => 'Please pay the fee');
SELECT oms.set_hold_reason('weather', waiting_on => 'better weather');
SELECT oms.set_hold_reason('other_agency', stops_clock => false, waiting_on => 'another agency');

-- ---- what ----
SELECT oms.create_workflow('{"name": "DisasterLoan", "prefix": "DL", "owner": "SBA", "description": "Loans after storms and floods",
  "stages": [
    {"id": "id_check", "owner": "IRS_Bot", "slaMins": 5, "label": "Identity check", "retry": {"maxAttempts": 4, "backoffSecs": 60}},
    {"id": "risk_ai", "owner": "RiskAI", "slaMins": 15, "dependsOn": ["id_check"], "label": "Risk assessment"},
    {"id": "underwrite", "owner": "SBA_Team", "slaMins": 240, "dependsOn": ["risk_ai"], "minAmount": 50000, "calendar": "federal",
      "label": "Decision by a loan officer", "publicOwner": "Small Business Administration", "warnAt": [50, 80],
      "escalation": [{"at": "100%", "notify": "supervisor"}, {"at": "+480m", "everyMins": 480, "max": 3, "notify": "SBA_Director"}]},
    {"id": "fund", "owner": "Treasury_Bot", "slaMins": 60, "dependsOn": ["underwrite"], "label": "Payment", "publicOwner": "Treasury",
      "warnAt": [80]}]}');
SELECT oms.create_workflow('{"name": "BuildingPermit", "prefix": "BP", "owner": "Building_Dept", "calendar": "city", "slaMins": 16800,
  "description": "Permits for building and rebuilding",
  "stages": [
    {"id": "complete", "owner": "Permit_Desk", "slaDays": 3, "label": "Completeness check", "publicOwner": "Permit desk", "warnAt": [80]},
    {"id": "zoning", "owner": "Zoning", "slaDays": 10, "dependsOn": ["complete"], "label": "Zoning review", "warnAt": [80],
      "escalation": [{"at": "100%", "notify": "supervisor"}]},
    {"id": "structure", "owner": "Engineers", "slaDays": 10, "dependsOn": ["complete"], "label": "Structural review", "warnAt": [80],
      "escalation": [{"at": "80%", "notify": "supervisor"}, {"at": "+960m", "everyMins": 960, "max": 2, "notify": "Building_Chief"}]},
    {"id": "fire", "owner": "Fire_Marshal", "slaDays": 10, "dependsOn": ["complete"], "when": "$.units >= 3", "label": "Fire safety review",
      "warnAt": [80]},
    {"id": "issue", "owner": "Permit_Desk", "slaDays": 2, "dependsOn": ["zoning", "structure", "fire"], "label": "Permit",
      "publicOwner": "Permit desk", "notSameAs": "complete"}]}');
SELECT oms.create_workflow('{"name": "FoodInspection", "prefix": "FI", "owner": "Health_Dept", "calendar": "city",
  "description": "Inspection before a food business opens",
  "stages": [
    {"id": "register", "owner": "Health_Desk", "slaMins": 480, "label": "Registration", "publicOwner": "Health desk", "warnAt": [80]},
    {"id": "inspect", "owner": "Inspectors", "slaDays": 5, "dependsOn": ["register"], "label": "Inspection", "warnAt": [80],
      "escalation": [{"at": "100%", "notify": "supervisor"}]},
    {"id": "correct", "owner": "Business", "slaDays": 10, "dependsOn": ["inspect"], "when": "$stages.inspect.passed == false",
      "label": "Put right what was wrong", "publicOwner": "You"},
    {"id": "reinspect", "owner": "Inspectors", "slaDays": 5, "dependsOn": ["correct"], "when": "$stages.inspect.passed == false",
      "label": "Second inspection"},
    {"id": "placard", "owner": "Health_Desk", "slaMins": 480, "dependsOn": ["reinspect"], "label": "Placard", "publicOwner": "Health desk"}]}');
SELECT oms.create_workflow('{"name": "StreetRepair", "prefix": "SR", "owner": "Transportation", "calendar": "city",
  "description": "Potholes, lamps and signs that residents report",
  "stages": [
    {"id": "triage", "owner": "Roads_Desk", "slaMins": 240, "label": "First look", "publicOwner": "Roads desk", "warnAt": [80],
      "escalation": [{"at": "+240m", "reassignTo": "Roads_Night_Desk"}]},
    {"id": "repair", "owner": "Road_Crew", "slaDays": 4, "dependsOn": ["triage"], "label": "Repair", "publicOwner": "Road crew",
      "warnAt": [75], "retry": {"maxAttempts": 2, "backoffSecs": 3600}, "escalation": [{"at": "100%", "notify": "supervisor"}]},
    {"id": "close", "owner": "Roads_Desk", "dependsOn": ["repair"], "label": "Closing"}]}');

-- ---- how ----
-- How a person deals with a stage: minutes of office time, most often near the lower; how often it is put on hold, fails, goes back.
CREATE TEMP TABLE way (workflow text, stage text, least float8, most float8, hold float8, reason text, fail float8, back float8, back_to text,
  PRIMARY KEY (workflow, stage));
INSERT INTO way VALUES
  ('DisasterLoan', 'underwrite', 25, 170, 0.06, 'missing_papers', 0.01, 0, NULL),
  ('BuildingPermit', 'complete', 60, 700, 0.3, 'missing_papers', 0, 0, NULL),
  ('BuildingPermit', 'zoning', 400, 4400, 0.05, 'other_agency', 0, 0, NULL),
  ('BuildingPermit', 'structure', 500, 6400, 0.12, 'missing_papers', 0.01, 0, NULL),
  ('BuildingPermit', 'fire', 300, 3500, 0.03, 'other_agency', 0, 0, NULL),
  ('BuildingPermit', 'issue', 40, 500, 0.06, 'fees', 0, 0.06, 'structure'),
  ('FoodInspection', 'register', 20, 300, 0.08, 'fees', 0, 0, NULL),
  ('FoodInspection', 'inspect', 300, 2600, 0.04, 'missing_papers', 0.02, 0, NULL),
  ('FoodInspection', 'correct', 500, 5500, 0, NULL, 0, 0, NULL),
  ('FoodInspection', 'reinspect', 300, 2300, 0, NULL, 0, 0.25, 'correct'),
  ('FoodInspection', 'placard', 15, 300, 0, NULL, 0, 0, NULL),
  ('StreetRepair', 'triage', 10, 130, 0.02, 'missing_papers', 0, 0, NULL),
  ('StreetRepair', 'repair', 120, 1500, 0.06, 'weather', 0.05, 0.02, 'triage'),
  ('StreetRepair', 'close', 10, 240, 0, NULL, 0, 0, NULL);
-- How much a person has on the desk at once.
CREATE TEMP TABLE seat (owner text, person text, places int, PRIMARY KEY (owner, person));
INSERT INTO seat VALUES ('SBA_Team', 'ann', 2), ('SBA_Team', 'bob', 1), ('SBA_Team', 'carla', 2), ('SBA_Team', 'dev', 1),
  ('Permit_Desk', 'bob', 3), ('Permit_Desk', 'ines', 4), ('Zoning', 'ines', 12), ('Zoning', 'omar', 11), ('Engineers', 'dev', 15),
  ('Engineers', 'omar', 14), ('Fire_Marshal', 'carla', 10), ('Health_Desk', 'ann', 3), ('Health_Desk', 'ines', 3), ('Inspectors', 'carla', 11),
  ('Inspectors', 'omar', 12), ('Business', 'ines', 500), ('Roads_Desk', 'bob', 7), ('Roads_Desk', 'dev', 8), ('Road_Crew', 'dev', 21),
  ('Road_Crew', 'omar', 22), ('Roads_Night_Desk', 'omar', 4);
-- What is on the desks, until when, and what becomes of it.
CREATE TEMP TABLE desk (ticket oms.ticket_id, stage text, owner text, person text, ends timestamptz, fate text, PRIMARY KEY (ticket, stage));
-- What comes by itself: holds that end, failures that somebody tries again.
CREATE TEMP TABLE later (ticket oms.ticket_id, stage text, person text, at timestamptz, what text);
-- Requests per day, and how they spread over a working day: shares of half an hour.
CREATE TEMP TABLE demand (workflow text PRIMARY KEY, a_day float8);
INSERT INTO demand VALUES ('DisasterLoan', 34), ('BuildingPermit', 7), ('FoodInspection', 8), ('StreetRepair', 26);

DO $$
DECLARE
  began timestamptz := date_trunc('hour', now()) - interval '56 days';
  ends timestamptz := now() - interval '2 minutes';
  -- Of each hour of a day, in thousandths
  hours CONSTANT float8[] := '{5,3,2,2,3,6,14,30,62,90,104,98,72,82,92,86,64,46,36,32,28,22,14,7}';
  first CONSTANT text[] := '{Ada,Ben,Chidi,Dora,Emil,Fatima,Grace,Hugo,Ivy,Jamal,Kim,Lena,Mateo,Nora,Oscar,Priya,Quinn,Rosa,Sam,Tara,Uma,Victor,Wanda,Xavier,Yuki,Zoe}';
  last CONSTANT text[] := '{Abbott,Baker,Castillo,Diaz,Evans,Fischer,Garcia,Haddad,Ito,Jones,Kowalski,Lopez,Miller,Nguyen,Okafor,Patel,Reyes,Silva,Tran,Ueda,Vargas,Weber,Young,Zimmer}';
  -- Names as they come, and some that mean harm
  odd CONSTANT text[] := ARRAY['<script>alert(1)</script>', '"><img src=x onerror=alert(2)>', E'O''Brien & Söhne "GmbH"', '''; DROP TABLE oms.ticket; --',
    U&'\202Egnp.exe\202C Ltd', 'Łukasz Żółć', '李小龍', 'محمد علي', repeat('Donaudampfschifffahrtsgesellschaft', 4), '{{7*7}} ${x}', '   '];
  streets CONSTANT text[] := '{Elm Street,Oak Avenue,River Road,Main Street,2nd Avenue,Harbor Lane,Mill Road,Station Square}';
  -- Since then carla is away.
  away CONSTANT timestamptz := date_trunc('day', now()) - interval '6 days';
  outage timestamptz := date_trunc('day', began + interval '38 days') + interval '9 hours';
  step timestamptz;
  moment timestamptz;
  d record;
  requests int;
  wall timestamp;
  office bool;
  storm bool;
  taken jsonb;
  tickets oms.ticket_id[];
  stages text[];
BEGIN
  IF extract(isodow FROM outage) > 5 THEN
    outage := outage + interval '2 days';
  END IF;
  FOR step IN SELECT s FROM generate_series(began, ends - interval '30 minutes', '30 minutes') AS s LOOP
    wall := step AT TIME ZONE 'America/New_York';
    office := oms.business_time('federal', step, step + interval '30 minutes') > '0';
    storm := step >= began + interval '22 days' AND step < began + interval '31 days';
    moment := step + random() * interval '3 minutes';
    PERFORM set_config('oms.now', moment::text, false);

    -- Residents and businesses ask, day and night.
    FOR d IN SELECT workflow, a_day FROM demand ORDER BY workflow LOOP
      requests := floor(random() + d.a_day * hours[extract(hour FROM wall)::int + 1] / 2000
        * CASE extract(isodow FROM wall) WHEN 1 THEN 1.3 WHEN 5 THEN 0.85 WHEN 6 THEN 0.35 WHEN 7 THEN 0.3 ELSE 1 END
        * CASE WHEN storm AND d.workflow = 'DisasterLoan' THEN 2.3 WHEN storm AND d.workflow = 'StreetRepair' THEN 1.6 ELSE 1 END);
      CONTINUE WHEN requests = 0;
      PERFORM set_config('role', 'web_form', true);
      PERFORM oms.open_ticket(d.workflow, CASE d.workflow
          WHEN 'DisasterLoan' THEN jsonb_build_object('amount', 5000 + 100 * floor(1900 * random() ^ 2), 'damage', (ARRAY['roof', 'cellar', 'shop', 'car'])[1 + (random() * 3)::int])
          WHEN 'BuildingPermit' THEN jsonb_build_object('units', 1 + (random() ^ 2 * 6)::int, 'street', streets[1 + (random() * 7)::int])
          WHEN 'FoodInspection' THEN jsonb_build_object('seats', 10 + (random() * 90)::int, 'street', streets[1 + (random() * 7)::int])
          ELSE jsonb_build_object('what', (ARRAY['pothole', 'lamp', 'sign'])[1 + (random() * 2)::int], 'street', streets[1 + (random() * 7)::int]) END,
        priority => CASE WHEN random() < 0.06 THEN 5 ELSE 0 END,
        applicant => CASE WHEN random() < 0.008 THEN odd[1 + (random() * 10)::int] ELSE first[1 + (random() * 25)::int] || ' ' || last[1 + (random() * 23)::int] END)
      FROM generate_series(1, requests);
      PERFORM set_config('role', 'none', true);
    END LOOP;

    -- Programs: one after the other, so that a loan can pass them in one go. Now and then one fails, or dies with what it has.
    FOR d IN SELECT o, p, pause FROM (VALUES (1, 'IRS_Bot', 'irs-1', interval '90 seconds'), (2, 'RiskAI', 'risk-7', interval '6 minutes'),
      (3, 'Treasury_Bot', 'treasury-1', interval '5 minutes')) AS v (n, o, p, pause) ORDER BY n LOOP
      CONTINUE WHEN d.o = 'IRS_Bot' AND step >= outage AND step < outage + interval '4 hours';
      -- The Treasury pays when it comes to it.
      CONTINUE WHEN d.o = 'Treasury_Bot' AND random() < 0.25;
      moment := moment + random() * interval '90 seconds';
      PERFORM set_config('oms.now', moment::text, false);
      PERFORM oms.tick();
      PERFORM set_config('role', 'programs', true);
      SELECT jsonb_agg(jsonb_build_object('ticket', c.ticket, 'stage', c.stage, 'token', c.token, 'luck', random()) ORDER BY c.ticket)
        INTO taken FROM oms.claim(d.o, d.p, 100, '20 minutes') AS c;
      IF taken IS NOT NULL THEN
        moment := moment + (0.3 + 0.7 * random()) * d.pause;
        PERFORM set_config('role', 'none', true);
        PERFORM set_config('oms.now', moment::text, false);
        PERFORM set_config('role', 'programs', true);
        PERFORM oms.stages_done(x.items) FROM (
          SELECT jsonb_agg(jsonb_build_object('ticket', f -> 'ticket', 'stage', f -> 'stage', 'token', f -> 'token', 'output', CASE d.o
            WHEN 'IRS_Bot' THEN jsonb_build_object('match', true) WHEN 'RiskAI' THEN jsonb_build_object('score', 400 + (random() * 400)::int)
            ELSE jsonb_build_object('paid', true, 'transfer', 'T-' || (random() * 1000000)::int) END)) AS items
          FROM jsonb_array_elements(taken) AS f WHERE (f ->> 'luck')::float8 > 0.03) AS x WHERE x.items IS NOT NULL;
        PERFORM oms.stage_failed((f ->> 'ticket')::oms.ticket_id, f ->> 'stage', d.o || ': no answer within 30 s', (f ->> 'token')::bigint)
        FROM jsonb_array_elements(taken) AS f WHERE (f ->> 'luck')::float8 BETWEEN 0.003 AND 0.03;
      END IF;
      PERFORM set_config('role', 'none', true);
    END LOOP;

    -- People, in office hours.
    IF office THEN
      moment := GREATEST(moment, step + interval '17 minutes') + random() * interval '10 minutes';
      PERFORM set_config('oms.now', moment::text, false);
      PERFORM oms.tick();
      -- Who lost something in the meantime notices it now.
      DELETE FROM desk WHERE NOT EXISTS (SELECT FROM oms.open_stage AS o WHERE o.ticket_id = desk.ticket AND o.stage = desk.stage
        AND o.status = 'in_progress' AND o.worker = desk.person);

      FOR d IN DELETE FROM later WHERE later.at <= step RETURNING * LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM oms.open_stage AS o WHERE o.ticket_id = d.ticket AND o.stage = d.stage
          AND o.status = CASE d.what WHEN 'resume' THEN 'on_hold' ELSE 'failed' END);
        PERFORM set_config('role', d.person, true);
        IF d.what = 'resume' THEN
          PERFORM oms.resume(d.ticket, d.stage);
        ELSE
          PERFORM oms.retry_stage(d.ticket, d.stage, 'tried again by hand');
        END IF;
        PERFORM set_config('role', 'none', true);
      END LOOP;
      -- What comes back from a hold is worked on again.
      INSERT INTO desk SELECT o.ticket_id, o.stage, o.owner, o.worker, oms.business_add('federal', moment, 30 + (random() * 400)::int), 'done'
      FROM oms.open_stage AS o WHERE o.status = 'in_progress' AND o.worker IN (SELECT person FROM seat)
        AND NOT EXISTS (SELECT FROM desk WHERE desk.ticket = o.ticket_id AND desk.stage = o.stage) ORDER BY o.ticket_id, o.stage_no;

      -- What is ready, all of one person and fate at a time.
      FOR d IN WITH ready AS (DELETE FROM desk WHERE desk.ends <= moment RETURNING *)
        SELECT r.person, r.fate, array_agg(r.ticket ORDER BY r.ticket, r.stage) AS tickets, array_agg(r.stage ORDER BY r.ticket, r.stage) AS stages,
          array_agg(coalesce(w.reason, '') ORDER BY r.ticket, r.stage) AS reasons, array_agg(coalesce(w.back_to, '') ORDER BY r.ticket, r.stage) AS backs
        FROM ready AS r JOIN oms.ticket AS t ON t.ticket_id = r.ticket LEFT JOIN way AS w ON w.workflow = t.workflow AND w.stage = r.stage
        GROUP BY r.person, r.fate ORDER BY r.person, r.fate
      LOOP
        PERFORM set_config('role', d.person, true);
        CASE d.fate
        WHEN 'done' THEN
          PERFORM oms.comment(u.t, (ARRAY['Called the applicant, everything is clear.', 'Second pair of eyes: fine with me.', 'See the file of last year.',
            'Is this <b>really</b> the right address? & who "signed"?'])[1 + (random() * 3)::int], u.s)
          FROM unnest(d.tickets, d.stages) AS u (t, s) WHERE random() < 0.05;
          PERFORM oms.comment(u.t, 'We have what we need from you. Thank you.', public => true)
          FROM unnest(d.tickets) AS u (t) WHERE random() < 0.05;
          PERFORM oms.stages_done((SELECT jsonb_agg(jsonb_build_object('ticket', u.t, 'stage', u.s, 'output', CASE u.s
              WHEN 'inspect' THEN jsonb_build_object('passed', random() < 0.6) WHEN 'placard' THEN '{"grade": "A"}'::jsonb
              WHEN 'underwrite' THEN '{"approved": true}' ELSE '{}' END))
            FROM unnest(d.tickets, d.stages) AS u (t, s)));
        WHEN 'hold' THEN
          PERFORM oms.hold(u.t, u.s, u.r), oms.comment(u.t, CASE WHEN u.r IN ('missing_papers', 'fees') THEN 'Please answer our letter, then it goes on at once.'
            ELSE 'Nothing to do here until then.' END, public => u.r IN ('missing_papers', 'fees'))
          FROM unnest(d.tickets, d.stages, d.reasons) AS u (t, s, r);
          PERFORM set_config('role', 'none', true);
          INSERT INTO later SELECT u.t, u.s, d.person, moment + interval '20 hours' + random() ^ 2 * interval '16 days', 'resume'
          FROM unnest(d.tickets, d.stages) AS u (t, s);
        WHEN 'fail' THEN
          PERFORM oms.stage_failed(u.t, u.s, (ARRAY['nobody there', 'no access to the site', 'the file is not readable'])[1 + (random() * 2)::int], retryable => false)
          FROM unnest(d.tickets, d.stages) AS u (t, s);
          PERFORM set_config('role', 'none', true);
          INSERT INTO later SELECT u.t, u.s, d.person, moment + interval '3 hours' + random() * interval '5 days', 'retry'
          FROM unnest(d.tickets, d.stages) AS u (t, s);
        WHEN 'back' THEN
          PERFORM oms.send_back(u.t, u.s, u.b, (ARRAY['not as it was agreed', 'the plan has changed', 'still not put right'])[1 + (random() * 2)::int])
          FROM unnest(d.tickets, d.stages, d.backs) AS u (t, s, b);
        END CASE;
        PERFORM set_config('role', 'none', true);
      END LOOP;

      -- Who has room takes the most important and oldest of what is queued.
      FOR d IN SELECT s.owner, s.person, s.places - (SELECT count(*) FROM desk WHERE desk.owner = s.owner AND desk.person = s.person)::int AS room
        FROM seat AS s WHERE s.person <> 'carla' OR step < away ORDER BY random() LOOP
        CONTINUE WHEN d.room <= 0;
        WITH next AS (
          SELECT o.ticket_id, o.stage, o.workflow FROM oms.open_stage AS o WHERE o.owner = d.owner AND o.status = 'queued'
            -- Four eyes: who checked it does not issue it.
            AND NOT (o.stage = 'issue' AND EXISTS (SELECT FROM oms.stage_state AS c WHERE c.ticket_id = o.ticket_id AND c.stage_no = 1 AND c.worker = d.person))
          ORDER BY o.priority DESC, o.queued_at, o.ticket_id, o.stage_no LIMIT d.room
        ), put AS (
          INSERT INTO desk SELECT x.ticket_id, x.stage, d.owner, d.person,
            oms.business_add('federal', moment, (w.least + (w.most - w.least) * random() ^ 2)::int),
            CASE WHEN x.luck < w.hold THEN 'hold' WHEN x.luck < w.hold + w.fail THEN 'fail' WHEN x.luck < w.hold + w.fail + w.back THEN 'back' ELSE 'done' END
          FROM (SELECT next.*, random() AS luck FROM next) AS x JOIN way AS w ON w.workflow = x.workflow AND w.stage = x.stage
          RETURNING ticket, stage
        )
        SELECT array_agg(put.ticket ORDER BY put.ticket, put.stage), array_agg(put.stage ORDER BY put.ticket, put.stage) INTO tickets, stages FROM put;
        PERFORM set_config('role', d.person, true);
        PERFORM oms.claim_stage(u.t, u.s, d.person) FROM unnest(tickets, stages) AS u (t, s);
        PERFORM set_config('role', 'none', true);
      END LOOP;

      -- What comes up once a day.
      IF extract(hour FROM wall) = 11 AND extract(minute FROM wall) = 0 THEN
        FOR d IN SELECT o.ticket_id, o.stage, row_number() OVER (ORDER BY random()) AS n FROM oms.open_stage AS o
          WHERE o.overdue AND o.status IN ('queued', 'in_progress') ORDER BY n LIMIT 2 LOOP
          PERFORM set_config('role', CASE d.n WHEN 1 THEN 'ann' ELSE 'bob' END, true);
          PERFORM oms.escalate(d.ticket_id, d.stage, 'the applicant called again');
          PERFORM set_config('role', 'none', true);
        END LOOP;
        FOR d IN SELECT o.ticket_id, o.stage FROM oms.open_stage AS o WHERE o.workflow = 'BuildingPermit' ORDER BY random() LIMIT 2 LOOP
          PERFORM set_config('role', 'bob', true);
          PERFORM oms.attach(d.ticket_id, 'plan.pdf', 'https://files.example/' || d.ticket_id::text || '/plan.pdf',
            encode(sha256(d.ticket_id::text::bytea), 'hex'), d.stage, true);
          PERFORM set_config('role', 'none', true);
        END LOOP;
        FOR d IN SELECT o.ticket_id FROM oms.open_stage AS o WHERE random() < 0.8 ORDER BY random() LIMIT 1 LOOP
          PERFORM set_config('role', 'ann', true);
          PERFORM oms.cancel_ticket(d.ticket_id, 'withdrawn by the applicant');
          PERFORM set_config('role', 'none', true);
        END LOOP;
      END IF;
    END IF;
    COMMIT;
  END LOOP;
END $$;
-- From here on it is today.
RESET oms.now;
RESET oms.dispatch;
SELECT oms.set_absence('carla', date_trunc('day', now()) - interval '6 days', date_trunc('day', now()) + interval '5 days', 'dev');
SELECT oms.tick();
SELECT oms.roll_up();
ANALYZE;
SELECT format('ALTER DATABASE %I RESET oms.worker', current_database()) \gexec
