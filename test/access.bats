#!/usr/bin/env bats
# control_group: its members may order and look, and nothing else; no other user may.

load helpers
load fixtures/orders

teardown() {
	local status=0
	end_test || status=1
	[ -z "${OWNER:-}" ] || userdel "$OWNER" || status=1
	[ -z "${MEMBER:-}" ] || userdel "$MEMBER" || status=1
	[ -z "${GROUP:-}" ] || groupdel "$GROUP" || status=1
	return "$status"
}

# given_member - $MEMBER is a user of this machine, and in $GROUP, which is control_group; needs root
given_member() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to make a second user'
	require useradd groupadd setpriv
	GROUP=mg$BASHPID
	groupadd "$GROUP"
	MEMBER=mu$BASHPID
	useradd --no-create-home --no-user-group --gid 65534 --groups "$GROUP" "$MEMBER"
	printf 'control_group = %s\n' "$GROUP" >>"$CONF/monitor.conf"
	chmod -R go+rX "$CONF" "$SERVERS"
	chmod go+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
}

# as_member COMMAND... - run by $MEMBER
as_member() {
	setpriv --reuid="$MEMBER" --regid=65534 --init-groups -- "$@" </dev/null 3>&-
}

# as_stranger COMMAND... - run by a user who is in no group
as_stranger() {
	setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@" </dev/null 3>&-
}

# member_ends STATUS ARG... - the suite, run by $MEMBER, ends so
member_ends() {
	local status=0
	as_member "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "${@:2}" >"$SAID" 2>&1 || status=$?
	assert_equal "exit status of ${*:2}: $(<"$SAID")" "$status" "$1"
}

@test "a member sees and orders, and is answered" {
	given_member
	given_running msg_server

	member_ends 0 status
	grep -qE "^msg_server  RUNNING +$RUNS " "$SAID"
	for word in pause resume clear 'signal CONT' stop start restart; do
		# shellcheck disable=SC2086 # two words
		member_ends 0 $word 'msg*'
	done
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	member_ends 0 status
	member_ends 0 shutdown
}

@test "a user outside the group may neither see nor order" {
	given_member
	given_running msg_server
	status=0

	for word in status stop; do
		status=0
		as_stranger "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$word" msg_server >"$SAID" 2>&1 || status=$?
		assert_equal 'exit status' "$status" 4
		assert_answered 'you may not look into it; be its owner, or in control_group'
	done
	running_as msg_server "$RUNS"
}

@test "a user who may look into the state directory, but not at its alerts, gets that answer" {
	given_member
	given_server msg_server
	chmod -R go+rX "$CONF"
	mkdir -p "$STATE/alerts/new"
	chmod 755 "$STATE"
	chmod 700 "$STATE/alerts"
	local status=0

	as_stranger "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" alerts >"$SAID" 2>&1 || status=$?

	assert_equal "exit status: $(<"$SAID")" "$status" 4
	assert_answered 'Permission denied; be its owner'
}

@test "a member may read records and wants, write into the mailbox, and nothing more" {
	given_member
	given_running msg_server
	suite_ends 0 stop msg_server

	assert_equal 'may be read' "$(may r)" 'history.jsonl restart.log servers/msg_server/answers servers/msg_server/record servers/msg_server/want'
	assert_equal 'may be written' "$(may w)" "monitors/$MONITOR/mailbox"
	run -1 as_member rm -f "$STATE/servers/msg_server/record"
	run -1 as_member ln -s /etc/passwd "$STATE/servers/msg_server/want.new"
	run -1 as_member mv "$STATE/servers/msg_server" "$STATE/servers/other"
}

# may LETTER - prints what of the state, other than directories, $MEMBER may read (r) or write (w); no directory may be written
may() {
	local path
	find "$STATE" -mindepth 1 | sort | while IFS= read -r path; do
		as_member test "-$1" "$path" || continue
		[ "$1" = r ] && [ -d "$path" ] || printf '%s\n' "${path#"$STATE/"}"
	done | paste -sd ' '
}

@test "a member's line is an order, never an event" {
	given_member
	given_running msg_server

	for word in 'down 1 5 x 1 1 i c' 'up 1 5 x 1 launched own 0' 'locked 1 5 x 1' 'want 1 5 x down' 'recall 1 5 x 0 ::::::::' 'tick 0 5 x'; do
		# shellcheck disable=SC2016 # it is sh that expands these
		as_member sh -c 'printf "%s\n" "$1" >"$2"' sh "$word" "$(mailbox)"
	done
	assert_said 'of rubbish dropped from the mailbox'
	member_ends 0 clear msg_server
	running_as msg_server "$RUNS"
	assert_equal 'deaths' "$(logged_times 'stopped, pid')" 0
}

@test "without a monitor a member may neither start nor stop; nor update, nor end the servers" {
	given_member
	given_running msg_server

	member_ends 4 update
	assert_answered 'update is for its owner'
	member_ends 4 shutdown --stop-servers
	running_as msg_server "$RUNS"
	monitor_stop
	member_ends 4 stop msg_server
	member_ends 4 start msg_server
	kill -0 "$RUNS"
}

@test "without a monitor status shows a member what is certain, and no more" {
	given_member
	given_server route_server
	given_running msg_server
	monitor_stop

	member_ends 4 status
	grep -qE "^msg_server    RUNNING +$RUNS " "$SAID"
	assert_answered 'route_server  UNKNOWN'
}

@test "the suite of an ordinary user: its conf counts for a member of the group" {
	given_member
	chmod -R go+rX "$ROOT/pyhelpers" "$ROOT/lib"
	given_server msg_server
	OWNER=mo$BASHPID
	useradd --no-create-home --no-user-group --gid "$GROUP" "$OWNER"
	chown -R "$OWNER" "$BATS_TEST_TMPDIR"
	SHELL_WORDS=(setpriv --reuid="$OWNER" --regid="$GROUP" --clear-groups -- "${SHELL_WORDS[@]}")
	monitor_start msg_server
	SHELL_WORDS=("${SHELL_WORDS[@]:5}")

	wait_until "$PATIENCE" member_sees RUNNING
	member_ends 0 stop msg_server
	member_ends 0 start msg_server
	monitor_stop
}

member_sees() {
	member_ends 0 status && grep -q "msg_server  $1" "$SAID"
}

@test "a server that update adds may be seen by members too" {
	given_member
	given_server msg_server
	monitor_start all
	runs msg_server
	given_server route_server
	chmod -R go+rX "$CONF" "$SERVERS"

	suite_ends 0 update

	member_ends 0 status
	member_ends 0 stop route_server
}

@test "control_group taken out: the next monitor takes back what was given" {
	given_member
	given_running msg_server
	monitor_stop
	sed -i /control_group/d "$CONF/monitor.conf"

	monitor_start msg_server
	assert_adopted msg_server "$RUNS"

	member_ends 4 stop msg_server
	assert_equal 'readable' "$(as_member find "$STATE" -type f -readable 2>/dev/null)" ''
	running_as msg_server "$RUNS"
}

@test "control_group set later: records that are there already may be read" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	monitor_stop
	given_member

	monitor_start msg_server
	assert_adopted msg_server "$RUNS"

	member_ends 0 status
}

@test "a group that this machine does not know is an error of conf" {
	given_server msg_server
	printf 'control_group = nosuchgroup\n' >>"$CONF/monitor.conf"

	suite_ends 6 check

	assert_answered 'control_group: no group "nosuchgroup" on this machine'
}
