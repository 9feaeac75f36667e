#!/usr/bin/env bats
# A start waits for what is not ours: an address, a file, a unit of systemd.  The helper never waits with it.

load helpers
load fixtures/orders
load fixtures/hostile

LISTENER= # pid of what listens

teardown() {
	[ -z "$LISTENER" ] || kill "$LISTENER" 2>/dev/null || :
	end_test
}

# listen HOST PORT - something else accepts connections there, IPv4 and IPv6 if HOST is ::
listen() {
	"$(python)" -c '
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
door = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
while True:
    door.accept()[0].close()' "$1" "$2" 3>&- &
	LISTENER=$!
}

# mute PORT - something listens there, and accepts no one: who connects gets no answer
mute() {
	"$(python)" -c '
import signal, socket, sys
door = socket.socket()
door.bind(("127.0.0.1", int(sys.argv[1])))
door.listen(0)
callers = [socket.socket() for _ in range(4)]
for caller in callers:
    caller.setblocking(False)
    caller.connect_ex(door.getsockname())
signal.pause()' "$1" 3>&- &
	LISTENER=$!
}

# waits_for NAME NEED - does status say that NAME waits for that?
waits_for() {
	state_is "$1" STARTING && message_says "$1" "waits for $2"
}

@test "tcp://127.0.0.1:PORT is waited for, said in status and in the answer to a start, and then the server starts" {
	port=$(free_port)
	given_server api "needs = tcp://127.0.0.1:$port"
	monitor_start api
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	operator start api
	operator_says "api: waiting; state STARTING, waits for tcp://127.0.0.1:$port"
	grep -qx "monitor.sh: api: waits for tcp://127.0.0.1:$port" "$PRINTED"
	[ ! -e "$SERVERS/api/starts" ]

	listen 127.0.0.1 "$port"

	runs api
	operator_ends 0
	assert_equal 'message' "$(status_of api message)" ''
	assert_equal 'said' "$(grep -c 'api: waits for' "$PRINTED")" 1
}

@test "an IPv6 address, localhost and a name that must be looked up; what is there is not waited for" {
	port=$(free_port)
	given_server six "needs = tcp://[::1]:$port"
	given_server local "needs = tcp://localhost:$port"
	given_server name "needs = tcp://ip6-localhost:$port tcp://[::1]:$port"
	grep -q 'ip6-localhost' /etc/hosts || sed -i 's/ip6-localhost/localhost/' "$CONF/servers/name.conf"
	listen ::1 "$port"
	wait_until "$PATIENCE" connects ::1 "$port"

	monitor_start all

	for name in six local name; do
		runs "$name"
	done
	run ! grep -q 'waits for' "$PRINTED"
}

# connects HOST PORT - does something accept there?
connects() {
	"$(python)" -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)' "$1" "$2"
}

@test "a file is seen as soon as it appears, in a directory that does not exist yet, without another look" {
	sed -i 's/^interval = .*/interval = 600s/' "$CONF/monitor.conf"
	given_server api 'needs = file:run/deep/ready'
	monitor_start api
	need=file:$SERVERS/api/run/deep/ready
	wait_until "$PATIENCE" waits_for api "$need"

	mkdir "$SERVERS/api/run"
	mkdir "$SERVERS/api/run/deep"
	: >"$SERVERS/api/run/other"
	waits_for api "$need"
	: >"$SERVERS/api/run/deep/ready"

	runs api
	assert_equal 'hands' "$(pids_with '*alive.py watch*' "$(helper_of "$MONITOR")")" ''
}

@test "all of it must be there at once, after the servers that it needs and before start_pre" {
	port=$(free_port)
	given_server db
	given_server api "needs = tcp://127.0.0.1:$port file:ready db" "start_pre = sh -c 'cp ready seen'"
	: >"$SERVERS/api/ready"
	monitor_start all
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	rm "$SERVERS/api/ready"
	state_is db RUNNING

	listen 127.0.0.1 "$port"

	wait_until "$PATIENCE" waits_for api "file:$SERVERS/api/ready"
	kill "$LISTENER"
	wait "$LISTENER" || :
	echo now >"$SERVERS/api/ready"
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	[ ! -e "$SERVERS/api/seen" ]
	listen 127.0.0.1 "$port"
	runs api
	assert_equal 'seen by start_pre' "$(<"$SERVERS/api/seen")" now
}

@test "an address that never answers keeps no one else waiting, and a stop ends the wait" {
	port=$(free_port)
	mute "$port"
	wait_until "$PATIENCE" is_mute "$port"
	given_server api "needs = tcp://127.0.0.1:$port"
	given_server other
	monitor_start api other
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	runs other

	restarts other

	suite_ends 0 stop api
	state_is api STOPPED
	[ ! -e "$SERVERS/api/starts" ]
}

# is_mute PORT - does a caller wait there in vain?
is_mute() {
	"$(python)" -c '
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 0.5)
except TimeoutError:
    sys.exit()
except OSError:
    pass
sys.exit(1)' "$1"
}

@test "a file on a file system that does not answer keeps no one else waiting, and is seen when it answers again" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	kill -STOP "$FUSE"
	given_server api "needs = file:$BATS_TEST_TMPDIR/mnt/ready"
	given_server other
	monitor_start api other
	wait_until "$PATIENCE" waits_for api "file:$BATS_TEST_TMPDIR/mnt/ready"
	runs other

	restarts other

	: >"$BATS_TEST_TMPDIR/shown/ready"
	kill -CONT "$FUSE"
	runs api
}

@test "a need that ends does not stop the server, and a death then waits for it" {
	port=$(free_port)
	given_server api "needs = tcp://127.0.0.1:$port"
	listen 127.0.0.1 "$port"
	wait_until "$PATIENCE" connects 127.0.0.1 "$port"
	monitor_start api
	runs api
	kill "$LISTENER"
	wait "$LISTENER" || :
	assert_left_alone api

	kill -KILL "$(pid_of api)"
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	kill -KILL "$(helper_of "$MONITOR")"
	# shellcheck disable=SC2034 # of canary.bash
	HELPER_MAY_DIE=yes
	wait_until "$PATIENCE" grep -q 'starting another' "$PRINTED"
	wait_until "$PATIENCE" waits_for api "tcp://127.0.0.1:$port"
	listen 127.0.0.1 "$port"

	runs api
	assert_equal 'starts' "$(starts_of api)" 2
}

@test "without a monitor a start waits no longer than start_timeout" {
	given_server api "needs = file:ready" 'start_timeout = 500ms'

	suite_ends 1 start api

	assert_answered "api: waits for file:$SERVERS/api/ready"
	assert_answered "api: file:$SERVERS/api/ready is not there after 0.5s; a monitor would wait for it"
	: >"$SERVERS/api/ready"
	suite_ends 0 start api
	suite_ends 0 stop api
}

@test "unit:NAME waits until systemctl says that it is active" {
	require_own_mounts --mount
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n[ "$*" = "is-active --quiet -- db" ] && [ -e "%s/active" ]\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/systemctl"
	chmod +x "$BATS_TEST_TMPDIR/bin/systemctl"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	# shellcheck disable=SC2016 # the shell in the namespace expands it
	SHELL_WORDS=(unshare --mount sh -c 'mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec "$@"' - "${SHELL_WORDS[@]}")
	given_server api 'needs = unit:db'
	monitor_start api
	wait_until "$PATIENCE" waits_for api unit:db
	[ ! -e "$SERVERS/api/starts" ]

	: >"$BATS_TEST_TMPDIR/active"

	runs api
}

@test "what cannot be waited for is refused, with file and line and what to write" {
	example='is no address; write it like tcp://127.0.0.1:5432 or tcp://[::1]:5432'
	for pair in "tcp://10.0.0.1|\"tcp://10.0.0.1\" $example" "tcp://10.0.0.1:99999|\"tcp://10.0.0.1:99999\" $example" \
		"tcp://::1:80|\"tcp://::1:80\" $example" "tcp://a/b:80|\"tcp://a/b:80\" $example" "tcp://|\"tcp://\" $example" \
		'file:|"file:" names no file; write it like file:/run/x' 'file://run/x|"file://run/x" names no file; write it like file:/run/x' \
		'unit:-x|"unit:-x" names no unit; write it like unit:postgresql' \
		'unix:/run/x|"unix:/run/x" is nothing to wait for; write tcp://HOST:PORT, file:PATH or unit:NAME'; do
		given_conf api 'dir = /' 'command = ./api' "needs = ${pair%%|*}"
		suite_ends 6 check
		assert_equal 'said' "$(sed "s|^$CONF/servers/||" "$SAID")" "api.conf:3: needs: ${pair#*|}"
	done
	[ -d /run/systemd/system ] || {
		given_conf api 'dir = /' 'command = ./api' 'needs = unit:postgresql'
		suite_ends 6 check
		assert_answered 'needs: unit:postgresql: systemd does not run here; write tcp://HOST:PORT or file:PATH'
	}
}
