#!/usr/bin/env bats
# The example web server, in C: a listener, a manager and its workers, killed under load.

load helpers

# shellcheck source=test/fixtures/ends.bash
. "$BATS_TEST_DIRNAME/fixtures/ends.bash"

# given_webserver - servers listener and manager by the conf that ships, on $PORT
given_webserver() {
	local dir=$SERVERS/web role
	PORT=$(free_port)
	mkdir -p "$dir"
	for role in listener:Listener manager:Manager; do
		cc -std=gnu11 -Wall -Wextra -Werror -O2 -o "$dir/${role#*:}" "$ROOT/conf/examples/webserver/${role%:*}.c"
		sed -e "s|^dir = .*|dir = $dir|" -e "s|127.0.0.1:8080|127.0.0.1:$PORT|" \
			"$ROOT/conf/examples/webserver/${role%:*}.conf" >"$CONF/servers/${role%:*}.conf"
	done
	printf '%s\n' 'alert = none' 'interval = 1s' 'start_seconds = 0s' 'backoff = 0s 0s' >"$CONF/monitor.conf"
}

# call_until FILE - two callers, until FILE exists; $CALLERS is their pid
call_until() {
	"$(python)" -E -s "$ROOT/pyhelpers/demo/callers.py" "$PORT" 100000 2 "$1" >"$BATS_TEST_TMPDIR/calls" 3>&- &
	CALLERS=$!
}

# find_role PROGRAM - which child of the helper runs it?  $role is its pid. By far cheaper than to ask status
find_role() {
	local name
	for role in $(<"/proc/$HELPER/task/$HELPER/children"); do
		{ read -r name <"/proc/$role/comm"; } 2>/dev/null && [ "$name" = "$1" ] && return
	done
	return 1
}

# kill_role PROGRAM - and wait until another process runs it
kill_role() {
	local old
	find_role "$1"
	old=$role
	kill -KILL "$old"
	wait_until "$PATIENCE" role_differs "$1" "$old"
}

role_differs() {
	find_role "$1" && [ "$role" != "$2" ]
}

# has_four_without PID - has the manager four workers, none of them PID?  $children are they
has_four_without() {
	find_role Manager || return
	children=" $(<"/proc/$role/task/$role/children")"
	[ "$(wc -w <<<"$children")" -eq 4 ] && [[ $children != *" $1 "* ]]
}

@test "listener, manager and workers are killed fifty times under load: no caller is refused, each is back with the same ends" {
	given_webserver
	monitor_start listener manager
	wait_until "$PATIENCE" message_says listener 'module 1, args'
	wait_until "$PATIENCE" message_says manager 'module 2, args 4 4'
	listener=$(inodes_of "$(pid_of listener)")
	manager=$(inodes_of "$(pid_of manager)")
	call_until "$BATS_TEST_TMPDIR/enough"

	HELPER=$(helper_of "$MONITOR")
	for ((round = 0; round < ${RESTARTS:-50}; round += 3)); do
		kill_role Listener
		kill_role Manager
		wait_until "$PATIENCE" has_four_without 0
		worker=${children# }
		worker=${worker%% *}
		kill -KILL "$worker"
		wait_until "$PATIENCE" has_four_without "$worker"
	done
	wait_until "$PATIENCE" state_is listener RUNNING
	wait_until "$PATIENCE" state_is manager RUNNING
	: >"$BATS_TEST_TMPDIR/enough"
	wait_until 60 is_gone "$CALLERS"

	cat "$BATS_TEST_TMPDIR/calls"
	grep -E '^answered [1-9][0-9]+, cut off [0-9]+, refused 0$' "$BATS_TEST_TMPDIR/calls"
	assert_equal 'ends of the listener' "$(inodes_of "$(pid_of listener)")" "$listener"
	[[ $(inodes_of "$(pid_of manager)") == "$manager"* ]]
	assert_equal 'what the listener has open' "$(descriptors_of "$(pid_of listener)")" '0 1 2 3 4 5 6'
}

@test "connections that wait in the channel wait for the next manager and its workers" {
	require curl
	given_webserver
	monitor_start listener manager
	wait_until "$PATIENCE" message_says manager 'module 2'
	suite_ends 0 stop manager
	for _ in 1 2 3; do
		curl -s -m 60 "http://127.0.0.1:$PORT/" >>"$BATS_TEST_TMPDIR/pages" 3>&- &
	done
	wait_until "$PATIENCE" message_says listener 'args 3 0'

	suite_ends 0 start manager

	wait_until "$PATIENCE" message_says listener 'args 3 3'
	assert_equal 'pages' "$(grep -c 'served by worker' "$BATS_TEST_TMPDIR/pages")" 3
}

@test "the shipped conf of the example is good" {
	mkdir -p "$SERVERS/web"
	cp "$ROOT"/conf/examples/webserver/*.conf "$CONF/servers/"

	suite_ends 0 check

	grep -F '2 servers' "$SAID"
}

@test "demo webserver shows it all, and leaves nothing behind" {
	require cc
	status=0
	TMPDIR=$BATS_TEST_TMPDIR timeout 120 "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" demo webserver </dev/null >"$SAID" 2>&1 3>&- || status=$?

	assert_equal 'exit status' "$status" 0
	grep -E 'answered [0-9]+, cut off [0-9]+, refused 0' "$SAID"
	grep -F 'All of this happened.' "$SAID"
	run ! compgen -G "$BATS_TEST_TMPDIR/monitor-demo.*"
}

suite_in_path() {
	local status=0
	$1 "$ROOT/monitor.sh" demo webserver </dev/null >"$SAID" 2>&1 3>&- || status=$?
	assert_equal 'exit status' "$status" 5
}

@test "demo webserver without a compiler says so" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	for program in "${SHELL_WORDS[0]}" sh bash env readlink cat sed python3 mktemp id uname dirname printf; do
		ln -sf "$(type -P "$program")" "$BATS_TEST_TMPDIR/bin/$program" # mksh has no printf of its own
	done

	PATH=$BATS_TEST_TMPDIR/bin suite_in_path "${TEST_SHELL:-dash}"

	grep -F 'demo: no C compiler (cc)' "$SAID"
}
