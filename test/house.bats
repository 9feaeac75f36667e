#!/usr/bin/env bats
# The house: rooms that import one way, one table of messages, a map whose hops exist.

load helpers

@test "a room of pyhelpers imports only from rooms to its left, and nothing imports a program" {
	run -0 "$(python)" -E -s "$FIXTURES/rooms.py" "$ROOT/pyhelpers"

	assert_equal objections "$output" ''
}

@test "that test sees an import that runs up, one of a program, and a folder without a place" {
	cp -r "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/house"
	cd "$BATS_TEST_TMPDIR/house"
	mkdir cellar
	printf 'def f() -> None:\n    from watch import watcher\n' >base/up.py
	printf 'import control\n' >watch/program.py

	run -1 "$(python)" -E -s "$FIXTURES/rooms.py" .

	assert_equal objections "$output" 'base/up.py:2: base imports watch, which is right of it
watch/program.py:1: imports the program control
cellar: a folder that the order does not have'
}

@test "pyhelpers/README.md names every room, and every hop of its map exists" {
	run -0 "$(python)" -E -s "$FIXTURES/map.py" hops "$ROOT"

	assert_equal 'hops that are not there' "$output" ''
	for room in "$ROOT"/pyhelpers/*/; do
		room=${room%/}
		[ "${room##*/}" = __pycache__ ] || grep -q "^| ${room##*/} |" "$ROOT/pyhelpers/README.md"
	done
}

@test "events and orders are those of watch/messages.py, on both sides" {
	run -0 "$(python)" -E -s "$FIXTURES/map.py" words "$ROOT"

	assert_equal 'words of one side only' "$output" ''
}

@test "the resident process imports only what is light" {
	run -0 "$(python)" -E -s -S - "$ROOT/pyhelpers" <<-'END'
		import sys
		before = set(sys.modules)
		sys.path.insert(0, sys.argv[1])
		import watch.watcher
		heavy = "re json typing socket signal asyncio threading functools collections traceback subprocess logging ctypes"
		print(*sorted(set(heavy.split()) & (set(sys.modules) - before)))
	END

	assert_equal 'heavy modules' "$output" ''
}

@test "the resident process loads no heavy library while the simplest server starts, dies and starts again" {
	given_server a
	monitor_start a
	wait_until "$PATIENCE" state_is a RUNNING

	kill -KILL "$(pid_of a)"

	assert_logged 'restarted, pid='
	run ! grep -E '/(_ctypes|_json|_socket|_ssl|_hashlib|_datetime|_posixsubprocess|_psutil[a-z_]*)[.]' \
		"/proc/$(helper_of "$MONITOR")/maps"
}

@test "the resident process of the simplest server takes at most 2.3 MiB more memory than Python alone, in its first run too" {
	given_server a
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$BATS_TEST_TMPDIR"
	ROOT=$BATS_TEST_TMPDIR
	find "$ROOT/pyhelpers" -name '*.pyc' -delete
	monitor_start a
	wait_until "$PATIENCE" state_is a RUNNING
	helper=$(helper_of "$MONITOR")

	ours=$(own_memory <"/proc/$helper/smaps_rollup")
	alone=$("$(readlink "/proc/$helper/exe")" -E -s -S -c 'print(open("/proc/self/smaps_rollup").read())' | own_memory)

	echo "ours $ours kB, Python alone $alone kB"
	((ours - alone <= 2355))
}

# own_memory <SMAPS_ROLLUP - prints the kB of memory that the process shares with no other
own_memory() {
	sed -n 's/^Private_Dirty: *\([0-9]*\) kB$/\1/p'
}
