# What the contract suites and those of SQLite alone both use: records, and
# short words for what is asked again and again.

# --- ingest -------------------------------------------------------------------

# A chunk record: DOC INDEX OF CONTENT [EXTRA MEMBERS]
chunk() {
	printf '{"doc":"%s","id":"%s#%d","content":"%s","chunk":{"index":%d,"of":%d}%s}\n' \
	    "$1" "$1" "$2" "$4" "$2" "$3" "${5-}"
}

vector() {
	printf ',"model":"%s","dims":3,"embedding":[%s]' "${1-m}" "${2-1,2,3}"
}

# sum FILTER: of the summary in $output
sum() {
	jq -r "$1" <<<"$output"
}

# reject LINE PATTERN: refused, and it says why
reject() {
	run --separate-stderr -65 c1v-ingest <<<"$1"
	assert_regex "$stderr" "$2"
}

# --- search -------------------------------------------------------------------

# Chunks of three documents with vectors of three dimensions, model "toy".
toy() {
	cat <<-'EOF'
	{"id":"a#0","doc":"a","content":"The release is rolled back by the engineer on duty.","source":"a.md","metadata":{"type":"guide","year":2024},"chunk":{"index":0,"of":2,"start":0,"end":51,"line":1,"end_line":1,"headings":["Release","Rolling back"]},"embedding":[1,0,0],"model":"toy"}
	{"id":"a#1","doc":"a","content":"on duty. Customers are told within an hour.","source":"a.md","metadata":{"type":"guide","year":2024},"chunk":{"index":1,"of":2,"start":43,"end":86,"line":1,"end_line":2},"embedding":[0.8,0.6,0],"model":"toy"}
	{"id":"b#0","doc":"b","content":"Prices change in January; customers are told in December.","source":"b.md","metadata":{"type":"note","year":2025},"chunk":{"index":0,"of":1,"start":0,"end":57,"line":1,"end_line":1},"embedding":[0,1,0],"model":"toy"}
	{"id":"c","content":"Logs are kept for ninety days in the multi-agent archive.","source":"c.md","metadata":{"type":"note","year":2023},"embedding":[0,0,1],"model":"toy"}
	EOF
}

fill_toy() {
	toy | c1v-ingest >/dev/null
}

words() { # by words alone: no model is asked for
	c1v-search --mode keyword "$@"
}

near() { # near "[1,0,0]" OPTION…: by the vector of a query record
	local v=$1
	shift
	printf '{"query":"?","id":1,"embedding":%s,"model":"toy"}\n' "$v" | c1v-search --mode vector "$@"
}

ids() {
	jq -r .id | tr '\n' ' '
}

hybrid() {
	printf '{"query":"customers","id":1,"embedding":[0,0,1],"model":"toy"}\n' | c1v-search "$@"
}

# --- store --------------------------------------------------------------------

# A store with two documents of two chunks, one without chunks, one vector missing.
fill_store() {
	cat >in.ndjson <<-'END'
	{"doc":"a.md","id":"a.md#0","source":"a.md","content":"alpha \"one\"\n\u00e9","metadata":{"type":"t","n":9007199254740993,"f":1.0},"chunk":{"index":0,"of":2,"start":0,"end":5},"model":"m","dims":3,"embedding":[0.1,1e-3,3]}
	{"doc":"a.md","id":"a.md#1","source":"a.md","content":"alpha two","metadata":{"type":"t","n":2},"chunk":{"index":1,"of":2,"headings":["H"]},"model":"m","dims":3,"embedding":[1,2,3]}
	{"doc":"b.md","id":"b.md#0","source":"b.md","content":"beta one","metadata":{"type":"u"},"chunk":{"index":0,"of":2},"model":"m","dims":3,"embedding":[-1,2,3]}
	{"doc":"b.md","id":"b.md#1","source":"b.md","content":"beta two","metadata":{"type":"t"},"chunk":{"index":1,"of":2}}
	{"id":"c","content":"gamma","metadata":{}}
	{"doc":"dd","id":"d","content":"delta"}
	END
	c1v-ingest in.ndjson >/dev/null
}

sound() {
	run -0 c1v-store verify "$@"
	assert_output --partial '"findings":0'
}
