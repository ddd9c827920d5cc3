# Joins the parts of the install script, with what the register (register.awk) says in place of the lines "-- @...":
#
#   awk -f src/install/register.awk -f src/install/join.awk src/install/register src/install/[0-9]*.sql

# A table's guards: for each statement, and for each row, since the apply worker of a subscription fires only these.
function print_guards(table,		of, what) {
	of = columns[table] == "" ? "" : " OF " columns[table]
	what = " ON oms." table "\n\tFOR EACH "
	print "CREATE TRIGGER guard BEFORE UPDATE" of " OR DELETE OR TRUNCATE" what "STATEMENT EXECUTE FUNCTION oms.guard('" hint[table] "');"
	print "CREATE TRIGGER guard_row BEFORE UPDATE" of " OR DELETE" what "ROW EXECUTE FUNCTION oms.guard('" hint[table] "');"
	print "ALTER TABLE oms." table " ENABLE ALWAYS TRIGGER guard;"
	print "ALTER TABLE oms." table " ENABLE ALWAYS TRIGGER guard_row;"
}

function print_triggers(	i, name) {
	for (i = 1; i <= objects; i++) {
		name = names[i]
		if (marked[i, "guarded"])
			print_guards(name)
		if (marked[i, "local"]) {
			print "CREATE TRIGGER local BEFORE INSERT OR UPDATE OR DELETE ON oms." name "\n\tFOR EACH ROW EXECUTE FUNCTION oms.stay_local();"
			print "ALTER TABLE oms." name " ENABLE REPLICA TRIGGER local;"
		}
		if (marked[i, "verbs"])
			print "CREATE TRIGGER record INSTEAD OF UPDATE OR DELETE ON oms." name "\n\tFOR EACH ROW EXECUTE FUNCTION oms.update_" name "();"
	}
}

# What is to be found there.  The numbers are those of pg_trigger.tgtype.
function print_check_guard(	i, name, of, rows, separator) {
	print "CREATE VIEW oms_internal.check_guard (relation, trigger, fires, enabled, function, columns) AS VALUES"
	for (i = 1; i <= objects; i++) {
		name = names[i]
		of = columns[name] == "" ? "NULL" : "'" columns[name] "'"
		rows = ""
		if (marked[i, "guarded"])
			rows = "\t('" name "', 'guard', 58, 'A', 'guard', " of "),\n\t('" name "', 'guard_row', 27, 'A', 'guard', " of ")"
		else if (marked[i, "local"])
			rows = "\t('" name "', 'local', 31, 'R', 'stay_local', NULL)"
		else if (marked[i, "verbs"])
			rows = "\t('" name "', 'record', 89, 'O', 'update_" name "', NULL)"
		else if (kinds[i] == "table")
			rows = "\t('" name "', NULL, NULL, NULL, NULL, NULL)"
		if (rows != "") {
			printf "%s%s", separator, rows
			separator = ",\n"
		}
	}
	print ";"
}

function print_dumped(	i) {
	for (i = 1; i <= objects; i++)
		if (marked[i, "dumped"])
			print "SELECT pg_extension_config_dump('oms." names[i] "', '');"
}

function print_row_types(	i) {
	for (i = 1; i <= objects; i++)
		if (kinds[i] == "table" || kinds[i] == "view")
			print "REVOKE ALL ON TYPE " schemas[i] "." names[i] " FROM PUBLIC;"
}

# The same view on the tables of the archive, with one column more if there is a name.
function print_archived(view, more,	text) {
	text = views[view]
	sub("VIEW oms." view, "VIEW oms.archived_" view, text)
	gsub(/oms\.(ticket_state|stage_state|timeline)/, "&_archive", text)
	if (more != "")
		sub(/\n\tFROM/, ", t." more "&", text)
	print text
}

# A text that stands between "-- @text NAME" and "-- @end" is put where it is to be inserted: as it is for live tickets,
# which have no archived_at, or for the views of the archive.
function print_text(name, archived,	text) {
	text = texts[name]
	if (archived) {
		gsub(/oms\.ticket AS/, "oms.archived_ticket AS", text)
		gsub(/oms\.stage AS/, "oms.archived_stage AS", text)
		gsub(/oms\.timeline AS/, "oms.timeline_archive AS", text)
	} else
		gsub(/t\.archived_at/, "NULL", text)
	print text
}

!registering && $1 == "--" && $2 == "@text" { kept = $3; texts[kept] = ""; next }
!registering && $0 == "-- @end" { kept = ""; next }
!registering && kept != "" { texts[kept] = texts[kept] (texts[kept] == "" ? "" : "\n") $0; next }
!registering && $1 == "--" && $2 == "@insert" { print_text($3, $4 == "archived"); next }

# Views are kept for "-- @archived".
!registering && match($0, /^CREATE VIEW oms\.[a-z_]+/) { view = substr($0, 17, RLENGTH - 16); views[view] = "" }
!registering && view != "" {
	views[view] = views[view] (views[view] == "" ? "" : "\n") $0
	if ($0 ~ /;$/)
		view = ""
}

!registering && $1 == "--" && $2 == "@archived" { print_archived($3, $4); next }
!registering && $0 == "-- @triggers" { print_triggers(); next }
!registering && $0 == "-- @check_guard" { print_check_guard(); next }
!registering && $0 == "-- @dumped" { print_dumped(); next }
!registering && $0 == "-- @row_types" { print_row_types(); next }
!registering
