-- access: who may do what. The levels of oms.grant_access() as one table over every object of the
-- schema, what revoke_access() leaves, groups, and that PUBLIC has nothing.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SET search_path = pg_catalog, pg_temp;
\pset footer off

CREATE ROLE regress_citizen;
CREATE ROLE regress_portal;
CREATE ROLE regress_agent;
CREATE ROLE regress_monitor;
CREATE ROLE regress_staff;
CREATE ROLE regress_admin;
CREATE ROLE regress_nobody;
DO $$
DECLARE
  level text;
BEGIN
  FOREACH level IN ARRAY ARRAY['citizen', 'portal', 'agent', 'monitor', 'staff', 'admin'] LOOP
    PERFORM oms.grant_access('regress_' || level, level);
  END LOOP;
END $$;

-- Every object of the schema that has rights of its own, and the rights that a role has on it, as
-- letters: X execute, r select, a insert, w update, d delete, D truncate, x references, t trigger,
-- U usage, C create.
CREATE FUNCTION pg_temp.rights(role text) RETURNS TABLE (kind text, object text, held text) LANGUAGE sql STABLE AS $$
  SELECT 'schema', nspname::text,
    CASE WHEN has_schema_privilege(role, oid, 'USAGE') THEN 'U' ELSE '' END ||
    CASE WHEN has_schema_privilege(role, oid, 'CREATE') THEN 'C' ELSE '' END
  FROM pg_namespace WHERE nspname IN ('oms', 'oms_internal')
  UNION ALL
  SELECT 'type', format_type(oid, NULL), CASE WHEN has_type_privilege(role, oid, 'USAGE') THEN 'U' ELSE '' END
  FROM pg_type WHERE typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND typrelid = 0 AND typelem = 0
  UNION ALL
  SELECT CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, oid::regprocedure::text,
    CASE WHEN has_function_privilege(role, oid, 'EXECUTE') THEN 'X' ELSE '' END
  FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END, oid::regclass::text,
    (SELECT coalesce(string_agg(letter, '' ORDER BY no), '')
     FROM (VALUES (1, 'SELECT', 'r'), (2, 'INSERT', 'a'), (3, 'UPDATE', 'w'), (4, 'DELETE', 'd'),
                  (5, 'TRUNCATE', 'D'), (6, 'REFERENCES', 'x'), (7, 'TRIGGER', 't')) AS p (no, word, letter)
     WHERE has_table_privilege(role, c.oid, word)
        OR (word IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(role, c.oid, word)))
  FROM pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind NOT IN ('i', 'I', 'S', 'c', 't')
  UNION ALL
  SELECT 'sequence', oid::regclass::text,
    (SELECT coalesce(string_agg(letter, '' ORDER BY no), '')
     FROM (VALUES (1, 'USAGE', 'U'), (2, 'SELECT', 'r'), (3, 'UPDATE', 'w')) AS p (no, word, letter)
     WHERE has_sequence_privilege(role, c.oid, word))
  FROM pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND relkind = 'S'
$$;

-- The whole matrix. A new function belongs to a level or to nobody; this is where it is seen.
SELECT r.kind, r.object, max(r.held) FILTER (WHERE role = 'public') AS "PUBLIC",
  max(r.held) FILTER (WHERE role = 'regress_citizen') AS citizen,
  max(r.held) FILTER (WHERE role = 'regress_portal') AS portal,
  max(r.held) FILTER (WHERE role = 'regress_agent') AS agent,
  max(r.held) FILTER (WHERE role = 'regress_monitor') AS monitor,
  max(r.held) FILTER (WHERE role = 'regress_staff') AS staff,
  max(r.held) FILTER (WHERE role = 'regress_admin') AS admin
FROM unnest(ARRAY['public', 'regress_citizen', 'regress_portal', 'regress_agent', 'regress_monitor',
                  'regress_staff', 'regress_admin']) AS role, pg_temp.rights(role) AS r
GROUP BY r.kind, r.object ORDER BY r.kind COLLATE "C", r.object COLLATE "C";

-- PUBLIC has nothing, by name, by a right to the row types, or through a role that was given nothing.
SELECT * FROM pg_temp.rights('public') WHERE held <> '';
SELECT * FROM pg_temp.rights('regress_nobody') WHERE held <> '';
SELECT format_type(oid, NULL) AS usable_by_public FROM pg_type
WHERE typnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND has_type_privilege('public', oid, 'USAGE')
ORDER BY format_type(oid, NULL) COLLATE "C";

-- Each level has what those below it have.
SELECT lower.role AS below, upper.role AS above, lower.object
FROM (VALUES ('regress_citizen', 'regress_portal'), ('regress_citizen', 'regress_staff'),
             ('regress_portal', 'regress_staff'), ('regress_agent', 'regress_staff'),
             ('regress_monitor', 'regress_staff'), ('regress_staff', 'regress_admin')) AS pair (below, above),
  LATERAL (SELECT below AS role, * FROM pg_temp.rights(below)) AS lower,
  LATERAL (SELECT above AS role, * FROM pg_temp.rights(above)) AS upper
WHERE upper.kind = lower.kind AND upper.object = lower.object AND lower.held <> '' AND upper.held = ''
ORDER BY 1, 2, 3;

-- No level may write a relation, or read the tables that hold secrets and states.
SELECT role, r.object, r.held
FROM unnest(ARRAY['regress_citizen', 'regress_portal', 'regress_agent', 'regress_monitor', 'regress_staff', 'regress_admin']) AS role,
  pg_temp.rights(role) AS r
WHERE (r.kind IN ('table', 'view', 'sequence') AND (r.held ~ '[^r]'
       OR (r.held <> '' AND r.object IN ('oms.secret', 'oms.idempotency', 'oms.home', 'oms.tracking', 'oms.ticket_state', 'oms.stage_state'))))
   OR (r.kind = 'schema' AND r.held ~ 'C');

-- Rights are plain GRANTs of the owner, without the option to pass them on.
SELECT DISTINCT grantor::regrole = nspowner::regrole AS by_owner, is_grantable
FROM pg_namespace, (SELECT (aclexplode(proacl)).* FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)
  UNION ALL SELECT (aclexplode(relacl)).* FROM pg_class WHERE relnamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace)) AS a
WHERE nspname IN ('oms', 'oms_internal') AND grantee::regrole::text LIKE 'regress%';

-- No function runs with its owner's rights, so that the caller is known.
SELECT oid::regprocedure AS definer FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_internal'::regnamespace) AND prosecdef;

-- Giving a level twice, and another one in addition.
SELECT oms.grant_access('regress_nobody', 'citizen');
SELECT oms.grant_access('regress_nobody', 'citizen');
SELECT count(*) FROM pg_temp.rights('regress_nobody') AS n JOIN pg_temp.rights('regress_citizen') AS c USING (kind, object)
WHERE n.held <> c.held;
SELECT oms.grant_access('regress_nobody', 'monitor');
SELECT count(*) AS differs FROM pg_temp.rights('regress_nobody') AS n
JOIN pg_temp.rights('regress_citizen') AS c USING (kind, object) JOIN pg_temp.rights('regress_monitor') AS m USING (kind, object)
WHERE n.held <> greatest(c.held, m.held);

-- Taking them all away: from that role, and from no other.
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.rights('regress_citizen');
SELECT oms.revoke_access('regress_nobody');
SELECT oms.revoke_access('regress_nobody');
SELECT * FROM pg_temp.rights('regress_nobody') WHERE held <> '';
SELECT count(*) > 10 AS has, count(*) FILTER (WHERE b.held <> r.held) AS lost
FROM before AS b JOIN pg_temp.rights('regress_citizen') AS r USING (kind, object) WHERE b.held <> '';
SELECT oms.grant_access('regress_nobody', 'admin');
SELECT count(*) AS differs FROM pg_temp.rights('regress_nobody') AS n JOIN pg_temp.rights('regress_admin') AS a USING (kind, object)
WHERE n.held <> a.held;
SELECT oms.revoke_access('regress_nobody');
SELECT * FROM pg_temp.rights('regress_nobody') WHERE held <> '';

-- Groups: members have the level by inheritance, others after SET ROLE; the group can lose it.
CREATE ROLE regress_group;
CREATE ROLE regress_member IN ROLE regress_group;
CREATE ROLE regress_noinherit NOINHERIT IN ROLE regress_group;
SELECT oms.grant_access('regress_group', 'staff');
SELECT role, has_function_privilege(role, 'oms.get_ticket(oms.ticket_id)', 'EXECUTE') AS get_ticket
FROM unnest(ARRAY['regress_group', 'regress_member', 'regress_noinherit']) AS role;
\set VERBOSITY sqlstate
SET ROLE regress_member;
SELECT count(*) >= 0 AS reads FROM oms.ticket;
SET ROLE regress_noinherit;
SELECT count(*) >= 0 AS reads FROM oms.ticket;
RESET ROLE;
SET SESSION AUTHORIZATION regress_noinherit;
SELECT count(*) >= 0 AS reads FROM oms.ticket;
SET ROLE regress_group;
SELECT count(*) >= 0 AS reads FROM oms.ticket;
RESET SESSION AUTHORIZATION;
SELECT oms.revoke_access('regress_group');
SET ROLE regress_member;
SELECT count(*) >= 0 AS reads FROM oms.ticket;
RESET ROLE;
-- What a member was given itself stays.
SELECT oms.grant_access('regress_member', 'agent');
SELECT oms.revoke_access('regress_group');
SELECT has_function_privilege('regress_member', 'oms.stage_done(oms.ticket_id, text, jsonb, bigint)', 'EXECUTE') AS stage_done;
\set VERBOSITY default

-- What is refused.
SELECT oms.grant_access('regress_nobody', 'root');
SELECT oms.grant_access('regress_nobody', 'Staff');
SELECT oms.grant_access('regress_nobody', '');
SELECT oms.grant_access('regress_nobody', NULL);
SELECT oms.grant_access(NULL, 'staff');
SELECT oms.grant_access('public', 'citizen');
SELECT oms.grant_access('current_user', 'citizen');
SELECT oms.grant_access('regress_missing', 'citizen');
SELECT oms.revoke_access('regress_missing');
SELECT oms.revoke_access('public');
SELECT oms.revoke_access(NULL);
-- Only admins give rights, and an admin is no superuser.
SET ROLE regress_staff;
SELECT oms.grant_access('regress_nobody', 'citizen');
SELECT oms.revoke_access('regress_citizen');
SET ROLE regress_admin;
SELECT oms.grant_access('regress_nobody', 'citizen');
UPDATE oms.ticket SET priority = 1;
DELETE FROM oms.owner_member;
RESET ROLE;
SELECT has_function_privilege('regress_nobody', 'oms.track(text)', 'EXECUTE') AS track;

-- Names of roles are names, whatever is in them.
CREATE ROLE "regress_Odd ""name""; DROP TABLE oms.owner; --";
SELECT oms.grant_access('regress_Odd "name"; DROP TABLE oms.owner; --', 'citizen');
SELECT count(*) AS differs FROM pg_temp.rights('regress_Odd "name"; DROP TABLE oms.owner; --') AS o
JOIN pg_temp.rights('regress_citizen') AS c USING (kind, object) WHERE o.held <> c.held;
SELECT oms.revoke_access('regress_Odd "name"; DROP TABLE oms.owner; --');
DROP ROLE "regress_Odd ""name""; DROP TABLE oms.owner; --";

-- A role that lost its rights can be dropped.
DO $$
DECLARE
  role name;
BEGIN
  FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_%' LOOP
    PERFORM oms.revoke_access(role);
    EXECUTE format('DROP ROLE %I', role);
  END LOOP;
END $$;
SELECT count(*) AS roles_left FROM pg_roles WHERE rolname LIKE 'regress\_%';
