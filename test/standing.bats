#!/usr/bin/env bats
# Where the next death can only be answered with a start at once, the helper starts the server before the shell hears of
# it: also while the shell stands still.  No death is lost by that, told twice, or answered with a second copy.

load helpers
load fixtures/orders

# settled NAME - NAME is RUNNING, and the helper knows what the shell has decided for its next death; $RUNS is its pid
settled() {
	runs "$1"
	suite_ends 0 clear "$1" # behind that decision in the pipe
}

# killed_while_shell_stands NAME - the monitor's shell is stopped, and NAME is killed; $OLD was its pid
killed_while_shell_stands() {
	settled "$1"
	OLD=$RUNS
	kill -STOP "$MONITOR"
	kill -KILL "$OLD"
	wait_until "$PATIENCE" is_gone "$OLD"
}

# has_started NAME TIMES - was the stand-in of NAME executed so often?
has_started() {
	[ "$(starts_of "$1")" -eq "$2" ]
}

# deaths_told NAME - prints how many deaths of NAME history.jsonl has
deaths_told() {
	grep -c "\"event\":\"death\".*\"server\":\"$1\"" "$STATE/history.jsonl" || :
}

# assert_told_once NAME OLD - its only death is told once, everywhere, and one copy of it runs
assert_told_once() {
	wait_until "$PATIENCE" state_is "$1" RUNNING
	wait_until "$PATIENCE" pid_differs "$1" "$2"
	assert_logged "Server $1 stopped, pid=$2, restarting..."
	assert_alerted death "$1" ''
	assert_left_alone "$1"
	assert_equal 'deaths in history.jsonl' "$(deaths_told "$1")" 1
	assert_equal 'lines about its end' "$(logged_times "Server $1 stopped")" 1
	assert_equal 'starts' "$(starts_of "$1")" 2
	assert_equal 'alerts' "$(alerted_times death "$1")" 1
}

# assert_not_started NAME TIMES - while the shell stands still, NAME is not started more often
# `other`, which dies too, is started then: so much time the helper had.
assert_not_started() {
	local before
	before=$(starts_of other)
	kill -KILL "$(tail -n 1 "$SERVERS/other/starts")"
	wait_until "$PATIENCE" has_started other $((before + 1))
	assert_equal "starts of $1" "$(starts_of "$1")" "$2"
}

@test "a server that dies while the shell stands still is back at once; then the death is told, once" {
	given_server a
	monitor_start a
	killed_while_shell_stands a

	wait_until "$PATIENCE" has_started a 2

	assert_equal 'lines about its end' "$(logged_times 'Server a stopped')" 0
	kill -CONT "$MONITOR"
	assert_told_once a "$OLD"
	assert_logged 'Server a restarted, pid='
	assert_equal 'restarts' "$(status_of a restarts)" 1
}

@test "shell and helper are killed before the shell has heard of it: the next monitor tells that death, once" {
	given_server a
	monitor_start a
	killed_while_shell_stands a
	wait_until "$PATIENCE" has_started a 2

	monitor_crash
	monitor_start a

	assert_told_once a "$OLD"
}

@test "the helper is killed before the shell has heard of it, and the server too: both deaths are told" {
	given_server a
	monitor_start a
	killed_while_shell_stands a
	wait_until "$PATIENCE" has_started a 2
	new=$(tail -n 1 "$SERVERS/a/starts")
	wait_until "$PATIENCE" is_recorded a "$new"

	expect_helper_deaths
	kill -KILL "$(helper_of "$MONITOR")"
	kill -KILL "$new"
	wait_until "$PATIENCE" is_gone "$new"
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" has_started a 3
	wait_until "$PATIENCE" state_is a RUNNING
	assert_left_alone a
	assert_equal 'starts' "$(starts_of a)" 3
	for pid in "$OLD" "$new"; do
		assert_equal "deaths of $pid" "$(grep -c "\"event\":\"death\".*\"pid\":$pid," "$STATE/history.jsonl")" 1
	done
}

# is_recorded NAME PID - does its record name that process?
is_recorded() {
	[ "$(sed -n 's/^pid //p' "$STATE/servers/$1/record" | tail -n 1)" = "$2" ]
}

@test "a standing order is for one death: the next one waits for the shell, which tells both" {
	given_server a 'start_seconds = 0s'
	given_server other
	monitor_start a other
	settled other
	killed_while_shell_stands a
	wait_until "$PATIENCE" has_started a 2
	new=$(tail -n 1 "$SERVERS/a/starts")
	wait_until "$PATIENCE" is_recorded a "$new"
	wait_until "$PATIENCE" is_up_in_record a

	kill -KILL "$new"
	wait_until "$PATIENCE" is_gone "$new"
	assert_not_started a 2
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" has_started a 3
	wait_until "$PATIENCE" state_is a RUNNING
	assert_left_alone a
	assert_equal 'deaths in history.jsonl' "$(deaths_told a)" 2
	assert_equal 'starts' "$(starts_of a)" 3
}

# is_up_in_record NAME - does the last block of its record say RUNNING?
is_up_in_record() {
	[ "$(sed -n 's/^state //p' "$STATE/servers/$1/record" | tail -n 1)" = RUNNING ]
}

@test "an order to stop that comes before the shell has heard of the death ends the new process" {
	given_server a
	monitor_start a
	killed_while_shell_stands a
	wait_until "$PATIENCE" has_started a 2
	new=$(tail -n 1 "$SERVERS/a/starts")

	operator stop a
	kill -CONT "$MONITOR"
	operator_ends 0

	assert_equal 'state' "$(status_of a state)" STOPPED
	is_gone "$new"
	assert_equal 'starts' "$(starts_of a)" 2
}

@test "a start ahead that fails is told behind the death, and the next try waits as conf says" {
	given_server a 'backoff = 0s 60s'
	monitor_start a
	settled a
	OLD=$RUNS
	kill -STOP "$MONITOR"
	mv "$SERVERS/a" "$SERVERS/away" # what the helper finds by itself, without a child
	kill -KILL "$OLD"
	wait_until "$PATIENCE" is_gone "$OLD"
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" state_is a BACKOFF
	assert_logged "Server a stopped, pid=$OLD, restarting..."
	assert_logged 'Server a not started, next try in 1s'
	assert_equal 'deaths in history.jsonl' "$(deaths_told a)" 1
	assert_equal 'first lines' "$(grep -oE 'a (stopped|not started)' "$STATE/restart.log" | head -n 2 | tr '\n' ',')" 'a stopped,a not started,'
}

@test "where a death may have another answer, the shell is asked: restart, give_up, needs, a wait" {
	given_server other
	given_server unexpected 'restart = unexpected'
	given_server never 'restart = never'
	given_server once 'give_up = 1 in 1m'
	given_server slow 'backoff = 1s 60s'
	given_server needy 'needs = other'
	monitor_start other unexpected never once slow needy
	for name in unexpected never once slow needy other; do
		settled "$name"
	done

	kill -STOP "$MONITOR"
	for name in unexpected never once slow needy; do
		kill -KILL "$(<"$SERVERS/$name/starts")"
	done
	assert_not_started unexpected 1
	for name in never once slow needy; do
		assert_equal "starts of $name" "$(starts_of "$name")" 1
	done
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" has_started unexpected 2
	wait_until "$PATIENCE" has_started needy 2
	wait_until "$PATIENCE" state_is never EXITED
	wait_until "$PATIENCE" state_is once FATAL
}

@test "the failure after which a server is given up is answered by the shell" {
	given_server other
	given_server a 'give_up = 3 in 1h'
	monitor_start a other
	for number in 1 2; do
		wait_until "$PATIENCE" has_started a "$number"
		runs a
		last=$RUNS
		settled other
		kill -STOP "$MONITOR"
		kill -KILL "$last"
		wait_until "$PATIENCE" has_started a $((number + 1))
		kill -CONT "$MONITOR"
	done
	runs a
	last=$RUNS
	settled other

	kill -STOP "$MONITOR"
	kill -KILL "$last"
	wait_until "$PATIENCE" is_gone "$last"
	assert_not_started a 3
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" state_is a FATAL
}

@test "a death in the record that makes no sense is none" {
	given_server a
	monitor_start a
	runs a
	monitor_crash
	sed -i 's/^end$/untold 12 rubbish\nend/' "$STATE/servers/a/record"

	monitor_start a

	assert_adopted a "$RUNS"
	assert_equal 'deaths in history.jsonl' "$(deaths_told a)" 0
}

@test "a death that comes while orders are carried out waits for one of them, not for all" {
	mkfifo "$BATS_TEST_TMPDIR/events" "$BATS_TEST_TMPDIR/orders"
	run -0 "$(python)" -E -s -c '
import os, sys
sys.path.insert(0, sys.argv[1])
from loop.loop import Loop
from watch.shell_link import ShellLink

run_dir, seen, (died, death) = sys.argv[2], [], os.pipe()
shell = [os.open(f"{run_dir}/{name}", os.O_RDWR) for name in ("events", "orders")]
loop = Loop()
link = ShellLink(run_dir, loop, lambda word, fields: (seen.append(word), os.write(death, b".") if word == "first" else 0))
loop.on_readable(died, lambda: (seen.append("death"), os.read(died, 1)))
os.write(shell[1], b"first\nsecond\nthird\nfou")
os.write(shell[1], b"rth\n")
os.close(shell[1])
loop.run()
print(*seen)' "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"

	assert_equal 'order' "$output" 'first death second third fourth'
}

@test "start_seconds = 0: the death is told before the start that answers it, however soon that counts" {
	given_server a 'start_seconds = 0s'
	monitor_start a
	for number in 2 3 4; do
		settled a
		kill -KILL "$RUNS"
		wait_until "$PATIENCE" has_started a "$number"
	done
	wait_until "$PATIENCE" logged_so_often 3

	assert_equal 'lines' "$(grep -oE 'Server a (started|stopped|restarted)' "$STATE/restart.log" | cut -d ' ' -f 3 | paste -sd ' ')" \
		'started stopped restarted stopped restarted stopped restarted'
}

# logged_so_often NUMBER - has restart.log as many restarts of a?
logged_so_often() {
	[ "$(logged_times 'Server a restarted')" = "$1" ]
}

# helper_stopped - the helper is stopped, with an operator's update before it; $HELPER is its pid, $OPERATOR the update
helper_stopped() {
	HELPER=$(helper_of "$MONITOR")
	kill -STOP "$HELPER"
	printf 'give_up = 9 in 60s\n' >>"$CONF/servers/other.conf"
	operator update
	wait_until "$PATIENCE" is_unread "$(mailbox)"
}

# tell_shell_to_update - in place of the helper, which would say it one turn of its loop too early
tell_shell_to_update() {
	printf 'update 0 %s 2026-01-01T00:00:00.000+00:00 \n' "$(cut -d . -f 1 /proc/uptime)" >"$STATE/monitors/$MONITOR/events"
}

is_unread() {
	! is_read "$1"
}

# update_ends_with_both_told FIRST SECOND - the helper goes on; both deaths of `a` are told once, and there was an alert
# for each
update_ends_with_both_told() {
	local pid
	kill -CONT "$HELPER"
	operator_ends 0
	wait_until "$PATIENCE" has_started a 3
	runs a
	assert_left_alone a
	assert_equal 'starts' "$(starts_of a)" 3
	for pid in "$1" "$2"; do
		assert_equal "deaths of $pid in history.jsonl" "$(grep -c "\"event\":\"death\".*\"pid\":$pid," "$STATE/history.jsonl")" 1
		assert_equal "lines about the end of $pid" "$(logged_times "Server a stopped, pid=$pid,")" 1
		assert_equal "alerts for $pid" "$(grep -l "a-$pid-" "$STATE"/alerts/sent/* | wc -l)" 1
	done
}

@test "a death that is answered in the turn in which a new conf is taken over is told afterwards, once" {
	given_server a
	given_server other
	monitor_start a other
	settled a
	first=$RUNS
	kill -KILL "$first"
	wait_until "$PATIENCE" has_started a 2
	settled a
	second=$RUNS

	helper_stopped
	kill -KILL "$second" # the helper will see this first, and the order behind it in the same turn of its loop
	wait_until "$PATIENCE" is_gone "$second"
	tell_shell_to_update
	wait_until "$PATIENCE" is_unread "$STATE/monitors/$MONITOR/orders"

	update_ends_with_both_told "$first" "$second"
}

@test "a death behind one whose end the helper could not be told, for a new conf is taken over, has an alert of its own" {
	given_server a 'restart = unexpected' 'start_seconds = 1s' # the shell is asked each time
	given_server other
	monitor_start a other
	runs a
	first=$RUNS
	kill -KILL "$first"
	wait_until "$PATIENCE" has_started a 2
	second=$(tail -n 1 "$SERVERS/a/starts")
	wait_until "$PATIENCE" is_recorded a "$second" # behind the order to start it, which has told the helper of the incident
	kill -STOP "$MONITOR"
	tell_shell_to_update
	wait_until "$PATIENCE" is_up_in_record a

	helper_stopped
	kill -KILL "$second" # the helper will see this first
	wait_until "$PATIENCE" is_gone "$second"
	kill -CONT "$MONITOR"
	wait_until "$PATIENCE" is_read "$STATE/monitors/$MONITOR/events"
	wait_until "$PATIENCE" is_unread "$STATE/monitors/$MONITOR/orders"

	update_ends_with_both_told "$first" "$second"
}
