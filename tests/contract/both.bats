#!/usr/bin/env bats
# What one kind of store gives, another takes, and answers alike. The other one is
# always SQLite, in a file beside.
# drivers: sqlite postgres

load contract

# The documents of share/prd-templates, cut and embedded.
templates() {
	cp "$root"/share/prd-templates/*.md .
	c1v-chunk -M team=product ./*.md | c1v-embed
}

# Lines with their keys in order: of metadata PostgreSQL keeps them in its own.
plain() {
	jq -cS .
}

@test "export from one, ingest into the other, and back: the same" {
	templates | tee in.ndjson | c1v-ingest >/dev/null
	toy | jq -c "del(.embedding, .model)" | c1v-ingest >/dev/null
	c1v-store export >one
	run -0 c1v-ingest --store other.db one
	[ "$(sum .added)" = "$(wc -l <one)" ]
	c1v-store export --store other.db >two
	cmp <(plain <one) <(plain <two)
	collection back
	c1v-ingest -c back two >/dev/null
	c1v-store export -c back | cmp - one
	# What is the same is not touched, from wherever it comes.
	run -0 c1v-ingest two
	[ "$(sum '[.added,.updated,.deleted] | join(" ")')" = '0 0 0' ]
	run -0 c1v-ingest --store other.db one
	[ "$(sum '[.added,.updated,.deleted] | join(" ")')" = '0 0 0' ]
	sound
	sound --store other.db
}

@test "the vectors of one are those of the other, to the last bit" {
	templates >in.ndjson
	c1v-ingest in.ndjson >/dev/null
	c1v-ingest --store other.db in.ndjson >/dev/null
	cmp <(c1v-store export | jq -r '[.id, .embedding] | @tsv') <(c1v-store export --store other.db | jq -r '[.id, .embedding] | @tsv')
}

@test "searches by vector give the same hits with the same scores" {
	templates | tee in.ndjson | c1v-ingest >/dev/null
	c1v-ingest --store other.db in.ndjson >/dev/null
	printf '%s\n' 'who decides to roll back a release' 'how is success measured' 'privacy of customers' \
	    'what does it cost' 'an incident at night' >questions
	hits() {
		c1v-search -t text --exact "$@" <questions | jq -c '[.query, .rank, .id, (.score * 1e5 | round)]'
	}
	for o in '--mode vector -n 20' '--mode vector -n 5 --per-document 1' '--mode vector -n 5 --mmr 0.5' \
	    '--mode vector --min-score 0.4 -n 50' '--mode vector -n 10 --filter team=product' '--mode vector -n 3 --neighbors 1'; do
		# shellcheck disable=SC2086
		hits $o >here
		# shellcheck disable=SC2086
		hits --store other.db $o >there
		[ -s here ]
		diff here there || { echo "$o"; return 1; }
	done
	id=$(c1v-store export | head -n 3 | tail -n 1 | jq -r .id)
	diff <(c1v-search --exact --similar-to "$id" | jq -c '[.id, (.score * 1e5 | round)]') \
	    <(c1v-search --exact --store other.db --similar-to "$id" | jq -c '[.id, (.score * 1e5 | round)]')
}

@test "searches by words find the same chunks, but for stop words" {
	templates | tee in.ndjson | c1v-ingest >/dev/null
	c1v-ingest --store other.db in.ndjson >/dev/null
	for words in owner 'release decision' 'privacy customers' incident metrics '"open questions"' 'risk -security'; do
		[ -n "$(c1v-search --mode keyword --web -n 1 "$words")" ] || { echo "$words: nothing"; return 1; }
		diff <(c1v-search --mode keyword --web --no-collapse -n 1000 "$words" | jq -r .id | sort) \
		    <(c1v-search --store other.db --mode keyword --web --no-collapse -n 1000 "$words" | jq -r .id | sort) ||
		    { echo "$words"; return 1; }
	done
}

@test "filters: every operator, in both alike" {
	{
		toy
		echo '{"id":"e","content":"one more","metadata":{"type":null,"year":2023.5,"tags":["a","b"],"deep":{"er":true}},"source":"e"}'
		echo '{"id":"f","content":"and one","metadata":{"year":"2024"}}'
		echo '{"id":"g","content":"nothing"}'
	} | jq -c 'del(.embedding, .model)' >in.ndjson
	c1v-ingest in.ndjson >/dev/null
	c1v-ingest --store other.db in.ndjson >/dev/null
	for f in type=note year=2024 '{"type":"guide"}' '{"year":{"$eq":2024}}' '{"year":{"$ne":2024}}' \
	    '{"year":{"$in":[2023,2025]}}' '{"year":{"$gt":2023}}' '{"year":{"$gte":2023.5}}' '{"year":{"$lt":2024}}' \
	    '{"year":{"$lte":2024}}' '{"type":{"$exists":true}}' '{"type":{"$exists":false}}' '{"type":null}' \
	    '{"tags":["a"]}' '{"deep":{"er":true}}' '{"$id":"a#1"}' '{"$doc":"a"}' '{"$source":{"$in":["a.md","e"]}}' \
	    '{"year":{"$nin":[2023,2025]}}' '{"year":{"$not":{"$gt":2023}}}' '{"$or":[{"type":"guide"},{"year":{"$lt":2024}}]}' \
	    '{"$and":[{"type":"note"},{"$not":{"year":2023}}]}' '{"$source":{"$exists":false}}' \
	    '{"year":{"$gt":2023,"$lt":2025}}' '{"type":"note","year":{"$ne":2023}}'; do
		here=$(c1v-store delete --dry-run --filter "$f") || [ $? = 1 ]
		there=$(c1v-store delete --dry-run --store other.db --filter "$f") || [ $? = 1 ]
		[ "$(jq -c '[.documents,.deleted]' <<<"$here")" = "$(jq -c '[.documents,.deleted]' <<<"$there")" ] ||
		    { echo "$f: $here / $there"; return 1; }
		diff <(c1v-search --log-level error --mode keyword --no-collapse -n 99 --filter "$f" 'one customers logs release nothing' | jq -r .id | sort) \
		    <(c1v-search --store other.db --mode keyword --no-collapse -n 99 --filter "$f" 'one customers logs release nothing' | jq -r .id | sort) ||
		    { echo "$f"; return 1; }
	done
}

@test "two tools at once: each is whole" {
	for i in 1 2 3 4; do
		for d in $(seq 25); do
			chunk "d$d" 0 2 "text $d by $i" "$(vector m "$d,$i,1")"
			chunk "d$d" 1 2 "more $d by $i"
		done >in$i
	done
	pids=()
	for i in 1 2 3 4; do
		c1v-ingest --batch-size 10 in$i >out$i 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	# Of each document both chunks are of one writer.
	run -0 bash -c 'c1v-store export | jq -r "[.doc, (.content | sub(\".* by \"; \"\"))] | @tsv" | sort | uniq -c | awk "\$1 != 2"'
	assert_output ''
	[ "$(c1v-store info | jq .collections[0].chunks)" = 50 ]
	sound
}

@test "exit codes: no collection, wrong options, bad input" {
	run -1 c1v-store export -c nowhere
	run -1 c1v-search -c nowhere --mode keyword word
	run -1 c1v-store get nobody
	run -1 c1v-store verify -c nowhere
	run -1 c1v-store drop -c nowhere --yes
	run -1 c1v-store delete --id nobody --yes
	run -64 c1v-ingest -c 'no name' </dev/null
	run -64 c1v-store no-such-verb
	run -65 c1v-ingest <<<'no record'
	run -74 bash -c 'echo "{\"id\":\"a\",\"content\":\"b\"}" | c1v-ingest >/dev/full'
	# A collection of SQLite makes itself; of PostgreSQL c1v-store init must have made or adopted the table.
	if [ "$driver" = postgres ]; then
		run -78 c1v-ingest -c nowhere <<<'{"id":"a","content":"b"}'
	else
		run -0 c1v-ingest -c nowhere <<<'{"id":"a","content":"b"}'
	fi
}
