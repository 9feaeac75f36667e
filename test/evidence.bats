#!/usr/bin/env bats
# Whether a server lives is judged by identity, never by what a log, a pidfile or a ps line seems to say
# (field cases 1, 4-7, 11).

load helpers

OF_2013='pid_from = own, log log*_1.txt 2'
OF_2015='pid_from = own, pidfile server.pid'

# --- case 1

@test "lazy log: a server that has no log is found by identity and restarted once" {
	port=$(free_port)
	given_server msg_server "command = ./msg_server --log=lazy --port $port" "$OF_2013"
	start_by_hand msg_server --log=lazy --port "$port"

	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"
	assert_equal 'source' "$(status_of msg_server source)" scan
	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

@test "lazy log: a second copy's log, named after a dead pid, is not believed" {
	given_server msg_server 'command = ./msg_server --log=lazy' "$OF_2013"
	start_by_hand msg_server --log=lazy
	dead=$(dead_pid)
	: >"$SERVERS/msg_server/log_${dead}_1.txt"

	monitor_start msg_server

	assert_adopted msg_server "$BY_HAND"
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 1
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 0
}

# --- case 4

@test "zombie whose parent never waits: dead, when it dies under the monitor" {
	given_server msg_server "$OF_2013"
	start_unreaped msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"

	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	assert_logged "Server msg_server stopped, pid=$BY_HAND, restarting... (signal KILL"
	is_zombie "$BY_HAND"
}

@test "zombie whose parent never waits: dead, when the monitor meets it" {
	given_server msg_server "$OF_2015"
	start_unreaped msg_server
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_zombie "$BY_HAND"
	printf '%s' "$BY_HAND" >"$SERVERS/msg_server/server.pid"

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	is_zombie "$BY_HAND"
}

@test "zombie whose parent never waits: dead, when it is the one that our record names" {
	given_server msg_server
	start_unreaped msg_server
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"
	monitor_crash
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_zombie "$BY_HAND"

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	is_zombie "$BY_HAND"
}

# --- case 5

@test "substrings: pid 123 in 1234" {
	given_server msg_server "$OF_2013"
	start_by_hand msg_server
	live=$BY_HAND
	: >"$SERVERS/msg_server/log_${live%?}_1.txt"
	: >"$SERVERS/msg_server/log_${live}1_1.txt"
	touch -d '+1 minute' "$SERVERS/msg_server/log_${live%?}_1.txt"

	monitor_start msg_server

	wait_until "$PATIENCE" running_as msg_server "$live"
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

@test "substrings: an editor open on msg_server.log is not the server" {
	given_server msg_server "$OF_2013"
	given_program "$SERVERS/msg_server/vim"
	start_stranger "$SERVERS/msg_server" ./vim --log=none msg_server.log msg_server ./msg_server
	: >"$SERVERS/msg_server/log_${BY_HAND}_1.txt"

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	run -1 is_gone "$BY_HAND"
}

@test "substrings: digits in the ps line are no pid" {
	given_server msg_server "$OF_2013"
	given_program "$SERVERS/msg_server/tail"
	dead=$(dead_pid)
	start_stranger "$SERVERS/msg_server" ./tail --log=none -- "msg_server $dead" "log_${dead}_1.txt"
	: >"$SERVERS/msg_server/log_${dead}_1.txt"

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	run -1 is_gone "$BY_HAND"
}

@test "substrings: http_msg_server is not msg_server, nor is msg_server in another directory" {
	given_server msg_server "$OF_2013"
	given_server http_msg_server
	given_program "$SERVERS/msg_server/http_msg_server"
	given_program "$SERVERS/http_msg_server/msg_server"
	start_stranger "$SERVERS/msg_server" ./http_msg_server
	first=$BY_HAND
	start_stranger "$SERVERS/http_msg_server" ./msg_server
	second=$BY_HAND

	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" pid_differs msg_server "$first"
	wait_until "$PATIENCE" pid_differs msg_server "$second"
	run -1 is_gone "$first"
	run -1 is_gone "$second"
}

# --- case 6

@test "PID reuse: the recorded pid is alive again as something else; dead, and the stranger is never touched" {
	given_server msg_server
	given_program "$SERVERS/stranger/stranger"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	monitor_crash
	kill -KILL "$old"
	start_as_pid "$old" "$SERVERS/stranger" ./stranger

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_left_alone msg_server
	monitor_stop
	run -1 is_gone "$old"
}

@test "PID reuse: even as a copy of the same program, in another directory" {
	given_server msg_server
	given_program "$SERVERS/second/msg_server"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	old=$(pid_of msg_server)
	monitor_crash
	kill -KILL "$old"
	start_as_pid "$old" "$SERVERS/second" ./msg_server

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	run -1 is_gone "$old"
}

@test "PID reuse: a pidfile and a log that name a stranger are reported once and never believed" {
	given_server msg_server 'pid_from = own, pidfile server.pid, log log*_1.txt 2'
	given_program "$SERVERS/stranger/stranger"
	start_stranger "$SERVERS/stranger" ./stranger
	printf '%s' "$BY_HAND" >"$SERVERS/msg_server/server.pid"
	: >"$SERVERS/msg_server/log_${BY_HAND}_1.txt"

	monitor_start msg_server

	wait_until "$PATIENCE" pid_differs msg_server "$BY_HAND"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_said 'server.pid'
	assert_left_alone msg_server
	assert_equal 'lines about the pidfile' "$(grep -cF server.pid "$PRINTED")" 1
	run -1 is_gone "$BY_HAND"
}

# --- case 7

@test "two log*_1.txt, a saved copy, log_of_jan_1.txt, two *.conf: each candidate is checked by identity" {
	given_server msg_server "$OF_2013"
	given_program "$SERVERS/stranger/stranger"
	start_stranger "$SERVERS/stranger" ./stranger
	stranger=$BY_HAND
	start_by_hand msg_server
	wait_until "$PATIENCE" test -e "$SERVERS/msg_server/log_${BY_HAND}_1.txt"
	for name in "log_$(dead_pid)_1.txt" "log_${stranger}_1.txt" log_of_jan_1.txt log__1.txt log_-1_1.txt \
		"log_0${BY_HAND}_1.txt" "log_copy_of_${BY_HAND}_1.txt" second.conf; do
		: >"$SERVERS/msg_server/$name"
		touch -d '+1 minute' "$SERVERS/msg_server/$name"
	done

	monitor_start msg_server

	assert_adopted msg_server "$BY_HAND"
	assert_equal 'source' "$(status_of msg_server source)" log
	assert_left_alone msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 1
	run -1 is_gone "$stranger"
}

# --- case 11

# rubbish PIDFILE KIND PID - write it; a link leads to a file with the right PID, and is not followed all the same
rubbish() {
	case $2 in
	empty) : >"$1" ;;
	two-lines) printf 'msg_server\n%s\n' $$ >"$1" ;;
	crlf) printf '%s\r\n' $$ >"$1" ;;
	star) printf '*\n' >"$1" ;;
	dot) printf '.\n' >"$1" ;;
	option) printf '%s\n' '-v 99999' >"$1" ;;
	minus-1) printf '%s\n' -1 >"$1" ;;
	zero) printf '0\n' >"$1" ;;
	one) printf '1\n' >"$1" ;;
	huge) printf '99999999999\n' >"$1" ;;
	nul) head -c 200000 /dev/zero >"$1" ;;
	symlink) printf '%s\n' "$3" >"$1.target" && ln -s "${1##*/}.target" "$1" ;;
	loop) ln -s "${1##*/}" "$1" ;;
	directory) mkdir "$1" ;;
	fifo) mkfifo "$1" ;;
	esac
}

@test "pidfile rubbish is reported once and ignored; the server is found another way" {
	kinds='empty two-lines crlf star dot option minus-1 zero one huge nul symlink loop directory fifo'
	for kind in $kinds; do
		given_server "$kind" "$OF_2015"
		start_by_hand "$kind" --log=none
		printf '%s\n' "$BY_HAND" >"$BATS_TEST_TMPDIR/$kind.pid"
		rubbish "$SERVERS/$kind/server.pid" "$kind" "$BY_HAND"
	done

	monitor_start all

	for kind in $kinds; do
		assert_adopted "$kind" "$(<"$BATS_TEST_TMPDIR/$kind.pid")"
		assert_equal "source of $kind" "$(status_of "$kind" source)" scan
	done
	assert_left_alone empty
	for kind in $kinds; do
		assert_equal "starts of $kind" "$(starts_of "$kind")" 1
		assert_equal "lines about $kind" "$(grep -cF "$kind/server.pid" "$PRINTED")" 1
	done
}

@test "a pidfile without a newline, and one of eight lines with the pid first, are legitimate" {
	for kind in bare eight; do
		given_server "$kind" "$OF_2015"
		start_by_hand "$kind" --log=none
		printf '%s' "$BY_HAND" >"$SERVERS/$kind/server.pid"
	done
	printf '\n%s' /var/lib/data 1789000000 5432 /run localhost '12 34' ready >>"$SERVERS/eight/server.pid"

	monitor_start all

	for kind in bare eight; do
		assert_logged "Server $kind adopted"
		assert_equal "source of $kind" "$(status_of "$kind" source)" pidfile
		assert_equal "starts of $kind" "$(starts_of "$kind")" 1
	done
}

# given_shared_program - a program that lies in no server's directory, as redis-server does; msg_server runs it with a
# relative argument
given_shared_program() {
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/shared"
	mkdir -p "$SERVERS/msg_server" "$BATS_TEST_TMPDIR/elsewhere"
	given_conf msg_server "dir = $SERVERS/msg_server" "command = $BATS_TEST_TMPDIR/shared 1000" 'needs_file ='
}

@test "a program that others use too: one with the same command line in another directory is not the server" {
	given_shared_program
	start_stranger "$BATS_TEST_TMPDIR/elsewhere" "$BATS_TEST_TMPDIR/shared" 1000
	stranger=$BY_HAND

	suite_ends 3 status msg_server
	monitor_start msg_server

	wait_until "$PATIENCE" state_is msg_server RUNNING
	pid_differs msg_server "$stranger"
	suite_ends 0 stop msg_server
	kill -0 "$stranger"
}

@test "a program that others use too: in the server's directory it is the server, and at / with the same command line" {
	given_shared_program
	for place in "$SERVERS/msg_server" /; do
		start_stranger "$place" "$BATS_TEST_TMPDIR/shared" 1000

		monitor_start msg_server

		assert_adopted msg_server "$BY_HAND"
		suite_ends 0 stop msg_server
		is_gone "$BY_HAND"
		monitor_stop
		rm "$STATE/servers/msg_server/want"
	done
}

# --- asked by a person

@test "alive.py check answers whether a pid shows a word, in words, in JSON and by its exit status" {
	given_server msg_server
	start_by_hand msg_server

	run -0 "$ROOT/pyhelpers/alive.py" check "$BY_HAND" msg_server
	[[ $output == "$BY_HAND is alive: $SERVERS/msg_server/msg_server, in $SERVERS/msg_server, since "* ]]
	run -1 "$ROOT/pyhelpers/alive.py" check "$BY_HAND" nginx
	assert_equal 'another word' "$output" "$BY_HAND is msg_server, not nginx"
	run -1 "$ROOT/pyhelpers/alive.py" check --json "$(dead_pid)" msg_server
	[[ $output == *'"alive": false, "why": "does not exist"'* ]]
	run -2 "$ROOT/pyhelpers/alive.py" check msg_server
	run -2 "$ROOT/pyhelpers/alive.py" look "$BY_HAND"
	assert_equal 'no such word' "${lines[0]}" 'alive.py: no such word: look'
}

@test "alive.py find lists the processes that show a word, of one directory if it is given" {
	given_server msg_server
	given_server other
	cp "$SERVERS/msg_server/msg_server" "$SERVERS/other/"
	start_stranger "$SERVERS/other" ./msg_server
	start_by_hand msg_server

	run -0 "$ROOT/pyhelpers/alive.py" find --cwd "$SERVERS/msg_server" msg_server

	assert_equal 'what was found' "$output" "$BY_HAND $SERVERS/msg_server/msg_server"
	run -1 "$ROOT/pyhelpers/alive.py" find --cwd "$SERVERS" msg_server
}

@test "a child of a launcher that executes its program while we look: its arguments count in the directory it is in by then" {
	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR" <<-'END'
		import os, sys
		sys.path.insert(0, sys.argv[1])
		from proc import identity, scan
		ready, go = os.pipe(), os.pipe()
		child = os.fork()
		if not child:
		    os.chdir("/")
		    os.write(ready[1], b".")
		    os.read(go[0], 1)
		    os.chdir(sys.argv[2])
		    os.execv("/bin/sleep", ["sleep", "1000"])
		os.read(ready[0], 1)
		seen = identity.look(child)
		os.close(ready[1])
		os.write(go[1], b".")
		os.read(ready[0], 1)  # the end, which the exec brings
		table = scan.Table([seen])
		os.kill(child, 9)
		print(seen.cwd, *seen.argv(), seen.exe == os.path.realpath("/bin/sleep"), table._by_cwd == {sys.argv[2]: [seen]})
	END

	assert_equal 'what was seen' "$output" "$BATS_TEST_TMPDIR sleep 1000 True True"
}
