#!/usr/bin/env bats
# Monitors follow each other, and never two at once watch one server (field cases 8-10).

load helpers
load fixtures/orders

@test "monitor killed between moving the logs and starting: the next monitor finishes it" {
	given_server msg_server
	gate=$BATS_TEST_TMPDIR/gate
	LD_PRELOAD=$(fixture gate.so) GATE=$gate GATE_PROGRAM=msg_server monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	: >"$gate"
	kill -KILL "$old"
	wait_until "$PATIENCE" test -s "$gate.reached"
	assert_moved "log_${old}_1.txt"

	monitor_crash
	kill -KILL "$(<"$gate.reached")" || : # where it was not the helper itself that waited
	rm "$gate"
	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_logged "Server msg_server stopped, pid=$old, restarting..."
	assert_alerted death msg_server ''
	assert_left_alone msg_server
	assert_equal 'lines about its end' "$(logged_times 'Server msg_server stopped')" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "two monitors for one server: the second says so and leaves" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	suite_ends 1 msg_server

	grep -q "msg_server.*pid $MONITOR" "$SAID"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "two monitors for one server: never two restarts" {
	given_server msg_server
	monitor_start msg_server
	first=$MONITOR
	monitor_start msg_server
	wait_until "$PATIENCE" one_is_gone "$first" "$MONITOR"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

@test "two that make the directory of a server at the same moment both have it" {
	run -0 "$(python)" -BEs -c '
import os, sys
sys.path.insert(0, sys.argv[1])
from state import access

ours = os.makedirs
def after_the_other(path, *words, **named):
    ours(path)
    ours(path, *words, **named)
os.makedirs = after_the_other
access.make(sys.argv[2])
' "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/new/servers/msg_server"

	[ -d "$BATS_TEST_TMPDIR/new/servers/msg_server" ]
}

@test "two monitors that begin at once for the same servers, in other orders: one stays" {
	names=()
	for number in {10..39}; do
		names+=("server$number")
		backwards="server$number ${backwards:-}"
		given_server "server$number"
	done

	monitor_start "${names[@]}"
	first=$MONITOR
	# shellcheck disable=SC2086 # a list of names
	monitor_start $backwards

	wait_until "$PATIENCE" one_is_gone "$first" "$MONITOR"
	for name in "${names[@]}"; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
		assert_equal "starts of $name" "$(starts_of "$name")" 1
	done
	run -1 both_are_gone "$first" "$MONITOR"
}

@test "two monitors for different servers share a state directory" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	monitor_start route_server

	wait_until "$PATIENCE" state_is route_server RUNNING
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

@test "lock inherited by the server: close-on-exec everywhere" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	run -0 find "/proc/$(pid_of msg_server)/fd" -type l -printf '%l '

	assert_equal 'its descriptors' "$output" "/dev/null $STATE/output/msg_server.log $STATE/output/msg_server.log $SERVERS/msg_server "
}

@test "many servers: no descriptor for each lock; they hold, also for those that are new, and end with the monitor" {
	expect_helper_deaths
	given_sleepers 70
	monitor_start all
	wait_until "$PATIENCE" is_watched
	helper=$(helper_of "$MONITOR")

	assert_equal 'descriptors of locks' "$(locks_open "$helper")" 0
	suite_ends 1 s070
	grep -qF "s070: the monitor with pid $MONITOR watches it already" "$SAID"
	given_sleepers_too 140
	suite_ends 0 update
	assert_equal 'descriptors of locks after an update' "$(locks_open "$(helper_of "$MONITOR")")" 0
	suite_ends 1 s140
	kill -KILL "$helper"
	wait_until "$PATIENCE" has_other_helper "$helper"
	wait_until "$PATIENCE" is_watched
	suite_ends 1 s001
	monitor_crash

	monitor_start s001 s140
	wait_until "$PATIENCE" is_watched
	wait_until "$PATIENCE" state_is s140 RUNNING
}

# given_sleepers_too COUNT - so many sleepers, with those that are there
given_sleepers_too() {
	local name
	for name in $(seq -f 's%03g' 71 "$1"); do
		mkdir "$SERVERS/$name"
		given_conf "$name" "dir = $SERVERS/$name" "command = $SERVERS/sleeper 1000"
	done
}

has_other_helper() {
	local HELPER
	has_helper && [ "$HELPER" != "$1" ]
}

# locks_open PID - prints how many locks of servers that process has open
locks_open() {
	find "/proc/$1/fd" -type l -printf '%l\n' | grep -c '/lock$' || :
}

@test "lock inherited by the server: one that outlives its monitor blocks nothing" {
	given_server msg_server 'command = ./msg_server --daemonize --chdir-root --pidfile server.pid' \
		'pid_from = own, pidfile server.pid'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	monitor_crash

	monitor_start msg_server

	assert_adopted msg_server "$old"
}

one_is_gone() {
	is_gone "$1" || is_gone "$2"
}

both_are_gone() {
	is_gone "$1" && is_gone "$2"
}

@test "monitor killed over a start that was ordered after a stop: the next one starts it, and tells no death" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	suite_ends 0 stop msg_server
	monitor_crash
	rm "$STATE/servers/msg_server/want"
	# as it is written just before the launch: the process in it is the one that was stopped
	record=$(sed 's/^state .*/state STARTING\nstarting yes/' "$STATE/servers/msg_server/record")
	printf '%s\n' "$record" >"$STATE/servers/msg_server/record"

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_logged "Server msg_server started, pid=$(pid_of msg_server)"
	assert_equal 'starts' "$(starts_of msg_server)" 2
	run ! grep '"event":"death"' "$STATE/history.jsonl"
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}
