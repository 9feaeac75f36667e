#!/usr/bin/env bats
# One call of the helper into the kernel or the C library fails, or three in a row of the same function, with an error that
# its man page names, at a random moment between the start of a monitor and its last order: afterwards all is caught up,
# and nothing is lost or doubled.
#
# FAULTS       how many runs (6)
# FAULTS_SEED  the seed (4): other seeds are for searching
# FAULTS_LOG   a file that gets a line a run
# FAULT        one run only: CALL N TIMES ERRNO FROM PLACE, as a failure prints it
# FAULTS_LIST  a file with the runs, a line each, in place of those of the seed
# FAULTS_ALL   a file: a run for each error of each function at each place of the code that calls it goes into it, and
#              none is made

load helpers
load fixtures/orders
load fixtures/hostile

# choose_faults SEED|all LISTED - prints the runs, a line each: CALL N TIMES ERRNO FROM PLACE.  PLACE: the lines of our code
# that make the call, from the innermost.  FROM: N counts the calls from there since the `begin` of the monitor, or since
# its servers are `up`.  LISTED: a directory with the calls since both.
choose_faults() {
	"$(python)" -I -S "$FIXTURES/faults.py" "$1" "${FAULTS:-6}" "$2"
}

# once_wrong LIST - prints those of LIST by which a start, a death or an answer was once lost or doubled
once_wrong() {
	local each
	for each in 'stat 1 1 12 up <frozen_importlib[^ ]*' 'stat 1 1 13 up operators[.]py[^ ]*' \
		'stat 1 3 13 up <frozen_imp[^,]*,<frozen_imp[^,]*,<frozen_imp[^,]*:1[0-9][0-9]' \
		'epoll_ctl 1 3 12 up loop[.]py[^ ]*,following[.]py[^ ]*' \
		'open 1 3 24 up identity[.]py:[^,]*,identity[.]py:[^,]*,identity[.]py[^ ]*' \
		'ftruncate 1 1 5 begin lock[.]py[^ ]*' 'open 1 3 13 up record[.]py:[0-9]*,journal[.]py:[0-9]*,lifecycle[.]py[^ ]*'; do
		grep -x "$each" "$1" >"$BATS_TEST_TMPDIR/fitting" || {
			printf 'no fault fits any more: %s\n' "$each" >&2
			return 1
		}
		tail -n 2 "$BATS_TEST_TMPDIR/fitting"
	done
}

# list_calls - a fault that never strikes, from both moments: which functions are called, from where?
list_calls() {
	local from
	for from in begin up; do
		with_fault "$from" none 0 1 0 "$from"
		assert_equal 'without a fault' "$FAILED" 0
	done
}

# has_struck NUMBER - has the fault of that run struck?
has_struck() {
	[ "$(od -An -tu4 -j4 -N4 "$BATS_TEST_TMPDIR/$1/counts" | tr -d ' ')" -eq 1 ]
}

# scene DIR FROM - in DIR, of its own: a monitor, and all that an operator may do; the fault strikes somewhere in it
scene() {
	given_scene "$1"
	[ "$2" != begin ] || arm
	monitor_start a b
	both_run
	[ "$2" != up ] || arm

	dies a
	suite_ends 0 stop a
	state_is a STOPPED
	suite_ends 0 start a
	dies b
	printf 'environment = MORE=1\n' >>"$CONF/servers/b.conf"
	suite_ends 0 update
	dies a
	both_run

	assert_caught_up
	monitor_stop
}

# given_scene DIR - two servers, one of another user where we may, in DIR
given_scene() {
	BATS_TEST_TMPDIR=$1 CONF=$1/conf STATE=$1/state SERVERS=$1/srv PRINTED=$1/monitor.out SAID=$1/said ALERTS=$1/alerts.log
	mkdir -p "$CONF/servers" "$CONF/hooks" "$SERVERS"
	: >"$PRINTED"
	: >"$ALERTS"
	: >"$1/killed"
	printf '%s\n' 'interval = 500ms' 'start_seconds = 100ms' >"$CONF/monitor.conf"
	given_hook sms
	if [ "$(id -u)" -eq 0 ]; then
		given_guest a 'pid_from = own, log log*_1.txt 2'
	else
		given_server a 'pid_from = own, log log*_1.txt 2'
	fi
	given_server b 'command = ./b --pidfile b.pid' 'pid_from = own, pidfile b.pid' 'output = out.txt'
}

arm() {
	printf '\1' | dd of="$FAULT_COUNTS" conv=notrunc status=none
}

# both_run - sets A and B, the pids of the servers, which are RUNNING
both_run() {
	wait_until "$PATIENCE" runs_now a
	A=$RUNS
	wait_until "$PATIENCE" runs_now b
	B=$RUNS
}

# runs_now NAME - is it RUNNING, as a living process?  Sets RUNS
runs_now() {
	RUNS=$(pid_of "$1")
	[ -n "$RUNS" ] && ! is_gone "$RUNS" && state_is "$1" RUNNING
}

# dies NAME - it is killed, and comes back
dies() {
	local old
	wait_until "$PATIENCE" runs_now "$1"
	old=$RUNS
	printf '%s\n' "$(incident_of "$1" "$old")" >>"$BATS_TEST_TMPDIR/killed"
	kill -KILL "$old"
	wait_until 30 pid_differs "$1" "$old"
	wait_until "$PATIENCE" runs_now "$1"
}

# incident_of NAME PID - prints the id of the incident that its death will be, without that of this boot
incident_of() {
	local stat
	stat=$(<"/proc/$2/stat")
	read -ra stat <<<"${stat##*) }"
	printf '%s-%s-%s\n' "$1" "$2" "${stat[19]}"
}

# assert_caught_up - each server runs once, was started once for each time that it ended, and each death was told once
assert_caught_up() {
	wait_until "$PATIENCE" is_up_for a 2 # four intervals: who is doubled or missed is seen by then
	assert_equal 'copies of a' "$(copies_of a)" "$A"
	assert_equal 'copies of b' "$(copies_of b)" "$B"
	assert_equal 'starts of a' "$(starts_of a)" 4
	assert_equal 'starts of b' "$(starts_of b)" 3
	wait_until "$PATIENCE" each_death_is_told
	wait_until "$PATIENCE" deaths_alerted a 2
	wait_until "$PATIENCE" deaths_alerted b 1
	run ! without_interpreters_own "$PRINTED" "$SAID"
	[ "$(grep -c 'ended; starting another' "$PRINTED")" -le "$FAULT_TIMES" ]
}

# without_interpreters_own FILE... - prints the tracebacks, without those of a Python that could not even begin, or not
# import what every module of ours names first; is there one?
without_interpreters_own() {
	awk '
		function told() {
			if (text ~ /\n  File "[^<]/ && text !~ /\n    from __future__ import/) { printf "%s\n%s", FILENAME, text; found = 1 }
			text = ""
		}
		/^Traceback \(most recent/ { told(); within = before !~ /^Python runtime state: core initialized/ }
		/^[^ T]/ { if (within) text = text $0 "\n"; within = 0 }
		within { text = text $0 "\n" }
		{ before = $0 }
		END { told(); exit !found }
	' "$@"
}

each_death_is_told() {
	diff <(sort "$BATS_TEST_TMPDIR/killed") <(deaths_told) >&2
}

# deaths_told - prints the incident of each line of history.jsonl that tells a death
deaths_told() {
	grep -F '"event":"death"' "$STATE/history.jsonl" | sed 's/.*"incident":"\([^"]*\)-[^"-]*".*/\1/' | sort
}

# deaths_alerted NAME TIMES - a start that failed is reported too, by the same event
deaths_alerted() {
	[ "$(grep -c "^death $1 .* died (" "$ALERTS")" -eq "$2" ]
}

# copies_of NAME - prints the pids of all living processes that run its program in its directory
copies_of() {
	local link
	find /proc/[0-9]* -maxdepth 1 -name exe -lname "$SERVERS/$1/$1" 2>/dev/null | while IFS= read -r link; do
		printf '%s\n' "$link" | cut -d / -f 3
	done
}

# with_fault NUMBER CALL N TIMES ERRNO FROM [PLACE] - one run with that fault; its directory is $BATS_TEST_TMPDIR/NUMBER
# CALL none: no fault, and the calls are listed.
# Sets FAILED, 0 for a good one.  Not to be called before || or in a condition: bash would ignore its set -e.
with_fault() {
	local dir=$BATS_TEST_TMPDIR/$1
	FAILED=0
	mkdir -p "$dir"
	truncate -s 4096 "$dir/counts"
	: >"$dir/places"
	chmod 666 "$dir/counts" "$dir/places"
	(
		set -e
		[ "$2" != none ] || export FAULT_PLACES=$dir/places
		[ -z "${7:-}" ] || export FAULT_PLACE=$7
		export FAULT_COUNTS=$dir/counts FAULT_CALL=$2 FAULT_N=$3 FAULT_TIMES=$4 FAULT_ERRNO=$5
		LD_PRELOAD=$(fixture faults.so)
		export LD_PRELOAD
		scene "$dir" "$6"
	) >"$dir/told" 2>&1 3>&- &
	wait $! || FAILED=$?
	end_everything
	[ "$FAILED" -eq 0 ] || {
		printf -- '--- FAULT="%s"\n' "${*:2}"
		show_run "$dir"
	}
}

# show_run DIR - what a person needs who reads of a failed run
show_run() {
	local file
	for file in told counts.log said monitor.out state/faults.log state/restart.log alerts.log; do
		[ ! -s "$1/$file" ] || printf -- '-- %s\n%s\n' "$file" "$(tail -n 30 "$1/$file")"
	done
}

@test "whatever one call of the helper fails with, all is caught up, and nothing is lost or doubled" {
	expect_faults
	expect_helper_deaths
	require cc
	seed=${FAULTS_SEED:-4}
	printf '# seed %s\n' "$seed" >&3
	number=0 bad=0 missed=0
	if [ -n "${FAULTS_LIST:-}" ]; then
		cp "$FAULTS_LIST" "$BATS_TEST_TMPDIR/faults"
	elif [ -n "${FAULT:-}" ]; then
		printf '%s\n' "$FAULT" >"$BATS_TEST_TMPDIR/faults"
	else
		list_calls
		[ -z "${FAULTS_ALL:-}" ] || {
			choose_faults all "$BATS_TEST_TMPDIR" >"$FAULTS_ALL"
			return
		}
		choose_faults "$seed" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/faults"
		choose_faults all "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/all"
		run ! grep -vxFf <(cut -d ' ' -f 1,4- "$BATS_TEST_TMPDIR/all") <(cut -d ' ' -f 1,4- "$BATS_TEST_TMPDIR/faults")
		assert_equal 'faults that are listed twice' "$(sort "$BATS_TEST_TMPDIR/all" | uniq -d)" ''
		once_wrong "$BATS_TEST_TMPDIR/all" >>"$BATS_TEST_TMPDIR/faults"
	fi

	while read -r -u 8 call nth times error from place; do
		number=$((number + 1))
		with_fault "$number" "$call" "$nth" "$times" "$error" "$from" "$place" 8<&-
		[ "$FAILED" -eq 0 ] || bad=$((bad + 1))
		has_struck "$number" || missed=$((missed + 1))
		printf '%s\n' "$number: $call $nth $times $error $from $place: $bad bad, $missed missed" >>"${FAULTS_LOG:-/dev/null}"
		[ "$FAILED" -ne 0 ] || rm -r "${BATS_TEST_TMPDIR:?}/$number"
	done 8<"$BATS_TEST_TMPDIR/faults"
	printf '# made %s faults, %s bad, %s missed\n' "$((number - missed))" "$bad" "$missed" >&3

	assert_equal 'bad runs' "$bad" 0
}

@test "a file whose end others wait for cannot be removed at once: it is, as soon as that is possible" {
	expect_faults
	expect_helper_deaths
	require cc
	for nth in 1 2 3 4; do
		with_fault "$nth" unlink "$nth" 1 30 up
		assert_equal "EROFS at unlink $nth" "$FAILED" 0
	done
}

@test "a new conf that cannot be taken over is tried again, and applies in the end" {
	given_server msg_server 'command = ./msg_server --term-when go' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
	settled=$STATE/monitors/$MONITOR/settled
	printf 'environment = MORE=1\n' >>"$CONF/servers/msg_server.conf"
	operator update
	wait_until "$PATIENCE" state_is msg_server STOPPING
	mv "$settled" "$settled.away"
	mkdir "$settled"

	: >"$SERVERS/msg_server/go"
	assert_said 'the new conf cannot be taken over: Is a directory; tried again in 1 s'
	rmdir "$settled"

	operator_ends 0
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	runs msg_server
	tr '\0' '\n' <"/proc/$RUNS/environ" | grep -qx MORE=1
	assert_equal 'starts' "$(starts_of msg_server)" 2
}
