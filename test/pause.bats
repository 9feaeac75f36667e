#!/usr/bin/env bats
# A paused server is left alone, dead or alive, until it is resumed; clear forgets what has failed.

load helpers
load fixtures/orders

@test "pause: a server is left alone, also when it dies; resume starts it again" {
	given_running msg_server route_server
	runs msg_server

	suite_ends 0 pause msg_server
	assert_answered 'msg_server: paused'
	state_is msg_server PAUSED
	assert_equal 'pid' "$(pid_of msg_server)" "$RUNS"
	kill -KILL "$RUNS"
	assert_left_alone route_server
	state_is msg_server PAUSED
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0

	suite_ends 0 resume msg_server
	assert_answered "msg_server: running, pid $(pid_of msg_server)"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "pause and resume of a server that goes on: the same process" {
	given_running msg_server
	runs msg_server

	suite_ends 0 pause msg_server
	suite_ends 0 resume msg_server

	running_as msg_server "$RUNS"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
}

@test "pause survives restarts of the monitor" {
	given_running msg_server route_server
	runs msg_server
	suite_ends 0 pause msg_server

	monitor_crash
	kill -KILL "$RUNS"
	monitor_start msg_server route_server

	wait_until "$PATIENCE" state_is route_server RUNNING
	assert_left_alone route_server
	state_is msg_server PAUSED
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "pause during STARTING, then resume: never a second copy" {
	given_server msg_server 'start_seconds = 3s'
	monitor_start msg_server
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	state_is msg_server STARTING

	suite_ends 0 pause msg_server
	suite_ends 0 resume msg_server

	assert_equal 'starts' "$(starts_of msg_server)" 1
	running_as msg_server "$(<"$SERVERS/msg_server/starts")"
}

@test "stop of a paused server ends it" {
	given_running msg_server
	runs msg_server
	suite_ends 0 pause msg_server

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	state_is msg_server STOPPED
}

@test "clear: a FATAL server is tried again, its failures forgotten" {
	given_server msg_server 'command = ./msg_server --exit-when bad' 'give_up = 1 in 60s' 'backoff = 60s 60s'
	printf '1' >"$SERVERS/msg_server/bad"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server FATAL

	suite_ends 0 clear msg_server

	assert_answered 'msg_server: past failures are forgotten'
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

@test "clear of a healthy or a stopped server changes nothing else" {
	given_running msg_server
	runs msg_server

	suite_ends 0 clear msg_server
	running_as msg_server "$RUNS"
	suite_ends 0 stop msg_server
	suite_ends 0 clear msg_server

	state_is msg_server STOPPED
}

@test "pause all and resume all leave stopped what was stopped" {
	given_running msg_server route_server
	suite_ends 0 stop msg_server

	suite_ends 0 pause all
	assert_answered 'msg_server: is stopped; there is nothing to pause'
	assert_answered 'route_server: paused'
	suite_ends 0 resume all

	assert_answered 'msg_server: is not paused'
	running_as route_server "$RUNS"
	assert_left_alone route_server
	state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "pause while a stop is under way, then resume: it runs again" {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
	operator restart msg_server
	operator_says 'state STOPPING'

	operator resume msg_server
	operator_says 'is not paused'
	operator pause msg_server
	operator_says 'paused'
	: >"$SERVERS/msg_server/go"
	wait_until "$PATIENCE" is_gone "$RUNS"
	wait_until "$PATIENCE" state_is msg_server PAUSED
	suite_ends 0 resume msg_server

	pid_differs msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}
