#!/usr/bin/env bats
# A singleton runs on one machine of the fleet only, and always on one.

load helpers
load fixtures/fleet

teardown() {
	[ -z "${PLACE:-}" ] || fsfreeze --unfreeze "$PLACE" || : # what hangs there can end now
	end_test
}

# token_of PID - prints the MONITOR_FENCE that it was started with
token_of() {
	tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^MONITOR_FENCE=//p'
}

@test "one machine runs a singleton, the other stands by; the server knows its token" {
	given_etcd
	given_machine im1 'environment = X=1' "command = ./tick $BATS_TEST_TMPDIR/stamps im1 {fence}"
	given_machine im2
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	machine_up im2

	on im2 wait_until "$PATIENCE" message_says tick 'runs on im1'

	pid=$(on im1 pid_of tick)
	token=$(token_of "$pid")
	[[ $token =~ ^[0-9]+$ ]]
	[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *" im1 $token " ]]
	assert_equal 'state on im2' "$(on im2 status_of tick state)" STANDBY
	assert_equal 'stamps of im2' "$(stamps_of im2)" 0
	on im2 suite_ends 0 status
	on im2 suite_ends 0 start tick
	on im2 grep -qF 'tick: stands by: it runs on im1' "$SAID"
}

@test "a dead singleton is restarted where it ran; a stopped one goes to the other machine, with a greater token" {
	given_fleet im1 im2
	pid=$(on im1 pid_of tick)
	token=$(token_of "$pid")

	kill -KILL "$pid"
	on im1 wait_until "$PATIENCE" pid_differs tick "$pid"
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	assert_equal 'token' "$(token_of "$(on im1 pid_of tick)")" "$token"
	on im1 suite_ends 0 stop tick

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	(($(token_of "$(on im2 pid_of tick)") > token))
	on im1 wait_until "$PATIENCE" state_is tick STOPPED
	judge
}

@test "the next monitor goes on with what runs; if none comes, it is ended and another machine starts it" {
	given_fleet im1 im2
	pid=$(on im1 pid_of tick)

	MONITOR=${UP[im1]} on im1 monitor_crash
	machine_up im1
	on im1 assert_adopted tick "$pid"
	on im1 assert_left_alone tick
	MONITOR=${UP[im1]} on im1 monitor_crash

	wait_until "$PATIENCE" is_gone "$pid"
	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	judge
}

@test "etcd is gone for long: a singleton is down once and up once, one alert tells each, and all else goes on as ever" {
	given_etcd
	given_machine im1
	printf '%s\n' "dir = $BATS_TEST_TMPDIR/im1/srv" 'command = /bin/sleep 1000' >"$BATS_TEST_TMPDIR/im1/conf/servers/other.conf"
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	pid=$(on im1 pid_of tick) other=$(on im1 pid_of other)

	kill -STOP "$ETCD_PID"
	wait_until "$PATIENCE" is_gone "$pid"
	on im1 wait_until "$PATIENCE" state_is tick STANDBY
	on im1 assert_alerted fleet tick 'no word from etcd'
	on im1 assert_left_alone other
	kill -KILL "$other"
	on im1 wait_until "$PATIENCE" pid_differs other "$other"
	sleep "${FLEET_GONE:-0}" # at full size
	on im1 suite_ends 1 status --fleet
	on im1 suite_ends 0 restart other
	kill -KILL "$ETCD_PID"
	wait_until "$PATIENCE" is_gone "$ETCD_PID"
	etcd_start

	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 assert_alerted fleet tick 'etcd answers again'
	assert_equal 'alerts' "$(cut -d ' ' -f 1,2 "$BATS_TEST_TMPDIR/im1/alerts.log" | paste -sd ,)" 'fleet tick,death other,fleet tick'
	assert_equal 'times fenced' "$(on im1 logged_times 'Server tick fenced')" 1
	assert_equal 'starts' "$(on im1 logged_times 'Server tick started')" 2
	on im1 assert_logged "Server tick stopped, pid=$pid, stands by"
	judge
}

@test "the keeper is stopped, or the helper is: what is left ends the singleton before another machine starts it" {
	given_fleet im1 im2
	keeper=$(keeper_of im1)

	kill -STOP "$keeper"
	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	kill -CONT "$keeper"
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	helper=$(helper_of "${UP[im2]}")
	kill -STOP "$helper"
	kill -STOP "$ETCD_PID"
	wait_until "$PATIENCE" is_silent im2
	kill -CONT "$ETCD_PID"

	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	kill -CONT "$helper"
	judge
}

@test "a singleton dies while the helper is stopped: the keeper gives it away after a lease, and the helper then stands by" {
	given_fleet im1 im2
	helper=$(helper_of "${UP[im1]}")
	pid=$(on im1 pid_of tick)

	kill -STOP "$helper"
	kill -KILL "$pid"

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	kill -CONT "$helper"
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	on im1 assert_logged 'Server tick fenced'
	assert_equal 'starts on im1' "$(on im1 logged_times 'Server tick started')" 1
	judge
}

@test "a singleton whose restart waits for longer than a lease stays where it is" {
	given_fleet im1 im2
	printf '%s\n' "backoff = $((3 * LEASE))s $((3 * LEASE))s" "give_up = 9 in 60s" >>"$BATS_TEST_TMPDIR/im1/conf/servers/tick.conf"
	on im1 suite_ends 0 update
	pid=$(on im1 pid_of tick)
	mv "$BATS_TEST_TMPDIR/im1/srv/tick" "$BATS_TEST_TMPDIR/im1/srv/tack"

	kill -KILL "$pid"
	on im1 wait_until "$PATIENCE" state_is tick BACKOFF
	mv "$BATS_TEST_TMPDIR/im1/srv/tack" "$BATS_TEST_TMPDIR/im1/srv/tick"
	on im1 wait_until "$PATIENCE" state_is tick RUNNING

	assert_equal 'stamps of im2' "$(stamps_of im2)" 0
	assert_equal 'times fenced' "$(on im1 logged_times 'Server tick fenced')" 0
	judge
}

# is_silent HOST - does it write no stamps?
is_silent() {
	! writes "$1"
}

@test "a server that ignores TERM is killed before its lease ends" {
	given_etcd
	given_machine im1 "command = ./tick $BATS_TEST_TMPDIR/stamps im1 -t"
	given_machine im2
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	machine_up im2
	on im2 wait_until "$PATIENCE" message_says tick 'runs on im1'

	kill -STOP "$(keeper_of im1)"

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	judge
}

@test "a process that runs without the lock is stopped, and people hear of it" {
	given_fleet im1 im2
	start_stranger "$BATS_TEST_TMPDIR/im2/srv" ./tick "$BATS_TEST_TMPDIR/by_hand" im2

	on im2 assert_alerted conflict tick 'runs without the lock'
	wait_until "$PATIENCE" is_gone "$BY_HAND"

	on im2 wait_until "$PATIENCE" state_is tick STANDBY
	on im1 state_is tick RUNNING
	judge
}

@test "restart --overlap of a singleton is refused: there would be two of it" {
	given_etcd
	given_machine im1 "sockets = tcp://127.0.0.1:$(free_port)"
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	pid=$(on im1 pid_of tick)

	on im1 suite_ends 6 restart --overlap tick

	grep -qF 'tick: is a singleton, and for a while there would be two of it; use restart alone' "$SAID"
	assert_equal 'pid' "$(on im1 pid_of tick)" "$pid"
}

@test "a singleton is started by no one but its monitor" {
	given_etcd
	given_machine im1

	on im1 suite_ends 1 start tick

	grep -qF 'only its monitor has the lock' "$SAID"
	[ ! -e "$BATS_TEST_TMPDIR/stamps" ]
}

@test "move: the machine that has it ends it, the other one starts it, and neither takes it back" {
	given_fleet im1 im2

	on im1 suite_ends 1 move tick im3
	grep -qF 'no machine im3 lives' "$SAID"
	on im1 suite_ends 0 move tick im2
	grep -qE '^tick: moved from im1 to im2 in [0-9]+ ms$' "$SAID"

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	on im2 assert_left_alone tick
	on im2 suite_ends 0 move tick im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	judge
}

@test "stop --fleet: no machine runs it until start --fleet; pause --fleet: no other machine takes it until resume" {
	given_fleet im1 im2

	on im2 suite_ends 6 stop --fleet tock
	grep -qF 'no machine has had a singleton tock' "$SAID"
	on im2 suite_ends 0 stop --fleet tick
	grep -qxF 'tick: stopped on all machines' "$SAID"
	for host in im1 im2; do
		on "$host" wait_until "$PATIENCE" message_says tick 'is down on all machines by order'
	done
	on im2 suite_ends 0 pause --fleet tick
	on im1 wait_until "$PATIENCE" message_says tick 'is paused on all machines by order'
	assert_equal 'starts on im2' "$(stamps_of im2)" 0
	on im2 suite_ends 0 start --fleet tick
	grep -qE '^tick: runs on im[12]$' "$SAID"
	judge
}

@test "status --fleet and fleet hosts show the same on each machine: who lives, who has what, what is not as wanted" {
	given_fleet im1 im2
	printf '%s\n' "dir = $BATS_TEST_TMPDIR/im1/srv" 'command = /bin/false' 'give_up = 1 in 60s' >"$BATS_TEST_TMPDIR/im1/conf/servers/bad.conf"
	on im1 suite_ends 1 update --timeout 1s # bad does not come up

	on im2 wait_until "$PATIENCE" shows_bad
	on im2 suite fleet hosts >"$SAID"
	assert_equal 'hosts' "$(paste -sd ' ' "$SAID")" 'im1 im2'
	assert_equal 'the machine of tick' "$(on im1 suite fleet hosts tick)" im1
	assert_equal 'groups' "$(on im1 suite fleet groups | paste -sd ' ')" 'all tick'
	on im2 wait_until "$PATIENCE" shows_counts
	grep -qE '^tick +im1 +[0-9]+ +[34]s +-$' "$SAID"
	grep -qF 'im1: bad FATAL: ' "$SAID"
}

shows_counts() {
	suite status --fleet >"$SAID"
	grep -qE '^im1 +1 +0 +1 +[0-9]+ms ' "$SAID"
}

shows_bad() {
	[[ $(suite status --fleet --json) == *'"host": "im1", "name": "bad", "state": "FATAL"'* ]]
}

@test "a singleton that cannot start here gives way to a machine where it can" {
	given_etcd
	given_machine im1 'command = ./absent'
	printf '%s\n' 'dir = /' 'command = /bin/sleep 1000' >"$BATS_TEST_TMPDIR/im1/conf/servers/other.conf"
	given_machine im2
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick FATAL

	machine_up im2

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 state_is tick FATAL
	assert_equal 'alerts of im1' "$(on im1 alerted_times give_up tick)" 0
}

@test "a singleton that can start on no machine: one machine says so, once; after clear it is tried again" {
	given_etcd
	for host in im1 im2; do
		given_machine "$host" "command = ./tack $BATS_TEST_TMPDIR/stamps $host"
		printf '%s\n' 'dir = /' 'command = /bin/sleep 1000' >"$BATS_TEST_TMPDIR/$host/conf/servers/other.conf"
		machine_up "$host"
		on "$host" wait_until "$PATIENCE" state_is tick FATAL
	done

	on im2 assert_alerted give_up tick 'is DOWN on all machines, GAVE UP'

	assert_equal 'alerts of im1' "$(on im1 alerted_times give_up tick)" 0
	cp "$(fixture tick)" "$BATS_TEST_TMPDIR/im1/srv/tack"
	on im1 suite_ends 0 clear tick
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
}

@test "two machines with one name: the second one takes nothing, and says so" {
	given_fleet im1
	given_machine im2
	sed -i 's/^host = .*/host = im1/' "$BATS_TEST_TMPDIR/im2/conf/monitor.conf"

	machine_up im2

	on im2 assert_said 'another machine calls itself im1, too'
	on im1 state_is tick RUNNING
	assert_equal 'stamps of im2' "$(stamps_of im2)" 0
}

@test "two copies of one machine, as of a snapshot, both lose their singletons; a lease later one of them has them" {
	given_etcd

	run -0 timeout 60 "$(python)" -E -s "$FIXTURES/twins.py" "$ROOT/pyhelpers" http "$ETCD" 3>&-

	[[ ${lines[*]} == 'first: held a copied second: lost a twin first: lost a twin '*': held a' ]]
	assert_equal 'lines' "${#lines[@]}" 5
}

# has_one_child PID CHILD - has that process this child, and no other one?
has_one_child() {
	[ "$(cat "/proc/$1/task/"*/children)" = "$2 " ]
}

@test "a monitor without a fleet has no keeper, and loads nothing of it" {
	given_server a
	monitor_start a
	wait_until "$PATIENCE" state_is a RUNNING

	pid=$(pid_of a)
	wait_until "$PATIENCE" has_one_child "$(helper_of "$MONITOR")" "$pid" # a look of its own may last a moment
	run -0 "$(python)" -E -s -S -c '
import sys
sys.path.insert(0, sys.argv[1])
import watch.watcher
print(*(name for name in sys.modules if "fleet" in name or name in ("watch.fence", "loop.kill_tree", "state.lease")))
' "$ROOT/pyhelpers"
	assert_equal 'modules' "$output" ''
}

@test "the judge is proved: without the helper's fence, and with the keeper stopped, it finds two at once" {
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/conf" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$BATS_TEST_TMPDIR"
	sed -i 's/now >= self._stop_at()/False/' "$BATS_TEST_TMPDIR/pyhelpers/watch/fence.py"
	run ! cmp -s "$ROOT/pyhelpers/watch/fence.py" "$BATS_TEST_TMPDIR/pyhelpers/watch/fence.py"
	ROOT=$BATS_TEST_TMPDIR
	given_fleet im1 im2

	kill -STOP "$(keeper_of im1)"
	on im2 wait_until "$PATIENCE" state_is tick RUNNING

	run -1 judge
	[[ ${lines[0]} == 'overlap: im2 '* ]]
}

@test "singleton_after: a machine leaves a free singleton to the others for so long; shutdown says how long it lives on" {
	given_etcd
	given_machine im1 'singleton_after = 2h'
	given_machine im2
	machine_up im1
	on im1 wait_until "$PATIENCE" message_says tick 'waits for its lock'

	machine_up im2

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	on im2 suite_ends 0 shutdown
	grep -qE '^tick: ends in [1-4] s unless a monitor comes$' "$SAID"
	wait_until "$PATIENCE" is_silent im2
}

# given_frozen_place - a file system at $PLACE that freeze and thaw; what writes there meanwhile cannot be killed
given_frozen_place() {
	require mke2fs fsfreeze
	[ "$EUID" -eq 0 ] || skip 'may not mount a file system here (needs root)'
	PLACE=$BATS_TEST_TMPDIR/place
	mkdir "$PLACE"
	truncate -s 8M "$PLACE.img"
	mke2fs -q -t ext4 "$PLACE.img"
	mount -o loop "$PLACE.img" "$PLACE" 2>/dev/null || skip 'may not mount a file system here (needs root and a loop device)'
	MOUNTS+=("$PLACE")
}

@test "a process that cannot be killed is fenced once, and people hear of it; when it ends, its machine stands by" {
	given_frozen_place
	given_etcd
	given_machine im1 "command = ./tick $PLACE/stamps im1"
	given_machine im2
	machine_up im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	machine_up im2
	on im2 wait_until "$PATIENCE" message_says tick 'runs on im1'
	pid=$(on im1 pid_of tick)
	fsfreeze --freeze "$PLACE"

	kill -STOP "$ETCD_PID"
	on im1 assert_alerted fleet tick 'no word from etcd'
	kill -CONT "$ETCD_PID"
	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 assert_said "tick: pid $pid could not be ended"
	on im1 assert_left_alone tick
	on im1 state_is tick STOPPING
	fsfreeze --unfreeze "$PLACE"

	wait_until "$PATIENCE" is_gone "$pid"
	on im1 wait_until "$PATIENCE" message_says tick 'runs on im2'
	assert_equal 'times fenced' "$(on im1 logged_times 'Server tick fenced')" 1
}
