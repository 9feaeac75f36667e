#!/usr/bin/env bats
# status tells the truth from evidence, for people, for programs (--json), and by its exit status.

load helpers
load fixtures/orders

# given_running [LINE...] - msg_server, with these lines of conf, RUNNING under a monitor; $RUNS is its pid
given_running() {
	given_server msg_server "$@"
	monitor_start msg_server
	runs msg_server
}

# says LINE - the last suite_ends printed one line that fits this extended regular expression
says() {
	grep -Eqx -- "$1" "$SAID" || assert_equal 'the line' "$(<"$SAID")" "$1"
}

# json EXPRESSION - prints a Python expression of the row that suite_ends has got by status --json
json() {
	"$(python)" -I -S -c '
import json, sys
rows = json.load(open(sys.argv[1]))
row = rows[0]
print(eval(sys.argv[2]))
' "$SAID" "$1"
}

# --- the table

@test "a line for each server: name, state, pid, uptime, restarts, and why" {
	given_running
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	runs msg_server

	suite_ends 0 status

	says 'NAME        STATE        PID UPTIME RESTARTS  CPU  MEM  WHY'
	says "msg_server  RUNNING  +$RUNS +[0-9m]+s        1 +[0-9.]+% +[0-9.]+[KM]  -"
}

@test "several names: a line for each, in the order asked for" {
	given_server a
	given_server longer_name
	monitor_start all
	runs a
	runs longer_name

	suite_ends 0 status longer_name a

	assert_equal 'names' "$(awk '{ print $1 "," $2 }' "$SAID" | paste -sd ' ' -)" 'NAME,STATE longer_name,RUNNING a,RUNNING 2,servers:'
	assert_equal 'columns' "$(grep -oE '^.*(STATE|RUNNING)' "$SAID" | awk '{ print length }' | paste -sd ' ' -)" '18 20 20'
}

@test "a glob means the servers that it fits" {
	given_server msg_server
	given_server route_server

	suite_ends 3 status 'msg*'

	says 'msg_server  STOPPED .*'
	assert_equal 'lines' "$(wc -l <"$SAID")" 2
}

@test "status shows what conf cannot: why a server is not RUNNING" {
	given_server waiting 'needs = starting'
	port=$(free_port)
	given_server starting "command = ./starting --port $port --port-when never" "port = $port"
	given_server backoff 'command = ./backoff --exit 7' 'backoff = 60s 60s'
	given_server fatal 'command = ./fatal --exit 7' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	given_server exited 'command = ./exited --exit 0' 'restart = never'
	given_server paused
	given_server stopped
	monitor_start all
	runs paused
	wait_until "$PATIENCE" state_is fatal FATAL
	suite_ends 0 pause paused
	suite_ends 0 stop stopped

	suite_ends 3 status

	says 'waiting +STARTING +- +- +0 +- +-  waits for starting'
	says 'starting +STARTING +[0-9]+ +[0-9m]+s +0 +[0-9.]+% +[0-9.]+[KM]  -'
	says 'backoff +BACKOFF +- +- +0 +- +-  it ended while it started \(exit 7\)'
	says 'fatal +FATAL +- +- +0 +- +-  it ended while it started \(exit 7\); 2 failures in 60s; mend that, then ./monitor.sh clear fatal'
	says 'exited +EXITED +- +- +0 +- +-  ended, and is left alone: it ended while it started \(exit 0\)'
	says 'paused +PAUSED +[0-9]+ +[0-9m]+s +0 +[0-9.]+% +[0-9.]+[KM]  -'
	says 'stopped +STOPPED +- +- +0 +- +-  stopped by order'
	says '7 servers: 1 FATAL, 1 BACKOFF, 1 EXITED, 1 STOPPED, 2 STARTING, 1 PAUSED'
}

@test "a server that is stopped by a signal is RUNNING, and status shows that it is stopped" {
	given_running
	kill -STOP "$RUNS"

	suite_ends 0 status

	says "msg_server  RUNNING +$RUNS +.*[KM]  stopped by a signal \(state T\)"
}

@test "state T is gone from status at once when the server goes on" {
	sed -i 's/^interval.*/interval = 1h/' "$CONF/monitor.conf"
	given_running
	kill -STOP "$RUNS"
	sed -i 's/^interval.*/interval = 1s/' "$CONF/monitor.conf"
	suite_ends 0 update
	wait_until "$PATIENCE" record_says 'message stopped by a signal (state T)'
	sed -i 's/^interval.*/interval = 1h/' "$CONF/monitor.conf"
	suite_ends 0 update

	kill -CONT "$RUNS"

	suite_ends 0 status
	run ! grep -F 'state T' "$SAID"
}

# record_says LINE - does the last block of the record of msg_server have that line?
record_says() {
	awk -v line="$1" '/^name / { found = 0 } $0 == line { found = 1 } END { exit !found }' "$STATE/servers/msg_server/record"
}

@test "no monitor runs: status shows the truth from evidence, and that no monitor runs" {
	given_server msg_server
	given_server route_server
	start_by_hand msg_server

	suite_ends 3 status

	says "msg_server +RUNNING +$BY_HAND +[0-9m]+s +0 +[0-9.]+% +[0-9.]+[KM]  no monitor watches it"
	says 'route_server +STOPPED +- +- +0 +- +-  no monitor watches it'
}

@test "after the monitor's end: status shows the server that lives, and the one that died" {
	given_server route_server
	given_server msg_server
	monitor_start all
	runs route_server
	other=$RUNS
	runs msg_server
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"

	suite_ends 3 status

	says "route_server +RUNNING +$other .*  no monitor watches it"
	says 'msg_server +STOPPED +- +- +0 +- +-  no monitor watches it'
}

# --- --json

@test "--json: an array of objects with just the keys of the contract, in its order" {
	given_running

	suite_ends 0 status --json

	assert_equal 'keys' "$(json '" ".join(row)')" \
		"name state want pid started uptime restarts last_exit source mode message cpu_percent memory_bytes open_files port tags processes"
	assert_equal 'rows' "$(json 'len(rows)')" 1
}

@test "--json of a running server: every value of its type" {
	port=$(free_port)
	given_running "command = ./msg_server --port $port" "port = $port"

	suite_ends 0 status --json

	assert_equal 'row' "$(json '[row[key] for key in "name state want pid restarts last_exit source mode message port".split()]')" \
		"['msg_server', 'RUNNING', 'up', $RUNS, 0, None, 'own', 'launched', None, $port]"
	assert_equal 'times' "$(json '0 <= row["uptime"] < 600 and abs(row["started"] + row["uptime"] - __import__("time").time()) < 60')" True
	assert_equal 'usage' "$(json '0 <= row["cpu_percent"] < 200 and row["memory_bytes"] > 10000 and row["open_files"] > 2')" True
	assert_equal 'processes' "$(json 'row["processes"]')" 1
}

@test "--json of a server that does not run: null for what is not known" {
	given_server msg_server

	suite_ends 3 status --json msg_server

	assert_equal 'row' "$(json '[row[key] for key in "name state want restarts message".split()]')" \
		"['msg_server', 'STOPPED', 'up', 0, 'no monitor watches it']"
	assert_equal 'nulls' "$(json '{row[key] for key in "pid started uptime last_exit source mode cpu_percent memory_bytes open_files port processes".split()}')" \
		'{None}'
}

@test "--json: how it ended last, and what is wanted of it" {
	given_running
	kill -SEGV "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	runs msg_server

	suite_ends 0 status --json
	assert_equal 'last_exit' "$(json 'row["last_exit"]')" 'signal SEGV'
	assert_equal 'restarts' "$(json 'row["restarts"]')" 1
	suite_ends 0 pause msg_server
	suite_ends 0 status --json
	assert_equal 'wanted' "$(json 'row["want"], row["state"]')" "('paused', 'PAUSED')"
	suite_ends 0 stop msg_server
	suite_ends 3 status --json
	assert_equal 'wanted' "$(json 'row["want"], row["state"], row["pid"]')" "('down', 'STOPPED', None)"
}

@test "--json: source and mode of one that was adopted" {
	given_server msg_server
	start_by_hand msg_server
	monitor_start msg_server
	runs msg_server

	suite_ends 0 status --json

	assert_equal 'found' "$(json 'row["pid"], row["source"], row["mode"]')" "($BY_HAND, 'scan', 'adopted')"
}

@test "--json says why a port is not to be had" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port" "port = $port" 'backoff = 60s 60s'
	given_program "$SERVERS/stranger/stranger"
	start_stranger "$SERVERS/stranger" ./stranger --port "$port"
	wait_until "$PATIENCE" is_listening "$port"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server BACKOFF

	suite_ends 3 status --json

	assert_equal 'message' "$(json 'row["message"]')" \
		"port $port is held by pid $BY_HAND (stranger); end it, or set another port"
}

# --- exit status

@test "exit status: 0 only when all are RUNNING; one that is paused and lives counts as that" {
	given_server route_server
	given_server msg_server
	monitor_start all
	runs route_server
	runs msg_server

	suite_ends 0 status
	suite_ends 0 pause msg_server
	suite_ends 0 status
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"
	suite_ends 3 status
	suite_ends 0 status route_server
}

@test "exit status: STARTING and BACKOFF are not 0" {
	port=$(free_port)
	given_server starting "command = ./starting --port $port --port-when never" "port = $port"
	given_server backoff 'command = ./backoff --exit 7' 'backoff = 60s 60s'
	monitor_start all
	wait_until "$PATIENCE" state_is starting STARTING
	wait_until "$PATIENCE" state_is backoff BACKOFF

	suite_ends 3 status starting
	suite_ends 3 status backoff
}

@test "exit status: 1 dead and its pidfile is left" {
	given_server msg_server 'pid_from = own, pidfile server.pid' 'command = ./msg_server --pidfile server.pid'
	dead_pid >"$SERVERS/msg_server/server.pid"

	suite_ends 1 status
	rm "$SERVERS/msg_server/server.pid"
	suite_ends 3 status
}

@test "exit status: 4 no such server, 2 a name that cannot be one" {
	given_server msg_server

	suite_ends 4 status msg_sever
	assert_answered 'msg_sever: not in conf; did you mean msg_server?'
	suite_ends 2 status ../msg_server
	suite_ends 2 status --yaml
}

@test "exit status: 4 for a user who may not look into the state directory" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
	require setpriv
	given_running
	chmod -R go+rX "$CONF" "$SERVERS"
	chmod go+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	status=0

	setpriv --reuid=65534 --regid=65534 --clear-groups "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" \
		status >"$SAID" 2>&1 3>&- || status=$?

	assert_equal 'exit status' "$status" 4
	run -1 grep -q 'no monitor runs' "$SAID"
}

@test "status reads only: it makes no state directory" {
	given_server msg_server

	suite_ends 3 status

	[ ! -e "$STATE" ]
}

@test "status of 1000 servers, watched" {
	given_sleepers 1000
	monitor_start all
	wait_until 120 all_run

	suite_ends 0 status

	assert_equal 'lines' "$(grep -cE '  RUNNING +[0-9]+ ' "$SAID")" 1000
	says '1000 servers: 1000 running'
}

all_run() {
	suite status >/dev/null
}
