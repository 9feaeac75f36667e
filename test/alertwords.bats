#!/usr/bin/env bats
# What an operator does with alerts: alerts list, show, retry, drop; test HOOK; and silence.

load helpers
load fixtures/spool

# says TEXT - was that printed by the last suite_ends?
says() {
	grep -qF -- "$1" "$SAID"
}

# given_failed INCIDENT [KEY=VALUE...] - a message that its hook has refused
given_failed() {
	given_hook sms 'echo no such phone' 'exit 3'
	queue incident="$1" "${@:2}"
	deliver
	given_hook sms
}

# given_waiting INCIDENT - a message whose hook asked for another try
given_waiting() {
	given_hook sms 'echo busy' 'exit 75'
	queue incident="$1" server=gate
	deliver
	given_hook sms
}

setup_words() {
	spool_setup
	given_conf msg_server 'alert = sms'
	given_conf gate 'alert = sms'
}

# --- alerts

@test "alerts lists what waits and what has failed, the ID first, one a line" {
	setup_words
	given_failed i1
	given_waiting i2
	queue incident=i3
	mv "$SPOOL/new/i3.death.sms.json" "$SPOOL/sent"

	suite_ends 0 alerts

	assert_equal 'lines' "$(wc -l <"$SAID")" 2
	grep -qE '^i2.death.sms  waits, tries 1, next in [0-9] s: im-3: gate death restarted$' "$SAID"
	grep -qxF 'i1.death.sms  failed (no such phone): im-3: msg_server death restarted' "$SAID"
	cp "$SAID" "$BATS_TEST_TMPDIR/first"
	suite_ends 0 alerts list
	assert_equal 'list' "$(sed 's/in . s//' "$SAID")" "$(sed 's/in . s//' "$BATS_TEST_TMPDIR/first")"
}

@test "alerts says why a message waits that is not tried: quiet hours, silence, the budget" {
	setup_words
	given_conf gate 'alert = sms'
	conf_says 'recovery_quiet = 0s' 'hourly_budget = 1' "quiet = 00:00-24:00 except death"
	queue incident=i1
	deliver
	queue incident=i2 action='not restarted' server=gate
	suite_ends 0 silence gate 2h
	queue incident=i3 event=hung action='left alone' server=other
	queue incident=i4 server=third

	suite_ends 0 alerts

	grep -qE '^i2[.]death[.]sms  waits, tries 0, silent until 20[0-9: -]+: im-3: gate death' "$SAID"
	grep -qE '^i3[.]hung[.]sms  waits, tries 0, quiet until [0-9:]{5}: im-3: other hung' "$SAID"
	grep -qE '^i4[.]death[.]sms  waits, tries 0, hourly_budget spent until [0-9:]{5}: im-3: third death' "$SAID"
	queue incident=i5 event=give_up action='gave up' server=gate
	suite_ends 0 alerts
	grep -qE '^i5[.]give_up[.]sms  waits, tries 0, next in 0 s: im-3: gate give_up' "$SAID"
}

@test "alerts says when there is none, also where there is no state yet" {
	given_conf msg_server 'alert = sms'

	suite_ends 0 alerts
	says 'no alert waits, and none has failed'
	suite_ends 0 alerts retry
	says 'no alert has failed'
}

@test "alerts show ID tells all of one, wherever it lies, and what its hook printed" {
	setup_words
	given_failed i1 message=$'im-3: msg_server\033[2J died' pid=812

	suite_ends 0 alerts show i1.death.sms

	says 'state        failed'
	says 'pid          812'
	says 'cause        signal KILL'
	says 'message      im-3: msg_server?[2J died'
	says 'no such phone'
}

@test "alerts retry ID delivers it now, and says what came of it" {
	setup_words
	given_failed i1
	given_failed i2

	suite_ends 0 alerts retry i1.death.sms

	says 'i1.death.sms: sent'
	assert_equal 'calls' "$(calls)" 1
	[ -e "$SPOOL/failed/i2.death.sms.json" ]
	[ ! -e "$SPOOL/failed/i1.death.sms.json" ]
}

@test "alerts retry alone means all that failed; what waits for its next try is left" {
	setup_words
	given_failed i1
	given_failed i2
	given_waiting i3

	suite_ends 0 alerts retry

	says 'i1.death.sms: sent'
	says 'i2.death.sms: sent'
	assert_equal 'calls' "$(calls)" 2
	assert_equal 'waiting' "$(waiting)" 1
}

@test "alerts retry of what is refused again ends with 1 and says so; one that waits is tried at once" {
	setup_words
	given_failed i1
	given_waiting i2
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook sms 'echo still none' '[ "$2" = gate ] || exit 3'

	suite_ends 1 alerts retry 'i*'

	says 'i1.death.sms: failed (still none)'
	says 'i2.death.sms: sent'
}

@test "alerts retry beside a monitor: each message is handed over once" {
	spool_setup
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	given_failed i1 server=other

	suite_ends 0 alerts retry

	assert_equal 'calls' "$(calls)" 1
}

@test "alerts drop removes what IDs or globs name, and nothing else" {
	setup_words
	given_failed i1
	given_failed i2
	given_waiting i3

	suite_ends 0 alerts drop i1.death.sms 'i3*'

	says 'i1.death.sms: dropped'
	says 'i3.death.sms: dropped'
	suite_ends 0 alerts
	assert_equal 'left' "$(cut -d ' ' -f 1 "$SAID")" i2.death.sms
}

@test "alerts refuses what makes no sense" {
	setup_words
	given_failed i1

	suite_ends 2 alerts resend
	says 'alerts takes list, show, retry, drop, not resend'
	suite_ends 2 alerts drop
	suite_ends 2 alerts show
	suite_ends 2 alerts list i1
	suite_ends 1 alerts drop nothing
	says 'nothing: no such message; ./monitor.sh alerts lists them'
	suite_ends 1 alerts retry ../../etc/passwd
	suite_ends 1 alerts show nothing
	[ -e "$SPOOL/failed/i1.death.sms.json" ]
}

# --- test

@test "test HOOK sends through that hook alone, and shows what it printed and how long it took" {
	given_conf msg_server 'alert = sms, other'
	given_hook other 'echo over and out'
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook third 'echo "third says $1 $2"' 'exit 3'

	suite_ends 0 test other
	says 'over and out'
	grep -qE '^other: sent \([0-9]+ ms\)$' "$SAID"
	assert_equal 'calls of sms' "$(calls)" 0
	suite_ends 1 test third
	says 'third says test TEST'
	grep -qE '^third: refused \(exit 3\) \([0-9]+ ms\)$' "$SAID"
	suite_ends 6 test none_such
	suite_ends 6 test -x ''
	says '"-x" cannot name a hook'
	says '"" cannot name a hook'
	cd "$ROOT"
	suite_ends 6 test 'R*'
	says '"R*" cannot name a hook'
	echo 'alert = none' >"$CONF/servers/msg_server.conf"
	suite_ends 6 test
	says 'no hook to test: alert is none in all of conf; set it in monitor.conf, or run: ./monitor.sh test HOOK'
}

# --- silence

@test "silence NAME TIME: its deaths are answered and not sent; off ends that" {
	spool_setup
	given_server msg_server
	given_server gate
	monitor_start msg_server gate
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is gate RUNNING

	suite_ends 0 silence msg_server 2h
	says 'msg_server: silent until 20'
	message_says msg_server 'silent until 20'
	dies_and_returns msg_server
	dies_and_returns gate
	assert_alerted death gate 'signal KILL'
	assert_equal 'told of msg_server' "$(alerted_times death msg_server)" 0

	suite_ends 0 silence msg_server off
	says 'msg_server: not silent'
	dies_and_returns msg_server
	assert_alerted death msg_server 'signal KILL'
	assert_equal 'told of msg_server' "$(alerted_times death msg_server)" 1
}

# dies_and_returns NAME - it is killed and comes back
dies_and_returns() {
	local old
	old=$(pid_of "$1")
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs "$1" "$old"
	wait_until "$PATIENCE" state_is "$1" RUNNING
}

@test "silence outlives its monitor, needs none, lists the silent servers, and ends by itself" {
	setup_words

	suite_ends 0 silence
	says 'no server is silent'
	suite_ends 0 silence 'm*' gate 2h
	suite_ends 0 silence
	assert_equal 'silent' "$(cut -d : -f 1 "$SAID" | tr '\n' ' ')" 'gate msg_server '
	suite_ends 0 silence gate 1ms
	wait_until 5 is_silent_no_more gate
	suite_ends 0 silence msg_server off
	suite_ends 0 silence
	says 'no server is silent'
}

is_silent_no_more() {
	! suite silence | grep -q "^$1:"
}

@test "in a silence: what is over by itself is never sent, what still lasts is sent at its end, a give-up at once" {
	setup_words
	conf_says 'recovery_quiet = 0s'
	suite_ends 0 silence msg_server gate 2h
	queue incident=i1
	queue incident=i2 action='not restarted'
	queue incident=i2 event=recovery action='is back'
	queue incident=i3 action='not restarted'
	queue incident=i4 event=give_up action='gave up' server=gate

	deliver
	assert_equal 'told' "$(cut -d ' ' -f 1 "$ALERTS")" give_up
	assert_equal 'waiting' "$(waiting)" 1

	queue incident=i5 action='not restarted'
	suite_ends 0 silence msg_server off
	deliver
	assert_equal 'told' "$(tail -n +2 "$ALERTS" | cut -d ' ' -f 1 | tr '\n' ' ')" 'death death '
}

@test "the recovery of what was reported before the silence is sent in it" {
	setup_words
	conf_says 'recovery_quiet = 0s'
	queue incident=i1 action='not restarted'
	deliver
	suite_ends 0 silence msg_server 2h
	queue incident=i1 event=recovery action='is back'
	queue incident=i2 event=recovery action='is back'

	deliver

	assert_equal 'told' "$(cut -d ' ' -f 1 "$ALERTS" | tr '\n' ' ')" 'death recovery '
	assert_equal 'waiting' "$(waiting)" 0
}

@test "silence refuses what makes no sense" {
	setup_words

	suite_ends 2 silence msg_server
	says 'silence needs servers and a time, as in: ./monitor.sh silence msg_server 2h (or off)'
	suite_ends 2 silence msg_server 2x
	says 'silence: "2x" is not a duration; write it like 500ms, 15s, 5m or 2h, or off'
	suite_ends 6 silence unknown_server 2h
	suite_ends 2 silence 'bad name' 2h
	mkdir -p "$STATE/servers/gate"
	printf 'rubbish\n' >"$STATE/servers/gate/silence"
	suite_ends 0 silence
	says 'no server is silent'
}
