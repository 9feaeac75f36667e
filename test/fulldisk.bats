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

@test "disk full or read-only: report and metrics name their file and the remedy; the file of before stays, whole" {
	local web=$BATS_TEST_TMPDIR/web
	given_disk "$web" 256k
	given_server msg_server
	suite_ends 0 report --output "$web/r.html"
	suite_ends 0 metrics --output "$web/m.prom"
	fill_disk "$web"

	for word in 'report --output '"$web/r.html" 'metrics --output '"$web/m.prom"; do
		# shellcheck disable=SC2086 # words
		run -1 suite $word
		assert_equal 'answer' "$output" "${word##* }: No space left on device; make room there, or name another place"
	done
	make_readonly "$web"
	run -1 suite report --output "$web/r.html"
	assert_equal 'answer' "$output" "$web/r.html: Read-only file system; name another place"

	[[ $(tail -c 8 "$web/r.html") == '</html>' ]]
	grep -q '^monitor_server_up' "$web/m.prom"
	assert_equal 'files' "$(cd "$web" && echo *)" 'filler m.prom r.html'
}

@test "a report or metrics where one may not write is 4, with the way out" {
	run -0 "$(python)" -E -s -c 'import sys
sys.path.insert(0, sys.argv[1])
from seeing import unwritable
refused = unwritable.refused("/x/r.html", PermissionError(13, "Permission denied"))
print(refused.status, refused)' "$ROOT/pyhelpers"
	assert_equal 'refusal' "$output" '4 /x/r.html: Permission denied; let this user write there, or name another place'
}
