#!/usr/bin/env bats
# The watcher dies with sockets and channels open: its successor takes them back from the living servers, or, where the
# kernel refuses, has just those servers restarted that need them; and says which of the two it did.

load helpers

# shellcheck source=test/fixtures/ends.bash
. "$BATS_TEST_DIRNAME/fixtures/ends.bash"

# given_two - servers left and right with the channel c, each with a port by which a test orders what it sends
given_two() {
	LEFT=$(free_port)
	RIGHT=$(free_port)
	given_ends left "sockets = web=tcp://127.0.0.1:$LEFT" 'channels = c'
	given_ends right "sockets = web=tcp://127.0.0.1:$RIGHT" 'channels = c'
}

two_run() {
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
}

# crash_helper - SIGKILL for the helper while its monitor cannot see it; what follows happens in the gap
crash_helper() {
	HELPER=$(helper_of "$MONITOR")
	expect_helper_deaths
	kill -STOP "$MONITOR"
	kill -KILL "$HELPER"
	wait_until "$PATIENCE" is_gone "$HELPER"
}

# go_on - let the monitor see it, and start another helper
go_on() {
	kill -CONT "$MONITOR"
	wait_until "$PATIENCE" is_watched
}

# sorted WORDS - print them one a line
sorted() {
	tr -s ' ' '\n' <<<"$1" | grep . | sort
}

@test "after the death of the helper its successor has the same ends, and nothing sent in the gap is lost" {
	given_two
	monitor_start left right
	two_run
	left=$(pid_of left)
	right=$(pid_of right)
	held=$(inodes_of "$(helper_of "$MONITOR")")
	ask_port "$RIGHT" stop

	crash_helper
	ask_port "$LEFT" 'send c in the gap'
	go_on

	assert_said "left: socket tcp://127.0.0.1:$LEFT, channel c taken back from pid $left"
	assert_said "right: socket tcp://127.0.0.1:$RIGHT, channel c taken back from pid $right"
	assert_equal 'what the helper holds' "$(sorted "$(inodes_of "$(helper_of "$MONITOR")")")" "$(sorted "$held")"
	kill_server right
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got in the gap'
	assert_equal 'pid of left' "$(pid_of left)" "$left"
}

@test "the same when helper and monitor die at once" {
	given_two
	monitor_start left right
	two_run
	left=$(pid_of left)
	ends=$(inodes_of "$left")

	monitor_crash
	ask_port "$LEFT" 'send c while nobody watched'
	monitor_start left right

	assert_said "left: socket tcp://127.0.0.1:$LEFT, channel c taken back from pid $left"
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got while nobody watched'
	two_run
	kill_server left
	assert_equal 'ends' "$(inodes_of "$(pid_of left)")" "$ends"
}

@test "after an orderly end of the monitor the next one takes them back too" {
	given_two
	monitor_start left right
	two_run
	left=$(pid_of left)
	monitor_stop

	monitor_start left right

	assert_said "left: socket tcp://127.0.0.1:$LEFT, channel c taken back from pid $left"
}

@test "a server that died with the watcher: just its partner is restarted, for the other end is lost" {
	given_two
	given_ends third "sockets = tcp://127.0.0.1:$(free_port)"
	monitor_start left right third
	two_run
	wait_until "$PATIENCE" state_is third RUNNING
	right=$(pid_of right)
	third=$(pid_of third)

	crash_helper
	kill -KILL "$(pid_of left)"
	go_on

	assert_logged "Server right hung, pid=$right, ended (the other end of channel c is lost)"
	wait_until "$PATIENCE" pid_differs right "$right"
	two_run
	ask_port "$LEFT" 'send c over a new channel'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got over a new channel'
	assert_equal 'pid of third' "$(pid_of third)" "$third"
}

@test "where the kernel refuses, just the servers that need them are restarted, and that is reported" {
	[ "$(id -u)" -ne 0 ] || SHELL_WORDS=(setpriv --bounding-set=-sys_ptrace "${SHELL_WORDS[@]}")
	require setpriv
	port=$(free_port)
	given_peer closed '1 undumpable' "sockets = tcp://127.0.0.1:$port"
	given_ends open "sockets = tcp://127.0.0.1:$(free_port)"
	monitor_start closed open
	wait_until "$PATIENCE" state_is closed RUNNING
	wait_until "$PATIENCE" state_is open RUNNING
	closed=$(pid_of closed)
	open=$(pid_of open)

	crash_helper
	go_on

	assert_logged "Server closed hung, pid=$closed, ended (socket tcp://127.0.0.1:$port, the daemon socket could not be taken"
	assert_said "open: socket"
	wait_until "$PATIENCE" pid_differs closed "$closed"
	assert_equal 'pid of open' "$(pid_of open)" "$open"
	is_listening "$port"
	suite_ends 0 stop closed # an ordinary user cannot find it by its environment
}

@test "the daemon socket is joined again: beats arrive, and the server never notices" {
	given_peer one '1' "sockets = tcp://127.0.0.1:$(free_port)" 'heartbeat = channel' 'heartbeat_timeout = 1s'
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 1'
	pid=$(pid_of one)
	ends=$(inodes_of "$pid")

	crash_helper
	go_on

	assert_said "the daemon socket taken back from pid $pid"
	wait_until "$PATIENCE" message_says one 'module 1'
	assert_left_alone one
	refute_said 'no beat'
	assert_equal 'its sockets' "$(inodes_of "$pid")" "$ends"
	kill_server one
	assert_equal 'the sockets of its successor' "$(inodes_of "$(pid_of one)")" "$ends"
}

@test "a silent one is still found hung after that, and hears the shutdown message" {
	given_peer one '0 mute-when=quiet obey' 'heartbeat = channel' 'heartbeat_timeout = 500ms'
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 1'
	crash_helper
	go_on
	assert_said 'taken back'

	: >"$SERVERS/one/quiet"

	assert_logged 'hung'
	wait_until "$PATIENCE" test -s "$SERVERS/one/shutdown"
}

@test "one that a stranger started has none, which is reported, and gets them at its next start" {
	port=$(free_port)
	given_peer one '1' "sockets = tcp://127.0.0.1:$port"
	start_by_hand one 0 7
	monitor_start one

	assert_adopted one "$BY_HAND"
	assert_said 'one: someone else started it; it gets sockets at its next start'
	kill_server one

	is_listening "$port"
}

@test "a file of ends that was torn or forged takes nothing from anybody" {
	given_two
	monitor_start left right
	two_run
	pid=$(pid_of left)
	monitor_crash
	sed -i '2s/^[0-9]* [0-9]*/4711 4711/' "$STATE/servers/left/ends"

	monitor_start left right

	assert_logged "Server left hung, pid=$pid, ended (socket tcp://127.0.0.1:$LEFT could not be taken back from pid $pid"
	wait_until "$PATIENCE" pid_differs left "$pid"
	two_run
	ask_port "$LEFT" 'send c all the same'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got all the same'
}

@test "what conf no longer has after the death of the monitor is let go; what it has now instead costs a restart" {
	port=$(free_port)
	other=$(free_port)
	given_ends one "sockets = tcp://127.0.0.1:$port"
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING
	pid=$(pid_of one)
	monitor_crash
	given_ends one "sockets = tcp://127.0.0.1:$other"

	monitor_start one

	assert_logged "Server one hung, pid=$pid, ended (socket tcp://127.0.0.1:$other could not be taken back from pid $pid: it was not given that)"
	wait_until "$PATIENCE" pid_differs one "$pid"
	wait_until "$PATIENCE" state_is one RUNNING
	ask_port "$other"
	run ! is_listening "$port"
}

@test "one that was launched as its watcher died, and that no record names, is found, and keeps its ends" {
	given_two
	monitor_start left right
	two_run
	left=$(pid_of left)
	ends=$(inodes_of "$left")
	monitor_crash
	rm "$STATE/servers/left/record"

	monitor_start left right

	assert_adopted left "$left"
	assert_said "left: socket tcp://127.0.0.1:$LEFT, channel c taken back from pid $left"
	assert_said "right: socket tcp://127.0.0.1:$RIGHT, channel c taken back from pid "
	kill_server left
	assert_equal 'ends' "$(inodes_of "$(pid_of left)")" "$ends"
}
