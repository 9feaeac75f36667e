#!/usr/bin/env bats
# A server that dies is back under a new pid; its cause is logged, its logs are in oldlog, and one alert tells of it.

load helpers

# comes_back NAME PID CAUSE LOG - the death of PID has been answered as it must be
comes_back() {
	wait_until "$PATIENCE" pid_differs "$1" "$2"
	wait_until "$PATIENCE" state_is "$1" RUNNING
	assert_logged "Server $1 stopped, pid=$2, restarting... ($3"
	assert_logged "Server $1 restarted, pid=$(pid_of "$1") ("
	assert_moved "$4"
	assert_alerted death "$1" "$3"
	assert_equal 'lines about its end' "$(logged_times "Server $1 stopped")" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

# watched NAME [WORD...] - NAME is RUNNING under a monitor of WORDs; its pid is in $old
watched() {
	monitor_start "${@:2}"
	wait_until "$PATIENCE" state_is "$1" RUNNING
	assert_logged "Server $1 started, pid=" # seen by the monitor too, not by its evidence alone
	old=$(pid_of "$1")
}

given_msg_server() {
	given_server msg_server 'command = ./msg_server --exit-when leave'
	watched msg_server msg_server
}

# tell_to_leave STATUS - the stand-in exits with it
tell_to_leave() {
	printf '%s\n' "$1" >"$SERVERS/leave"
	mv "$SERVERS/leave" "$SERVERS/msg_server/leave"
}

@test "a server that was killed (kill -9) comes back" {
	given_msg_server

	kill -KILL "$old"

	comes_back msg_server "$old" 'signal KILL' "log_${old}_1.txt"
}

@test "a server that crashed (kill -SEGV) comes back" {
	given_msg_server

	kill -SEGV "$old"

	comes_back msg_server "$old" 'signal SEGV' "log_${old}_1.txt"
}

@test "a server that failed (exit 3) comes back" {
	given_msg_server

	tell_to_leave 3

	comes_back msg_server "$old" 'exit 3' "log_${old}_1.txt"
}

@test "a server that ended (exit 0) comes back" {
	given_msg_server

	tell_to_leave 0

	comes_back msg_server "$old" 'exit 0' "log_${old}_1.txt"
}

@test "nginx comes back when its master was killed (kill -9), though its workers hold the port" {
	given_nginx
	watched nginx nginx

	kill -KILL "$old"

	comes_back nginx "$old" 'signal KILL' error.log
	call_port "$NGINX_PORT"
}

@test "nginx comes back when its master crashed (kill -SEGV)" {
	given_nginx
	watched nginx nginx

	kill -SEGV "$old"

	comes_back nginx "$old" 'signal SEGV' error.log
}

@test "nginx comes back when its master failed (exit 3)" {
	given_nginx
	watched nginx nginx

	kill -s RTMIN "$old"

	comes_back nginx "$old" 'exit 3' error.log
}

@test "nginx comes back when its master ended (exit 0)" {
	given_nginx
	watched nginx nginx

	kill -QUIT "$old"

	comes_back nginx "$old" 'exit 0' error.log
}

@test "a redis that daemonizes comes back when it was killed (kill -9)" {
	given_redis
	watched redis redis

	kill -KILL "$old"

	comes_back redis "$old" 'signal KILL' redis.log
}

@test "a redis that daemonizes comes back when it crashed (kill -SEGV)" {
	given_redis
	watched redis redis

	kill -SEGV "$old"

	comes_back redis "$old" 'signal SEGV' redis.log
}

@test "a redis that daemonizes comes back when it failed (exit 3)" {
	given_redis
	watched redis redis

	kill -s RTMIN "$old"

	comes_back redis "$old" 'exit 3' redis.log
}

@test "a redis that daemonizes comes back when it ended (exit 0)" {
	given_redis
	watched redis redis

	kill -TERM "$old"

	comes_back redis "$old" 'exit 0' redis.log
}

@test "a Java business server comes back on its port when it was killed (kill -9)" {
	given_business
	watched "business@$BUSINESS_PORT" business "$BUSINESS_PORT"

	kill -KILL "$old"

	comes_back "business@$BUSINESS_PORT" "$old" 'signal KILL' "log_${old}_1.txt"
	call_port "$BUSINESS_PORT"
}

@test "a Java business server comes back when it crashed (kill -SEGV), which a JVM turns into an abort" {
	given_business
	watched "business@$BUSINESS_PORT" business "$BUSINESS_PORT"

	kill -SEGV "$old"

	comes_back "business@$BUSINESS_PORT" "$old" 'signal ABRT' "log_${old}_1.txt"
}

@test "a Java business server comes back when it failed (exit 3)" {
	given_business
	watched "business@$BUSINESS_PORT" business "$BUSINESS_PORT"

	call_port "$BUSINESS_PORT" 'exit 3'

	comes_back "business@$BUSINESS_PORT" "$old" 'exit 3' "log_${old}_1.txt"
}

@test "a Java business server comes back when it ended (exit 0)" {
	given_business
	watched "business@$BUSINESS_PORT" business "$BUSINESS_PORT"

	call_port "$BUSINESS_PORT" 'exit 0'

	comes_back "business@$BUSINESS_PORT" "$old" 'exit 0' "log_${old}_1.txt"
}
