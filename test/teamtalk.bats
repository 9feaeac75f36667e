#!/usr/bin/env bats
# conf/checks/teamtalk speaks the heartbeat of the TeamTalk servers: an echo is good, and so is their own beat.

load helpers
load fixtures/checks

TEAMTALK=$BATS_TEST_DIRNAME/../conf/checks/teamtalk

# given_talker MODE - a server on $ASKED_PORT that does so (fixtures/asked.py)
given_talker() {
	ASKED_PORT=$(free_port)
	mkdir -p "$SERVERS/talker"
	mode_is talker "$1"
	start_stranger "$SERVERS/talker" "$(python)" -I -S "$FIXTURES/asked.py" "$ASKED_PORT"
	wait_until "$PATIENCE" is_listening "$ASKED_PORT"
}

@test "a server that echoes the heartbeat is good" {
	given_talker echo

	run -0 "$TEAMTALK" "$ASKED_PORT"

	[[ $output == 'good: heartbeat '* ]]
}

@test "one that does not echo, but beats by itself, is good" {
	given_talker beat

	run -0 "$TEAMTALK" "$ASKED_PORT" localhost

	[[ $output == 'good: heartbeat 0 after '* ]]
}

@test "one that takes connections and is mute is not" {
	given_talker mute

	run -1 "$TEAMTALK" "$ASKED_PORT"

	[ "$output" = 'no heartbeat within 7 s' ]
}

@test "one that hangs up, speaks something else or does not listen is not" {
	given_talker close
	run -1 "$TEAMTALK" "$ASKED_PORT"
	[ "$output" = 'it closed the connection without a heartbeat' ]

	mode_is talker wrong
	run -1 "$TEAMTALK" "$ASKED_PORT"
	[ "$output" = 'what it sends is no PDU' ]

	mode_is talker garbage
	run -1 "$TEAMTALK" "$ASKED_PORT"
	[ "$output" = 'what it sends is no PDU' ]

	run -1 "$TEAMTALK" "$(free_port)"
	[ "$output" = 'Connection refused' ]
}

@test "a wrong word is usage" {
	local words
	for words in '' x 0 65536 '80 a b'; do
		# shellcheck disable=SC2086 # a list of words
		run -2 "$TEAMTALK" $words
		[ "$output" = 'usage: teamtalk PORT [HOST]' ]
	done
}

@test "check = command teamtalk {port} finds it in conf/checks, and a server that no longer talks" {
	given_asked x 'check = command teamtalk {port}' 'check_timeout = 8s'
	mkdir "$CONF/checks"
	cp "$TEAMTALK" "$CONF/checks/"
	mode_is x echo
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x close

	assert_hung x "$old" 'check teamtalk failed 3 times: exit 1: it closed the connection without a heartbeat'
}
