#!/usr/bin/env bats
# A storm of alerts is sent as one; so is what an hour's budget has no room for; a give-up is always sent.

load helpers
load fixtures/spool

setup_storm() {
	spool_setup
	conf_says 'digest_window = 12s' # so that a storm is over after one second
}

# assert_calls LINE... - the hook sms was called with these, in this order, and with nothing else
assert_calls() {
	assert_equal 'calls' "$(cat "$ALERTS")" "$(printf '%s\n' "$@")"
}

# --- storms

@test "as many messages as digest_after are sent one by one" {
	setup_storm
	queue_many 10 1

	deliver

	assert_equal 'calls' "$(calls)" 10
	run -1 grep '^digest' "$ALERTS"
}

@test "more are sent as one, which names servers, how many are back, and the cause" {
	setup_storm
	queue_many 13 1
	queue_many 4 14 action='not restarted' cause='exit 3'

	deliver

	assert_calls 'digest all 17 servers down on im-3: s14, s15, s16, s17, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13; 13 back; mostly signal KILL'
	assert_equal 'told by it' "$(laid_by)" 17
	assert_equal 'waiting' "$(waiting)" 0
	[[ $output == *'next -' ]]
}

@test "a thousand messages are one digest in one SMS" {
	setup_storm
	queue_many 1000 1

	deliver

	assert_equal 'calls' "$(calls)" 1
	[[ $(<"$ALERTS") == 'digest all 1000 servers down on im-3: s1, s2, '*', ...; 1000 back; signal KILL' ]]
	[ "$(wc -m <"$ALERTS")" -le $((160 + 12)) ] # behind `digest all `
	assert_equal 'waiting' "$(waiting)" 0
}

@test "one server that dies again and again is counted" {
	setup_storm
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		queue
	done

	deliver

	assert_calls 'digest all 1 server down on im-3, 12 deaths: msg_server; 1 back; signal KILL'
}

@test "a digest says how each server is by its last message" {
	setup_storm
	queue_many 12 1 action='not restarted'
	queue_many 5 1 event=recovery action='is back'
	queue event=hung action='left alone' cause='' server=slow
	queue event=limit action='left alone' cause='' server=fat

	deliver

	assert_calls 'digest all 12 servers down on im-3: s6, s7, s8, s9, s10, s11, s12, s1, s2, s3, s4, s5; 5 back; 1 hung; 1 over their limit; signal KILL'
}

@test "a give-up goes first" {
	setup_storm
	conf_says 'digest_after = none'
	queue_many 25 1
	queue event=give_up action='gave up' server=gate

	deliver

	head -n 9 "$ALERTS" | grep -qx 'give_up gate im-3: gate give_up gave up' # of eight calls at a time
	assert_equal 'calls' "$(calls)" 26
}

@test "give-ups are sent one by one, beside a storm; very many are a digest of their own" {
	setup_storm
	queue_many 12 1
	queue event=give_up action='gave up' server=gate

	deliver

	assert_equal 'first' "$(head -n 1 "$ALERTS")" 'give_up gate im-3: gate give_up gave up'
	assert_equal 'calls' "$(calls)" 2

	: >"$ALERTS"
	queue_many 20 100 event=give_up action='gave up'
	deliver

	assert_calls "digest all 20 servers GAVE UP on im-3: $(seq -s ', ' -f 's%g' 100 119); signal KILL"
}

@test "a storm of deaths and one of give-ups, seen at once, are two digests" {
	setup_storm
	queue_many 20 100 event=give_up action='gave up'
	queue_many 20 1

	deliver

	assert_equal 'digests' "$(cut -d ' ' -f 1-6 "$ALERTS")" $'digest all 20 servers GAVE UP\ndigest all 20 servers down on'
	assert_equal 'waiting' "$(waiting)" 0
}

@test "after digest_after messages in digest_window, the next ones are sent together when it has passed" {
	setup_storm
	queue_many 10 1
	deliver

	queue_many 1 11
	deliver
	assert_equal 'calls' "$(calls)" 10
	[[ $output =~ next\ ([0-9]+)$ ]]
	((BASH_REMATCH[1] > 5000 && BASH_REMATCH[1] < 12500))

	queue_many 1 12
	deliver
	assert_equal 'calls' "$(calls)" 11
	[[ $(tail -n 1 "$ALERTS") == 'digest all 2 servers down on im-3: s11, s12; 2 back; signal KILL' ]]
}

@test "a digest that its hook does not take yet takes in what comes, and nothing passes by it" {
	setup_storm
	# shellcheck disable=SC2016 # it is the hook that expands this
	given_hook sms 'home=${0%/*}/../..' '[ -e "$home/gateway" ] || exit 75' 'printf "%s\n" "$1 $2 $3" >>"$home/alerts.log"'
	queue_many 12 1 action='not restarted'
	deliver
	assert_equal 'waiting' "$(waiting)" 1

	queue_many 3 1 event=recovery action='is back'
	queue_many 1 50
	change "$(the_digest new)" next "$(($(date +%s) + 4))" # on a busy machine its 5 s may be over
	deliver
	assert_equal 'waiting' "$(waiting)" 1
	assert_equal 'tries' "$(field new "$(the_digest new)" tries)" 1
	touch "$BATS_TEST_TMPDIR/gateway"
	change "$(the_digest new)" next 0
	deliver

	assert_calls 'digest all 13 servers down on im-3: s4, s5, s6, s7, s8, s9, s10, s11, s12, s1, s2, s3, s50; 4 back; signal KILL'
}

@test "a digest of messages that were tried waits as long as they" {
	setup_storm
	given_hook sms 'exit 75'
	queue_many 3 1
	deliver
	due=$(for number in 1 2 3; do field new "s$number-1.death.sms" next; done | sort -n | tail -n 1)

	queue_many 9 10
	deliver

	assert_equal 'tries' "$(field new "$(the_digest new)" tries)" 1
	assert_equal 'when it is due' "$(field new "$(the_digest new)" next)" "$due"
}

@test "a digest does not overtake what of its servers is on its way" {
	setup_storm
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook sms 'home=${0%/*}/../..' '[ "$1" = digest ] || touch "$home/called"' \
		'[ "$1" = digest ] || until [ -e "$home/go" ]; do sleep 0.05; done' 'printf "%s\n" "$1 $2 $3" >>"$home/alerts.log"'
	queue server=s1 incident=slow
	"$(python)" -E -s "$ROOT/pyhelpers/deliver.py" run "$SPOOL" "$CONF" >>"$PRINTED" 2>&1 3>&- &
	deliverer=$!
	wait_until "$PATIENCE" test -e "$BATS_TEST_TMPDIR/called"
	queue_many 12 1
	wait_until "$PATIENCE" the_digest new
	wait_until "$PATIENCE" is_old "$SPOOL/new/$(the_digest new).json" # its storm is over since long

	touch "$BATS_TEST_TMPDIR/go"
	wait "$deliverer"

	assert_equal 'order' "$(cut -d ' ' -f 1 "$ALERTS" | tr '\n' ' ')" 'death digest '
}

is_old() {
	[ $(($(date +%s) - $(stat -c %Y "$1"))) -ge 4 ]
}

@test "a delivery that is killed while a digest takes messages in has sent none of them twice" {
	setup_storm
	# shellcheck disable=SC2016 # it is the hook that expands this
	given_hook sms 'home=${0%/*}/../..' '[ -e "$home/gateway" ] || exit 75' 'printf "%s\n" "$1 $2 $3" >>"$home/alerts.log"'
	queue_many 12 1
	cp -a "$SPOOL/new" "$BATS_TEST_TMPDIR/before"
	deliver
	digest=$(the_digest new)
	rm "$SPOOL/sent"/*
	cp -a "$BATS_TEST_TMPDIR/before"/*.json "$SPOOL/new" # as if it had been killed before it laid them by

	touch "$BATS_TEST_TMPDIR/gateway"
	change "$digest" next 0
	deliver

	assert_calls 'digest all 12 servers down on im-3: s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12; 12 back; signal KILL'
	assert_equal 'told by it' "$(laid_by)" 12
	[ -e "$SPOOL/sent/$digest.json" ]
}

@test "a storm on a full disk loses nothing, and is sent when there is room" {
	given_disk "$STATE" 4m
	setup_storm
	queue_many 30 1
	fill_disk "$STATE"

	deliver || :
	rm "$STATE/filler"
	deliver

	assert_equal 'waiting' "$(waiting)" 0
	local number
	for number in $(seq 1 30); do
		grep -qw "s$number" "$ALERTS" || [ -e "$SPOOL/sent/s$number-1.death.sms.json" ]
	done
}

@test "digest_after = none, for all hooks or for one, tells all one by one" {
	setup_storm
	given_hook page
	echo 'digest_after = none' >"$CONF/hooks/page.conf"
	chmod 600 "$CONF/hooks/page.conf"
	queue_many 15 1
	queue_many 15 1 hook=page

	deliver

	assert_equal 'digests' "$(grep -c ^digest "$ALERTS")" 1
	assert_equal 'singles' "$(grep -c ^death "$ALERTS")" 15
}

@test "servers that all die at once: one digest, and each is restarted" {
	local names=() name
	setup_storm
	for name in a b c d e f g h i j k l m n o; do
		given_server "server_$name"
		names+=("server_$name")
	done
	monitor_start "${names[@]}"
	for name in "${names[@]}"; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done

	for name in "${names[@]}"; do
		kill -KILL "$(pid_of "$name")"
	done

	assert_alerted digest all 'servers down on'
	wait_until "$PATIENCE" nothing_waits
	assert_equal 'messages' "$(calls)" "$(($(grep -c '^death' "$ALERTS") + 1))"
	for name in "${names[@]}"; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
}

nothing_waits() {
	[ "$(waiting)" -eq 0 ]
}

@test "a digest that the clock has left behind is sent nevertheless" {
	setup_storm
	given_hook sms 'exit 75'
	queue_many 12 1
	deliver
	given_hook sms
	local ahead digest key
	ahead=$(($(date +%s) + 3600)) digest=$(the_digest new)
	for key in touched made tries=0 next=0; do
		[[ $key == *=* ]] || key=$key=$ahead
		change "$digest" "${key%=*}" "${key#*=}"
	done

	deliver

	assert_equal 'calls' "$(calls)" 1
}

@test "a digest of give-ups does not take the place of an earlier one of deaths" {
	setup_storm
	queue_many 20 1
	queue_many 20 100 event=give_up action='gave up'

	deliver

	assert_equal 'digests' "$(cut -d ' ' -f 1-6 "$ALERTS")" $'digest all 20 servers GAVE UP\ndigest all 20 servers down on'
	assert_equal 'waiting' "$(waiting)" 0
}

@test "a digest of give-ups leaves one of deaths that is tried again where it is" {
	setup_storm
	given_hook sms 'exit 75'
	queue_many 20 1
	deliver
	given_hook sms
	queue_many 20 100 event=give_up action='gave up'

	deliver

	assert_equal 'calls' "$(cut -d ' ' -f 1-6 "$ALERTS")" 'digest all 20 servers GAVE UP'
	assert_equal 'waiting' "$(waiting)" 1
}

@test "that a hook fails is sent by itself, beside a storm" {
	setup_storm
	conf_says 'digest_after = 1'
	queue incident=hook-a-1 event=digest server=all action='sent instead' message='im-3: alerts by a fail'
	queue incident=hook-b-1 event=digest server=all action='sent instead' message='im-3: alerts by b fail'
	deliver
	queue_many 5 1
	queue incident=hook-c-1 event=digest server=all action='sent instead' message='im-3: alerts by c fail'

	deliver

	local hook
	for hook in a b c; do
		grep -qx "digest all im-3: alerts by $hook fail" "$ALERTS"
	done
	grep -q '^digest all 5 servers down on im-3' "$ALERTS"
}

@test "a digest of thousands of long causes can be read again" {
	setup_storm
	given_hook sms 'exit 75'
	queue_many 6000 1 cause="hung ($(printf 'x%.0s' {1..300}))"
	deliver
	given_hook sms
	change "$(the_digest new)" next 0

	deliver

	assert_equal 'torn' "$(find "$SPOOL/failed" -name '*.torn')" ''
	grep -q '^digest all [56]000 servers down on im-3' "$ALERTS"
	assert_equal 'waiting' "$(waiting)" 0
}

# --- budget

@test "the last message of an hour's budget says so, and tells all that waits" {
	setup_storm
	conf_says 'hourly_budget = 3'
	queue_many 5 1

	deliver

	assert_equal 'calls' "$(calls)" 3
	[[ $(tail -n 1 "$ALERTS") == 'digest all 3 servers down on im-3: s3, s4, s5; 3 back; signal KILL; budget of 3/h spent, next after '[0-2][0-9]:[0-5][0-9] ]]
	assert_equal 'waiting' "$(waiting)" 0
}

@test "a budget's last message may be a single one, which it shows in its words" {
	setup_storm
	conf_says 'hourly_budget = 2'
	queue_many 1 1
	deliver

	queue_many 1 2
	deliver

	[[ $(tail -n 1 "$ALERTS") == 'digest all im-3: s2 death restarted; budget of 2/h spent, next after '??:?? ]]
}

@test "what is beyond the budget waits, but for give-ups; all of it is sent when there is room" {
	setup_storm
	conf_says 'hourly_budget = 2'
	queue_many 2 1
	deliver
	assert_equal 'calls' "$(calls)" 2

	queue_many 3 10
	queue event=give_up action='gave up' server=gate
	deliver

	assert_equal 'calls' "$(calls)" 3
	[[ $(tail -n 1 "$ALERTS") == 'give_up gate '* ]]
	assert_equal 'waiting' "$(waiting)" 3
	[[ $output =~ next\ ([0-9]+)$ ]]
	((BASH_REMATCH[1] > 200000)) # five minutes, the longest that it does not look
	sed -i 's/^hourly_budget.*/hourly_budget = 20/' "$CONF/monitor.conf"
	deliver
	assert_equal 'calls' "$(calls)" 6
}

@test "each hook has a budget of its own" {
	setup_storm
	conf_says 'hourly_budget = 2'
	given_hook page
	echo 'hourly_budget = none' >"$CONF/hooks/page.conf"
	chmod 600 "$CONF/hooks/page.conf"
	queue_many 6 1
	queue_many 6 1 hook=page

	deliver

	assert_equal 'calls' "$(calls)" 8
}
