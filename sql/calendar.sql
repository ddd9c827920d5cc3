-- calendar: what create_calendar says to good and bad definitions, and what open time is.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET timezone = 'America/New_York';

-- An office with a lunch break, a night shift, holidays and a short Christmas Eve.
SELECT oms.create_calendar('office', '{
  "timezone": "America/New_York",
  "hours": {"mon": ["09:00-12:00", "13:00-17:00"], "tue": ["22:00-24:00"], "wed": ["00:00-06:00"]},
  "holidays": ["2024-11-11"],
  "exceptions": {"2024-12-24": ["09:00-12:00"]}}');

-- What it is open in each of these weeks.
SELECT d::date AS week, oms.business_time('office', d, d + interval '7 days')
FROM unnest('{2024-11-04, 2024-11-11, 2024-12-23}'::timestamptz[]) AS d;

-- Due times: over lunch, at closing time, over midnight, over a holiday, for nothing.
SELECT start, mins, oms.business_add('office', start, mins)
FROM (VALUES ('2024-11-04 11:30'::timestamptz, 60), ('2024-11-04 16:00', 60), ('2024-11-05 23:30', 60),
             ('2024-11-06 06:00', 1), ('2024-11-09 12:00', 0)) AS v (start, mins);

-- Spring and autumn: an hour that does not exist, and one that exists twice.
SELECT oms.create_calendar('sundays', '{"timezone": "America/New_York", "hours": {"sun": ["00:30-03:30"]}}');
SELECT d::date AS sunday, oms.business_time('sundays', d, d + interval '1 day')
FROM unnest('{2024-03-03, 2024-03-10, 2024-11-03}'::timestamptz[]) AS d;

-- Versions: the same again is the same one; each has its row, and none of them changes.
SELECT oms.create_calendar('sundays', '{"timezone": "America/New_York", "hours": {"sun": ["00:30-03:30"]}}') AS same,
       oms.create_calendar('sundays', '{"timezone": "America/New_York", "hours": {"sun": ["00:30-04:30"]}}') AS other;
SELECT name, version, definition, current FROM oms.calendar ORDER BY name, version;
UPDATE oms.calendar SET definition = '{}';
DELETE FROM oms.calendar;
TRUNCATE oms.calendar;

-- What is wrong, where, and what would be right.
SELECT oms.create_calendar('c', '{"hours": {"mon": ["09:00-17:00"]}}');
SELECT oms.create_calendar('c', '{"timezone": "Amerika/New_York", "hours": {"mon": ["09:00-17:00"]}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {"monday": ["09:00-17:00"]}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {"mon": "09:00-17:00"}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {"mon": ["9-17"]}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {"mon": ["17:00-09:00"]}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {}, "holidays": ["2023-02-29"]}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "exceptions": {"2024-12-24": null}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "hours": {}}');
SELECT oms.create_calendar('c', '{"timezone": "UTC", "holiday": []}');

-- Wrong arguments, and a calendar that ends.
SELECT oms.business_time('nowhere', now(), now());
SELECT oms.business_time('office', now(), 'infinity');
SELECT oms.business_add('office', now(), -1);
SELECT oms.business_add('office', NULL, 1);
SELECT oms.create_calendar('fair', '{"timezone": "UTC", "exceptions": {"2024-05-04": ["10:00-18:00"]}}');
SELECT oms.business_add('fair', '2024-05-01', 481);

-- The days off of the federal government; 2021 has two New Year's Days.
SELECT to_char(d, 'Dy YYYY-MM-DD') AS day_off FROM oms.us_federal_holidays(2021) AS d;
SELECT oms.us_federal_holidays(1970);
