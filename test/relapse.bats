#!/usr/bin/env bats
# A helper that cannot live is started again, later each time; the operators hear of it once, and the monitor stays.

load helpers
load fixtures/orders

# given_sick_helper - no helper of the last monitor can live, until cured
given_sick_helper() {
	expect_faults
	expect_helper_deaths
	SETTLED=$STATE/monitors/$MONITOR/settled
	cp "$SETTLED" "$BATS_TEST_TMPDIR/settled"
	sed -i '/\tinterval\t/d' "$SETTLED"
	kill -KILL "$(helper_of "$MONITOR")"
}

cured() {
	cp "$BATS_TEST_TMPDIR/settled" "$SETTLED"
}

has_failed() {
	[ "$(grep -c 'ended; starting another' "$PRINTED")" -ge "$1" ]
}

@test "a helper that cannot live: one alert, the monitor stays, and goes on with one that can" {
	given_running msg_server
	given_sick_helper

	wait_until 30 has_failed 6
	assert_alerted give_up monitor "the monitor's helper fails again and again"
	kill -0 "$MONITOR"
	kill -KILL "$RUNS"
	cured

	wait_until 40 pid_differs msg_server "$RUNS"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	assert_equal 'alerts about it' "$(alerted_times give_up monitor)" 1
}

@test "TERM ends a monitor whose next helper waits" {
	given_running msg_server
	given_sick_helper
	wait_until 30 has_failed 5

	kill -TERM "$MONITOR"

	wait_until 5 is_gone "$MONITOR"
	kill -0 "$RUNS"
}

@test "a suite whose programs are just being replaced: helpers wait, and the monitor goes on when all is there" {
	expect_faults
	expect_helper_deaths
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"
	[ ! -e "$ROOT/.venv" ] || export MONITOR_PYTHON=$ROOT/.venv/bin/python
	ROOT=$BATS_TEST_TMPDIR
	given_running msg_server
	mv "$ROOT/pyhelpers/spawn" "$ROOT/pyhelpers/away"
	kill -KILL "$(helper_of "$MONITOR")"

	wait_until 30 has_failed 4
	kill -KILL "$RUNS"
	mv "$ROOT/pyhelpers/away" "$ROOT/pyhelpers/spawn"

	wait_until 40 pid_differs msg_server "$RUNS"
	[ "$(grep -c 'ended; starting another' "$PRINTED")" -lt 10 ]
}
