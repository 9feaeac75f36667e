#!/usr/bin/env bats
# Monitor, helper, the monitor's guard, or some of them are killed at random moments around the death of a server: no
# server is lost or doubled, and no death is missed or told twice.
#
# CHAOS_ROUNDS  how many rounds (20)
# CHAOS_SEED    the seed, which is printed, to have the same rounds again

load helpers
load fixtures/orders
load fixtures/chaos

NAMES=(login_server msg_server route_server http_msg_server)
# shellcheck disable=SC2034 # fixtures/chaos.bash reads it
CHANCES=("${NAMES[@]}")

# given_servers - all of them, and the seed
given_servers() {
	given_chaos
	for name in "${NAMES[@]}"; do
		given_server "$name"
	done
}

# one_round SERVER TARGET FIRST SECONDS
one_round() {
	wait_until "$PATIENCE" runs_well "$1"
	wait_until "$PATIENCE" has_helper

	strike "$@" 2>/dev/null # bash would tell of the monitor's end

	[ "$2" != helper ] || return 0
	wait "$MONITOR" 2>/dev/null || :
	monitor_start "${NAMES[@]}"
}

# one_guarded_round SERVER TARGET FIRST SECONDS - the guard starts a monitor again; where there is no guard, we do as init
one_guarded_round() {
	wait_until 30 is_guarded
	wait_until "$PATIENCE" runs_well "$1"

	strike "$@"

	[[ $2 != *guard* ]] || start_next "$2"
}

# is_guarded - sets $GUARD, $MONITOR and $HELPER, which all live
is_guarded() {
	GUARD=$(guard_says parent_id)
	MONITOR=$(guard_says main_id)
	! is_gone "$GUARD" && ! is_gone "$MONITOR" && has_helper
}

# start_next TARGET - the guard is gone.  A monitor that outlived it watches on, and says so to the next, until it is ended
start_next() {
	wait_until "$PATIENCE" is_gone "$GUARD"
	if [[ $1 != *monitor* ]]; then
		wait_until "$PATIENCE" all_are_watched
		suite_ends 1 -d "${NAMES[@]}"
		assert_answered "the monitor with pid $MONITOR watches it already; end that one first"
		suite_ends 0 shutdown
	fi
	wait_until "$PATIENCE" is_gone "$MONITOR"
	suite_ends 0 -d "${NAMES[@]}"
}

# all_are_watched - has the monitor that lost its helper got the next, with all locks?
all_are_watched() {
	! { suite status "${NAMES[@]}" || :; } | grep -q 'no monitor watches it'
}

# assert_one_copy NAME - it runs once, as status says, and was started once for each time that it was killed
assert_one_copy() {
	wait_until "$PATIENCE" runs_well "$1"
	assert_equal "living copies of $1" "$(copies_of "$1")" "$(pid_of "$1")"
	assert_equal "starts of $1" "$(starts_of "$1")" $(($(grep -c "^$1 " "$BATS_TEST_TMPDIR/killed") + 1))
}

# assert_all_well - each server runs once, and history.jsonl tells each death once
assert_all_well() {
	for name in "${NAMES[@]}"; do
		wait_until "$PATIENCE" runs_well "$name"
	done
	assert_left_alone "${NAMES[0]}" # and so the others, for three intervals
	for name in "${NAMES[@]}"; do
		assert_one_copy "$name"
	done
	diff <(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/killed" | sort | sed 's/^/1 /') <(deaths_told | sort -k 2) >&2 # one each
}

@test "every server runs once and every death is reported once, whichever part of the monitor was killed meanwhile" {
	given_servers
	monitor_start "${NAMES[@]}"

	rounds "$SEED" one_round monitor helper monitor+helper

	assert_all_well
}

@test "the same for the monitor as a daemon: its guard is killed too, and an operator starts the next one" {
	given_servers
	suite_ends 0 -d "${NAMES[@]}"

	rounds "$SEED" one_guarded_round monitor helper guard monitor+helper monitor+guard helper+guard monitor+helper+guard

	wait_until 30 is_guarded
	assert_all_well
}
