#!/usr/bin/env bats
# A server is started without a monitor as a monitor would start it: by `monitor.sh start`, and the business server by run.sh.

load helpers
load fixtures/orders

# given_script NAME LINE... - server NAME is a shell script of these lines, which then waits; its conf names its directory
given_script() {
	mkdir -p "$SERVERS/$1"
	printf '%s\n' '#!/bin/sh' "${@:2}" 'while :; do sleep 0.1; done' >"$SERVERS/$1/$1"
	chmod 700 "$SERVERS/$1/$1"
	given_conf "$1" "dir = $SERVERS/$1"
}

# run_sh STATUS PORT - run.sh comes to its end with that exit status; what it printed is in $SAID
run_sh() {
	local status=0
	MONITOR_CONF=$CONF MONITOR_STATE=$STATE timeout 60 "${SHELL_WORDS[@]}" "$ROOT/run.sh" "$2" </dev/null \
		>"$SAID" 2>&1 3>&- || status=$?
	assert_equal "exit status of run.sh $2, which said: $(<"$SAID")" "$status" "$1"
}

# given_business [ARG...] - the business server is the stand-in, started with ARGs; $PORT is its port
given_business() {
	PORT=$(free_port)
	given_server business "command = ./business --port {port} $*" 'pid_from = own, pidfile monitor.pid'
}

@test "an order right after the end of a monitor waits until its helper has released the server" {
	given_server msg_server
	mkdir -p "$STATE/servers/msg_server"
	printf '%s\n' 999999 >"$STATE/servers/msg_server/lock" # such a monitor had a mailbox, and has taken it along
	(
		exec 8<"$STATE/servers/msg_server/lock"
		flock 8
		: >"$BATS_TEST_TMPDIR/held"
		exec sleep 0.5
	) 3>&- 4>&- &
	wait_until "$PATIENCE" test -e "$BATS_TEST_TMPDIR/held"

	suite_ends 0 start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
}

# --- when it counts as started

@test "start waits until the check succeeds" {
	given_server msg_server 'check = command ./ask'
	printf '%s\n' '#!/bin/sh' 'echo >>asked' 'test -e good' >"$SERVERS/msg_server/ask"
	chmod 700 "$SERVERS/msg_server/ask"

	operator start msg_server
	wait_until "$PATIENCE" asked_times msg_server 3
	run -1 grep running "$OPERATOR_SAID"
	: >"$SERVERS/msg_server/good"

	operator_ends 0
	operator_says "msg_server: running, pid $(<"$SERVERS/msg_server/starts") ("
}

# asked_times NAME TIMES - has the check of NAME been made so often?
asked_times() {
	(($(grep -c '' "$SERVERS/$1/asked") >= $2))
}

@test "start waits for READY=1 of a server with heartbeat = notify" {
	mkdir "$SERVERS/speaker"
	cp "$FIXTURES/speaker.py" "$SERVERS/speaker/speaker.py"
	given_conf speaker "dir = $SERVERS/speaker" "command = '$(python)' speaker.py STATUS=loading" 'match = speaker.py' \
		'heartbeat = notify'

	operator start speaker
	wait_until "$PATIENCE" test -s "$SERVERS/speaker/said"
	wait_until "$PATIENCE" record_says speaker 'state STARTING'
	run -1 grep running "$OPERATOR_SAID"
	echo READY=1 >"$SERVERS/speaker/say"

	operator_ends 0
	operator_says 'speaker: running, pid '
}

# record_says NAME LINE - does the last block of the record of NAME have that line?
record_says() {
	awk -v line="$2" '/^name / { found = 0 } $0 == line { found = 1 } END { exit !found }' "$STATE/servers/$1/record"
}

# --- when it fails

@test "a start that fails ends the server as stop says" {
	port=$(free_port)
	given_script msg_server "trap 'echo TERM >>got' TERM" "trap 'echo USR1 >>got; exit' USR1"
	printf '%s\n' "port = $port" 'start_timeout = 1s' 'stop = USR1 20s KILL' >>"$CONF/servers/msg_server.conf"
	: >"$SERVERS/msg_server/msgserver.conf"

	suite_ends 1 start msg_server

	assert_answered "msg_server: port $port is not open after 1s"
	assert_equal signals "$(<"$SERVERS/msg_server/got")" USR1
}

@test "a start that fails says how the server ended and where its output is, and ends what it leaves behind" {
	given_script msg_server 'sleep 1000 &' 'echo $! >child' 'exit 7'
	: >"$SERVERS/msg_server/msgserver.conf"
	printf '%s\n' 'output = out.txt' >>"$CONF/servers/msg_server.conf"

	suite_ends 1 start msg_server

	assert_answered "msg_server: it ended while it started (exit 7); see $SERVERS/msg_server/out.txt"
	is_gone "$(<"$SERVERS/msg_server/child")"
	record_says msg_server 'state EXITED'
}

@test "a file that needs_file asks for is missing: not configured, and nothing is launched" {
	given_server msg_server
	rm "$SERVERS/msg_server/msgserver.conf"

	suite_ends 6 start msg_server

	assert_answered "put it there, or set needs_file in $CONF/servers/msg_server.conf"
	test ! -e "$SERVERS/msg_server/starts"
}

# --- what comes after it

@test "the record of a start is how a monitor finds the server: source own, and its session" {
	given_server msg_server
	suite_ends 0 start msg_server
	runs_unwatched msg_server
	record_says msg_server "sid $RUNS"

	monitor_start msg_server

	assert_adopted msg_server "$RUNS"
	assert_equal source "$(status_of msg_server source)" own
	assert_equal starts "$(starts_of msg_server)" 1
}

@test "a start that is interrupted is seen to its end by the monitor that comes" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port --port-when go" "port = $port"
	operator start msg_server
	wait_until "$PATIENCE" record_says msg_server 'state STARTING'
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	wait_until "$PATIENCE" record_says msg_server "pid $(<"$SERVERS/msg_server/starts")"
	kill -KILL "$(parent_of "$(<"$SERVERS/msg_server/starts")")"

	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server STARTING
	: >"$SERVERS/msg_server/go"

	runs msg_server
	assert_equal starts "$(starts_of msg_server)" 1
}

# parent_of PID - prints the pid of its parent: of a server that is being started, that of the operator's command
parent_of() {
	sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$1/stat"
}

# --- run.sh

@test "run.sh: a program that writes no pidfile has its pid in it, and a second copy is refused" {
	given_business

	run_sh 0 "$PORT"

	pid=$(<"$SERVERS/business/starts")
	assert_answered "business@$PORT: running, pid $pid ("
	assert_equal 'pidfile' "$(<"$SERVERS/business/monitor.pid")" "$pid"
	record_says "business@$PORT" "pid $pid"
	run_sh 1 "$PORT"
	assert_answered "business@$PORT: it runs already, pid $pid"
	monitor_start business "$PORT"
	run_sh_is_refused() { run_sh 1 "$PORT" && grep -qF "the monitor with pid $MONITOR watches it" "$SAID"; }
	wait_until "$PATIENCE" run_sh_is_refused
}

@test "run.sh: a program that writes its pidfile itself has the last word" {
	given_business --daemonize --pidfile monitor.pid

	run_sh 0 "$PORT"

	assert_equal 'pidfile' "$(<"$SERVERS/business/monitor.pid")" "$(<"$SERVERS/business/starts")"
}

@test "run.sh: of a program that forks into the background and writes no pidfile, it has the daemon's pid" {
	given_business --daemonize

	run_sh 0 "$PORT"

	assert_equal 'pidfile' "$(<"$SERVERS/business/monitor.pid")" "$(<"$SERVERS/business/starts")"
}

@test "run.sh: of a start that fails no pidfile stays, and the port is named that a stranger holds" {
	given_business --exit 3
	run_sh 1 "$PORT"
	assert_answered "it ended while it started (exit 3); see $STATE/output/business@$PORT.log"
	test ! -e "$SERVERS/business/monitor.pid"

	given_program "$SERVERS/stranger/stranger"
	start_stranger "$SERVERS/stranger" ./stranger --port "$PORT"
	wait_until "$PATIENCE" is_listening "$PORT"
	run_sh 1 "$PORT"
	assert_answered "business@$PORT: port $PORT is held by pid $BY_HAND (stranger); end it, or set another port"
	assert_equal starts "$(starts_of business)" 1
}

@test "run.sh starts the server where no state can be kept, and says so" {
	given_business
	: >"$STATE"

	run_sh 0 "$PORT"

	assert_answered "business@$PORT: $STATE/servers/business@$PORT/record not written: "
	assert_answered "business@$PORT: running, pid $(<"$SERVERS/business/starts")"
}

# --- where it is configured

@test "advice names the file of the server: its own with an @ in its name, that of NAME for an instance" {
	given_conf web@blue "dir = $SERVERS/web"
	given_conf web "dir = $SERVERS/web" 'command = ./web {port}'

	suite_ends 6 start web@blue
	assert_answered "web@blue: no directory $SERVERS/web; set dir in $CONF/servers/web@blue.conf"
	suite_ends 6 start web@8080
	assert_answered "web@8080: no directory $SERVERS/web; set dir in $CONF/servers/web.conf"
	suite_ends 6 tail web@blue
	assert_answered "web@blue: no directory $SERVERS/web; set dir in $CONF/servers/web@blue.conf"
	mkdir "$SERVERS/web"
	suite_ends 5 web@blue
	assert_answered "set dir or command in $CONF/servers/web@blue.conf"
}

@test "advice names conf as -c does" {
	given_conf msg_server "dir = $SERVERS/msg_server"
	cd "$BATS_TEST_TMPDIR"
	CONF=./conf

	suite_ends 6 start msg_server

	assert_answered "msg_server: no directory $SERVERS/msg_server; set dir in ./conf/servers/msg_server.conf"
}
