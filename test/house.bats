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
