#!/usr/bin/env bats
# The words of the tests do what they say.

load helpers

@test "wait_until ends as soon as its command succeeds, and fails when it never does" {
	wait_until 1 true
	run -1 wait_until 0 false
	[[ $output == 'waited in vain until: false' ]]
}

@test "free_port gives no port twice" {
	given=$(for _ in 1 2 3 4 5 6 7 8; do free_port; done)

	assert_equal 'different ports' "$(sort -u <<<"$given" | wc -l)" 8
}

@test "the stand-in logs under its pid, or when the first peer connects" {
	port=$(free_port)
	given_server msg_server
	start_by_hand msg_server
	wait_until "$PATIENCE" test -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt"
	start_by_hand msg_server --log=lazy --port "$port"
	wait_until "$PATIENCE" is_listening "$port"
	[ ! -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt" ]

	call_port "$port"

	wait_until "$PATIENCE" test -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt"
}

@test "the stand-in exits with the number that it gets" {
	given_server msg_server
	start_by_hand msg_server --exit-when leave

	printf '7\n' >"$SERVERS/msg_server/new"
	mv "$SERVERS/msg_server/new" "$SERVERS/msg_server/leave" # it must not find that empty

	status=0
	wait "$BY_HAND" || status=$?
	assert_equal 'exit status' "$status" 7
	[ ! -e "$SERVERS/msg_server/leave" ]
}

@test "the stand-in holds its port after SIGTERM until its trigger exists" {
	port=$(free_port)
	given_server db_proxy_server
	start_by_hand db_proxy_server --port "$port" --term-when go
	wait_until "$PATIENCE" is_listening "$port"

	kill -TERM "$BY_HAND"
	call_port "$port"
	: >"$SERVERS/db_proxy_server/go"

	wait_until "$PATIENCE" is_gone "$BY_HAND"
}

@test "a server under a parent that never waits becomes a zombie, and a zombie is gone" {
	given_server msg_server
	start_unreaped msg_server

	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" is_zombie "$BY_HAND"
	is_gone "$BY_HAND"
}

@test "a stranger can be given the pid of a dead process" {
	given_program "$SERVERS/stranger/stranger"
	dead=$(dead_pid)

	start_as_pid "$dead" "$SERVERS/stranger" ./stranger

	assert_equal 'pid' "$BY_HAND" "$dead"
	run -1 is_gone "$dead"
}

@test "teardown ends daemons that went to / and processes without an environment, and no others" {
	given_server msg_server
	start_stranger "$SERVERS/msg_server" ./msg_server --daemonize --chdir-root --pidfile daemon.pid
	start_stranger "$SERVERS/msg_server" env -i ./msg_server --pidfile bare.pid
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/daemon.pid"
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/bare.pid"
	(cd / && exec env -u SUITE_TEST sleep 60) 3>&- &
	other=$!

	end_everything

	is_gone "$(<"$SERVERS/msg_server/daemon.pid")"
	is_gone "$(<"$SERVERS/msg_server/bare.pid")"
	kill "$other"
}

# shellcheck disable=SC2030 # each test is its own
@test "status_of reads a value out of JSON, whatever stands in it" {
	suite() {
		printf '%s\n' '[{"name": "a", "pid": 12, "message": "say \"hi\" to C:\\x, é {}]", "port": null, "uptime": 1.5}]'
	}

	assert_equal 'a number' "$(status_of a pid)" 12
	assert_equal 'text' "$(status_of a message)" 'say "hi" to C:\x, é {}]'
	assert_equal 'null' "$(status_of a port)" ''
	assert_equal 'the last' "$(status_of a uptime)" 1.5
}

# finds_fault FILE TEXT - TEXT in FILE fails a test; teardown meets it no more
finds_fault() {
	mkdir -p "${1%/*}"
	printf '%s\n' "$2" >"$1"
	run -1 assert_sound
	# shellcheck disable=SC2031 # it is run that has set it, here
	[[ $output == *"$2"* ]]
	rm "$1"
}

@test "a traceback, a fault that is kept and a helper that died unasked fail the test" {
	assert_sound

	finds_fault "$SAID" 'Traceback (most recent call last):'
	finds_fault "$STATE/restart.log" 'Traceback (most recent call last):'
	finds_fault "$BATS_TEST_TMPDIR/other/faults.log" 'watch: msg_server: KeyError'
	finds_fault "$PRINTED" 'the helper (alive.py watch, pid 7) ended; starting another'
	finds_fault "$STATE/monitor.log" 'the helper (alive.py watch, pid 7) ended; starting another'

	assert_sound
}

@test "what a test expects, and what servers print, fails no test" {
	mkdir -p "$STATE/output"
	printf 'Traceback (most recent call last):\n' | tee "$SERVERS/x.log" >"$STATE/output/x.log"
	assert_sound
	printf 'the helper (alive.py watch, pid 7) ended; starting another\n' >"$PRINTED"
	run -1 assert_sound

	expect_helper_deaths

	assert_sound
}
