#!/usr/bin/env bats
# Wide or odd names: all the same (field case 22).

load helpers

# given_odd DIR PROGRAM [LINE...] - server odd is PROGRAM in the directory DIR
given_odd() {
	given_program "$1/$2"
	given_conf odd "dir = $1" "command = './$2'" "${@:3}"
}

# is_kept - server odd is brought back under a new pid, and a monitor that knows nothing of it finds it
is_kept() {
	monitor_start odd
	wait_until "$PATIENCE" state_is odd RUNNING
	old=$(pid_of odd)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs odd "$old"
	wait_until "$PATIENCE" state_is odd RUNNING
	assert_logged "Server odd stopped, pid=$old, restarting... (signal KILL"
	old=$(pid_of odd)
	monitor_crash
	wait_until "$PATIENCE" rm -rf "$STATE" # a delivery that outlives its monitor may write in it meanwhile
	monitor_start odd
	assert_adopted odd "$old"
}

@test "a 23-character binary" {
	given_odd "$SERVERS/odd" a_server_of_23_letters_

	is_kept

	assert_equal 'starts' "$(starts_of odd)" 2
}

@test "a binary named as a line of /proc/PID/stat: a) S 1 (b" {
	given_odd "$SERVERS/odd" 'a) S 1 (b'

	is_kept

	assert_equal 'starts' "$(starts_of odd)" 2
}

@test "spaces and UTF-8 in dir, command and log names" {
	given_program "$SERVERS/消息 服务器 één/nœud de messages"
	given_conf odd "dir = $SERVERS/消息 服务器 één" "logs = 'журнал *.txt'" \
		"command = './nœud de messages' '--log-name=журнал %d 1.txt'"

	is_kept

	assert_moved 'журнал * 1.txt'
	assert_equal 'starts' "$(wc -l <"$SERVERS/消息 服务器 één/starts")" 2
}

@test "a path with a percent sign, a star and a backslash in it" {
	given_program "$SERVERS/100% *\\n/msg*server"
	given_conf odd "dir = '$SERVERS/100% *\\n'" "command = './msg*server'"

	is_kept

	assert_equal 'starts' "$(wc -l <"$SERVERS/100% *\\n/starts")" 2
}

@test "called through a link in PATH, the suite finds its own files" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$ROOT/monitor.sh" "$BATS_TEST_TMPDIR/bin/keep"
	given_server msg_server

	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -3 "${SHELL_WORDS[@]}" "$BATS_TEST_TMPDIR/bin/keep" -c "$CONF" -s "$STATE" status

	[[ $output == *"msg_server"*"STOPPED"* ]]
}
