CREATE VIEW oms.a AS SELECT E'\\x00'::bytea AS good;
CREATE VIEW oms.b AS SELECT '\x00'::bytea AS bad;
