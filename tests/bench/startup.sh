# shellcheck shell=bash disable=SC2154  # sourced by run
# What starting costs, beside an empty C program.

# start TOOL WANTED: the least of five medians, taken in turn with those of the
# empty program, for the machine is not always equally busy.
start() {
	local ours theirs=1000000 least=1000000

	for _ in 1 2 3 4 5; do
		ours=$(took p50_ms -n 100 -- "$1" --version)
		base=$(took p50_ms -n 100 -- "$empty")
		least=$(printf '%s\n' "$least" "$ours" | sort -g | head -n 1)
		theirs=$(printf '%s\n' "$theirs" "$base" | sort -g | head -n 1)
	done
	figure "start of $1" "$least" ms 'an empty program' "$theirs" "$2"
}

for tool in c1v c1v-chunk c1v-embed; do
	start "$tool" '<=2'
done
for tool in c1v-ingest c1v-store c1v-search; do
	start "$tool" '<=3'
done
for peer in sqlite3 jq python3 node; do
	if have "$peer"; then
		figure 'start of c1v-search' "$(took p50_ms -n 100 -- c1v-search --version)" ms "$peer --version" \
		    "$(took p50_ms -n 20 -- "$peer" --version)" ''
	fi
done

rm -f "$work"/small.db*
bash "$C1V_SHARE/seed-prd" --store "sqlite:$work/small.db"
figure 'a search in a small store' \
    "$(took p50_ms -n 200 -- c1v-search --store "sqlite:$work/small.db" 'how do we roll back a release')" ms \
    'an empty program' "$base" ''
