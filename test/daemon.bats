#!/usr/bin/env bats
# The monitor as a daemon: its guard starts it again when it crashes, and ends with it when it ends well.

load helpers
load fixtures/orders

daemon_is_restarted() {
	[ "$(guard_says restart_count)" = "$1" ]
}

teardown() {
	suite shutdown >/dev/null 2>&1 || :
	end_test
}

@test "-d comes back at once, and the server runs" {
	given_server msg_server

	suite_ends 0 -d msg_server

	assert_answered 'The monitor runs as a daemon'
	wait_until 10 state_is msg_server RUNNING
	kill -0 "$(guard_says main_id)"
	kill -0 "$(guard_says parent_id)"
}

@test "-d comes back when the monitor watches: an order that follows at once finds it" {
	given_server msg_server

	suite_ends 0 -d msg_server
	suite_ends 0 start msg_server

	run -1 grep 'nobody watches' "$SAID"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "a monitor that is killed is started again by its guard, and adopts" {
	given_server msg_server
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING
	server=$(pid_of msg_server)

	kill -KILL "$(guard_says main_id)"

	wait_until 15 daemon_is_restarted 1
	wait_until 10 running_as msg_server "$server"
	wait_until 10 grep -q "adopted, pid=$server" "$STATE/restart.log"
}

@test "shutdown ends monitor and guard; servers live on" {
	given_server msg_server
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING
	server=$(pid_of msg_server) guard=$(guard_says parent_id)

	suite_ends 0 shutdown

	wait_until 5 is_gone "$guard"
	kill -0 "$server"
}

@test "TERM to the guard ends both; servers live on" {
	given_server msg_server
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING
	server=$(pid_of msg_server) guard=$(guard_says parent_id) monitor=$(guard_says main_id)

	kill -TERM "$guard"

	wait_until 5 is_gone "$guard"
	wait_until 5 is_gone "$monitor"
	kill -0 "$server"
}

@test "a second daemon for the same server names the monitor that watches it, and ends" {
	given_server msg_server
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING

	suite_ends 1 -d msg_server

	assert_answered 'watches it already; end that one first'
}

@test "status --guard: who guards whom, for people and programs; and that the guard, or both, are gone" {
	given_server msg_server
	suite_ends 3 status --guard
	assert_answered 'no guard: the monitor was not started with -d'
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING
	guard=$(guard_says parent_id) monitor=$(guard_says main_id)

	suite_ends 0 status --guard
	assert_equal 'text' "$(head -n 1 "$SAID")" "$(<"$STATE/guard")"
	suite_ends 0 status --guard --json
	assert_equal 'JSON' "$("$(python)" -I -S -c '
import json, sys, time
info = json.load(sys.stdin)
print(*list(info), info["parent_id"], info["main_id"], info["restart_count"], abs(info["main_start_time"] - time.time()) < 60)
' <"$SAID")" "parent_id main_id parent_start_time main_start_time restart_count lag $guard $monitor 0 True"

	kill -KILL "$guard"
	wait_until 5 is_gone "$guard"
	suite_ends 1 status --guard
	assert_answered 'the guard is dead: the monitor goes on without one'
	suite_ends 0 status
	suite_ends 0 shutdown
	suite_ends 1 status --guard
	assert_answered 'guard and monitor are dead'
}

@test "status --guard: a file that no guard has written is not believed" {
	given_server msg_server
	mkdir -m 700 "$STATE"
	printf '%s\n' '[ProcessInfo parent_id=1 main_id=1]' >"$STATE/guard"

	suite_ends 4 status --guard

	assert_answered 'not the file of a guard; remove it'
}

@test "-d itself reports an error in conf; nothing is started" {
	given_server msg_server 'restrat = never'

	suite_ends 6 -d msg_server

	assert_answered 'did you mean restart?'
	[ ! -e "$STATE/guard" ]
}

@test "a server inherits nothing of the guard" {
	given_server msg_server
	suite_ends 0 -d msg_server
	wait_until 10 state_is msg_server RUNNING

	run -1 grep -z -e '^GUARD_' -e '^MONITOR_GUARDED' "/proc/$(pid_of msg_server)/environ"
}
