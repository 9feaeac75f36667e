#!/usr/bin/env bats
# Real servers outlive a monitor that is killed: the next one adopts them with proof, and answers their death as ever.

load helpers

# outlives NAME [WORD...] - NAME, under a monitor of WORDs, keeps its pid while monitor and helper are killed and the next
# monitor comes; killed then, it is back, and was started twice in all
outlives() {
	local old
	monitor_start "${@:2}"
	wait_until "$PATIENCE" state_is "$1" RUNNING
	old=$(pid_of "$1")

	monitor_crash
	monitor_start "${@:2}"

	assert_adopted "$1" "$old"
	assert_equal 'mode' "$(status_of "$1" mode)" adopted
	assert_equal 'restarts' "$(status_of "$1" restarts)" 0

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs "$1" "$old"
	wait_until "$PATIENCE" state_is "$1" RUNNING
	assert_alerted death "$1" 'restarted'
	assert_equal 'starts' "$(logged_times "Server $1 started")+$(logged_times "Server $1 restarted")" 1+1
	assert_equal 'deaths' "$(logged_times "Server $1 stopped, pid=$old")" 1
}

@test "nginx: adopted after the monitor's SIGKILL, then killed: back on its port" {
	given_nginx

	outlives nginx nginx

	call_port "$NGINX_PORT"
}

@test "redis, a daemon by itself: adopted after the monitor's SIGKILL, then killed: back on its port" {
	given_redis

	outlives redis redis

	call_port "$REDIS_PORT"
}

@test "a JVM: adopted after the monitor's SIGKILL, then killed: back on its port" {
	given_business

	outlives "business@$BUSINESS_PORT" business "$BUSINESS_PORT"

	call_port "$BUSINESS_PORT"
}

@test "two JVMs that differ by their port: each is adopted as itself" {
	given_business
	first=$BUSINESS_PORT second=$(free_port)
	monitor_start business "$first" "$second"
	wait_until "$PATIENCE" state_is "business@$first" RUNNING
	wait_until "$PATIENCE" state_is "business@$second" RUNNING
	old=$(pid_of "business@$first") other=$(pid_of "business@$second")

	monitor_crash
	rm "$STATE"/servers/*/record
	monitor_start business "$first" "$second"

	assert_adopted "business@$first" "$old"
	assert_adopted "business@$second" "$other"
}
