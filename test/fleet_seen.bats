#!/usr/bin/env bats
# What metrics, history and report tell of singletons: who has one, and that a machine is not down because another has it.

load helpers
load fixtures/fleet

# sample HOST NAME - prints what metrics of that machine has
sample() {
	on "$1" suite metrics | while read -r name value; do
		[ "$name" != "$2" ] || printf '%s\n' "$value"
	done
}

@test "metrics tell which machine has a singleton, with which token, which stands by, and when etcd heard it last" {
	given_fleet im1 im2
	assert_equal 'holder' "$(sample im1 'monitor_singleton_holder{server="tick"}')" 1
	assert_equal 'candidate' "$(sample im1 'monitor_singleton_candidate{server="tick"}')" 0
	token=$(sample im1 'monitor_singleton_token{server="tick"}')
	assert_equal 'token' "$token" "$(tr '\0' '\n' <"/proc/$(on im1 pid_of tick)/environ" | sed -n 's/^MONITOR_FENCE=//p')"
	beat=$(sample im1 monitor_fleet_last_beat_timestamp_seconds)
	((EPOCHSECONDS - ${beat%.*} <= LEASE))
	assert_equal 'holder' "$(sample im2 'monitor_singleton_holder{server="tick"}')" 0
	assert_equal 'candidate' "$(sample im2 'monitor_singleton_candidate{server="tick"}')" 1
	assert_equal 'token' "$(sample im2 'monitor_singleton_token{server="tick"}')" ''
	assert_equal 'beat' "$(sample im2 monitor_fleet_last_beat_timestamp_seconds)" ''

	on im1 suite_ends 0 move tick im2
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'

	assert_equal 'holder' "$(sample im1 'monitor_singleton_holder{server="tick"}')" 0
	assert_equal 'candidate' "$(sample im1 'monitor_singleton_candidate{server="tick"}')" 1
	(($(sample im2 'monitor_singleton_token{server="tick"}') > token))
	on im2 suite_ends 0 stop tick
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	assert_equal 'candidate' "$(sample im2 'monitor_singleton_candidate{server="tick"}')" 0
}

@test "history and report: fenced and moved are told, and a machine that stands by is not down" {
	given_fleet im1 im2
	on im1 suite_ends 0 move tick im2
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	kill -STOP "$ETCD_PID"
	on im2 wait_until "$PATIENCE" state_is tick STANDBY
	kill -CONT "$ETCD_PID"
	wait_until "$PATIENCE" runs_again

	on im1 suite history >"$SAID"
	grep -qE '^[^ ]+ +tick +- +stopping +was moved away \(an operator moves it to im2\)' "$SAID"
	on im2 suite history >"$SAID"
	grep -qE '^[^ ]+ +tick +- +stopping +lost its lock \(no word from etcd' "$SAID"
	for host in im1 im2; do
		assert_equal "uptime on $host" "$(on "$host" suite status --uptime --json tick | grep -o '"percent": [^,]*')" '"percent": 100.0'
		on "$host" suite report >"$BATS_TEST_TMPDIR/$host.html"
		grep -qF 'tick' "$BATS_TEST_TMPDIR/$host.html"
		run ! grep -qE 'class="(w|x|d)"[^>]*><title>' "$BATS_TEST_TMPDIR/$host.html"
	done
	cat "$BATS_TEST_TMPDIR"/im?.html >"$BATS_TEST_TMPDIR/both.html"
	grep -qE '<b>tick</b><span class="st">STANDBY</span>.*runs on im[12]' "$BATS_TEST_TMPDIR/both.html"
	grep -qE '<title>[^<]* STANDBY, ' "$BATS_TEST_TMPDIR/both.html"
}

runs_again() {
	on im1 state_is tick RUNNING || on im2 state_is tick RUNNING
}

@test "history: a machine that has crashed, and stands by now, does not seem to run what another one runs" {
	given_fleet im1 im2
	MONITOR=${UP[im1]} on im1 monitor_crash
	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	machine_up im1

	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'

	on im1 suite status --uptime --json tick >"$SAID"
	run ! grep -F '"off_seconds": 0.0' "$SAID"
}

@test "history: a machine that waits to restart a singleton, and loses its lock meanwhile, is down no longer" {
	given_etcd
	given_machine im1 'backoff = 60s 60s'
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	kill -KILL "$(on im1 pid_of tick)"
	on im1 wait_until "$PATIENCE" state_is tick BACKOFF

	kill -STOP "$ETCD_PID"
	on im1 wait_until "$PATIENCE" state_is tick STANDBY

	kill -CONT "$ETCD_PID"
	down=$(on im1 down_seconds)
	[ "${down%.*}" -ge 1 ]
	assert_equal 'down a little later' "$(on im1 down_seconds)" "$down"
}

down_seconds() {
	suite status --uptime --json tick | grep -o '"down_seconds": [^,]*' | sed 's/.* //'
}
