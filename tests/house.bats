# What all tools do the same way, asked of each of them.

load helper

# each CHECK WORD…: of each tool or page, which is named where it fails, in a world of its own.
each() {
	local check=$1 word

	shift
	for word; do
		echo "$word:"
		rm -rf "$HOME"
		mkdir -p "$HOME"
		"$check" "$word"
	done
}

for_each_tool() { # CHECK
	local tools

	mapfile -t tools < <(c1v_built_tools)
	each "$1" "${tools[@]}"
}

# The names of the long options of a tool, from its own help.
options_of() {
	"$1" --help | sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p'
}

check_help() {
	run --separate-stderr "$1" --help
	assert_success
	assert_line --index 0 --partial "Usage: $1"
	assert_equal "$stderr" ''
	long=$output
	run "$1" -h
	assert_success
	assert_output "$long"
	# Nothing is wider than a terminal.
	run awk 'length > 80' <<<"$long"
	assert_output ''
}

check_version() {
	run "$1" --version
	assert_success
	assert_output "$1 $(c1v --version | cut -d' ' -f2)"
	run "$1" -V
	assert_success
}

check_unknown_option() {
	run --separate-stderr "$1" --versoin
	assert_equal "$status" 64
	assert_equal "$output" ''
	[[ $stderr == *"$1: unknown option --versoin"* ]]
	[[ $stderr == *$'\nhint: '*--version* ]]
	# No abbreviations, and no value where none is taken.
	run "$1" --vers
	assert_equal "$status" 64
	run "$1" --version=yes
	assert_equal "$status" 64
}

check_no_argument() {
	run "$1" --log-level
	assert_equal "$status" 64
	assert_output --partial --log-level
	run "$1" --log-level=loud
	assert_equal "$status" 64
	assert_output --partial --log-level
	run "$1" --config /nonexistent/config --show-config
	assert_equal "$status" 78
}

check_show_config() {
	run "$1" --show-config
	assert_success
	assert_line --regexp '^log-level = warn +# default'
	C1V_LOG_LEVEL=error run "$1" --show-config
	assert_line --regexp '^log-level = error +# .*C1V_LOG_LEVEL'
	mkdir -p "$XDG_CONFIG_HOME/c1v"
	printf '# mine\nlog-level = debug\n' >"$XDG_CONFIG_HOME/c1v/config"
	run "$1" --show-config
	assert_line --regexp "^log-level = debug +# .*$XDG_CONFIG_HOME/c1v/config:2"
	C1V_LOG_LEVEL=error run "$1" --show-config
	assert_line --regexp '^log-level = error'
	C1V_LOG_LEVEL=error run "$1" --show-config --log-level info
	assert_line --regexp '^log-level = info +# command line'
}

check_dev_full() {
	run --separate-stderr bash -c '"$1" --help >/dev/full' - "$1"
	assert_equal "$status" 74
	[[ $stderr == *"standard output"* ]]
}

check_closed_stdout() {
	run bash -c '"$1" --help >&-' - "$1"
	assert_equal "$status" 74
}

check_log_format() {
	run --separate-stderr "$1" --log-format=json --no-such-option
	assert_equal "$status" 64
	C1V_LOG_FORMAT=json run --separate-stderr "$1" --log-level=loud
	assert_equal "$status" 64
	run jq -e --arg tool "$1" 'select(.service == $tool or (.service | length > 0)) | .level and .time and .msg' <<<"$stderr"
	assert_success
}

# The page of a tool begins with its purpose and names every option.
check_manual() {
	need mandoc
	local page=$root/man/$1.1 text name purpose

	assert [ -f "$page" ]
	text=$(mandoc -T utf8 -O width=200 "$page" | sed 's/.\x08//g')
	purpose=$("$1" --help | sed -n 2p)
	run grep -F -- " – $purpose" <<<"$text"
	assert_success
	for name in $(options_of "$1"); do
		grep -qE -- "^ +(-.(, | .*, ))?.*--$name([^a-z0-9-]|$)" <<<"$text" ||
		    fail "$1(1) does not name --$name"
	done
	# Nor does it name one that is not there.
	for name in $(grep -oE -- '(^ +|, )--[a-z][a-z0-9-]*' <<<"$text" | sed 's/.*--//' | sort -u); do
		options_of "$1" | grep -qx -- "$name" || fail "$1(1) names --$name, which is not there"
	done
}

check_completions() {
	local name b=$build/completions

	bash -n "$b/bash/$1"
	for name in $(options_of "$1"); do
		grep -q -- "--$name" "$b/bash/$1" || fail "bash does not offer --$name"
		grep -q -- "--$name" "$b/zsh/_$1" || fail "zsh does not offer --$name"
		grep -qE -- "-l '?$name'?( |$)" "$b/fish/$1.fish" || fail "fish does not offer --$name"
	done
	need zsh fish
	zsh -n "$b/zsh/_$1"
	fish -n "$b/fish/$1.fish"
	run "$1" --completion tcsh
	assert_equal "$status" 64
}

check_examples() {
	need mandoc jq
	run "$root/tests/examples.sh" "$1"
	assert_success
}

@test "every tool has --help, no wider than a terminal" { for_each_tool check_help; }
@test "every tool has the one version" { for_each_tool check_version; }
@test "every tool refuses an unknown option, and names the nearest" { for_each_tool check_unknown_option; }
@test "every tool refuses a wrong or missing argument" { for_each_tool check_no_argument; }
@test "every tool shows its settings and where they come from" { for_each_tool check_show_config; }
@test "every tool says 74 when its output cannot be written" { for_each_tool check_dev_full; }
@test "every tool says 74 when it has no output" { for_each_tool check_closed_stdout; }
@test "every tool logs JSON" { for_each_tool check_log_format; }
@test "every tool's manual has its purpose and its options, and no others" { for_each_tool check_manual; }
@test "every tool's options are completed by bash, zsh and fish" { for_each_tool check_completions; }
@test "the examples of every manual page work" { each check_examples "$root"/man/*.[157]; }

@test "bash offers what the table holds" {
	run bash -c '
		. "$1"
		COMP_WORDS=(c1v-chunk --over) COMP_CWORD=1 COMP_LINE="c1v-chunk --over" COMP_POINT=16
		f=$(complete -p c1v-chunk | sed "s/.*-F \([^ ]*\).*/\1/")
		"$f" c1v-chunk --over c1v-chunk
		printf "%s\n" "${COMPREPLY[@]}"' - "$build/completions/bash/c1v-chunk"
	assert_success
	assert_output --partial --overlap
	refute_output --partial --size
}

@test "c1v-record(5) and c1v(7) and every tool's page are there" {
	for page in c1v.7 c1v-record.5 $(c1v_built_tools | sed 's/$/.1/'); do
		assert [ -f "$root/man/$page" ]
	done
}

@test "c1v and c1v-chunk are not linked with SQLite" {
	need ldd
	run ldd "$build/bin/c1v" "$build/bin/c1v-chunk" "$build/bin/c1v-embed"
	refute_output --partial sqlite
}

@test "no secret can be given by an option" {
	for tool in $(c1v_built_tools); do
		run options_of "$tool"
		refute_line --regexp 'key$|password|token$|secret'
	done
}

@test "a changed header rebuilds what includes it, and nothing else" {
	need make
	mkdir -p copy/cmd copy/common/db
	cp "$root/common/db/to_c.awk" copy/common/db/
	cp "$root/Makefile" "$root/config.mk" copy/
	cp "$root/cmd/c1v.c" copy/cmd/
	tar -cf - -C "$root" common/base common/cli common/watch | tar -xf - -C copy
	cd copy
	make -s CFLAGS=-O0 B=build tools
	run make CFLAGS=-O0 B=build tools
	refute_output --partial ' cc '
	sleep 0.01
	touch common/base/nearest.h
	run make CFLAGS=-O0 B=build tools
	assert_output --partial 'cc   cmd/c1v.c'
	assert_output --partial 'cc   common/base/nearest.c'
	refute_output --partial common/base/sha.c
	# So does another compiler flag, and everything.
	run make CFLAGS=-Og B=build tools
	assert_output --partial common/base/sha.c
}

@test "make install puts everything in its place, and uninstall takes it away" {
	need make
	local to=$BATS_TEST_TMPDIR/to

	# Without building: other tests are using the programs.
	run make -s -C "$root" install-files B="$build" DESTDIR="$to" PREFIX=/opt/c1v
	assert_success
	assert [ -x "$to/opt/c1v/bin/c1v-search" ]
	assert [ -f "$to/opt/c1v/share/man/man1/c1v-search.1" ]
	assert [ -f "$to/opt/c1v/share/man/man5/c1v-record.5" ]
	assert [ -f "$to/opt/c1v/share/man/man7/c1v.7" ]
	assert [ -f "$to/opt/c1v/share/bash-completion/completions/c1v-search" ]
	assert [ -f "$to/opt/c1v/share/zsh/site-functions/_c1v-search" ]
	assert [ -f "$to/opt/c1v/share/fish/vendor_completions.d/c1v-search.fish" ]
	# It works there, with the data beside it.
	unset C1V_SHARE
	run "$to/opt/c1v/share/c1v/seed-prd" -v
	assert_success
	PATH=$to/opt/c1v/bin:/usr/bin:/bin run c1v search --mode keyword -n 1 "roll back"
	assert_success
	run make -s -C "$root" uninstall DESTDIR="$to" PREFIX=/opt/c1v
	assert_success
	run find "$to" -type f
	assert_output ''
}
