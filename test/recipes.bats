#!/usr/bin/env bats
# The recipes of conf/examples/servers work with the real programs: each is started, answers, is killed, and is back.

load helpers
load fixtures/recipes

teardown() {
	cd / || return
	[ -n "${BATS_TEST_COMPLETED:-}" ] || show_evidence
	end_everything
	[ -z "${CLUSTER:-}" ] || end_cluster
}

# assert_comes_back NAME COMMAND... - NAME runs and COMMAND succeeds; it is killed, runs anew, and COMMAND succeeds again
assert_comes_back() {
	local name=$1 pid
	shift
	monitor_start "$name"
	wait_until 60 state_is "$name" RUNNING
	wait_until "$PATIENCE" "$@"
	pid=$(pid_of "$name")

	kill -KILL "$pid"

	wait_until 60 pid_differs "$name" "$pid"
	wait_until 60 state_is "$name" RUNNING
	wait_until "$PATIENCE" "$@"
	assert_logged "Server $name stopped, pid=$pid, restarting... (signal KILL"
	assert_alerted death "$name" 'signal KILL'
}

# assert_stops NAME - by order, with the signals of the recipe
assert_stops() {
	local pid
	pid=$(pid_of "$1")
	suite_ends 0 stop "$1"
	is_gone "$pid"
}

@test "each recipe is good conf as it is" {
	for recipe in "$RECIPES"/*.conf; do
		user=$(sed -n 's/^user = //p' "$recipe")
		id -u "${user:-root}" >/dev/null 2>&1 || continue
		cp "$recipe" "$CONF/servers"
	done

	suite_ends 0 check

	[ "$(find "$CONF/servers" -name '*.conf' | wc -l)" -gt 4 ]
}

@test "nginx" {
	require curl
	require_program nginx
	given_nginx # its own conf, with a port and paths of this test

	given_recipe nginx dir "$SERVERS/nginx" command "$PROGRAM -p $SERVERS/nginx/ -e error.log -c nginx.conf" \
		pid_from "own, pidfile $SERVERS/nginx/nginx.pid" port "$NGINX_PORT"

	assert_comes_back nginx answers "http://127.0.0.1:$NGINX_PORT/"
	assert_stops nginx
}

@test "postgresql" {
	require_program postgresql
	given_cluster
	port=$(free_port)
	given_recipe postgresql dir "$CLUSTER/main" user "$CLUSTER_USER" \
		command "$PROGRAM -D . -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$CLUSTER"

	assert_comes_back postgresql "${PROGRAM%/*}/psql" -h 127.0.0.1 -p "$port" -U "$CLUSTER_USER" -c 'select 1' postgres
	assert_stops postgresql
	LC_ALL=C "${PROGRAM%/*}/pg_controldata" "$CLUSTER/main" | grep -q 'cluster state: *shut down$'
}

@test "redis" {
	require_program redis
	require redis-cli
	port=$(free_port)
	mkdir -p "$SERVERS/redis"
	printf '%s\n' 'bind 127.0.0.1' "port $port" 'daemonize yes' "dir $SERVERS/redis" >"$SERVERS/redis/redis.conf"
	read -ra words < <(value_of redis command)

	given_recipe redis dir "$SERVERS/redis" user "$(me)" command "$PROGRAM redis.conf ${words[*]:2}"

	assert_comes_back redis redis-cli -p "$port" ping
	redis-cli -p "$port" set kept yes
	assert_stops redis
	suite_ends 0 start redis
	wait_until "$PATIENCE" holds_kept "$port"
}

# holds_kept PORT - does redis have what it wrote when it was stopped?
holds_kept() {
	[ "$(redis-cli -p "$1" get kept)" = yes ]
}

@test "gunicorn" {
	require curl
	require_program gunicorn
	port=$(free_port)
	mkdir -p "$SERVERS/gunicorn"
	cat >"$SERVERS/gunicorn/app.py" <<-'END'
		def app(environ, start_response):
		    start_response("200 OK", [("Content-Type", "text/plain")])
		    return [b"well\n"]
	END

	given_recipe gunicorn dir "$SERVERS/gunicorn" user "$(me)" sockets "tcp://127.0.0.1:$port" \
		check "http http://127.0.0.1:$port/"

	assert_comes_back gunicorn answers "http://127.0.0.1:$port/"
	assert_stops gunicorn
}

@test "java" {
	require_program java
	require javac jar
	port=$(free_port)
	mkdir -p "$SERVERS/java"
	cp "$(business_jar)" "$SERVERS/java/app.jar"

	given_recipe java dir "$SERVERS/java" user "$(me)" port "$port" command "$(value_of java command) $port"

	assert_comes_back java is_listening "$port"
	assert_stops java
}

@test "node" {
	require curl
	require_program node
	port=$(free_port)
	mkdir -p "$SERVERS/node"
	printf '%s\n' "require('http').createServer((ask, answer) => answer.end('well')).listen($port, '127.0.0.1')" \
		>"$SERVERS/node/server.js"

	given_recipe node dir "$SERVERS/node" user "$(me)" check "http http://127.0.0.1:$port/"

	assert_comes_back node answers "http://127.0.0.1:$port/"
	assert_stops node
}

@test "a shell loop" {
	mkdir -p "$SERVERS/shell-loop"
	printf '%s\n' '#!/bin/sh' 'echo begun' 'while :; do touch beat; sleep 1; done' >"$SERVERS/shell-loop/loop.sh"
	chmod +x "$SERVERS/shell-loop/loop.sh"

	given_recipe shell-loop dir "$SERVERS/shell-loop"

	assert_comes_back shell-loop test -e "$SERVERS/shell-loop/beat"
	assert_stops shell-loop
	grep -qx begun "$STATE/output/shell-loop.log"
}

@test "a shell loop that makes no more rounds is restarted" {
	mkdir -p "$SERVERS/shell-loop"
	printf '%s\n' '#!/bin/sh' 'touch beat' 'while :; do sleep 1; done' >"$SERVERS/shell-loop/loop.sh"
	chmod +x "$SERVERS/shell-loop/loop.sh"
	given_recipe shell-loop dir "$SERVERS/shell-loop" heartbeat_timeout 1s

	monitor_start shell-loop

	assert_alerted hung shell-loop 'no beat for'
}
