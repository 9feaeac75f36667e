#!/usr/bin/env bats
# Logs go into oldlog before each start, by rename; nothing is overwritten, and as many are kept as conf says.

load helpers

# dies_and_returns - msg_server is killed and comes back; $old was its pid
dies_and_returns() {
	old=$(pid_of msg_server)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

olds_left() {
	[ "$(find "$SERVERS/msg_server/oldlog" -name 'log*' | wc -l)" -eq "$1" ]
}

@test "logs that lie there at the first start are moved too" {
	given_server msg_server
	printf 'from before\n' >"$SERVERS/msg_server/log_1_1.txt"

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'the moved log' "$(<"$SERVERS/msg_server/oldlog/log_1_1.txt")" 'from before'
}

@test "the logs of a server that is adopted are left where they are" {
	given_server msg_server
	start_by_hand msg_server
	wait_until "$PATIENCE" test -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt"

	monitor_start msg_server

	assert_adopted msg_server "$BY_HAND"
	assert_left_alone msg_server
	[ -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt" ]
}

@test "a log is never moved over another of the same name" {
	given_server msg_server 'command = ./msg_server --log-name log_of_all.txt'
	mkdir "$SERVERS/msg_server/oldlog"
	printf 'the oldest\n' >"$SERVERS/msg_server/oldlog/log_of_all.txt"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	dies_and_returns
	dies_and_returns

	assert_equal 'the oldest log' "$(<"$SERVERS/msg_server/oldlog/log_of_all.txt")" 'the oldest'
	assert_equal 'first lines' "$(cat "$SERVERS"/msg_server/oldlog/log_* | grep -c 'first line')" 2
}

@test "no oldlog is made while there is nothing to move" {
	given_server msg_server 'logs = none'
	given_server route_server 'logs = none' 'oldlog_keep = 30d'
	mkdir "$SERVERS/route_server/oldlog"
	touch -d '-60 days' "$SERVERS/route_server/oldlog/old"

	monitor_start msg_server route_server

	# one child tidies both, in this order
	wait_until "$PATIENCE" test ! -e "$SERVERS/route_server/oldlog/old"
	state_is msg_server RUNNING
	[ ! -e "$SERVERS/msg_server/oldlog" ]
}

@test "oldlog_keep: the newest are kept" {
	given_server msg_server 'oldlog_keep = 2'
	mkdir "$SERVERS/msg_server/oldlog"
	for age in 1 2 3 4; do
		touch -d "-$age days" "$SERVERS/msg_server/oldlog/log_${age}_1.txt"
	done
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	dies_and_returns

	wait_until "$PATIENCE" olds_left 2
	assert_moved "log_${old}_1.txt"
	assert_moved 'log_1_1.txt'
}

@test "logs and oldlog that conf names are the ones" {
	given_server msg_server 'command = ./msg_server --log-name default.log' 'logs = *.log, *.trace' 'oldlog = archive'
	: >"$SERVERS/msg_server/log_1_1.txt"
	: >"$SERVERS/msg_server/core.trace"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	dies_and_returns

	[ -e "$SERVERS/msg_server/archive/default.log" ]
	[ -e "$SERVERS/msg_server/archive/core.trace" ]
	[ -e "$SERVERS/msg_server/log_1_1.txt" ]
}

@test "an oldlog that is a link is not followed; the server runs nevertheless" {
	given_server msg_server
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$SERVERS/msg_server/oldlog"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	dies_and_returns

	assert_said oldlog
	assert_equal 'what was moved through the link' "$(ls "$BATS_TEST_TMPDIR/elsewhere")" ''
	[ -e "$SERVERS/msg_server/log_${old}_1.txt" ]
}
