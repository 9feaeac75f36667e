#!/usr/bin/env bats
# An operator starts, stops and restarts servers; each order waits until it is so, and says so. The other words stand in
# pause.bats and signal.bats, what is refused in refusals.bats, orders that meet each other in crowd.bats.

load helpers
load fixtures/orders

# --- start, stop, restart

@test "stop: the server is gone, stays down, and no alert is sent" {
	given_running msg_server route_server
	runs msg_server

	suite_ends 0 stop msg_server

	assert_answered 'msg_server: stopped'
	is_gone "$RUNS"
	state_is msg_server STOPPED
	assert_equal 'wanted' "$(status_of msg_server want)" down
	assert_logged 'Server msg_server stopped by order'
	assert_left_alone route_server
	state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

@test "start: a stopped server runs, and its pid is printed" {
	given_running msg_server
	suite_ends 0 stop msg_server

	suite_ends 0 start msg_server

	state_is msg_server RUNNING
	assert_answered "msg_server: running, pid $(pid_of msg_server)"
	assert_equal 'wanted' "$(status_of msg_server want)" up
}

@test "restart: a new process, the old one gone and its log in oldlog; that is no death" {
	given_running msg_server
	runs msg_server

	suite_ends 0 restart msg_server

	is_gone "$RUNS"
	state_is msg_server RUNNING
	assert_answered "msg_server: running, pid $(pid_of msg_server)"
	assert_moved "log_${RUNS}_1.txt"
	assert_equal 'restarts' "$(status_of msg_server restarts)" 0
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "restart starts a server that was stopped" {
	given_running msg_server
	suite_ends 0 stop msg_server

	suite_ends 0 restart msg_server

	running_as msg_server "$(tail -n 1 "$SERVERS/msg_server/starts")"
}

@test "start of a running and stop of a stopped server succeed, and change nothing" {
	given_running msg_server
	runs msg_server

	suite_ends 0 start msg_server
	running_as msg_server "$RUNS"
	suite_ends 0 stop msg_server
	suite_ends 0 stop msg_server

	assert_answered 'msg_server: stopped'
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'lines about its end' "$(logged_times 'stopped by order')" 1
}

@test "a server that was stopped and started is restarted when it dies, like any other" {
	given_running msg_server
	suite_ends 0 stop msg_server
	suite_ends 0 start msg_server
	runs msg_server

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_logged "Server msg_server stopped, pid=$RUNS, restarting..."
	assert_alerted death msg_server 'signal KILL'
}

@test "several names, a glob and all: each server is ordered once" {
	given_running msg_server route_server http_msg_server

	suite_ends 0 stop msg_server route_server msg_server
	assert_equal 'answers' "$(sort "$SAID" | paste -sd , -)" 'msg_server: stopped,route_server: stopped'
	state_is http_msg_server RUNNING

	suite_ends 0 start '*msg_server'
	state_is msg_server RUNNING
	state_is route_server STOPPED

	suite_ends 0 stop all
	assert_equal 'stopped by order' "$(logged_times 'stopped by order')" 4
	suite_ends 3 status
}

@test "stop all goes against the order of needs, start all along it" {
	given_server route_server
	given_server msg_server 'needs = route_server'
	monitor_start all
	runs msg_server

	suite_ends 0 stop all
	assert_equal 'stopped' "$(grep -o '[a-z_]* stopped by order' "$STATE/restart.log" | paste -sd , -)" \
		'msg_server stopped by order,route_server stopped by order'
	suite_ends 0 start all

	assert_equal 'started last' "$(grep -o '[a-z_]* started' "$STATE/restart.log" | tail -n 1)" 'msg_server started'
}

@test "stop says which servers need the one that it stops, if they go on" {
	given_server web
	given_server api 'needs = web'
	given_server shop 'needs = web, api'
	given_server other
	monitor_start all
	runs shop

	suite_ends 0 stop web
	assert_equal 'answer' "$(<"$SAID")" 'web: stopped; api and shop need it'
	suite_ends 0 start web
	suite_ends 0 stop shop
	suite_ends 0 stop web
	assert_equal 'answer' "$(<"$SAID")" 'web: stopped; api needs it'
	suite_ends 0 start web
	suite_ends 0 stop web api
	run ! grep need "$SAID"
	suite_ends 0 stop other
	assert_equal 'answer' "$(<"$SAID")" 'other: stopped'
}

# --- stop is remembered

@test "stop survives restarts of the monitor, until start" {
	given_running msg_server route_server
	suite_ends 0 stop msg_server

	monitor_stop
	monitor_start msg_server route_server
	assert_left_alone route_server
	state_is msg_server STOPPED
	monitor_crash
	monitor_start msg_server route_server
	assert_left_alone route_server
	state_is msg_server STOPPED

	assert_equal 'starts' "$(starts_of msg_server)" 1
	suite_ends 0 start msg_server
	state_is msg_server RUNNING
}

@test "a monitor that begins says of a remembered stop when it was, and how to start the server; a new helper says nothing" {
	given_running msg_server route_server
	suite_ends 0 stop msg_server
	suite_ends 0 pause route_server
	touch -d '2026-11-20 08:01:27' "$STATE/servers/msg_server/want"
	touch -d '2026-11-21 09:02:28' "$STATE/servers/route_server/want"
	monitor_stop

	monitor_start msg_server route_server

	assert_said 'msg_server: an operator stopped it (2026-11-20 08:01); start it with ./monitor.sh start msg_server'
	assert_said 'route_server: an operator paused it (2026-11-21 09:02); resume it with ./monitor.sh resume route_server'
	wait_until "$PATIENCE" state_is msg_server STOPPED
	expect_helper_deaths
	kill -KILL "$(helper_of "$MONITOR")"
	wait_until "$PATIENCE" is_watched
	suite_ends 0 start msg_server
	suite_ends 0 resume route_server
	monitor_stop
	monitor_start msg_server route_server
	runs msg_server
	assert_equal 'lines about stops' "$(grep -c 'an operator' "$PRINTED")" 2
}

@test "stop survives the death of the helper" {
	given_running msg_server route_server
	suite_ends 0 stop msg_server
	helper=$(helper_of "$MONITOR")

	expect_helper_deaths
	kill -KILL "$helper"

	wait_until "$PATIENCE" is_gone "$helper"
	wait_until "$PATIENCE" is_watched
	assert_left_alone route_server
	state_is msg_server STOPPED
	suite_ends 0 start msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

# --- stop and start at every other moment

@test "stop during BACKOFF ends the tries; start tries at once" {
	given_server msg_server 'command = ./msg_server --exit 1' 'backoff = 60s 60s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server BACKOFF

	suite_ends 0 stop msg_server
	assert_answered 'msg_server: stopped; it did not run'
	assert_logged 'Server msg_server stays down by order'
	assert_equal 'lines about its end' "$(logged_times 'stopped by order')" 0
	run ! grep '"event":"stopped"' "$STATE/history.jsonl"
	state_is msg_server STOPPED
	suite_ends 1 start --timeout 500ms msg_server

	assert_answered 'msg_server: not yet, after'
	assert_equal 'starts' "$(starts_of msg_server)" 2
	wait_until "$PATIENCE" state_is msg_server BACKOFF
}

@test "start during BACKOFF does not wait for the next try" {
	given_server msg_server 'command = ./msg_server --exit-when bad' 'backoff = 60s 60s'
	printf '1' >"$SERVERS/msg_server/bad"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server BACKOFF

	suite_ends 0 start --timeout 10s msg_server

	state_is msg_server RUNNING
}

@test "stop during STARTING ends what was launched" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port --port-when never" "port = $port"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server STARTING
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"

	suite_ends 0 stop msg_server

	state_is msg_server STOPPED
	is_gone "$(<"$SERVERS/msg_server/starts")"
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

@test "stop during STARTING ends a daemon that has forked away, its pidfile and port not there yet" {
	port=$(free_port)
	given_server route_server
	given_server msg_server "command = ./msg_server --daemonize --pidfile server.pid --port $port --port-when go" \
		'pid_from = pidfile server.pid' "port = $port"
	monitor_start msg_server route_server
	runs route_server
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	wait_until "$PATIENCE" state_is msg_server STARTING

	suite_ends 0 stop msg_server

	: >"$SERVERS/msg_server/go"
	is_gone "$(<"$SERVERS/msg_server/starts")"
	assert_left_alone route_server
	state_is msg_server STOPPED
}

@test "stop of a server that waits for what it needs: it is not started when that comes up" {
	port=$(free_port)
	given_server route_server "command = ./route_server --port $port --port-when go" "port = $port"
	given_server msg_server 'needs = route_server'
	monitor_start route_server msg_server
	wait_until "$PATIENCE" message_says msg_server 'waits for route_server'

	suite_ends 0 stop msg_server
	: >"$SERVERS/route_server/go"
	runs route_server

	assert_left_alone route_server
	state_is msg_server STOPPED
	[ ! -e "$SERVERS/msg_server/starts" ]
}

@test "start of a server that waits for what it needs says what it waits for, and comes true with that" {
	given_server route_server
	given_server msg_server 'needs = route_server'
	monitor_start route_server msg_server
	runs msg_server
	suite_ends 0 stop all

	operator start msg_server
	operator_says 'waits for route_server'
	suite_ends 0 start route_server

	operator_ends 0
	operator_says "msg_server: running, pid $(pid_of msg_server)"
}

@test "stop of a FATAL server: STOPPED, and tried no more" {
	given_server msg_server 'command = ./msg_server --exit 1' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server FATAL

	suite_ends 0 stop msg_server

	state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "start of a FATAL server whose fault is mended: it runs, and what it was before is not taken for the outcome" {
	given_server msg_server 'give_up = 1 in 60s'
	given_server route_server
	rm "$SERVERS/msg_server/msg_server"
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server FATAL
	given_program "$SERVERS/msg_server/msg_server"

	suite_ends 0 start msg_server

	assert_answered 'msg_server: running, pid '
}
