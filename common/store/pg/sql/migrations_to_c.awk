# Turn share/migrations/NNN_NAME.sql into C: the texts as they stand, comments
# included, for they are printed and their checksums are compared.

function escaped(line)
{
	gsub(/\\/, "\\\\", line)
	gsub(/"/, "\\\"", line)
	gsub(/\t/, "\\t", line)
	return line
}

FNR == 1 {
	if (count)
		print "\t;"
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.sql$/, "", name)
	names[count++] = name
	printf "static const char migration_%s[] =\n", name
}

{ printf "\t\"%s\\n\"\n", escaped($0) }

END {
	if (count)
		print "\t;"
	print "static const struct {\n\tint version;\n\tconst char *name, *sql;\n} pg_migration_files[] = {"
	for (i = 0; i < count; i++) {
		printf "\t{%d, \"%s\", migration_%s},\n", substr(names[i], 1, 3) + 0, substr(names[i], 5), names[i]
	}
	print "};"
}
