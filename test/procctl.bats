#!/usr/bin/env bats
# procctl.py: a program is started again and again, stays stoppable, and ends with procctl or is left, as one asks for.

load helpers

# procctl WORD... - as a start script calls it; after a time limit it is ended
procctl() {
	timeout 60 "$(python)" -BEs "$ROOT/pyhelpers/procctl.py" "$@" 3>&- 4>&-
}

# start_procctl WORD... - the same in the background; $PROCCTL is its pid
start_procctl() {
	env --default-signal=INT "$(python)" -BEs "$ROOT/pyhelpers/procctl.py" "$@" </dev/null >"$PRINTED" 2>&1 3>&- 4>&- &
	PROCCTL=$!
	MONITORS+=("$PROCCTL")
}

# given_script LINE... - $SCRIPT is a program of these lines of sh, which writes its pid into runs first
given_script() {
	SCRIPT=$SERVERS/script
	printf '%s\n' '#!/bin/sh' "echo \$\$ >>'$SERVERS/runs'" "$@" >"$SCRIPT"
	chmod 700 "$SCRIPT"
}

has_run() {
	[ "$(grep -sc . "$SERVERS/runs")" -ge "$1" ]
}

run_of() {
	sed -n "$1p" "$SERVERS/runs"
}

# procctl_ends - waits for it; its exit status is in $PROCCTL_STATUS
procctl_ends() {
	wait_until "$PATIENCE" is_gone "$PROCCTL"
	PROCCTL_STATUS=0
	wait "$PROCCTL" || PROCCTL_STATUS=$?
}

@test "a program is started again however it ended, and only an end other than with 0 is reported" {
	# shellcheck disable=SC2016 # for the script
	given_script 'case $(wc -l <"${0%/*}/runs") in 1) exit 0 ;; 2) exit 3 ;; 3) kill -s KILL $$ ;; esac' 'exec sleep 600'

	start_procctl 0.01 "$SCRIPT"

	wait_until "$PATIENCE" has_run 4
	wait_until "$PATIENCE" grep -qF "script ended, pid=$(run_of 3) (signal KILL), starting it again" "$PRINTED"
	grep -qF "script ended, pid=$(run_of 2) (exit 3), starting it again" "$PRINTED"
	assert_equal 'lines' "$(wc -l <"$PRINTED")" 2
}

@test "the seconds pass between an end and the next start" {
	# shellcheck disable=SC2016
	given_script 'date +%s%N >>"${0%/*}/times"' '[ $(wc -l <"${0%/*}/runs") = 1 ] || exec sleep 600'

	start_procctl 1 "$SCRIPT"

	wait_until "$PATIENCE" has_run 2
	wait_until "$PATIENCE" test "$(grep -c . "$SERVERS/times")" -ge 1
	wait_until "$PATIENCE" has_two_times
	(($(sed -n 2p "$SERVERS/times") - $(sed -n 1p "$SERVERS/times") >= 1000000000))
}

has_two_times() {
	[ "$(grep -c . "$SERVERS/times")" -ge 2 ]
}

@test "it runs in the caller's directory, with its umask, environment, input and output, and its arguments" {
	# shellcheck disable=SC2016 # for the script
	given_script 'echo "$(pwd) $(umask) $WORD $# $2"' 'exec sleep 600'
	cd "$SERVERS"

	(umask 027 && WORD=said start_procctl 5 ./script 'a b' '-c d')

	wait_until "$PATIENCE" grep -qxF "$SERVERS 0027 said 2 -c d" "$PRINTED"
}

@test "TERM to the program ends it, though all signals are ignored where procctl was called; it is started again" {
	given_script 'exec sleep 600'
	(
		trap '' TERM HUP INT PIPE USR1
		start_procctl 0 "$SCRIPT"
	)
	wait_until "$PATIENCE" has_run 1

	kill -s TERM "$(run_of 1)"

	wait_until "$PATIENCE" is_gone "$(run_of 1)"
	wait_until "$PATIENCE" has_run 2
}

@test "TERM or INT to procctl ends the program first, then procctl, with its exit status" {
	local signal status
	given_script 'exec sleep 600'
	for signal in TERM:143 INT:130; do
		rm -f "$SERVERS/runs"
		start_procctl 0 "$SCRIPT"
		wait_until "$PATIENCE" has_run 1

		kill -s "${signal%:*}" "$PROCCTL"

		procctl_ends
		assert_equal "status after $signal" "$PROCCTL_STATUS" "${signal#*:}"
		is_gone "$(run_of 1)"
		assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 1
	done
}

@test "TERM while it sleeps between two runs ends it at once" {
	given_script 'exit 0'
	start_procctl 600 "$SCRIPT"
	wait_until "$PATIENCE" has_run 1
	wait_until "$PATIENCE" is_gone "$(run_of 1)"

	kill -s TERM "$PROCCTL"

	procctl_ends
	assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 1
}

@test "with --leave TERM ends procctl alone, and the program goes on" {
	given_script 'exec sleep 600'
	start_procctl --leave 0 "$SCRIPT"
	wait_until "$PATIENCE" has_run 1

	kill -s TERM "$PROCCTL"

	procctl_ends
	assert_equal 'status' "$PROCCTL_STATUS" 0
	run -1 is_gone "$(run_of 1)"
}

@test "-d comes back when the program runs, and goes on in the background" {
	# shellcheck disable=SC2016
	given_script '[ $(wc -l <"${0%/*}/runs") -gt 1 ] || exit 0' 'exec sleep 600'

	run -0 procctl -d 0 "$SCRIPT"

	wait_until "$PATIENCE" has_run 2
	assert_equal 'output' "$output" ''
	run -1 is_gone "$(run_of 2)"
}

@test "a program that does not exist is reported at once" {
	run -127 procctl 1 "$SERVERS/missing"
	[[ $output == "Error: Failed to execute '$SERVERS/missing': "*' is not in '* ]]
	: >"$SERVERS/text"
	run -126 procctl -d 1 "$SERVERS/text"
}

@test "what makes no sense is usage" {
	for words in '' 5 'x /bin/true' '-1 /bin/true' '--leaf 1 /bin/true' 'nan /bin/true'; do
		# shellcheck disable=SC2086 # words
		run -2 procctl $words
		[[ $output == *'Usage: procctl.py [-d] [--leave] SECONDS PROGRAM [ARG...]' ]]
	done
	run -0 procctl --help
}

@test "checkproc under procctl ends one that hangs" {
	load fixtures/heartbeats
	setup
	start_client msg_server 1
	start_procctl 0.1 "$(python)" -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$LOG"
	wait_until "$PATIENCE" test -e "$LOG.seen"

	mute "$CLIENT"

	wait_until "$PATIENCE" is_gone "$CLIENT"
	wait_until "$PATIENCE" grep -qF "msg_server, pid=$CLIENT: ended after " "$LOG"
	remove_table
}
