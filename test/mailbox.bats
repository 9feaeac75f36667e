#!/usr/bin/env bats
# Any user who may write into the mailbox may write rubbish: it is reported and dropped, and the monitor goes on with its work.

load helpers
load fixtures/orders

# still_at_work - the server has its pid and was not ordered about, its death is answered, and orders are taken
still_at_work() {
	running_as msg_server "$RUNS"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	suite_ends 0 stop --timeout 20s msg_server
	suite_ends 0 start --timeout 20s msg_server
	kill -0 "$MONITOR"
}

# survives - what comes on stdin is put into the mailbox of a monitor with a server, and does no harm
survives() {
	given_running msg_server
	put_in_mailbox
	still_at_work
	assert_equal 'starts of helpers' "$(grep -c 'starting another' "$PRINTED")" 0
}

@test "lines that are no words" {
	survives <<-'END'
		hello
		this is a line without any sense at all, and it is as long as this
		$(touch pwned) `touch pwned`; touch pwned

		   leading blanks
		\x00 \n %s %n *
		quit0
	END

	assert_said 'of rubbish dropped from the mailbox'
	run -1 grep -e hello -e pwned "$PRINTED"
}

@test "bytes that are no text" {
	head -c 20000 /dev/urandom | tr '\000' x >"$BATS_TEST_TMPDIR/noise"
	printf '\n' >>"$BATS_TEST_TMPDIR/noise"

	survives <"$BATS_TEST_TMPDIR/noise"
}

@test "orders with bad tokens" {
	survives <<-'END'
		stop
		stop msg_server
		stop msg_server ;reboot
		stop msg_server $(reboot)
		stop msg_server 1.1;2
		stop msg_server -1
	END

	assert_said '6 lines of rubbish dropped from the mailbox'
	assert_equal 'ends by order' "$(logged_times 'stopped by order')" 1
}

@test "orders for servers that the monitor does not watch" {
	survives <<-'END'
		stop route_server 1.1
		stop ../msg_server 1.2
		stop msg_serve 1.3
		stop * 1.4
		stop msg_server=1 1.5
		stop a;reboot 1.6
	END

	assert_said '6 lines of rubbish dropped from the mailbox'
}

@test "signals that are none, and fields that are not one" {
	survives < <(
		printf 'signal msg_server 1.1\n'
		printf 'signal msg_server 1.2 KILL\tNOW\n'
		printf 'signal msg_server 1.3 NOSUCH\n'
		printf 'signal msg_server 1.4 _IGN\n'
		printf 'signal msg_server\t1.5 KILL\n'
		printf 'clear msg_server 1.6\t7\n'
	)
}

@test "events that are none: no number, numbers of no server, too few fields, text in place of numbers" {
	survives < <(
		for word in down up failed absent restart_pending unlogged cleared stopped recall want say hook locked ready tick; do
			printf '%s\n' "$word" "$word x y z" "$word 99 1 2026-11-20 1" "$word -1 1 2026-11-20 1" "$word 1;reboot 1 x 1"
			printf '%s\n' "$word 99999999999999999999 1 x" "$word 1 x y z"
		done
	)
}

@test "overlong lines" {
	survives < <(
		head -c 100000 /dev/zero | tr '\000' x
		printf '\nstop '
		head -c 5000 /dev/zero | tr '\000' y
		printf ' 1.1\n'
		printf 'stop msg_server '
		head -c 60000 /dev/zero | tr '\000' 1
		printf 'x\n'
	)

	[ "$(wc -c <"$PRINTED")" -lt 5000 ]
}

@test "a report about rubbish moves no cursor and sets no colour" {
	survives < <(printf '\033[2J\033[31m 1\nstop \033[2J 1.1\nstop msg_server \033[2J\n')

	run -1 grep -q "$(printf '\033')" "$PRINTED"
}

@test "a line without an end: what it spoils costs an interval at most" {
	given_running msg_server
	printf 'half a line' | put_in_mailbox

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_logged "Server msg_server stopped, pid=$RUNS, restarting..."
}

@test "a flood: ten thousand lines, and every order in between is carried out" {
	given_running msg_server
	stdbuf -oL seq -f 'rubbish %.0f' 10000 >"$(mailbox)" &
	flood=$!

	suite_ends 0 stop msg_server
	suite_ends 0 start msg_server

	wait "$flood"
	runs msg_server
	still_at_work
}

@test "an order that comes behind half a line is carried out too" {
	given_running msg_server
	printf 'half a line' | put_in_mailbox

	suite_ends 0 stop --timeout 10s msg_server

	is_gone "$RUNS"
}

@test "a mailbox that is full does not keep the monitor from its end" {
	given_running msg_server
	kill -STOP "$MONITOR"
	"$(python)" -I -S -c '
import os, sys
mailbox = os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
try:
    while True:
        os.write(mailbox, b"rubbish 1\n" * 100)
except BlockingIOError:
    pass
' "$(mailbox)"

	kill -TERM "$MONITOR"
	kill -CONT "$MONITOR"

	wait_until "$PATIENCE" is_gone "$MONITOR"
	kill -0 "$RUNS"
}
