CREATE EXTENSION oms;
SELECT oms.version();
