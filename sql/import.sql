-- import: cases that began elsewhere, with their true times, problems listed all at once.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET TimeZone = 'UTC';
SET oms.now = '2026-05-04 12:00+00';
SELECT oms.create_calendar('Import Office', '{"timezone": "America/New_York",
  "hours": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"], "thu": ["09:00-17:00"],
            "fri": ["09:00-17:00"]}}') > 0 AS made;
SELECT oms.create_workflow('{"name": "Import Permit", "prefix": "IP", "owner": "Director", "calendar": "Import Office", "slaDays": 60,
  "stages": [
    {"id": "complete", "owner": "Desk", "slaDays": 15, "warnAt": [50]},
    {"id": "zoning", "owner": "Zoning", "slaMins": 480, "dependsOn": ["complete"], "label": "Zoning review",
     "escalation": [{"at": "100%", "notify": "supervisor"}, {"at": "+60m", "reassignTo": "Backup"}]},
    {"id": "fire", "owner": "Fire", "dependsOn": ["complete"], "when": "$.units >= 3"},
    {"id": "issue", "owner": "Desk", "slaDays": 2, "dependsOn": ["zoning", "fire"], "notSameAs": "zoning"},
    {"id": "visit", "owner": "Desk", "manual": true}]}');

-- A closed case, one that runs, one that was cancelled, one of which only the opening is known.
CREATE TEMP TABLE given AS SELECT '[
  {"key": "P-1", "reference": "2025/0001", "opened_at": "2025-11-03T10:00-05", "closed_at": "2025-11-20T12:00-05", "applicant": "ann", "priority": 3,
   "data": {"units": 2, "name": "Ann"},
   "stages": {"complete": {"status": "done", "finished_at": "2025-11-05T09:30-05", "worker": "meg", "output": {"ok": true}},
              "zoning": {"status": "done", "queued_at": "2025-11-06T09:00-05", "finished_at": "2025-11-10T16:00-05", "worker": "zoe"},
              "issue": {"status": "done", "finished_at": "2025-11-20T11:00-05", "worker": "meg", "note": "by post"}},
   "notes": [{"at": "2025-11-12T10:00-05", "body": "called twice"}, {"at": "2025-11-04T10:00-05", "body": "we have your papers", "public": true}]},
  {"key": "P-2", "reference": "2026/0400", "opened_at": "2026-04-27T09:00-04", "data": {"units": 3},
   "stages": {"complete": {"finished_at": "2026-04-28T09:00-04", "worker": "meg"}, "visit": {"queued_at": "2026-04-29T09:00-04"}}},
  {"key": "P-3", "opened_at": "2026-01-05", "closed_at": "2026-01-09", "stages": {"complete": {"status": "cancelled"}}, "data": null, "applicant": null},
  {"opened_at": "2026-05-01T10:00", "data": {"units": 1}}]'::jsonb AS rows;
SELECT i.* FROM given, oms.import_tickets('Import Permit', rows) AS i;
SELECT count(*) FROM oms.ticket WHERE workflow = 'Import Permit';
CREATE TEMP TABLE imported AS SELECT i.* FROM given, oms.import_tickets('Import Permit', rows, false) AS i;
SELECT i.row, i.ticket::text ~ '^IP-202[56]-[0-9]+$' AS numbered, i.problem FROM imported AS i;
CREATE FUNCTION pg_temp.t(int) RETURNS oms.ticket_id LANGUAGE sql AS 'SELECT ticket FROM imported WHERE "row" = $1';
SELECT left(split_part(ticket::text, '-', 2), 4) AS year FROM imported;

-- Again: nothing twice.
SELECT count(*), bool_and(i.ticket = m.ticket) AS same FROM given, oms.import_tickets('Import Permit', rows - 3, false) AS i JOIN imported AS m ON m.row = i.row;
SELECT count(*) FROM oms.ticket WHERE workflow = 'Import Permit';

-- What they are.
SELECT m.row, t.status, t.opened_at, t.closed_at, t.priority, t.applicant, t.data FROM imported AS m JOIN oms.ticket AS t ON t.ticket_id = m.ticket ORDER BY 1;
SELECT m.row, s.stage, s.status, s.owner, s.worker, s.queued_at, s.finished_at, s.due_at, s.breached_at, s.output
FROM imported AS m JOIN oms.stage AS s ON s.ticket_id = m.ticket ORDER BY 1, s.stage_no;
SELECT e.seq, e.stage, e.status, e.owner, e.worker, regexp_replace(e.note, '[0-9a-f]{64}', 'HASH') AS note, e.public
FROM oms.timeline AS e WHERE e.ticket_id = pg_temp.t(1) ORDER BY e.seq;
SELECT e.seq, e.stage, e.status, e.owner, regexp_replace(e.note, '[0-9a-f]{64}', 'HASH') AS note
FROM oms.timeline AS e WHERE e.ticket_id = pg_temp.t(2) ORDER BY e.seq;
SELECT DISTINCT e.at FROM oms.timeline AS e JOIN imported AS m ON m.ticket = e.ticket_id;
-- The hash is that of the row.
SELECT e.note LIKE '%row sha256 ' || encode(sha256(convert_to((g.rows -> 0)::text, 'UTF8')), 'hex') AS hashed
FROM oms.timeline AS e, given AS g WHERE e.ticket_id = pg_temp.t(1) AND e.seq = 1;
-- The citizen.
SELECT * FROM oms.get_timeline(oms.tracking_number(pg_temp.t(1)));
SELECT * FROM oms.explain_clock(pg_temp.t(1));
SELECT * FROM oms.explain_clock(pg_temp.t(2));

-- Everything holds for them, also after they go on, go back, are erased.
SELECT m.row, c.* FROM imported AS m, oms.check(m.ticket) AS c;
SELECT count(*) FROM imported AS m, oms.verify_timeline(m.ticket);
SELECT oms.stage_done(pg_temp.t(2), 'fire');
SET oms.now = '2026-05-05 12:00+00';
SELECT oms.tick() >= 0 AS ticked;
SELECT oms.stage_done(pg_temp.t(2), 'zoning');
SELECT oms.send_back(pg_temp.t(2), 'issue', 'complete', 'plans changed');
SELECT oms.reopen(pg_temp.t(1), 'issue', 'wrong address');
SELECT oms.erase(pg_temp.t(1), '{notes,data.name}', 'request 12');
SELECT oms.erase(pg_temp.t(3), '{notes}', 'request 13');
SELECT oms.comment(pg_temp.t(3), 'at noon', public => true);
SELECT m.row, c.* FROM imported AS m, oms.check(m.ticket) AS c;
SELECT count(*) FROM imported AS m, oms.verify_timeline(m.ticket);

-- Everything that is wrong, at once; and nothing is imported.
SELECT * FROM oms.import_tickets('Import Permit', '[
  {"opened_at": "2026-06-01T10:00", "colour": "red", "priority": 1.5, "data": {"amount": "7"}, "key": "P-9"},
  {"opened_at": "3.11.2025", "closed_at": "2025-11-32", "data": [], "stages": {"complte": {}, "zoning": {"status": "finished"}, "fire": 7}, "notes": [{"body": "x"}, 1]},
  {"opened_at": "2026-01-05T10:00", "stages": {"issue": {"status": "done", "finished_at": "2026-01-06T10:00"}, "zoning": {"status": "queued", "worker": "zoe"}}},
  {"opened_at": "2026-01-05T10:00", "stages": {"issue": {"status": "done", "finished_at": "2026-01-07T10:00"}, "zoning": {"status": "queued"}}},
  {"opened_at": "2026-01-05T10:00", "closed_at": "2026-01-04T10:00", "stages": {"complete": {"status": "done", "finished_at": "2026-01-02T10:00"}}},
  {"opened_at": "2026-01-05T10:00", "closed_at": "2026-01-08T10:00", "stages": {"complete": {"status": "done", "finished_at": "2026-01-06T10:00"}, "zoning": {"queued_at": "2026-01-05T12:00"}}},
  {"opened_at": "2026-01-05T10:00", "data": {"units": 1}, "stages": {"complete": {"status": "done", "finished_at": "2026-01-06T10:00"}, "fire": {"status": "queued"}}},
  {"opened_at": "2026-01-05T10:00", "stages": {"complete": {"status": "cancelled"}}},
  {"opened_at": "2026-01-05T10:00", "stages": {"complete": {"status": "done"}}, "key": "P-9"},
  {"opened_at": "2026-01-05T10:00", "data": {"units": 1}, "stages": {"complete": {"finished_at": "2026-01-06T10:00"}, "zoning": {"finished_at": "2026-01-07T10:00", "worker": "zoe"},
     "issue": {"finished_at": "2026-01-08T10:00", "worker": "zoe"}}, "notes": [{"at": "2026-01-01", "body": "early"}]},
  {"key": "P-1", "opened_at": "2026-01-05T10:00"},
  {"closed_at": "2026-01-05T10:00"}, 7]', false);
SELECT count(*) FROM oms.ticket WHERE workflow = 'Import Permit';
SELECT * FROM oms.import_tickets('Import Permit', '{}');
SELECT * FROM oms.import_tickets('Import Permit', '7');
SELECT * FROM oms.import_tickets('Import Permit', NULL);
SELECT * FROM oms.import_tickets('Import Nothing', '[]');
SELECT * FROM oms.import_tickets('Import Permit', '[]', false);
SELECT * FROM oms.import_tickets('Import Permit', (SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 10001)));
-- Under a calendar that nobody made, nobody can be imported.
SELECT oms.create_workflow('{"name": "Import Later", "calendar": "Import None", "stages": [{"id": "a", "owner": "x"}]}');
SELECT * FROM oms.import_tickets('Import Later', '[]');
SELECT oms.retire_workflow('Import Later');
SELECT * FROM oms.import_tickets('Import Later', '[]');

-- Reports count them when they happened.
SELECT stage, finished, met, breached, wait FROM oms.sla_report('2025-11-01', '2025-12-01', 'Import Permit');
-- Stages that await a moment: one that came meanwhile, one that is still to come, one that was done before.
SELECT oms.create_workflow('{"name": "Import Wait", "prefix": "IW", "stages": [{"id": "a", "owner": "x"},
  {"id": "b", "owner": "x", "delayMins": 1440, "dependsOn": ["a"], "slaMins": 60}]}');
CREATE TEMP TABLE waits AS SELECT w.* FROM oms.import_tickets('Import Wait', '[
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}}},
  {"opened_at": "2026-05-05T09:00", "stages": {"a": {"finished_at": "2026-05-05T10:00"}}},
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"finished_at": "2026-05-03T10:30"}}}]', false) AS w;
SELECT w.row, w.problem, s.status, s.queued_at, s.finished_at, s.due_at FROM waits AS w JOIN oms.stage AS s ON s.ticket_id = w.ticket AND s.stage = 'b' ORDER BY 1;
SELECT w.row, c.* FROM waits AS w, oms.check(w.ticket) AS c;
SELECT * FROM oms.import_tickets('Import Wait', '[{"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"finished_at": "2026-05-03T09:00"}}}]');
SELECT oms.erase(w.ticket, '{notes}', 'request 14') FROM waits AS w;
SELECT w.row, c.* FROM waits AS w, oms.check(w.ticket) AS c;
-- When it was queued may be told: that counts, and not the moment by the rule. For a message it is when it began to wait.
CREATE TEMP TABLE told AS SELECT w.* FROM oms.import_tickets('Import Wait', '[
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"queued_at": "2026-05-03T10:00"}}},
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"queued_at": "2026-05-03T10:00", "finished_at": "2026-05-03T10:30"}}},
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"queued_at": "2026-05-02T11:00", "finished_at": "2026-05-02T11:30"}}},
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"queued_at": "2026-05-04T11:00", "finished_at": "2026-05-04T11:30"}}}]', false) AS w;
SELECT w.row, s.status, s.queued_at, s.due_at, s.breached_at, s.finished_at FROM told AS w JOIN oms.stage AS s ON s.ticket_id = w.ticket AND s.stage = 'b' ORDER BY 1;
SELECT w.row, c.* FROM told AS w, oms.check(w.ticket) AS c;
SELECT oms.retire_workflow('Import Wait');
-- Stages that a message finishes: one that got it, at once or later, one that was skipped, and two that still wait. A message
-- that was kept is not for the past, and finishes one that waits now.
SELECT oms.create_workflow('{"name": "Import Message", "prefix": "IM", "stages": [{"id": "a", "owner": "x"},
  {"id": "b", "owner": "x", "waitFor": {"message": "paid", "key": "$.bill"}, "dependsOn": ["a"], "slaMins": 60}, {"id": "c", "owner": "x", "dependsOn": ["b"]}]}');
SELECT oms.send_message('paid', bill, '{"by": "bank"}') FROM unnest('{B1,B5,B6}'::text[]) AS bill;
CREATE TEMP TABLE mail AS SELECT w.* FROM oms.import_tickets('Import Message', '[
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B1"}, "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"finished_at": "2026-05-02T12:00", "worker": "giro", "output": {"by": "giro"}}}},
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B2"}, "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"finished_at": "2026-05-02T10:00"}}},
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B3"}, "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"status": "skipped", "finished_at": "2026-05-02T11:00"}}},
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B4"}, "stages": {"a": {"finished_at": "2026-05-02T10:00"}, "b": {"queued_at": "2026-05-03T10:00"}}},
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B5"}, "stages": {"a": {"finished_at": "2026-05-02T10:00"}}},
  {"opened_at": "2026-05-01T10:00", "data": {"bill": "B6"}, "stages": {"a": {"finished_at": "2026-05-05T11:30"}}}]', false) AS w;
SELECT w.row, w.problem, s.status, s.worker, s.output, s.awaiting_at, s.due_at, s.finished_at FROM mail AS w LEFT JOIN oms.stage AS s ON s.ticket_id = w.ticket AND s.stage = 'b' ORDER BY 1;
SELECT key FROM oms.message ORDER BY 1;
SET oms.now = '2026-05-05 13:00+00';
SELECT oms.tick();
SELECT w.row, s.status, s.worker, s.output, s.finished_at FROM mail AS w JOIN oms.stage AS s ON s.ticket_id = w.ticket AND s.stage = 'b' WHERE w.row > 3 ORDER BY 1;
-- Nobody looked for an hour: what was due meanwhile is late, though the message was there.
SELECT e.status, e.at FROM mail AS w JOIN oms.timeline AS e ON e.ticket_id = w.ticket AND e.stage = 'b' WHERE w.row = 6 ORDER BY e.seq;
SELECT oms.send_message('paid', bill) FROM unnest('{B2,B4}'::text[]) AS bill;
SELECT oms.drop_message('paid', bill) FROM unnest('{B1,B2}'::text[]) AS bill;
SELECT w.row, c.* FROM mail AS w, oms.check(w.ticket) AS c;
SELECT oms.retire_workflow('Import Message');
SET oms.now = '2026-05-05 12:00+00';
-- Dates in the data are checked as at opening: all of them.
SELECT oms.create_workflow('{"name": "Import Date", "prefix": "ID", "stages": [
  {"id": "a", "owner": "x", "startAt": "$.on", "dueAt": "$.by"}, {"id": "b", "owner": "x", "dependsOn": ["a"], "dueAt": "$.last"}]}');
SELECT * FROM oms.import_tickets('Import Date', '[
  {"opened_at": "2026-05-01T10:00", "data": {"on": "soon", "by": "2026-05-04", "last": ["2026-06-01"]}},
  {"opened_at": "2026-05-01T10:00", "data": {"on": null, "last": "2026-05-32"}}]');
SELECT oms.retire_workflow('Import Date');
-- A date alone is some time of its day, by the calendar's zone: of a day that is closed, before it opens today (it is 8:00
-- there), beside times of the same day.  Everything is of the day that was told.
SELECT oms.create_workflow('{"name": "Import Day", "prefix": "IY", "calendar": "Import Office", "stages": [
  {"id": "a", "owner": "x", "slaMins": 30}, {"id": "b", "owner": "x", "slaMins": 480, "dependsOn": ["a"]}]}');
CREATE TEMP TABLE days AS SELECT w.* FROM oms.import_tickets('Import Day', '[
  {"opened_at": "2026-05-02", "stages": {"a": {"finished_at": "2026-05-03"}}},
  {"opened_at": "2026-05-05"},
  {"opened_at": "2026-05-04T09:00", "stages": {"a": {"finished_at": "2026-05-05"}}},
  {"opened_at": "2026-04-30T18:30", "closed_at": "2026-04-30", "notes": [{"at": "2026-04-30", "body": "the same day"}],
   "stages": {"a": {"queued_at": "2026-04-30", "finished_at": "2026-04-30"}, "b": {"queued_at": "2026-04-30", "finished_at": "2026-04-30"}}},
  {"opened_at": "2026-04-30", "closed_at": "2026-04-30T08:30", "notes": [{"at": "2026-04-30", "body": "the same day"}],
   "stages": {"a": {"queued_at": "2026-04-30", "finished_at": "2026-04-30"}, "b": {"queued_at": "2026-04-30", "finished_at": "2026-04-30"}}},
  {"opened_at": "2026-04-30", "stages": {"a": {"finished_at": "2026-04-30"}, "b": {"queued_at": "2026-04-30", "finished_at": "2026-04-30T15:00"}}},
  {"opened_at": "2026-04-30", "stages": {"a": {"finished_at": "2026-04-30"}, "b": {"queued_at": "2026-04-30T10:00"}}}]', false) AS w;
SET TimeZone = 'America/New_York';
SELECT d.row, t.opened_at, t.closed_at, d.problem FROM days AS d JOIN oms.ticket AS t ON t.ticket_id = d.ticket ORDER BY 1;
SELECT d.row, s.stage, s.status, s.queued_at, s.finished_at, s.due_at, s.breached_at IS NOT NULL AS late
FROM days AS d JOIN oms.stage AS s ON s.ticket_id = d.ticket AND s.status <> 'waiting' ORDER BY 1, s.stage_no;
SELECT d.row, c.* FROM days AS d, oms.check(d.ticket) AS c;
SELECT * FROM oms.import_tickets('Import Day', '[
  {"opened_at": "2026-05-06"},
  {"opened_at": "2026-04-30", "stages": {"a": {"finished_at": "2026-04-29"}}},
  {"opened_at": "2026-04-30", "stages": {"a": {"finished_at": "2026-04-30"}, "b": {"queued_at": "2026-04-29"}}},
  {"opened_at": "2026-04-30", "closed_at": "2026-04-29", "stages": {"a": {"status": "cancelled"}}, "notes": [{"at": "2026-04-29", "body": "early"}]}]');
SET TimeZone = 'UTC';
SELECT oms.retire_workflow('Import Day');
-- Without a calendar, too: what was closed on the last of January was not closed in February.
SELECT oms.create_workflow('{"name": "Import Month", "prefix": "IMO", "stages": [{"id": "a", "owner": "x"}]}');
SELECT w.problem FROM oms.import_tickets('Import Month',
  '[{"opened_at": "2026-01-31", "closed_at": "2026-01-31", "stages": {"a": {"finished_at": "2026-01-31"}}}]', false) AS w;
SELECT t.opened_at, t.closed_at FROM oms.ticket AS t WHERE t.workflow = 'Import Month';
SELECT oms.retire_workflow('Import Month');
-- By law: what a row tells happened as it says; what is still open and was due is done by law, at its time.
SELECT oms.create_workflow('{"name": "Import Law", "prefix": "IL", "stages": [
  {"id": "a", "owner": "x", "slaMins": 60, "escalation": [{"at": "100%", "finishWith": {"by": "silence"}}]},
  {"id": "b", "owner": "x", "slaMins": 60, "dependsOn": ["a"]}]}');
CREATE TEMP TABLE law AS SELECT w.* FROM oms.import_tickets('Import Law', '[
  {"opened_at": "2026-05-01T10:00", "stages": {"a": {"finished_at": "2026-05-01T12:00", "worker": "meg"}}},
  {"opened_at": "2026-05-01T10:00"},
  {"opened_at": "2026-05-01T10:00", "closed_at": "2026-05-02T10:00", "stages": {"a": {"status": "cancelled"}}}]', false) AS w;
SELECT w.row, s.stage, s.status, s.worker, s.queued_at, s.finished_at, s.breached_at, s.output
FROM law AS w JOIN oms.stage AS s ON s.ticket_id = w.ticket ORDER BY 1, s.stage_no;
SELECT w.row, c.* FROM law AS w, oms.check(w.ticket) AS c;
SELECT oms.retire_workflow('Import Law');
SELECT oms.retire_workflow('Import Permit');
