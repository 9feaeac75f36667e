#!/usr/bin/env bats
# A disk that is full or read-only costs notes, never a server (field cases 15, 16).

load helpers

# was_started NAME TIMES
was_started() {
	[ "$(starts_of "$1")" = "$2" ]
}

@test "disk full: servers are still restarted; what could not be written is reported, and caught up later" {
	given_disk "$STATE" 256k
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	fill_disk "$STATE"

	kill -KILL "$old"

	wait_until "$PATIENCE" was_started msg_server 2
	assert_said 'No space left on device'
	rm "$STATE/filler"
	assert_logged "Server msg_server stopped, pid=$old, restarting... (signal KILL"
	assert_alerted death msg_server 'signal KILL'
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

@test "disk read-only: servers are still restarted; what could not be written is reported once, and caught up later" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is route_server RUNNING
	old=$(pid_of msg_server)
	make_readonly "$STATE"

	kill -KILL "$old"

	wait_until "$PATIENCE" was_started msg_server 2
	assert_said 'Read-only file system'
	assert_left_alone route_server
	assert_equal 'said twice' "$(grep '^monitor.sh: ' "$PRINTED" | sort | uniq -d)" ''
	umount "$STATE"
	assert_logged "Server msg_server stopped, pid=$old, restarting... (signal KILL"
	assert_alerted death msg_server 'signal KILL'
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "disk full from the start: the servers are started nevertheless" {
	given_disk "$STATE" 256k
	fill_disk "$STATE"
	given_server msg_server

	monitor_start msg_server

	wait_until "$PATIENCE" was_started msg_server 1
	assert_said 'No space left on device'
	rm "$STATE/filler"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "oldlog on another, full file system: a restart never depends on moving" {
	given_server msg_server
	given_disk "$SERVERS/msg_server/oldlog" 64k
	fill_disk "$SERVERS/msg_server/oldlog"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_logged "Server msg_server restarted, pid=$(pid_of msg_server)"
	kept=$(find "$SERVERS/msg_server" -name "log_${old}_1.txt*" -size +0)
	grep -q 'first line' "$kept"
}

@test "oldlog on another file system: nothing is overwritten" {
	given_server msg_server 'command = ./msg_server --log-name log_of_all.txt'
	given_disk "$SERVERS/msg_server/oldlog" 64k
	printf 'the oldest\n' >"$SERVERS/msg_server/oldlog/log_of_all.txt"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'the oldest log' "$(<"$SERVERS/msg_server/oldlog/log_of_all.txt")" 'the oldest'
	assert_equal 'first lines' "$(cat "$SERVERS"/msg_server/log_* "$SERVERS"/msg_server/oldlog/log_* | grep -c 'first line')" 2
}
