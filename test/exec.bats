#!/usr/bin/env bats
# exec: a program runs once as a server runs, with the terminal of the caller, and its status comes back.

# shellcheck disable=SC2016 # it is the shells that exec runs which expand all these

load helpers
load fixtures/orders
load fixtures/witness

@test "exec runs the program in dir, with the environment of the server; status, stdin and stdout are the caller's" {
	given_server a 'environment = GREETING=hello A=1' 'umask = 027' 'port = 4711'

	run -42 suite exec a -- sh -c 'read -r line; echo "$line $PWD $GREETING $A $MONITOR_SERVER $MONITOR_PORT $(umask)"; exit 42' <<<'typed'

	assert_equal 'what it printed' "$output" "typed $SERVERS/a hello 1 a 4711 0027"
}

@test "a signal that ends the program ends the command, and arguments arrive as they are" {
	given_server a

	run -143 suite exec a -- sh -c 'kill -TERM $$'
	run -0 suite exec a -- printf '%s|' 'a b' '' '$(x)' -c --

	assert_equal 'arguments' "$output" 'a b||$(x)|-c|--|'
}

@test "a program of dir, one of PATH, and one that is not there" {
	given_server a
	printf '#!/bin/sh\necho mine\n' >"$SERVERS/a/tool"
	chmod +x "$SERVERS/a/tool"

	run -0 suite exec a -- ./tool
	assert_equal 'of dir' "$output" mine
	run -0 suite exec a -- true
	suite_ends 127 exec a -- ./absent
	assert_answered "a: ./absent is not in $SERVERS/a"
	chmod -x "$SERVERS/a/tool"
	suite_ends 126 exec a -- ./tool
}

@test "exec has the limits of the server, and no descriptor of ours" {
	given_server a 'limit_nofile = 77' 'nice = 5'

	open=$(ls /proc/self/fd 3>&-)
	run -0 suite exec a -- sh -c 'ulimit -n; nice; ls /proc/self/fd'

	assert_equal 'limit, nice, descriptors' "${lines[*]}" "77 5 ${open//$'\n'/ }"
}

@test "exec runs as the user of the server, with that user's groups" {
	[ "$(id -u)" -eq 0 ] || skip 'may not change the user (needs root)'
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$SERVERS"
	given_server a 'user = nobody'

	run -0 suite exec a -- sh -c 'id -un; id -G'

	assert_equal 'user and groups' "${lines[*]}" "nobody $(id -G nobody)"
}

@test "exec as an ordinary user for a server of another one is refused" {
	[ "$(id -u)" -ne 0 ] || skip 'root may run as any user'
	given_server a 'user = root'

	suite_ends 126 exec a -- true

	assert_answered 'a: user = root: '
}

@test "exec joins the cgroup of the server that runs, so a stop ends it too; without one it runs all the same" {
	given_server a
	run -0 suite exec a -- sed -n 's/^0:://p' /proc/self/cgroup
	assert_equal 'cgroup, while it does not run' "$output" "$(sed -n 's/^0:://p' /proc/self/cgroup)"
	monitor_start a
	runs a
	cgroup=$(sed -n 's/^0:://p' "/proc/$RUNS/cgroup")
	wait_until "$PATIENCE" in_own_cgroup "$RUNS" || skip 'no cgroup can be made here (needs root, or Delegate=yes)'
	cgroup=$(sed -n 's/^0:://p' "/proc/$RUNS/cgroup")

	run -0 suite exec a -- sed -n 's/^0:://p' /proc/self/cgroup
	assert_equal 'cgroup' "$output" "$cgroup"
	suite exec a -- sh -c 'echo $$ >pid; exec sleep 1000' </dev/null >/dev/null 2>&1 4>&- &
	wait_until "$PATIENCE" test -s "$SERVERS/a/pid"
	suite_ends 0 stop a

	is_gone "$(<"$SERVERS/a/pid")"
}

# in_own_cgroup PID - is it in another cgroup than we are?
in_own_cgroup() {
	[ "$(sed -n 's/^0:://p' "/proc/$1/cgroup")" != "$(sed -n 's/^0:://p' /proc/self/cgroup)" ]
}

@test "what exec is given wrongly" {
	given_server a
	for words in 'a' 'a --' 'a true' '-- true' 'a b -- true' ''; do
		# shellcheck disable=SC2086 # words
		suite_ends 2 exec $words
		assert_answered 'exec needs a server, -- and a program, as in: ./monitor.sh exec web -- ./manage.py migrate'
	done
	suite_ends 2 exec all -- true
	assert_answered 'exec runs a program for one server, not for all; name one'
	suite_ends 2 exec 'a*' -- true
	suite_ends 6 exec absent -- true
	assert_answered 'absent: not in conf'
	given_conf a "dir = $BATS_TEST_TMPDIR/absent"
	suite_ends 126 exec a -- true
	assert_answered "a: dir $BATS_TEST_TMPDIR/absent: No such file or directory"
}

# given_guest_tool LINE... - server a is nobody's, with these lines of Python as ./tool; $EXEC runs it
given_guest_tool() {
	[ "$(id -u)" -eq 0 ] || skip 'may not change the user (needs root)'
	require script /usr/bin/python3
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$SERVERS"
	given_server a 'user = nobody' 'environment_clean = yes'
	printf '%s\n' "#!/usr/bin/python3 -IS" "$@" >"$SERVERS/a/tool"
	chmod 755 "$SERVERS/a/tool"
	printf -v EXEC '%q ' timeout --foreground 60 "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" exec a -- ./tool
}

# in_terminal COMMAND... - bash runs these words in a terminal, in the background; type_in types there, $SHOWN is what it shows
in_terminal() {
	SHOWN=$BATS_TEST_TMPDIR/shown
	mkfifo "$BATS_TEST_TMPDIR/keyboard"
	exec 5<>"$BATS_TEST_TMPDIR/keyboard"
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/session"
	script -qec "bash $BATS_TEST_TMPDIR/session" /dev/null <&5 >"$SHOWN" 2>&1 3>&- 4>&- 5>&- &
}

type_in() {
	printf '%b' "$1" >&5
}

shows() {
	wait_until "$PATIENCE" grep -qF -- "$1" "$SHOWN"
}

@test "a program that root runs as another user cannot type in the terminal of root" {
	given_guest_tool 'import fcntl, os, termios' 'for way in 0, 1, 2, os.open("/dev/tty", os.O_RDWR):' \
		'    try:' '        [fcntl.ioctl(way, termios.TIOCSTI, bytes([letter])) for letter in b"evil\n"]' \
		'    except OSError: pass' 'print("has tried")'

	in_terminal "$EXEC" 'read -rt 0.5 typed; echo "root has read <$typed>"'

	shows 'root has read <'
	grep -qF 'has tried' "$SHOWN"
	grep -qF 'root has read <>' "$SHOWN"
}

@test "its own terminal is like that of root: size, typing, an interrupt, status; afterwards that of root is as before" {
	given_guest_tool 'import os, sys' 'print(*os.get_terminal_size(), os.isatty(0), os.environ["TERM"], os.ttyname(1), flush=True)' \
		'print("it got", input(), flush=True)' 'print("it waits", flush=True)' 'sys.stdin.read()'

	in_terminal 'tty; export TERM=vt100; stty rows 33 cols 77; stty -g' "$EXEC" 'echo "ended with $?"; stty -g' "echo piped | $EXEC" 'echo "then with $?"'
	shows '77 33 True vt100 /dev/pts/'
	type_in 'a line\n'
	shows 'it got a line'
	shows 'it waits'
	type_in '\003'

	shows 'ended with 130'
	shows 'False vt100 /dev/pts/'
	shows 'it got piped'
	shows 'then with 0'
	of_root=$(grep -oE -m 1 '^/dev/pts/[0-9]+' "$SHOWN")
	assert_equal 'terminals of its own' "$(grep -oE 'vt100 /dev/pts/[0-9]+' "$SHOWN" | grep -cvx "vt100 $of_root")" 2
	assert_equal 'settings of the terminal' "$(grep -cE '^[0-9a-f]+(:[0-9a-f]+){5}' "$SHOWN")" 2
	assert_equal 'different settings' "$(grep -E '^[0-9a-f]+(:[0-9a-f]+){5}' "$SHOWN" | sort -u | wc -l)" 1
}

@test "what exec runs is not taken for the server, though it looks like it" {
	given_server a
	"$ROOT/monitor.sh" -c "$CONF" -s "$STATE" exec a -- ./a --log=none </dev/null >/dev/null 2>&1 3>&- 4>&- &
	beside=$!
	wait_until "$PATIENCE" grep -qz MONITOR_COMMAND=exec "/proc/$beside/environ"
	wait_until "$PATIENCE" test -s "$SERVERS/a/starts"

	suite_ends 3 status a
	monitor_start a
	runs a

	assert_equal 'is the server' "$((RUNS == beside))" 0
	run ! grep -F adopted "$STATE/restart.log"
	kill -KILL "$beside"
	wait "$beside" || :
}
