#!/usr/bin/env bats
# signal, drill and shutdown: happy path and each refusal.

load helpers
load fixtures/orders
load fixtures/witness

# given_running [LINE...] - msg_server, with these lines of conf, RUNNING under a monitor; $RUNS is its pid
given_running() {
	given_server msg_server "$@"
	monitor_start msg_server
	runs msg_server
}

# --- signal

@test "signal: the server gets it, by name, with SIG, or by number" {
	given_running

	for name in STOP SIGSTOP stop 19; do
		suite_ends 0 signal "$name" msg_server
		assert_answered 'msg_server: signalled'
		wait_until "$PATIENCE" has_state "$RUNS" T
		suite_ends 0 signal CONT msg_server
		wait_until "$PATIENCE" has_state "$RUNS" S
	done
	running_as msg_server "$RUNS"
}

has_state() {
	[ "$(state_letter "$1")" = "$2" ]
}

@test "signal: a death by it is answered like any other" {
	given_running

	suite_ends 0 signal SEGV msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_logged "Server msg_server stopped, pid=$RUNS, restarting... (signal SEGV"
}

@test "signal: several servers, a glob, all" {
	given_server route_server
	given_server msg_server
	monitor_start all
	runs route_server
	other=$RUNS
	runs msg_server

	suite_ends 0 signal STOP '*_server'

	wait_until "$PATIENCE" has_state "$RUNS" T
	wait_until "$PATIENCE" has_state "$other" T
	suite_ends 0 signal CONT all
	wait_until "$PATIENCE" has_state "$other" S
}

@test "signal: no signal at all, and what is none: usage" {
	given_running

	for name in '' NOSUCH _IGN _DFL SIG 0 -1 999 35x 'TERM;KILL'; do
		suite_ends 2 signal "$name" msg_server
		assert_answered 'signal: no such signal'
	done
	suite_ends 2 signal
	running_as msg_server "$RUNS"
}

@test "signal: a server that does not run: not running" {
	given_running
	suite_ends 0 stop msg_server

	suite_ends 7 signal HUP msg_server

	assert_answered 'msg_server: it does not run'
}

# --- drill

@test "drill kills the server, and reports how soon that was seen and when it was back" {
	given_running

	suite_ends 0 drill msg_server

	pid_differs msg_server "$RUNS"
	grep -Eqx "msg_server: killed pid $RUNS; seen after [0-9]+ ms, back as pid $(pid_of msg_server) after [0-9]+ ms, RUNNING after [0-9.]+s" "$SAID"
	assert_logged "Server msg_server stopped, pid=$RUNS, restarting... (signal KILL"
	assert_alerted death msg_server 'signal KILL'
}

@test "drill refuses what is not healthy, and touches nothing" {
	given_running
	suite_ends 0 pause msg_server
	suite_ends 1 drill msg_server
	assert_answered 'msg_server: no drill: it is not healthy (state PAUSED)'
	kill -0 "$RUNS"
	suite_ends 0 resume msg_server
	kill -STOP "$RUNS"
	suite_ends 1 drill msg_server
	assert_answered 'msg_server: no drill: it is not healthy (state RUNNING, stopped by a signal)'
	kill -CONT "$RUNS"
	suite_ends 0 stop msg_server
	suite_ends 1 drill msg_server
	assert_answered 'msg_server: no drill: it is not healthy (state STOPPED)'

	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "drill of a server that does not come back: failed" {
	given_running 'backoff = 60s 60s'
	mv "$SERVERS/msg_server/msg_server" "$BATS_TEST_TMPDIR/aside"

	suite_ends 1 drill --timeout 2s msg_server

	assert_answered "msg_server: killed pid $RUNS; it is not back: state BACKOFF"
}

@test "drill of a server that conf leaves alone then: failed at once" {
	given_running 'restart = never'

	suite_ends 1 drill msg_server

	assert_answered 'it is not back: state EXITED'
}

# --- shutdown

@test "shutdown ends the monitor; servers live on" {
	given_running

	suite_ends 0 shutdown

	assert_answered "monitor $MONITOR has ended"
	is_gone "$MONITOR"
	kill -0 "$RUNS"
	assert_equal 'wanted' "$(status_of msg_server want)" up
}

@test "shutdown ends every monitor of the state directory" {
	given_running
	first=$MONITOR
	given_server route_server
	monitor_start route_server
	runs route_server

	suite_ends 0 shutdown

	is_gone "$first"
	is_gone "$MONITOR"
}

@test "shutdown --stop-servers stops the servers first, against the order of needs; the next monitor starts them" {
	given_server route_server
	given_server msg_server 'needs = route_server'
	monitor_start all
	runs msg_server

	suite_ends 0 shutdown --stop-servers

	is_gone "$RUNS"
	is_gone "$MONITOR"
	assert_equal 'stopped' "$(grep -o '[a-z_]* stopped by order' "$STATE/restart.log" | paste -sd , -)" \
		'msg_server stopped by order,route_server stopped by order'
	monitor_start all
	runs msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "shutdown --stop-servers leaves a stop as it was: that server stays stopped" {
	given_server route_server
	given_server msg_server
	monitor_start all
	runs route_server
	runs msg_server
	suite_ends 0 stop msg_server

	suite_ends 0 shutdown --stop-servers
	monitor_start all
	runs route_server

	assert_left_alone route_server
	state_is msg_server STOPPED
}

@test "shutdown --stop-servers that cannot stop one: failed, and the monitor goes on" {
	given_running 'command = ./msg_server --ignore-term' 'stop = TERM 600s KILL'

	suite_ends 1 shutdown --timeout 300ms --stop-servers

	assert_answered 'msg_server: not yet'
	kill -0 "$MONITOR"
}

@test "shutdown --stop-servers without a monitor ends what lives, against the order of needs; the next monitor starts it" {
	given_witness base
	given_witness web 'needs = base'
	monitor_start all
	runs web
	runs base
	monitor_crash

	suite_ends 0 shutdown --stop-servers

	assert_equal 'ends' "$(paste -sd , "$SERVERS/ends")" 'web INT,base INT'
	monitor_start all
	runs web
	runs base
}

@test "shutdown without a monitor: not running; with other words: usage" {
	given_server msg_server

	suite_ends 7 shutdown
	assert_answered "no monitor runs with $STATE"
	suite_ends 7 shutdown --stop-servers
	suite_ends 2 shutdown msg_server
	assert_answered 'shutdown takes --stop-servers'
}

@test "shutdown is not misled by what a killed monitor left, its pid another's by now" {
	given_running
	mkdir "$STATE/monitors/$RUNS"
	mkfifo "$STATE/monitors/$RUNS/mailbox"

	suite_ends 0 shutdown

	is_gone "$MONITOR"
	kill -0 "$RUNS"
}
