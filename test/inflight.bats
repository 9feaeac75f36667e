#!/usr/bin/env bats
# An order that was accepted is carried out and answered: its operator shares the moment with many others, a later order
# replaces it, or the helper dies over it.

load helpers
load fixtures/orders

# given_slow - msg_server, RUNNING, ends after TERM only when let_go says so; $RUNS is its pid
given_slow() {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
}

let_go() {
	: >"$SERVERS/msg_server/go"
}

# is_taken - has the helper read all that operators have written?
is_taken() {
	is_read "$(mailbox)"
}

# helper_dies - the helper of the monitor is killed, and gone
helper_dies() {
	local helper
	expect_helper_deaths
	helper=$(helper_of "$MONITOR")
	kill -KILL "$helper"
	wait_until "$PATIENCE" is_gone "$helper"
}

# accepted_and_lost WORD - the helper takes the order WORD, and dies before the shell has read it
accepted_and_lost() {
	kill -STOP "$MONITOR"
	operator "$1" msg_server
	operator_says 'msg_server: waiting'
	wait_until "$PATIENCE" is_taken
	helper_dies
	kill -CONT "$MONITOR"
}

@test "thirty operators who order one server in the same moment are answered each" {
	given_running msg_server
	asked=()
	kill -STOP "$MONITOR"

	for _ in {1..30}; do
		operator clear msg_server
		asked+=("$OPERATOR")
	done
	operator_says 'msg_server: waiting'
	kill -CONT "$MONITOR"

	for pid in "${asked[@]}"; do
		operator_ends 0 "$pid"
	done
	running_as msg_server "$RUNS"
}

@test "the file of answers stays small, and its newest line is there" {
	given_running msg_server

	for number in {1..3000}; do
		printf 'clear msg_server 123456789.%s\n' "$number"
	done | put_in_mailbox

	wait_until "$PATIENCE" grep -qx '123456789.3000 0' "$STATE/servers/msg_server/answers"
	[ "$(wc -c <"$STATE/servers/msg_server/answers")" -le 65536 ]
}

@test "stop that a later start replaces: it ends with 1 at once and says so" {
	given_slow
	operator stop msg_server
	operator_says 'state STOPPING'
	stopping=$OPERATOR

	operator start msg_server

	operator_ends 1 "$stopping"
	grep -qx 'msg_server: overtaken by a later start' "$BATS_TEST_TMPDIR"/operator.*
	kill -0 "$RUNS"
	let_go
	operator_ends 0
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
}

@test "restart that a later stop replaces: it ends with 1 at once and says so" {
	given_slow
	operator restart msg_server
	operator_says 'state STOPPING'
	restarting=$OPERATOR

	operator stop msg_server

	operator_ends 1 "$restarting"
	grep -qx 'msg_server: overtaken by a later stop' "$BATS_TEST_TMPDIR"/operator.*
	let_go
	operator_ends 0
	state_is msg_server STOPPED
}

@test "the helper dies over a stop that it has taken: the server is stopped, and the operator gets 0" {
	given_running msg_server

	accepted_and_lost stop

	operator_ends 0
	is_gone "$RUNS"
	state_is msg_server STOPPED
	assert_equal 'wanted' "$(status_of msg_server want)" down
	assert_equal 'stops' "$(logged_times 'stopped by order')" 1
}

@test "the helper dies over a start that it has taken: the server runs, and the operator gets 0" {
	given_running msg_server
	suite_ends 0 stop msg_server

	accepted_and_lost start

	operator_ends 0
	state_is msg_server RUNNING
	assert_equal 'wanted' "$(status_of msg_server want)" up
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "the helper dies over a restart that it has taken: one new process, and the operator gets 0" {
	given_running msg_server

	accepted_and_lost restart

	operator_ends 0
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	is_gone "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "the helper dies over a pause that it has taken: the server is paused, and the operator gets 0" {
	given_running msg_server

	accepted_and_lost pause

	operator_ends 0
	state_is msg_server PAUSED
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"
	wait_until "$PATIENCE" message_says msg_server 'ended while it was paused'
}

@test "the helper dies while it carries out a restart: that goes on" {
	given_slow
	operator restart msg_server
	operator_says 'state STOPPING'

	helper_dies
	let_go

	operator_ends 0
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "orders that come while no helper lives wait for the next one" {
	given_running msg_server
	kill -STOP "$MONITOR"
	helper_dies

	operator stop msg_server
	operator_says 'msg_server: waiting'
	kill -CONT "$MONITOR"

	operator_ends 0
	state_is msg_server STOPPED
}

@test "update in the middle of a flood of orders: no side waits for the other, and each order is answered" {
	given_running msg_server
	printf 'alert_on = give_up\n' >>"$CONF/servers/msg_server.conf"
	kill -STOP "$MONITOR"
	seq -f 'clear msg_server 1.%.0f' 1000 | put_in_mailbox
	operator update
	operator_says 'apply without restart'
	wait_until "$PATIENCE" test -e "$STATE/monitors/$MONITOR/plan"
	seq -f 'clear msg_server 2.%.0f' 4000 | put_in_mailbox &

	kill -CONT "$MONITOR"

	operator_ends 0
	wait_until "$PATIENCE" grep -qx '2.4000 0' "$STATE/servers/msg_server/answers"
	suite_ends 0 stop msg_server
	assert_equal 'helpers that were started again' "$(grep -c 'starting another' "$PRINTED")" 0
}

@test "what a full pipe to the shell does not take waits, and goes on to the next watcher of an update" {
	run -0 "$(python)" -E -s -c '
import os, sys
sys.path.insert(0, sys.argv[1])
from loop.loop import Loop
from watch.shell_link import ShellLink

os.chdir(sys.argv[2])
for name in ("events", "orders"):
    os.mkfifo(name)
shell = os.open("events", os.O_RDWR), os.open("orders", os.O_RDWR)
first = ShellLink(".", Loop(), lambda word, fields: None)
for number in range(5000):
    first.emit("say", 0, f"{number} " + "x" * 60)
kept = first.keep_over_exec() + b"stop\t1\nkeep"
obeyed = []
second = ShellLink(".", Loop(), lambda word, fields: obeyed.append((word, fields)))
second.take_over(kept)
second.emit("reloaded", 0, "")
os.write(shell[1], b"\t2\t0\t-\n")
loop, text = second._loop, b""

def listen() -> None:
    global text
    text += os.read(shell[0], 1 << 16)
    loop.ended = b" reloaded " in b" " + text.split(b"\n")[-2] and len(obeyed) == 2

loop.on_readable(shell[0], listen)
loop.run()
numbers = [line.split()[4] for line in text.decode().splitlines()[:-1]]
assert numbers == [str(number) for number in range(5000)], numbers[-1]
assert obeyed == [("stop", ["1"]), ("keep", ["2", "0", "-"])], obeyed
print("good")
' "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"

	assert_equal 'it' "$output" good
}
