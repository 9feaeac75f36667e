#!/usr/bin/env bats
# The demo shows the main job on stand-in servers, ends by itself with 0 if all of it happened, and leaves nothing behind.

load helpers

# demo_in SHELL [MONITOR] - run the demo of monitor.sh MONITOR with SHELL under it and under its monitor; what it prints
# is in $SAID, its exit status in $status
demo_in() {
	given_shell "$1"
	status=0
	TMPDIR=$SCRATCH PATH=$BATS_TEST_TMPDIR/bin:$PATH timeout 30 \
		"${SHELL_WORDS[@]}" "${2:-$ROOT/monitor.sh}" demo </dev/null >"$SAID" 2>&1 3>&- || status=$?
}

# given_shell SHELL - the demo is to run in it; its monitor too, which `sh` runs
given_shell() {
	require "${1%% *}"
	read -ra SHELL_WORDS <<<"$1"
	SCRATCH=${SCRATCH:-$BATS_TEST_TMPDIR/tmp}
	mkdir -p "$SCRATCH" "$BATS_TEST_TMPDIR/bin"
	ln -sf "$(command -v "${SHELL_WORDS[0]}")" "$BATS_TEST_TMPDIR/bin/sh"
}

# demo_begin SHELL - the demo in the background, leader of a process group as in a terminal; $DEMO is its pid
demo_begin() {
	given_shell "$1"
	TMPDIR=$SCRATCH PATH=$BATS_TEST_TMPDIR/bin:$PATH env --default-signal=INT setsid \
		"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" demo </dev/null >"$SAID" 2>&1 3>&- 4>&- &
	DEMO=$!
	MONITORS+=("$DEMO")
}

# demo_ends_with STATUS - the last demo ends, with that exit status
demo_ends_with() {
	wait_until "$PATIENCE" is_gone "$DEMO"
	status=0
	wait "$DEMO" || status=$?
	assert_equal 'exit status' "$status" "$1"
}

assert_nothing_left() {
	assert_equal 'left in TMPDIR' "$(ls -A "$SCRATCH")" ''
	assert_equal 'processes left' "$(env -u MONITOR_DEMO grep -lzs "^MONITOR_DEMO=$SCRATCH/" /proc/[0-9]*/environ)" ''
}

# assert_shown PATTERN... - a line of what the demo printed fits each
assert_shown() {
	local pattern
	for pattern; do
		grep -qE -- "$pattern" "$SAID" || {
			printf 'not shown: %s\n' "$pattern" >&2
			cat "$SAID" >&2
			return 1
		}
	done
}

# shows_all - what the demo has to show of a death
shows_all() {
	assert_equal 'exit status' "$status" 0
	assert_equal 'servers that run, before and after' "$(grep -cE '^ +[a-z_@0-9]+ +RUNNING +[0-9]+ ' "$SAID")" 8
	assert_shown 'msg_server, pid [0-9]+, got SIGSEGV at [0-9-]+T[0-9:.+-]+:$' \
		'^ +[0-9]+ ms later the monitor knew' '^ +[0-9]+ ms later it ran again, pid [0-9]+$' \
		'msg_server/oldlog/log_[0-9]+_1\.txt' \
		' - Server msg_server stopped, pid=[0-9]+, restarting\.\.\. \(signal SEGV, up [0-9]+s\)$' \
		' - Server msg_server restarted, pid=[0-9]+ \([0-9]+ ms\)$' \
		'"event":"death","server":"msg_server","pid":[0-9]+,"cause":"signal SEGV"' \
		'^ +death msg_server .* died \(signal SEGV, up [0-9]+s\), restarted in [0-9]+ ms(; last output: .*)?$' \
		'msg_server +RUNNING +[0-9]+ +[0-9a-z]+ +1 +[0-9.]+% +[0-9.]+[KM]  -$'
}

@test "the demo shows a death and all that follows, and leaves nothing behind" {
	demo_in "${TEST_SHELL:-dash}"

	shows_all
	assert_nothing_left
}

@test "the demo works in every shell" {
	for shell in bash 'busybox ash' mksh yash; do
		command -v "${shell%% *}" >/dev/null || continue

		demo_in "$shell"

		shows_all
		assert_nothing_left
	done
}

@test "the demo ends by itself in under 15 s" {
	demo_begin dash

	wait_until 15 is_gone "$DEMO"

	demo_ends_with 0
}

@test "Ctrl-C, at whatever moment, ends the demo with 130 and all that it started" {
	for shell in dash bash; do
		for moment in 'Four stand-in' 'The monitor found'; do
			demo_begin "$shell"
			wait_until "$PATIENCE" grep -q "$moment" "$SAID"

			kill -INT -- "-$DEMO"

			demo_ends_with 130
			assert_nothing_left
			assert_equal 'complaints' "$(grep -E 'Traceback|demo:' "$SAID" || :)" ''
		done
	done
}

@test "TERM, HUP and a reader that leaves end the demo and all that it started" {
	for signal in TERM:143 HUP:129 PIPE:141; do
		demo_begin dash
		wait_until "$PATIENCE" grep -q 'The monitor found' "$SAID"

		kill -s "${signal%:*}" "$DEMO"

		demo_ends_with "${signal#*:}"
		assert_nothing_left
	done
}

# given_copy - the suite stands in a directory with blanks, quotes and UTF-8 in its name; $COPY is its monitor.sh
given_copy() {
	local place="$BATS_TEST_TMPDIR/it's \"a\" süite 监控"
	mkdir "$place"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$place"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$place/.venv"
	COPY=$place/monitor.sh
}

@test "a suite and a TMPDIR with blanks, quotes and UTF-8 in their names will do" {
	export LC_ALL=C.UTF-8
	given_copy
	SCRATCH="$BATS_TEST_TMPDIR/t'mp für 演示"

	demo_in dash "$COPY"

	shows_all
	assert_nothing_left
}

@test "a TMPDIR where nothing can be executed will do" {
	SCRATCH=$BATS_TEST_TMPDIR/noexec
	given_disk "$SCRATCH" 8m
	mount -o remount,noexec "$SCRATCH"

	demo_in dash

	shows_all
	assert_nothing_left
}

@test "a demo whose log was not moved says so and fails" {
	given_copy
	printf '\n\ndef move_logs(*_: object, **__: object) -> tuple[int, list[str]]:\n    return 0, []\n' >>"${COPY%/*}/pyhelpers/spawn/rotate.py"

	demo_in dash "$COPY"

	assert_equal 'exit status' "$status" 1
	assert_shown 'demo: msg_server/oldlog/log_[0-9]+_1.txt is not there'
	assert_nothing_left
}

@test "a demo whose monitor dies says so, with the monitor's words, and fails at once" {
	given_copy
	printf '\nraise SystemExit("broken on purpose")\n' >>"${COPY%/*}/pyhelpers/watch/resident.py"

	demo_in dash "$COPY"

	assert_equal 'exit status' "$status" 1
	assert_shown 'demo: not all servers run, and its monitor has ended' 'broken on purpose'
	assert_nothing_left
}

@test "no scratch directory: 4, and what to do" {
	SCRATCH=$BATS_TEST_TMPDIR/tmp
	given_shell dash

	TMPDIR=/nowhere run -4 "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" demo

	assert_equal 'message' "$output" \
		'monitor.sh: demo: no scratch directory in /nowhere; set TMPDIR to a place that you may write'
}

@test "a word behind demo is usage" {
	suite_ends 2 demo again

	grep -q 'demo takes nothing behind it' "$SAID"
}
