#!/usr/bin/env bats
# fd_passing = scm and heartbeat = channel: the family of processes that a Daemon with a Listener and a Manager is, and
# those members of it that are mute, dead, slow, or lie. The other side is C (fixtures/peer.c), to the byte.

load helpers

# shellcheck source=test/fixtures/ends.bash
. "$BATS_TEST_DIRNAME/fixtures/ends.bash"

# One int of 4 bytes each, in the machine's order: module -10, pid 0, args[0] = -25, args[3] = -41, args[10] = -99
GOODBYE='f6ffffff 00000000 e7ffffff 00000000 00000000 d7ffffff 00000000 00000000 00000000 00000000 00000000 00000000 9dffffff 00000000 00000000 00000000'

impatient() {
	printf '%s\n' 'heartbeat_timeout = 300ms' 'channel_every = 50ms' >>"$CONF/monitor.conf"
}

@test "the program gets the number of its daemon socket as the last argument, and the rest with one NUL byte each" {
	port=$(free_port)
	given_peer one '3' "sockets = tcp://127.0.0.1:$port" 'channels = first second'
	given_peer other '2' 'channels = second first'

	monitor_start one other
	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" state_is other RUNNING

	read -r pid number socket first second <"$SERVERS/one/got"
	assert_equal 'pid' "$pid" "$(pid_of one)"
	assert_equal 'number of the daemon socket' "$number" 3
	[[ $socket == 4:*:00 && $first == 5:*:00 && $second == 6:*:00 ]]
	is_listening "$port"
	assert_equal 'what was open when it began' "$(<"$SERVERS/one/open")" '0 1 2 3 '
	assert_equal 'what is open' "$(descriptors_of "$pid")" '0 1 2 3 4 5 6'
}

@test "the number stands for {channel_fd} where the command has that" {
	given_peer one '1 module=2 {channel_fd}' 'channels = only'
	given_peer other '1' 'channels = only'

	monitor_start one other

	wait_until "$PATIENCE" state_is one RUNNING
	assert_equal 'command line' "$(tr '\0' ' ' <"/proc/$(pid_of one)/cmdline")" './one 1 module=2 3 '
}

@test "each of fifty successors gets the same ends, and each exactly its own" {
	given_peer one '2' 'channels = first second' 'start_seconds = 0s' 'backoff = 0s 0s'
	given_peer other '2' 'channels = second first'
	monitor_start one other
	wait_until "$PATIENCE" state_is one RUNNING
	ends=$(cut -d ' ' -f 3- "$SERVERS/one/got")
	held=$(descriptors_of "$(helper_of "$MONITOR")")

	for _ in {1..50}; do
		pid=$(tail -n 1 "$SERVERS/one/got" | cut -d ' ' -f 1)
		kill -KILL "$pid"
		wait_until "$PATIENCE" started_after "$SERVERS/one/got" "$pid"
	done

	assert_equal 'starts' "$(wc -l <"$SERVERS/one/got")" 51
	assert_equal 'kinds of ends' "$(cut -d ' ' -f 3- "$SERVERS/one/got" | sort -u)" "$ends"
	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" has_descriptors "$held"
}

# started_after FILE PID - has another process than PID written the last, whole line?
started_after() {
	local pid
	[[ $(tail -c 1 "$1" | od -An -tx1) == *0a ]] && read -r pid _ < <(tail -n 1 "$1") && [ "$pid" != "$2" ]
}

@test "status shows the module and the 14 numbers of the last beat" {
	given_peer one '0 module=2' 'heartbeat = channel'

	monitor_start one

	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" message_says one 'module 2, args 7 '
	[[ $(status_of one message) =~ ^'module 2, args 7 '[0-9]+' 0 0 0 0 0 0 0 0 0 0 0 99'$ ]]
}

@test "one that beats again before the third warning is left alone" {
	given_peer one '0' 'heartbeat = channel' 'heartbeat_timeout = 1s'
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 1'
	pid=$(pid_of one)

	kill -STOP "$pid"
	assert_said 'one: no beat for 1s (warning 1 of 3)'
	assert_said 'one: no beat for 2s (warning 2 of 3)'
	kill -CONT "$pid"

	assert_left_alone one
	assert_equal 'pid' "$(pid_of one)" "$pid"
}

@test "a mute one gets the shutdown message to the byte, and leaves by it" {
	impatient
	given_peer one '0 silent obey' 'heartbeat = channel'

	monitor_start one

	assert_logged 'Server one hung, pid='
	assert_logged 'ended (no beat for 0.9s)'
	wait_until "$PATIENCE" test -s "$SERVERS/one/shutdown"
	assert_equal 'shutdown message' "$(<"$SERVERS/one/shutdown")" "${GOODBYE// /}"
	assert_alerted hung one 'no beat for 0.9s'
}

@test "the shutdown message to a manager is of module -20" {
	impatient
	given_peer one '0 module=2 mute-when=quiet obey' 'heartbeat = channel' 'backoff = 60s 60s' # its successor would be quiet too
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 2'
	pid=$(pid_of one)

	: >"$SERVERS/one/quiet"

	wait_until "$PATIENCE" is_gone "$pid"
	assert_equal 'shutdown message' "$(<"$SERVERS/one/shutdown")" "ecffffff$(cut -c 9- <<<"${GOODBYE// /}")"
}

@test "a deaf one that goes on after the shutdown message is killed" {
	impatient
	given_peer one '0 silent deaf' 'heartbeat = channel'
	monitor_start one
	wait_until "$PATIENCE" test -s "$SERVERS/one/shutdown"
	pid=$(head -n 1 "$SERVERS/one/got" | cut -d ' ' -f 1)

	wait_until "$PATIENCE" is_gone "$pid"

	assert_logged "Server one hung, pid=$pid, ended (no beat for 0.9s)"
}

@test "a stopped one is silent too, and is ended" {
	impatient
	given_peer one '0' 'heartbeat = channel'
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 1'
	pid=$(pid_of one)

	kill -STOP "$pid"

	wait_until "$PATIENCE" pid_differs one "$pid"
	assert_logged "Server one hung, pid=$pid, ended (no beat for 0.9s)"
}

@test "a dead one is seen at once, not by its silence" {
	given_peer one '0' 'heartbeat = channel' # 5 s, three times
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	kill_server one

	assert_logged "Server one stopped, pid=$OLD, restarting... (signal KILL"
	refute_said 'no beat'
}

@test "a slow one is not touched" {
	impatient
	given_peer one '0 every=250' 'heartbeat = channel'
	monitor_start one
	wait_until "$PATIENCE" state_is one RUNNING

	assert_left_alone one

	refute_said 'no beat'
}

@test "one that lies about the size or the module is reported, and lives by its honest beats" {
	impatient
	given_peer size '0 first=size' 'heartbeat = channel'
	given_peer module '0 first=module' 'heartbeat = channel'
	given_peer negative '0 first=negative' 'heartbeat = channel'

	monitor_start size module negative

	assert_said 'size: a message on its daemon socket is not 64 bytes long; no beat'
	assert_said 'module: a message on its daemon socket is of module 2; no beat'
	assert_said 'negative: a message on its daemon socket is of module -10; no beat'
	wait_until "$PATIENCE" state_is size RUNNING
	assert_left_alone size
	state_is module RUNNING
	state_is negative RUNNING
	assert_equal 'said of the size' "$(grep -c 'not 64 bytes' "$PRINTED")" 1
}

@test "one that always lies is mute" {
	impatient
	given_peer one '0 module=-3' 'heartbeat = channel'

	monitor_start one

	assert_said 'one: a message on its daemon socket is of module -3; no beat'
	assert_logged 'ended (no beat for 0.9s)'
}

@test "a flood is reported, and others are served meanwhile" {
	given_peer flood '0 first=flood every=0' 'heartbeat = channel'
	given_peer one '0' 'heartbeat = channel'
	monitor_start flood one
	wait_until "$PATIENCE" state_is one RUNNING
	assert_said 'flood: floods its daemon socket: 64 messages within 200ms'

	kill_server one

	wait_until "$PATIENCE" state_is flood RUNNING
}

@test "stop, start, pause, a death meanwhile, resume and restart: it is heard all the while, and ended well by stop alone" {
	given_peer one '1' "sockets = tcp://127.0.0.1:$(free_port)" 'heartbeat = channel' 'heartbeat_timeout = 500ms'
	monitor_start one
	wait_until "$PATIENCE" message_says one 'module 1'
	helper=$(helper_of "$MONITOR")

	suite_ends 0 stop one
	assert_equal 'sockets of the helper' "$(inodes_of "$helper")" ''
	suite_ends 0 start one
	suite_ends 0 pause one
	kill -STOP "$(pid_of one)"
	wait_until "$PATIENCE" is_paused_silent one
	kill -KILL "$(pid_of one)"
	suite_ends 0 resume one
	suite_ends 0 restart one
	printf 'heartbeat_timeout = 700ms\n' >>"$CONF/monitor.conf"
	sed -i '/^heartbeat_timeout/d' "$CONF/servers/one.conf"
	suite_ends 0 update

	wait_until "$PATIENCE" message_says one 'module 1'
	assert_equal 'helper' "$(helper_of "$MONITOR")" "$helper"
	refute_said 'no beat'
	[ ! -e "$SERVERS/one/shutdown" ]
}

# is_paused_silent NAME - is it PAUSED, and stopped by the signal?
is_paused_silent() {
	state_is "$1" PAUSED && message_says "$1" 'state T'
}
