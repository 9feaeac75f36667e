#!/usr/bin/env bats
# Each launch gets a cgroup of its own where we may make one: what is in it belongs to the server, whatever it has done
# to its session and its environment, and ends with it. Empty cgroups are removed.

load helpers
load fixtures/orders

# ask_cgroups EXPRESSION - prints its value, of the suite's own module (pyhelpers/proc/cgroup.py)
ask_cgroups() {
	"$(python)" -BEs -c 'import sys; sys.path.insert(0, sys.argv[1]); from proc import cgroup; print(eval(sys.argv[2]))' \
		"$ROOT/pyhelpers" "$1"
}

require_cgroups() {
	HOME_GROUP=$(ask_cgroups 'cgroup.home()')
	[ -n "$HOME_GROUP" ] || skip 'no cgroup can be made here (needs root, or delegation, and cgroup2)'
}

# cgroup_of NAME - prints the directory of its cgroup, as its record has it
cgroup_of() {
	sed -n 's/^cgroup //p' "$STATE/servers/$1/record" | tail -n 1
}

# is_inside PID NAME - is it in the cgroup of server NAME?
is_inside() {
	grep -qx "$1" "$(cgroup_of "$2")/cgroup.procs"
}

# cgroups_of NAME - prints the cgroups that exist for server, check or hook NAME, of other tests too
cgroups_of() {
	find "$HOME_GROUP" -maxdepth 1 -name "$1.*.monitored"
}

# is_empty DIRECTORY - is nothing in that cgroup?
is_empty() {
	grep -qx 'populated 0' "$1/cgroup.events"
}

has_no_cgroup() {
	[ -z "$(cgroups_of "$1")" ]
}

# given_script NAME LINE... - server NAME is a script of these lines, without a log
given_script() {
	local dir=$SERVERS/$1
	mkdir -p "$dir"
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$dir/$1"
	chmod +x "$dir/$1"
	given_conf "$1" "dir = $dir"
}

# What starts a process that only the cgroup leads to: no environment, a session of its own, parents that have ended
HERMIT='env -i /usr/bin/setsid /bin/sh -c "/usr/bin/setsid /bin/sleep 1000 & echo \$! >hermit.new"; mv hermit.new hermit'

# given_hermit NAME [LINE...] - server NAME starts that as soon as it may
given_hermit() {
	require setsid
	require_cgroups
	given_script "$1" 'while [ ! -e go ]; do sleep 0.1; done' 'rm go' "$HERMIT" 'while :; do sleep 1; done'
	printf '%s\n' "${@:2}" >>"$CONF/servers/$1.conf"
}

# hermit_runs NAME - NAME is RUNNING as $RUNS, in its cgroup, and its hermit as $AWAY
hermit_runs() {
	runs_unwatched "$1" # not every test has a monitor
	wait_until "$PATIENCE" is_inside "$RUNS" "$1"
	rm -f "$SERVERS/$1/hermit"
	: >"$SERVERS/$1/go"
	wait_until "$PATIENCE" test -s "$SERVERS/$1/hermit"
	AWAY=$(<"$SERVERS/$1/hermit")
	! is_gone "$AWAY"
}

# --- the whole tree

@test "stop ends a process that only the cgroup leads to, and removes the cgroup" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse

	suite_ends 0 stop recluse

	is_gone "$RUNS"
	is_gone "$AWAY"
	wait_until "$PATIENCE" has_no_cgroup recluse
}

@test "after a death it ends before the start, and the next launch has another cgroup" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse
	old=$RUNS before=$(cgroup_of recluse)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs recluse "$old"
	is_gone "$AWAY"
	runs recluse
	wait_until "$PATIENCE" is_inside "$RUNS" recluse
	[ "$(cgroup_of recluse)" != "$before" ]
	wait_until "$PATIENCE" test ! -e "$before"
}

@test "what a check leaves ends with it, though only the cgroup leads there; the cgroup is removed" {
	require setsid
	require_cgroups
	mkdir -p "$CONF/checks"
	cp "$ROOT/conf/checks/teamtalk" "$CONF/checks/ask_cgroup" # for its rights
	given_server msg_server 'check = command ask_cgroup' 'check_every = 100ms'
	printf '%s\n' '#!/bin/sh' "cd '$BATS_TEST_TMPDIR'" "$HERMIT" >"$CONF/checks/ask_cgroup"

	monitor_start msg_server
	runs msg_server
	rm "$CONF/checks/ask_cgroup"
	hermit=$(<"$BATS_TEST_TMPDIR/hermit")

	wait_until "$PATIENCE" is_gone "$hermit"
	wait_until "$PATIENCE" has_no_cgroup ask_cgroup
}

@test "what a hook leaves ends with it, though only the cgroup leads there; the cgroup is removed" {
	require setsid
	require_cgroups
	given_hook hook_cgroup "cd '$BATS_TEST_TMPDIR'" "$HERMIT"

	run -0 "$(python)" -BEs -c '
import sys
sys.path.insert(0, sys.argv[1])
from alerting import hook
alert = {"event": "test", "server": "x", "message": "m"}
hook.call_alone(sys.argv[2], "hook_cgroup", alert, lambda outcome: print(outcome.status), 1.0)
' "$ROOT/pyhelpers" "$CONF"

	assert_equal outcome "$output" 0
	is_gone "$(<"$BATS_TEST_TMPDIR/hermit")"
	has_no_cgroup hook_cgroup
}

@test "a monitor that adopts the server after the crash of another ends it too" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse
	monitor_crash
	monitor_start recluse
	assert_adopted recluse "$RUNS"

	suite_ends 0 stop recluse

	is_gone "$AWAY"
	wait_until "$PATIENCE" has_no_cgroup recluse
}

@test "a server that dies while no monitor runs: the next monitor ends what is in its cgroup" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"

	monitor_start recluse

	wait_until "$PATIENCE" pid_differs recluse "$RUNS"
	is_gone "$AWAY"
}

@test "without a monitor stop ends it, and removes the cgroup" {
	given_hermit unwatched
	monitor_start unwatched
	hermit_runs unwatched
	monitor_crash

	suite_ends 0 stop unwatched

	is_gone "$AWAY"
	has_no_cgroup unwatched
}

@test "without a monitor start makes a cgroup, and removes an empty one that was left" {
	given_hermit recluse
	suite_ends 0 start recluse
	hermit_runs recluse
	kill -KILL "$RUNS" "$AWAY"
	before=$(cgroup_of recluse)
	wait_until "$PATIENCE" is_empty "$before" # the script's last sleep ends

	suite_ends 0 start recluse

	[ ! -e "$before" ]
	hermit_runs recluse
	suite_ends 0 stop recluse
	is_gone "$AWAY"
}

@test "an update takes the cgroup over" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse
	printf '%s\n' 'alert_on = death' >>"$CONF/servers/recluse.conf"
	suite_ends 0 update

	suite_ends 0 stop recluse

	is_gone "$AWAY"
}

@test "a tree that is another process at every look is ended in one step" {
	require_cgroups
	given_script hopping 'while [ ! -e go ]; do sleep 0.1; done' "$(fixture hop) up" 'while :; do sleep 1; done'
	monitor_start hopping
	runs hopping
	wait_until "$PATIENCE" is_inside "$RUNS" hopping
	: >"$SERVERS/hopping/go"
	wait_until "$PATIENCE" test -e "$SERVERS/hopping/up"

	suite_ends 0 stop hopping

	wait_until "$PATIENCE" has_no_cgroup hopping
}

@test "though no look finds the process that is there" {
	require_cgroups

	run -0 timeout 20 "$(python)" -BEs -c '
import os, sys, types
sys.path.insert(0, sys.argv[1])
from loop import leftovers
from loop.loop import Loop
from proc import cgroup, descent
from spawn import cgroup as ends

group = f"{cgroup.home()}/{cgroup.fresh_name(chr(120))}"
ends.make(group)
pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
ends.write(group, "cgroup.procs", str(pid))
cgroup.members = lambda directory: []
loop = Loop()
host = types.SimpleNamespace(loop=loop, followed={}, shared={}, orphans=lambda sid=0, listed=False: [])
server = types.SimpleNamespace(stop_tree=True, stop=["KILL"])
dead = leftovers.Dead.__new__(leftovers.Dead)
descent.Descent.__init__(dead, cgroup=group)
dead.pid, dead.ticks, dead.adopted, dead.looked_at, dead.took = 0, 0, False, 0.0, ""
leftovers.end_leftovers(host, server, dead, lambda left: setattr(loop, "ended", True))
loop.run()
print(os.waitpid(pid, os.WNOHANG)[1], ends.remove(group))
' "$ROOT/pyhelpers" 3>&-

	assert_equal 'its end, and whether the cgroup is gone' "$output" '9 True'
}

@test "what the server starts in its first milliseconds is in its cgroup too" {
	require_cgroups
	given_script early 'sleep 1000 &' 'echo $! >child' 'wait'
	monitor_start early
	runs early

	wait_until "$PATIENCE" is_inside "$RUNS" early
	wait_until "$PATIENCE" is_inside "$(<"$SERVERS/early/child")" early
}

# --- what does not belong to it

@test "a server that moved itself to another cgroup is still ended with all of its session" {
	[ "$(id -u)" = 0 ] || skip 'may not move itself (needs root)'
	require_cgroups
	given_script mover 'while [ ! -e go ]; do sleep 0.1; done' "echo \$\$ >'$HOME_GROUP/mover.elsewhere/cgroup.procs'" \
		'sleep 1000 &' 'echo $! >child.new; mv child.new child' 'wait'
	mkdir "$HOME_GROUP/mover.elsewhere"
	monitor_start mover
	runs mover
	wait_until "$PATIENCE" is_inside "$RUNS" mover
	: >"$SERVERS/mover/go"
	wait_until "$PATIENCE" test -s "$SERVERS/mover/child"
	child=$(<"$SERVERS/mover/child")
	run ! is_inside "$child" mover

	suite_ends 0 stop mover

	is_gone "$child"
	rmdir "$HOME_GROUP/mover.elsewhere"
}

@test "a server that another one has started by hand is not ended with it, though it is in its cgroup" {
	require_cgroups
	given_server msg_server
	# its child answers TERM by one that no one has seen yet, so that a second round ends the rest
	given_script hand 'while [ ! -e go ]; do sleep 0.1; done' "(cd '$SERVERS/msg_server' && exec setsid ./msg_server) &" \
		"sh -c 'trap \"setsid sleep 1000 & echo \\\$! >late; exit\" TERM; : >up; while :; do sleep 0.1; done' &" \
		'while :; do sleep 1; done'
	monitor_start hand
	runs hand
	hand=$RUNS
	wait_until "$PATIENCE" is_inside "$hand" hand
	: >"$SERVERS/hand/go"
	wait_until "$PATIENCE" test -e "$SERVERS/hand/up"
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	monitor_crash
	monitor_start hand msg_server
	runs msg_server
	is_inside "$RUNS" hand

	suite_ends 0 stop hand

	is_gone "$(<"$SERVERS/hand/late")"
	running_as msg_server "$RUNS"
}

@test "a cgroup that we are in ourselves proves nothing" {
	require_cgroups
	assert_equal members "$(ask_cgroups 'cgroup.members(cgroup.own())')" '[]'
}

@test "a process that has got the number of a dead child is put where the monitor is, not into the server's cgroup" {
	require_cgroups

	run -0 "$(python)" -BEs -c '
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from proc import cgroup, identity
group = f"{cgroup.home()}/{cgroup.fresh_name(chr(120))}"
pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
wish = [group, str(pid), str(identity.ticks_of(pid) + 1)]
said = subprocess.run(["sh", f"{sys.argv[1]}/spawn/cgroups.sh", cgroup.own(), "", *wish], stdout=subprocess.PIPE, check=True)
print(said.stdout, cgroup.members(group), os.path.exists(group))
with open(f"/proc/{pid}/cgroup") as its, open("/proc/self/cgroup") as ours:
    print(its.read() == ours.read())
os.kill(pid, 9)
' "$ROOT/pyhelpers"

	assert_equal outcome "$output" "b'' [] False
True"
}

@test "why the kernel refuses a cgroup is said; a process that has ended is no refusal; what is not empty is left" {
	require_cgroups
	group=$HOME_GROUP/x.0123456789abcdef.monitored

	cgroups "$BATS_TEST_TMPDIR/none/x" "$$" "$(ticks_of $$)"
	assert_equal said "$output" 'refused No such file or directory'
	mkdir "$BATS_TEST_TMPDIR/x"
	cgroups "$BATS_TEST_TMPDIR/x" "$$" "$(ticks_of $$)"
	assert_equal said "$output" 'refused File exists'
	cgroups "$group" "$(dead_pid)" 1
	assert_equal said "$output" ''
	[ ! -e "$group" ]
	given_zombie
	cgroups "$group" "$ZOMBIE" "$(ticks_of "$ZOMBIE")"
	assert_equal said "$output" ''
	[ ! -e "$group" ]
	sleep 1000 3>&- &
	mkdir "$group"
	echo $! >"$group/cgroup.procs"
	cgroups "$group" 0 0
	assert_equal said "$output" "left $group"
	kill $!
	wait $! || :
	cgroups "$group" 0 0
	assert_equal said "$output" ''
	[ ! -e "$group" ]
}

# given_zombie - $ZOMBIE is its pid
given_zombie() {
	"$(python)" -I -S -c '
import os, time
print(os.fork() or os._exit(0), flush=True)
time.sleep(1000)' >"$BATS_TEST_TMPDIR/zombie" 3>&- &
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/zombie"
	ZOMBIE=$(<"$BATS_TEST_TMPDIR/zombie")
	wait_until "$PATIENCE" is_zombie "$ZOMBIE"
}

ticks_of() {
	local stat
	read -r stat <"/proc/$1/stat"
	read -ra stat <<<"${stat##*) }"
	printf '%s\n' "${stat[19]}"
}

# cgroups DIRECTORY PID TICKS - what the helper has done for it; $output is the answer
cgroups() {
	run -0 "${SHELL_WORDS[@]}" "$ROOT/pyhelpers/spawn/cgroups.sh" "$HOME_GROUP" '' "$@"
}

# --- where there is none

@test "cgroup = no: none is made" {
	require_cgroups
	given_server uncontained 'cgroup = no'
	monitor_start uncontained
	runs uncontained
	assert_left_alone uncontained

	has_no_cgroup uncontained
	assert_equal 'cgroup in the record' "$(cgroup_of uncontained)" ''
	suite_ends 0 stop uncontained
}

@test "an ordinary user, who may make no cgroup, is served as before, and check says what is less exact" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	require setpriv
	given_server msg_server
	given_ordinary_user
	monitor_start msg_server
	runs msg_server
	old=$RUNS

	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	suite_ends 0 check
	grep -q '^cgroups: none can be made here: ' "$SAID"
	suite_ends 0 stop msg_server

	assert_equal 'cgroup in the record' "$(cgroup_of msg_server)" ''
}

@test "where cgroups can be made, check says nothing of it" {
	require_cgroups
	given_server msg_server

	suite_ends 0 check

	run -1 grep cgroup "$SAID"
}

# --- removed

@test "a thousand launches leave no cgroup behind" {
	require_cgroups
	printf '%s\n' 'backoff = 0s 0s' 'alert = none' >>"$CONF/monitor.conf"
	for each in {01..40}; do
		given_script "brief$each" "echo >>'$BATS_TEST_TMPDIR/launches'" 'exec sleep 0.01'
	done
	monitor_start all

	wait_until 600 has_launched 1000 # of a busy machine
	suite_ends 0 stop all

	wait_until "$PATIENCE" has_no_cgroup 'brief*'
}

# has_launched TIMES
has_launched() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/launches")" -ge "$1" ]
}

@test "a cgroup that a killed monitor left is removed by the next one, also of another server" {
	require_cgroups
	given_hermit recluse
	given_server msg_server
	monitor_start recluse
	hermit_runs recluse
	monitor_crash
	kill -KILL "$RUNS" "$AWAY"

	monitor_start msg_server

	wait_until "$PATIENCE" has_no_cgroup recluse
}

@test "stop_tree = no: what is left lives on, and its cgroup is removed when it has ended" {
	given_hermit recluse 'stop_tree = no'
	monitor_start recluse
	hermit_runs recluse
	before=$(cgroup_of recluse)

	suite_ends 0 stop recluse

	run ! is_gone "$AWAY"
	[ -e "$before" ]
	kill -KILL "$AWAY"
	wait_until "$PATIENCE" test ! -e "$before"
}

# --- caps

# given_ordinary_user - the suite runs as a user who may make no cgroup
given_ordinary_user() {
	chmod -R go+rX "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers"
	chmod go+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	chown -R 61043 "$BATS_TEST_TMPDIR"
	SHELL_WORDS=(setpriv --reuid=61043 --regid=61043 --clear-groups -- "${SHELL_WORDS[@]}")
}

# require_caps KEY... - skips the test where the controller of one of these keys cannot be had
require_caps() {
	local key
	require_cgroups
	for key; do
		given_conf cap_probe "dir = /" 'command = sleep 1000' "$key = $(value_of "$key")"
		suite check >"$SAID" 2>&1 || {
			grep -F "$key: this machine has no" "$SAID"
			skip "$(<"$SAID")"
		}
		rm "$CONF/servers/cap_probe.conf"
	done
	! grep -qw pids "${HOME_GROUP%/*}/cgroup.subtree_control" || enter_own_cgroup
}

# enter_own_cgroup - from now on monitors begin in a cgroup where no one else is: version 2 has controllers only there
enter_own_cgroup() {
	HOME_GROUP=$(mktemp -d "${HOME_GROUP%/*}/suite.XXXXXX")
	OWN_GROUPS+=("$HOME_GROUP")
	# a command that is no monitor would be a stranger there; the next monitor begins in the leaf of the one before
	# shellcheck disable=SC2016 # for that shell
	SHELL_WORDS=(sh -c 'case " $* " in
		*" check "* | *" status "* | *" stop "*) ;;
		*) echo 0 2>/dev/null >"$0/cgroup.procs" || echo 0 >"$0/monitor.own/cgroup.procs" ;;
		esac
		exec "$@"' "$HOME_GROUP" "${SHELL_WORDS[@]}")
}

OWN_GROUPS=()

teardown() {
	local status=0
	end_test || status=1
	((${#OWN_GROUPS[@]} == 0)) || find "${OWN_GROUPS[@]}" -depth -type d -exec rmdir {} + || status=1
	return "$status"
}

value_of() {
	case $1 in
	memory_cap) echo 32M ;;
	cpu_cap) echo 30% ;;
	tasks_cap) echo 8 ;;
	esac
}

# file_of NAME KEY V2 V1 - prints the contents of the file that has this cap of server NAME
file_of() {
	local controller dir
	controller=$(ask_cgroups "__import__('proc.controllers').controllers.CAPS['$2']")
	dir=$(ask_cgroups "__import__('proc.controllers').controllers.directory('$controller', '$(cgroup_of "$1")')")
	if [ "$dir" = "$(cgroup_of "$1")" ]; then cat "$dir/$3"; else cat "$dir/$4"; fi
}

@test "tasks_cap: what the server starts beyond it is refused, from its first instruction on" {
	require_caps tasks_cap
	given_script crowd 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do /bin/sleep 1000 & done 2>refused' ': >done' 'wait'
	printf '%s\n' 'tasks_cap = 8' 'start_seconds = 0s' 'backoff = 600s 600s' >>"$CONF/servers/crowd.conf"

	monitor_start crowd

	wait_until "$PATIENCE" test -s "$SERVERS/crowd/refused"
	grep -q -i 'fork' "$SERVERS/crowd/refused"
}

@test "the caps are in the files of the cgroup, and the server is in it before it begins" {
	require_caps memory_cap cpu_cap tasks_cap
	given_script capped 'cat /proc/self/cgroup >groups' 'while :; do sleep 1; done'
	printf '%s\n' 'memory_cap = 32M' 'cpu_cap = 30%' 'tasks_cap = 8' >>"$CONF/servers/capped.conf"
	monitor_start capped
	runs capped
	group=$(cgroup_of capped)

	assert_equal memory "$(file_of capped memory_cap memory.max memory.limit_in_bytes)" $((32 << 20))
	[[ $(file_of capped cpu_cap cpu.max cpu.cfs_quota_us) =~ ^30000(\ 100000)?$ ]]
	assert_equal tasks "$(file_of capped tasks_cap pids.max pids.max)" 8
	grep -q "^0::.*/${group##*/}\$" "$SERVERS/capped/groups"
	suite_ends 0 stop capped
	wait_until "$PATIENCE" has_no_cgroup capped
	wait_until "$PATIENCE" has_no_namesake "$group"
}

# has_no_namesake DIRECTORY - is nothing left of that cgroup in any hierarchy?
has_no_namesake() {
	[ -z "$(find /sys/fs/cgroup -name "${1##*/}")" ]
}

@test "a restart of a capped server is under its caps too; another user's server likewise" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	require_caps tasks_cap
	given_server msg_server 'command = ./msg_server --log=none' 'tasks_cap = 8' 'user = nobody' 'group = nogroup'
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$SERVERS"
	chmod 777 "$SERVERS/msg_server"
	: >"$SERVERS/msg_server/starts"
	chmod 666 "$SERVERS/msg_server/starts"
	monitor_start msg_server
	runs msg_server
	old=$RUNS

	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	runs msg_server

	is_inside "$RUNS" msg_server
	assert_equal tasks "$(file_of msg_server tasks_cap pids.max pids.max)" 8
	run ! setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c "echo max >'$(cgroup_of msg_server)/cgroup.procs'"
	suite_ends 0 stop msg_server
}

@test "a monitor that adopts a capped server sets a cap again that was lost" {
	require_caps tasks_cap
	given_server msg_server 'tasks_cap = 8'
	monitor_start msg_server
	runs msg_server
	monitor_crash
	dir=$(ask_cgroups "__import__('proc.controllers').controllers.directory('pids', '$(cgroup_of msg_server)')")
	echo max >"$dir/pids.max"

	monitor_start msg_server
	assert_adopted msg_server "$RUNS"

	wait_until "$PATIENCE" grep -qx 8 "$dir/pids.max"
	suite_ends 0 stop msg_server
}

@test "beside strangers in its cgroup the monitor enables no controller; alone there it does, from a leaf" {
	group=$BATS_TEST_TMPDIR/group
	mkdir "$group"
	echo memory pids >"$group/cgroup.controllers"
	: >"$group/cgroup.type"

	printf '%s\n' 1 "$$" >"$group/cgroup.procs"
	pass_on "$group" "$$"
	assert_equal controllers "$(cat "$group/cgroup.subtree_control")" ''

	printf '%s\n' "$$" >"$group/cgroup.procs"
	pass_on "$group" "$$"
	assert_equal controllers "$(cat "$group/cgroup.subtree_control")" +pids
	assert_equal leaf "$(cat "$group/monitor.own/cgroup.procs")" "$$"
}

# pass_on GROUP MONITOR - what a monitor does in that directory, which stands for its cgroup
pass_on() {
	mkdir -p "$1/monitor.own"
	: >"$1/cgroup.subtree_control"
	: >"$1/monitor.own/cgroup.procs"
	"$(python)" -BEs -c '
import sys
sys.path.insert(0, sys.argv[1])
from proc import cgroup
from spawn import cgroup_leaf
cgroup._home.append(sys.argv[2])
cgroup_leaf.pass_on({"pids"}, int(sys.argv[3]))
' "$ROOT/pyhelpers" "$1" "$2"
}

@test "a cap without a cgroup is an error of conf, with status 6 and the way out" {
	given_server msg_server 'tasks_cap = 8' 'cgroup = no'

	suite_ends 6 check
	grep -qF 'msg_server.conf: tasks_cap: needs a cgroup, and cgroup is no; set cgroup = auto, or tasks_cap = none' "$SAID"
	suite_ends 6 msg_server
}

@test "a cap that this machine cannot have is an error of conf, with status 6 and the way out" {
	[ "$(id -u)" = 0 ] || skip 'may not mount here (needs root)'
	require unshare
	given_server msg_server 'memory_cap = 32M'

	run unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && shift && exec "$@"' sh \
		x timeout 60 "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" check

	assert_equal status "$status" 6
	[[ $output == *'msg_server.conf: memory_cap: this machine has no memory controller'* ]]
}

@test "an ordinary user's monitor does not start a server without the cap that conf asks for" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	require setpriv
	require_caps tasks_cap
	given_server msg_server 'tasks_cap = 8'
	given_ordinary_user

	suite_ends 6 msg_server

	grep -q 'msg_server.conf: tasks_cap: .* may not be written; run the monitor as root, or in a unit with Delegate=yes' "$SAID"
}

# --- out of memory

# given_hoard LINE... - server hoard takes more memory than its cap allows while the file more exists
given_hoard() {
	require_caps memory_cap
	mkdir -p "$SERVERS/hoard"
	cp "$(fixture leak)" "$SERVERS/hoard/hoard"
	given_conf hoard "dir = $SERVERS/hoard" 'memory_cap = 32M' "$@"
	monitor_start hoard
	runs hoard
}

@test "memory_cap: a server that the kernel kills for it is back, and the SMS says so, with how much it had" {
	given_hoard 'command = ./hoard memory 64000000'
	old=$RUNS

	: >"$SERVERS/hoard/more"
	wait_until "$PATIENCE" is_gone "$old"
	rm "$SERVERS/hoard/more"

	assert_alerted death hoard 'signal KILL (oom)'
	wait_until "$PATIENCE" pid_differs hoard "$old"
	wait_until "$PATIENCE" last_exit_is hoard 'signal KILL (oom)'
	if [ -r /dev/kmsg ] && [ "$(id -u)" = 0 ]; then
		assert_logged "pid $old (hoard) had "
		[[ $(alert_of death hoard) =~ \(hoard\)\ had\ ([0-9]+)M\ of\ 32M ]]
		((BASH_REMATCH[1] > 16 && BASH_REMATCH[1] <= 32))
	fi
}

last_exit_is() {
	[ "$(status_of "$1" last_exit)" = "$2" ]
}

alert_of() {
	grep -F -- "$1 $2 " "$ALERTS"
}

@test "a capped server that someone else kills was not killed by the kernel" {
	given_hoard 'command = ./hoard memory 64000000'

	kill -KILL "$RUNS"

	assert_alerted death hoard 'signal KILL'
	run -1 grep -F '(oom)' "$ALERTS"
	assert_equal 'last exit' "$(status_of hoard last_exit)" 'signal KILL'
}

@test "after an adoption the kernel's kills of before do not count" {
	given_hoard 'command = ./hoard memory 64000000 --child'
	: >"$SERVERS/hoard/more"
	assert_said 'hoard: the kernel has killed one of its processes for lack of memory'
	rm "$SERVERS/hoard/more"
	running_as hoard "$RUNS"
	monitor_crash
	monitor_start hoard
	assert_adopted hoard "$RUNS"
	assert_left_alone hoard
	assert_equal 'reports' "$(grep -cF 'has killed one of its processes' "$PRINTED")" 1

	kill -KILL "$RUNS"

	assert_alerted death hoard 'signal KILL'
	run -1 grep -F '(oom)' "$ALERTS"
}

# --- what it uses

@test "max_memory: memory that the cgroup counts is told with that; its file cache does not count" {
	given_hoard 'command = ./hoard memory 24000000' 'max_memory = 16M for 1s alert' 'max_fds = 1 for 1s alert'
	[ "$(stat -f -c %T "$SERVERS/hoard")" != tmpfs ] || skip 'files are in memory here'
	assert_alerted limit hoard 'max_fds' # a look that also saw the memory
	nsenter_cgroup hoard dd if=/dev/zero of="$SERVERS/hoard/file" bs=1M count=24 2>/dev/null
	bound_is_above hoard $((16 << 20))
	assert_left_alone hoard
	run -1 grep -F max_memory "$ALERTS"

	: >"$SERVERS/hoard/more"

	assert_alerted limit hoard 'in its cgroup for 1s, 16M allowed'
	[[ $(grep -F 'in its cgroup' "$ALERTS") =~ max_memory\ ([0-9]+)M\ in\ its\ cgroup ]]
	((BASH_REMATCH[1] >= 16 && BASH_REMATCH[1] < 32))
}

# nsenter_cgroup NAME PROGRAM ARG... - runs PROGRAM in the cgroup of NAME, in all hierarchies
nsenter_cgroup() {
	local dir
	dir=$(memory_dir_of "$1")
	# shellcheck disable=SC2016 # it is the inner shell that expands these
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$dir" "${@:2}"
}

memory_dir_of() {
	ask_cgroups "__import__('proc.controllers').controllers.directory('memory', '$(cgroup_of "$1")')"
}

# bound_is_above NAME BYTES - does the kernel charge more than that to its cgroup, with the file cache?
bound_is_above() {
	local dir bound
	dir=$(memory_dir_of "$1")
	bound=$(cat "$dir/memory.current" 2>/dev/null || cat "$dir/memory.usage_in_bytes")
	[ "$bound" -gt "$2" ]
}

@test "max_cpu: what only the cgroup leads to has worked as well" {
	require_cgroups
	given_script busy 'while [ ! -e go ]; do sleep 0.1; done' \
		'env -i /usr/bin/setsid /bin/sh -c "/usr/bin/setsid /bin/sh -c \"while :; do :; done\" & exit"' \
		'while :; do sleep 1; done'
	printf '%s\n' 'max_cpu = 1% for 1s alert' >>"$CONF/servers/busy.conf" # of a busy machine
	monitor_start busy
	runs busy
	wait_until "$PATIENCE" is_inside "$RUNS" busy
	: >"$SERVERS/busy/go"

	assert_alerted limit busy '1% allowed'

	suite_ends 0 stop busy
}

@test "status --json has the number of its processes, with a cgroup and without" {
	given_script pair 'sleep 1000 &' 'sh -c "sleep 1000; :" &' 'wait'
	given_script couple 'sleep 1000 &' 'sh -c "sleep 1000; :" &' 'wait'
	printf '%s\n' 'cgroup = no' >>"$CONF/servers/couple.conf"
	monitor_start pair couple
	runs pair
	runs couple

	wait_until "$PATIENCE" has_processes pair 4
	wait_until "$PATIENCE" has_processes couple 4
}

has_processes() {
	[ "$(status_of "$1" processes)" = "$2" ]
}

@test "processes counts what only the cgroup leads to" {
	given_hermit recluse
	monitor_start recluse
	hermit_runs recluse

	wait_until "$PATIENCE" has_processes recluse 3 # the script, its sleep, the hermit
}
