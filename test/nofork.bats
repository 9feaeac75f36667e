#!/usr/bin/env bats
# No process can be made: that ends no monitor, and what it needs none for goes on.

load helpers
load fixtures/orders

# given_ordinary_user - the suite runs as a user whose processes the kernel counts: root's are not
given_ordinary_user() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to run as another user and to change limits of its processes'
	require setpriv prlimit
	chmod -R go+rX "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers"
	chmod go+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	chown -R "$ORDINARY" "$BATS_TEST_TMPDIR"
	SHELL_WORDS=(setpriv --reuid="$ORDINARY" --regid="$ORDINARY" --clear-groups -- "${SHELL_WORDS[@]}")
}
ORDINARY=61042

# may_make N - the monitor and what it starts from now on may make a process only while their user has fewer than N
may_make() {
	setpriv --reuid="$ORDINARY" --regid="$ORDINARY" --clear-groups -- prlimit --pid "$MONITOR" --nproc="$1:"
}

has_other_helper() {
	local now
	now=$(helper_of "$MONITOR")
	[ -n "$now" ] && [ "$now" != "$1" ]
}

@test "a monitor that cannot start its helper lives on, with its pid, and watches again when it can" {
	given_server msg_server
	given_ordinary_user
	monitor_start msg_server
	runs msg_server
	helper=$(helper_of "$MONITOR")
	may_make 1

	kill -KILL "$helper"
	wait_until "$PATIENCE" is_gone "$helper"
	assert_said "$(says_no_process)"
	kill -0 "$MONITOR"
	may_make 1000

	wait_until 60 has_other_helper "$helper"
	wait_until "$PATIENCE" running_as msg_server "$RUNS"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_equal 'starts' "$(starts_of msg_server)" 2
	suite_ends 0 stop msg_server
}

# says_no_process - prints what the shell says when it cannot fork: bash and mksh try several times by themselves
says_no_process() {
	case ${SHELL_WORDS[*]} in
	*bash) printf 'fork: retry: ' ;;
	*mksh) printf "ended; starting another" ;;
	*) printf 'no process can be made' ;;
	esac
}

@test "TERM and HUP are heard while no process can be made" {
	[ "${TEST_SHELL:-}" != yash ] || skip 'yash runs no trap while it reads; the signal ends it'
	given_server msg_server
	given_ordinary_user
	monitor_start msg_server
	runs msg_server
	may_make 1

	kill -HUP "$MONITOR"
	wait_until "$PATIENCE" running_as msg_server "$RUNS"
	monitor_stop

	assert_equal 'exit status' "$MONITOR_STATUS" 0
	kill -0 "$RUNS"
}
