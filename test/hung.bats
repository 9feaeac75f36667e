#!/usr/bin/env bats
# heartbeat = shm and file: a server under watch whose beat has stopped is ended and started again, and no healthy one is.

load helpers
load fixtures/heartbeats

# given_beating NAME TIMEOUT [WORD...] [-- LINE...] - server NAME is a client of the table (fixtures/beat.c)
given_beating() {
	local name=$1 words=("$KEY" "$1" "$2" 50)
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	mkdir -p "$SERVERS/$name"
	cp "$(fixture beat)" "$SERVERS/$name/$name"
	given_conf "$name" "dir = $SERVERS/$name" "command = ./$name ${words[*]}" 'heartbeat = shm' "heartbeat_key = $KEY" "${@:2}"
}

# given_beaten NAME [LINE...] - server NAME is a stand-in, judged by its file beat, which the test touches
given_beaten() {
	given_server "$1" 'heartbeat = file beat' "${@:2}"
	: >"$SERVERS/$1/beat"
}

# watch_all NAME... - a monitor of them, which has each RUNNING
watch_all() {
	local name
	monitor_start "$@"
	for name; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
}

# has_beating_pid NAME - does NAME run, with a slot?  $BEATING is its pid
has_beating_pid() {
	BEATING=$(pid_of "$1")
	[ -n "$BEATING" ] && has_slot "$BEATING"
}

# assert_hung NAME PID - NAME was found hung as PID, ended, and runs and beats as another
assert_hung() {
	assert_logged "Server $1 hung, pid=$2, ended (no beat for "
	wait_until "$PATIENCE" pid_differs "$1" "$2"
	wait_until "$PATIENCE" is_gone "$2"
}

# assert_not_hung NAME PID - NAME is as it was
assert_not_hung() {
	assert_equal 'hung' "$(logged_times ' hung, ')" 0
	assert_equal "pid of $1" "$(pid_of "$1")" "$2"
}

# --- the table

@test "one that is mute gets TERM, is started again, and is reported" {
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING

	mute "$old"

	assert_hung x "$old"
	assert_alerted hung x 'no beat for '
	wait_until "$PATIENCE" has_beating_pid x
	has_no_slot "$old"
	grep -qF '"event":"hung","server":"x"' "$STATE/history.jsonl"
}

@test "one that is mute and ignores TERM is killed after its 5 s, and its slot is cleared" {
	given_beating x 1 --ignore-term
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING

	mute "$old"

	assert_hung x "$old"
	wait_until "$PATIENCE" has_no_slot "$old"
	wait_until "$PATIENCE" has_beating_pid x
}

@test "ten that are mute at once are all handled in one go" {
	names=()
	for number in {1..10}; do
		given_beating "x$number" 1 --ignore-term
		names+=("x$number")
	done
	watch_all "${names[@]}"
	pids=()
	for name in "${names[@]}"; do
		wait_until "$PATIENCE" has_beating_pid "$name"
		pids+=("$BEATING")
	done
	since=$(monotonic 0)

	kill -s USR1 "${pids[@]}"

	for number in {0..9}; do
		assert_hung "${names[$number]}" "${pids[$number]}"
	done
	(($(monotonic 0) - since < 5000)) # hundredths: one after the other their 5 s would add up to more
}

@test "a mute one whose slot is cleared while it is waited for is ended nevertheless, and no other process is" {
	given_beating x 1 --clear-on-term
	given_beating y 1
	watch_all x y
	wait_until "$PATIENCE" has_beating_pid y
	bystander=$BEATING
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING

	mute "$old"

	assert_hung x "$old"
	assert_equal 'pid of y' "$(pid_of y)" "$bystander"
	state_is y RUNNING
}

@test "one that gives its slot back is judged no longer" {
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING
	mute "$old"
	heartbeat clear "$old"

	pass_time 4

	assert_not_hung x "$old"
}

@test "one without a slot is not judged, and that is reported after start_timeout" {
	given_server x 'heartbeat = shm' "heartbeat_key = $KEY" 'heartbeat_timeout = 1s' 'start_timeout = 1s'
	heartbeat beat $$ other 60
	watch_all x
	old=$(pid_of x)

	assert_said "x: has no slot in the heartbeat table $KEY; not judged before it has one"

	pass_time 3
	assert_not_hung x "$old"
	assert_equal 'said' "$(grep -c 'has no slot' "$PRINTED")" 1
}

@test "a slot that an earlier process with its pid has left gets it neither ended nor mistaken, and is cleared" {
	given_server x 'heartbeat = shm' "heartbeat_key = $KEY"
	start_by_hand x
	write_slot 0 "$BY_HAND" earlier 1 5

	monitor_start x
	assert_adopted x "$BY_HAND"

	wait_until "$PATIENCE" has_no_slot "$BY_HAND"
	assert_not_hung x "$BY_HAND"
}

@test "in a table that everybody may write to, a monitor of root believes the beats of those alone that have it attached" {
	[ "$(id -u)" -eq 0 ] || skip "another user ends only whom those may end, too, who may write to the table"
	start_client other 60 # makes the table, with 0666
	given_server x 'heartbeat = shm' "heartbeat_key = $KEY" 'heartbeat_timeout = 1s'
	given_beating y 1
	watch_all x y
	pid=$(pid_of x)
	wait_until "$PATIENCE" has_beating_pid y
	old=$BEATING

	for _ in 1 2 3; do
		heartbeat beat "$pid" x 1
		pass_time 1
	done
	wait_until "$PATIENCE" has_no_slot "$pid"
	mute "$old"

	assert_hung y "$old"
	assert_equal "pid of x" "$(pid_of x)" "$pid"
	run ! grep -F 'Server x hung' "$STATE/restart.log"
}

@test "heartbeat_timeout stands above the client's own" {
	given_beating x 100 -- 'heartbeat_timeout = 1s'
	given_beating y 1 -- 'heartbeat_timeout = 100s'
	watch_all x y
	wait_until "$PATIENCE" has_beating_pid y
	mute "$BEATING"
	patient=$BEATING
	wait_until "$PATIENCE" has_beating_pid x

	mute "$BEATING"

	assert_hung x "$BEATING"
	assert_equal 'pid of y' "$(pid_of y)" "$patient"
}

@test "one that runs already when its monitor comes, and is mute, is found" {
	given_beating x 1
	(cd "$SERVERS/x" && exec ./x "$KEY" x 1 50 --mute </dev/null >/dev/null 2>&1 3>&- 4>&-) &
	old=$!
	wait_until "$PATIENCE" has_slot "$old"

	monitor_start x

	assert_adopted x "$old"
	assert_hung x "$old"
}

@test "one that is not to be restarted is reported once, and again when it beats" {
	given_beating x 1 -- 'restart = never'
	start_by_hand x "$KEY" x 1 50
	monitor_start x
	assert_adopted x "$BY_HAND"
	wait_until "$PATIENCE" has_slot "$BY_HAND"
	pass_time 1

	mute "$BY_HAND"
	assert_alerted hung x 'no beat for '
	pass_time 3
	assert_equal 'alerts' "$(alerted_times hung x)" 1
	run -1 is_gone "$BY_HAND"
	kill -s USR2 "$BY_HAND"

	assert_alerted recovery x ''
}

# given_reported - x, which is not to be restarted, is mute and reported; its pid is $BY_HAND
given_reported() {
	given_beating x 1 -- 'restart = never'
	start_by_hand x "$KEY" x 1 50
	monitor_start x
	assert_adopted x "$BY_HAND"
	wait_until "$PATIENCE" has_slot "$BY_HAND"
	mute "$BY_HAND"
	assert_alerted hung x 'no beat for '
}

@test "one that is reported is not reported again by another monitor, which reports when it beats" {
	given_reported

	monitor_crash
	monitor_start x
	wait_until "$PATIENCE" running_as x "$BY_HAND"
	pass_time 3

	assert_equal 'alerts' "$(alerted_times hung x)" 1
	kill -s USR2 "$BY_HAND"
	assert_alerted recovery x ''
}

@test "one that is reported and then paused is judged anew when it is resumed" {
	given_reported

	suite_ends 0 pause x
	suite_ends 0 resume x

	wait_until "$PATIENCE" is_alerted_twice hung x
}

is_alerted_twice() {
	[ "$(alerted_times "$1" "$2")" -eq 2 ]
}

@test "a paused one may be mute" {
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	suite_ends 0 pause x

	mute "$BEATING"

	pass_time 4
	assert_not_hung x "$BEATING"
	suite_ends 0 resume x
	assert_hung x "$BEATING"
}

@test "the slot of one that died is cleared" {
	given_beating x 60
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING

	kill -s KILL "$old"

	wait_until "$PATIENCE" has_no_slot "$old"
	wait_until "$PATIENCE" has_beating_pid x
	assert_equal 'slots' "$(heartbeat list --json | grep -o '"pid"' | wc -l)" 1
}

@test "a semaphore that another process holds does not keep the monitor waiting; the slot is cleared later" {
	given_beating x 60
	given_server y
	watch_all x y
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING
	hold_semaphore

	kill -s KILL "$old"
	wait_until "$PATIENCE" pid_differs x "$old"
	stranger=$(pid_of y)
	kill -s KILL "$stranger"
	wait_until "$PATIENCE" pid_differs y "$stranger"
	has_slot "$old"
	kill -s KILL "$HOLDER"

	wait_until "$PATIENCE" has_no_slot "$old"
}

@test "a table that is removed and made anew is found again" {
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	remove_table
	kill -s KILL "$BEATING"
	wait_until "$PATIENCE" pid_differs x "$BEATING"
	wait_until "$PATIENCE" has_beating_pid x

	mute "$BEATING"

	assert_hung x "$BEATING"
}

@test "a table of another size is reported, and gets no server ended" {
	given_beating x 1 -- 'heartbeat_slots = 999'
	watch_all x

	assert_said "x: table $KEY: has 72000 bytes, and 999 slots of 72 take 71928; set the layout or number of slots"
	assert_equal 'hung' "$(logged_times ' hung, ')" 0
}

@test "rubbish in the table hits no process" {
	heartbeat --mode 0666 beat $$ x 60
	write_slot 1 -1 minus 1 5
	write_slot 2 1 init 1 5
	write_slot 3 2147483647 huge 1 5
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	write_slot 5 "$BEATING" twin 1 5
	write_slot 6 $$ ours -1 5

	pass_time 4

	assert_not_hung x "$BEATING"
}

@test "the slot of one that died before it was RUNNING is cleared, though it is not started again" {
	given_beating x 60 -- 'start_seconds = 60s' 'restart = never'
	monitor_start x
	wait_until "$PATIENCE" has_beating_pid x

	kill -s KILL "$BEATING"

	wait_until "$PATIENCE" has_no_slot "$BEATING"
}

# --- the clock, and our own pauses

@test "a clock that moves an hour either way ends no server" {
	with_moved_clock
	given_beating x 1
	given_conf x "dir = $SERVERS/x" "command = ./x $KEY x 1 50" 'heartbeat = shm' "heartbeat_key = $KEY" \
		"environment = ${CLIENT_ENV[*]:1}"
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	old=$BEATING

	for offset in +1h -1h +0; do
		clock_is "$offset"
		pass_time 3
		assert_not_hung x "$old"
	done

	mute "$old"
	assert_hung x "$old"
}

@test "a monitor that was stopped for longer than the timeout ends no server" {
	given_beating x 1
	given_beaten y 'heartbeat_timeout = 2s'
	touch_on y
	watch_all x y
	wait_until "$PATIENCE" has_beating_pid x
	y=$(pid_of y)
	helper=$(helper_of "$MONITOR")

	kill -s STOP "$helper"
	pass_time 6
	kill -s CONT "$helper"
	pass_time 3

	assert_not_hung x "$BEATING"
	assert_not_hung y "$y"
}

# touch_on NAME - its file beat is touched again and again
touch_on() {
	while :; do
		touch "$SERVERS/$1/beat"
		sleep 0.2
	done </dev/null >/dev/null 2>&1 3>&- 4>&- &
	TOUCHER=$!
}

@test "servers that stood still together with their monitor are not ended when they go on" {
	given_beating x 4
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	helper=$(helper_of "$MONITOR")
	pass_time 3 # it is seen to beat

	kill -s STOP "$helper" "$BEATING"
	pass_time 8
	kill -s CONT "$helper"
	pass_time 1 # who goes on first must not judge the others by it
	kill -s CONT "$BEATING"
	pass_time 2

	assert_not_hung x "$BEATING"
}

@test "a monitor that is started anew judges by what it sees itself" {
	given_beating x 2
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x
	monitor_stop
	pass_time 4

	watch_all x
	pass_time 3

	assert_not_hung x "$BEATING"
}

# --- a file

@test "a server whose file is touched no more is ended and started again" {
	given_beaten x 'heartbeat_timeout = 1s'
	touch_on x
	watch_all x
	old=$(pid_of x)
	pass_time 3
	assert_not_hung x "$old"

	kill "$TOUCHER"

	assert_hung x "$old"
	assert_alerted hung x 'no beat for '
}

@test "a file that is not there is waited for as for a beat, and to replace it is one" {
	given_beaten x 'heartbeat_timeout = 6s'
	rm "$SERVERS/x/beat"
	watch_all x
	old=$(pid_of x)
	pass_time 3
	: >"$SERVERS/x/beat"
	pass_time 4
	: >"$SERVERS/x/new"
	mv "$SERVERS/x/new" "$SERVERS/x/beat"
	pass_time 4
	assert_not_hung x "$old"

	rm "$SERVERS/x/beat"

	assert_hung x "$old"
}

@test "a file that is a FIFO, a link in a circle, or in the future, harms no server" {
	given_beaten x 'heartbeat_timeout = 2s'
	given_server y 'heartbeat = file loop' 'heartbeat_timeout = 2s'
	rm "$SERVERS/x/beat"
	mkfifo "$SERVERS/x/beat"
	touch -d '1 hour' "$SERVERS/x/beat"
	ln -s loop "$SERVERS/y/loop"
	watch_all x y
	x=$(pid_of x)
	y=$(pid_of y)

	assert_hung x "$x"
	assert_hung y "$y"
}

@test "a stopped server is reported as stopped" {
	given_beating x 1
	watch_all x
	wait_until "$PATIENCE" has_beating_pid x

	kill -s STOP "$BEATING"

	assert_hung x "$BEATING"
	grep -q "Server x hung, pid=$BEATING, ended (no beat for [0-9]*s, stopped by a signal (state T))" "$STATE/restart.log"
}

# --- what it needs

@test "without sysv_ipc a start and an update are refused with what to install, and servers without the table are not" {
	mkdir "$BATS_TEST_TMPDIR/none"
	given_beating x 1
	given_server y
	no_sysv_ipc

	suite_ends 5 x
	assert_equal 'said' "$(<"$SAID")" "$CONF/servers/x.conf: heartbeat = shm: sysv_ipc is not installed; run: apt-get install python3-sysv-ipc, or: $BATS_TEST_TMPDIR/python -m pip install sysv_ipc"
	watch_all y
	cp "$CONF/servers/x.conf" "$CONF/servers/y.conf"
	suite_ends 5 update
	grep -qF 'y.conf: heartbeat = shm: sysv_ipc is not installed' "$SAID"
}

# no_sysv_ipc - the suite runs on a Python that does not find that package
no_sysv_ipc() {
	local home=$BATS_TEST_TMPDIR/python real=$ROOT/.venv/bin/python
	[ -x "$real" ] || real=/usr/bin/python3
	cat >"$home" <<-END
		#!/bin/sh
		while getopts EIsSX: option; do :; done
		shift \$((OPTIND - 1))
		exec "$real" -c '
		import importlib.machinery, runpy, sys
		finder = importlib.machinery.PathFinder
		find = finder.find_spec
		finder.find_spec = lambda name, *rest: None if name == "sysv_ipc" else find(name, *rest)
		sys.executable = "$home"
		del sys.argv[0]
		sys.path[0] = sys.argv[0].rpartition("/")[0]
		runpy.run_path(sys.argv[0], run_name="__main__")' "\$@"
	END
	chmod 700 "$home"
	export MONITOR_PYTHON=$home
}
