#!/usr/bin/env bats
# The suite survives its own deaths: servers live on, nothing is started twice, no death is missed.

load helpers

@test "when its helper is killed, the monitor starts another and restarts no server" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	helper=$(helper_of "$MONITOR")

	expect_helper_deaths
	kill -KILL "$helper"

	wait_until "$PATIENCE" helper_differs "$helper"
	assert_left_alone msg_server
	assert_equal 'pid' "$(pid_of msg_server)" "$old"
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

@test "a death in the gap between two helpers is still answered" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is route_server RUNNING
	old=$(pid_of msg_server)
	other=$(pid_of route_server)
	helper=$(helper_of "$MONITOR")

	kill -STOP "$helper" # it will see nothing of what comes
	kill -KILL "$old"
	expect_helper_deaths
	kill -KILL "$helper"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	assert_logged "Server msg_server stopped, pid=$old, restarting..."
	assert_moved "log_${old}_1.txt"
	assert_alerted death msg_server ''
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
	assert_left_alone route_server
	assert_equal 'pid of the other' "$(pid_of route_server)" "$other"
}

@test "when the monitor is killed its servers live, and the next monitor adopts them" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)

	kill -KILL "$MONITOR"
	wait_until "$PATIENCE" is_gone "$MONITOR"
	monitor_start msg_server

	assert_adopted msg_server "$old"
	assert_equal 'mode' "$(status_of msg_server mode)" adopted
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'lines about its end' "$(logged_times 'Server msg_server stopped')" 0
}

@test "the helper of a killed monitor leaves too" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	helper=$(helper_of "$MONITOR")

	kill -KILL "$MONITOR"

	wait_until "$PATIENCE" is_gone "$helper"
	run -1 is_gone "$(<"$SERVERS/msg_server/starts")"
}

@test "the death of an adopted server is answered like any other" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	monitor_crash
	monitor_start msg_server
	assert_adopted msg_server "$old"

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	assert_logged "Server msg_server stopped, pid=$old, restarting..."
	assert_moved "log_${old}_1.txt"
	assert_alerted death msg_server ''
}

@test "a server that died while no monitor ran is started by the next one" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	monitor_crash

	kill -KILL "$old"
	wait_until "$PATIENCE" is_gone "$old"
	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	assert_logged "Server msg_server stopped, pid=$old, restarting..."
	assert_moved "log_${old}_1.txt"
	assert_alerted death msg_server ''
}

# status_after SIGNAL - prints what the monitor must end with: 0, but yash traps nothing while it reads, so the signal ends it
status_after() {
	case ${SHELL_WORDS[0]} in
	yash) printf '%s\n' $((128 + $(kill -l "$1"))) ;;
	*) printf '0\n' ;;
	esac
}

# leaves_by SIGNAL - a monitor that gets it is gone, good, with its helper; its server lives; the next one can start
leaves_by() {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	helper=$(helper_of "$MONITOR")

	monitor_stop "$1"

	assert_equal 'exit status' "$MONITOR_STATUS" "$(status_after "$1")"
	wait_until "$PATIENCE" is_gone "$helper"
	monitor_start msg_server
	assert_adopted msg_server "$old"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "SIGTERM ends the monitor; servers live on" {
	leaves_by TERM
}

@test "SIGINT ends the monitor; servers live on" {
	leaves_by INT
}

@test "SIGTERM ends a monitor that waits to try again" {
	given_server msg_server 'command = ./msg_server --exit 1' 'backoff = 60s 60s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server BACKOFF

	monitor_stop TERM

	assert_equal 'exit status' "$MONITOR_STATUS" "$(status_after TERM)"
}

@test "a shell that stood still for many intervals: one death is one incident, one restart, one message" {
	given_server msg_server 'give_up = 4 in 60s'
	given_server route_server
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is route_server RUNNING
	old=$(pid_of msg_server)
	up=$(status_of route_server uptime)

	kill -STOP "$MONITOR"
	kill -KILL "$old"
	wait_until "$PATIENCE" is_up_for route_server $((${up%%.*} + 9))
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_alerted death msg_server 'signal KILL'
	assert_left_alone msg_server
	assert_equal 'lines about its end' "$(logged_times "Server msg_server stopped, pid=$old")" 1
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

helper_differs() {
	local now
	now=$(helper_of "$MONITOR")
	[ -n "$now" ] && [ "$now" != "$1" ]
}

@test "a message in UTF-8, of a name that is none, ends no monitor that runs without a locale" {
	[[ ${TEST_SHELL:-} != yash || $ROOT != *[^[:ascii:]]* ]] ||
		skip 'without a locale yash cannot read the path of the suite'
	given_server msg_server "pid_from = pidfile 消息.pid, own"
	printf 'p\377d\n' >"$SERVERS/msg_server/消息.pid"
	unset LANG LC_CTYPE
	export LC_ALL=C

	monitor_start msg_server

	assert_said 消息.pid
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_left_alone msg_server
	assert_equal 'helpers that were started again' "$(grep -c 'starting another' "$PRINTED" || :)" 0
}
