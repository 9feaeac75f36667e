#!/usr/bin/env bats
# An error in conf is reported, and takes nothing out of reach: for what a monitor watches, orders and status use the conf that
# the monitor has read; for the others, their own.

load helpers
load fixtures/orders

# given_fault NAME - conf/servers/NAME.conf has a line that cannot be, from now on
given_fault() {
	printf 'flavour = sweet\n' >>"$CONF/servers/$1.conf"
}

@test "status and orders work for a watched server, and report the error each time" {
	given_running msg_server
	given_fault msg_server

	for word in status pause resume 'signal HUP' clear restart stop start; do
		# shellcheck disable=SC2086 # two words
		suite_ends 0 $word msg_server
		assert_answered 'msg_server.conf:2: unknown key "flavour"; take it out'
	done
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

@test "all, and a glob, are still all that is watched" {
	given_running msg_server route_server
	given_fault msg_server

	suite_ends 0 status
	assert_answered 'msg_server    RUNNING'
	assert_answered 'route_server  RUNNING'
	suite_ends 0 stop '*_server'

	assert_answered 'msg_server: stopped'
	assert_answered 'route_server: stopped'
	suite_ends 0 start all
	state_is msg_server RUNNING
	state_is route_server RUNNING
}

@test "the good conf counts: what the faulty file changed is not believed" {
	given_running msg_server
	given_conf msg_server 'dir = /' 'command = /bin/false' 'flavour = sweet'

	suite_ends 0 restart msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_equal 'directory' "$(readlink "/proc/$(pid_of msg_server)/cwd")" "$SERVERS/msg_server"
}

@test "status of all shows the others, and ends with 4 for the one that has no conf any more" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server
	runs msg_server
	given_fault route_server

	suite_ends 4 status

	assert_answered 'route_server.conf:2: unknown key "flavour"'
	assert_answered 'msg_server  RUNNING'
}

@test "an order for all is not given to a part of them" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server
	runs msg_server
	given_fault route_server

	suite_ends 6 stop all
	suite_ends 6 stop '*_server'
	suite_ends 6 stop route_server
	suite_ends 6 stop msg_server nosuch

	running_as msg_server "$RUNS"
	suite_ends 0 stop msg_server
}

@test "a fault in monitor.conf: what is watched stays in reach" {
	given_server route_server
	given_running msg_server
	given_fault ../monitor

	suite_ends 0 stop msg_server
	assert_answered 'monitor.conf:4: unknown key "flavour"'
	suite_ends 6 start route_server
	suite_ends 4 status
	assert_answered 'msg_server  STOPPED'
}

@test "nothing is watched, and monitor.conf is not in order: 6" {
	given_server msg_server
	given_fault ../monitor

	suite_ends 6 status
	suite_ends 6 start msg_server
}

@test "a file that is gone: its server can be stopped" {
	given_running msg_server
	rm "$CONF/servers/msg_server.conf"

	suite_ends 0 status msg_server
	suite_ends 0 stop msg_server

	assert_answered 'msg_server: stopped'
	is_gone "$RUNS"
}

@test "update of a conf that is not in order still changes nothing" {
	given_running msg_server
	given_fault msg_server

	suite_ends 6 update

	running_as msg_server "$RUNS"
}
