#!/usr/bin/env bats
# The resource agent for Pacemaker: what it answers, by the rules of OCF.

load helpers
load fixtures/orders

AGENT=$ROOT/conf/examples/fleet/ocf/monitor-server

# agent ACTION - call it for server a, as Pacemaker does
agent() {
	OCF_ROOT=/usr/lib/ocf OCF_RESKEY_name=${NAME-a} OCF_RESKEY_suite=$ROOT OCF_RESKEY_conf=$CONF OCF_RESKEY_state=$STATE \
		timeout 60 "${SHELL_WORDS[@]}" "$AGENT" "$@" 3>&-
}

@test "the agent starts, watches and stops a server, in this order and again; monitor tells 0, 7 and 1" {
	given_server a 'start = manual' 'give_up = 1 in 60s'
	given_server b
	run -7 agent monitor # no monitor, no server
	monitor_start all
	wait_until "$PATIENCE" state_is b RUNNING

	run -7 agent monitor
	run -0 agent start
	runs a
	run -0 agent start
	run -0 agent monitor
	run -0 agent stop
	state_is a STOPPED
	run -7 agent monitor
	run -0 agent stop
	run -0 agent start
	runs a
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" state_is a FATAL

	run -1 agent monitor
	run -0 agent stop
	run -7 agent monitor
	state_is b RUNNING
}

@test "the agent waits for a server that is being restarted, and takes it for running" {
	given_server a 'start = manual' 'backoff = 2s 2s'
	monitor_start all
	run -0 agent start
	runs a
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" state_is a BACKOFF

	run -0 agent monitor

	state_is a RUNNING
}

@test "a server of the agent is not started by a monitor that comes up, as after a boot" {
	given_server a 'start = manual'
	monitor_start all
	run -0 agent start
	runs a
	monitor_crash
	kill -KILL "$RUNS"
	sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' "$STATE/servers/a/record"
	monitor_start all
	wait_until "$PATIENCE" is_watched

	run -7 agent monitor
}

@test "what the agent cannot do has its own status: no such suite, server, action" {
	given_server a
	run -3 agent promote
	run -2 agent
	NAME=none run -6 agent monitor
	[[ $output == *'/servers/none.conf is not there; set name' ]]
	NAME='' run -6 agent validate-all
	ROOT=/nowhere run -5 agent monitor
	[[ $output == '/nowhere/monitor.sh is not there; set suite' ]]
	ROOT=/nowhere run -0 agent stop
	run -0 agent validate-all
}

@test "the agent describes itself by the rules of OCF, and ocf-tester finds nothing" {
	require xmllint ocf-tester
	run -0 agent meta-data
	xmllint --noout --dtdvalid /usr/share/resource-agents/ra-api-1.dtd --path /usr/share/resource-agents - <<<"$output"
	given_server a 'start = manual'
	monitor_start all
	wait_until "$PATIENCE" is_watched

	open_dir=$(mktemp -d) # ocf-tester takes no path with a blank, and has nobody look at it, too
	chmod 755 "$open_dir"
	ln -s "$ROOT" "$open_dir/suite"

	run -0 ocf-tester -n a -o name=a -o suite="$open_dir/suite" -o conf="$CONF" -o state="$STATE" \
		"$open_dir/suite${AGENT#"$ROOT"}" 3>&-
	rm -r "$open_dir"
	[[ $output == *'passed all tests'* ]]
}
