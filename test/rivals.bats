#!/usr/bin/env bats
# The server's own parent restarts it (field case 21): it is named, gets rival_wait, and its process is followed; there is
# never a second copy.  A guard of the same program is not taken for the server.
# shellcheck disable=SC2030,SC2031 # each test has variables of its own

load helpers
load fixtures/orders
load fixtures/load

# given_rival_wait TIME - what a parent gets; the tests' default is 0s
given_rival_wait() {
	printf '%s\n' 'interval = 1s' 'start_seconds = 200ms' "rival_wait = $1" >"$CONF/monitor.conf"
}

# given_sampled NAME [LINE...] - server NAME, whose copies are counted from now on
given_sampled() {
	given_server "$@"
	sample "$SERVERS/$1/$1" "$SERVERS/$1"
}

# start_parent DIR PROGRAM [ARG...] - it starts what the file starts in DIR then names; $PARENT and $BY_HAND are the pids
start_parent() {
	start_stranger "$@"
	PARENT=$BY_HAND
	wait_until "$PATIENCE" test -s "$1/starts"
	BY_HAND=$(tail -n 1 "$1/starts")
}

# start_procctl SECONDS NAME - procctl.py keeps server NAME
start_procctl() {
	start_parent "$SERVERS/$2" "$(python)" -BEs "$ROOT/pyhelpers/procctl.py" "$1" "./$2"
}

# restarted_by_rival NAME OLD NAMED - the parent, which is said as NAMED, has put another process in the place of OLD
restarted_by_rival() {
	assert_logged "Server $1 stopped, pid=$2, its parent, pid $PARENT ($3), restarts it by itself... ("
	wait_until 30 pid_differs "$1" "$2"
	runs "$1"
	assert_logged "Server $1 restarted by its parent, pid=$RUNS ("
	assert_equal 'its parent' "$(parent_of "$RUNS")" "$PARENT"
}

parent_of() {
	local stat
	stat=$(<"/proc/$1/stat")
	read -r _ stat _ <<<"${stat##*) }"
	printf '%s\n' "$stat"
}

# started_by_us NAME - prints how often we have started it
started_by_us() {
	printf '%s\n' $(($(logged_times "Server $1 started,") + $(logged_times "Server $1 restarted,")))
}

@test "procctl: it restarts the server, and we wait for it, as often as that happens; one incident each" {
	given_rival_wait 60s
	given_sampled msg_server
	start_procctl 0.5 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	for round in 1 2 3; do
		old=$(pid_of msg_server)
		kill -KILL "$old"
		restarted_by_rival msg_server "$old" guard_main.py
		assert_equal 'restarts' "$(status_of msg_server restarts)" "$round"
	done

	assert_copies 4 1
	assert_equal 'starts of ours' "$(started_by_us msg_server)" 0
	assert_equal 'deaths' "$(grep -c '"event":"death"' "$STATE/history.jsonl")" 3
	grep '"event":"death"' "$STATE/history.jsonl" | grep -qF "its parent, pid $PARENT (guard_main.py), restarts it by itself"
	wait_until "$PATIENCE" alerted_thrice
}

@test "a crash that the parent has answered before we looked is a death, though a pidfile names the new process by then" {
	given_rival_wait 60s
	given_sampled msg_server 'pid_from = own, pidfile server.pid'
	start_procctl 0.1 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"
	helper=$(helper_of "$MONITOR")

	kill -STOP "$helper"
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" has_started_twice msg_server
	tail -n 1 "$SERVERS/msg_server/starts" >"$SERVERS/msg_server/server.pid"
	kill -CONT "$helper"

	restarted_by_rival msg_server "$BY_HAND" guard_main.py
	assert_equal 'moves' "$(logged_times 'moved from')" 0
	assert_equal 'deaths' "$(grep -c '"event":"death"' "$STATE/history.jsonl")" 1
	assert_equal 'restarts' "$(status_of msg_server restarts)" 1
	assert_copies 2 1
}

has_started_twice() {
	[ "$(starts_of "$1")" = 2 ]
}

alerted_thrice() {
	[ "$(alerted_times death msg_server)" = 3 ] && [ "$(wc -l <"$ALERTS")" = 3 ]
}

@test "status says what is waited for" {
	given_rival_wait 600s
	given_server msg_server
	start_procctl 600 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" state_is msg_server BACKOFF
	message_says msg_server "its parent, pid $PARENT (guard_main.py), restarts it by itself"
	suite_ends 0 start msg_server # an operator's word counts for more
	runs msg_server
	assert_equal 'starts of ours' "$(started_by_us msg_server)" 1
}

@test "a parent that does nothing within rival_wait: then ours is started, once" {
	given_rival_wait 1s
	given_sampled msg_server
	start_unreaped msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	assert_logged "restarts it by itself... (signal KILL"
	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	assert_logged 'Server msg_server restarted, pid='
	assert_left_alone msg_server
	assert_copies 2 1
	assert_equal 'deaths' "$(logged_times 'Server msg_server stopped')" 1
}

@test "a parent that acts after rival_wait: its copy counts, ours is ended, and that is said" {
	given_rival_wait 500ms
	given_sampled msg_server
	start_procctl 4 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	assert_logged 'Server msg_server restarted, pid='
	ours=$(sed -n 's/.* Server msg_server restarted, pid=\([0-9]*\) .*/\1/p' "$STATE/restart.log")
	wait_until 30 is_gone "$ours"
	assert_said "its parent, pid $PARENT (guard_main.py), has started it too, as pid "
	runs msg_server
	assert_equal 'its parent' "$(parent_of "$RUNS")" "$PARENT"
	assert_logged "Server msg_server moved from pid=$ours to pid=$RUNS"
	assert_left_alone msg_server
	assert_copies 3 2
}

@test "what the server has learnt about its parent is in the record: the next monitor waits too" {
	given_rival_wait 60s
	given_sampled msg_server
	start_procctl 4 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"
	monitor_crash

	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"
	monitor_start msg_server

	restarted_by_rival msg_server "$BY_HAND" guard_main.py
	assert_copies 2 1
	assert_equal 'starts of ours' "$(started_by_us msg_server)" 0
}

@test "a loop in a shell script" {
	given_rival_wait 60s
	given_sampled msg_server
	printf '%s\n' 'while :; do ./msg_server; sleep 1; done' >"$SERVERS/msg_server/keep.sh"
	start_parent "$SERVERS/msg_server" sh keep.sh
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	restarted_by_rival msg_server "$BY_HAND" keep.sh
	assert_copies 2 1
}

@test "another monitor that has started it" {
	given_rival_wait 60s
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	first=$MONITOR old=$RUNS
	PARENT=$(helper_of "$first")
	sample "$SERVERS/msg_server/msg_server" "$SERVERS/msg_server"
	STATE=$BATS_TEST_TMPDIR/state2
	monitor_start msg_server
	assert_adopted msg_server "$old"

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	runs msg_server
	assert_logged "Server msg_server restarted by its parent, pid=$RUNS"
	assert_equal 'starts of ours' "$(started_by_us msg_server)" 0
	assert_copies 2 1
}

@test "a shell in which a person has typed the start does not restart it" {
	given_rival_wait 600s
	given_server msg_server
	printf 'PS1="READY> "\n' >"$BATS_TEST_TMPDIR/rc"
	# the last line is typed when the monitor is done: it waits for the file
	(cd "$SERVERS/msg_server" && exec "$(python)" -I -S "$FIXTURES/terminal.py" 'READY> ' './msg_server &' \
		"while [ ! -e $BATS_TEST_TMPDIR/done ]; do echo .; sleep 1; done" exit -- \
		bash --rcfile "$BATS_TEST_TMPDIR/rc" -i </dev/null >/dev/null 2>&1 3>&- 4>&-) &
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	old=$(<"$SERVERS/msg_server/starts")
	monitor_start msg_server
	assert_adopted msg_server "$old"

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	assert_logged "Server msg_server stopped, pid=$old, restarting... ("
	: >"$BATS_TEST_TMPDIR/done"
}

@test "rival_wait = 0s: no parent is waited for" {
	given_server msg_server
	start_procctl 600 msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	assert_logged "Server msg_server stopped, pid=$BY_HAND, restarting... ("
}

@test "a server that we started has no rival: it is restarted at once" {
	given_rival_wait 600s
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	old=$RUNS

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	assert_equal 'waits' "$(logged_times 'restarts it by itself')" 0
}

# --- a guard of the same program (sylar)

# given_guarded SECONDS [LINE...] - server x with its own guard (fixtures/guarded.c), which waits SECONDS, on $PORT
given_guarded() {
	PORT=$(free_port)
	mkdir -p "$SERVERS/x"
	cp "$(fixture guarded)" "$SERVERS/x/guarded"
	given_conf x "dir = $SERVERS/x" "command = ./guarded $PORT $1 foreground" "port = $PORT" "${@:2}"
}

# guard_starts SECONDS - the guard as a stranger's child: $PARENT; its server: $BY_HAND
guard_starts() {
	start_parent "$SERVERS/x" ./guarded "$PORT" "$1" foreground
	wait_until "$PATIENCE" is_listening "$PORT"
}

@test "a guard of the same program: its child is the server, by the port; each of its crashes is recorded" {
	given_rival_wait 60s
	given_guarded 1
	guard_starts 1
	monitor_start x
	assert_adopted x "$BY_HAND"

	for round in 1 2 3; do
		old=$(pid_of x)
		kill -SEGV "$old"
		restarted_by_rival x "$old" guarded
	done

	assert_equal 'starts' "$(starts_of x)" 4
	assert_equal 'starts of ours' "$(started_by_us x)" 0
	assert_equal 'deaths' "$(grep -c '"event":"death"' "$STATE/history.jsonl")" 3
	run ! is_gone "$PARENT"
}

@test "the same by its pidfile" {
	given_rival_wait 60s
	given_guarded 1 'pid_from = own, pidfile guarded.pid'
	sed -i '/^port/d' "$CONF/servers/x.conf"
	guard_starts 1
	monitor_start x
	assert_adopted x "$BY_HAND"

	kill -SEGV "$BY_HAND"

	restarted_by_rival x "$BY_HAND" guarded
	assert_equal 'starts' "$(starts_of x)" 2
}

@test "a guard that sleeps when the monitor comes is not the server for long: its next child is" {
	given_rival_wait 60s
	given_guarded 3
	guard_starts 3
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"

	monitor_start x

	wait_until "$PATIENCE" test "$(starts_of x)" -ge 1
	wait_until "$PATIENCE" started_times 2
	wait_until "$PATIENCE" running_as x "$(tail -n 1 "$SERVERS/x/starts")"
	assert_equal 'starts of ours' "$(started_by_us x)" 0
	assert_left_alone x
}

started_times() {
	[ "$(starts_of x)" -ge "$1" ]
}

@test "the server ends with 0, and so does its guard: the guard is not taken for the successor" {
	given_rival_wait 1s
	given_guarded 1
	guard_starts 1
	monitor_start x
	assert_adopted x "$BY_HAND"

	kill -STOP "$PARENT" # it is still there when we look
	kill -USR2 "$BY_HAND"

	assert_logged "Server x stopped, pid=$BY_HAND"
	kill -CONT "$PARENT"
	wait_until "$PATIENCE" is_gone "$PARENT"
	wait_until "$PATIENCE" pid_differs x "$BY_HAND"
	runs x
	[ "$RUNS" != "$PARENT" ]
}

@test "a guard that we started belongs to the tree: it ends with its server, and both are started anew, at once" {
	given_rival_wait 600s
	given_guarded 600 'pid_from = pidfile guarded.pid'
	sed -i 's/ foreground$//' "$CONF/servers/x.conf"
	monitor_start x
	runs x
	wait_until "$PATIENCE" running_as x "$(<"$SERVERS/x/guarded.pid")"
	old=$(pid_of x)
	guard=$(parent_of "$old")

	kill -SEGV "$old"

	wait_until "$PATIENCE" pid_differs x "$old"
	is_gone "$guard"
	assert_equal 'waits' "$(logged_times 'restarts it by itself')" 0
	wait_until "$PATIENCE" started_times 2
}

@test "with stop_tree = no such a guard lives on, and restarts its server: it gets its time" {
	given_rival_wait 60s
	given_guarded 1 'pid_from = pidfile guarded.pid' 'stop_tree = no'
	sed -i 's/ foreground$//' "$CONF/servers/x.conf"
	monitor_start x
	runs x
	wait_until "$PATIENCE" running_as x "$(<"$SERVERS/x/guarded.pid")"
	old=$(pid_of x)
	PARENT=$(parent_of "$old")

	kill -SEGV "$old"

	restarted_by_rival x "$old" guarded
	assert_equal 'starts' "$(starts_of x)" 2
	wait_until "$PATIENCE" running_as x "$(<"$SERVERS/x/guarded.pid")"
}

# --- mariadbd-safe

@test "mariadbd-safe restarts mariadbd" {
	require mariadbd-safe mariadb-install-db
	given_rival_wait 60s
	PORT=$(free_port)
	dir=$SERVERS/mariadb
	user=$(id -un)
	mkdir -p "$dir"
	cp "$(command -v mariadbd)" "$dir/mariadbd" # no other runs this one
	mariadb-install-db --no-defaults --datadir="$dir/data" --user="$user" --auth-root-authentication-method=normal \
		--skip-test-db >"$BATS_TEST_TMPDIR/install" 2>&1 </dev/null
	given_conf mariadb "dir = $dir/data" "command = $dir/mariadbd --datadir=$dir/data" "port = $PORT" \
		"pid_from = own, pidfile $dir/mariadb.pid" "match = mariadbd"
	sample "$dir/mariadbd"
	start_stranger "$dir" mariadbd-safe --no-defaults --ledir="$dir" --mysqld=mariadbd --datadir="$dir/data" --user="$user" \
		--port="$PORT" --bind-address=127.0.0.1 --socket="$BATS_TEST_TMPDIR/m.sock" --pid-file="$dir/mariadb.pid" \
		--log-error="$dir/error.log" --skip-syslog --innodb-buffer-pool-size=16M
	PARENT=$BY_HAND
	wait_until 60 is_listening "$PORT"
	monitor_start mariadb
	runs mariadb

	for round in 1 2; do
		old=$(pid_of mariadb)
		kill -KILL "$old"
		restarted_by_rival mariadb "$old" mariadbd-safe
		wait_until 60 is_listening "$PORT"
	done

	assert_equal 'starts of ours' "$(started_by_us mariadb)" 0
	assert_copies 3 1
}
