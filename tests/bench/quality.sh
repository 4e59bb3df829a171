#!/bin/bash
# quality.sh [OPTION…]: how well the golden questions are answered from the
# product templates, by vector, by words and by both, an object a line. OPTIONs
# are given to c1v-search (--fuse rrf), C1V_QUALITY_CHUNK to c1v-chunk ("-s 500").
# C1V_BUILD is the build (build).
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${C1V_BUILD:-build}
case $build in
/*) ;;
*) build=$top/$build ;;
esac
PATH=$build/bin:$PATH
data=$top/share/prd-templates
work=$(mktemp -d "${TMPDIR:-/tmp}/c1v-quality.XXXXXX")
trap 'rm -rf "$work"' EXIT
export C1V_STORE=sqlite:$work/store.db C1V_SHARE=${C1V_SHARE:-$build/share/c1v}

read -ra chunk <<<"${C1V_QUALITY_CHUNK:-}"
c1v-chunk "${chunk[@]}" "$data"/*.md | c1v-embed | c1v-ingest >/dev/null
jq -c '{id, query}' "$data/golden.ndjson" >"$work/questions"
for mode in vector keyword hybrid; do
	c1v-search --mode "$mode" -n 10 "$@" <"$work/questions" >"$work/results" || [ $? = 1 ]
	jq -nc --arg mode "$mode" --slurpfile golden "$data/golden.ndjson" \
	    --slurpfile results "$work/results" -f "$top/tests/bench/quality.jq" |
	    jq -c --arg mode "$mode" '{mode: $mode} + map_values(if . > 1 then . else . * 10000 | round / 10000 end)'
done
