#!/usr/bin/env bats
# A server that lives and listens but does not answer its check is ended and started again, and no other is.

load helpers
load fixtures/checks

# --- http

@test "case 2: alive, listening, deadlocked: TERM, KILL, start" {
	given_asked x "check = http http://127.0.0.1:{port}/status" 'check_timeout = 1s' 'stop = TERM 300ms KILL'
	: >"$SERVERS/x/stubborn"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x mute
	assert_logged "Server x hung, pid=$old, ended (check http://127.0.0.1:$ASKED_PORT/status failed 3 times: no answer within 1s; KILL was needed after 0.3s)"
	mode_is x 200

	wait_until "$PATIENCE" pid_differs x "$old"
	wait_until "$PATIENCE" is_gone "$old"
	wait_until "$PATIENCE" state_is x RUNNING
	assert_alerted hung x 'failed 3 times: no answer within 1s'
	assert_equal 'hung' "$(logged_times ' hung, ')" 1
}

@test "case 3: a stopped server still takes connections, and its check finds it hung" {
	given_asked x 'check = http http://127.0.0.1:{port}/' 'check_timeout = 1s'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	kill -STOP "$old"

	assert_hung x "$old" "check http://127.0.0.1:$ASKED_PORT/ failed 3 times: no answer within 1s"
	wait_until "$PATIENCE" is_gone "$old"
}

@test "every answer that is not good is reported in words" {
	local url mode
	declare -A words=(
		[503]='status 503'
		[garbage]='no HTTP: SSH-2.0-OpenSSH_9.2'
		[close]='it closed the connection without an answer'
		[half]='it closed the connection within the head of its answer'
		[endless]='the head of its answer does not end in 64 KiB'
		[flood]='more than 50 answers 1xx, and not the true one'
	)
	given_asked x 'check = http http://127.0.0.1:{port}/' 'check_failures = 1'
	url=http://127.0.0.1:$ASKED_PORT/
	monitor_start x

	for mode in "${!words[@]}"; do
		wait_until "$PATIENCE" state_is x RUNNING
		old=$(pid_of x)
		mode_is x "$mode"
		assert_logged "Server x hung, pid=$old, ended (check $url failed: ${words[$mode]})"
		mode_is x early # which is good
		wait_until "$PATIENCE" pid_differs x "$old"
	done
}

@test "with a CODE, no other status will do" {
	given_asked x 'check = http http://localhost:{port}/ 204'
	mode_is x 204
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x 200

	assert_hung x "$old" "check http://localhost:$ASKED_PORT/ failed 3 times: status 200, not 204"
}

@test "a success between failures begins the count anew" {
	given_asked x 'check = http http://127.0.0.1:{port}/'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x third # two failures, one success
	wait_until "$PATIENCE" asked_more x 12 third

	running_as x "$old"
	assert_not_hung
	mode_is x 503
	assert_hung x "$old" "check http://127.0.0.1:$ASKED_PORT/ failed 3 times: status 503"
}

@test "status tells of the failures so far" {
	given_asked x 'check = http http://127.0.0.1:{port}/' 'check_failures = 1000'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING

	mode_is x 503

	wait_until "$PATIENCE" message_says x "check http://127.0.0.1:$ASKED_PORT/: status 503 ("
	mode_is x 200
	wait_until "$PATIENCE" message_is_empty x
}

message_is_empty() {
	[ -z "$(status_of "$1" message)" ]
}

@test "a host that is a name is asked by curl" {
	require curl
	# 127.1 is no numeric address to us, and needs no DNS
	given_asked x 'check = http http://127.1:{port}/{a,b}' 'check_failures = 2' # to curl that would be two
	export HOME=$BATS_TEST_TMPDIR
	echo 'proxy = http://127.0.0.1:1' >"$HOME/.curlrc" # whoever asks has an own one
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x 503
	assert_hung x "$old" "check http://127.1:$ASKED_PORT/{a,b} failed 2 times: status 503"
	mode_is x 200
	wait_until "$PATIENCE" state_is x RUNNING

	mode_is x close
	assert_logged 'failed 2 times: exit 52: curl: (52) '
}

@test "nginx whose workers hang, master alive, is restarted" {
	given_nginx
	printf '%s\n' "check = http http://127.0.0.1:$NGINX_PORT/ 200" 'check_every = 200ms' 'check_timeout = 1s' \
		>>"$CONF/servers/nginx.conf"
	monitor_start nginx
	wait_until "$PATIENCE" state_is nginx RUNNING
	old=$(pid_of nginx)
	assert_left_alone nginx

	read -ra workers <"/proc/$old/task/$old/children" || : # no end of line
	kill -STOP "${workers[@]}"

	assert_hung nginx "$old" "check http://127.0.0.1:$NGINX_PORT/ failed 3 times: no answer within 1s"
	wait_until "$PATIENCE" state_is nginx RUNNING
}

# --- tcp

@test "a server that no longer listens is found by its tcp check" {
	given_asked x 'check = tcp'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	mode_is x deaf

	assert_hung x "$old" "check tcp 127.0.0.1:$ASKED_PORT failed 3 times: connection refused"
}

@test "a server is called where it listens" {
	run -0 "$(python)" -I -S -c '
import os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from proc import ports
for host in "127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::":
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen()
        print(host, ports.address(listener.getsockname()[1], os.getpid()))
with socket.create_server(("127.0.0.3", 0)) as other:
    port = other.getsockname()[1]
    with socket.create_server(("127.0.0.4", port)) as ours:
        pid = os.fork()
        if pid == 0:
            ours.close()
            signal.pause()
        other.close()
        print("of two", ports.address(port, os.getpid()), ports.address(port, pid))
        os.kill(pid, 9)
        os.wait()
print("nobody", repr(ports.address(port, os.getpid())))
' "$ROOT/pyhelpers"

	assert_equal 'addresses' "$output" '127.0.0.1 127.0.0.1
127.0.0.2 127.0.0.2
0.0.0.0 127.0.0.1
::1 ::1
:: ::1
of two 127.0.0.4 127.0.0.3
nobody '"''"
}

# --- starting

@test "case 23: a slow starter is STARTING until its check succeeds, and is not started twice" {
	given_asked x 'check = http http://127.0.0.1:{port}/'
	: >"$SERVERS/x/wait"
	mode_is x 503
	monitor_start x
	wait_until "$PATIENCE" state_is x STARTING
	first=$(pid_of x)
	wait_until "$PATIENCE" is_up_for x 2
	state_is x STARTING

	rm "$SERVERS/x/wait"
	wait_until "$PATIENCE" asked_more x 3 503
	wait_until "$PATIENCE" message_says x "check http://127.0.0.1:$ASKED_PORT/: status 503"
	state_is x STARTING
	mode_is x 200

	wait_until "$PATIENCE" running_as x "$first"
	assert_logged "Server x started, pid=$first"
	assert_equal 'lines of restart.log' "$(logged_times Server)" 1
}

@test "a server whose check never succeeds has not started" {
	given_asked x 'check = http http://127.0.0.1:{port}/' 'start_timeout = 1s' 'backoff = 60s 60s'
	mode_is x 503

	monitor_start x

	assert_logged "not started, next try in 60s (check http://127.0.0.1:$ASKED_PORT/ does not succeed (status 503) after 1s)"
	wait_until "$PATIENCE" state_is x BACKOFF
}

# --- command

@test "a command is split as by a shell, and knows whom it is about" {
	given_commanded "check_failures = 3" "check = command ./ask 'a b' \$HOME"
	sed -i '0,/^check = .*/{//d};0,/^check_failures = 1/{//d}' "$CONF/servers/x.conf"
	# shellcheck disable=SC2016 # the check expands it
	given_command 'printf "%s|" "$#" "$@" "$MONITOR_SERVER" "$MONITOR_PID" "${MONITOR_PORT-none}" "$PWD" >asked.new' \
		'mv asked.new asked'

	monitor_start x

	wait_until "$PATIENCE" state_is x RUNNING
	# shellcheck disable=SC2016 # nobody expands it
	assert_equal 'told' "$(<"$SERVERS/x/asked")" "2|a b|\$HOME|x|$(pid_of x)||$SERVERS/x|"
}

@test "a command that fails is reported with its status and the first line that it printed" {
	given_commanded
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	given_command 'printf "\n  no queue\a left  \nmore\n"; exit 3'

	assert_hung x "$old" 'check ask failed: exit 3: no queue? left'
	assert_equal 'children of the helper that are no servers' "$(left_over)" ''
}

# left_over - prints the pids of what checks have left running
left_over() {
	local pid
	for pid in $(ours); do
		! grep -qszF ./ask "/proc/$pid/cmdline" && ! grep -qszx 99.5 "/proc/$pid/cmdline" || printf '%s\n' "$pid"
	done
}

nothing_is_left() {
	[ -z "$(left_over)" ]
}

something_is_left() {
	! nothing_is_left
}

@test "a command that hangs is killed with all that it started, in other process groups too" {
	given_commanded
	given_command 'exec bash -c "set -m; sleep 99.5 & (sleep 99.5 & wait) & wait"'
	printf '%s\n' 'start_timeout = 60s' >>"$CONF/servers/x.conf"

	monitor_start x

	wait_until "$PATIENCE" something_is_left
	given_command 'echo >>asked'
	wait_until "$PATIENCE" state_is x RUNNING
	wait_until "$PATIENCE" nothing_is_left
	old=$(pid_of x)
	given_command 'trap "" TERM; sleep 99.5'
	assert_hung x "$old" 'check ask failed: no answer within 3s'
	given_command 'echo >>asked'
	wait_until "$PATIENCE" nothing_is_left
}

@test "a command that forks away is judged at once; all that it leaves ends, in whatever session" {
	require setsid
	given_commanded
	given_command 'sleep 99.5 &' 'setsid sleep 99.5 &' '(setsid sh -c "setsid sleep 99.5 & echo \$! >twice")' 'echo >>asked'

	monitor_start x

	wait_until "$PATIENCE" state_is x RUNNING
	wait_until "$PATIENCE" asked_more x 2
	wait_until "$PATIENCE" test -s "$SERVERS/x/twice"
	given_command 'echo >>asked'
	wait_until "$PATIENCE" nothing_is_left
	assert_not_hung
}

@test "what a command leaves in sessions of their own ends too when its time is over" {
	require setsid
	given_commanded
	given_command 'echo >>asked'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	given_command 'setsid sleep 99.5 &' 'exec sleep 99.5'

	assert_hung x "$old" 'check ask failed: no answer within 3s'
	given_command 'echo >>asked'
	wait_until "$PATIENCE" nothing_is_left
}

@test "a command that floods its output is neither kept waiting nor kept in mind" {
	given_commanded
	given_command 'dd if=/dev/zero bs=64k count=200 2>/dev/null; echo >>asked'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	wait_until "$PATIENCE" asked_more x 3
	old=$(pid_of x)
	before=$(memory_of "$(helper_of "$MONITOR")")

	given_command 'echo wrong; exec yes'

	assert_hung x "$old" 'check ask failed: no answer within 3s'
	(($(memory_of "$(helper_of "$MONITOR")") < before + 4096))
}

# memory_of PID - prints its resident KiB
memory_of() {
	awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

@test "a command runs as the server's user" {
	[ "$(id -u)" = 0 ] || skip 'may not become another user (needs root)'
	given_commanded 'user = nobody' 'group = nogroup'
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$SERVERS"
	chmod 777 "$SERVERS/x"
	# shellcheck disable=SC2016 # the check expands it
	given_command '[ "$(id -un):$(id -gn)" = nobody:nogroup ] || exit 9' 'echo >>asked'

	monitor_start x

	wait_until "$PATIENCE" state_is x RUNNING
	wait_until "$PATIENCE" asked_more x 2
	assert_not_hung
	given_command 'trap "" TERM; sleep 99.5'
	assert_hung x "$(pid_of x)" 'check ask failed: no answer within 3s'
}

@test "a command that others may write, or that does not exist, is not run; the monitor reports that, and ends no server for it" {
	given_commanded
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING

	chmod o+w "$SERVERS/x/ask"
	assert_said "x: check ask cannot be made: $SERVERS/x/ask: may be written by others (mode 757); run: chmod go-w $SERVERS/x/ask"
	rm "$SERVERS/x/ask"
	assert_said "x: check ask cannot be made: $SERVERS/x/ask is not in $SERVERS/x"

	assert_left_alone x
	assert_not_hung
	monitor_stop
	kill -KILL "$(pid_of x)"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING # a start does not wait for it either
}

# --- many, and pauses of our own

@test "of 200 checks at once one that is slow delays none" {
	given_asked x
	start_stranger "$SERVERS/x" "$(python)" -I -S "$FIXTURES/asked.py" "$ASKED_PORT"
	mute_port=$(free_port)
	mkdir -p "$SERVERS/mute"
	mode_is mute mute
	start_stranger "$SERVERS/mute" "$(python)" -I -S "$FIXTURES/asked.py" "$mute_port"
	wait_until "$PATIENCE" is_listening "$ASKED_PORT"
	wait_until "$PATIENCE" is_listening "$mute_port"

	run -0 "$(python)" -E -s "$FIXTURES/manychecks.py" 200 "http://127.0.0.1:$ASKED_PORT/" "http://127.0.0.1:$mute_port/"

	read -r least slow hung <<<"$output"
	((slow >= 3)) || assert_equal 'failures of the slow one' "$slow" '3 or more'
	((least >= 3 * slow)) || assert_equal 'successes of each other one' "$least" "3 times $slow"
	assert_equal 'hung' "$hung" 1
}

@test "a pause of the monitor's own is held against no server" {
	given_commanded
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	pid=$(pid_of x)

	stopped_while_asking before # the answer came while we were away
	stopped_while_asking after  # it comes in what is left of the time

	running_as x "$pid"
	assert_not_hung
	given_command ': >asking; sleep 99.5'
	assert_hung x "$pid" 'check ask failed: no answer within 3s'
}

# stopped_while_asking WHEN - the helper is stopped for longer than check_timeout; the answer comes before it goes on, or after
stopped_while_asking() {
	local uptime helper
	helper=$(helper_of "$MONITOR")
	given_command ": >asking.$1; until [ -e $1 ]; do sleep 0.02; done; echo >>asked.$1"
	wait_until "$PATIENCE" test -e "$SERVERS/x/asking.$1"
	kill -STOP "$helper"
	uptime=$(status_of x uptime)
	wait_until "$PATIENCE" is_up_for x $((${uptime%%.*} + 5))
	[ "$1" = after ] || touch "$SERVERS/x/$1"
	[ "$1" = after ] || wait_until "$PATIENCE" test -e "$SERVERS/x/asked.$1"
	kill -CONT "$helper"
	touch "$SERVERS/x/$1"
	wait_until "$PATIENCE" test -e "$SERVERS/x/asked.$1"
	given_command 'echo >>asked'
	wait_until "$PATIENCE" asked_more x "$(asked x)"
}

@test "a pause of the monitor's own is not held against a server that starts" {
	given_commanded 'start_timeout = 5s'
	given_command 'echo >>asked' 'test -e well'
	monitor_start x
	wait_until "$PATIENCE" asked_more x 1
	helper=$(helper_of "$MONITOR")

	kill -STOP "$helper"
	wait_until "$PATIENCE" is_up_for x 6
	touch "$SERVERS/x/well"
	kill -CONT "$helper"

	wait_until "$PATIENCE" state_is x RUNNING
	assert_equal 'starts' "$(starts_of x)" 1
}

# --- what follows

@test "restart = never: one that fails its check is reported once, left alone, and reported when it is well" {
	given_failing

	assert_alerted hung x 'status 503'
	assert_left_alone x
	mode_is x 200
	assert_alerted recovery x "hung no more: check http://127.0.0.1:$ASKED_PORT/ succeeds"
	assert_equal 'alerts' "$(alerted_times hung x)" 1
}

@test "the same when another monitor comes meanwhile" {
	given_failing
	assert_alerted hung x 'status 503'

	monitor_crash
	monitor_start x

	assert_left_alone x
	assert_equal 'alerts' "$(alerted_times hung x)" 1
	mode_is x 200
	assert_alerted recovery x "hung no more: check http://127.0.0.1:$ASKED_PORT/ succeeds"
}

# given_failing - x, which is not to be restarted, runs and fails its check
given_failing() {
	given_asked x 'check = http http://127.0.0.1:{port}/' 'restart = never'
	start_by_hand_asked
	monitor_start x
	assert_adopted x "$BY_HAND"
	mode_is x 503
}

start_by_hand_asked() {
	start_stranger "$SERVERS/x" "$(python)" -I -S "$FIXTURES/asked.py" "$ASKED_PORT"
	wait_until "$PATIENCE" is_listening "$ASKED_PORT"
}

@test "a paused server is not asked" {
	given_asked x 'check = http http://127.0.0.1:{port}/'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING

	suite_ends 0 pause x
	ask_mode_never x 503
	suite_ends 0 resume x

	wait_until "$PATIENCE" asked_more x 0 503
}

# ask_mode_never NAME MODE - NAME answers so from now on, and is not asked while the monitor looks at all evidence twice
ask_mode_never() {
	mode_is "$1" "$2"
	assert_left_alone "$1"
	assert_equal "questions to $1" "$(asked "$1" "$2")" 0
}

@test "what a check runs does not outlive the monitor" {
	given_commanded
	sed -i 's/^check_timeout = .*/check_timeout = 1h/' "$CONF/servers/x.conf"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	given_command 'sleep 99.5'
	wait_until "$PATIENCE" something_is_left

	monitor_stop

	wait_until "$PATIENCE" nothing_is_left
}

@test "what a check runs does not outlive the conf that asked for it" {
	given_commanded
	sed -i 's/^check_timeout = .*/check_timeout = 1h/' "$CONF/servers/x.conf"
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	pid=$(pid_of x)
	given_command 'sleep 99.5'
	wait_until "$PATIENCE" something_is_left

	sed -i '/^check/d' "$CONF/servers/x.conf"
	suite_ends 0 update

	wait_until "$PATIENCE" nothing_is_left
	running_as x "$pid"
}
