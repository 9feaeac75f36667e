#!/usr/bin/env bats
# Conf goes before our own record: a process that conf no longer describes is not the server, whatever the record says.
# It is named with the key that has changed, and ended before another one is started: never two copies, never none.

load helpers
load fixtures/orders

# given_moved - msg_server runs in old/, a monitor has watched it and is gone, and conf says new/ by now; $RUNS is its pid
given_moved() {
	local dir
	for dir in old new; do
		given_program "$SERVERS/$dir/msg_server"
		: >"$SERVERS/$dir/msgserver.conf"
	done
	given_conf msg_server "dir = $SERVERS/old" "$@"
	monitor_start msg_server
	runs msg_server
	monitor_stop
	move_conf old new
}

# move_conf FROM TO - in conf of msg_server, TO stands where FROM stood
move_conf() {
	sed -i "s|$1|$2|" "$CONF/servers/msg_server.conf"
}

# was_replaced OLD WHY - OLD is gone, another runs, and restart.log says why
was_replaced() {
	assert_logged "Server msg_server stopped, pid=$1, restarting... (pid $1 $2)"
	wait_until "$PATIENCE" pid_differs msg_server "$1"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	is_gone "$1"
}

# copies - prints how many processes run that a test has started from a program msg_server
copies() {
	local pid found=0
	for pid in $(ours | sort -u); do
		[[ $(readlink "/proc/$pid/exe") != */msg_server ]] || found=$((found + 1))
	done
	printf '%s\n' "$found"
}

# --- a new monitor

@test "dir has moved while no monitor ran: the old process is named and ended, and one runs in the new dir" {
	given_moved
	old=$RUNS

	monitor_start msg_server

	was_replaced "$old" "runs in $SERVERS/old, but dir is $SERVERS/new now"
	assert_said "msg_server: pid $old runs in $SERVERS/old, but dir is $SERVERS/new now; it is ended, and one is started as conf says"
	assert_equal 'cwd' "$(readlink "/proc/$(pid_of msg_server)/cwd")" "$SERVERS/new"
	assert_equal 'copies' "$(copies)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
	grep -q '"event":"stopped","server":"msg_server","pid":'"$old"',.*"action":"conf changed"' "$STATE/history.jsonl"
}

@test "command has changed while no monitor ran" {
	given_server msg_server 'command = ./msg_server --log=none'
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_crash
	move_conf '--log=none' '--log=lazy'

	monitor_start msg_server

	was_replaced "$old" 'runs ./msg_server --log=none, but command is ./msg_server --log=lazy now'
	assert_equal 'copies' "$(copies)" 1
}

@test "match has changed while no monitor ran" {
	given_server msg_server 'command = /bin/sh ./msg_server.sh green' 'match = green'
	printf '%s\n' 'while :; do sleep 0.1; done' >"$SERVERS/msg_server/msg_server.sh"
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_stop
	move_conf 'match = green' 'match = msg_server.sh'
	monitor_start msg_server
	assert_adopted_silently "$old"
	monitor_stop
	move_conf 'match = msg_server.sh' 'match = blue'

	monitor_start msg_server

	was_replaced "$old" 'is dash, but match is blue now'
}

# assert_adopted_silently PID - msg_server runs as PID, and nothing was said of its conf
assert_adopted_silently() {
	wait_until "$PATIENCE" running_as msg_server "$1"
	assert_left_alone msg_server
	run ! grep -F 'started as conf says' "$PRINTED"
}

@test "user has changed while no monitor ran" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	given_server msg_server 'command = ./msg_server --log=none'
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$SERVERS"
	chmod 777 "$SERVERS/msg_server"
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_stop
	rm -f "$SERVERS/msg_server/starts"
	printf '%s\n' 'user = nobody' >>"$CONF/servers/msg_server.conf"

	monitor_start msg_server

	was_replaced "$old" 'runs as uid 0, but user is nobody now'
	assert_equal 'uid' "$(stat -c %u "/proc/$(pid_of msg_server)")" "$(id -u nobody)"
}

# given_listener PORT... - msg_server is a script that listens on these ports
given_listener() {
	mkdir -p "$SERVERS/msg_server"
	: >"$SERVERS/msg_server/msgserver.conf"
	printf '%s\n' 'import socket, sys, time' 'held = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[1:]]' \
		'time.sleep(1000)' >"$SERVERS/msg_server/listen.py"
	given_conf msg_server "dir = $SERVERS/msg_server" "command = '$(python)' listen.py $*" 'match = listen.py' "port = $1"
}

@test "port has changed: a process that listens on the new one is the server, one that does not is not" {
	first=$(free_port) second=$(free_port) third=$(free_port)
	given_listener "$first" "$second"
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_stop
	move_conf "port = $first" "port = $second"
	monitor_start msg_server
	assert_adopted_silently "$old"
	monitor_stop
	move_conf "port = $second" "port = $third"

	monitor_start msg_server

	assert_said "msg_server: pid $old does not listen on port $third, as conf says now; it is ended"
	wait_until "$PATIENCE" is_gone "$old"
}

@test "keys that have not changed prove nothing: a server that has moved, and lost its port, is adopted" {
	port=$(free_port)
	mkdir -p "$SERVERS/msg_server" "$BATS_TEST_TMPDIR/elsewhere"
	: >"$SERVERS/msg_server/msgserver.conf"
	cat >"$SERVERS/msg_server/roam.py" <<-END
		import os, socket, time
		listener = socket.create_server(("127.0.0.1", $port))
		while not os.path.exists("go"):
		    time.sleep(0.05)
		listener.close()
		os.chdir("$BATS_TEST_TMPDIR/elsewhere")
		time.sleep(1000)
	END
	given_conf msg_server "dir = $SERVERS/msg_server" "command = '$(python)' roam.py" 'match = roam.py' "port = $port"
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_stop
	: >"$SERVERS/msg_server/go"
	roams() { [ "$(readlink "/proc/$old/cwd")" = "$BATS_TEST_TMPDIR/elsewhere" ]; }
	wait_until "$PATIENCE" roams

	monitor_start msg_server

	assert_adopted_silently "$old"
}

@test "a server that was paused is left alone, and replaced when it is resumed" {
	given_moved
	old=$RUNS
	move_conf new old
	monitor_start msg_server
	running_old() { running_as msg_server "$old"; }
	wait_until "$PATIENCE" running_old
	wait_until "$PATIENCE" is_watched
	suite_ends 0 pause msg_server
	monitor_stop
	move_conf old new

	monitor_start msg_server
	assert_said 'left alone while it is paused'
	wait_until "$PATIENCE" state_is msg_server PAUSED
	monitor_crash
	monitor_start msg_server # the record still knows that conf was another one
	wait_until "$PATIENCE" is_watched
	wait_until "$PATIENCE" message_says msg_server "but dir is $SERVERS/new now"
	run ! is_gone "$old"
	suite_ends 0 resume msg_server

	was_replaced "$old" "runs in $SERVERS/old, but dir is $SERVERS/new now"
	assert_equal 'copies' "$(copies)" 1
}

@test "a server that was ordered down while no monitor ran is ended, and stays down" {
	given_moved
	old=$RUNS
	printf 'down\n' >"$STATE/servers/msg_server/want"

	monitor_start msg_server

	assert_said "but dir is $SERVERS/new now; it is ended"
	wait_until "$PATIENCE" is_gone "$old"
	wait_until "$PATIENCE" message_says msg_server 'stopped by order'
	assert_equal 'copies' "$(copies)" 0
}

@test "a monitor that is killed while it ends the old process: the next one finishes it, with one copy" {
	given_moved 'stop = CONT 60s KILL'
	old=$RUNS
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server STOPPING
	monitor_crash
	run ! is_gone "$old"
	move_conf 'CONT 60s KILL' KILL

	monitor_start msg_server

	was_replaced "$old" "runs in $SERVERS/old, but dir is $SERVERS/new now"
	assert_equal 'copies' "$(copies)" 1
}

@test "a start that was interrupted under another command is ended, and begun again" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --port $port --port-when never" "port = $port"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server STARTING
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	old=$(<"$SERVERS/msg_server/starts")
	monitor_crash
	move_conf ' --port-when never' ''

	monitor_start msg_server

	runs msg_server
	is_gone "$old"
	assert_equal 'copies' "$(copies)" 1
}

@test "a server whose file has got another name: its process is that one's, and not ended" {
	given_moved
	old=$RUNS
	given_conf former "dir = $SERVERS/old" 'command = ./msg_server'

	monitor_start all

	runs msg_server
	assert_adopted former "$old"
	assert_said 'it is left to the server of former'
	assert_equal 'copies' "$(copies)" 2
}

# --- a running monitor

@test "update: a changed match or port restarts only what it no longer describes, and the plan says so" {
	first=$(free_port) second=$(free_port) third=$(free_port)
	given_listener "$first" "$second"
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	move_conf "port = $first" "port = $second"
	suite_ends 0 update
	assert_answered 'msg_server: apply without restart (port)'
	running_as msg_server "$old"
	move_conf "port = $second" "port = $third"

	suite_ends 1 update --timeout 1s

	assert_answered "msg_server: restart (port changed; pid $old does not listen on port $third, as conf says now)"
	is_gone "$old"
}

@test "status of a watched server says that conf has changed, until update" {
	given_server msg_server 'command = ./msg_server --log=none'
	monitor_start msg_server
	runs msg_server
	move_conf '--log=none' '--log=lazy'

	suite_ends 0 status

	assert_answered "pid $RUNS runs ./msg_server --log=none, but command is ./msg_server --log=lazy now; ./monitor.sh update restarts it"
	suite_ends 0 update
	suite_ends 0 status
	run ! grep -F 'but command is' "$SAID"
}

# --- without a monitor

@test "status without a monitor: what conf no longer describes is not the server" {
	given_moved

	suite_ends 3 status msg_server

	assert_answered "msg_server  STOPPED        -      -        0    -    -  pid $RUNS runs in $SERVERS/old, but dir is $SERVERS/new now; no monitor watches it"
}

@test "stop without a monitor ends it" {
	given_moved

	suite_ends 0 stop msg_server

	assert_answered "msg_server: pid $RUNS runs in $SERVERS/old, but dir is $SERVERS/new now; it is ended"
	is_gone "$RUNS"
}

@test "start and restart without a monitor end it, and start one that is as conf says" {
	given_moved
	given_program "$SERVERS/other/msg_server"
	: >"$SERVERS/other/msgserver.conf"
	for word in start restart; do
		old=$(sed -n 's/^pid //p' "$STATE/servers/msg_server/record" | tail -n 1)

		suite_ends 0 "$word" msg_server

		assert_answered 'it is ended'
		is_gone "$old"
		runs_unwatched msg_server
		assert_equal "copies after $word" "$(copies)" 1
		move_conf "$SERVERS/new" "$SERVERS/other"
	done
}
