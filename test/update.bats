#!/usr/bin/env bats
# Conf is read again, and only what changed is touched. A fault anywhere changes nothing.

load helpers
load fixtures/orders

# given_ten NAMES - s1 to s10, RUNNING under a monitor of `all`; $BEFORE holds their pids
given_ten() {
	local number
	for number in 1 2 3 4 5 6 7 8 9 10; do
		given_server "s$number"
	done
	monitor_start all
	for number in 1 2 3 4 5 6 7 8 9 10; do
		wait_until 10 state_is "s$number" RUNNING
	done
	BEFORE=$(pids_but none)
}

# pids_but NAME - prints the names and pids of all servers but that one
pids_but() {
	suite status --json | sed 's/}, {/}\n{/g' | sed -n 's/.*"name": "\([^"]*\)".*"pid": \([0-9]*\).*/\1 \2/p' | grep -v "^$1 "
}

is_taken_over() {
	[ ! -e "$STATE/monitors/$MONITOR/plan" ]
}

@test "nine unchanged servers keep their pids when the tenth changes" {
	given_ten
	printf 'environment = COLOUR=blue\n' >>"$CONF/servers/s4.conf"

	suite_ends 0 update

	assert_equal 'plan' "$(grep -v COLOUR "$SAID")" 's4: restart (environment changed)'
	assert_equal 'the nine' "$(pids_but s4)" "$(grep -v '^s4 ' <<<"$BEFORE")"
	state_is s4 RUNNING
	grep -qzx COLOUR=blue "/proc/$(pid_of s4)/environ"
}

@test "--dry-run prints the plan and changes nothing" {
	given_ten
	rm "$CONF/servers/s1.conf"
	given_server s11
	printf 'nice = 19\n' >>"$CONF/servers/s2.conf"
	printf 'give_up = 3 in 60s\n' >>"$CONF/servers/s3.conf"

	suite_ends 0 update --dry-run

	assert_equal 'plan' "$(sort "$SAID")" "$(printf '%s\n' 's11: new, start' 's1: stop, no longer in conf' \
		's2: restart (nice changed)' 's3: apply without restart (give_up)' | sort)"
	assert_equal 'pids' "$(pids_but s11 | sort)" "$(sort <<<"$BEFORE")"
}

@test "a server that is stopped by order stays so, and update does not wait for it" {
	given_running msg_server
	suite_ends 0 stop msg_server
	printf 'environment = COLOUR=blue\n' >>"$CONF/servers/msg_server.conf"

	suite_ends 0 update

	wait_until "$PATIENCE" is_taken_over
	state_is msg_server STOPPED
	assert_equal starts "$(starts_of msg_server)" 1
}

@test "a new server is started, one that is gone from conf is stopped" {
	given_ten
	gone=$(pid_of s1)
	rm "$CONF/servers/s1.conf"
	given_server s11

	suite_ends 0 update

	state_is s11 RUNNING
	is_gone "$gone"
	assert_equal 'the nine' "$(pids_but s11 | sort)" "$(grep -v '^s1 ' <<<"$BEFORE" | sort)"
}

@test "an alert that the disk refused outlives an update" {
	given_hook sms
	given_server a
	monitor_start a
	wait_until "$PATIENCE" state_is a RUNNING
	old=$(pid_of a)
	mkdir -p "$STATE/alerts"
	rm -rf "$STATE/alerts/new"
	: >"$STATE/alerts/new" # what is written below it is refused, as on a full disk
	kill -KILL "$old"
	assert_said 'alerts cannot be written'
	wait_until "$PATIENCE" pid_differs a "$old"
	printf 'environment = MORE=1\n' >>"$CONF/servers/a.conf"

	suite_ends 0 update
	rm "$STATE/alerts/new"

	assert_alerted death a 'a died (signal KILL'
}

@test "a death that is answered just before the helper takes over a new conf is alerted" {
	given_running a b
	runs a
	helper=$(helper_of "$MONITOR")
	kill -STOP "$helper"
	printf 'alert_on = give_up\n' >>"$CONF/servers/b.conf"
	operator update
	wait_until "$PATIENCE" test -e "$STATE/monitors/$MONITOR/settled.new"

	helper_tells update 0 ''
	helper_tells_death 1 a "$RUNS"
	kill -CONT "$helper"

	assert_alerted death a 'a died (signal SEGV'
}

@test "the policy of a server is its own, whichever is the first in conf and whatever that gets" {
	given_server a
	given_server b
	monitor_start all
	runs a
	given_server 0 'restart = never'
	printf 'restart = never\n' >>"$CONF/servers/a.conf"
	suite_ends 0 update
	runs 0
	first=$RUNS
	runs a
	a=$RUNS
	runs b

	kill -KILL "$first" "$a" "$RUNS"

	wait_until "$PATIENCE" pid_differs b "$RUNS"
	wait_until "$PATIENCE" state_is 0 EXITED
	wait_until "$PATIENCE" state_is a EXITED
}

@test "one error in one file, and nothing changes" {
	given_ten
	printf 'nice = 19\n' >>"$CONF/servers/s2.conf"
	printf 'restrat = never\n' >>"$CONF/servers/s3.conf"

	suite_ends 6 update

	assert_answered 's3.conf:'
	assert_answered 'did you mean restart?'
	sed -i '/restrat/d' "$CONF/servers/s3.conf"
	assert_equal 'pids' "$(pids_but none)" "$BEFORE"
}

@test "SIGHUP does the same, and a policy applies without a restart" {
	[ "$TEST_SHELL" != yash ] || skip 'yash runs no trap while it reads; HUP ends it'
	given_ten
	printf 'restart = never\n' >>"$CONF/servers/s5.conf"
	old=$(pid_of s5)

	kill -HUP "$MONITOR"

	wait_until 10 grep -q 's5: apply without restart (restart)' "$PRINTED"
	wait_until 10 is_taken_over
	assert_equal 'pid' "$(pid_of s5)" "$old"
	kill -KILL "$old"
	wait_until 5 state_is s5 EXITED
	assert_logged "Server s5 exited, pid=$old, left alone (signal KILL)"
}

@test "a death after an update is reported with its cause, and answered" {
	given_ten
	printf 'alert_on = give_up\n' >>"$CONF/servers/s7.conf"
	suite_ends 0 update
	old=$(pid_of s8)

	kill -SEGV "$old"

	wait_until 5 pid_differs s8 "$old"
	assert_logged "Server s8 stopped, pid=$old, restarting... (signal SEGV"
}

@test "update without a monitor says so" {
	given_server msg_server

	suite_ends 7 update

	assert_answered 'no monitor runs with'
}

@test "update takes no names" {
	given_server msg_server

	suite_ends 2 update msg_server

	assert_answered 'update takes --dry-run and --timeout, not msg_server'
}

@test "a server with an @ in its name is gone with its file, though NAME has one" {
	given_server web
	given_server web@blue
	monitor_start web web@blue
	wait_until "$PATIENCE" state_is web@blue RUNNING
	rm "$CONF/servers/web@blue.conf"

	suite_ends 0 update

	assert_answered 'web@blue: stop, no longer in conf'
	state_is web RUNNING
}

@test "a server that was given up, or left down, stays so through an update that is not about it" {
	given_server fatal 'command = ./fatal --exit 1' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	given_server ended 'command = ./ended --exit 0' 'restart = never'
	given_server other
	monitor_start all
	wait_until "$PATIENCE" state_is fatal FATAL
	wait_until "$PATIENCE" state_is ended EXITED
	runs other
	printf 'alert_on = give_up\n' >>"$CONF/servers/other.conf"

	suite_ends 0 update

	assert_left_alone other
	state_is fatal FATAL
	state_is ended EXITED
	assert_equal 'starts' "$(starts_of fatal)+$(starts_of ended)" 2+1
	message_says fatal 'it ended while it started (exit 1); 2 failures in 60s; mend that, then ./monitor.sh clear fatal'
	suite_ends 1 start fatal
	wait_until "$PATIENCE" starts_are fatal 4
}

starts_are() {
	[ "$(starts_of "$1")" = "$2" ]
}

@test "a server that was given up is tried again by an update that changes it" {
	given_server fatal 'command = ./fatal --exit 1' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	monitor_start fatal
	wait_until "$PATIENCE" state_is fatal FATAL
	sed -i 's/ --exit 1//' "$CONF/servers/fatal.conf"

	suite_ends 0 update

	wait_until "$PATIENCE" state_is fatal RUNNING
}

@test "an instance that gets a file of its own with the same settings is left alone" {
	given_server web 'command = ./web --port {port}' "port = $(free_port)"
	port=$(free_port)
	monitor_start "web@$port"
	wait_until "$PATIENCE" state_is "web@$port" RUNNING
	grep -v '^port' "$CONF/servers/web.conf" >"$CONF/servers/web@$port.conf"

	suite_ends 0 update

	assert_answered 'nothing changes'
}
