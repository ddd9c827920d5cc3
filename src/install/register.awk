# Reads the register, which is the first file; the format is told there.
function refuse(why) {
	print FILENAME ":" FNR ": " why ": " line >"/dev/stderr"
	failed = 1
	exit 1
}

{ registering = (FNR == NR); line = $0 }
registering && (/^#/ || NF == 0) { next }
registering {
	objects++
	if ($1 !~ /^(table|sequence|view|function|index)$/)
		refuse("no kind")
	kinds[objects] = $1
	schemas[objects] = "oms"
	if (sub(/^internal\./, "", $2))
		schemas[objects] = "oms_internal"
	names[objects] = $2
	levels[objects] = $3
	for (i = 4; i <= NF && $i !~ /^"/; i++) {
		mark = $i
		if (mark ~ /^guarded:/) {
			columns[$2] = substr(mark, 9)
			gsub(/,/, ", ", columns[$2])
			mark = "guarded"
		}
		if (mark !~ /^(dumped|local|guarded|verbs|counted|worker|backlog)$/)
			refuse("no mark")
		marked[objects, mark] = 1
	}
	if ($1 == "table" && marked[objects, "dumped"] + marked[objects, "local"] != 1)
		refuse("neither dumped nor local")
	if (match(line, /".*"$/))
		hint[$2] = substr(line, RSTART + 1, RLENGTH - 2)
	if (marked[objects, "guarded"] && hint[$2] == "")
		refuse("a guard without a hint")
}
