#!/usr/bin/env bats
# A hook hangs, floods, writes rubbish, forks away: none of it reaches the loop (field case 17).

load helpers

# given_wild_hook LINE... - msg_server, whose deaths go to a hook of these LINEs and to one that writes them down
given_wild_hook() {
	given_hook wild "$@"
	given_server msg_server 'alert = wild, sms'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

# dies_and_returns - msg_server is killed and comes back
dies_and_returns() {
	local old
	old=$(pid_of msg_server)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
}

# has_sent HOOK TIMES - do so many messages to HOOK lie in sent/?
has_sent() {
	[ "$(find "$STATE/alerts/sent" -name "*.$1.json" | wc -l)" -eq "$2" ]
}

was_alerted_times() {
	[ "$(wc -l <"$ALERTS")" -eq "$1" ]
}

@test "hook hangs: deaths are answered, and other hooks are called" {
	given_wild_hook 'exec tail -f /dev/null'

	dies_and_returns
	dies_and_returns

	wait_until "$PATIENCE" was_alerted_times 2
	has_sent wild 0
	monitor_stop
	# yash traps nothing while it reads, so the signal ends it
	[[ $MONITOR_STATUS == 0 || ${TEST_SHELL:-} == yash ]]
}

@test "hook floods: what it prints is capped" {
	given_wild_hook 'head -c 50000000 /dev/zero | tr "\\0" x'

	dies_and_returns

	wait_until "$PATIENCE" has_sent wild 1
	run -0 find "$STATE/alerts" "$PRINTED" -type f -size +64k
	assert_equal 'big files' "$output" ''
	dies_and_returns
	wait_until "$PATIENCE" has_sent wild 2
}

@test "hook writes rubbish: orders and events that it prints are not heard" {
	given_wild_hook 'printf "quit\nstop msg_server\nshutdown\ndown msg_server 1 signal KILL\nnext -\n\377\200\0"' \
		'printf "quit\nsent wild x 1\nhelper_gone\n\001\033" >&2'

	dies_and_returns

	wait_until "$PATIENCE" has_sent wild 1
	assert_left_alone msg_server
	dies_and_returns
	wait_until "$PATIENCE" was_alerted_times 2
	assert_equal 'starts' "$(starts_of msg_server)" 3
}

@test "hook forks away: its child, which keeps its output open, holds nothing up" {
	# shellcheck disable=SC2016 # it is the hook that expands this
	given_wild_hook 'tail -f /dev/null &' 'printf "%s\n" $! >>"${0%/*}/../../children"'

	dies_and_returns
	wait_until "$PATIENCE" has_sent wild 1
	dies_and_returns
	wait_until "$PATIENCE" has_sent wild 2

	wait_until "$PATIENCE" was_alerted_times 2
	monitor_crash
	monitor_start msg_server
	wait_until "$PATIENCE" is_watched
	dies_and_returns
}
