#!/usr/bin/env bats
# A process of the suite, or one that the suite depends on, stands still for five intervals while a server dies.  Then it goes
# on: one death, one restart, one message, one process.
#
# While the shell or the helper stands still, nothing can act: the death is answered when it goes on.  Whatever else stands
# still, guard, delivery, hook, the reader of what the monitor prints, a file system: the server is back before it goes on,
# so that would hold if it never did.

load helpers
load fixtures/orders

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

INTERVAL=400ms # five of them pass while a server's uptime grows by 2 to 3 s

# given_two - servers a and b, which a monitor watches as a daemon if $1 is -d; $A and $B are their pids
given_two() {
	sed -i "s/^interval.*/interval = $INTERVAL/" "$CONF/monitor.conf"
	given_server a
	given_server b
	if [ "${1:-}" = -d ]; then
		suite_ends 0 -d a b
		MONITOR=$(guard_says main_id)
		MONITORS+=("$(guard_says parent_id)" "$MONITOR")
	else
		monitor_start a b
	fi
	runs b
	B=$RUNS
	runs a
	A=$RUNS
}

# stand_still PID... - until go_on; they are stopped when this returns
stand_still() {
	local pid
	STOPPED=("$@")
	kill -STOP "$@"
	for pid; do
		wait_until "$PATIENCE" is_stopped "$pid"
	done
}

is_stopped() {
	[ "$(state_letter "$1")" = T ]
}

go_on() {
	kill -CONT "${STOPPED[@]}"
}

# five_intervals_pass - by the clock of b, which lives
five_intervals_pass() {
	local uptime
	uptime=$(status_of b uptime)
	wait_until "$PATIENCE" is_up_for b $((${uptime%%.*} + 3))
}

# assert_back_once NAME PID - it died once, as PID, was started once more, and that was told once
assert_back_once() {
	wait_until "$PATIENCE" pid_differs "$1" "$2"
	wait_until "$PATIENCE" state_is "$1" RUNNING
	wait_until "$PATIENCE" was_alerted death "$1" "$1 died"
	five_intervals_pass
	assert_equal "deaths of $1" "$(grep -F '"event":"death"' "$STATE/history.jsonl" | grep -cF "\"server\":\"$1\"")" 1
	assert_equal "stops of $1 that were logged" "$(logged_times "Server $1 stopped")" 1
	assert_equal "messages about $1" "$(alerted_times death "$1")" 1
	[ ! -e "$SERVERS/$1/starts" ] || assert_equal "starts of $1" "$(starts_of "$1")" 2
}

# process_with WORD - prints the pid of the process of this test whose command line has it
process_with() {
	local pid
	for pid in $(ours); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$1" || printf '%s\n' "$pid"
	done | head -n 1
}

# given_slow_hook - the hook writes its pid into hook.pid, and its call down once `go` is there
given_slow_hook() {
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook sms 'home=${0%/*}/../..' 'echo $$ >"$home/hook.pid.new"' 'mv "$home/hook.pid.new" "$home/hook.pid"' \
		'until [ -e "$home/go" ]; do sleep 0.1; done' 'printf "%s %s %s\n" "$1" "$2" "$3" >>"$home/alerts.log"'
}

# hook_runs - the hook is at work for the death of b, which is back; $HOOK is its pid
hook_runs() {
	kill -KILL "$B"
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/hook.pid"
	HOOK=$(<"$BATS_TEST_TMPDIR/hook.pid")
	runs b
}

@test "the shell stands still" {
	given_two
	stand_still "$MONITOR"

	kill -KILL "$A"
	five_intervals_pass
	go_on

	assert_back_once a "$A"
}

@test "the helper stands still" {
	given_two
	stand_still "$(helper_of "$MONITOR")"

	kill -KILL "$A"
	five_intervals_pass
	go_on

	assert_back_once a "$A"
}

@test "shell and helper stand still, and the helper goes on first" {
	given_two
	helper=$(helper_of "$MONITOR")
	stand_still "$MONITOR" "$helper"

	kill -KILL "$A"
	five_intervals_pass
	kill -CONT "$helper"
	five_intervals_pass
	go_on

	assert_back_once a "$A"
}

@test "the guard stands still: the server is restarted meanwhile" {
	given_two -d
	stand_still "$(guard_says parent_id)"

	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
	five_intervals_pass
	go_on

	assert_back_once a "$A"
	suite_ends 0 shutdown
}

@test "the monitor dies while its guard stands still: the guard starts the next one when it goes on" {
	given_two -d
	helper=$(helper_of "$MONITOR")
	stand_still "$(guard_says parent_id)"

	kill -KILL "$MONITOR"
	wait_until "$PATIENCE" is_gone "$helper"
	kill -KILL "$A"
	five_intervals_pass
	go_on

	assert_back_once a "$A"
	suite_ends 0 shutdown
}

@test "the delivery stands still: the server is restarted meanwhile, and both deaths are sent once" {
	given_slow_hook
	given_two
	hook_runs
	stand_still "$(process_with /deliver.py)"

	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
	five_intervals_pass
	: >"$BATS_TEST_TMPDIR/go"
	go_on

	assert_back_once a "$A"
	assert_back_once b "$B"
}

@test "a hook stands still: the server is restarted meanwhile, and both deaths are sent once" {
	given_slow_hook
	given_two
	hook_runs
	stand_still "$HOOK"

	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
	five_intervals_pass
	: >"$BATS_TEST_TMPDIR/go"
	go_on

	assert_back_once a "$A"
	assert_back_once b "$B"
}

@test "the reader of what the monitor prints stands still: the server is restarted meanwhile, and the line comes once" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	cat "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/read.log" 3>&- 4>&- &
	reader=$!
	PRINTED=$BATS_TEST_TMPDIR/pipe
	given_two
	stand_still "$reader"
	dd if=/dev/zero bs=4096 oflag=nonblock of="$PRINTED" status=none 2>/dev/null || :

	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
	five_intervals_pass
	go_on

	PRINTED=$BATS_TEST_TMPDIR/read.log
	wait_until "$PATIENCE" grep -aqF "Server a stopped, pid=$A" "$PRINTED"
	assert_back_once a "$A"
	assert_equal 'lines about it' "$(grep -acF "Server a stopped, pid=$A" "$PRINTED")" 1
}

@test "a file system stands still: the others are restarted meanwhile, and its server when it goes on" {
	mkdir -p "$BATS_TEST_TMPDIR/shown/afar"
	cp /bin/sleep "$BATS_TEST_TMPDIR/shown/afar/afar"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_two
	monitor_stop
	given_conf afar "dir = $BATS_TEST_TMPDIR/mnt/afar" 'command = ./afar 1000.5' 'start_timeout = 5s'
	monitor_start a b afar
	runs afar
	afar=$RUNS
	stand_still "$FUSE"

	kill -KILL "$A" "$afar"
	wait_until "$PATIENCE" pid_differs a "$A"
	wait_until "$PATIENCE" state_is afar UNKNOWN
	five_intervals_pass
	go_on

	assert_back_once a "$A"
	assert_back_once afar "$afar"
}
