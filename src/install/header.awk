# The same for C, as the contents of arrays:
#
#   awk -f src/install/register.awk -f src/install/header.awk src/install/register >src/register.h

# C's expression of who may: letters of the levels, or 0
function bits(who,		n, i, part, all) {
	if (who == "-")
		return "0"
	if (who == "all")
		return "ALL"
	n = split(who, part, ",")
	for (i = 1; i <= n; i++) {
		if (part[i] !~ /^(citizen|portal|agent|monitor|staff|admin)$/)
			refuse("no level")
		if (part[i] != "admin")
			all = all toupper(substr(part[i], 1, 1)) " | "
	}
	return all "D"
}

function granted(list, kind, other,		i, separator) {
	printf "#define %s", list
	for (i = 1; i <= objects; i++)
		if ((kinds[i] == kind || kinds[i] == other) && levels[i] != "-") {
			printf "%s \\\n\t{\"%s\", \"%s\", %s}", separator, schemas[i], names[i], bits(levels[i])
			separator = ","
		}
	print ""
}

function listed(list, mark,		i, n) {
	printf "#define %s", list
	for (i = 1; i <= objects; i++)
		if (marked[i, mark] || kinds[i] == mark)
			printf "%s \\\n\t\"%s\"", n++ ? "," : "", names[i]
	printf "\n#define %s_COUNT %d\n", list, n
}

END {
	if (failed)
		exit 1
	print "/*\n * register.h\n *\t\tWhat the register says, for the library; made from src/install/register by make.\n */"
	print "#ifndef OMS_REGISTER_H\n#define OMS_REGISTER_H"
	print "\n/* Who may execute or read it: schema, name, levels */"
	granted("OMS_FUNCTIONS", "function", "")
	print ""
	granted("OMS_RELATIONS", "table", "view")
	print "\n/* Tables whose size is a metric, those that the worker always needs, and those that only its steps that look back need */"
	listed("OMS_COUNTED_TABLES", "counted")
	print ""
	listed("OMS_WORKER_TABLES", "worker")
	print ""
	listed("OMS_BACKLOG_TABLES", "backlog")
	print "\n/* Indexes that are no constraints */"
	listed("OMS_INDEXES", "index")
	print "\n#endif\t\t\t\t\t\t\t/* OMS_REGISTER_H */"
}
