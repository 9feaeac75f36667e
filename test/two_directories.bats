#!/usr/bin/env bats
# The same NAME called in another directory is another server: `cd b && ../suite/monitor.sh msg_server`. Two such run side
# by side, each with its own monitor, record, want and lock, and what is said of them can be told apart.

load helpers
load fixtures/orders

# given_directories NAME... - msg_server has no dir in conf, and a program in each of these directories
given_directories() {
	local name
	given_conf msg_server 'command = ./msg_server --log=none'
	for name; do
		given_program "$SERVERS/$name/msg_server"
		: >"$SERVERS/$name/msgserver.conf"
	done
}

# in_directory NAME COMMAND... - run it there
in_directory() {
	cd "$SERVERS/$1" || return
	"${@:2}"
	cd "$BATS_TEST_TMPDIR" || return
}

# both_run - a monitor in a and one in b, each with its server: $PID_A and $PID_B, under $MONITOR_A and $MONITOR_B
both_run() {
	given_directories a b
	in_directory a monitor_start msg_server
	# shellcheck disable=SC2153 # monitor_start sets it
	MONITOR_A=$MONITOR
	in_directory a runs_here
	PID_A=$RUNS
	in_directory b monitor_start msg_server
	MONITOR_B=$MONITOR
	in_directory b runs_here
	PID_B=$RUNS
}

# runs_here - the msg_server of this directory is RUNNING; $RUNS is its pid
runs_here() {
	wait_until "$PATIENCE" _runs_here
}

_runs_here() {
	local pid
	suite status msg_server >"$SAID" 2>&1 || :
	while read -r pid; do
		[ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] || {
			RUNS=$pid
			return 0
		}
	done < <(sed -n 's/^msg_server  *RUNNING  *\([0-9]*\) .*/\1/p' "$SAID")
	return 1
}

# record_in DIRECTORY KEY - prints that value of the record that lies there
record_in() {
	sed -n "s/^$2 //p" "$STATE/servers/$1/record" | tail -n 1
}

@test "two live side by side, each with its own record, lock and claim; the first keeps the plain name" {
	both_run

	[ "$PID_A" != "$PID_B" ]
	assert_equal 'cwd of a' "$(readlink "/proc/$PID_A/cwd")" "$SERVERS/a"
	assert_equal 'cwd of b' "$(readlink "/proc/$PID_B/cwd")" "$SERVERS/b"
	assert_equal 'record of a' "$(record_in msg_server pid)" "$PID_A"
	assert_equal 'record of b' "$(record_in msg_server,2 pid)" "$PID_B"
	assert_equal 'lock of a' "$(<"$STATE/servers/msg_server/lock")" "$MONITOR_A"
	assert_equal 'lock of b' "$(<"$STATE/servers/msg_server,2/lock")" "$MONITOR_B"
	assert_equal 'directory of b' "$(<"$STATE/servers/msg_server,2/dir")" "$SERVERS/b"
}

@test "a second monitor in the same directory is refused as ever" {
	both_run

	in_directory b suite_ends 1 msg_server

	assert_answered "the monitor with pid $MONITOR_B watches it already"
}

@test "status shows both with their directories, from anywhere" {
	both_run

	for place in a b .; do
		in_directory "$place" suite_ends 0 status msg_server
		assert_equal 'head, rows and sum' "$(wc -l <"$SAID")" 4
		grep -qE "^msg_server +RUNNING +$PID_A .* in $SERVERS/a$" "$SAID"
		grep -qE "^msg_server +RUNNING +$PID_B .* in $SERVERS/b$" "$SAID"
		in_directory "$place" suite_ends 0 status
		assert_equal 'head, rows and sum' "$(wc -l <"$SAID")" 4
	done
}

@test "an order concerns the one of the directory where it is given; elsewhere it names both" {
	both_run

	suite_ends 2 stop msg_server
	assert_answered "msg_server: it runs in $SERVERS/a and in $SERVERS/b; go to the directory of the one that you mean (cd $SERVERS/b)"
	run ! is_gone "$PID_A"
	in_directory b suite_ends 0 stop msg_server
	assert_answered "msg_server in $SERVERS/b: stopped"
	is_gone "$PID_B"
	run ! is_gone "$PID_A"
	assert_equal 'want of b' "$(<"$STATE/servers/msg_server,2/want")" down
	[ ! -e "$STATE/servers/msg_server/want" ] || assert_equal 'want of a' "$(<"$STATE/servers/msg_server/want")" up
	in_directory b suite_ends 0 start msg_server
	in_directory a suite_ends 0 restart msg_server
	is_gone "$PID_A"
}

@test "all and a glob mean both" {
	both_run

	suite_ends 0 stop all
	is_gone "$PID_A"
	is_gone "$PID_B"
	suite_ends 0 start 'msg*'
	in_directory a runs_here
	in_directory b runs_here
}

@test "a death in b is b's: restart.log, history, alert and hook say which" {
	given_hook sms
	both_run

	kill -KILL "$PID_B"

	assert_logged "Server msg_server in $SERVERS/b stopped, pid=$PID_B, restarting... (signal KILL"
	assert_alerted death msg_server "msg_server in $SERVERS/b died (signal KILL"
	grep -q '"event":"death","server":"msg_server","pid":'"$PID_B"',.*,"dir":"'"$SERVERS/b"'"[,}]' "$STATE/history.jsonl"
	wait_until "$PATIENCE" grep -qxF "MONITOR_DIR=$SERVERS/b" "$BATS_TEST_TMPDIR/alerts.env"
	in_directory b runs_here
	kill -KILL "$PID_A"
	assert_logged "Server msg_server stopped, pid=$PID_A, restarting... (signal KILL"
	wait_until "$PATIENCE" grep -qF '"event":"death","server":"msg_server","pid":'"$PID_A" "$STATE/history.jsonl"
	run ! grep -F '"pid":'"$PID_A"',.*"dir"' "$STATE/history.jsonl"
}

@test "both monitors are killed and begin again, in the other order: each adopts its own" {
	both_run
	kill -KILL "$MONITOR_A" "$(helper_of "$MONITOR_A")" "$MONITOR_B" "$(helper_of "$MONITOR_B")"
	wait_until "$PATIENCE" is_gone "$MONITOR_A"
	wait_until "$PATIENCE" is_gone "$MONITOR_B"

	in_directory b monitor_start msg_server
	assert_logged "Server msg_server in $SERVERS/b adopted, pid=$PID_B"
	in_directory a monitor_start msg_server

	in_directory a runs_here
	assert_equal 'a' "$RUNS" "$PID_A"
	in_directory b runs_here
	assert_equal 'b' "$RUNS" "$PID_B"
	assert_equal 'starts' "$(logged_times ' started, pid=')" 2
}

@test "two monitors that begin at once in two directories do not share a record" {
	given_directories a b

	in_directory a monitor_start msg_server
	in_directory b monitor_start msg_server

	in_directory a runs_here
	first=$RUNS
	in_directory b runs_here
	[ "$first" != "$RUNS" ]
	assert_equal 'claims' "$(cat "$STATE"/servers/msg_server*/dir | sort)" "$(printf '%s\n' "$SERVERS/a" "$SERVERS/b")"
}

@test "a record of today, without a claim, is that of its directory" {
	given_directories a b
	in_directory b monitor_start msg_server
	in_directory b runs_here
	first=$RUNS
	monitor_crash
	rm "$STATE/servers/msg_server/dir"
	sed -i '/^\(dir\|command\|match\|user\) /d' "$STATE/servers/msg_server/record" # as an older suite wrote it

	in_directory a monitor_start msg_server
	in_directory a runs_here
	[ "$RUNS" != "$first" ]
	in_directory b monitor_start msg_server

	in_directory b runs_here
	assert_equal 'b' "$RUNS" "$first"
	assert_equal 'record of b' "$(record_in msg_server pid)" "$first"
}

@test "with one that lives, NAME means that one everywhere" {
	given_directories a
	in_directory a monitor_start msg_server
	in_directory a runs_here

	suite_ends 0 status msg_server
	grep -qE "^msg_server +RUNNING +$RUNS " "$SAID"
	suite_ends 0 stop msg_server

	assert_answered 'msg_server: stopped'
	is_gone "$RUNS"
}

@test "without a monitor: start, status and stop keep the two apart" {
	given_directories a b

	in_directory a suite_ends 0 start msg_server
	in_directory b suite_ends 0 start msg_server
	in_directory a suite_ends 0 status msg_server
	assert_equal 'rows' "$(grep -c 'RUNNING' "$SAID")" 2
	in_directory a runs_here
	first=$RUNS
	in_directory b runs_here
	in_directory b suite_ends 0 stop msg_server

	is_gone "$RUNS"
	run ! is_gone "$first"
	suite_ends 0 stop msg_server
	is_gone "$first"
}

@test "a daemon of a that went to the root directory is not taken for b's" {
	given_directories a b
	given_conf msg_server 'command = ./msg_server 1000'
	cp "$(command -v sleep)" "$SERVERS/a/msg_server"
	cp "$(command -v sleep)" "$SERVERS/b/msg_server"
	# shellcheck disable=SC2016 # it is bash that expands this
	start_stranger / bash -c 'exec -a ./msg_server "$0" 1000' "$SERVERS/a/msg_server"
	first=$BY_HAND
	in_directory a monitor_start msg_server
	assert_logged "Server msg_server adopted, pid=$first"

	in_directory b monitor_start msg_server

	in_directory b runs_here
	[ "$RUNS" != "$first" ]
}

@test "a silence of b holds back b's alerts alone" {
	both_run

	in_directory b suite_ends 0 silence msg_server 1h
	assert_answered "msg_server in $SERVERS/b: silent until"
	suite_ends 0 silence
	assert_equal 'silences' "$(wc -l <"$SAID")" 1
	kill -KILL "$PID_B"
	assert_logged "Server msg_server in $SERVERS/b restarted"
	kill -KILL "$PID_A"

	assert_alerted death msg_server 'msg_server died'
	assert_equal 'alerts' "$(alerted_times death msg_server)" 1
}
