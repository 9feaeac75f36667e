#!/usr/bin/env bats
# A process belongs to a server by proof: it was seen to descend from it, its session is the server's, or it carries the
# id of the server's launch under the right user. What is not proved is never signalled.

load helpers
load fixtures/orders

# given_family [LINE...] - server x, a script that starts a child in a session of its own and one that daemonizes twice;
# their pids come to be in the files away and twice of its directory
given_family() {
	require setsid
	mkdir -p "$SERVERS/x"
	cat >"$SERVERS/x/x" <<-'END'
		#!/bin/sh
		setsid sleep 1000 &
		echo $! >away.new
		setsid sh -c 'sleep 1000 & echo $! >twice.new; mv twice.new twice' &
		mv away.new away
		while :; do sleep 1; done
	END
	chmod +x "$SERVERS/x/x"
	given_conf x "dir = $SERVERS/x" "$@"
}

# has_family - has it started both?  $AWAY and $TWICE are their pids
has_family() {
	AWAY=$(<"$SERVERS/x/away") && TWICE=$(<"$SERVERS/x/twice") && ! is_gone "$AWAY" && ! is_gone "$TWICE"
}

# family_runs - x is RUNNING as $RUNS, with its family
family_runs() {
	runs x
	wait_until "$PATIENCE" has_family
}

are_gone() {
	local pid
	for pid; do
		is_gone "$pid" || return 1
	done
}

# variable_of PID NAME - prints what NAME is in its environment
variable_of() {
	tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"
}

session_is() {
	local stat
	stat=$(<"/proc/$1/stat") || return
	stat=${stat##*) }
	read -r _ _ _ stat _ <<<"$stat"
	[ "$stat" = "$2" ]
}

# start_session_as PID - a stranger has that pid, and a session of that number
start_session_as() {
	wait_until "$PATIENCE" test ! -e "/proc/$1"
	start_stranger / "$(fixture as_pid)" "$1" "$(command -v setsid)" sleep 1000
	wait_until "$PATIENCE" session_is_or_denied "$1" "$BY_HAND"
	! is_gone "$BY_HAND" || skip "may not choose a pid here (needs root)"
}

session_is_or_denied() {
	is_gone "$2" || session_is "$1" "$1"
}

# as_nobody DIR PROGRAM ARG0 - an ordinary user runs PROGRAM in DIR under that name; $BY_HAND is its pid
as_nobody() {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	require setpriv
	open_to_all
	# shellcheck disable=SC2016 # it is bash that expands this
	start_stranger "$1" setpriv --reuid nobody --regid nogroup --clear-groups \
		bash -c 'exec -a "$1" "$2" --log=none' bash "$3" "$2"
	wait_until "$PATIENCE" runs_as "$BY_HAND" "$2"
}

runs_as() {
	[ "$(readlink "/proc/$1/exe")" = "$2" ]
}

# open_to_all - others may go to the directories of this test's servers
open_to_all() {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$SERVERS"
}

# --- the whole tree

@test "each launch has an INVOCATION_ID of its own, which is in the record" {
	given_server msg_server 'environment = INVOCATION_ID=ours'
	export INVOCATION_ID=of_our_supervisor
	monitor_start msg_server
	runs msg_server
	first=$(variable_of "$RUNS" INVOCATION_ID)

	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	runs msg_server
	second=$(variable_of "$RUNS" INVOCATION_ID)

	[[ $first =~ ^[0-9a-f]{32}$ && $second =~ ^[0-9a-f]{32}$ && $first != "$second" ]]
	wait_until "$PATIENCE" grep -qx "invocation $second" "$STATE/servers/msg_server/record"
}

@test "a launched server leads a session of its own" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server

	session_is "$RUNS" "$RUNS"
}

@test "what a server leaves behind becomes a child of the helper" {
	given_family
	monitor_start x

	family_runs

	assert_equal parent "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$TWICE/status")" "$(helper_of "$MONITOR")"
}

@test "stop ends a child in a session of its own, and one that daemonized twice" {
	given_family
	monitor_start x
	family_runs

	suite_ends 0 stop x

	wait_until "$PATIENCE" are_gone "$RUNS" "$AWAY" "$TWICE"
}

@test "a monitor that adopts the server after the crash of another ends them too" {
	given_family
	monitor_start x
	family_runs
	monitor_crash
	monitor_start x
	assert_adopted x "$RUNS"

	suite_ends 0 stop x

	wait_until "$PATIENCE" are_gone "$RUNS" "$AWAY" "$TWICE"
}

@test "without a monitor stop ends them too" {
	given_family
	monitor_start x
	family_runs
	monitor_crash

	suite_ends 0 stop x

	wait_until "$PATIENCE" are_gone "$RUNS" "$AWAY" "$TWICE"
}

@test "after a death all that descends from the dead one ends before the start" {
	given_family
	monitor_start x
	family_runs
	family=("$RUNS" "$AWAY" "$TWICE")

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs x "${family[0]}"
	are_gone "${family[@]}"
}

@test "an orphan of another server is left alone" {
	given_family 'stop_tree = no'
	given_server msg_server
	monitor_start x msg_server
	family_runs
	suite_ends 0 stop x
	kin=$AWAY

	suite_ends 0 restart msg_server
	suite_ends 0 stop msg_server

	run ! is_gone "$kin"
	run ! is_gone "$TWICE"
}

# --- deaths that no monitor saw

# given_master - msg_server under a monitor, with a child that looks like it and keeps its port; $RUNS and $CHILD
given_master() {
	PORT=$(free_port)
	given_server msg_server "command = ./msg_server --port $PORT --leave-child" "port = $PORT"
	monitor_start msg_server
	runs msg_server
	wait_until "$PATIENCE" has_child "$RUNS"
}

# has_child PID - has it one?  $CHILD is its pid
has_child() {
	read -r CHILD <"/proc/$1/task/$1/children" || [ -n "$CHILD" ] # no newline ends it
}

@test "a master that dies together with the helper: its worker is ended, not adopted" {
	expect_helper_deaths
	given_master

	kill -KILL "$(helper_of "$MONITOR")" "$RUNS"

	wait_until "$PATIENCE" is_gone "$CHILD"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	run ! pid_differs msg_server "$(pid_of msg_server)"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "a master that dies while no monitor runs: its worker is ended, not adopted" {
	given_master
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"

	monitor_start msg_server

	wait_until "$PATIENCE" is_gone "$CHILD"
	wait_until "$PATIENCE" state_is msg_server RUNNING
	[ "$(pid_of msg_server)" != "$CHILD" ]
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

# given_late_worker PROGRAM... - server x runs without a cgroup; once it counted as started it has begun a worker without
# any environment, with PROGRAM in front; then the monitor and x were killed together.  $WORKER lives
given_late_worker() {
	require setsid
	mkdir -p "$SERVERS/x"
	mkfifo "$SERVERS/x/order"
	printf '#!/bin/sh\nread -r _ <order\nenv -i %s sleep 1000 &\necho $! >new\nmv new worker\nwait\n' "$*" >"$SERVERS/x/x"
	chmod +x "$SERVERS/x/x"
	given_conf x "dir = $SERVERS/x" 'cgroup = no'
	monitor_start x
	runs x
	echo >"$SERVERS/x/order"
	wait_until "$PATIENCE" test -e "$SERVERS/x/worker"
	WORKER=$(<"$SERVERS/x/worker")
	wait_until "$PATIENCE" record_proves x "$WORKER"
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"
	! is_gone "$WORKER"
}

@test "a worker that began after the start, without a cgroup or an environment, is ended by the next monitor" {
	given_late_worker
	monitor_start x

	runs x
	is_gone "$WORKER"
}

@test "so is one that began a session of its own" {
	given_late_worker setsid
	monitor_start x

	runs x
	is_gone "$WORKER"
}

@test "status takes no worker of a dead master for the server" {
	given_master
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"

	assert_equal pid "$(pid_of msg_server)" ''
}

# given_shared_session - msg_server was started by hand, in a session that it shares with strangers, and has a child that
# keeps its port; the monitor has noted the child, and is dead, as is the server since; $CHILD
given_shared_session() {
	PORT=$(free_port)
	given_server msg_server "command = ./msg_server --port $PORT --leave-child" "port = $PORT"
	start_by_hand msg_server --port "$PORT" --leave-child
	wait_until "$PATIENCE" has_child "$BY_HAND"
	monitor_start msg_server
	assert_adopted msg_server "$BY_HAND"
	wait_until "$PATIENCE" grep -q "^kids $CHILD:" "$STATE/servers/msg_server/record"
	monitor_crash
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"
}

@test "the children of a server that was started by hand in a session of others: the next monitor ends them" {
	given_shared_session

	monitor_start msg_server

	wait_until "$PATIENCE" is_gone "$CHILD"
	runs msg_server
	assert_equal 'starts' "$(starts_of msg_server)" 2
	assert_equal 'failed starts' "$(logged_times 'not started')" 0
}

@test "PID reuse: a stranger that gets the number of such a child is left alone" {
	given_shared_session
	kill -KILL "$CHILD"
	start_session_as "$CHILD"

	monitor_start msg_server
	runs msg_server
	suite_ends 0 stop msg_server

	run ! is_gone "$CHILD"
}

# given_orphan - no monitor runs, and the master of given_master has died since: its worker $CHILD holds the port
given_orphan() {
	given_master
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"
}

@test "without a monitor stop ends what a dead server left" {
	given_orphan

	suite_ends 0 stop msg_server

	is_gone "$CHILD"
	run -1 is_listening "$PORT"
	assert_equal 'answer' "$(<"$SAID")" 'msg_server: stopped'
}

@test "without a monitor start ends what a dead server left, which holds the port" {
	given_orphan

	suite_ends 0 start msg_server

	is_gone "$CHILD"
	is_listening "$PORT"
	assert_equal 'starts' "$(starts_of msg_server)" 2
}

@test "without a monitor start and stop spare what a dead server left, where stop_tree says so" {
	given_family 'stop_tree = no'
	monitor_start x
	family_runs
	monitor_crash
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" is_gone "$RUNS"

	suite_ends 0 start x
	suite_ends 0 stop x

	run ! is_gone "$AWAY"
	run ! is_gone "$TWICE"
}

@test "monitor and helper are killed during a stop, when the server has ended and its child has not: the next one ends it" {
	given_server msg_server 'command = ./msg_server --port 0 --term-when go --leave-child' 'stop = TERM 600s KILL'
	monitor_start msg_server
	runs msg_server
	wait_until "$PATIENCE" has_child "$RUNS"
	: >"$SERVERS/msg_server/go"
	operator stop msg_server
	wait_until "$PATIENCE" is_gone "$RUNS"
	run ! is_gone "$CHILD" # it hears TERM, and goes on
	monitor_crash
	operator_ends 7
	sed -i 's/^stop = .*/stop = TERM 100ms KILL/' "$CONF/servers/msg_server.conf"

	monitor_start msg_server

	wait_until "$PATIENCE" is_gone "$CHILD"
	wait_until "$PATIENCE" state_is msg_server STOPPED
	assert_logged 'Server msg_server stopped by order (KILL was needed after 0.1s for what it left behind)'
	assert_equal 'starts' "$(starts_of msg_server)" 1
}

# --- numbers that are used again

@test "PID reuse: a stranger that gets the number of a dead session is left alone, by stop and by start" {
	require setsid
	given_server msg_server
	start_stranger "$SERVERS/msg_server" setsid ./msg_server
	old=$BY_HAND
	monitor_start msg_server
	assert_adopted msg_server "$old"
	suite_ends 0 stop msg_server

	start_session_as "$old"
	suite_ends 0 start msg_server
	suite_ends 0 restart msg_server
	suite_ends 0 stop msg_server

	run ! is_gone "$old"
}

@test "PID reuse: nor by a monitor that finds that number in a record" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	old=$RUNS
	monitor_crash
	kill -KILL "$old"
	wait_until "$PATIENCE" is_gone "$old"

	start_session_as "$old"
	monitor_start msg_server
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	suite_ends 0 stop msg_server

	run ! is_gone "$old"
}

@test "more children than one read(2) brings are all seen" {
	run -0 "$(python)" -BEs -c '
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from proc import identity
children = []
for _ in range(1500):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    children.append(pid)
print(sorted(identity.children(os.getpid())) == sorted(children))
for pid in children:
    os.kill(pid, signal.SIGKILL)
' "$ROOT/pyhelpers"

	assert_equal 'all seen' "$output" True
}

# --- whose is it, of several

@test "what runs in the directory of a server that conf has is that server's, though this monitor does not watch it" {
	given_server a "command = $SERVERS/a/a --log=none"
	given_server b "command = $SERVERS/a/a --log=none" 'match = a'
	start_stranger "$SERVERS/b" "$SERVERS/a/a" --log=none

	monitor_start a
	runs a

	[ "$RUNS" != "$BY_HAND" ]
	assert_equal 'pid of b' "$(pid_of b)" "$BY_HAND"
	suite_ends 0 stop a
	run ! is_gone "$BY_HAND"
}

@test "a server of root is not what another user runs under its name in its directory" {
	given_server msg_server
	given_program "$BATS_TEST_TMPDIR/anything"
	chmod 777 "$SERVERS/msg_server"
	as_nobody "$SERVERS/msg_server" "$BATS_TEST_TMPDIR/anything" ./msg_server

	monitor_start msg_server
	runs msg_server

	[ "$RUNS" != "$BY_HAND" ]
	suite_ends 0 stop msg_server
	run ! is_gone "$BY_HAND"
}

# given_mute_server - msg_server writes nothing: another user may run it
given_mute_server() {
	given_server msg_server 'command = ./msg_server --log=none'
	: >"$SERVERS/msg_server/starts"
	chmod 666 "$SERVERS/msg_server/starts"
}

@test "a server of root that has become another user is adopted, where only root may write the program" {
	given_mute_server
	as_nobody "$SERVERS/msg_server" "$SERVERS/msg_server/msg_server" ./msg_server

	monitor_start msg_server

	assert_adopted msg_server "$BY_HAND"
}

@test "a worker of another user, whose master has died, is not the server" {
	require setsid setpriv
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	given_mute_server
	open_to_all
	start_stranger "$SERVERS/msg_server" setsid sh -c \
		'setpriv --reuid nobody --regid nogroup --clear-groups ./msg_server --log=none & echo $! >worker; wait'
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/starts"
	worker=$(<"$SERVERS/msg_server/worker")
	kill -KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"

	monitor_start msg_server
	runs msg_server

	[ "$RUNS" != "$worker" ]
}

# --- who is believed

# given_victim - server victim speaks by sd_notify, as root; $ADDRESS is where, $RUNS its pid
given_victim() {
	mkdir -p "$SERVERS/victim" "$SERVERS/evil"
	cp "$FIXTURES/speaker.py" "$SERVERS/victim/speaker.py"
	given_conf victim "dir = $SERVERS/victim" "command = '$(python)' speaker.py READY=1" 'match = speaker.py' 'heartbeat = notify' \
		'heartbeat_timeout = 1h'
	cat >"$SERVERS/evil/evil.py" <<-'END'
		import os, socket, time
		if os.fork() == 0:
		    os.setsid()
		    if os.fork() > 0:
		        os._exit(0)
		    os.setsid()
		    while not os.path.exists("say"):
		        time.sleep(0.05)
		    address, *lines = open("say").read().splitlines()
		    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		    for line in lines:
		        notify.sendto(line.replace("SELF", str(os.getpid())).encode(), "\0" + address[1:])
		    open("said", "w").close()
		while True:
		    time.sleep(100)
	END
	given_conf evil "dir = $SERVERS/evil" "command = /usr/bin/python3 evil.py" 'match = evil.py' 'user = nobody' 'group = nogroup'
}

@test "an orphan of another server's user has no word: neither WATCHDOG=trigger nor MAINPID" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	given_victim
	open_to_all
	require setpriv
	setpriv --reuid nobody --regid nogroup --clear-groups /usr/bin/python3 -c '' || skip 'nobody has no python3 here'
	chown nobody "$SERVERS/evil"
	monitor_start victim evil
	runs evil
	runs victim
	address=$(variable_of "$RUNS" NOTIFY_SOCKET)

	printf '%s\n' "$address" WATCHDOG=trigger MAINPID=SELF STATUS=forged >"$SERVERS/evil/say.new"
	mv "$SERVERS/evil/say.new" "$SERVERS/evil/say"
	wait_until "$PATIENCE" test -e "$SERVERS/evil/said"

	assert_said 'victim: notify: pid '
	assert_left_alone victim
	assert_equal pid "$(pid_of victim)" "$RUNS"
	assert_equal 'hung' "$(logged_times ' hung, ')" 0
}

# send_descriptor ADDRESS FILE - a stranger sends an open descriptor of it there, and lives on
send_descriptor() {
	"$(python)" -I -S -c '
import os, socket, sys
fd = os.open(sys.argv[2], os.O_RDONLY)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect("\0" + sys.argv[1][1:])
socket.send_fds(notify, [b"X=1"], [fd])
print("sent", flush=True)
sys.stdin.read()
' "$1" "$2" < <(exec sleep 100) >"$BATS_TEST_TMPDIR/sender" 2>&1 3>&- &
	wait_until "$PATIENCE" grep -q sent "$BATS_TEST_TMPDIR/sender"
}

# given_mute_file KIND - $MUTE/f is a file of a file system that answers no KIND (fixtures/mutefs.py)
given_mute_file() {
	if [ "$(id -u)" != 0 ] || [ ! -e /dev/fuse ]; then
		skip 'may not mount a file system of its own here (needs root and /dev/fuse)'
	fi
	MUTE=$BATS_TEST_TMPDIR/mute
	mkdir "$MUTE"
	"$(python)" -I -S "$FIXTURES/mutefs.py" "$MUTE" "$1" </dev/null >"$BATS_TEST_TMPDIR/mutefs" 2>&1 3>&- 4>&- &
	wait_until "$PATIENCE" grep -q " $MUTE fuse" /proc/mounts
	MOUNTS+=("$MUTE")
}

# harms_nobody KIND - a descriptor of such a file, sent by a stranger, keeps no server from its restart
harms_nobody() {
	given_mute_file "$1"
	given_victim
	given_server msg_server
	monitor_start victim msg_server
	runs victim
	address=$(variable_of "$RUNS" NOTIFY_SOCKET)
	runs msg_server

	send_descriptor "$address" "$MUTE/f"
	assert_said 'victim: notify: pid '
	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	printf 'STATUS=still heard\n' >"$SERVERS/victim/say"
	wait_until "$PATIENCE" message_says victim 'still heard'
}

@test "a descriptor whose close is not answered (FLUSH) harms no server" {
	harms_nobody flush
}

@test "a descriptor that cannot be examined (GETATTR) harms no server" {
	harms_nobody getattr
}

@test "a descriptor of a socket that lingers harms no server" {
	given_victim
	given_server msg_server
	monitor_start victim msg_server
	runs victim
	address=$(variable_of "$RUNS" NOTIFY_SOCKET)
	[[ $address == @* ]] || skip 'only the socket of a monitor of root takes the word of strangers'
	runs msg_server

	helper=$(helper_of "$MONITOR")
	kill -STOP "$helper" # the last reference is to be the one that it is sent
	"$(python)" -I -S -c '
import os, socket, struct, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
peer = socket.create_connection(listener.getsockname())
peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("2i", 1, 600))
peer.setblocking(False)
try:
    while True:
        peer.send(b"x" * 65536)
except BlockingIOError:
    pass
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect("\0" + sys.argv[1][1:])
if os.fork() == 0:
    os.close(peer.detach())  # it is still open in the other process
    time.sleep(100)  # and holds the listener, which reads nothing
socket.send_fds(notify, [b"X=1"], [peer.fileno()])
os._exit(0)
' "$address" </dev/null >/dev/null 2>&1 3>&- 4>&-
	kill -CONT "$helper"
	printf 'STATUS=still heard\n' >"$SERVERS/victim/say"

	wait_until "$PATIENCE" message_says victim 'still heard'
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
}

# --- launchers

@test "a server launched in the foreground is RUNNING, whatever its pidfile says; that then confirms it" {
	given_server msg_server 'command = ./msg_server --pidfile server.pid --pidfile-when go' 'pid_from = pidfile server.pid' \
		'start_timeout = 600s'
	monitor_start msg_server

	runs msg_server
	assert_equal source "$(status_of msg_server source)" own
	: >"$SERVERS/msg_server/go"

	wait_until "$PATIENCE" source_is msg_server pidfile
	assert_equal pid "$(pid_of msg_server)" "$RUNS"
	assert_equal starts "$(starts_of msg_server)" 1
}

source_is() {
	[ "$(status_of "$1" source)" = "$2" ]
}

# given_launcher LINE... - server x is a script of these lines, known by a pidfile alone
given_launcher() {
	require setsid
	mkdir -p "$SERVERS/x"
	printf '%s\n' '#!/bin/sh' "$@" >"$SERVERS/x/x"
	chmod +x "$SERVERS/x/x"
	given_conf x "dir = $SERVERS/x" 'pid_from = pidfile x.pid' 'start_timeout = 600s' 'backoff = 600s 600s'
}

@test "the end of a launcher that had counted as the server is no death: the daemon takes its place" {
	# shellcheck disable=SC2016 # it is the script that expands this
	given_launcher 'if [ "$1" = serve ]; then while :; do sleep 1; done; fi' 'setsid ./x serve &' \
		'while [ ! -e go ]; do sleep 0.1; done'
	monitor_start x
	runs x
	launcher=$RUNS

	: >"$SERVERS/x/go"

	assert_logged "Server x moved from pid=$launcher to pid="
	wait_until "$PATIENCE" is_gone "$launcher"
	wait_until "$PATIENCE" pid_differs x "$launcher"
	assert_equal deaths "$(alerted_times death x)" 0
}

@test "a launcher whose last orphan ends has failed, at once" {
	# shellcheck disable=SC2016 # it is the script that expands this
	given_launcher 'setsid sh -c ": >up; while [ ! -e go ]; do sleep 0.1; done" &' \
		'while [ ! -e up ]; do sleep 0.1; done; echo $$ >launcher; exit 0' # before its exec the orphan looks like the server
	printf '%s\n' 'start_seconds = 60s' >>"$CONF/servers/x.conf"        # on a busy machine it takes its time to end
	monitor_start x
	wait_until "$PATIENCE" test -s "$SERVERS/x/launcher"
	wait_until "$PATIENCE" test ! -e "/proc/$(<"$SERVERS/x/launcher")" # reaped; whose orphan ended first just failed
	state_is x STARTING

	: >"$SERVERS/x/go"

	assert_logged 'all that it started has ended'
}
