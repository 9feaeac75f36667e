#!/usr/bin/env bats
# Many orders at once: two operators with one server, one operator with many servers.

load helpers
load fixtures/orders

# all_are STATE - is that the state of every server of conf?
all_are() {
	! { suite status || :; } | grep -vE '^NAME |^[0-9]+ servers: ' | grep -qv "  $1 "
}

@test "two operators who stop a server at once both succeed, and it is stopped once" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server

	operator stop msg_server
	first=$OPERATOR
	operator stop msg_server

	operator_ends 0
	operator_ends 0 "$first"
	assert_equal 'lines about its end' "$(logged_times 'stopped by order')" 1
	is_gone "$RUNS"
}

@test "five operators with one server are answered each" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	asked=()
	kill -STOP "$(helper_of "$MONITOR")" # so that all orders wait when it goes on

	for word in clear 'signal CONT' clear 'signal WINCH' clear; do
		# shellcheck disable=SC2086 # two words
		operator $word msg_server
		asked+=("$OPERATOR")
		operator_says 'msg_server: waiting'
	done
	kill -CONT "$(helper_of "$MONITOR")"

	for pid in "${asked[@]}"; do
		operator_ends 0 "$pid"
	done
	running_as msg_server "$RUNS"
}

@test "stop while another operator's restart is under way: it stays stopped" {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
	operator restart msg_server
	operator_says 'state STOPPING'

	operator stop msg_server
	operator_says 'state STOPPING'
	: >"$SERVERS/msg_server/go"

	operator_ends 0
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "start while a stop is under way: it is started once it is gone" {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
	operator stop msg_server
	operator_says 'state STOPPING'

	operator start msg_server
	operator_says 'state STOPPING'
	: >"$SERVERS/msg_server/go"

	operator_ends 0
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	is_gone "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "restart of ten at once: each has one new process, none its old one" {
	given_sleepers 10
	monitor_start all
	wait_until "$PATIENCE" all_are RUNNING
	suite status --json >"$BATS_TEST_TMPDIR/before"

	suite_ends 0 restart all

	suite status --json >"$BATS_TEST_TMPDIR/after"
	all_are RUNNING
	assert_equal 'pids that both have' "$(comm -12 <(pids before) <(pids after) | wc -l)" 0
	assert_equal 'pids' "$(pids after | uniq | wc -l)" 10
	for pid in $(pids before); do
		is_gone "$pid"
	done
	assert_equal 'sleepers that live' "$(living_sleepers | wc -l)" 10
}

# pids FILE - prints the pids of what status --json wrote into that file, sorted
pids() {
	"$(python)" -I -S -c '
import json, sys
for server in json.load(open(sys.argv[1])):
    print(server["pid"])
' "$BATS_TEST_TMPDIR/$1" | sort
}

# living_sleepers - prints the pids of all that run the program of given_sleepers
living_sleepers() {
	find /proc/[0-9]* -maxdepth 1 -name exe -lname "$SERVERS/sleeper" 2>/dev/null | cut -d / -f 3
}

@test "orders for 200 servers in a burst: stop, start, restart of each" {
	given_sleepers 200
	monitor_start all
	wait_until 60 all_are RUNNING

	suite_ends 0 stop all
	assert_equal 'answers' "$(grep -c ': stopped$' "$SAID")" 200
	[ -z "$(living_sleepers)" ]
	suite_ends 0 start "${SLEEPERS[@]}"
	assert_equal 'answers' "$(grep -c ': running, pid ' "$SAID")" 200
	suite_ends 0 restart 's*'

	wait_until "$PATIENCE" all_are RUNNING
	assert_equal 'sleepers that live' "$(living_sleepers | wc -l)" 200
}

@test "orders for 200 servers whose operator does not wait: each is carried out" {
	given_sleepers 200
	monitor_start all
	wait_until 60 all_are RUNNING

	for number in "${!SLEEPERS[@]}"; do
		printf '%s '"${SLEEPERS[number]} $number.%s\n" stop 1 start 2 stop 3
	done | put_in_mailbox

	wait_until 60 all_are STOPPED
	[ -z "$(living_sleepers)" ]
}
