#!/bin/bash
# examples.sh PAGE…: run the commands in the EXAMPLES of manual pages, as a
# reader would type them: the lines that begin with "$ " in the formatted text,
# continued where they end in a backslash. They run one after another, each by
# `bash -eo pipefail`, in a scratch directory with some documents in docs/, which
# are in the default store already. A command must end with 0, or with N where
# it ends in the comment "# exit N"; where head(1) closes a pipe early, what stands
# before it may end by SIGPIPE. Prints a line for each; 1 if one failed.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=${C1V_BUILD:-build}
case $build in
/*) ;;
*) build=$top/$build ;;
esac
scratch=$(mktemp -d "${TMPDIR:-/tmp}/c1v-examples.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failed=0

# The lines of section EXAMPLES, without the marks of bold and underline.
section() {
	mandoc -T utf8 -O width=400 "$1" | sed -e 's/.\x08//g' |
	    awk '/^[^ ]/ {on = /^EXAMPLES/} on'
}

commands() { # one a line, continuations joined by \n as bash reads them
	section "$1" | sed -n 's/^ *//; /^\$ /,$p' | awk '
		/^\$ / || open {
			line = $0
			sub(/^\$ /, "", line)
			open = (line ~ /\\$/)
			if (open) sub(/ *\\$/, " ", line)
			printf "%s%s", line, open ? "" : "\n"
		}'
}

world() { # world DIR: what a reader of the page has before the first example
	mkdir -p "$1/work/docs" "$1/home"
	for f in feature-prd incident-review launch-plan migration-plan; do
		cp "$top/share/prd-templates/$f.md" "$1/work/docs/"
	done
	export HOME=$1/home PATH=$build/bin:$PATH C1V_SHARE=$build/share/c1v LC_ALL=C.UTF-8
	export XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share
	export XDG_CACHE_HOME=$HOME/.cache XDG_STATE_HOME=$HOME/.local/state
	cd "$1/work" || exit
	c1v-chunk docs/*.md | c1v-embed | c1v-ingest >/dev/null || echo 'FAILED to fill the store'
}

for name in $(compgen -e | grep '^C1V_'); do
	unset "$name"
done
for page; do
	page=$(realpath "$page")
	dir=$scratch/$(basename "$page")
	mapfile -t examples < <(commands "$page")
	(
		world "$dir"
		bad=0
		for e in "${examples[@]}"; do
			want=0
			[[ $e =~ \#\ exit\ ([0-9]+)$ ]] && want=${BASH_REMATCH[1]}
			output=$(bash -eo pipefail -c "$e" 2>&1 </dev/null)
			got=$?
			[[ $got = 141 && $e =~ \|\ *head ]] && got=0
			if [ "$got" = "$want" ]; then
				printf 'ok: %s\n' "$e"
			else
				printf 'FAILED with %s, not %s: %s\n%s\n' "$got" "$want" "$e" "$output"
				bad=1
			fi
		done
		exit "$bad"
	) || failed=1
	if [ "${#examples[@]}" = 0 ]; then
		echo "FAILED: $(basename "$page") has no examples"
		failed=1
	fi
done
exit "$failed"
