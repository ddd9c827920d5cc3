-- The login of the exporter, with level monitor and nothing else. Run it as a superuser in the database that has oms.
-- Debian's service runs as the system's user prometheus, whom peer authentication lets in without a password.
CREATE ROLE prometheus LOGIN CONNECTION LIMIT 5;
ALTER ROLE prometheus SET statement_timeout = '5s';
SELECT oms.grant_access('prometheus', 'monitor');
