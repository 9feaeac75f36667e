#!/usr/bin/env bats
# Monitor, helper, or both are killed at random moments around the death of a server: no server is lost or doubled, and
# no death is missed or told twice.
#
# CHAOS_ROUNDS  how many rounds (20)
# CHAOS_SEED    the seed, which is printed, to have the same rounds again
#
# This is about the evidence on disk, which is the same in every shell: it runs in dash only.

load helpers

NAMES=(login_server msg_server route_server http_msg_server)

# rounds_of SEED - prints the rounds, a line each: SERVER TARGET FIRST SECONDS; FIRST of the two is killed so long before
# the other
rounds_of() {
	"$(python)" -I -S -c '
import random, sys
seed, rounds, *names = sys.argv[1:]
dice = random.Random(int(seed))
for _ in range(int(rounds)):
    longest = dice.choice((0.004, 0.03, 0.4))  # a restart takes milliseconds, to be RUNNING 200 ms
    print(dice.choice(names), dice.choice(("monitor", "helper", "both")), dice.choice(("server", "target")),
          f"{dice.uniform(0, longest):.5f}")
' "$1" "${CHAOS_ROUNDS:-20}" "${NAMES[@]}"
}

# one_round SERVER TARGET FIRST SECONDS
one_round() {
	wait_until "$PATIENCE" runs_well "$1"
	wait_until "$PATIENCE" has_helper

	strike "$@" 2>/dev/null # bash would tell of the monitor's end

	[ "$2" = helper ] || monitor_start "${NAMES[@]}"
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
	[ "$2" = helper ] || wait "$MONITOR" || :
}

# has_helper - sets $helper, of the last monitor
has_helper() {
	helper=$(helper_of "$MONITOR") && [ -n "$helper" ]
}

# runs_well NAME - is it RUNNING by what status says, and by its record?  Sets $pid
# (Without a monitor status calls RUNNING what lives.  One that was not up for start_seconds does not die, it fails to
# start; and nobody can tell the death of one whose helper did not live to write it down.)
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

# kill_server NAME - the process that runs_well has found; its incident is NAME-PID-TICKS, for a pid may come again
kill_server() {
	local stat
	stat=$(<"/proc/$pid/stat")
	read -ra stat <<<"${stat##*) }"
	kill -KILL "$pid"
	printf '%s %s\n' "$1" "$1-$pid-${stat[19]}" >>"$BATS_TEST_TMPDIR/killed"
}

# kill_target TARGET - what one_round has found
kill_target() {
	case $1 in
	monitor) kill -KILL "$MONITOR" ;;
	helper) kill -KILL "$helper" ;;
	both) kill -KILL "$MONITOR" "$helper" ;;
	esac
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

@test "every server runs once and every death is told once, whoever of the monitor was killed meanwhile" {
	[ "${SHELL_WORDS[*]}" = dash ] || skip 'in dash only'
	seed=${CHAOS_SEED:-$(date +%N | sed 's/^0*//')}
	printf '# seed %s\n' "$seed" >&3
	for name in "${NAMES[@]}"; do
		given_server "$name"
	done
	: >"$BATS_TEST_TMPDIR/killed"
	exec {QUIET}<> <(:)
	monitor_start "${NAMES[@]}"

	while read -r -u 8 server target first seconds; do
		printf -- '--- %s: %s and %s, %s first, %s s\n' "$((++round))" "$server" "$target" "$first" "$seconds" >>"$PRINTED"
		one_round "$server" "$target" "$first" "$seconds" 8<&-
	done 8< <(rounds_of "$seed")

	for name in "${NAMES[@]}"; do
		wait_until "$PATIENCE" runs_well "$name"
	done
	assert_left_alone "${NAMES[0]}" # and so the others, for three intervals
	for name in "${NAMES[@]}"; do
		assert_one_copy "$name"
	done
	diff <(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/killed" | sort | sed 's/^/1 /') <(deaths_told | sort -k 2) >&2 # one each
}
