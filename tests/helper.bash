# What every suite begins with (`load helper`): the tools that were built, and
# a world of its own for each test, so that nothing of the user is read or
# written.
#
#     C1V_BUILD   the directory of the build that is tested (build)
#     store       a store of this test's own; C1V_STORE names it
#     root, build the checkout, and the directory of the build in full

bats_require_minimum_version 1.5.0

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${C1V_BUILD:=build} in
/*) build=$C1V_BUILD ;;
*) build=$root/$C1V_BUILD ;;
esac
bats_load_library bats-support
bats_load_library bats-assert

# Called by bats before each test; a suite with a setup() of its own calls
# c1v_setup first.
setup() {
	c1v_setup
}

c1v_setup() {
	local name

	for name in $(compgen -e | grep -E '^(C1V_|XDG_|OPENAI_|NO_COLOR$|COLUMNS$)' |
	    grep -vE '^C1V_(BUILD|TEST_)'); do
		unset "$name"
	done
	PATH=$build/bin:$PATH
	export PATH
	export LC_ALL=C.UTF-8 TZ=UTC TERM=dumb
	export HOME=$BATS_TEST_TMPDIR/home
	export XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share
	export XDG_CACHE_HOME=$HOME/.cache XDG_STATE_HOME=$HOME/.local/state
	export C1V_SHARE=$build/share/c1v
	store=$BATS_TEST_TMPDIR/store.db
	export C1V_STORE=sqlite:$store
	mkdir -p "$HOME" "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return
}

# Every tool of this build, a line each.
c1v_built_tools() {
	local f

	for f in "$build"/bin/c1v*; do
		basename "$f"
	done
}

# skip, where the suite needs a command that is not here. With
# C1V_TEST_STRICT=1 the runner counts that as a failure.
need() {
	local c

	for c; do
		command -v "$c" >/dev/null || skip "$c is not installed"
	done
}
