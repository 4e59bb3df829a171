# Where the vectors of a collection were made is recorded, and a query goes nowhere else.
# drivers: sqlite postgres

load contract

here=https://api.example.com/v1

teardown() {
	exec 7>&-
}

made_at() { # BASE
	printf '%s,"api_base":"%s"' "$(vector m)" "$1"
}

base() { # of a collection
	c1v-store info -c "${1-documents}" | jq -r ".collections[] | select(.name == \"${1-documents}\") | .api_base"
}

@test "the first vector says where; vectors of another API are refused" {
	chunk a 0 1 'no vector' >in
	c1v-ingest in >/dev/null
	[ "$(base)" = null ]
	chunk b 0 1 'one' "$(made_at $here)" >in
	c1v-ingest in >/dev/null
	[ "$(base)" = $here ]
	reject "$(chunk c 0 1 'two' "$(made_at https://other.example.com/v1)")" \
	    'made at https://other.example.com/v1, the collection.s at https://api.example.com/v1'
	# The same, and one of which nobody knows.
	{
		chunk d 0 1 'three' "$(made_at $here)"
		chunk e 0 1 'four' "$(vector m)"
	} >in
	run -0 c1v-ingest in
	[ "$(sum .added)" = 2 ]
	[ "$(base)" = $here ]
	sound
}

@test "within a batch, too, and within a document" {
	{
		chunk a 0 1 'one' "$(made_at $here)"
		chunk b 0 1 'two' "$(made_at https://other.example.com/v1)"
		chunk c 0 1 'three' "$(made_at $here)"
	} >in
	run -3 --separate-stderr c1v-ingest in
	[ "$(sum .added)" = 2 ]
	assert_regex "$stderr" 'document b: its vectors were made at'
	{
		chunk d 0 2 'four' "$(made_at $here)"
		chunk d 1 2 'five' "$(made_at https://other.example.com/v1)"
	} >in
	run -65 --separate-stderr c1v-ingest in
	assert_regex "$stderr" 'document d: its vectors are of more than one API'
	reject "$(chunk f 0 1 six ',"model":"m","dims":3,"embedding":[1,2,3],"api_base":7')" 'api_base'
	sound
}

@test "a collection that knows nothing of it learns it; what fails records nothing" {
	chunk a 0 1 'old' "$(vector m)" >in
	c1v-ingest in >/dev/null
	[ "$(base)" = null ]
	reject "$(chunk b 0 1 'new' "$(sed 's/"m"/"n"/' <<<"$(made_at $here)")")" 'model n'
	run -0 c1v-ingest --dry-run <<<"$(chunk b 0 1 'new' "$(made_at $here)")"
	[ "$(base)" = null ]
	c1v-ingest <<<"$(chunk b 0 1 'new' "$(made_at $here)")" >/dev/null
	[ "$(base)" = $here ]
	sound
}

@test "two writers at once, of different APIs: the vectors of one go in" {
	c1v-ingest <<<"$(chunk old 0 1 'old' "$(vector m)")" >/dev/null
	for i in 1 2; do
		for d in $(seq 40); do
			chunk "d$i-$d" 0 1 "by $i, $d" "$(made_at "https://api$i.example.com")"
		done >in$i
		c1v-ingest --batch-size 4 in$i >out$i 2>err$i 3>&- 7>&- &
	done
	wait || true
	winner=$(base)
	winner=${winner#https://api}
	winner=${winner%.example.com}
	[ "$(c1v-store export | jq -r 'select(.doc != "old").content[3:4]' | sort -u)" = "$winner" ]
	[ "$(c1v-store export | wc -l)" = 41 ]
	sound
}

@test "export and ingest keep it" {
	collection other
	chunk a 0 1 'one' "$(made_at $here)" >in
	c1v-ingest in >/dev/null
	c1v-store export >one
	[ "$(jq -r .api_base one)" = $here ]
	c1v-ingest -c other one >/dev/null
	[ "$(base other)" = $here ]
	c1v-store export -c other | cmp - one
	c1v-store export --encoding none | jq -e 'has("api_base") | not'
	c1v-store get a#0 | jq -e '.api_base'
	run -0 c1v-store info --pretty
	assert_regex "$output" "$here"
}

fake() { # one that lives as long as the test; $port, and its log
	rm -f fifo port
	mkfifo fifo
	"$build/fake/http" serve dims=3 log=log <fifo >port 3>&- 7>&- &
	exec 7>fifo
	while [ ! -s port ]; do sleep 0.01; done
	port=$(cat port)
}

@test "a query goes where the collection was made, and elsewhere only when --api-base says so" {
	fake
	export OPENAI_API_KEY=k
	export OPENAI_BASE_URL=http://127.0.0.1:$port/v1/
	chunk a 0 1 'text one' | c1v-embed -m fake-model | c1v-ingest >/dev/null
	[ "$(base)" = "http://127.0.0.1:$port/v1" ]
	# The model needs no name: it is recorded.
	run -0 c1v-search --mode vector --json 'text one'
	[ "$(jq -r .id <<<"$output")" = a#0 ]
	: >log
	for other in http://localhost:$port/v1 http://127.0.0.1:$port/v2; do
		OPENAI_BASE_URL=$other run -78 --separate-stderr c1v-search --json 'text one'
		assert_regex "$stderr" "made with the API at http://127.0.0.1:$port/v1, the query would go to $other"
	done
	run -78 env -u OPENAI_BASE_URL c1v-search -m fake-model --json 'text one'
	[ ! -s log ]
	run -0 c1v-search --api-base "http://localhost:$port/v1" --json 'text one'
	[ "$(wc -l <log)" = 1 ]
	# Words alone ask nobody, and neither does a query that has its vector.
	run -0 env -u OPENAI_BASE_URL c1v-search --mode keyword --json 'text one'
	c1v-embed --role query -m fake-model <<<'{"query":"text one"}' >query
	: >log
	run -0 env -u OPENAI_BASE_URL c1v-search --mode vector <query
	[ ! -s log ]
}
