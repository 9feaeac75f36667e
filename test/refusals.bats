#!/usr/bin/env bats
# What cannot be ordered is refused, with its reason and its exit status; without a monitor, stop and start work all the same.

load helpers
load fixtures/orders

ORDERS='start stop restart pause resume clear drill'

# --- usage and conf

@test "no name at all: usage" {
	given_server msg_server

	for word in $ORDERS; do
		suite_ends 2 "$word"
		assert_answered "$word needs the name of a server, a glob, or all"
	done
	suite_ends 2 signal HUP
	assert_answered 'signal needs the name of a server, a glob, or all'
}

@test "a name that cannot be one: usage" {
	given_running msg_server

	for word in $ORDERS 'signal HUP'; do
		# shellcheck disable=SC2086 # two words
		suite_ends 2 $word ../msg_server
		assert_answered '"../msg_server": cannot name a server'
	done
	running_as msg_server "$RUNS"
}

@test "a server that conf does not know, a glob that fits none: not configured, and nothing is ordered" {
	given_running msg_server

	for word in $ORDERS 'signal HUP'; do
		# shellcheck disable=SC2086
		suite_ends 6 $word msg_server msg_sever
		assert_answered 'msg_sever: not in conf; did you mean msg_server?'
		# shellcheck disable=SC2086
		suite_ends 6 $word msg_server 'x*'
		assert_answered 'x*: matches no server'
	done
	running_as msg_server "$RUNS"
	assert_equal 'wanted' "$(status_of msg_server want)" up
}

@test "a glob, where there is no state directory yet" {
	given_server msg_server

	suite_ends 0 stop 'msg_*'

	assert_answered 'msg_server: stopped'
}

@test "a timeout that is none: usage" {
	given_running msg_server

	suite_ends 2 stop --timeout
	suite_ends 2 stop --timeout soon msg_server
	assert_answered '--timeout: "soon" is not a duration'
	running_as msg_server "$RUNS"
}

@test "conf is not in order, and no monitor runs: every error is reported, nothing is ordered" {
	given_server msg_server
	start_by_hand msg_server
	given_conf msg_server "dir = $SERVERS/msg_server" 'color = blue'

	suite_ends 6 stop msg_server

	assert_answered 'msg_server.conf:2: unknown key "color"'
	kill -0 "$BY_HAND"
}

# --- it is not so

@test "what is not so within the timeout: failed, and what is waited for" {
	given_server msg_server 'command = ./msg_server --ignore-term' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server

	suite_ends 1 stop --timeout 100ms msg_server

	assert_answered 'msg_server: not yet, after 0s: state ' # RUNNING, where the order was not taken yet
}

@test "start of a server that gives up: failed" {
	given_server msg_server 'command = ./msg_server --exit-when bad' 'give_up = 2 in 60s' 'backoff = 1ms 1ms'
	monitor_start msg_server
	runs msg_server
	suite_ends 0 stop msg_server
	mv "$SERVERS/msg_server/msg_server" "$BATS_TEST_TMPDIR/aside"

	suite_ends 1 start msg_server

	assert_answered 'msg_server: gave up: '
	assert_answered '; 2 failures in 60s; mend that, then ./monitor.sh clear msg_server'
	state_is msg_server FATAL
}

@test "start of a server that ends at once, and is to stay down: failed, without waiting for the timeout" {
	given_server msg_server 'command = ./msg_server --exit 0' 'restart = never'
	given_server route_server
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server EXITED

	suite_ends 1 start msg_server

	assert_answered 'msg_server: it has ended'
}

@test "several servers: those that can be ordered are, and the worst status counts" {
	given_running msg_server
	given_server route_server 'command = ./missing'

	suite_ends 5 start msg_server route_server

	assert_answered "msg_server: running, pid $RUNS"
	assert_answered 'route_server: no command: ./missing is not in'
}

@test "a monitor that ends while an operator waits: the operator gets the reason" {
	given_server msg_server 'command = ./msg_server --ignore-term' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server

	operator stop msg_server
	operator_says 'msg_server: waiting; state STOPPING'
	monitor_stop

	operator_ends 7
	operator_says 'its monitor has ended'
}

# --- who may not

@test "a user who may not write into the mailbox may not order: no permission" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
	require setpriv
	given_running msg_server
	chmod -R go+rX "$CONF" "$SERVERS"
	chmod go+rx "$STATE" "$STATE/servers" "$STATE/servers/msg_server" "$STATE/monitors" "$STATE/monitors/$MONITOR"
	chmod go+r "$STATE"/servers/msg_server/*

	for word in $ORDERS 'signal HUP'; do
		# shellcheck disable=SC2086
		stranger_ends 4 $word msg_server
	done
	stranger_ends 4 shutdown
	running_as msg_server "$RUNS"
}

@test "a user who may not even look into the state directory may not order: no permission" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
	require setpriv
	given_running msg_server
	chmod -R go+rX "$CONF" "$SERVERS"

	for word in $ORDERS 'signal HUP'; do
		# shellcheck disable=SC2086
		stranger_ends 4 $word msg_server
		assert_answered "$STATE"
	done
	stranger_ends 4 shutdown
	running_as msg_server "$RUNS"
}

# stranger_ends STATUS ARG... - the suite, run by the user nobody, ends so
stranger_ends() {
	local status=0
	chmod go+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	setpriv --reuid=65534 --regid=65534 --clear-groups "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" \
		"${@:2}" </dev/null >"$SAID" 2>&1 3>&- || status=$?
	assert_equal "exit status of ${*:2}: $(<"$SAID")" "$status" "$1"
}

# --- without a monitor

@test "without a monitor: pause, resume, clear, signal and drill say what is missing" {
	given_server msg_server
	start_by_hand msg_server

	for word in pause resume clear drill 'signal HUP'; do
		# shellcheck disable=SC2086
		suite_ends 7 $word msg_server
		assert_answered "msg_server: no monitor watches it, and ${word% *} needs one; run ./monitor.sh msg_server"
	done
	kill -0 "$BY_HAND"
}

@test "without a monitor: stop, start and restart work, and say that no monitor watches" {
	given_server msg_server
	start_by_hand msg_server

	suite_ends 0 stop msg_server
	assert_answered "msg_server: stopped (pid $BY_HAND; no monitor watches it)"
	wait_until "$PATIENCE" is_gone "$BY_HAND"
	suite_ends 0 stop msg_server
	assert_answered 'msg_server: stopped'

	suite_ends 0 start msg_server
	assert_answered 'no monitor watches it'
	runs_unwatched msg_server
	suite_ends 0 start msg_server
	assert_answered "msg_server: running, pid $RUNS (no monitor watches it)"

	suite_ends 0 restart msg_server
	pid_differs msg_server "$RUNS"
	is_gone "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 3
}

@test "without a monitor: what is stopped is no death for the next one, though it is wanted" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	monitor_crash

	suite_ends 0 shutdown --stop-servers
	is_gone "$RUNS"
	monitor_start msg_server

	wait_until "$PATIENCE" running_anew msg_server "$RUNS"
	assert_equal 'deaths' "$(logged_times "pid=$RUNS, restarting")" 0
	assert_equal 'alerts' "$(alerted_times death msg_server)" 0
}

@test "a start without a monitor, and a monitor that begins meanwhile: one of them starts the server, and it is watched" {
	given_server msg_server
	given_server route_server
	suite_ends 0 stop msg_server
	exec {turn}<"$STATE/servers/msg_server/turn"
	flock "$turn"

	suite start msg_server >"$BATS_TEST_TMPDIR/start" 2>&1 3>&- {turn}<&- &
	start=$!
	wait_until "$PATIENCE" grep -qx up "$STATE/servers/msg_server/want"
	monitor_start all {turn}<&-
	assert_said "msg_server: an operator's command starts or stops it; this monitor waits for that"
	runs route_server
	assert_equal 'starts' "$(starts_of msg_server)" ''
	flock -u "$turn"

	wait "$start"
	grep -qE '^msg_server: running, pid [0-9]+$' "$BATS_TEST_TMPDIR/start" # and not `; no monitor watches it`
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
	kill -KILL "$(pid_of msg_server)"
	wait_until "$PATIENCE" has_started msg_server 2
}

# has_started NAME TIMES - was it started so often?
has_started() {
	[ "$(starts_of "$1")" = "$2" ]
}

@test "without a monitor: shutdown --stop-servers stops what was started by hand, and never watched" {
	given_server msg_server
	start_by_hand msg_server

	suite_ends 0 shutdown --stop-servers

	assert_answered "msg_server: stopped (pid $BY_HAND; no monitor watches it)"
	wait_until "$PATIENCE" is_gone "$BY_HAND"
}

# running_anew NAME PID - does it run, as another process than that?
running_anew() {
	state_is "$1" RUNNING && pid_differs "$1" "$2"
}

@test "without a monitor: a stop is remembered by the next one, and so is a start" {
	given_server msg_server
	given_server route_server
	suite_ends 0 stop msg_server

	monitor_start msg_server route_server
	runs route_server
	assert_left_alone route_server
	state_is msg_server STOPPED
	monitor_stop
	suite_ends 0 start msg_server
	runs_unwatched msg_server
	monitor_start msg_server route_server

	assert_adopted msg_server "$RUNS"
}

@test "without a monitor: the state directory that a stop makes is for its owner alone" {
	given_server msg_server

	(umask 022 && suite_ends 0 stop msg_server)

	assert_equal 'mode of the state directory' "$(stat -c %a "$STATE")" 700
}

@test "without a monitor: two operators who start at once start one server" {
	given_server msg_server
	gate=$BATS_TEST_TMPDIR/gate
	: >"$gate"
	LD_PRELOAD=$(fixture gate.so) GATE=$gate GATE_PROGRAM=msg_server operator start msg_server
	first=$OPERATOR
	wait_until "$PATIENCE" test -s "$gate.reached"

	operator start msg_server
	wait_until "$PATIENCE" is_waited_for "$STATE/servers/msg_server/turn"
	rm "$gate"

	operator_ends 0
	operator_ends 0 "$first"
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

# is_waited_for FILE - does a process wait for a lock on it?
is_waited_for() {
	grep -qE -- "-> FLOCK .*:$(stat -c %i "$1") " /proc/locks
}

@test "without a monitor: start of a server that forks into the background" {
	given_server msg_server 'command = ./msg_server --daemonize --pidfile server.pid' 'pid_from = pidfile server.pid'

	suite_ends 0 start msg_server

	assert_answered "msg_server: running, pid $(<"$SERVERS/msg_server/server.pid")"
	suite_ends 0 stop msg_server
	is_gone "$(<"$SERVERS/msg_server/starts")"
}

@test "without a monitor: start all goes along the order of needs" {
	given_server a_server 'needs = z_server'
	given_server z_server

	suite_ends 0 start all

	assert_equal 'first' "$(grep -o '^[a-z_]*: running' "$SAID" | head -n 1)" 'z_server: running'
}

@test "a limit of open files that is too low for the servers is reported before anything starts" {
	given_server msg_server
	ulimit -n 41

	suite_ends 1 msg_server

	grep -qF '42 open files are needed for 1 servers, 41 allowed; raise ulimit -Hn' "$SAID"
	test ! -e "$SERVERS/msg_server/starts"
}
