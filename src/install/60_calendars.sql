--------------------------------------------------------------------------------------------------
-- calendars
--------------------------------------------------------------------------------------------------

-- One row per version of a calendar; a version never changes.  The columns stand in the order of
-- src/store/calendar.c.
CREATE SEQUENCE oms.calendar_number AS int;
CREATE TABLE oms.calendar (
	calendar_id	int PRIMARY KEY DEFAULT nextval('oms.calendar_number'),
	name		text COLLATE "C" NOT NULL,
	version		int NOT NULL,
	definition	jsonb NOT NULL,
	current		bool NOT NULL DEFAULT true,
	created_by	text NOT NULL,
	created_at	timestamptz NOT NULL,
	left_by		bigint,
	UNIQUE (name, version)
);
CREATE UNIQUE INDEX calendar_current ON oms.calendar (name) WHERE current;
CREATE INDEX calendar_left ON oms.calendar (calendar_id) WHERE left_by IS NOT NULL;
COMMENT ON TABLE oms.calendar IS 'one row per version of a calendar';
COMMENT ON COLUMN oms.calendar.left_by IS 'transaction that made the next version, until no clock runs by this one';

CREATE FUNCTION oms.create_calendar(name text, definition jsonb) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_create_calendar' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.create_calendar(text, jsonb) IS 'stores a definition as the next version of a calendar and returns the version; the current definition again returns the current version. definition: {"timezone", "hours", "holidays", "exceptions"}. OM004 if it is invalid or the calendar would never be open, with path as detail; 22023 bad name';

CREATE FUNCTION oms.calendar_problem(calendar text) RETURNS text
	AS 'MODULE_PATHNAME', 'oms_calendar_problem' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.calendar_problem(text) IS 'why this server cannot read the current version of a calendar, such as an unknown time zone; NULL: it can. 22023 for an unknown calendar or NULL';

CREATE FUNCTION oms.business_time(calendar text, starts timestamptz, ends timestamptz) RETURNS interval
	AS 'MODULE_PATHNAME', 'oms_business_time' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.business_time(text, timestamptz, timestamptz) IS 'open time of a calendar between two instants, as it really passes, in hours and smaller; 0 if ends is not later. 22023 for an unknown calendar, infinity or NULL; 55000 for one that this server cannot read';

CREATE FUNCTION oms.business_add(calendar text, start timestamptz, mins int) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'oms_business_add' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION oms.business_add(text, timestamptz, int) IS 'the earliest instant by which that many minutes of open time have passed since start; for 0, start. 22023 for an unknown calendar, infinity, NULL, negative mins, or a calendar that stays closed for ten years; 55000 for one that this server cannot read';

CREATE FUNCTION oms.us_federal_holidays(year int) RETURNS SETOF date
	AS 'MODULE_PATHNAME', 'oms_us_federal_holidays' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 11;
COMMENT ON FUNCTION oms.us_federal_holidays(int) IS 'days off of the US government in a year (1971 to 9999), ascending: holidays on a Saturday are taken on Friday, those on a Sunday on Monday; without Inauguration Day. 22023 for another year or NULL';

