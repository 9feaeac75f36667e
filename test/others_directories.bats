#!/usr/bin/env bats
# What runs in the directory of another server of conf is that server's, watched or not, whatever source names it, and
# also for orders without a monitor.

load helpers
load fixtures/orders

# given_shared_program [LINE...] - conf has a, with LINEs, and b, which runs the program of a in its own directory; no
# monitor watches b; $BY_HAND is the pid of b
given_shared_program() {
	given_server a "command = $SERVERS/a/a --log=none" "$@"
	given_server b "command = $SERVERS/a/a --log=none" 'match = a'
	start_stranger "$SERVERS/b" "$SERVERS/a/a" --log=none
}

# assert_not_taken - a monitor of a has started another process, and ends only that
assert_not_taken() {
	monitor_start a
	runs a
	[ "$RUNS" != "$BY_HAND" ]
	suite_ends 0 stop a
	is_gone "$RUNS"
	run ! is_gone "$BY_HAND"
}

@test "the process table" {
	given_shared_program

	assert_not_taken
}

@test "a pidfile" {
	given_shared_program 'pid_from = pidfile a.pid'
	printf '%s\n' "$BY_HAND" >"$SERVERS/a/a.pid"

	assert_not_taken

	assert_said "a.pid names pid $BY_HAND, which (a) runs in $SERVERS/b; ignored"
}

@test "the name of a log" {
	given_shared_program 'pid_from = log log*_1.txt 2'
	: >"$SERVERS/a/log_${BY_HAND}_1.txt"

	assert_not_taken
}

@test "the holder of its port" {
	port=$(free_port)
	given_server a "command = $SERVERS/a/a --log=none --port $port" "port = $port" 'backoff = 1h 1h'
	given_server b "command = $SERVERS/a/a --log=none --port $port" 'match = a'
	start_stranger "$SERVERS/b" "$SERVERS/a/a" --log=none --port "$port"
	wait_until "$PATIENCE" is_listening "$port"

	monitor_start a

	assert_logged "Server a not started, next try in 3600s (port $port is held by pid $BY_HAND (a)"
}

@test "a program in the directory of another server, by a process that went to the root directory" {
	given_shared_program
	mkdir -p "$SERVERS/c"
	cp "$(command -v sleep)" "$SERVERS/b/c"
	cp "$(command -v sleep)" "$SERVERS/c/c"
	given_conf c "dir = $SERVERS/c" 'command = ./c 1000'
	# shellcheck disable=SC2016 # it is bash that expands this
	start_stranger / bash -c 'exec -a ./c "$0" 1000' "$SERVERS/b/c"

	monitor_start c
	runs c

	[ "$RUNS" != "$BY_HAND" ]
}

@test "without a monitor: status, stop and start" {
	given_shared_program

	suite_ends 3 status a
	suite_ends 0 stop a
	assert_answered 'a: stopped'
	run ! is_gone "$BY_HAND"
	suite_ends 0 start a
	runs_unwatched a
	[ "$RUNS" != "$BY_HAND" ]
	suite_ends 0 stop a
	run ! is_gone "$BY_HAND"
	suite_ends 0 status b
	grep -qE "^b +RUNNING +$BY_HAND " "$SAID"
}

@test "without a monitor, while a file of conf has a fault" {
	given_shared_program
	given_server c 'restrat = never'

	suite_ends 4 status a c
	grep -qE '^a +STOPPED ' "$SAID" || assert_answered 'a STOPPED'
	run ! is_gone "$BY_HAND"
}
