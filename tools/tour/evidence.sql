-- make demo TOUR=evidence: the timeline as proof.
\set QUIET 1
\pset pager off
\pset footer off
SET client_min_messages = warning;
SELECT ticket_id AS ticket FROM oms.ticket WHERE workflow = 'DisasterLoan' ORDER BY ticket_id LIMIT 1 \gset
\echo '== The evidence =================================================================================='
\echo 'Nobody can alter the timeline, not even a superuser as this one:'
\echo
\set ON_ERROR_STOP off
\set ECHO queries
UPDATE oms.timeline SET note = 'done in time' WHERE status = 'breached';
\set ECHO none
\echo
\set ECHO queries
ALTER TABLE oms.timeline DISABLE TRIGGER ALL;
\set ECHO none
\set ON_ERROR_STOP on
\echo
\echo 'Kim asks to be forgotten. The name goes, an event says so, and the hashes of all events still fit:'
\echo
\set ECHO queries
SELECT oms.erase(:'ticket', '{name}', 'request 4711');
SELECT seq, status, note, payload FROM oms.timeline
WHERE ticket_id = :'ticket' AND (seq = 1 OR status = 'erased');
SELECT count(*) AS problems FROM oms.verify_timeline();
\set ECHO none
\echo 'Nor does a second model of all rules, in plain SQL, find anything that should not be:'
\echo
\set ECHO queries
SELECT count(*) AS problems FROM oms.check();
\set ECHO none
\echo 'A seal puts the chains of all tickets under one hash. Publish it, and a proof of one ticket can be'
\echo 'checked by anybody, without this server:'
\echo
\set ECHO queries
SELECT oms.seal();
\set ECHO none
SELECT encode(hash, 'hex') AS seal FROM oms.seals ORDER BY number DESC LIMIT 1 \gset
\setenv SEAL :seal
\setenv TICKET :ticket
\! echo "psql -AtXc \"SELECT oms.proof('$TICKET')\" | tools/verify-proof/verify-proof --seal $(echo $SEAL | cut -c1-8)…"
\! psql -AtXc "SELECT oms.proof('$TICKET')" | tools/verify-proof/verify-proof --seal $SEAL | sed -E 's/([0-9a-f]{8})[0-9a-f]{56}/\1…/'
\echo
\echo 'Whoever writes another team into it is found out:'
\echo
\! psql -AtXc "SELECT oms.proof('$TICKET')" | sed 's/SBA_Backup/SBA_Team/' | tools/verify-proof/verify-proof | sed -E 's/([0-9a-f]{8})[0-9a-f]{56}/\1…/g'
\echo
