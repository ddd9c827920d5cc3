#!/usr/bin/env bash
# The tests of sql/ and test/isolation on the server that psql finds, with what `make install` put there: make installcheck.
#
# It may run with the worker on and under other settings: the two databases of the tests, regress_oms and
# isolation_oms, have settings of their own. What the server lacks is said in one line. Root becomes user postgres
# (or $OMS_USER) if the server asks for that. TESTS="about seal" runs some of them.
set -eu
# shellcheck source=tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

: "${PG_CONFIG:=pg_config}"
bindir=$("$PG_CONFIG" --bindir)
modules=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
# Expected results name the role.
export PGUSER=postgres PGDATABASE=${PGDATABASE:-postgres}
as=()
sql() { "${as[@]}" "$bindir/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }

if ! refusal=$(sql -c "SELECT" 2>&1); then
  [ "$(id -u)" -ne 0 ] || as=(runuser -u "${OMS_USER:-postgres}" --)
  if [ ${#as[@]} -eq 0 ] || ! sql -c "SELECT" >/dev/null 2>&1; then
    die "no connection as role postgres (try: sudo -u postgres make installcheck): ${refusal##*$'\n'}"
  fi
fi

version=$(sed -nE "s/^default_version *= *'(.*)'/\1/p" "$oms_top/oms.control")
missing=$(sql -v version="$version" <<'SQL'
SELECT concat_ws('; ',
  CASE WHEN NOT rolsuper THEN 'role postgres must be a superuser' END,
  CASE WHEN NOT EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'oms' AND version = :'version')
    THEN 'make install' END,
  CASE WHEN NOT EXISTS (SELECT FROM pg_settings WHERE name = 'oms.max_databases')
    THEN 'shared_preload_libraries = ''oms''' END,
  CASE WHEN current_setting('max_prepared_transactions')::int < 2 THEN 'max_prepared_transactions = 2' END)
FROM pg_roles WHERE rolname = current_user;
SQL
)
[ -z "$missing" ] || die "the server lacks: $missing"

# A copy, since that user may not read ours, and so that nothing is left in it.
here=$(mktemp -d /tmp/oms-installcheck.XXXXXX)
trap 'rm -rf "$here"' EXIT
trap 'exit 130' INT TERM HUP
cp -R "$oms_top/sql" "$oms_top/expected" "$oms_top/test/isolation" "$here/"
[ ${#as[@]} -eq 0 ] || chown -R "${OMS_USER:-postgres}" "$here"
cd "$here"

# run PROGRAM INPUT EXTENSION TEST...
run() {
  local program=$1 input=$2 extension=$3 name=${1#*/}
  shift 3
  name=${name#pg_}
  name=${name%_regress}_oms
  mkdir -p "$here/$name"
  [ ${#as[@]} -eq 0 ] || chown "${OMS_USER:-postgres}" "$here/$name"
  sql -v name="$name" <<'SQL'
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :"name";
CREATE DATABASE :"name" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
-- No worker: the tests stop the clock. Everything else as it is by itself.
SELECT format('ALTER DATABASE %I SET %s = %L', :'name', name,
  CASE name WHEN 'oms.worker' THEN 'off' WHEN 'oms.allow_moved_clock' THEN 'on' WHEN 'timezone_abbreviations' THEN 'Default' ELSE coalesce(boot_val, '') END)
FROM pg_settings
WHERE name IN ('oms.worker', 'oms.allow_moved_clock') OR name LIKE 'oms.%' AND setting IS DISTINCT FROM boot_val AND context IN ('user', 'superuser')
  OR name IN ('bytea_output', 'timezone_abbreviations', 'client_min_messages', 'statement_timeout',
    'lock_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_isolation', 'default_transaction_read_only',
    'extra_float_digits', 'intervalstyle')
\gexec
SELECT format('ALTER DATABASE %I SET %s = ''C''', :'name', name)
FROM pg_settings WHERE name IN ('lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time')
\gexec
SQL
  [ -z "$extension" ] || sql -d "$name" -c "CREATE EXTENSION $extension"
  "${as[@]}" "$modules/$program" --inputdir="$input" --outputdir="$here/$name" --bindir="$bindir" --use-existing \
    --dbname="$name" "$@" || failed=1
}
# Those that TESTS names, and set-up.
names() {
  local name
  for name in $(basename -a "$@" | sed 's/\.[a-z]*$//'); do
    case " ${TESTS:-$name} " in *" $name "*) echo "$name" ;; *) case $name in *setup | *init) echo "$name" ;; esac ;; esac
  done
}

failed=0
mapfile -t tests < <(names sql/*.sql)
run regress/pg_regress . '' "${tests[@]}"
mapfile -t tests < <(names isolation/specs/*.spec)
[ ${#tests[@]} -eq 0 ] || run isolation/pg_isolation_regress isolation oms "${tests[@]}"
if [ "$failed" -ne 0 ]; then
  trap - EXIT
  die "the differences are in $here"
fi
for name in regress_oms isolation_oms; do
  sql -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $name"
done
