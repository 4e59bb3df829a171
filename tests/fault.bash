# What the suites that inject faults share (`load fault`, after `load helper`):
# records, a place in memory, and the question whether a store is sound.

# records COUNT [TEXT [COLLECTION-WIDE PREFIX]]: documents of one or two chunks.
records() {
	local i

	for ((i = 0; i < $1; i++)); do
		if ((i % 3)); then
			printf '{"id":"%sd%d","content":"document %d %s","source":"s%d","metadata":{"n":%d}}\n' \
			    "${3-}" "$i" "$i" "${2-first}" "$i" "$i"
		else
			printf '{"doc":"%sd%d","id":"%sd%d#%d","content":"part %d of %d %s","chunk":{"index":%d,"of":2},"model":"m","dims":3,"embedding":[%d,1,0.5]}\n' \
			    "${3-}" "$i" "${3-}" "$i" 0 0 "$i" "${2-first}" 0 "$i" \
			    "${3-}" "$i" "${3-}" "$i" 1 1 "$i" "${2-first}" 1 "$i"
		fi
	done
}

# quiet strace: as it is where it may trace
traced() {
	strace -qq -f -o /dev/null "$@"
}

can_trace() {
	need strace
	strace -qq -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

# Work where nothing waits for a disk: a process that dies, or has no memory,
# takes nothing from what was written.
in_memory() {
	[ -w /dev/shm ] || return 0
	memory=$(mktemp -d /dev/shm/c1v-test.XXXXXX)
	cd "$memory" || return
	store=$memory/store.db
	C1V_STORE=sqlite:$store
}

sound() {
	run -0 c1v-store verify
	assert_output --partial '"findings":0'
}

teardown() {
	cd / || return
	if [ "${memory-}" ]; then rm -rf "$memory"; fi
	if [ "${small-}" ] && grep -qF " $small " /proc/mounts; then
		if [ "$(id -u)" = 0 ]; then umount -l "$small"; else sudo -n umount -l "$small"; fi
	fi
}
