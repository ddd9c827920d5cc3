CREATE TABLE oms.kept (a int);
CREATE TABLE oms.lost (a int);
SELECT pg_extension_config_dump('oms.kept', '');
