#!/usr/bin/env bats
# run as process 1: in namespaces of its own for processes, mounts and IPC, as in a container.

# shellcheck disable=SC2031,SC2034 # SCRIPT_CONF is for given_script; each test sets its own variables

load helpers
load fixtures/contained
load fixtures/recipes

setup_file() {
	export LC_ALL=C.UTF-8 # of PostgreSQL's messages
}

teardown() {
	local status=0
	end_test || status=1
	# not end_cluster: its pids are of the namespace, which has ended
	[ -z "${CLUSTER:-}" ] || rm -rf "$CLUSTER"
	return "$status"
}

@test "process 1 reaps 200 orphans: those of servers, and those that the kernel gives to it" {
	expect_helper_deaths
	require_init
	printf '%s\n' 'interval = 1h' 'start_seconds = 200ms' 'rival_wait = 0s' >"$CONF/monitor.conf"
	given_maker 200
	init_start run maker
	assert_printed 'maker | made'
	helper=$(helper_of "$(watcher)")
	wait_until "$PATIENCE" has_orphans "$helper" 200

	reaped_within "$helper"

	given_maker 200
	inside_suite restart maker
	helper=$(helper_of "$(watcher)")
	wait_until "$PATIENCE" has_orphans "$helper" 200
	kill -KILL "$helper"
	wait_until "$PATIENCE" has_orphans "$INIT" 200

	reaped_within "$INIT"

	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
}

# reaped_within PID - its orphans are killed, and gone, zombies too; prints the time
reaped_within() {
	local began
	end_orphans "$1"
	began=${EPOCHREALTIME//[.,]/}
	until has_orphans "$1" 0; do
		((${EPOCHREALTIME//[.,]/} - began < PATIENCE * 1000000)) || return
	done
	printf '# they were reaped in %s ms\n' $(((${EPOCHREALTIME//[.,]/} - began) / 1000)) >&3
}

@test "process 1 at TERM: PostgreSQL, nginx and one that ignores TERM stop in order, within the grace" {
	require_init
	require_program postgresql
	require nginx
	given_cluster
	given_nginx
	printf 'needs = postgresql\n' >>"$CONF/servers/nginx.conf"
	given_recipe postgresql dir "$CLUSTER/main" user "$CLUSTER_USER" \
		command "$PROGRAM -D . -p $(free_port) -c listen_addresses=127.0.0.1 -c unix_socket_directories=$CLUSTER"
	SCRIPT_CONF=('needs = nginx' 'stop = TERM 60s KILL')
	given_script stubborn "trap '' TERM" 'echo stubborn begins' 'while :; do sleep 0.1; done'
	init_start run --grace 20s all
	assert_printed 'stubborn | stubborn begins'

	init_stop

	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order stubborn nginx postgresql
	grep -F 'stubborn: stopped (pid ' "$PRINTED" | grep -F 'KILL was needed'
	grep -E '^postgresql \| .* LOG:  database system is shut down$' "$OUT"
	LC_ALL=C "${PROGRAM%/*}/pg_controldata" "$CLUSTER/main" | grep -q 'cluster state: *shut down$'
}

@test "process 1: the helper is killed, and the shell: others begin, the servers live on, and TERM still stops them" {
	expect_helper_deaths
	require_init
	given_steady a
	init_start run a
	assert_printed 'a | a begins'
	wait_until "$PATIENCE" inside_state_is a RUNNING
	pid=$(inside_pid_of a)
	shell=$(watcher)

	kill -KILL "$(helper_of "$shell")"
	assert_said 'ended; starting another'
	kill -KILL "$shell"

	wait_until "$PATIENCE" has_watcher_besides "$shell"
	assert_logged "Server a adopted, pid=$pid"
	assert_equal 'pid' "$(inside_pid_of a)" "$pid"
	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
	assert_printed 'a | a ends'
}

# inside_status_of NAME - prints its line in the table
inside_status_of() {
	inside_suite status "$1" | sed -n 2p
}

inside_state_is() {
	local state
	read -r _ state _ < <(inside_status_of "$1")
	[ "$state" = "$2" ]
}

inside_pid_of() {
	local pid
	read -r _ _ pid _ < <(inside_status_of "$1")
	printf '%s\n' "$pid"
}

@test "process 1 is an ordinary monitor: TERM stops its servers too, for the kernel would kill them" {
	require_init
	given_steady db
	given_steady web 'needs = db'
	init_start all
	assert_logged 'Server web started'

	init_stop

	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order web db
	grep -qx 'web ends' "$STATE/output/web.log"
	grep -qx 'db ends' "$STATE/output/db.log"
	run ! grep -F 'web ends' "$OUT"
}

@test "process 1 with a read-only root, a small /run, without HOME, /sys, a terminal and STATE_DIR" {
	require_init
	given_steady a
	chmod -R go-w "$CONF"
	in_bare_root
	STATE='' # the option is given, but empty

	init_start run all
	wait_until "$PATIENCE" grep -qxF "monitor.sh: run: process 1, state in /run/monitor.sh-$(id -u)" "$PRINTED"
	assert_printed 'a | a begins'
	wait_until "$PATIENCE" bare_status a RUNNING
	[ ! -e /run/monitor.sh-0/restart.log ]

	init_stop

	assert_equal 'status' "$INIT_STATUS" 0
	assert_printed 'a | a ends'
	assert_stopped_in_order a
}

# in_bare_root [COMMAND] - process 1 gets a read-only root, /run and /dev/shm in memory, and next to nothing else; before that
# COMMAND is executed there.  Sets: CONTAINED
in_bare_root() {
	cat >"$BATS_TEST_TMPDIR/bare" <<-END
		mount --make-rprivate /
		mount -t tmpfs -o size=4m,mode=755 none /run && mount -t tmpfs -o size=4m,mode=1777 none /dev/shm || exit
		umount -l /sys
		findmnt -n -r -o TARGET | grep -vE '^/(proc|dev|run)' | while read -r point; do
			mount -o remount,bind,ro "\$point"
		done 2>/dev/null
		! touch "$BATS_TEST_TMPDIR/is-read-only" || exit 99
		cd / && ${1:-:} || exit
		exec setsid env -i PATH="$PATH" "\$@"
	END
	CONTAINED=(unshare --mount --pid --fork --mount-proc --ipc --kill-child sh "$BATS_TEST_TMPDIR/bare")
}

@test "process 1 on a read-only root takes no directory of state that someone else has made" {
	require_init
	given_steady a
	chmod -R go-w "$CONF"
	in_bare_root 'mkdir /run/monitor.sh-0 && chown 65534 /run/monitor.sh-0'
	# shellcheck disable=SC2030 # each test has its own
	STATE=''

	init_start run all

	assert_printed 'a | a begins'
	grep -qxF 'monitor.sh: run: process 1, state in /dev/shm/monitor.sh-0' "$PRINTED"
	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
}

# bare_status NAME STATE - as a person sees it who names no directory of state
bare_status() {
	inside env -i PATH="$PATH" "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" status "$1" | grep -qE "^$1 +$2 "
}

@test "process 1 on a full disk: a server is started again, and TERM still stops all" {
	require_init
	given_disk "$STATE" 1m
	given_steady a
	given_steady b 'needs = a'
	init_start run all
	assert_printed 'b | b begins'
	wait_until "$PATIENCE" inside_state_is b RUNNING
	fill_disk "$STATE"
	run ! dd if=/dev/zero of="$STATE/more" bs=4096 count=1

	inside kill -KILL "$(inside_pid_of b)"

	wait_until "$PATIENCE" grep -qF 'Server b restarted' "$OUT"
	wait_until "$PATIENCE" inside_state_is b RUNNING
	assert_said 'alerts cannot be written: No space left on device'
	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order b a
}

@test "process 1 in a container of bubblewrap" {
	require bwrap nsenter
	CONTAINED=(bwrap --dev-bind / / --unshare-pid --unshare-ipc --as-pid-1 --proc /proc --die-with-parent)
	"${CONTAINED[@]}" true 2>/dev/null || skip 'bubblewrap may not make a container here'
	given_maker 20
	init_start run maker
	assert_printed 'maker | made'
	helper=$(helper_of "$(watcher)")
	wait_until "$PATIENCE" has_orphans "$helper" 20

	reaped_within "$helper"

	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order maker
}
