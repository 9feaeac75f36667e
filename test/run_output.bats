#!/usr/bin/env bats
# run prints what servers print: whole lines, each behind its name, none lost, and no server ever waits for a reader.

# shellcheck disable=SC2030,SC2031 # each test sets its own variables

load helpers
load fixtures/contained
load fixtures/talkers

# printed_whole FILE LINES NAME... - FILE has all lines of fixtures/talk.c, of one writer a NAME, each whole and in order
printed_whole() {
	"$(python)" -I - "$@" <<-'END'
		import re, sys
		file, lines, *names = sys.argv[1:]
		last, wrong = dict.fromkeys(names, -1), []
		for raw in open(file, errors="replace", newline="\n"):
		    found = re.fullmatch(r"(\w+) \| 0 (\d+) (x+)\n", raw)
		    if not found:
		        if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - Server \w+ [^|]*$", raw):
		            wrong.append(f"torn: {raw!r:.100}")
		        continue
		    name, number, text = found[1], int(found[2]), found[3]
		    if number != last[name] + 1 or len(text) != 20 + number * 7 % 100:
		        wrong.append(f"{name}: {number} after {last[name]}, with {len(text)}")
		    last[name] = number
		wrong += [f"{name}: the last is {number}" for name, number in last.items() if number != int(lines) - 1]
		print("\n".join(wrong[:10]))
		sys.exit(bool(wrong))
	END
}

# have_talked NAME... - are the writers of all of them through?
have_talked() {
	local name
	for name; do
		has_talked "$name" 1 || return
	done
}

@test "run: 1 MB a second from 5 servers is printed in whole lines, none lost, none torn" {
	for name in s1 s2 s3 s4 s5; do
		given_talker "$name" 1 6000 300
	done
	run_start all
	wait_until "$PATIENCE" have_talked s1 s2 s3 s4 s5

	init_stop

	assert_equal 'status' "$INIT_STATUS" 0
	[ "$(stat -c %s "$OUT")" -gt 2000000 ]
	printed_whole "$OUT" 6000 s1 s2 s3 s4 s5
}

@test "run: the same while the logs are turned over" {
	for name in s1 s2; do
		given_talker "$name" 1 12000 100 'output_max = 256K' 'output_keep = 20'
	done
	run_start all
	wait_until "$PATIENCE" have_talked s1 s2

	init_stop

	printed_whole "$OUT" 12000 s1 s2
	compgen -G "$STATE/output/s1.log.*" >/dev/null
}

@test "run --plain: the same lines without the name" {
	given_steady a
	run_start --plain a
	assert_printed 'a begins'

	init_stop

	assert_printed 'a ends'
	run ! grep -F ' | ' "$OUT"
}

@test "run: a line that has no end yet waits for it; what has none is printed at the end" {
	given_script a 'printf "a half"' ': >half' 'until [ -e go ]; do sleep 0.1; done' 'echo " and a half"' \
		'printf "no end"' ': >no-end' 'while :; do sleep 0.1; done'
	given_steady b
	run_start all
	wait_until "$PATIENCE" test -e "$SERVERS/a/half"
	assert_printed 'b | b begins'
	wait_until "$PATIENCE" state_is b RUNNING
	run ! grep -F 'a half' "$OUT"

	: >"$SERVERS/a/go"

	assert_printed 'a | a half and a half'
	wait_until "$PATIENCE" test -e "$SERVERS/a/no-end"
	init_stop
	assert_printed 'a | no end'
}

@test "run: what a server printed before, and what another monitor's server prints, is not printed" {
	given_steady a
	given_steady other
	monitor_start a other
	wait_until "$PATIENCE" state_is a RUNNING
	wait_until "$PATIENCE" state_is other RUNNING
	suite_ends 0 stop a
	monitor_stop
	monitor_start other
	wait_until "$PATIENCE" state_is other RUNNING
	suite_ends 0 start a
	suite_ends 0 stop a
	suite_ends 0 start other
	run_start a
	assert_said 'a: an operator stopped it'

	suite_ends 0 start a
	wait_until "$PATIENCE" state_is a RUNNING
	suite_ends 0 restart other
	assert_printed 'a | a begins'
	init_stop

	assert_equal 'beginnings of a' "$(grep -c '^a | a begins$' "$OUT")" 1
	run ! grep -F 'other' "$OUT"
	state_is other RUNNING
}

@test "run: a reader that stands still holds up neither a server nor the end" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe"
	given_talker s1 1 20000
	given_steady a
	OUT=$BATS_TEST_TMPDIR/pipe
	run_start --grace 5s all

	wait_until "$PATIENCE" have_talked s1
	wait_until "$PATIENCE" state_is a RUNNING
	kill -KILL "$(pid_of a)"
	assert_logged 'Server a restarted'
	init_stop
	exec 7>&-

	assert_equal 'status' "$INIT_STATUS" 0
	grep -q '^s1: stopped (pid' "$PRINTED"
	grep -q '^a: stopped (pid' "$PRINTED"
}

@test "run: the printer is killed: another one goes on" {
	given_script a 'echo begins' 'until [ -e go ]; do sleep 0.1; done' 'echo goes on' 'while :; do sleep 0.1; done'
	run_start a
	assert_printed 'a | begins'
	for pid in $(<"/proc/$INIT/task/$INIT/children"); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF run_print.py || kill -KILL "$pid"
	done
	assert_said 'run: what prints the lines of servers ended (signal KILL); lines may be missing here'

	: >"$SERVERS/a/go"

	assert_printed 'a | goes on'
	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
}

# assert_said TEXT
assert_said() {
	wait_until "$PATIENCE" grep -qF -- "$1" "$PRINTED"
}

@test "run: output takes at most half of a small file system, and all of it is printed" {
	given_disk "$STATE" 4m
	for name in s1 s2; do
		given_talker "$name" 1 25000 100
	done
	run_start all
	wait_until "$PATIENCE" have_talked s1 s2

	[ "$(df --output=pcent "$STATE" | tr -dc 0-9)" -lt 75 ]
	init_stop
	grep -F "$STATE: its file system has 4.0M; the output of a server is kept up to 512K, and 512K before that" "$PRINTED"
	assert_equal 'status' "$INIT_STATUS" 0
	grep -q '^s1 | 0 24999 ' "$OUT"
	grep -q '^s2 | 0 24999 ' "$OUT"
}
