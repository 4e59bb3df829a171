# Turn SQL and Lua files into C strings: FILE.sql becomes
#     static const char sql_FILE[] = "…";
# and FILE.lua lua_FILE.
# Comments and the space around lines are left out: SQLite keeps the text of a
# CREATE statement in the file and parses it again on every opening.

function code(line,    i, c, quote, out)
{
	quote = ""
	out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (quote != "") {
			if (c == quote)
				quote = ""
		} else if (c == "'" || c == "\"") {
			quote = c
		} else if (substr(line, i, 2) == "--") {
			break
		}
		out = out c
	}
	gsub(/^[ \t]+|[ \t]+$/, "", out)
	return out
}

FNR == 1 {
	if (NR > 1)
		print "\t\"\";"
	name = kind = FILENAME
	sub(/.*\//, "", name)
	sub(/\.[a-z]+$/, "", name)
	sub(/.*\./, "", kind)
	printf "static const char %s_%s[] =\n", kind, name
}

{
	line = code($0)
	if (line == "")
		next
	gsub(/\\/, "\\\\", line)
	gsub(/"/, "\\\"", line)
	printf "\t\"%s\\n\"\n", line
}

END {
	if (NR > 0)
		print "\t\"\";"
}
