#!/usr/bin/env bats
# check warns of what will fail, with file and line, and leaves the status at 0; a start says the same in the same words.

load helpers
load fixtures/hostile

# warns LINE WORDS - the last check printed this warning for line LINE (0: none) of the conf of x
warns() {
	local line=$CONF/servers/x.conf:$1:
	[ "$1" != 0 ] || line=$CONF/servers/x.conf:
	grep -qxF -- "$line warning: $2" "$SAID" || assert_equal 'it said' "$(cat "$SAID")" "$line warning: $2"
}

# assert_warned LINE WORDS - check warns so, of nothing else, and ends with 0
assert_warned() {
	suite_ends 0 check
	warns "$@"
	assert_equal 'warnings' "$(grep -c warning: "$SAID")" 1
}

assert_no_warning() {
	suite_ends 0 check
	run ! grep warning: "$SAID"
}

# given_script LINE... - the program of x is this script
given_script() {
	printf '%s\n' "$@" >"$SERVERS/x/x"
}

@test "all in order: no warning" {
	given_server x

	assert_no_warning

	grep -qxF 'conf is good: 1 servers' "$SAID"
}

@test "no dir, no program, a program that is not executable" {
	given_conf x '' "dir = $SERVERS/none"
	assert_warned 2 "x: no directory $SERVERS/none; set dir in $CONF/servers/x.conf"

	given_server x 'command = ./y'
	assert_warned 2 "x: no command: ./y is not in $SERVERS/x; set dir or command in $CONF/servers/x.conf"

	given_server x
	chmod a-x "$SERVERS/x/x"
	assert_warned 0 "x: no command: $SERVERS/x/x is not executable; chmod +x it; set dir or command in $CONF/servers/x.conf"

	given_server x 'needs_file = y.conf'
	chmod a+x "$SERVERS/x/x"
	assert_warned 2 "x: No config file found: y.conf in $SERVERS/x; put it there, or set needs_file in $CONF/servers/x.conf"
}

@test "a script whose interpreter is missing, cannot be executed, or is followed by a carriage return" {
	given_server x

	given_script '#!/nonexistent/sh -x'
	assert_warned 0 "x: $SERVERS/x/x: its interpreter /nonexistent/sh is not there; install that, or mend its first line"
	returned='its first line ends with a carriage return; save it with the line ends of Unix'
	given_script $'#!/bin/sh\r'
	assert_warned 0 "x: $SERVERS/x/x: $returned"
	given_script '#!/usr/bin/env -S nosuchshell -x'
	assert_warned 0 "x: $SERVERS/x/x: its interpreter nosuchshell is not in PATH"
	given_script $'#!/usr/bin/env sh\r'
	assert_warned 0 "x: $SERVERS/x/x: $returned"
	given_script '#!/usr/bin/env sh'
	assert_no_warning
	given_script "#!$SERVERS/x/y"
	: >"$SERVERS/x/y"
	assert_warned 0 "x: $SERVERS/x/x: its interpreter $SERVERS/x/y is not executable; chmod +x it"
}

@test "a file that is no program, and a program whose loader is missing" {
	given_server x
	given_script 'exec sleep 60'
	if [ -z "$(find /proc/sys/fs/binfmt_misc -type f ! -name register ! -name status 2>/dev/null)" ]; then
		assert_warned 0 "x: $SERVERS/x/x: neither a program for this machine nor a script that begins with #!"
	else
		assert_no_warning # the kernel may execute more formats
	fi

	LC_ALL=C sed 's|\(/lib[^\x00]*/ld-\)l\([^\x00]*\x00\)|\1X\2|' "$(fixture server)" >"$SERVERS/x/x"
	run -127 "$SERVERS/x/x"
	suite_ends 0 check
	grep -qE "^$CONF/servers/x.conf: warning: x: $SERVERS/x/x: its loader /lib[^ ]*/ld-X[^ ]* is not there; " "$SAID"
}

@test "a start says the same as the warning" {
	given_server x 'backoff = 60s 60s'
	given_script '#!/nonexistent/sh'
	given_server y
	suite_ends 0 check
	words=$(sed -n 's/.*warning: x: //p' "$SAID")

	monitor_start x y

	[ -n "$words" ]
	assert_logged "Server x not started, next try in 60s ($words)"
}

@test "a port that another process has: its pid and name; not that of the server itself, watched or not" {
	port=$(free_port)
	given_server x "command = ./x --port $port" "port = $port"
	start_stranger "$BATS_TEST_TMPDIR" "$(fixture server)" --port "$port"
	wait_until "$PATIENCE" is_listening "$port"
	assert_warned 3 "x: port $port is held by pid $BY_HAND (server); end it, or set another port"
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"
	assert_no_warning

	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	assert_no_warning
	monitor_stop
	assert_no_warning
}

@test "the port that a child of the server has is not in use by another" {
	port=$(free_port)
	given_server x 'match = sh x' "port = $port"
	given_script '#!/bin/sh' "cd / && '$(fixture server)' --port $port & wait"
	start_stranger "$SERVERS/x" ./x
	wait_until "$PATIENCE" is_listening "$port"

	assert_no_warning
}

@test "the port of a server whose socket the monitor holds is not in use by another" {
	port=$(free_port)
	given_server x "sockets = tcp://127.0.0.1:$port" "port = $port"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	suite_ends 0 pause x
	old=$(pid_of x)
	kill -KILL "$old"
	wait_until "$PATIENCE" is_gone "$old"

	assert_no_warning
}

@test "a user who may not enter dir, may not list it, may not execute the program" {
	given_guest x
	mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
	mkdir -m 755 "$BATS_TEST_TMPDIR/closed/x"
	given_conf x 'user = nobody' "dir = $BATS_TEST_TMPDIR/closed/x"
	assert_warned 2 "x: dir $BATS_TEST_TMPDIR/closed/x: uid 65534 may not enter $BATS_TEST_TMPDIR/closed; let it, or set dir or user in $CONF/servers/x.conf"

	given_conf x 'user = nobody' "dir = $SERVERS/x"
	chown root "$SERVERS/x/x"
	chmod 744 "$SERVERS/x/x"
	assert_warned 0 "x: no command: $SERVERS/x/x may not be executed by uid 65534 (mode 744, owner uid 0); chmod it; set dir or command in $CONF/servers/x.conf"

	chmod 755 "$SERVERS/x/x"
	chown root "$SERVERS/x"
	chmod 711 "$SERVERS/x"
	assert_warned 2 "x: uid 65534 may not list dir $SERVERS/x; let it, or its logs are not moved into oldlog"

	chmod 644 "$SERVERS/x"
	assert_warned 2 "x: dir $SERVERS/x: uid 65534 may not enter $SERVERS/x; let it, or set dir or user in $CONF/servers/x.conf"
}

@test "a program in a directory that its user may not pass" {
	given_guest x
	mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
	given_program "$BATS_TEST_TMPDIR/closed/y"
	given_conf x 'user = nobody' "dir = $SERVERS/x" "command = $BATS_TEST_TMPDIR/closed/y"

	assert_warned 3 "x: no command: $BATS_TEST_TMPDIR/closed/y is out of reach: uid 65534 may not enter $BATS_TEST_TMPDIR/closed; set dir or command in $CONF/servers/x.conf"
}

@test "a start names the directory that its user may not enter" {
	given_guest x
	given_server y
	mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
	mkdir -m 755 "$BATS_TEST_TMPDIR/closed/x"
	given_conf x 'user = nobody' "dir = $BATS_TEST_TMPDIR/closed/x" 'backoff = 60s 60s'

	monitor_start x y

	assert_logged "Server x not started, next try in 60s (dir $BATS_TEST_TMPDIR/closed/x: uid 65534 may not enter $BATS_TEST_TMPDIR/closed; let it, or set dir or user in $CONF/servers/x.conf)"
}

@test "an ordinary user cannot start a server as another one" {
	given_guest x 'user = root'
	given_conf x "dir = $SERVERS/x" 'user = daemon'
	chmod -R a+rX "$CONF"

	as_nobody "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$BATS_TEST_TMPDIR/none" check >"$SAID" 2>&1

	warns 2 'x: only root may start it as daemon; run the monitor as root, or take user out'
}

@test "a program on a file system that is mounted noexec" {
	given_server x
	given_disk "$SERVERS/x" 1M
	mount -o remount,noexec "$SERVERS/x"
	given_program "$SERVERS/x/x"

	assert_warned 0 "x: no command: $SERVERS/x/x is on a file system that is mounted noexec; put it elsewhere; set dir or command in $CONF/servers/x.conf"
}

@test "a directory on a file system that does not answer keeps check from nothing else" {
	mkdir -p "$BATS_TEST_TMPDIR/shown/x"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_conf x "dir = $BATS_TEST_TMPDIR/mnt/x"
	given_conf y "dir = $SERVERS/y"
	kill -STOP "$FUSE"

	suite_ends 0 check

	warns 1 "x: dir $BATS_TEST_TMPDIR/mnt/x, or the program, does not answer within 5s; see mount(8)"
	grep -qxF "$CONF/servers/y.conf:1: warning: y: no directory $SERVERS/y; set dir in $CONF/servers/y.conf" "$SAID"
}

@test "a # inside a value, in conf and in that of a hook; not a quoted one, nor one inside a word" {
	given_server x 'command = ./x # the first'
	assert_warned 2 'command: "# the first" is no comment but part of the value; give it a line of its own, or quote the #'

	given_server x "command = ./x --say '# a' \"b # c\" d#e \\# f"
	assert_no_warning

	(umask 077 && printf '%s\n' 'phones = 555 # me' >"$CONF/hooks/sms.conf")
	suite_ends 0 check
	grep -qxF "$CONF/hooks/sms.conf:1: warning: phones: \"# me\" is no comment but part of the value; give it a line of its own, or quote the #" "$SAID"
}

@test "a # in a value that does not fit is an error, and says that a comment needs a line of its own" {
	given_server x 'port = 80 # http'

	suite_ends 6 check

	grep -qF 'x.conf:2: port: "80 # http" is not a whole number' "$SAID"
	grep -qF '; a comment needs a line of its own' "$SAID"
}

@test "a hook that only prints, under whatever name; where alert names it, else in monitor.conf" {
	given_server x
	install -m 755 "$ROOT/conf/hooks/sms" "$CONF/hooks/"
	suite_ends 0 check
	grep -qxF "$CONF/monitor.conf: warning: hook sms only prints: it reaches no phone; set alert = sms-http" "$SAID"

	install -m 755 "$ROOT/conf/hooks/sms" "$CONF/hooks/mine"
	given_conf x "dir = $SERVERS/x" 'alert = mine'
	suite_ends 0 check
	grep -qxF "$CONF/servers/x.conf:2: warning: hook mine only prints: it reaches no phone; set alert = sms-http" "$SAID"
	suite_ends 0 test
	grep -qF 'hook mine only prints' "$SAID"
}
