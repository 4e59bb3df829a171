#!/bin/bash
# quality.sh [OPTION…]: how well the golden questions are answered from the
# product templates, by vector, by words and by both, each judged by the first
# reading and with the pooled one: an object a line. OPTIONs are given to
# c1v-search (--fuse rrf). The templates are stored as share/seed-prd does it,
# or with C1V_QUALITY_CHUNK given to c1v-chunk ("-s 500") and C1V_QUALITY_EMBED
# to c1v-embed. C1V_BUILD is the build (build).
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
export C1V_STORE=${C1V_QUALITY_STORE:-sqlite:$work/store.db} C1V_SHARE=${C1V_SHARE:-$build/share/c1v}

[ -z "${C1V_QUALITY_STORE-}" ] || c1v-store init >/dev/null
if [ -n "${C1V_QUALITY_CHUNK+set}${C1V_QUALITY_EMBED+set}" ]; then
	read -ra chunk <<<"${C1V_QUALITY_CHUNK:-}"
	read -ra embed <<<"${C1V_QUALITY_EMBED:-}"
	c1v-chunk "${chunk[@]}" "$data"/*.md | c1v-embed "${embed[@]}" | c1v-ingest >/dev/null
else
	"$build/share/c1v/seed-prd"
fi
jq -c '{id, query}' "$data/golden.ndjson" >"$work/questions"
for mode in vector keyword hybrid; do
	c1v-search --mode "$mode" -n 10 "$@" <"$work/questions" >"$work/results" || [ $? = 1 ]
	jq -nc --arg mode "$mode" --slurpfile golden "$data/golden.ndjson" \
	    --slurpfile results "$work/results" -f "$top/tests/bench/quality.jq" |
	    jq -c --arg mode "$mode" \
	        '{mode: $mode} + map_values(if type == "number" and . <= 1 then . * 10000 | round / 10000 else . end)'
done
