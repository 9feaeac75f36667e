#!/usr/bin/env bats
# A server that is slow to stop, will not stop, or leaves others behind: stop and restart do right, and say what they
# wait for (field cases 13, 14).

load helpers
load fixtures/orders

# given_running LINE... - msg_server, with these lines of conf, RUNNING under a monitor; $RUNS is its pid
given_running() {
	given_server msg_server "$@"
	monitor_start msg_server
	runs msg_server
}

# children_of PID - prints the pids of its children
children_of() {
	tr ' ' '\n' <"/proc/$1/task/$1/children" | grep .
}

# --- one that ignores TERM

@test "stop of a server that ignores TERM: killed when its wait is over" {
	given_running 'command = ./msg_server --ignore-term' 'stop = TERM 1500ms KILL'

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	assert_answered "msg_server: waiting; state STOPPING, pid $RUNS"
	assert_answered 'msg_server: stopped (KILL was needed after 1.5s)'
	assert_logged 'Server msg_server stopped by order (KILL was needed after 1.5s)'
	holds "$STATE/history.jsonl" \
		"\"pid\":$RUNS,\"cause\":\"\",\"action\":\"stopped by order\",\"incident\":\"\",\"detail\":\"KILL was needed after 1.5s\""
}

@test "stop says what it took of this end only: a later one that needs one signal says nothing" {
	given_running 'command = ./msg_server --ignore-term' 'stop = TERM 200ms KILL'
	suite_ends 0 stop msg_server
	assert_answered 'msg_server: stopped (KILL was needed after 0.2s)'

	suite_ends 0 stop msg_server
	assert_equal 'answer' "$(<"$SAID")" 'msg_server: stopped'
	suite_ends 0 restart msg_server
	run -1 grep needed "$SAID"
	printf '%s\n' "dir = $SERVERS/msg_server" >"$CONF/servers/msg_server.conf"
	suite_ends 0 update
	suite_ends 0 stop msg_server

	assert_equal 'answer' "$(<"$SAID")" 'msg_server: stopped'
}

@test "restart of a server that ignores TERM: one new process" {
	given_running 'command = ./msg_server --ignore-term' 'stop = TERM 200ms KILL'

	suite_ends 0 restart msg_server

	is_gone "$RUNS"
	pid_differs msg_server "$RUNS"
	assert_answered "msg_server: running, pid $(pid_of msg_server) (pid $RUNS: KILL was needed after 0.2s)"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "stop of a server that was stopped by SIGSTOP" {
	given_running 'stop = TERM 600s KILL'
	kill -STOP "$RUNS"

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
}

@test "the signals of a stop come in turn, and only as far as they are needed" {
	given_running 'command = ./msg_server --ignore-term' 'stop = TERM 100ms INT 600s KILL'

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	assert_answered 'msg_server: stopped (INT was needed after 0.1s)'
}

@test "without a monitor: stop of a server that ignores TERM, with its progress printed" {
	given_server msg_server 'command = ./msg_server --ignore-term' 'stop = TERM 1500ms KILL'
	start_by_hand msg_server --ignore-term

	suite_ends 0 stop msg_server

	wait_until "$PATIENCE" is_gone "$BY_HAND"
	assert_answered "msg_server: waiting; state STOPPING, pid $BY_HAND"
	assert_answered "msg_server: stopped (pid $BY_HAND, KILL was needed after 1.5s; no monitor watches it)"
}

@test "without a monitor: restart says what the end of the old one took" {
	given_server msg_server 'command = ./msg_server --ignore-term' 'stop = TERM 200ms KILL'
	start_by_hand msg_server --ignore-term

	suite_ends 0 restart msg_server

	assert_answered "no monitor watches it; pid $BY_HAND: KILL was needed after 0.2s"
}

# --- one that the monitor has not found yet

# hold_first_look - the monitor begins, and the search of its first look stands still: $SEARCH is its pid
hold_first_look() {
	local helper
	SEARCH=
	until [ -n "$SEARCH" ]; do
		monitor_start msg_server
		helper=
		until [ -n "$helper" ]; do # while it executes itself again it shows no words
			helper=$(helper_of "$MONITOR" 2>/dev/null) || :
		done
		until has_search "$helper" || grep -q 'Server msg_server adopted' "$PRINTED"; do :; done
		kill -STOP "$SEARCH" 2>/dev/null && is_search "$SEARCH" && [ "$(state_letter "$SEARCH")" = T ] || { # it was too quick
			monitor_crash
			# one that stands still since its fork holds the lock
			kill -KILL "$SEARCH" 2>/dev/null || :
			SEARCH=
			: >"$PRINTED"
		}
	done
}

# has_search HELPER - is a child of it searching?  $SEARCH is its pid
has_search() {
	for SEARCH in $(<"/proc/$1/task/$1/children"); do
		! is_search "$SEARCH" || return 0
	done
	return 1
}

# is_search PID - a search is a part of the helper, in a process of its own
is_search() {
	tr '\0' ' ' <"/proc/$1/cmdline" | grep -q 'alive.py watch'
}

@test "stop of a server that was started by hand, while the monitor still searches for it, finds and ends it" {
	given_server msg_server
	start_by_hand msg_server
	hold_first_look

	suite_ends 0 stop msg_server

	is_gone "$BY_HAND"
	kill -CONT "$SEARCH"
	state_is msg_server STOPPED
	assert_equal 'ends by order' "$(logged_times 'Server msg_server stopped by order')" 1
	assert_equal starts "$(starts_of msg_server)" 1
}

@test "restart of a server that was started by hand, while the monitor still searches for it: a new process" {
	given_server msg_server
	start_by_hand msg_server
	hold_first_look

	suite_ends 0 restart msg_server

	is_gone "$BY_HAND"
	kill -CONT "$SEARCH"
	running_as msg_server "$(tail -n 1 "$SERVERS/msg_server/starts")"
	assert_equal starts "$(starts_of msg_server)" 2
}

@test "a search that is killed has not found that the server is absent: the monitor searches again" {
	given_server msg_server
	start_by_hand msg_server
	hold_first_look

	kill -KILL "$SEARCH"

	assert_adopted msg_server "$BY_HAND"
	assert_equal starts "$(starts_of msg_server)" 1
}

# --- one that leaves children in its session (case 13)

# given_parent LINE... - msg_server, which has a child in its session that keeps its port; $CHILD is that
given_parent() {
	PORT=$(free_port)
	given_running "command = ./msg_server --port $PORT --leave-child" "port = $PORT" "$@"
	wait_until "$PATIENCE" children_of "$RUNS"
	CHILD=$(children_of "$RUNS")
}

@test "stop ends what the server left in its session" {
	given_parent

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	is_gone "$CHILD"
	run -1 is_listening "$PORT"
}

@test "stop says what the end of the children took" {
	given_slow 'stop = TERM 300ms KILL' --leave-child # the child hears TERM, and goes on
	wait_until "$PATIENCE" children_of "$RUNS"
	child=$(children_of "$RUNS")
	: >"$SERVERS/msg_server/go"

	suite_ends 0 stop msg_server

	is_gone "$child"
	assert_answered 'msg_server: stopped (KILL was needed after 0.3s for what it left behind)'
}

@test "restart ends what the server left in its session: the port is free for the new one" {
	given_parent

	suite_ends 0 restart msg_server

	is_gone "$CHILD"
	pid_differs msg_server "$RUNS"
	is_listening "$PORT"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "stop and restart end what an adopted server left in its session" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port --leave-child" "port = $port"
	start_stranger "$SERVERS/msg_server" setsid ./msg_server --port "$port" --leave-child
	monitor_start msg_server
	runs msg_server
	wait_until "$PATIENCE" children_of "$RUNS"
	first=$(children_of "$RUNS")

	suite_ends 0 restart msg_server
	is_gone "$first"
	runs msg_server
	monitor_crash
	monitor_start msg_server
	assert_adopted msg_server "$RUNS"
	second=$(children_of "$RUNS")
	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	is_gone "$second"
}

@test "without a monitor: stop ends what the server left in its session" {
	given_parent
	monitor_crash

	suite_ends 0 stop msg_server

	wait_until "$PATIENCE" is_gone "$RUNS"
	wait_until "$PATIENCE" is_gone "$CHILD"
}

@test "stop_tree = no: what the server left lives on" {
	given_parent 'stop_tree = no'

	suite_ends 0 stop msg_server

	is_gone "$RUNS"
	kill -0 "$CHILD"
	is_listening "$PORT"
}

@test "stop_tree = no: what holds the port against a restart is ended nevertheless" {
	given_parent 'stop_tree = no'

	suite_ends 0 restart msg_server

	is_gone "$CHILD"
	running_as msg_server "$(tail -n 1 "$SERVERS/msg_server/starts")"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "nginx: stop ends master and workers, restart comes back on the same port" {
	given_nginx
	monitor_start nginx
	runs nginx
	workers=$(children_of "$RUNS")

	suite_ends 0 restart nginx
	pid_differs nginx "$RUNS"
	is_listening "$NGINX_PORT"
	suite_ends 0 stop nginx

	run -1 is_listening "$NGINX_PORT"
	for pid in $RUNS $workers; do
		wait_until "$PATIENCE" is_gone "$pid"
	done
}

# --- one that answers TERM late, and holds its port until then (case 14)

# given_slow [STOP [ARG]] - msg_server, which leaves on TERM only once the file go is there, and keeps its port open until
# then; STOP is a line of conf
given_slow() {
	PORT=$(free_port)
	given_running "command = ./msg_server --port $PORT --term-when go ${2:-}" "port = $PORT" "${1:-stop = TERM 600s KILL}"
}

@test "stop of a slow server waits until it is gone, and says so meanwhile" {
	given_slow

	operator stop msg_server

	operator_says "msg_server: waiting; state STOPPING, pid $RUNS"
	state_is msg_server STOPPING
	is_listening "$PORT"
	: >"$SERVERS/msg_server/go"
	operator_ends 0
	is_gone "$RUNS"
	run -1 is_listening "$PORT"
}

@test "restart of a slow server starts the new one after the old one is gone, on the same port" {
	given_slow

	operator restart msg_server

	operator_says "msg_server: waiting; state STOPPING, pid $RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 1
	: >"$SERVERS/msg_server/go"
	operator_ends 0
	is_gone "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
	is_listening "$PORT"
	assert_equal 'failed starts' "$(logged_times 'not started')" 0
}

@test "a monitor that is killed during a stop: the next one finishes it" {
	given_slow
	operator stop msg_server
	operator_says 'state STOPPING'

	monitor_crash
	operator_ends 7
	monitor_start msg_server

	: >"$SERVERS/msg_server/go"
	wait_until "$PATIENCE" is_gone "$RUNS"
	wait_until "$PATIENCE" state_is msg_server STOPPED
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

@test "a slow death by a stranger's TERM, its port held: the server is started after the old process has gone" {
	given_slow
	kill -TERM "$RUNS"

	: >"$SERVERS/msg_server/go"

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'starts' "$(starts_of msg_server)" 2
}
