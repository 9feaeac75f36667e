#!/usr/bin/env bats
# reload: the server reads its own configuration again, and the answer is 0 only if it lives on and is well.

# shellcheck disable=SC2016 # it is the shells that conf names which expand all these

load helpers
load fixtures/orders
load fixtures/recipes

teardown() {
	local status=0
	end_test || status=1
	[ -z "${CLUSTER:-}" ] || end_cluster
	return "$status"
}

# given_loop NAME SCRIPT [LINE...] - server NAME is a shell that runs SCRIPT, and then sleeps and handles signals
given_loop() {
	local name=$1 script=$2
	mkdir -p "$SERVERS/$name"
	printf '%s\n' '#!/bin/bash' "$script" 'while :; do sleep 1000 & wait; done' >"$SERVERS/$name/$name"
	chmod +x "$SERVERS/$name/$name"
	given_conf "$name" "dir = $SERVERS/$name" "match = $name" 'stop = KILL' "${@:3}"
}

# runs_and_waits NAME - it is RUNNING, and has told so in the file ready
runs_and_waits() {
	runs "$1"
	wait_until "$PATIENCE" test -e "$SERVERS/$1/ready"
}

@test "reload by a signal: the server gets it, lives on, and that is logged" {
	given_loop a 'trap "echo again >>reread" HUP; : >ready' 'reload = HUP'
	monitor_start a
	runs_and_waits a

	suite_ends 0 reload a

	assert_answered "a: reloaded, pid $RUNS"
	assert_equal 'reread' "$(<"$SERVERS/a/reread")" again
	assert_logged "Server a reloaded by order, pid=$RUNS"
	running_as a "$RUNS"
}

@test "reload by a command, which gets the pid; one that fails is reported with its last words, and the server lives" {
	given_server a 'reload = command sh -c "echo $MONITOR_PID $PWD >reread; test ! -e bad || { echo line 7 is bad; exit 9; }"'
	monitor_start a
	runs a

	suite_ends 0 reload a
	assert_equal 'reread' "$(<"$SERVERS/a/reread")" "$RUNS $SERVERS/a"
	: >"$SERVERS/a/bad"
	suite_ends 1 reload a

	assert_answered 'a: its command failed: exit 9: line 7 is bad'
	assert_logged "Server a reload failed, pid=$RUNS (its command failed: exit 9: line 7 is bad)"
	wait_until "$PATIENCE" grep -q '"event":"output".*"incident":"a-.*-reload-.*line 7 is bad' "$STATE/history.jsonl"
	running_as a "$RUNS"
}

@test "a reload that ends the server is a failure, and the death is answered like any other" {
	given_loop a ': >ready' 'reload = HUP'
	monitor_start a
	runs_and_waits a

	suite_ends 1 reload a

	assert_answered 'a: it ended after the reload (signal HUP)'
	assert_logged "Server a stopped, pid=$RUNS, restarting... (signal HUP"
	wait_until "$PATIENCE" pid_differs a "$RUNS"
}

@test "a server that ends a moment after the reload has failed, too" {
	given_loop a 'trap "sleep 0.3; exit 5" HUP; : >ready' 'reload = HUP' 'start_seconds = 2s'
	monitor_start a
	runs_and_waits a

	suite_ends 1 reload a

	assert_answered 'a: it ended after the reload (exit 5)'
}

@test "with a check, it must succeed once after the reload; until start_timeout it may fail" {
	given_loop a 'trap "echo >>reread" HUP; : >ready' 'reload = HUP' 'check = command sh -c "echo >>asked; test ! -e bad"' \
		'check_every = 1h' 'start_timeout = 1s'
	monitor_start a
	runs_and_waits a
	assert_equal 'asked' "$(wc -l <"$SERVERS/a/asked")" 1

	suite_ends 0 reload a
	assert_equal 'asked' "$(wc -l <"$SERVERS/a/asked")" 2
	: >"$SERVERS/a/bad"
	suite_ends 1 reload a

	assert_answered 'a: reloaded, and not well: check sh does not succeed (exit 1) after 1s'
	running_as a "$RUNS"
	rm "$SERVERS/a/bad"
	suite_ends 0 reload a
}

@test "a check that failed after a reload goes on, and finds the server hung" {
	given_loop a 'trap : HUP; rm -f bad; : >ready' 'reload = HUP' 'check = command sh -c "test ! -e bad"' 'check_every = 100ms' \
		'check_failures = 2' 'start_timeout = 500ms'
	monitor_start a
	runs_and_waits a
	suite_ends 0 reload a
	: >"$SERVERS/a/bad"

	wait_until "$PATIENCE" pid_differs a "$RUNS"

	assert_logged "Server a hung, pid=$RUNS, ended (check sh failed 2 times: exit 1"
}

# given_notifier [LINE...] - server a says READY=1, and after HUP RELOADING=1; READY=1 follows when the file again is there
given_notifier() {
	require systemd-notify
	given_loop a 'say() { systemd-notify --pid=$$ "$1"; }
		trap "say RELOADING=1; until test -e again; do sleep 0.1; done; say READY=1" HUP
		say READY=1; : >ready' 'reload = HUP' 'heartbeat = notify' "$@"
}

@test "heartbeat = notify: READY=1 must follow RELOADING=1" {
	given_notifier
	monitor_start a
	runs_and_waits a

	operator reload a
	wait_until "$PATIENCE" message_says a reloading
	! grep -q . "$OPERATOR_SAID" || operator_says 'a: waiting;'
	: >"$SERVERS/a/again"

	operator_ends 0
	operator_says "a: reloaded, pid $RUNS"
}

@test "heartbeat = notify: a READY=1 that does not come within start_timeout is a failure" {
	given_notifier 'start_timeout = 2s' 'start_seconds = 3s'
	monitor_start a
	runs_and_waits a

	suite_ends 1 reload a

	assert_answered 'a: reloaded, and not well: no READY=1 after 2s'
	running_as a "$RUNS"
}

@test "reload is refused without the key, for a server that does not run or is paused, during another, without a monitor" {
	given_server a
	given_server b 'reload = HUP'
	given_server c 'reload = command sleep 1000' 'start_timeout = 1h'
	suite_ends 7 reload b
	assert_answered 'b: no monitor watches it, and reload needs one; run ./monitor.sh b'
	monitor_start a b c
	runs a
	runs b
	runs c

	suite_ends 6 reload a
	assert_answered "a: conf does not say how; set reload in $CONF/servers/a.conf"
	suite_ends 0 pause b
	suite_ends 1 reload b
	assert_answered 'b: is paused; resume it first'
	suite_ends 0 stop b
	suite_ends 7 reload b
	assert_answered 'b: it does not run'
	operator reload c
	operator_says 'c: waiting;'
	suite_ends 1 reload c
	assert_answered 'c: another reload is under way; wait for its end'
	suite_ends 0 stop c
	operator_ends 1
	operator_says 'c: its command failed: it was ended'
}

@test "several servers reload at once, and the worst answer counts" {
	given_loop a 'trap : HUP; : >ready' 'reload = HUP'
	given_server b
	monitor_start a b
	runs_and_waits a
	runs b

	suite_ends 6 reload '*'

	assert_answered 'a: reloaded, pid '
	assert_answered 'b: conf does not say how'
}

@test "a reload that the helper did not live to answer is carried out by the next one" {
	expect_helper_deaths
	given_loop a 'trap "echo again >>reread" HUP; : >ready' 'reload = HUP' 'start_seconds = 2s'
	monitor_start a
	runs_and_waits a
	operator reload a
	wait_until "$PATIENCE" test -e "$SERVERS/a/reread"

	kill -KILL "$(helper_of "$MONITOR")"

	operator_ends 0
	operator_says "a: reloaded, pid $RUNS"
}

# --- real servers

@test "nginx: start_pre = nginx -t, and a reload that answers by its own test" {
	require curl
	given_nginx
	nginx="$(command -v nginx) -p $SERVERS/nginx/ -e error.log -c nginx.conf"
	printf '%s\n' "start_pre = $nginx -t" "reload = command sh -c '$nginx -t && exec $nginx -s reload'" \
		"stop = command $nginx -s quit 20s TERM 5s KILL" "check = http http://127.0.0.1:$NGINX_PORT/" \
		'give_up = 1 in 60s' >>"$CONF/servers/nginx.conf"
	monitor_start nginx
	runs nginx
	sed -i 's/return 200 "well"/return 200 "better"/' "$SERVERS/nginx/nginx.conf"

	suite_ends 0 reload nginx
	[ "$(curl -fs "http://127.0.0.1:$NGINX_PORT/")" = better ]
	running_as nginx "$RUNS"
	printf 'nonsense on;\n' >>"$SERVERS/nginx/nginx.conf"
	suite_ends 1 reload nginx
	assert_answered 'nginx: its command failed: exit 1: nginx: '
	[ "$(curl -fs "http://127.0.0.1:$NGINX_PORT/")" = better ]
	running_as nginx "$RUNS"

	sed -i '/nonsense/d' "$SERVERS/nginx/nginx.conf"
	suite_ends 0 stop nginx
	run ! grep -F 'was needed after' "$SAID"
	is_gone "$RUNS"
	printf 'nonsense on;\n' >>"$SERVERS/nginx/nginx.conf"
	suite_ends 1 start nginx
	assert_answered 'nginx: gave up: '
	assert_logged 'start_pre failed: exit 1: nginx: '
	grep -F '"event":"output"' "$STATE/history.jsonl" | grep -qF 'unknown directive \"nonsense\"'
	sed -i '/nonsense/d' "$SERVERS/nginx/nginx.conf"
	suite_ends 0 start nginx
}

@test "PostgreSQL: start_pre checks its conf, reload takes a change over, INT ends it" {
	require_program postgresql
	given_cluster
	port=$(free_port)
	words=("$PROGRAM" -D . -p "$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$CLUSTER")
	given_recipe postgresql dir "$CLUSTER/main" user "$CLUSTER_USER" command "${words[*]}"
	printf '%s\n' "start_pre = $PROGRAM -D . -C work_mem" 'give_up = 1 in 60s' >>"$CONF/servers/postgresql.conf"
	shows() { "${PROGRAM%/*}/psql" -h 127.0.0.1 -p "$port" -U "$CLUSTER_USER" -Atc "show $1" postgres; }
	has_work_mem() { [ "$(shows work_mem)" = "$1" ]; }
	monitor_start postgresql
	runs postgresql
	printf 'work_mem = 5MB\n' >>"$CLUSTER/main/postgresql.conf"

	suite_ends 0 reload postgresql
	wait_until "$PATIENCE" has_work_mem 5MB
	running_as postgresql "$RUNS"
	suite_ends 0 stop postgresql
	grep -q 'received fast shutdown request' "$STATE/output/postgresql.log"

	printf 'work_mem = much\n' >>"$CLUSTER/main/postgresql.conf"
	suite_ends 1 start postgresql
	assert_logged 'start_pre failed: exit 1: '
	grep -F 'start_pre failed' "$STATE/restart.log" | grep -qE 'work_mem|configuration file'
	sed -i '/much/d' "$CLUSTER/main/postgresql.conf"
	suite_ends 0 start postgresql
}
