#!/usr/bin/env bats
# Listening sockets that the monitor holds: bound once, kept over every restart; who connects meanwhile waits.

load helpers

# shellcheck source=test/fixtures/ends.bash
. "$BATS_TEST_DIRNAME/fixtures/ends.bash"

# hammer PORT COUNT - COUNT requests one after another, as HTTP; prints how many were answered, cut off, refused
hammer() {
	"$(python)" -I -S -c '
import socket, sys
answered = cut = refused = 0
for _ in range(int(sys.argv[2])):
    try:
        end = socket.create_connection(("127.0.0.1", int(sys.argv[1])), float(sys.argv[3]))
    except ConnectionRefusedError:
        refused += 1
        continue
    try:
        end.sendall(b"GET / HTTP/1.0\r\nHost: here\r\n\r\n")
        answered += end.recv(12).startswith(b"HTTP/1.")
    except OSError:
        cut += 1
    end.close()
print("answered", answered, "cut", cut, "refused", refused)
' "$1" "$2" "$PATIENCE"
}

# get PORT - one request by HTTP; succeeds when it is answered with 200
get() {
	[ "$(curl -s -m "$PATIENCE" -o "$BATS_TEST_TMPDIR/page" -w '%{http_code}' "http://127.0.0.1:$1/")" = 200 ]
}

# kept_over_kill NAME PORT - KILL for NAME ten times, with requests all the while: none is refused
kept_over_kill() {
	local socket
	socket=$(inodes_of "$(helper_of "$MONITOR")")
	hammer "$2" 300 >"$BATS_TEST_TMPDIR/hammered" 3>&- &
	local hammer=$!
	for _ in {1..5}; do
		kill_server "$1"
		get "$2"
	done
	wait_until 60 is_gone "$hammer"
	cat "$BATS_TEST_TMPDIR/hammered"
	grep -q 'refused 0$' "$BATS_TEST_TMPDIR/hammered"
	assert_equal 'socket' "$(inodes_of "$(helper_of "$MONITOR")")" "$socket"
}

@test "a caller who connects while the server is down waits, and the next process answers" {
	port=$(free_port)
	given_ends one "sockets = tcp://127.0.0.1:$port" "port = $port" 'backoff = 1s 1s'
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING
	kill -KILL "$(pid_of one)"

	answer=$(ask_port "$port")

	assert_equal 'who answered' "$answer" "$(pid_of one)"
	has_line "$SERVERS/one/said" "names $port:3"
}

@test "a server gets its sockets in order, with its names, on tcp, IPv6 and a path; mode and user are those of conf" {
	require ss
	port=$(free_port)
	six=$(free_port)
	path=$BATS_TEST_TMPDIR/s.sock
	given_ends one "sockets = a=tcp://127.0.0.1:$port?backlog=7 unix://$path?mode=606 tcp://[::1]:$six?reuseport&backlog=3"

	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	has_line "$SERVERS/one/said" "names a:3 s.sock:4 $six:5"
	assert_equal 'mode' "$(stat -c %a "$path")" 606
	ask_port "$port"
	run -0 ss -Hltn "sport = :$port"
	[[ $output == *' 7 '* ]]
	run -0 ss -Hltn "sport = :$six"
	[[ $output == *' 3 '*'[::1]'* ]]
}

@test "the socket is bound before the user is changed, and its file is the user's" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	path=/run/suite-test-$$-$RANDOM.sock
	chmod 755 "$BATS_TEST_TMPDIR"
	given_conf one "dir = /" "command = $(command -v sleep) 1000" 'user = nobody' "sockets = tcp://127.0.0.1:999 unix://$path"
	is_listening 999 && skip 'port 999 is taken'

	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	assert_equal 'owner and mode' "$(stat -c '%U %a' "$path")" 'nobody 660'
	rm -f "$path"
	assert_equal 'uid' "$(stat -c %U "/proc/$(pid_of one)")" nobody
	is_listening 999
	assert_equal 'what it has open' "$(descriptors_of "$(pid_of one)")" '0 1 2 3 4'
}

@test "a stale socket file is replaced; one that is served, and what is no socket, are left alone" {
	stale=$BATS_TEST_TMPDIR/stale
	"$(python)" -I -S -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$stale"
	given_ends one "sockets = unix://$stale"
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	: >"$BATS_TEST_TMPDIR/file"
	given_ends served "sockets = unix://$stale"
	given_ends file "sockets = unix://$BATS_TEST_TMPDIR/file"
	monitor_start served file

	assert_logged 'Server served not started, next try in 1s (socket unix://'
	assert_logged 'Server file not started, next try in 1s (socket unix://'
	assert_logged 'cannot be had: Address already in use; end who has it, or change sockets in conf'
	assert_logged 'file cannot be had: there is a file that is no socket; change sockets in conf'
	[ -f "$BATS_TEST_TMPDIR/file" ]
	assert_left_alone one # it was not even called
}

@test "a stop lets go of the socket: callers are refused; a start takes it again" {
	port=$(free_port)
	given_ends one "sockets = tcp://127.0.0.1:$port"
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	suite_ends 0 stop one
	run ! is_listening "$port"

	suite_ends 0 start one
	ask_port "$port"
}

@test "one that is given up lets go of its socket" {
	port=$(free_port)
	given_conf one "dir = $BATS_TEST_TMPDIR" 'command = /bin/false' "sockets = tcp://127.0.0.1:$port" 'give_up = 2 in 60s' \
		'backoff = 0s 0s'

	monitor_start one

	wait_until "$PATIENCE" state_is one FATAL
	wait_until "$PATIENCE" eval "! is_listening $port"
}

@test "a port that a stranger holds is reported, and taken when it is free" {
	port=$(free_port)
	given_server stranger "port = $port"
	start_by_hand stranger --port "$port"
	wait_until "$PATIENCE" is_listening "$port"
	given_ends one "sockets = tcp://127.0.0.1:$port" 'backoff = 200ms 200ms'
	monitor_start one
	assert_logged "socket tcp://127.0.0.1:$port cannot be had: Address already in use"

	kill -KILL "$BY_HAND"

	wait_until "$PATIENCE" state_is one RUNNING
	ask_port "$port"
}

@test "a path in a directory that is not there says so; a link is not followed" {
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$BATS_TEST_TMPDIR/link"
	given_ends one "sockets = unix://$BATS_TEST_TMPDIR/missing/s"
	given_ends two "sockets = unix://$BATS_TEST_TMPDIR/link"

	monitor_start one two

	assert_logged '/missing/s cannot be had: No such file or directory; make its directory, or change sockets in conf'
	assert_logged '/link cannot be had: there is a file that is no socket; change sockets in conf'
	[ ! -e "$BATS_TEST_TMPDIR/elsewhere" ]
}

@test "an update that exchanges sockets, names them or changes their options keeps each with its callers" {
	require ss
	local ports path=$BATS_TEST_TMPDIR/s before
	ports=("$(free_port)" "$(free_port)")
	given_ends one "sockets = tcp://127.0.0.1:${ports[0]} unix://$path"
	given_ends two "sockets = tcp://127.0.0.1:${ports[1]}"
	monitor_start one two
	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" state_is two RUNNING
	before=$(inodes_of "$(helper_of "$MONITOR")" | tr ' ' '\n' | sort)
	kill -STOP "$(pid_of one)"
	ask_port "${ports[0]}" >"$BATS_TEST_TMPDIR/answer" 3>&- &
	wait_until "$PATIENCE" waits_at "${ports[0]}"

	given_ends one "sockets = tcp://127.0.0.1:${ports[1]}?backlog=7"
	given_ends two "sockets = web=tcp://127.0.0.1:${ports[0]}?backlog=9 unix://$path?mode=600"
	suite_ends 0 update

	wait_until "$PATIENCE" has_line "$BATS_TEST_TMPDIR/answer" "$(pid_of two)"
	assert_equal 'who answers' "$(ask_port "${ports[1]}")" "$(pid_of one)"
	assert_equal 'sockets' "$(inodes_of "$(helper_of "$MONITOR")" | tr ' ' '\n' | sort)" "$before"
	assert_equal 'mode' "$(stat -c %a "$path")" 600
	run -0 ss -Hltn "sport = :${ports[0]}"
	[[ $output == *' 9 '* ]]
	has_line "$SERVERS/two/said" 'names web:3 s:4'
}

# waits_at PORT - does a caller wait in the backlog of that port?
waits_at() {
	[[ $(ss -Hltn "sport = :$1") =~ ^LISTEN\ +1\  ]]
}

@test "a socket that its server shut down, or whose file is gone, serves the next one" {
	port=$(free_port)
	path=$BATS_TEST_TMPDIR/s
	given_ends one "sockets = tcp://127.0.0.1:$port unix://$path"
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	pid=$(ask_port "$port" shut)

	wait_until "$PATIENCE" pid_differs one "$pid"
	ask_port "$port"
	ask_path "$path"
	rm "$path"
	kill_server one
	ask_path "$path"
}

# ask_path PATH - send a word to that unix socket; fails when there is no answer
ask_path() {
	"$(python)" -I -S -c '
import socket, sys
end = socket.socket(socket.AF_UNIX)
end.settimeout(float(sys.argv[2]))
end.connect(sys.argv[1])
end.sendall(b"hello")
sys.exit(not end.recv(100))
' "$1" "$PATIENCE"
}

@test "an address that two servers name is an error, unless both do with reuseport" {
	require ss
	port=$(free_port)
	given_ends one "sockets = tcp://127.0.0.1:$port"
	given_ends two "sockets = a=tcp://127.0.0.1:$port?reuseport"
	suite_ends 6 check
	grep -F "two.conf:5: sockets: tcp://127.0.0.1:$port is named by one, two; give each an address of its own" "$SAID"

	given_ends one "sockets = b=tcp://127.0.0.1:$port?reuseport c=tcp://127.0.0.1:$port?reuseport"
	monitor_start one two
	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" state_is two RUNNING
	assert_equal 'sockets of that port' "$(ss -Hltn "sport = :$port" | wc -l)" 3
}

@test "bad sockets are errors that say what to write" {
	given_ends one 'sockets = 127.0.0.1:80'
	given_ends two 'sockets = tcp://localhost:80'
	given_ends three 'sockets = tcp://127.0.0.1:99999'
	given_ends four 'sockets = unix://relative'
	given_ends five 'sockets = tcp://127.0.0.1:80?mode=600'
	given_ends six 'sockets = tcp://127.0.0.1:80 tcp://127.0.0.2:80'
	given_ends seven 'sockets = unix:///run/x?mode=999'

	suite_ends 6 check

	grep -F 'one.conf:5: sockets: "127.0.0.1:80" is no socket; write [NAME=]tcp://ADDR:PORT or [NAME=]unix:///PATH' "$SAID"
	grep -F 'two.conf:5: sockets: "localhost" is not a numeric address' "$SAID"
	grep -F 'three.conf:5: sockets: "99999" is not a whole number from 1 to 65535' "$SAID"
	grep -F 'four.conf:5: sockets: "unix://relative" names no absolute path' "$SAID"
	grep -F 'five.conf:5: sockets: "mode=600" is no option of such a socket; there are backlog=N, reuseport and shared' "$SAID"
	grep -F 'six.conf:5: sockets: "80" is there twice' "$SAID"
	grep -F 'seven.conf:5: sockets: "mode=999" is no option' "$SAID"
}

# --- real servers

@test "nginx takes the socket by NGINX='3;', and no caller is refused over its deaths" {
	require nginx curl
	port=$(free_port)
	dir=$SERVERS/nginx
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		daemon off;
		pid nginx.pid;
		error_log error.log;
		worker_processes 2;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi; scgi_temp_path scgi;
			server { listen 127.0.0.1:$port; location / { return 200 "well"; } }
		}
	END
	given_conf nginx "dir = $dir" "command = $(command -v nginx) -p $dir/ -e error.log -c nginx.conf" "port = $port" \
		"sockets = tcp://127.0.0.1:$port" "environment = 'NGINX=3;'" 'stop = KILL'
	monitor_start nginx
	wait_until "$PATIENCE" state_is nginx RUNNING
	get "$port"

	kept_over_kill nginx "$port"
}

@test "gunicorn takes the socket by LISTEN_FDS, and no caller is refused over its deaths" {
	require gunicorn curl
	port=$(free_port)
	dir=$SERVERS/gunicorn
	mkdir -p "$dir"
	cat >"$dir/app.py" <<-'END'
		def app(environ, start):
		    start("200 OK", [("Content-Type", "text/plain")])
		    return [b"well\n"]
	END
	given_conf gunicorn "dir = $dir" "command = $(command -v gunicorn) --workers 1 app:app" 'match = gunicorn' \
		"sockets = tcp://127.0.0.1:$port" 'stop = KILL' "output = $dir/out"
	monitor_start gunicorn
	wait_until "$PATIENCE" state_is gunicorn RUNNING
	wait_until "$PATIENCE" get "$port"

	kept_over_kill gunicorn "$port"
}

@test "uvicorn takes the socket by --fd 3" {
	require uvicorn curl
	port=$(free_port)
	dir=$SERVERS/uvicorn
	mkdir -p "$dir"
	cat >"$dir/app.py" <<-'END'
		async def app(scope, receive, send):
		    if scope["type"] == "http":
		        await send({"type": "http.response.start", "status": 200, "headers": []})
		        await send({"type": "http.response.body", "body": b"well"})
	END
	given_conf uvicorn "dir = $dir" "command = $(command -v uvicorn) --fd 3 app:app" 'match = uvicorn' \
		"sockets = tcp://127.0.0.1:$port" "output = $dir/out"
	monitor_start uvicorn
	wait_until "$PATIENCE" state_is uvicorn RUNNING
	wait_until "$PATIENCE" get "$port"

	kill_server uvicorn

	get "$port"
}

@test "a client of sd_listen_fds sees what systemd-socket-activate would show it" {
	require systemd-socket-activate
	port=$(free_port)
	cat >"$BATS_TEST_TMPDIR/show" <<-'END'
		#!/bin/bash
		[ "$LISTEN_PID" = $$ ] && mine=yes
		open= # without a pipe, which would show
		for fd in /proc/$$/fd/*; do
			[ ! -e "$fd" ] || [ "${fd##*/}" = 255 ] || open="$open ${fd##*/}"
		done
		printf 'mine=%s fds=%s names=%s open=%s\n' "$mine" "$LISTEN_FDS" "$LISTEN_FDNAMES" "$open" >>"$0.$1"
		exec sleep 1000
	END
	chmod 755 "$BATS_TEST_TMPDIR/show"
	systemd-socket-activate -l "127.0.0.1:$port" --fdname=web "$BATS_TEST_TMPDIR/show" theirs \
		</dev/null >/dev/null 2>&1 3>&- 4>&- &
	wait_until "$PATIENCE" is_listening "$port"
	call_port "$port"
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/show.theirs"
	kill -KILL $!
	wait_until "$PATIENCE" is_gone $!
	wait_until "$PATIENCE" eval "! is_listening $port"

	given_conf one "dir = $BATS_TEST_TMPDIR" "command = $BATS_TEST_TMPDIR/show ours" 'match = sleep' \
		"sockets = web=tcp://127.0.0.1:$port"
	monitor_start one
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/show.ours"

	assert_equal 'what a client sees' "$(<"$BATS_TEST_TMPDIR/show.ours")" "$(<"$BATS_TEST_TMPDIR/show.theirs")"
}
