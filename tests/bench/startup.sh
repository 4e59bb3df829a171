# shellcheck shell=bash disable=SC2154  # sourced by run
# What starting costs, beside an empty C program.

base=$(took p50_ms -n 500 -- "$empty")
for tool in c1v c1v-chunk c1v-embed; do
	figure "start of $tool" "$(took p50_ms -n 500 -- "$tool" --version)" ms 'an empty program' "$base" '<=2'
done
for tool in c1v-ingest c1v-store c1v-search; do
	figure "start of $tool" "$(took p50_ms -n 500 -- "$tool" --version)" ms 'an empty program' "$base" '<=3'
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
