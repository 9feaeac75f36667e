#!/usr/bin/env bats
# A server that takes more memory, processor or files than conf allows, for as long as conf says, is reported once with
# the figure, or restarted; its whole tree counts.

load helpers
load fixtures/heartbeats

# given_leak NAME WHAT LINE... - server NAME is fixtures/leak.c, which takes WHAT while $SERVERS/NAME/more exists
given_leak() {
	local dir=$SERVERS/$1
	mkdir -p "$dir"
	cp "$(fixture leak)" "$dir/$1"
	given_conf "$1" "dir = $dir" "command = ./$1 $2" 'output = out.txt' "${@:3}"
}

# given_running NAME WHAT LINE... - the same, under a monitor and RUNNING
given_running() {
	given_leak "$@"
	monitor_start "$1"
	wait_until "$PATIENCE" state_is "$1" RUNNING
}

# leak_more NAME - it takes what it was made to take
leak_more() {
	: >"$SERVERS/$1/more"
}

leak_no_more() {
	rm "$SERVERS/$1/more"
}

# alert_of EVENT NAME - prints what the hook was told
alert_of() {
	grep -F -- "$1 $2 " "$ALERTS"
}

is_told_twice() {
	[ "$(alerted_times "$1" "$2")" -gt 1 ]
}

@test "a server that leaks memory is reported once, with its PSS, and again when it is within its limit" {
	given_running hoard 'memory 64000000' 'max_memory = 32M for 1s alert'

	leak_more hoard
	assert_alerted limit hoard 'max_memory'
	[[ $(alert_of limit hoard) =~ max_memory\ ([0-9]+)M\ PSS\ for\ 1s,\ 32M\ allowed ]]
	((BASH_REMATCH[1] > 32))
	assert_left_alone hoard
	assert_equal alerts "$(alerted_times limit hoard)" 1
	leak_no_more hoard

	assert_alerted recovery hoard ''
	assert_logged 'max_memory'
	assert_equal starts "$(starts_of hoard)" 1
}

@test "what is reported is not reported again when another conf applies or another monitor comes, and its end is" {
	given_running hoard 'memory 64000000' 'max_memory = 32M for 1s alert'
	pid=$(pid_of hoard)
	leak_more hoard
	assert_alerted limit hoard 'max_memory'

	printf '%s\n' 'give_up = 5 in 1m' >>"$CONF/servers/hoard.conf"
	suite_ends 0 update
	pass_time 3
	monitor_crash
	monitor_start hoard
	assert_adopted hoard "$pid"
	pass_time 3

	assert_equal alerts "$(alerted_times limit hoard)" 1
	leak_no_more hoard
	assert_alerted recovery hoard 'allowed'
	leak_more hoard
	wait_until "$PATIENCE" is_told_twice limit hoard
}

@test "a server that leaks memory is restarted, if conf says so" {
	given_running hoard 'memory 64000000' 'max_memory = 32M for 1s restart'
	pid=$(pid_of hoard)

	leak_more hoard
	wait_until "$PATIENCE" is_gone "$pid"
	leak_no_more hoard

	wait_until "$PATIENCE" pid_differs hoard "$pid"
	assert_logged 'PSS for 1s, 32M allowed'
	assert_alerted limit hoard 'PSS for 1s, 32M allowed'
}

@test "memory that a server's child takes counts" {
	given_running hoard 'memory 64000000 --child' 'max_memory = 32M for 1s alert'

	leak_more hoard

	assert_alerted limit hoard 'PSS for 1s, 32M allowed'
}

@test "memory that a child shares with its parent counts once" {
	require python3
	mkdir -p "$SERVERS/pair"
	cat >"$SERVERS/pair/pair" <<-'END'
		import os, signal
		held = b"x" * (40 << 20)
		os.fork()
		signal.pause()
	END
	given_conf pair "dir = $SERVERS/pair" "command = '$(python)' pair" 'max_memory = 72M for 1s alert' 'max_fds = 2 for 1s alert'

	monitor_start pair
	assert_alerted limit pair 'open files' # that was looked at as often
	assert_left_alone pair

	run -1 grep -F max_memory "$ALERTS"
}

@test "a server that leaks descriptors is reported, and again when it is within its limit" {
	given_running hoard 'files 500' 'max_fds = 100 for 1s alert'

	leak_more hoard
	assert_alerted limit hoard 'open files for 1s, 100 allowed'
	leak_no_more hoard

	assert_alerted recovery hoard ''
	assert_equal alerts "$(alerted_times limit hoard)" 1
}

@test "descriptors of a child count, and the server is restarted if conf says so" {
	given_running hoard 'files 500 --child' 'max_fds = 100 for 1s restart'
	pid=$(pid_of hoard)

	leak_more hoard
	wait_until "$PATIENCE" is_gone "$pid"
	leak_no_more hoard

	wait_until "$PATIENCE" pid_differs hoard "$pid"
	assert_alerted limit hoard 'open files for 1s, 100 allowed'
}

@test "a server that spins is reported, with its part of a core" {
	given_running hoard spin 'max_cpu = 20% for 1s alert'

	leak_more hoard
	assert_alerted limit hoard 'max_cpu'
	[[ $(alert_of limit hoard) =~ max_cpu\ [0-9]+%\ for\ 1s,\ 20%\ allowed ]]
	leak_no_more hoard

	assert_alerted recovery hoard ''
	assert_equal alerts "$(alerted_times limit hoard)" 1
}

@test "a child that spins counts, and the server is restarted if conf says so" {
	given_running hoard 'spin --child' 'max_cpu = 20% for 1s restart'
	pid=$(pid_of hoard)

	leak_more hoard
	wait_until "$PATIENCE" is_gone "$pid"
	leak_no_more hoard

	wait_until "$PATIENCE" pid_differs hoard "$pid"
	assert_logged '%'
}

@test "children that come and go have worked as well" {
	mkdir -p "$SERVERS/busy"
	cat >"$SERVERS/busy/busy" <<-'END'
		#!/bin/sh
		while :; do
			sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done'
		done
	END
	chmod +x "$SERVERS/busy/busy"
	given_conf busy "dir = $SERVERS/busy" 'max_cpu = 20% for 1s alert'

	monitor_start busy

	assert_alerted limit busy '20% allowed'
}

@test "what a server takes while its monitor is stopped does not count as long as that" {
	given_running hoard 'memory 64000000' 'max_memory = 32M for 5s alert'
	helper=$(helper_of "$MONITOR")
	leak_more hoard
	wait_until "$PATIENCE" takes_more_than hoard 33000000

	kill -STOP "$helper"
	sleep 6 # the time itself is what is tested
	kill -CONT "$helper"
	for _ in 1 2 3; do
		suite_ends 0 signal WINCH hoard # which it answers when it has looked
	done

	assert_equal lines "$(logged_times limit)" 0
	assert_alerted limit hoard 'PSS for 5s, 32M allowed'
}

takes_more_than() {
	(($(status_of "$1" memory_bytes) > $2))
}

@test "a monitor that answers late tells of a limit once" {
	given_running hoard 'files 500' 'max_fds = 100 for 1s alert'

	kill -STOP "$MONITOR" # its helper tells again what is not answered within an interval
	leak_more hoard
	wait_until "$PATIENCE" is_up_for hoard 6
	kill -CONT "$MONITOR"

	assert_alerted limit hoard 'max_fds'
	assert_left_alone hoard
	assert_equal 'limits' "$(logged_times ' limit, ')" 1
	assert_equal 'alerts' "$(alerted_times limit hoard)" 1
}

@test "a server that is within its limits is left alone" {
	given_running hoard 'memory 16000000' 'max_memory = 64M for 1s restart' 'max_cpu = 90% for 1s restart' \
		'max_fds = 50 for 1s restart'

	leak_more hoard
	assert_left_alone hoard

	assert_equal starts "$(starts_of hoard)" 1
	run ! grep -q limit "$ALERTS"
}

@test "a limit that is not one is refused, with what to write" {
	given_leak hoard spin 'max_memory = 512M' 'max_cpu = 90 for 5m alert' 'max_fds = 100 for 1m kill'

	suite_ends 6 check

	assert_said_by_check 'max_memory: "512M" is no limit; write how much, for how long and what to do then, like 512M for 1m restart'
	assert_said_by_check 'max_cpu: "90" is not a part of a core; write it like 90%, or 400% for four cores'
	assert_said_by_check 'max_fds: "kill" is none of alert, restart'
}

assert_said_by_check() {
	grep -qF -- "$1" "$SAID"
}

@test "processor time is counted by identity: not that of a pid's earlier owner, nor twice that of a child that ended" {
	run -0 "$(python)" -I -S - "$ROOT/pyhelpers" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from health.usage import Meter

		def fields(ppid, ticks, own, children):
		    found = ["S", str(ppid)] + ["0"] * 20
		    found[11], found[13], found[19] = str(own), str(children), str(ticks)
		    return found

		meter = Meter()
		print(meter.gain({8: fields(1, 100, 500, 70), 9: fields(8, 200, 300, 0)}, 1000))
		# the child worked for 20 more, ended, was waited for; its pid is a grandchild of 5 ticks now; its parent worked for 1
		print(meter.gain({8: fields(1, 100, 501, 390), 9: fields(8, 1001, 5, 0)}, 1100))
		# an old process has joined with all its past; the other one has done nothing
		print(meter.gain({8: fields(1, 100, 501, 390), 7: fields(8, 50, 9000, 0), 9: fields(8, 1001, 5, 0)}, 1200))
	END

	assert_equal gains "$output" $'0\n26\n0'
}
