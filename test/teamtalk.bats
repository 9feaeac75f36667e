#!/usr/bin/env bats
# conf/checks/teamtalk speaks the heartbeat of the TeamTalk servers: an echo is good, and so is their own beat.

load helpers
load fixtures/checks

TEAMTALK=$BATS_TEST_DIRNAME/../conf/checks/teamtalk
TEAMTALK_HTTP=$TEAMTALK-http

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

# --- http_msg_server

@test "an http_msg_server that answers a POST is good, also without its database" {
	given_talker http_msg
	run -0 "$TEAMTALK_HTTP" "$ASKED_PORT"
	[[ $output == 'good: error_code 1 after '* ]]

	mode_is talker http_msg_alone
	run -0 "$TEAMTALK_HTTP" "$ASKED_PORT" localhost
	[[ $output == 'good: error_code 9 after '* ]]
}

@test "an http_msg_server that gives another answer, or none, is not good" {
	local mode
	declare -A words=(
		[close]='it closed the connection without an answer'
		[login]='it closed the connection without an answer' # which knows no POST
		[503]='status 503, not 200'
		[garbage]="no HTTP: 'SSH-2.0-OpenSSH_9.2"*
		[half]='its answer has no error_code'
		[no_code]='its answer has no error_code'
		[endless]='its answer does not end in 64 KiB'
		[mute]='no answer within 4 s'
	)
	given_talker close

	for mode in "${!words[@]}"; do
		mode_is talker "$mode"
		run -1 "$TEAMTALK_HTTP" "$ASKED_PORT"
		# shellcheck disable=SC2053 # a pattern
		[[ $output == ${words[$mode]} ]] || assert_equal "answer to $mode" "$output" "${words[$mode]}"
	done
	run -1 "$TEAMTALK_HTTP" "$(free_port)"
	[ "$output" = 'Connection refused' ]
	run -2 "$TEAMTALK_HTTP" 65536
	[ "$output" = 'usage: teamtalk-http PORT [HOST]' ]
}

@test "a GET to http_msg_server gets an empty reply, so check = http finds it hung, and check = command teamtalk-http does not" {
	given_asked get 'check = http http://127.0.0.1:{port}/query/CreateGroup'
	mode_is get http_msg
	given_asked post 'check = command teamtalk-http {port}'
	mode_is post http_msg

	monitor_start get post

	wait_until "$PATIENCE" state_is post RUNNING
	wait_until "$PATIENCE" message_says get 'it closed the connection without an answer'
	assert_left_alone post
	run -1 state_is get RUNNING
}

# --- the conf that ships: SERVER|its block that is ready to take|port|how a well one speaks

# block_of SERVER NUMBER - prints the lines of that block of conf/servers/SERVER.conf, without what makes them comments
block_of() {
	awk -v wanted="$2" '!/^#   / { inside = 0; next } !inside { inside = 1; number++ } number == wanted' \
		"$ROOT/conf/servers/$1.conf" | sed 's/^#   //'
}

@test "each block that the shipped conf offers fits its server: it is RUNNING while the server speaks well, and then hung" {
	local server number port mode name block
	local names=()
	while IFS='|' read -r server number port mode; do
		name=${server}_$number
		names+=("$name")
		mapfile -t block < <(block_of "$server" "$number")
		assert_equal "first line of block $number of $server" "${block[0]:-}" "port = $port"
		given_asked "$name" "${block[@]:1}"
		mode_is "$name" "$mode"
	done <<-'END'
		login_server|1|8100|beat
		login_server|2|8080|login
		msg_server|1|8000|echo
		msg_server|2|8300|echo
		route_server|1|8200|beat
		http_msg_server|1|8400|http_msg
	END
	assert_equal 'blocks' "${#names[@]}" "$(cat "$ROOT"/conf/servers/*_server.conf | grep -c '^#   port = ')"
	monitor_start "${names[@]}"
	for name in "${names[@]}"; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
	assert_not_hung

	for name in "${names[@]}"; do
		mode_is "$name" close
	done

	for name in "${names[@]}"; do
		assert_logged "Server $name hung, pid="
	done
}

@test "the conf of db_proxy_server in monitor.conf(5) fits a server that beats, and is slow to end" {
	local lines
	mapfile -t lines < <(sed -n '/^port = 10600$/,/^[.]Ed/p' "$ROOT/lib/man/monitor.conf.5")
	assert_equal 'lines' "${lines[*]}" \
		'port = 10600 check = command teamtalk {port} check_timeout = 8s stop = TERM 10s KILL .Ed'
	given_asked db "${lines[@]:1:3}"
	mode_is db beat
	monitor_start db
	wait_until "$PATIENCE" state_is db RUNNING
	old=$(pid_of db)

	mode_is db close

	assert_hung db "$old" 'check teamtalk failed 3 times: exit 1: it closed the connection without a heartbeat'
}

@test "with -c DIR, the check and the hook that DIR lacks are those of the suite" {
	mkdir "$BATS_TEST_TMPDIR/suite"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$BATS_TEST_TMPDIR/suite"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$BATS_TEST_TMPDIR/suite"
	ROOT=$BATS_TEST_TMPDIR/suite
	chmod -R go-w "$ROOT/conf" # a checkout may have any umask
	rm -r "$CONF/hooks"
	given_asked x 'check = command teamtalk {port}' 'check_timeout = 8s'
	mode_is x echo

	suite_ends 0 check
	suite_ends 0 test
	grep -qF 'SMS Alert: Server TEST is not running' "$SAID"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	kill -KILL "$(pid_of x)"

	wait_until "$PATIENCE" grep -qrs 'SMS Alert: Server x is not running.*reaches no phone' "$STATE/alerts/sent"
}
