# embed-http: c1v-embed against a scripted server on this machine, 1536
# dimensions: how much of what latency and concurrency allow is reached, and
# records for each second of processor time with base64 and with arrays. Tokens are
# counted and each answer is entered into a ledger, as they are by default.
# Sourced by tests/bench/run.
# shellcheck shell=bash disable=SC2154
(
work=$(mktemp -d)
trap 'exec 7>&- 8>&-; rm -rf "$work"' EXIT
cd "$work" || exit
export XDG_STATE_HOME=$work C1V_CACHE=none
mkfifo slow fast
"$build/fake/http" serve dims=1536 latency=50 <slow >slow.port &
exec 7>slow
"$build/fake/http" serve dims=1536 arrays=1 <fast >fast.port &
exec 8>fast
while [ ! -s slow.port ] || [ ! -s fast.port ]; do sleep 0.01; done
seq 3200 | sed 's/.*/{"id":"r&","content":"text & of some words that are embedded"}/' >in.ndjson

run() { # PORT-FILE BATCH: seconds, user, system
	TIMEFORMAT='%R %U %S'
	{ time "$build/bin/c1v-embed" -m text-embedding-3-small --encoding base64 --batch-inputs "$2" \
	    --api-base "http://127.0.0.1:$(cat "$1")/v1" in.ndjson >out.ndjson; } 2>&1
}

run slow.port 16 | awk '{ printf "embed-http: %.2f of what 50 ms and 4 requests at a time allow\n", 2.5 / $1 }'
run slow.port 400 | awk '{ printf "embed-http: %d records/s of processor time, base64\n", 3200 / ($2 + $3) }'
run fast.port 400 | awk '{ printf "embed-http: %d records/s of processor time, arrays\n", 3200 / ($2 + $3) }'
)
