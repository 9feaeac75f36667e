#!/usr/bin/env bats
# A server, or one that it left behind, outlives all signals of `stop`: the order fails and names it, the state is what is
# so, nothing is started beside it, and it is followed to its end.

load helpers
load fixtures/orders

# given_defiant - msg_server does nothing at TERM until the file `go` is there, and `stop` knows no KILL; $RUNS
given_defiant() {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM'
	monitor_start msg_server
	runs msg_server
}

# given_defiant_child - server parent ends at TERM, its child does not; $RUNS and $CHILD
given_defiant_child() {
	given_parent_program
	monitor_start parent
	runs parent
	wait_until "$PATIENCE" test -s "$SERVERS/parent/child"
	CHILD=$(<"$SERVERS/parent/child")
}

given_parent_program() {
	mkdir "$SERVERS/parent"
	printf '%s\n' '#!/bin/sh' "(trap '' TERM; exec sleep 1000.75) &" 'echo $! >child' 'while :; do sleep 0.1; done' \
		>"$SERVERS/parent/parent"
	chmod 700 "$SERVERS/parent/parent"
	given_conf parent "dir = $SERVERS/parent" 'stop = TERM'
}

could_not_end() {
	printf 'pid %s could not be ended: stuck in the kernel, or not ours to signal\n' "$1"
}

@test "stop of a server that outlives it: failed, its pid named, and it is STOPPING until it ends" {
	given_defiant

	suite_ends 1 stop msg_server

	assert_answered "msg_server: $(could_not_end "$RUNS")"
	assert_said "msg_server: $(could_not_end "$RUNS")"
	state_is msg_server STOPPING
	message_says msg_server "$(could_not_end "$RUNS")"
	assert_equal 'pid' "$(pid_of msg_server)" "$RUNS"
	suite_ends 1 msg_server
	assert_answered "the monitor with pid $MONITOR watches it already"
	wait_until "$PATIENCE" is_up_for msg_server 6
	state_is msg_server STOPPING

	kill -KILL "$RUNS"
	wait_until "$PATIENCE" state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'ends by order' "$(logged_times 'stopped by order')" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

@test "stop again: tried again, until it ends" {
	given_defiant
	suite_ends 1 stop msg_server

	suite_ends 1 stop msg_server
	assert_answered "msg_server: $(could_not_end "$RUNS")"
	: >"$SERVERS/msg_server/go"
	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	state_is msg_server STOPPED
}

@test "start after a stop that failed: it is watched again, as the same process" {
	given_defiant
	suite_ends 1 stop msg_server

	suite_ends 0 start msg_server

	assert_answered "msg_server: running, pid $RUNS"
	running_as msg_server "$RUNS"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_alerted death msg_server 'signal KILL'
}

@test "restart of a server that outlives it: failed, and it is watched as before" {
	given_defiant

	suite_ends 1 restart msg_server

	assert_answered "msg_server: $(could_not_end "$RUNS")"
	wait_until "$PATIENCE" running_as msg_server "$RUNS"
	assert_left_alone msg_server
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_alerted death msg_server 'signal KILL'
}

@test "restart after a stop that failed: failed, and it is watched as before" {
	given_defiant
	suite_ends 1 stop msg_server

	suite_ends 1 restart msg_server

	wait_until "$PATIENCE" running_as msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "a pause while it is being stopped: failed or not, it is left alone, dead or alive" {
	given_defiant
	operator restart msg_server
	wait_until "$PATIENCE" state_is msg_server STOPPING

	suite_ends 0 pause msg_server

	operator_ends 1
	assert_said "$(could_not_end "$RUNS")"
	wait_until "$PATIENCE" state_is msg_server PAUSED
	assert_equal 'pid' "$(pid_of msg_server)" "$RUNS"
	suite_ends 0 resume msg_server
	running_as msg_server "$RUNS"
}

@test "update that cannot end a server: failed, its pid named, the rest is done, and it is watched as before" {
	given_server other
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM'
	monitor_start msg_server other
	runs other
	other=$RUNS
	runs msg_server

	printf 'umask = 027\n' | tee -a "$CONF/servers/other.conf" >>"$CONF/servers/msg_server.conf"
	suite_ends 1 update

	assert_answered "msg_server: $(could_not_end "$RUNS")"
	pid_differs other "$other"
	wait_until "$PATIENCE" running_as msg_server "$RUNS"
	assert_left_alone msg_server
	: >"$SERVERS/msg_server/go"
	suite_ends 0 restart msg_server
	pid_differs msg_server "$RUNS"
	assert_equal 'umask' "$(sed -n 's/^Umask:\t//p' "/proc/$(pid_of msg_server)/status")" 0027
}

@test "update that takes out a server which cannot be ended: failed, its pid named" {
	given_server other
	given_defiant
	monitor_stop
	monitor_start msg_server other
	runs other
	runs msg_server

	rm "$CONF/servers/msg_server.conf"
	suite_ends 1 update

	assert_answered "msg_server: $(could_not_end "$RUNS")"
	kill -0 "$RUNS"
	assert_left_alone other
}

@test "shutdown --stop-servers that cannot end a server: failed, and the monitor goes on" {
	given_defiant

	suite_ends 1 shutdown --stop-servers

	assert_answered "msg_server: $(could_not_end "$RUNS")"
	kill -0 "$MONITOR"
	state_is msg_server STOPPING
}

@test "monitor or helper are killed after a stop that failed: the next one tries again, and follows it" {
	given_defiant
	suite_ends 1 stop msg_server

	expect_helper_deaths
	kill -KILL "$(helper_of "$MONITOR")"
	wait_until "$PATIENCE" said_times "$(could_not_end "$RUNS")" 2
	monitor_crash
	monitor_start msg_server
	wait_until "$PATIENCE" said_times "$(could_not_end "$RUNS")" 3

	state_is msg_server STOPPING
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

# said_times TEXT N - have the monitors printed it so often?
said_times() {
	[ "$(grep -cF -- "$1" "$PRINTED")" -eq "$2" ]
}

@test "stop of a server that leaves behind what outlives it: failed, that pid named, and STOPPING until it ends" {
	given_defiant_child

	suite_ends 1 stop parent

	assert_answered "parent: $(could_not_end "$CHILD")"
	is_gone "$RUNS"
	state_is parent STOPPING
	kill -KILL "$CHILD"
	wait_until "$PATIENCE" state_is parent STOPPED
	assert_equal 'ends by order' "$(logged_times 'stopped by order')" 1
}

@test "restart of a server that leaves behind what outlives it: said, and the next one is started" {
	given_defiant_child

	suite_ends 0 restart parent

	assert_said "parent: $(could_not_end "$CHILD")"
	pid_differs parent "$RUNS"
	kill -0 "$CHILD"
}

@test "a start that times out, and whose process outlives its end: no copy is started beside it" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --ignore-term --port-when never --port $port" "port = $port" \
		'stop = TERM' 'start_timeout = 300ms' 'stop_tree = no' 'backoff = 100ms 100ms'
	monitor_start msg_server
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	first=$(<"$SERVERS/msg_server/starts")

	assert_logged "(port $port is not open after 0.3s: first line; $(could_not_end "$first"))"
	assert_logged "($(could_not_end "$first"))"

	assert_equal 'starts' "$(starts_of msg_server)" 1
	kill -KILL "$first"
	wait_until "$PATIENCE" test "$(starts_of msg_server)" -ge 1
	wait_until "$PATIENCE" has_started_again
}

has_started_again() {
	(($(starts_of msg_server) > 1))
}

@test "the kernel refuses the signals of a stop: failed, and the next stop ends it" {
	require cc
	given_server msg_server
	truncate -s 4096 "$BATS_TEST_TMPDIR/counts"
	FAULT_COUNTS=$BATS_TEST_TMPDIR/counts FAULT_CALL=pidfd_send_signal FAULT_N=1 FAULT_TIMES=3 FAULT_ERRNO=1 \
		LD_PRELOAD=$(fixture faults.so) monitor_start msg_server
	runs msg_server
	printf '\1' | dd of="$BATS_TEST_TMPDIR/counts" conv=notrunc status=none

	suite_ends 1 stop msg_server
	assert_answered "msg_server: $(could_not_end "$RUNS")"
	kill -0 "$RUNS"
	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	state_is msg_server STOPPED
}

@test "without a monitor: stop and restart of a server that outlives them: failed, its pid named, and none is started" {
	given_server msg_server 'command = ./msg_server --ignore-term' 'stop = TERM'
	start_by_hand msg_server --ignore-term

	for word in stop restart; do
		suite_ends 1 "$word" msg_server
		assert_answered "msg_server: $(could_not_end "$BY_HAND" | sed 's/ours/yours/')"
	done

	kill -0 "$BY_HAND"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "without a monitor: stop of a server that leaves behind what outlives it: failed, that pid named" {
	given_defiant_child
	monitor_crash

	suite_ends 1 stop parent

	assert_answered "parent: $(could_not_end "$CHILD" | sed 's/ours/yours/')"
	wait_until "$PATIENCE" is_gone "$RUNS"
	kill -0 "$CHILD"
}
