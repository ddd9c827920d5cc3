-- make demo TOUR=operation: health, metrics, copies, retention.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
\echo '== For those who run it =========================================================================='
\echo 'One row for a load balancer, and metrics for Prometheus, of which these are a few:'
\echo
\set ECHO queries
SELECT status, reasons FROM oms.health();
SELECT name, labels, value FROM oms.metrics
WHERE name IN ('oms_queue_depth', 'oms_breaches_total', 'oms_escalations_total', 'oms_chain_problems');
\set ECHO none
\echo 'A copy elsewhere reads every event once, and comes back with the cursor of the last one:'
\echo
\set ECHO queries
SELECT id, seq, status, policy, public_status FROM oms.changes_since(NULL, 3);
\set ECHO none
\echo 'Closed tickets leave the tables that everybody works with, and stay provable:'
\echo
\set ECHO queries
SELECT oms.set_retention('90 days');
SET oms.now = '2030-01-01 02:00:00+00';
SELECT oms.archive();
SELECT ticket_id, status, archived_at FROM oms.archived_ticket;
SELECT count(*) AS problems FROM oms.verify_seals();
\set ECHO none
