#!/usr/bin/env bats
# Someone who does not read what the monitor prints holds up nothing; what cannot be printed is counted.

load helpers
load fixtures/orders

# given_full_pipe - the monitors of this test print into a pipe that is full, and whose reader does not read
given_full_pipe() {
	PRINTED=$BATS_TEST_TMPDIR/pipe
	mkfifo "$PRINTED"
	exec {PIPE}<>"$PRINTED"
	dd if=/dev/zero bs=4096 oflag=nonblock of="$PRINTED" status=none 2>/dev/null || :
}

teardown() {
	[ -z "${PIPE:-}" ] || exec {PIPE}>&-
	PRINTED=$BATS_TEST_TMPDIR/monitor.out
	show_evidence
	end_everything
}

# reads_pipe TEXT - what the monitor prints is read, until a line of it holds TEXT
reads_pipe() {
	timeout "$PATIENCE" grep -aqF -m 1 -- "$1" <"$PRINTED"
}

@test "a pipe that is not read: deaths are answered, orders carried out, and TERM ends the monitor" {
	given_server route_server
	given_full_pipe
	given_running msg_server
	first=$RUNS

	kill -KILL "$first"
	wait_until "$PATIENCE" pid_differs msg_server "$first"
	runs msg_server
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	suite_ends 0 stop msg_server
	suite_ends 0 start msg_server

	assert_logged "Server msg_server stopped, pid=$RUNS, restarting..."
	reads_pipe "Server msg_server stopped, pid=$first, restarting..."
	monitor_stop
}

@test "lines that a full pipe does not take wait, 64 KiB of them; the rest is counted" {
	run -0 "$(python)" -E -s -c '
import os, sys
sys.path.insert(0, sys.argv[1])
from loop.loop import Loop
from watch.output import MOST, Stream

saved, (reads, writes) = os.dup(1), os.pipe()
os.dup2(writes, 1)
loop = Loop()
stream = Stream(loop, 1)
for number in range(4000):
    stream.print(b"%08d " % number + b"x" * 90)
os.set_blocking(reads, False)
text = b""

def listen() -> None:
    global text
    text += os.read(reads, 1 << 16)
    loop.ended = text.endswith(b"lines lost\n")

loop.on_readable(reads, listen)
loop.run()
*lines, last = text.decode().splitlines()
kept = [int(line.split()[0]) for line in lines]
assert kept == list(range(len(kept))), "lines are whole, and in order"
assert MOST < len(text) < MOST + (1 << 17), len(text)
assert last == f"{4000 - len(kept)} lines lost", last
os.write(saved, b"good\n")
' "$ROOT/pyhelpers"

	assert_equal 'it' "$output" good
}

@test "the monitor does not change the pipe that it shares with others" {
	given_full_pipe
	given_running msg_server

	assert_equal 'nonblocking' "$("$(python)" -I -S -c 'import os, sys; print(os.get_blocking(int(sys.argv[1])))' "$PIPE")" True
}

@test "what cannot be printed while no helper lives is printed by the next one" {
	expect_helper_deaths
	given_server msg_server
	PRINTED=$BATS_TEST_TMPDIR/pipe
	mkfifo "$PRINTED"
	exec {PIPE}<>"$PRINTED"
	monitor_start msg_server
	runs msg_server

	kill -KILL "$(helper_of "$MONITOR")"

	reads_pipe 'ended; starting another'
}

@test "with syslog = yes the helper sends what logger(1) would send, and what syslog does not take holds up nothing" {
	run -0 "$(python)" -E -s -c '
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from watch import orders

os.chdir(sys.argv[2])
orders.SYSLOG = "log"
orders.SUITE_ORDERS["syslog"](None, "before anyone listens")
syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
syslog.bind("log")
orders.SUITE_ORDERS["syslog"](None, "a", "b")
print(syslog.recv(100))
for number in range(100000):
    orders.SUITE_ORDERS["syslog"](None, "more than it takes")
' "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"

	assert_equal 'it' "$output" "b'<28>monitor.sh: a\\tb'"
}
