# c1v, c1v-doctor, share/seed-prd and share/demo.

load helper

@test "c1v lists every tool, with the purpose that the tool itself gives" {
	run --separate-stderr c1v
	assert_success
	list=$output
	for tool in $(c1v_built_tools); do
		if [ "$tool" = c1v ]; then
			continue
		fi
		purpose=$("$tool" --help | sed -n 2p)
		run grep -E -- "^c1v ${tool#c1v-} +$purpose\$" <<<"$list"
		assert_success
	done
}

@test "c1v NAME runs the tool with its arguments, options untouched" {
	run c1v chunk --version
	assert_success
	assert_output "$(c1v-chunk --version)"
	run c1v chunk --no-such-option
	assert_equal "$status" 64
	assert_output --partial 'c1v-chunk: unknown option --no-such-option'
	run bash -c 'echo "{\"content\":\"one\"}" | c1v chunk -s 100 -- | jq -r .content'
	assert_output one
}

@test "c1v NAME passes on the exit status" {
	mkdir bin
	printf '#!/bin/sh\nexit 41\n' >bin/c1v-odd
	chmod +x bin/c1v-odd
	PATH=$PWD/bin:$PATH run c1v odd
	assert_equal "$status" 41
}

@test "a tool beside c1v goes before one on PATH" {
	mkdir bin
	printf '#!/bin/sh\necho other\n' >bin/c1v-chunk
	chmod +x bin/c1v-chunk
	PATH=$PWD/bin:$PATH run c1v chunk --version
	assert_output --partial 'c1v-chunk '
}

@test "an unknown tool is refused with the nearest name" {
	run --separate-stderr c1v serch foo
	assert_equal "$status" 64
	assert_equal "$output" ''
	[[ $stderr == *'c1v: no tool is called serch'* ]]
	[[ $stderr == *'hint: did you mean search?'* ]]
	run c1v zzzzzz
	assert_equal "$status" 64
	run c1v ../bin/c1v-chunk
	assert_equal "$status" 64
	run c1v ''
	assert_equal "$status" 64
}

@test "a tool that may not be run is named with the reason" {
	mkdir bin
	echo nothing >bin/c1v-odd
	chmod -x bin/c1v-odd
	if [ "$(id -u)" = 0 ]; then
		mkdir bin/c1v-dir
		PATH=$PWD/bin:$PATH run c1v dir
	else
		PATH=$PWD/bin:$PATH run c1v odd
	fi
	assert_equal "$status" 69
	assert_output --partial 'Permission denied'
}

@test "c1v help shows a manual page that is installed, else --help" {
	run c1v help chunk
	assert_success
	assert_line --index 0 --partial 'Usage: c1v-chunk'
	run c1v help
	assert_success
	assert_output "$(c1v)"
	run c1v help nonsense
	assert_equal "$status" 64
	mkdir -p there/bin there/share/man/man1 bin
	cp "$build/bin/c1v" there/bin/
	cp "$root/man/c1v-chunk.1" there/share/man/man1/
	printf '#!/bin/sh\necho "page $*"\n' >bin/man
	chmod +x bin/man
	PATH=$PWD/bin:$PATH run there/bin/c1v help chunk
	assert_success
	assert_output "page $PWD/there/bin/../share/man/man1/c1v-chunk.1"
}

@test "c1v on a full disk says so" {
	run bash -c 'c1v >/dev/full'
	assert_equal "$status" 74
}

@test "doctor: all is well, before there is a store and after" {
	run c1v doctor
	assert_success
	for check in tools sqlite utf8proc nettle simd modules data model store cache; do
		assert_line --regexp "^ok +$check "
	done
	assert [ ! -e "$store" ]
	echo '{"content":"a small text about a cat"}' | c1v-embed | c1v-ingest
	run c1v doctor
	assert_success
	assert_line --regexp '^ok +store .*1 chunk'
}

@test "doctor --json: a line of JSON for each check" {
	run --separate-stderr c1v-doctor --json
	assert_success
	run jq -se 'all(.[]; (.check | type) == "string" and .ok == true and (.detail | length) > 0)' <<<"$output"
	assert_success
	assert_output true
}

@test "doctor names the digest of the model" {
	run c1v-doctor
	assert_line --regexp "^ok +model .*sha256 $(sha256sum <"$root"/share/model/*.c1vm | cut -d' ' -f1)"
	# One that is damaged has another.
	cp "$root"/share/model/*.c1vm damaged.c1vm
	chmod +w damaged.c1vm
	printf 'x' | dd of=damaged.c1vm bs=1 seek=100000 conv=notrunc status=none
	run c1v-doctor --model local:damaged.c1vm
	assert_equal "$status" 1
	assert_line --regexp '^bad +model .*damaged'
}

@test "doctor finds a store that is none, and does not touch it" {
	echo 'this is not a database, but longer than a hundred bytes: ................................................................' >"$store"
	before=$(sha256sum <"$store")
	run c1v-doctor
	assert_equal "$status" 1
	assert_line --regexp '^bad +store '
	assert_equal "$(sha256sum <"$store")" "$before"
}

@test "doctor finds a store whose place cannot be written to" {
	run c1v-doctor --store /dev/null/c1v.db
	assert_equal "$status" 1
	assert_line --regexp '^bad +store '
}

@test "doctor finds data files that are missing" {
	C1V_SHARE=$PWD/nothing run c1v-doctor
	assert_equal "$status" 1
	assert_line --regexp '^bad +data '
	assert_line --regexp '^bad +model '
}

@test "doctor finds a cache directory that others may write to" {
	mkdir -p "$XDG_CACHE_HOME/c1v"
	chmod 777 "$XDG_CACHE_HOME/c1v"
	run c1v-doctor
	assert_equal "$status" 1
	assert_line --regexp '^bad +cache '
}

@test "doctor asks the cache that is named" {
	run c1v-doctor --cache "sqlite:$PWD/c.db"
	assert_success
	assert_line --regexp '^ok +cache +sqlite:.*c.db'
	assert [ ! -e c.db ]
	C1V_CACHE=redis://127.0.0.1:1 run c1v-doctor
	assert_failure 1
	assert_line --regexp '^bad +cache .*Connection refused'
}

@test "doctor finds a module that is missing" {
	mkdir lib
	cp "$build"/lib/c1v/*.so lib
	rm lib/net_upstash.so
	C1V_LIB=$PWD/lib run c1v-doctor
	assert_failure 1
	assert_line --regexp '^bad +modules .*net_upstash'
}

@test "doctor finds a tool of another version" {
	mkdir bin
	cp "$build"/bin/c1v* bin/
	printf '#!/bin/sh\necho "c1v-chunk 0.9.0"\n' >bin/c1v-chunk
	run bin/c1v-doctor
	assert_equal "$status" 1
	assert_line --regexp '^bad +tools .*c1v-chunk.*0\.9\.0'
	rm bin/c1v-chunk
	run bin/c1v-doctor
	assert_equal "$status" 1
	assert_line --regexp '^bad +tools .*c1v-chunk'
}

@test "seed-prd: silent, complete, and again without a change" {
	run "$build/share/c1v/seed-prd"
	assert_success
	assert_output ''
	n=$(find "$root/share/prd-templates" -name '*.md' | wc -l)
	run bash -c 'c1v-store export | jq -r .metadata.name | sort -u | wc -l'
	assert_output "$n"
	run bash -c 'c1v-store export | jq -ce ".metadata | .type == \"prd_template\" and .source == \"internal\" and
	    (.ingested_at | test(\"^20..-..-..T..:..:..Z$\"))" | sort -u'
	assert_output true
	run "$build/share/c1v/seed-prd" -v
	assert_success
	run jq -c '[.added, .updated, .deleted, .failed]' <<<"$output"
	assert_output '[0,0,0,0]'
}

@test "seed-prd: takes the options of c1v-ingest, and hands on its failure" {
	run "$build/share/c1v/seed-prd" --store "sqlite:$PWD/other.db" -c prd
	assert_success
	run c1v-search --store "sqlite:$PWD/other.db" -c prd --filter name=launch-plan -n 1 launch
	assert_success
	run "$build/share/c1v/seed-prd" --store /dev/null/x.db
	[ "$status" -ge 64 ]
	[ -n "$output" ]
	run "$build/share/c1v/seed-prd" --no-such-option
	assert_equal "$status" 64
}

@test "seed-prd: two at once end with one set" {
	"$build/share/c1v/seed-prd" &
	one=$!
	"$build/share/c1v/seed-prd" &
	two=$!
	wait "$one"
	wait "$two"
	run bash -c 'c1v-store export | jq -r .id | sort | uniq -d'
	assert_output ''
	run c1v-store verify
	assert_success
}

@test "seed-prd works with cron's environment" {
	run env -i HOME="$HOME" PATH=/usr/bin:/bin C1V_STORE="$C1V_STORE" "$build/share/c1v/seed-prd"
	assert_success
	assert_output ''
	assert [ -s "$store" ]
}

@test "the demo answers, and leaves the user's own store and settings alone" {
	mkdir -p "$XDG_CONFIG_HOME/c1v"
	echo 'nonsense = 1' >"$XDG_CONFIG_HOME/c1v/config"
	C1V_STORE=sqlite:$store C1V_MODEL=none C1V_COLLECTION=mine run "$root/share/demo" "$build"
	assert_success
	assert [ ! -e "$store" ]
	assert [ ! -e "$XDG_DATA_HOME" ]
	run grep -c 'ms, the whole process' <<<"$output"
	assert_output 3
}

@test "the README's own commands work as they stand" {
	mkdir -p "$HOME/notes" checkout/build
	ln -s "$build/bin" checkout/build/bin
	cp "$root"/share/prd-templates/launch-plan.md "$root"/share/prd-templates/one-pager.md "$HOME/notes/"
	cd checkout
	echo '{"url":"u1","body":"An annual plan is refunded within 14 days.","team":"billing"}' >pages.ndjson
	run bash -euo pipefail -c "$(sed -n '/^## Your own documents/,/^## Where/s/^    //p' "$root/README.md")"
	assert_success
	assert_output --partial 'annual plan'
	assert [ -s "$HOME/notes.db" ]
}
