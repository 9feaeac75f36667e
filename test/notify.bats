#!/usr/bin/env bats
# heartbeat = notify: a server says by sd_notify that it is ready, how it is and that it still serves, as it would under
# systemd; only its own processes are believed.

load helpers

# given_script NAME LINE... - server NAME is a shell script of these lines, whose words go to a notify socket
given_script() {
	mkdir -p "$SERVERS/$1"
	printf '%s\n' '#!/bin/sh' "${@:2}" 'while :; do sleep 1; done' >"$SERVERS/$1/$1"
	chmod +x "$SERVERS/$1/$1"
	given_conf "$1" "dir = $SERVERS/$1" 'heartbeat = notify' 'output = out.txt'
}

# given_speaker NAME [LINE...] - server NAME says READY=1, then what say_as tells it to
given_speaker() {
	mkdir -p "$SERVERS/$1"
	cp "$FIXTURES/speaker.py" "$SERVERS/$1/speaker.py"
	given_conf "$1" "dir = $SERVERS/$1" "command = '$(python)' speaker.py READY=1" 'match = speaker.py' \
		'heartbeat = notify' 'output = out.txt' "${@:2}"
}

# given_running NAME [LINE...] - the same, under a monitor and RUNNING
given_running() {
	given_speaker "$@"
	monitor_start "$1"
	wait_until "$PATIENCE" state_is "$1" RUNNING
}

# say_as NAME TEXT - it says that, and has said it when this returns
say_as() {
	local before
	before=$(grep -c . "$SERVERS/$1/said")
	printf '%s\n' "$2" >"$SERVERS/$1/say"
	wait_until "$PATIENCE" has_said_more "$1" "$before"
}

has_said_more() {
	(($(grep -c . "$SERVERS/$1/said") > $2))
}

# say_to ADDRESS TEXT - another process sends it; that process lives on until the test ends
say_to() {
	"$(python)" -I -S -c '
import socket, sys
where = "\0" + sys.argv[1][1:] if sys.argv[1][0] == "@" else sys.argv[1]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.setblocking(True)
for _ in range(int(sys.argv[3])):
    notify.sendto(sys.argv[2].encode(), where)
print("said", flush=True)
sys.stdin.read()
' "$1" "$2" "${3:-1}" < <(exec sleep 100) >"$BATS_TEST_TMPDIR/stranger" 2>&1 3>&- &
	wait_until "$PATIENCE" grep -q said "$BATS_TEST_TMPDIR/stranger"
}

# variable_of PID NAME - prints what NAME is in its environment
variable_of() {
	tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"
}

open_files_of() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

require_sdnotify() {
	/usr/bin/python3 -c 'import sdnotify' 2>/dev/null || skip "python3-sdnotify is not here"
}

# given_beater NAME [LINE...] - server NAME beats by sdnotify until a file `mute` exists
given_beater() {
	require_sdnotify
	mkdir -p "$SERVERS/$1"
	cat >"$SERVERS/$1/beater.py" <<-'END'
		import os, time
		import sdnotify
		notify = sdnotify.SystemdNotifier()
		notify.notify("READY=1\nSTATUS=given " + os.environ.get("WATCHDOG_USEC", "nothing"))
		while True:
		    if not os.path.exists("mute"):
		        notify.notify("WATCHDOG=1")
		    time.sleep(0.1)
	END
	given_conf "$1" "dir = $SERVERS/$1" 'command = /usr/bin/python3 beater.py' 'match = beater.py' \
		'heartbeat = notify' 'heartbeat_timeout = 2s' 'output = out.txt' "${@:2}"
}

# -- Starting

@test "a server is STARTING until systemd-notify says READY, and status says its STATUS" {
	require systemd-notify
	given_script slow 'until [ -e go ]; do sleep 0.05; done' 'systemd-notify --ready --status="open for all" && : >done'

	monitor_start slow
	wait_until "$PATIENCE" state_is slow STARTING
	[ ! -e "$STATE/restart.log" ]
	: >"$SERVERS/slow/go"

	wait_until "$PATIENCE" state_is slow RUNNING
	wait_until "$PATIENCE" message_says slow 'open for all'
	wait_until "$PATIENCE" test -e "$SERVERS/slow/done" # its BARRIER was answered: else it fails after 5 s
}

@test "a server that never says READY has not started" {
	given_script dumb
	printf '%s\n' 'start_timeout = 500ms' 'restart = never' >>"$CONF/servers/dumb.conf"

	monitor_start dumb

	assert_logged 'Server dumb not started, left alone (no READY=1 after 0.5s)'
}

@test "a server may ask for more time to start" {
	given_speaker slow 'start_timeout = 1s' 'start_seconds = 0s'
	sed -i 's/READY=1/EXTEND_TIMEOUT_USEC=60000000/' "$CONF/servers/slow.conf"

	monitor_start slow
	wait_until "$PATIENCE" test -e "$SERVERS/slow/said"
	sleep 1.5 # more than start_timeout: that is what is tested
	state_is slow STARTING
	say_as slow READY=1

	wait_until "$PATIENCE" state_is slow RUNNING
	assert_equal failures "$(logged_times 'not started')" 0
}

@test "redis supervised by systemd says when it is ready, and again after a restart" {
	require redis-server
	local dir=$SERVERS/redis
	mkdir -p "$dir"
	REDIS_PORT=$(free_port)
	printf '%s\n' 'bind 127.0.0.1' "port $REDIS_PORT" "dir $dir" 'supervised systemd' 'save ""' >"$dir/redis.conf"
	given_conf redis "dir = $dir" "command = $(command -v redis-server) redis.conf" 'heartbeat = notify' 'output = out.txt'

	monitor_start redis
	wait_until "$PATIENCE" state_is redis RUNNING
	wait_until "$PATIENCE" message_says redis 'Ready to accept connections'
	pid=$(pid_of redis)
	kill -KILL "$pid"

	wait_until "$PATIENCE" pid_differs redis "$pid"
	wait_until "$PATIENCE" state_is redis RUNNING
	wait_until "$PATIENCE" message_says redis 'Ready to accept connections'
}

@test "the socket and WATCHDOG_USEC of our own supervisor reach no server" {
	given_server msg_server
	given_speaker speaker
	export NOTIFY_SOCKET=/run/systemd/notify WATCHDOG_USEC=30000000 WATCHDOG_PID=1

	monitor_start msg_server speaker
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is speaker RUNNING

	assert_equal environment "$(tr '\0' '\n' <"/proc/$(pid_of msg_server)/environ" | grep -cE '^(NOTIFY|WATCHDOG)_')" 0
	[[ $(variable_of "$(pid_of speaker)" NOTIFY_SOCKET) != /run/systemd/notify ]]
	assert_equal WATCHDOG_USEC "$(variable_of "$(pid_of speaker)" WATCHDOG_USEC)" ''
}

# -- Beats

@test "a server that beats by sdnotify and goes mute is hung, and restarted" {
	given_beater beater
	monitor_start beater
	wait_until "$PATIENCE" state_is beater RUNNING
	wait_until "$PATIENCE" message_says beater 'given 2000000'
	pid=$(pid_of beater)
	assert_left_alone beater

	: >"$SERVERS/beater/mute"

	assert_alerted hung beater 'no beat for 2s'
	wait_until "$PATIENCE" pid_differs beater "$pid"
	assert_logged 'no beat for 2s'
}

@test "a server that never beat is not judged" {
	given_running quiet 'heartbeat_timeout = 500ms'

	assert_left_alone quiet

	run ! grep -q hung "$ALERTS"
}

@test "a server that says WATCHDOG=trigger is hung at once" {
	given_running honest 'heartbeat_timeout = 1h'
	pid=$(pid_of honest)

	say_as honest WATCHDOG=trigger

	wait_until "$PATIENCE" pid_differs honest "$pid"
	assert_alerted hung honest 'it said WATCHDOG=trigger'
}

@test "one that is left alone is reported once, whatever monitor hears it, and again when it beats" {
	given_running honest 'heartbeat_timeout = 1h' 'restart = never'
	pid=$(pid_of honest)
	say_as honest WATCHDOG=trigger
	assert_alerted hung honest 'it said WATCHDOG=trigger'

	monitor_crash
	monitor_start honest
	assert_adopted honest "$pid"
	say_as honest WATCHDOG=trigger
	say_as honest WATCHDOG=1

	assert_alerted recovery honest 'it beats again'
	assert_equal alerts "$(alerted_times hung honest)" 1
}

@test "a server that is stopping is judged no more, and status says so" {
	given_running leaving 'heartbeat_timeout = 1s'
	say_as leaving 'WATCHDOG=1'

	say_as leaving 'STOPPING=1\nSTATUS=closing files'

	wait_until "$PATIENCE" message_says leaving 'stopping: closing files'
	assert_left_alone leaving
}

@test "a server may ask for more time until its next beat" {
	given_running busy 'heartbeat_timeout = 1s'

	say_as busy 'WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000'

	say_as busy 'EXTEND_TIMEOUT_USEC=60000000'
	assert_left_alone busy
}

@test "a helper that was stopped for longer than the timeout holds it against no server" {
	given_beater beater
	monitor_start beater
	wait_until "$PATIENCE" message_says beater given
	# shellcheck disable=SC2153 # set by monitor_start
	helper=$(helper_of "$MONITOR")
	beater=$(pid_of beater)

	kill -STOP "$helper" "$beater" # as when a machine stands still
	sleep 4                        # twice the timeout: that is what is tested
	kill -CONT "$helper" "$beater"

	assert_left_alone beater
	run ! grep -q hung "$ALERTS"
}

# given_running_beater - beater beats by other processes until a file `mute` exists, under a monitor; $pid is its pid
given_running_beater() {
	require systemd-notify
	given_script beater 'systemd-notify --ready' 'while [ ! -e mute ]; do systemd-notify WATCHDOG=1; sleep 0.2; done'
	printf '%s\n' 'heartbeat_timeout = 2s' >>"$CONF/servers/beater.conf"
	monitor_start beater
	wait_until "$PATIENCE" state_is beater RUNNING
	pid=$(pid_of beater)
}

@test "a monitor that was killed has a successor that hears the same servers" {
	given_running_beater

	monitor_crash
	monitor_start beater
	assert_adopted beater "$pid"
	assert_left_alone beater
	: >"$SERVERS/beater/mute"

	assert_alerted hung beater 'no beat for 2s'
	wait_until "$PATIENCE" pid_differs beater "$pid"
}

@test "a server that has gone mute while no monitor ran is hung to the next one" {
	given_running_beater
	wait_until "$PATIENCE" grep -q "^beats $pid:" "$STATE/servers/beater/record"

	monitor_crash
	: >"$SERVERS/beater/mute"
	monitor_start beater

	assert_alerted hung beater 'no beat for 2s'
	wait_until "$PATIENCE" pid_differs beater "$pid"
}

@test "an update loses no client, not even one that has connected once for all" {
	given_beater beater
	monitor_start beater
	wait_until "$PATIENCE" message_says beater given
	pid=$(pid_of beater)

	printf '%s\n' 'give_up = 5 in 1m' >>"$CONF/servers/beater.conf"
	suite_ends 0 update
	assert_left_alone beater
	: >"$SERVERS/beater/mute"

	assert_alerted hung beater 'no beat for 2s'
	wait_until "$PATIENCE" pid_differs beater "$pid"
}

@test "a server that was started while no monitor ran is heard by the next one" {
	given_speaker early
	suite_ends 0 start early
	pid=$(pid_of early)

	monitor_start early
	assert_adopted early "$pid"
	wait_until "$PATIENCE" test -p "$SERVERS/early/say"
	wait_until "$PATIENCE" speaks early

	wait_until "$PATIENCE" message_says early 'here I am'
}

# speaks NAME - it sends that, and is heard
speaks() {
	say_as "$1" 'STATUS=here I am'
}

# -- Ends

@test "a server that is stopped may ask for more time" {
	given_running slow 'stop = TERM 500ms KILL'
	pid=$(pid_of slow)
	: >"$SERVERS/slow/slow"

	suite stop slow </dev/null >"$SAID" 2>&1 &
	wait_until "$PATIENCE" grep -q STOPPING "$SERVERS/slow/said"
	sleep 1 # more than stop gives it: that is what is tested
	run ! is_gone "$pid"
	: >"$SERVERS/slow/end"

	wait_until "$PATIENCE" is_gone "$pid"
	assert_logged 'Server slow stopped by order'
}

# -- Who is believed

@test "what a stranger sends is ignored, and reported once" {
	given_running honest 'heartbeat_timeout = 1h'
	address=$(variable_of "$(pid_of honest)" NOTIFY_SOCKET)

	say_to "$address" 'STATUS=forged' 20
	say_to "$address" 'WATCHDOG=trigger'
	say_as honest 'STATUS=true'

	wait_until "$PATIENCE" message_says honest 'true'
	assert_left_alone honest
	assert_equal remarks "$(grep -c 'is no process of it' "$PRINTED")" 1
}

@test "a MAINPID that is a stranger's is not followed" {
	given_running liar
	pid=$(pid_of liar)
	start_stranger / sleep 100

	say_as liar "MAINPID=$BY_HAND"
	say_as liar 'MAINPID=1'
	say_as liar 'MAINPID=99999999'
	say_as liar 'MAINPID=x y'

	assert_said "liar: notify: MAINPID='$BY_HAND' is no living process of it; ignored"
	assert_left_alone liar
	assert_equal pid "$(pid_of liar)" "$pid"
	suite_ends 0 stop liar
	run ! is_gone "$BY_HAND"
}

@test "a MAINPID that is its child's is followed: its death is the server's" {
	given_running parent 'start_seconds = 0s'
	pid=$(pid_of parent)

	say_as parent 'MAINPID={child}'
	wait_until "$PATIENCE" pid_differs parent "$pid"
	child=$(pid_of parent)
	assert_logged "Server parent moved from pid=$pid to pid=$child"
	say_as parent 'STATUS=still heard'
	wait_until "$PATIENCE" message_says parent 'still heard'
	kill -KILL "$child"

	assert_logged "Server parent stopped, pid=$child, restarting... (signal KILL"
	wait_until "$PATIENCE" is_gone "$pid"
	wait_until "$PATIENCE" state_is parent RUNNING
}

@test "a child may speak for the server" {
	require systemd-notify
	given_script parent '(systemd-notify --no-block STATUS=begun; systemd-notify --ready --pid=self; sleep 100) &'

	monitor_start parent

	wait_until "$PATIENCE" state_is parent RUNNING
}

@test "a daemon speaks for itself when the process that was launched has ended" {
	given_speaker daemon 'pid_from = pidfile speaker.pid'
	sed -i 's/READY=1/--daemonize READY=1/' "$CONF/servers/daemon.conf"

	monitor_start daemon

	wait_until "$PATIENCE" state_is daemon RUNNING
	say_as daemon 'STATUS=in the background'
	wait_until "$PATIENCE" message_says daemon 'in the background'
}

@test "a server of another user is heard" {
	[ "$(id -u)" -eq 0 ] || skip 'only root may start a server as another user'
	given_speaker guest 'user = nobody' 'heartbeat_timeout = 1h'
	sed -Ei "s#^command = ('[^']*'|[^ ]*)#command = /usr/bin/python3#" "$CONF/servers/guest.conf"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$SERVERS"
	chmod 777 "$SERVERS/guest"
	setpriv --reuid=65534 --clear-groups test -r "$SERVERS/guest/speaker.py" || skip 'nobody cannot come here'

	monitor_start guest

	wait_until "$PATIENCE" state_is guest RUNNING
}

@test "a monitor of an ordinary user has its sockets below its state directory" {
	[ "$(id -u)" -eq 0 ] || skip 'root becomes one here'
	# shellcheck disable=SC2016 # it is the server that expands this
	given_script plain 'echo "$NOTIFY_SOCKET" >address' 'systemd-notify --ready'
	require systemd-notify setpriv
	chmod 755 "$BATS_RUN_TMPDIR"
	chown -R 65534:65534 "$BATS_TEST_TMPDIR"

	setpriv --reuid=65534 --regid=65534 --clear-groups "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" plain \
		</dev/null >>"$PRINTED" 2>&1 3>&- 4>&- &
	MONITORS+=("$!")

	assert_logged 'Server plain started'
	assert_equal address "$(<"$SERVERS/plain/address")" "$STATE/servers/plain/notify"
}

# -- What cannot harm

# has_at_most PID NUMBER - has it so many files open, or fewer?
has_at_most() {
	[ "$(open_files_of "$1")" -le "$2" ]
}

@test "descriptors that come with a message are closed" {
	given_running generous
	helper=$(helper_of "$MONITOR")
	before=$(open_files_of "$helper")

	for text in FDSTORE=1 BARRIER=1 rubbish; do
		say_as generous "fds 100 $text"
	done
	say_as generous "fds 253 STATUS=given"

	wait_until "$PATIENCE" message_says generous given
	wait_until "$PATIENCE" has_at_most "$helper" "$before" # it may have had one more for a moment, then or now
}

@test "status is one line, without control characters, however long the STATUS" {
	given_running rude

	say_as rude "STATUS=$(printf 'red \033[31m\t%05000d' 0 | head -c 3000)"

	wait_until "$PATIENCE" message_says rude 'red  [31m 0000'
	message=$(status_of rude message)
	((${#message} <= 200))
}

@test "a flood of messages keeps no other server from its restart" {
	given_server msg_server
	given_running loud
	monitor_stop
	monitor_start loud msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	address=$(variable_of "$(pid_of loud)" NOTIFY_SOCKET)
	pid=$(pid_of msg_server)

	say_to "$address" 'WATCHDOG=1' 20000 &
	kill -KILL "$pid"

	wait_until "$PATIENCE" pid_differs msg_server "$pid"
	wait_until "$PATIENCE" state_is loud RUNNING
}
