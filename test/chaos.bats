#!/usr/bin/env bats
# Monitor, helper, the monitor's guard, or some of them are killed at random moments around the death of a server: no
# server is lost or doubled, and no death is missed or told twice.
#
# CHAOS_ROUNDS  how many rounds (20)
# CHAOS_SEED    the seed, which is printed, to have the same rounds again

load helpers
load fixtures/orders

NAMES=(login_server msg_server route_server http_msg_server)

# rounds_of SEED TARGET... - prints the rounds, a line each: SERVER TARGET FIRST SECONDS; FIRST of the two is killed so
# long before the other
rounds_of() {
	"$(python)" -I -S -c '
import random, sys
seed, rounds, names, *targets = sys.argv[1:]
dice = random.Random(int(seed))
for _ in range(int(rounds)):
    longest = dice.choice((0.004, 0.03, 0.4))  # a restart takes milliseconds, to be RUNNING 200 ms
    print(dice.choice(names.split()), dice.choice(targets), dice.choice(("server", "target")),
          f"{dice.uniform(0, longest):.5f}")
' "$1" "${CHAOS_ROUNDS:-20}" "${NAMES[*]}" "${@:2}"
}

# rounds SEED ROUND TARGET... - the rounds of that seed, each by the function ROUND
rounds() {
	local server target first seconds number=0
	while read -r -u 8 server target first seconds; do
		printf -- '--- %s: %s and %s, %s first, %s s\n' "$((++number))" "$server" "$target" "$first" "$seconds" >>"$PRINTED"
		"$2" "$server" "$target" "$first" "$seconds" 8<&-
	done 8< <(rounds_of "$1" "${@:3}")
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

# is_guarded - sets $guard, $MONITOR and $helper, which all live
is_guarded() {
	guard=$(guard_says parent_id)
	MONITOR=$(guard_says main_id)
	! is_gone "$guard" && ! is_gone "$MONITOR" && has_helper
}

# start_next TARGET - the guard is gone.  A monitor that outlived it watches on, and says so to the next, until it is ended
start_next() {
	wait_until "$PATIENCE" is_gone "$guard"
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

# strike SERVER TARGET FIRST SECONDS - kill both, one after the other
strike() {
	if [ "$3" = server ]; then
		kill_server "$1"
		pass "$4"
		kill_target "$2"
	else
		kill_target "$2"
		pass "$4"
		kill_server "$1"
	fi
}

# has_helper - sets $helper, of the last monitor
has_helper() {
	helper=$(helper_of "$MONITOR") && [ -n "$helper" ]
}

# runs_well NAME - is it RUNNING by what status says, and by its record?  Sets $pid
# (Without a monitor status calls RUNNING what lives.  One that was not up for start_seconds does not die, it fails to
# start; and the death of one whose helper did not live to write it down is lost.)
runs_well() {
	read -r word pid < <(status_of_all | sed -n "s/^$1 //p")
	[ "$word" = RUNNING ] && ! is_gone "$pid" && is_recorded "$1" "$pid"
}

# is_recorded NAME PID - does the last block of its record say that it is RUNNING as PID?
is_recorded() {
	awk -v pid="$2" '/^(state|pid) / { said[$1] = $2 } /^end$/ { state = said["state"]; its = said["pid"]; split("", said) }
		END { exit !(state == "RUNNING" && its == pid) }' "$STATE/servers/$1/record"
}

# status_of_all - prints NAME STATE PID of each server
status_of_all() {
	suite status "${NAMES[@]}" | sed -nE 's/^([^ ]+) +([A-Z]+) +(pid ([0-9]+))?.*/\1 \2 \4/p'
}

# kill_server NAME - the process that runs_well has found; its incident is NAME-PID-TICKS-BOOT, for a pid may come again
kill_server() {
	local stat
	stat=$(<"/proc/$pid/stat")
	read -ra stat <<<"${stat##*) }"
	kill -KILL "$pid"
	printf '%s %s\n' "$1" "$1-$pid-${stat[19]}-$(head -c 8 /proc/sys/kernel/random/boot_id)" >>"$BATS_TEST_TMPDIR/killed"
}

# kill_target TARGET - what the round has found; TARGET is some of monitor, helper, guard, with + between
kill_target() {
	local pids=()
	[[ $1 != *guard* ]] || pids+=("$guard")
	[[ $1 != *monitor* ]] || pids+=("$MONITOR")
	[[ $1 != *helper* ]] || pids+=("$helper")
	expect_helper_deaths
	kill -KILL "${pids[@]}"
}

# pass SECONDS - let so much time pass: this waits for nothing, it is the random moment.  (A sleep would take 2 ms more.)
pass() {
	read -rt "$1" -u "$QUIET" || :
}

# copies_of NAME - prints the pids of all living processes that run its program in its directory
copies_of() {
	local link
	find /proc/[0-9]* -maxdepth 1 -name exe -lname "$SERVERS/$1/$1" 2>/dev/null | while IFS= read -r link; do
		[ "$(readlink "${link%exe}cwd")" != "$SERVERS/$1" ] || printf '%s\n' "$link" | cut -d / -f 3
	done
}

# deaths_told - prints how often history.jsonl tells each death: TIMES INCIDENT
deaths_told() {
	grep -F '"event":"death"' "$STATE/history.jsonl" | sed 's/.*"incident":"\([^"]*\)".*/\1/' | sort | uniq -c | sed 's/^ *//'
}

# assert_one_copy NAME - it runs once, as status says, and was started once for each time that it was killed
assert_one_copy() {
	wait_until "$PATIENCE" runs_well "$1"
	assert_equal "living copies of $1" "$(copies_of "$1")" "$(pid_of "$1")"
	assert_equal "starts of $1" "$(starts_of "$1")" $(($(grep -c "^$1 " "$BATS_TEST_TMPDIR/killed") + 1))
}

# given_chaos - the servers, and $seed, which is printed
given_chaos() {
	seed=${CHAOS_SEED:-$(date +%N | sed 's/^0*//')}
	printf '# seed %s\n' "$seed" >&3
	for name in "${NAMES[@]}"; do
		given_server "$name"
	done
	: >"$BATS_TEST_TMPDIR/killed"
	exec {QUIET}<> <(:)
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
	given_chaos
	monitor_start "${NAMES[@]}"

	rounds "$seed" one_round monitor helper monitor+helper

	assert_all_well
}

@test "the same for the monitor as a daemon: its guard is killed too, and an operator starts the next one" {
	given_chaos
	suite_ends 0 -d "${NAMES[@]}"

	rounds "$seed" one_guarded_round monitor helper guard monitor+helper monitor+guard helper+guard monitor+helper+guard

	wait_until 30 is_guarded
	assert_all_well
}
