#!/usr/bin/env bats
# A start has succeeded when an identified process is there, and its port if it has one; not before (field cases 19, 23).

load helpers
load fixtures/hostile
load fixtures/orders

# --- case 19

@test "launcher lies: missing program" {
	given_server msg_server 'backoff = 100ms 1s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	mv "$SERVERS/msg_server/msg_server" "$BATS_TEST_TMPDIR/aside"

	kill -KILL "$old"

	wait_until "$PATIENCE" state_is msg_server BACKOFF
	wait_until "$PATIENCE" message_says msg_server './msg_server is not in'
	assert_equal 'restarts said' "$(logged_times 'restarted, pid=')" 0
	mv "$BATS_TEST_TMPDIR/aside" "$SERVERS/msg_server/msg_server"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_logged "Server msg_server restarted, pid=$(pid_of msg_server)"
}

@test "launcher lies: exits at once" {
	given_server msg_server 'command = ./msg_server --exit 1' 'backoff = 100ms 200ms' 'give_up = 3 in 60s'

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server FATAL
	assert_logged 'Server msg_server gave up (3 in 60s)'
	assert_alerted give_up msg_server 'exit 1'
	assert_equal 'restarts said' "$(logged_times 'restarted, pid=')" 0
	assert_equal 'starts' "$(starts_of msg_server)" 3
}

@test "launcher lies: daemonizes and fails later" {
	given_server msg_server 'command = ./msg_server --daemonize --exit 1 --pidfile server.pid' \
		'pid_from = own, pidfile server.pid' 'start_timeout = 2s' 'backoff = 60s 60s'

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server BACKOFF
	assert_equal 'pid' "$(pid_of msg_server)" ''
	assert_equal 'restarts said' "$(logged_times 'restarted, pid=')" 0
}

@test "launcher lies: a second redis returns 0 and dies" {
	given_redis
	start_stranger "$BATS_TEST_TMPDIR" redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save ''
	wait_until "$PATIENCE" is_listening "$REDIS_PORT"
	given_conf redis "dir = $SERVERS/redis" 'command = redis-server redis.conf' \
		'pid_from = own, pidfile redis.pid' 'start_timeout = 2s' 'backoff = 60s 60s'

	monitor_start redis

	wait_until "$PATIENCE" state_is redis BACKOFF
	assert_equal 'pid' "$(pid_of redis)" ''
	run -1 is_gone "$BY_HAND"
}

@test "a port that a stranger holds is named, and the stranger is left alone" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port" "port = $port" 'backoff = 100ms 200ms'
	given_program "$SERVERS/stranger/stranger"
	start_stranger "$SERVERS/stranger" ./stranger --port "$port"
	wait_until "$PATIENCE" is_listening "$port"

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server BACKOFF
	wait_until "$PATIENCE" message_says msg_server "port $port is held by pid $BY_HAND (stranger)"
	kill -0 "$BY_HAND"
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

# --- case 23

# stays_starting NAME - NAME stays STARTING while the monitor looks at all evidence twice
stays_starting() {
	wait_until "$PATIENCE" state_is "$1" STARTING
	wait_until "$PATIENCE" state_is route_server RUNNING
	assert_left_alone route_server
	state_is "$1" STARTING
}

@test "slow starter: one that listens late is STARTING, not started a second time" {
	port=$(free_port)
	given_server route_server
	given_server msg_server "command = ./msg_server --port $port --port-when go" "port = $port"
	monitor_start msg_server route_server

	stays_starting msg_server
	: >"$SERVERS/msg_server/go"

	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "a server that is allowed few open files starts, however many its monitor has" {
	given_server msg_server 'limit_nofile = 12'
	given_server route_server "sockets = tcp://127.0.0.1:$(free_port)" 'limit_nofile = 12'
	for number in {1..8}; do
		given_server "other$number"
	done

	monitor_start all

	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is route_server RUNNING
	grep -E '^Max open files +12 +12 ' "/proc/$(pid_of route_server)/limits"
}

@test "servers start, and are checked, though their monitor has more files open than a server may" {
	given_sleepers 40
	given_server plain 'check = command true' 'check_every = 100ms'
	given_server forked 'nice = 19'
	given_server channelled "sockets = tcp://127.0.0.1:$(free_port)"
	ulimit -Sn 40

	monitor_start all

	wait_until "$PATIENCE" suite_is_content status
	for server in plain forked channelled s040; do
		grep -E '^Max open files +40 ' "/proc/$(pid_of "$server")/limits"
	done
	restarts plain
	restarts forked
}

# suite_is_content WORD - `monitor.sh WORD` ends with 0
suite_is_content() {
	suite "$1" >/dev/null
}

@test "slow starter: a daemon that listens late and writes its pidfile late" {
	port=$(free_port)
	given_server route_server
	given_server msg_server 'pid_from = pidfile server.pid' "port = $port" \
		"command = ./msg_server --daemonize --chdir-root --pidfile server.pid --port $port --port-when go"
	monitor_start msg_server route_server

	stays_starting msg_server
	: >"$SERVERS/msg_server/go"

	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "slow starter: a monitor that arrives meanwhile starts no second one" {
	port=$(free_port)
	given_server route_server
	given_server msg_server "command = ./msg_server --port $port --port-when go" "port = $port"
	monitor_start msg_server route_server
	wait_until "$PATIENCE" state_is msg_server STARTING
	monitor_crash

	monitor_start msg_server route_server

	wait_until "$PATIENCE" is_watched
	stays_starting msg_server
	: >"$SERVERS/msg_server/go"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "slow starter: one that never gets there is ended at start_timeout and tried again" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port --port-when never" "port = $port" \
		'start_timeout = 1s' 'backoff = 60s 60s'

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server BACKOFF
	wait_until "$PATIENCE" is_gone "$(<"$SERVERS/msg_server/starts")"
}

@test "a server that can never start ends no monitor while another one is still starting" {
	given_server slow 'start_seconds = 3s'
	given_conf bad "dir = $SERVERS/slow" 'command = ./none' 'backoff = 50ms 50ms'

	monitor_start slow bad
	assert_logged 'Server slow started'

	(($(logged_times 'Server bad not started') > 2))
	runs slow
}
