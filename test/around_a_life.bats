#!/usr/bin/env bats
# Commands around the life of a server: start_pre, start_post, stop_post, the command of stop; start = manual; restart_every.

# shellcheck disable=SC2016 # it is the shells that conf names which expand all these

load helpers
load fixtures/orders
load fixtures/hostile

# command_line SCRIPT - prints how conf runs these words of a shell; $0 in them is the file that done_is looks at
command_line() {
	printf "sh -c '%s' %s" "$1" "$BATS_TEST_TMPDIR/done"
}

# given_around [LINE...] - server a with these lines
given_around() {
	given_server a "$@"
}

done_is() {
	[ "$(paste -sd ' ' "$BATS_TEST_TMPDIR/done")" = "$1" ]
}

assert_done() {
	wait_until "$PATIENCE" done_is "$1" || assert_equal 'what was done' "$(paste -sd ' ' "$BATS_TEST_TMPDIR/done")" "$1"
}

# history_has EVENT TEXT - does a line about that event hold TEXT?
history_has() {
	grep -F "\"event\":\"$1\"" "$STATE/history.jsonl" | grep -qF -- "$2"
}

# --- start_pre

@test "start_pre runs before each launch, in dir, with the environment of the server; what it leaves running ends" {
	given_around "start_pre = $(command_line 'echo $PWD $GREETING $MONITOR_SERVER ${MONITOR_PID:-none} >>$0; sleep 1000 & echo $! >$0.left')" \
		'environment = GREETING=hello'
	monitor_start a
	runs a
	assert_done "$SERVERS/a hello a none"
	is_gone "$(<"$BATS_TEST_TMPDIR/done.left")"

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs a "$RUNS"
	assert_done "$SERVERS/a hello a none $SERVERS/a hello a none"
	is_gone "$(<"$BATS_TEST_TMPDIR/done.left")"
	assert_equal 'starts' "$(starts_of a)" 2
}

@test "a start_pre that fails is a failed start: no launch, a growing wait, give_up; its last words are in incident and alert" {
	given_around "start_pre = $(command_line 'echo once >>$0; seq 2000; echo conf.xml: line 7 is invalid >&2; exit 3')" \
		'backoff = 10ms 20ms' 'give_up = 3 in 60s'
	given_hook sms 'home=${0%/*}/../..' 'printf "%s %s %s\n" "$1" "$2" "$3" >>"$home/alerts.log"' \
		'printf "%s\n" "$MONITOR_OUTPUT" >>"$home/printed"'
	monitor_start a

	assert_alerted give_up a 'start_pre failed: exit 3: conf.xml: line 7 is invalid'
	wait_until "$PATIENCE" state_is a FATAL
	assert_done 'once once once'
	[ ! -e "$SERVERS/a/starts" ]
	assert_logged 'Server a not started, next try in 0s (start_pre failed: exit 3: conf.xml: line 7 is invalid)'
	wait_until "$PATIENCE" history_has output '2000\nconf.xml: line 7 is invalid'
	wait_until "$PATIENCE" grep -q '^conf.xml: line 7 is invalid' "$BATS_TEST_TMPDIR/printed"
}

@test "a start_pre that hangs is ended at start_timeout, with all that it started" {
	given_around "start_pre = $(command_line 'echo $$ >>$0; setsid sleep 1000 & echo $! >>$0; sleep 1000')" 'start_timeout = 300ms' \
		'give_up = 1 in 60s'
	monitor_start a

	wait_until "$PATIENCE" state_is a FATAL

	grep -qF 'start_pre failed: no end after 0.3s' "$STATE/restart.log"
	for pid in $(<"$BATS_TEST_TMPDIR/done"); do
		wait_until "$PATIENCE" is_gone "$pid"
	done
}

@test "a stop ends the start_pre that runs, and no launch follows" {
	given_around "start_pre = $(command_line 'echo $$ >>$0; sleep 1000')"
	monitor_start a
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/done"
	wait_until "$PATIENCE" message_says a 'start_pre runs'
	state_is a STARTING

	suite_ends 0 stop a

	state_is a STOPPED
	wait_until "$PATIENCE" is_gone "$(<"$BATS_TEST_TMPDIR/done")"
	[ ! -e "$SERVERS/a/starts" ]
}

@test "a pause ends the start_pre that runs, and after resume the start begins anew" {
	given_around "start_pre = $(command_line 'echo $$ >>$0; sleep 1000')"
	monitor_start a
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/done"

	suite_ends 0 pause a
	wait_until "$PATIENCE" is_gone "$(<"$BATS_TEST_TMPDIR/done")"
	state_is a PAUSED
	operator resume a

	wait_until "$PATIENCE" has_lines 2 "$BATS_TEST_TMPDIR/done"
	suite_ends 0 stop a
	operator_ends 1
}

# has_lines N FILE - has it so many?
has_lines() {
	[ "$(wc -l <"$2")" -eq "$1" ]
}

@test "a program of start_pre that is not there, or that others may write, is a failed start that says so" {
	given_around 'start_pre = ./absent' 'give_up = 1 in 60s'
	given_server b 'start_pre = ./open' 'give_up = 1 in 60s'
	printf '#!/bin/sh\n' >"$SERVERS/b/open"
	chmod 777 "$SERVERS/b/open"
	monitor_start a b

	wait_until "$PATIENCE" state_is a FATAL
	wait_until "$PATIENCE" state_is b FATAL
	grep -F 'Server a not started' "$STATE/restart.log" | grep -qF "start_pre failed: ./absent is not in $SERVERS/a"
	grep -F 'Server b not started' "$STATE/restart.log" | grep -qF 'may be written by others (mode 777); run: chmod go-w'
}

@test "the commands run as the user of the server, with its limits, in a session of their own" {
	[ "$(id -u)" -eq 0 ] || skip 'may not change the user (needs root)'
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$SERVERS"
	install -d -o nobody "$BATS_TEST_TMPDIR/nobody"
	given_around 'user = nobody' 'limit_nofile = 77' \
		"start_pre = sh -c 'echo \$(id -un) \$(ulimit -n) >\$0; cut -d\" \" -f6 /proc/\$\$/stat >>\$0; echo \$\$ >>\$0' $BATS_TEST_TMPDIR/nobody/done"
	monitor_start a
	runs a

	readarray -t lines <"$BATS_TEST_TMPDIR/nobody/done"
	assert_equal 'user and limit' "${lines[0]}" 'nobody 77'
	assert_equal 'session' "${lines[1]}" "${lines[2]}"
}

@test "a dir that does not answer is no fault of start_pre: the server is UNKNOWN for so long, and then starts" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_program "$SERVERS/a/a"
	given_conf a "dir = $BATS_TEST_TMPDIR/mnt" "command = $SERVERS/a/a --log=none" "start_pre = $(command_line 'echo pre >>$0')" \
		'give_up = 2 in 60s' 'start_timeout = 1s' 'logs = none'
	monitor_start a
	runs a
	kill -STOP "$FUSE"

	kill -KILL "$RUNS"
	wait_until "$PATIENCE" message_says a "$BATS_TEST_TMPDIR/mnt does not answer"
	state_is a UNKNOWN
	kill -CONT "$FUSE"

	wait_until "$PATIENCE" pid_differs a "$RUNS"
	assert_done 'pre pre'
	run ! grep -F 'not started' "$STATE/restart.log"
}

@test "a start_pre whose helper is killed is not taken for the server by the next one, though it looks like it" {
	expect_helper_deaths
	given_around "start_pre = $(command_line 'echo $$ $MONITOR_COMMAND >>$0; [ -e go ] || exec ./a --log=none')" 'start_timeout = 1h'
	monitor_start a
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/done"
	read -r pid key <"$BATS_TEST_TMPDIR/done"
	assert_equal 'key' "$key" start_pre

	: >"$SERVERS/a/go"
	kill -KILL "$(helper_of "$MONITOR")"

	runs a
	assert_equal 'start_pre is the server' "$((RUNS == pid))" 0
	run ! grep -F adopted "$STATE/restart.log"
	kill -KILL "$pid"
}

# --- start_post

@test "start_post runs when the server is RUNNING, and not when one is adopted; if it fails, the server lives" {
	given_around "start_post = $(command_line 'echo $MONITOR_PID >>$0; echo the queue is not there; exit 4')"
	monitor_start a
	runs a

	assert_logged "Server a start_post failed, pid=$RUNS, left running (exit 4: the queue is not there)"
	assert_done "$RUNS"
	wait_until "$PATIENCE" message_says a 'start_post failed: exit 4: the queue is not there'
	wait_until "$PATIENCE" history_has output 'the queue is not there'
	assert_equal 'alerts' "$(<"$ALERTS")" ''
	monitor_stop
	monitor_start a
	assert_adopted a "$RUNS"
	assert_left_alone a
	assert_done "$RUNS"
}

@test "a start_post that has not ended when its server dies is ended before the next start" {
	given_around "start_post = $(command_line 'echo $$ >>$0; sleep 1000')"
	monitor_start a
	runs a
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/done"
	read -r first <"$BATS_TEST_TMPDIR/done"

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs a "$RUNS"
	is_gone "$first"
	run ! grep -F 'start_post failed' "$STATE/restart.log"
}

# --- stop_post

@test "stop_post runs after a death, before the next start, and after a stop, with the cause" {
	given_around "stop_post = $(command_line 'echo "post $MONITOR_CAUSE," >>$0')" "start_pre = $(command_line 'echo pre, >>$0')"
	monitor_start a
	runs a

	kill -SEGV "$RUNS"
	wait_until "$PATIENCE" pid_differs a "$RUNS"
	assert_done 'pre, post signal SEGV, pre,'
	suite_ends 0 stop a
	assert_done 'pre, post signal SEGV, pre, post stopped by order,'
	suite_ends 0 stop a

	assert_done 'pre, post signal SEGV, pre, post stopped by order,'
}

@test "stop_post runs after what the server left behind has ended, and when the server is left alone" {
	given_around "stop_post = $(command_line 'kill -0 $(cat left) 2>/dev/null && echo lives >>$0; echo $MONITOR_CAUSE >>$0')" \
		"command = sh -c 'sleep 1000 & echo \$! >left; exec ./a'" 'match = a' 'restart = never'
	monitor_start a
	runs a

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" state_is a EXITED
	assert_done 'signal KILL'
}

@test "stop_post runs after a start that failed with a process, and a wait does not delay it" {
	given_around "stop_post = $(command_line 'echo $MONITOR_CAUSE >>$0; echo no space >&2; exit 5')" "command = sh -c 'exit 7'" 'match = a' \
		'backoff = 1h 1h'
	monitor_start a

	assert_done 'it ended while it started (exit 7)'
	wait_until "$PATIENCE" state_is a BACKOFF
	assert_logged 'Server a stop_post failed, pid='
	wait_until "$PATIENCE" history_has stop_post_failed 'exit 5: no space'
}

@test "after a crash of the monitor, the next one runs the stop_post of a server that died meanwhile" {
	given_around "stop_post = $(command_line 'echo $MONITOR_CAUSE >>$0')"
	monitor_start a
	runs a
	monitor_crash
	kill -KILL "$RUNS"

	monitor_start a

	wait_until "$PATIENCE" pid_differs a "$RUNS"
	assert_done unknown
}

# --- the command of stop

@test "stop begins with its command: if the server ends by that, no signal is sent, and the command is ended too" {
	given_around "stop = command $(command_line 'echo $MONITOR_PID >>$0; echo $$ >$0.command; kill -USR1 $MONITOR_PID; sleep 1000') 1h TERM 5s KILL"
	monitor_start a
	runs a

	suite_ends 0 stop a

	assert_done "$RUNS"
	assert_answered 'a: stopped'
	run ! grep -F 'was needed after' "$SAID"
	assert_logged 'Server a stopped by order'
	wait_until "$PATIENCE" is_gone "$(<"$BATS_TEST_TMPDIR/done.command")"
}

@test "a command of stop that fails is reported, and the first signal follows at once" {
	given_around 'stop = command ./absent 1h TERM 5s KILL'
	monitor_start a
	runs a

	suite_ends 0 stop a

	assert_answered 'a: stopped (TERM was needed after '
	assert_said "a: the command of stop failed: ./absent is not in $SERVERS/a"
}

@test "a command of stop that does not end the server: signals follow after its time, and it ends too" {
	given_around "stop = command $(command_line 'echo $$ >>$0; sleep 1000') 200ms TERM 5s KILL"
	monitor_start a
	runs a

	suite_ends 0 stop a

	assert_answered 'a: stopped (TERM was needed after 0.2s)'
	wait_until "$PATIENCE" is_gone "$(<"$BATS_TEST_TMPDIR/done")"
}

# --- without a monitor

@test "without a monitor start, stop and restart do the same" {
	given_around "start_pre = $(command_line 'echo pre >>$0')" "start_post = $(command_line 'echo post $MONITOR_PID >>$0; echo woe; exit 1')" \
		"stop_post = $(command_line 'echo $MONITOR_CAUSE $MONITOR_PID >>$0; exit 2')" \
		"stop = command $(command_line 'echo bye >>$0; kill -USR1 $MONITOR_PID') 10s TERM 5s KILL"

	suite_ends 0 start a
	assert_answered 'a: start_post failed: exit 1: woe'
	pid=$(pid_of a)
	assert_done "pre post $pid"
	suite_ends 0 restart a
	assert_answered 'a: stop_post failed: exit 2'
	assert_done "pre post $pid bye stopped by order $pid pre post $(pid_of a)"
	pid=$(pid_of a)
	suite_ends 0 stop a

	is_gone "$pid"
	assert_equal 'last' "$(tail -n 2 "$BATS_TEST_TMPDIR/done" | paste -sd ' ' -)" "bye stopped by order $pid"
}

@test "without a monitor a start_pre that fails is a failed start" {
	given_around "start_pre = $(command_line 'echo the disk is not mounted; exit 1')"

	suite_ends 1 start a

	assert_answered 'a: start_pre failed: exit 1: the disk is not mounted'
	[ ! -e "$SERVERS/a/starts" ]
}

# --- start = manual

# awaits_order NAME - waits until a monitor watches it, and has not started it
awaits_order() {
	wait_until "$PATIENCE" message_says "$1" 'started by order only'
	state_is "$1" STOPPED
}

@test "start = manual: not started with the monitor, nor by start all; by its name it is, and it is restarted when it dies" {
	given_around 'start = manual'
	given_server b
	monitor_start all
	runs b
	awaits_order a

	suite_ends 0 start all
	state_is a STOPPED
	suite_ends 0 restart all
	state_is a STOPPED
	[ ! -e "$SERVERS/a/starts" ]
	suite_ends 0 start a
	runs a
	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs a "$RUNS"
	runs a
	suite_ends 0 restart all
	pid_differs a "$RUNS"
}

@test "start = manual: what runs is adopted, and restarted if the helper dies with it" {
	given_around 'start = manual'
	monitor_start a
	awaits_order a
	suite_ends 0 start a
	runs a
	monitor_stop
	monitor_start a
	assert_adopted a "$RUNS"

	expect_helper_deaths
	helper=$(helper_of "$MONITOR")
	kill -KILL "$helper" "$RUNS"

	wait_until "$PATIENCE" pid_differs a "$RUNS"
}

@test "start = manual: update neither starts one nor waits for it, and restarts one that runs" {
	given_around 'start = manual'
	monitor_start all
	awaits_order a
	given_server b 'start = manual'
	suite_ends 0 update
	assert_answered 'b: new, start by order only'
	awaits_order b
	suite_ends 0 start b
	runs b

	given_conf a "dir = $SERVERS/a" 'start = manual' 'environment = A=1'
	given_conf b "dir = $SERVERS/b" 'start = manual' 'environment = A=1'
	suite_ends 0 update

	assert_answered 'a: restart (environment changed)'
	wait_until "$PATIENCE" pid_differs b "$RUNS"
	state_is a STOPPED
}

# --- restart_every

# restarted_in_turn NAME... - was each of them restarted by restart_every twice, and always one alone?
restarted_in_turn() {
	local line name down=
	for name; do
		[ "$(logged_times "Server $name stopped, pid=")" -ge 2 ] || return
	done
	while IFS= read -r line; do
		name=${line#*Server }
		case $line in
		*' restarting... (restart_every = 2s)')
			assert_equal "down when ${name%% *} was stopped" "$down" ''
			down=${name%% *}
			;;
		*' started, pid='*) [ "${name%% *}" != "$down" ] || down= ;;
		esac
	done <"$STATE/restart.log"
}

@test "restart_every = 2s: the instances are restarted one after another, without an alert" {
	ports=("$(free_port)" "$(free_port)" "$(free_port)")
	names=("${ports[@]/#/web@}")
	given_program "$SERVERS/web/web"
	given_conf web "dir = $SERVERS/web" 'command = ./web --port {port}' 'restart_every = 2s'
	monitor_start "${names[@]}"

	wait_until "$PATIENCE" restarted_in_turn "${names[@]}"

	restarted_in_turn "${names[@]}"
	assert_equal 'alerts' "$(<"$ALERTS")" ''
	grep -qF '"action":"time to restart"' "$STATE/history.jsonl"
}

# time_is HH:MM:SS - from now on it is that time in the time zone of what this test starts
time_is() {
	local hour minute second ahead
	IFS=: read -r hour minute second <<<"$1"
	ahead=$(((10#$hour * 3600 + 10#$minute * 60 + 10#$second - $(date +%s) % 86400 + 86400) % 86400))
	TZ=$(printf 'TEST-%02d:%02d:%02d' $((ahead / 3600)) $((ahead / 60 % 60)) $((ahead % 60)))
	export TZ
}

@test "restart_every = daily 04:30: at that time, local time, and once" {
	given_around 'restart_every = daily 04:30'
	for second in 57 50 30; do # a slow machine needs more of them to start a before 04:30
		time_is "04:29:$second"
		monitor_start a
		runs a
		[ "$(date +%H:%M)" != 04:29 ] || break
		monitor_stop
	done
	old=$RUNS

	assert_logged '(restart_every = daily 04:30)'

	[[ $(date +%H:%M) == 04:3? ]]
	assert_logged "Server a stopped, pid=$old, restarting... (restart_every = daily 04:30)"
	wait_until "$PATIENCE" pid_differs a "$old"
	runs a
	assert_left_alone a
}

@test "restart_every = daily 04:30: a monitor that begins at 04:30:01 waits for tomorrow; a paused server is left alone" {
	time_is 04:30:01
	given_around 'restart_every = daily 04:30'
	given_server b 'restart_every = 1s'
	monitor_start a b
	runs b
	suite_ends 0 pause b
	runs a
	pid=$(pid_of b)
	assert_left_alone a
	assert_equal 'pid of b' "$(pid_of b)" "$pid"
}

@test "when is the next daily time: today or tomorrow, over the ends of months, and where summer begins" {
	next() {
		TZ=Europe/Berlin "$(python)" -E -s -c 'if True:
			import sys, time
			sys.path.insert(0, sys.argv[1])
			from health.renewal import next_time
			at = time.mktime(time.strptime(sys.argv[2], "%Y-%m-%d %H:%M:%S"))
			print(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(next_time(sys.argv[3], at))))' "$ROOT/pyhelpers" "$1" "daily $2"
	}

	assert_equal 'today' "$(next '2026-11-27 04:29:59' 04:30)" '2026-11-27 04:30:00'
	assert_equal 'tomorrow' "$(next '2026-11-27 04:30:00' 04:30)" '2026-11-28 04:30:00'
	assert_equal 'the end of a year' "$(next '2026-12-31 23:00:00' 04:30)" '2027-01-01 04:30:00'
	assert_equal 'over the beginning of summer' "$(next '2026-03-28 12:00:00' 04:30)" '2026-03-29 04:30:00'
	assert_equal 'a time that does not exist' "$(next '2026-03-28 12:00:00' 02:30)" '2026-03-29 03:30:00'
	assert_equal 'over the end of summer' "$(next '2026-10-24 12:00:00' 04:30)" '2026-10-25 04:30:00'
}

# --- what conf may say

@test "what conf says wrongly around a life is refused with file and line, and with what to write" {
	given_server a
	while IFS='|' read -r line words; do
		given_conf a "dir = $SERVERS/a" "$line"
		suite_ends 6 check
		assert_answered "conf/servers/a.conf:2: ${line%% *}: $words"
	done <<-'END'
		start_pre = nginx -t && echo good|"&&" is for a shell, and none runs this; write sh -c 'nginx -t && echo good'
		start_post = ./tell >/dev/null > x|">" is for a shell, and none runs this; write sh -c './tell >/dev/null > x'
		stop_post = ./clear ; ./tell|";" is for a shell, and none runs this
		start_pre = "./a b|a " is not closed; close it, or write \" for the letter itself
		start_pre = ""|needs a program; write it with its arguments, like /usr/sbin/nginx -t
		reload = HPU|"HPU" is none of the signals HUP, INT,
		reload = nginx -s reload|"nginx -s reload" is neither a signal nor a command; write HUP, or command nginx -s reload
		reload = command|command needs a program; write it like command /usr/sbin/nginx -s reload
		stop = command nginx -s quit|"command nginx -s quit" lacks what follows the command; write its time, then signals and waits, like command /usr/sbin/nginx -s quit 10s TERM 5s KILL
		stop = command nginx -s quit 10s|"command nginx -s quit 10s" lacks what follows the command
		stop = command 10s TERM|"command 10s TERM" lacks what follows the command
		stop = TERM 5s KLIL|"KLIL" is none of the signals HUP, INT, QUIT, ABRT, KILL, USR1, USR2, ALRM, TERM, CONT, WINCH, PWR; did you mean KILL?
		stop = TERM 5s|"TERM 5s" does not end with a signal; write signals and waits in turn, like TERM 5s KILL
		stop = TERM 5x KILL|"5x" is not a duration; write it like 500ms, 15s, 5m or 2h
		start = manuel|"manuel" is none of auto, manual; did you mean manual?
		start = no|"no" is none of auto, manual
		restart_every = 24|"24" is not known; write a time like 24h, or daily 04:30
		restart_every = 24h 12h|"24h 12h" is not known; write a time like 24h, or daily 04:30
		restart_every = 10ms|"10ms" is too short; 1000ms to 24d will do
		restart_every = daily|"" is no time of day; write it from 00:00 to 23:59, like daily 04:30
		restart_every = daily 24:00|"24:00" is no time of day
		restart_every = daily 4.30|"4.30" is no time of day
	END
	given_conf a "dir = $SERVERS/a" 'stop_prost = ./a'
	suite_ends 6 check
	assert_answered 'conf/servers/a.conf:2: unknown key "stop_prost"; did you mean stop_post?'
}

@test "check warns of a command whose program is not there, at its line" {
	given_server a
	for key in start_pre start_post stop_post 'reload = command' 'stop = command'; do
		[[ $key == *' = '* ]] || key="$key ="
		given_conf a "dir = $SERVERS/a" "$key ./absent 1s KILL"
		suite_ends 0 check
		key=${key%% *}
		assert_answered "conf/servers/a.conf:2: warning: a: ./absent is not in $SERVERS/a; set $key in $CONF/servers/a.conf"
	done
}

@test "what conf says rightly around a life is good" {
	given_server a 'start_pre = ./a -t' "start_post = sh -c 'a && b; c > d'" "stop_post = find . -name '*.pid' -exec rm {} ';'" \
		'reload = SIGHUP' 'stop = command sleep 5s INT 1m KILL' 'start = auto' 'restart_every = daily 4:30'
	suite_ends 0 check
}
