#!/usr/bin/env bats
# Channels: two servers hold the ends of one socketpair, which outlives both.

load helpers

# shellcheck source=test/fixtures/ends.bash
. "$BATS_TEST_DIRNAME/fixtures/ends.bash"

# given_two [LINE...] - servers left and right with the channel c, each with a port by which a test orders what it sends
given_two() {
	LEFT=$(free_port)
	RIGHT=$(free_port)
	given_ends left "sockets = web=tcp://127.0.0.1:$LEFT" 'channels = c' "$@"
	given_ends right "sockets = web=tcp://127.0.0.1:$RIGHT" 'channels = c' "$@"
}

@test "two servers talk over a channel, and know its name" {
	given_two
	monitor_start left right
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING

	ask_port "$LEFT" 'send c from the left'
	ask_port "$RIGHT" 'send c from the right'

	has_line "$SERVERS/left/said" 'names web:3 c:4'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got from the left'
	wait_until "$PATIENCE" has_line "$SERVERS/left/said" 'got from the right'
	assert_equal 'what left has open' "$(descriptors_of "$(pid_of left)")" '0 1 2 3 4'
}

@test "each type of channel keeps what a dead server had not read yet for its successor" {
	for type in dgram seqpacket stream; do
		given_two "channel_type = $type"
		: >"$SERVERS/right/said"
		monitor_start left right
		wait_until "$PATIENCE" state_is left RUNNING
		wait_until "$PATIENCE" state_is right RUNNING
		ends=$(inodes_of "$(pid_of right)")
		ask_port "$RIGHT" stop

		ask_port "$LEFT" "send c before the crash $type"
		kill_server right

		wait_until "$PATIENCE" has_line "$SERVERS/right/said" "got before the crash $type"
		assert_equal 'ends' "$(inodes_of "$(pid_of right)")" "$ends"
		suite_ends 0 shutdown --stop-servers
	done
}

@test "a message to a server that is down waits for it" {
	given_two
	monitor_start left right
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	suite_ends 0 stop right

	ask_port "$LEFT" 'send c while it was down'
	suite_ends 0 start right

	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got while it was down'
}

@test "both ends go when neither server is wanted any more" {
	given_two
	monitor_start left right
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	helper=$(helper_of "$MONITOR")

	suite_ends 0 stop left right
	assert_equal 'sockets of the helper' "$(inodes_of "$helper")" ''

	suite_ends 0 start all
	ask_port "$LEFT" 'send c again'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got again'
}

@test "a channel is held for a server that was not started yet, though its partner is stopped" {
	given_server slow 'start_seconds = 1h'
	given_two
	printf 'needs = slow\n' >>"$CONF/servers/right.conf"
	monitor_start left right slow
	wait_until "$PATIENCE" state_is left RUNNING
	ask_port "$LEFT" 'send c early'
	suite_ends 0 stop left

	sed -i '/^start_seconds/d' "$CONF/servers/slow.conf"
	suite_ends 0 update

	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got early'
}

@test "a channel that one of its servers shut down is a new one for both" {
	for type in dgram seqpacket stream; do
		given_two "channel_type = $type"
		monitor_start left right
		wait_until "$PATIENCE" state_is left RUNNING
		wait_until "$PATIENCE" state_is right RUNNING
		right=$(pid_of right)

		pid=$(ask_port "$LEFT" shut)

		wait_until "$PATIENCE" pid_differs left "$pid"
		wait_until "$PATIENCE" pid_differs right "$right"
		wait_until "$PATIENCE" state_is right RUNNING
		wait_until "$PATIENCE" state_is left RUNNING
		ask_port "$LEFT" "send c by a new $type"
		wait_until "$PATIENCE" has_line "$SERVERS/right/said" "got by a new $type"
		suite_ends 0 shutdown --stop-servers
	done
}

@test "restarts leave the descriptors of the helper as many as they were" {
	given_two 'start_seconds = 0s' 'backoff = 0s 0s'
	monitor_start left right
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	held=$(descriptors_of "$(helper_of "$MONITOR")")

	last=0
	for ((count = 1; count <= ${RESTARTS:-100}; count++)); do
		wait_until "$PATIENCE" has_new_left "$last"
		last=$left
		kill -KILL "$last"
	done

	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	wait_until "$PATIENCE" has_descriptors "$held"
	assert_equal 'what left has open' "$(descriptors_of "$(pid_of left)")" '0 1 2 3 4'
	ask_port "$LEFT" 'send c at the end'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got at the end'
}

# has_new_left PID - has left been started again, as another process than PID?  $left is its pid
has_new_left() {
	left=$(sed -n 's/^pid //p' "$SERVERS/left/said" | tail -n 1)
	[ -n "$left" ] && [ "$left" != "$1" ]
}

@test "update keeps the ends of servers that it does not touch, and restarts those whose channels change" {
	given_two
	given_ends third
	monitor_start left right third
	wait_until "$PATIENCE" state_is left RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	ends=$(inodes_of "$(pid_of right)")
	pid=$(pid_of right)

	printf 'start_seconds = 300ms\n' >>"$CONF/servers/left.conf"
	suite_ends 0 update
	ask_port "$RIGHT" stop
	ask_port "$LEFT" 'send c over the update'
	kill_server right
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got over the update'
	assert_equal 'ends' "$(inodes_of "$(pid_of right)")" "$ends"
	refute_said 'taken back'

	sed -i 's/^channels = c/channels = d/' "$CONF/servers/left.conf" "$CONF/servers/right.conf"
	suite_ends 0 update
	grep -F 'right: restart (channels changed)' "$SAID"
	ask_port "$LEFT" 'send d by another name'
	wait_until "$PATIENCE" has_line "$SERVERS/right/said" 'got by another name'
}

@test "a partner that changes is another channel: both are restarted" {
	given_two
	THIRD=$(free_port)
	given_ends third "sockets = web=tcp://127.0.0.1:$THIRD"
	monitor_start left right third
	wait_until "$PATIENCE" state_is third RUNNING
	wait_until "$PATIENCE" state_is right RUNNING
	pid=$(pid_of left)

	sed -i '/^channels/d' "$CONF/servers/right.conf"
	printf 'channels = c\n' >>"$CONF/servers/third.conf"
	suite_ends 0 update

	pid_differs left "$pid"
	ask_port "$THIRD" 'send c from the third'
	wait_until "$PATIENCE" has_line "$SERVERS/left/said" 'got from the third'
}

# --- conf

@test "one end alone, and more than two, are errors with their line" {
	given_ends one 'channels = lonely'
	given_ends two 'channels = many'
	given_ends three 'channels = many'
	given_ends four 'channels = many'

	suite_ends 6 check

	grep -F 'servers/one.conf:5: channels: "lonely" has one end only; name it in a second server' "$SAID"
	grep -F 'channels: "many" is named by four, three, two; a channel has two ends' "$SAID"
	suite_ends 6 one
}

@test "both ends must be watched by one monitor; asking about one of them is fine" {
	given_two
	suite_ends 6 left
	grep -F 'left.conf' "$SAID"

	suite_ends 3 status left
}

@test "two that do not agree on channel_type, a name used twice and a bad name are errors" {
	given_ends left 'channels = c' 'channel_type = stream'
	given_ends right 'channels = c'
	suite_ends 6 check
	grep -F 'channels: "c" is stream for left and dgram for right; set one channel_type for both' "$SAID"

	given_ends left 'channels = c c'
	given_ends right 'channels = daemon'
	given_ends third 'channels = c' 'sockets = c=tcp://127.0.0.1:80'
	suite_ends 6 check
	grep -F 'channels: "c" is there twice; give each a NAME of its own' "$SAID"
	grep -F 'channels: "daemon" cannot name a descriptor' "$SAID"
	grep -F 'channels: "c" is also the name of a socket; rename one' "$SAID"
}

@test "what a monitor has to hold is not started without one" {
	given_two

	suite_ends 1 start left

	grep -F 'left: a monitor has to hold sockets and channels for it; run ./monitor.sh left' "$SAID"
}
