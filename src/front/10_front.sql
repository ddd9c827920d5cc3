--------------------------------------------------------------------------------------------------
-- which cell has what
--------------------------------------------------------------------------------------------------

-- One row per cell: a database with oms.
CREATE TABLE oms.cell (
	number		int PRIMARY KEY CHECK (number >= 0),
	name		text COLLATE "C" NOT NULL UNIQUE,
	keyed		bool NOT NULL DEFAULT true
);
COMMENT ON TABLE oms.cell IS 'one row per cell, a database with oms; tools/cells writes it';
COMMENT ON COLUMN oms.cell.number IS 'of its partition in the server "cells": 0 for p0';
COMMENT ON COLUMN oms.cell.name IS 'of the database; errors name it';
COMMENT ON COLUMN oms.cell.keyed IS 'openings with an idempotency key or an applicant are spread over these; never changed afterwards, since a key must find its ticket again';

-- One row per range of ticket numbers, as in oms.number_range of the cells.
CREATE TABLE oms.cell_range (
	first_number int PRIMARY KEY,
	last_number	int NOT NULL,
	cell		int NOT NULL
);
COMMENT ON TABLE oms.cell_range IS 'which cell gives out, or gave out, which ticket numbers; tools/cells writes it';

SELECT pg_extension_config_dump('oms.cell', '');
SELECT pg_extension_config_dump('oms.cell_range', '');

CREATE FUNCTION oms.cell_of(ticket oms.ticket_id) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_of_ticket' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.cell_of(oms.ticket_id) IS 'the number of the cell that has the ticket, by its number; NULL: 0. OM002 no cell has such numbers';

CREATE FUNCTION oms.cell_of(ticket text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_of_text' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.cell_of(text) IS 'the same for a ticket number or a tracking number; 0 for anything else, which every cell answers alike';

CREATE FUNCTION oms.cells_of(ticket oms.ticket_id) RETURNS SETOF int
	LANGUAGE sql STABLE ROWS 1
	SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT oms.cell_of(cells_of.ticket) WHERE cells_of.ticket IS NOT NULL
		UNION ALL SELECT c.number FROM oms.cell AS c WHERE cells_of.ticket IS NULL
	$$;
COMMENT ON FUNCTION oms.cells_of(oms.ticket_id) IS 'the cell of a ticket, or all cells';

CREATE FUNCTION oms.cell_for(idempotency_key text, applicant text) RETURNS int
	AS 'MODULE_PATHNAME', 'oms_cell_for' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.cell_for(text, text) IS 'the number of the cell at which to open a ticket: by the key if there is one, else by the applicant, else any';

--------------------------------------------------------------------------------------------------
-- the language: PL/Proxy, with the errors as they are at the cell
--------------------------------------------------------------------------------------------------

CREATE FUNCTION oms.proxy_call() RETURNS language_handler
	AS 'MODULE_PATHNAME', 'oms_proxy_call' LANGUAGE C;
COMMENT ON FUNCTION oms.proxy_call() IS 'the language oms_proxy: PL/Proxy with the errors of cells as they are there; 08001 not reached, nothing was done; 08007 the connection was lost, it may be done';
CREATE LANGUAGE oms_proxy HANDLER oms.proxy_call;
COMMENT ON LANGUAGE oms_proxy IS 'functions that run at a cell';

