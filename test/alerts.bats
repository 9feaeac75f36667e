#!/usr/bin/env bats
# An alert that is on disk reaches its hook: at least once, in order per server, whatever hooks and disks do.

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
# shellcheck source=test/fixtures/canary.bash
. "$ROOT/test/fixtures/canary.bash"
PATIENCE=60 # seconds that a test waits at most for what takes milliseconds on an idle machine, and seconds on a busy one

setup() {
	ALERTS=$BATS_TEST_TMPDIR/state/alerts
	CONF=$BATS_TEST_TMPDIR/conf
	CALLS=$BATS_TEST_TMPDIR/calls # a line a call
	export CALLS
	MOUNTED=
	mkdir -p "$BATS_TEST_TMPDIR/state" "$CONF/hooks"
	: >"$CALLS"
	: >"$BATS_TEST_TMPDIR/pids"
}

# What hooks left behind is ended by the pids that they wrote down.
teardown() {
	local pid status=0
	assert_sound || status=1
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null || true
	done <"$BATS_TEST_TMPDIR/pids"
	[ -z "$MOUNTED" ] || umount -l "$MOUNTED" || status=1
	return "$status"
}

# given_hook NAME - a hook that writes its call down (EVENT SERVER MESSAGE) and takes the message
given_hook() {
	given_hook_that "$1" </dev/null
}

# given_hook_that NAME <LINES - a hook that writes its call down, then does what the lines say; there $T is the
# test's directory, and `noted PID` has a process ended in the end
given_hook_that() {
	{
		cat <<-END
			#!/bin/sh
			T='$BATS_TEST_TMPDIR'
			noted() { echo "\$1" >>"\$T/pids"; }
			printf '%s %s %s\n' "\$1" "\$2" "\$3" >>"\$T/calls"
		END
		cat
	} >"$CONF/hooks/$1"
	chmod 700 "$CONF/hooks/$1"
}

# given_alert INCIDENT HOOK [SERVER [MESSAGE]] - queue one, of a death
given_alert() {
	env PYTHONPATH="$ROOT/pyhelpers" python3 -s -m state.spool "$ALERTS" incident="$1" event=death hook="$2" \
		server="${3:-msg_server}" message="${4:-$1 happened}" pid=812 cause='signal SEGV' action=restarted count=2
}

# deliver [SECONDS] - one run, in which a hook may live for so long
deliver() {
	run --separate-stderr python3 -E -s "$ROOT/pyhelpers/deliver.py" --seconds "${1:-30}" run "$ALERTS" "$CONF"
	printf '%.2000s\n' "$output" "${stderr:-}"
}

# deliver_in_background - the same, beside the test; its pid: $deliverer, its stdout: $T/lines
deliver_in_background() {
	python3 -E -s "$ROOT/pyhelpers/deliver.py" run "$ALERTS" "$CONF" >"$BATS_TEST_TMPDIR/lines" 3>&- &
	deliverer=$!
	echo "$deliverer" >>"$BATS_TEST_TMPDIR/pids"
}

# given_time_of_next_try_is_now ID - as if the wait were over
given_time_of_next_try_is_now() {
	python3 - "$ALERTS/new/$1.json" <<-'END'
		import json, os, sys
		alert = json.load(open(sys.argv[1]))
		alert["next"] = 0
		json.dump(alert, open(sys.argv[1], "w"))
		os.utime(sys.argv[1], (0, 0))
	END
}

# field FOLDER ID KEY - what the message says
field() {
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$ALERTS/$1/$2.json" "$3"
}

wait_until() {
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		((tries--)) || return 1
		sleep 0.05 # the pause of the poll
	done
}

assert_line() {
	grep -Eqx -- "$1" <<<"$output" || {
		printf 'no line like "%s" in:\n%s\n' "$1" "$output"
		return 1
	}
}

assert_said() {
	grep -Eq -- "$1" <<<"$stderr" || {
		printf 'no "%s" in:\n%s\n' "$1" "$stderr"
		return 1
	}
}

assert_calls() {
	[ "$(wc -l <"$CALLS")" -eq "$1" ] || {
		printf '%s calls wanted, these were made:\n%s\n' "$1" "$(cat "$CALLS")"
		return 1
	}
}

is_gone() {
	! [ -e "/proc/$1" ] || grep -q '^State:.[ZX]' "/proc/$1/status"
}

@test "an alert is passed on once, and then lies in sent/ with what its hook printed" {
	given_hook_that sms <<-'END'
		echo thank you
	END
	given_alert i1 sms

	deliver
	deliver

	assert_line 'next -'
	assert_calls 1
	[ "$(field sent i1.death.sms last_output)" = 'thank you' ]
	[ "$(field sent i1.death.sms tries)" = 1 ]
	[ -z "$(ls "$ALERTS/new")" ]
}

@test "an incident is queued once a hook and event, whether it waits, was sent or has failed" {
	given_hook_that sms <<-'END'
		test "$3" != bad
	END
	given_alert i1 sms
	given_alert i2 sms other_server bad

	run -1 given_alert i1 sms
	deliver
	run -1 given_alert i1 sms
	run -1 given_alert i2 sms other_server bad

	[ "$output" = 'known i2.death.sms' ]
	[ -z "$(ls "$ALERTS/new")" ]
}

@test "any text comes through: quotes, newlines, backslashes, control characters, UTF-8, bytes that are none" {
	given_hook_that sms <<-'END'
		printf "%s" "$3" >"$T/argument"
		cat >"$T/stdin"
	END
	local text=$'a "b" \\n \\ é 短信 \t\001\033[31m\n$(touch /x); `id` {phone}'
	given_alert i1 sms msg_server "$text"
	given_alert i2 sms msg_server2 $'\xff\xfe'

	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	assert_line 'sent sms i2[.]death[.]sms [0-9]+'
	[ -z "$(ls "$ALERTS/new")" ]
}

@test "a hook gets event, server and message, the message on stdin too, in / and a session of its own" {
	given_hook_that sms <<-'END'
		printf "%s|" "$#" "$@" >"$T/arguments"
		cat >"$T/stdin"
		pwd >"$T/cwd"
		cut -d" " -f1,6 "/proc/$$/stat" >"$T/session" # pid and session
	END
	given_alert i1 sms msg_server 'it died'

	deliver

	[ "$(cat "$BATS_TEST_TMPDIR/arguments")" = '3|death|msg_server|it died|' ]
	[ "$(cat "$BATS_TEST_TMPDIR/stdin")" = 'it died' ]
	[ "$(cat "$BATS_TEST_TMPDIR/cwd")" = / ]
	read -r pid session <"$BATS_TEST_TMPDIR/session"
	[ "$pid" = "$session" ]
}

@test "a hook sees MONITOR_ and HOOK_ variables, and of our own environment only what any program needs" {
	given_hook_that sms <<-'END'
		env | sort >"$T/env"
	END
	cat >"$CONF/hooks/sms.conf" <<-'END'
		url = http://h/?a=b c
		api_key = $(id)
	END
	chmod 600 "$CONF/hooks/sms.conf"
	given_alert i1 sms

	MONITOR_STATE=/internal SOMETHING=ours NOTIFY_SOCKET=/run/x LC_TIME=C HOOK_OLD=1 deliver

	run -0 cat "$BATS_TEST_TMPDIR/env"
	assert_line 'MONITOR_EVENT=death'
	assert_line 'MONITOR_SERVER=msg_server'
	assert_line "MONITOR_HOST=$(uname -n)"
	assert_line 'MONITOR_PID=812'
	assert_line 'MONITOR_CAUSE=signal SEGV'
	assert_line 'MONITOR_ACTION=restarted'
	assert_line 'MONITOR_COUNT=2'
	assert_line 'MONITOR_INCIDENT=i1'
	assert_line 'MONITOR_TIME=20..-..-..T..:..:..[.]...[+-]..:..'
	assert_line 'HOOK_URL=http://h/[?]a=b c'
	assert_line 'HOOK_API_KEY=[$][(]id[)]'
	grep -q "^PATH=.*$PATH\$" <<<"$output" # a python3 that is a shim puts its own before it
	assert_line 'LC_TIME=C'
	run -1 grep -E '^(MONITOR_STATE|SOMETHING|NOTIFY_SOCKET|HOOK_OLD|CALLS|PYTHON)' "$BATS_TEST_TMPDIR/env"
}

@test "a hook inherits no ignored signal and no open file" {
	given_hook_that sms <<-'END'
		grep SigIgn /proc/self/status >"$T/ignored"
		ls /proc/$$/fd >"$T/fds"
		exit 75
	END
	given_alert i1 sms

	(
		trap '' CHLD TERM INT HUP USR1
		exec 7</dev/null
		deliver
		assert_line 'later sms i1[.]death[.]sms 75 5'
	)

	[ "$(cut -f2 "$BATS_TEST_TMPDIR/ignored")" = 0000000000000000 ]
	# a shell keeps its own script open, at 10 or above
	run -1 grep -x '[3-9]' "$BATS_TEST_TMPDIR/fds"
}

@test "a hook that exits with 75 is tried again after 5 s, doubling to 5 min" {
	given_hook_that sms <<-'END'
		exit 75
	END
	given_alert i1 sms
	local waits=''

	for _ in 1 2 3 4 5 6 7 8; do
		deliver
		waits="$waits $(sed -n 's/^later sms i1.death.sms 75 //p' <<<"$output")"
		deliver
		given_time_of_next_try_is_now i1.death.sms
	done

	[ "$waits" = ' 5 10 20 40 80 160 300 300' ]
	assert_calls 8
	[ "$(field new i1.death.sms tries)" = 8 ]
}

@test "a message that waits says when it is due, and goes out when it is" {
	given_hook_that sms <<-'END'
		[ -e "$T/gateway" ] || exit 75
	END
	given_alert i1 sms

	deliver

	assert_line 'next ([1-4][0-9]{3}|5000)'
	touch "$BATS_TEST_TMPDIR/gateway"
	given_time_of_next_try_is_now i1.death.sms
	deliver
	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	[ "$(field sent i1.death.sms tries)" = 2 ]
}

@test "a clock that was put back an hour does not hold a message for an hour" {
	given_hook sms
	given_alert i1 sms
	python3 - "$ALERTS/new/i1.death.sms.json" <<-'END'
		import json, sys, time
		alert = json.load(open(sys.argv[1]))
		alert["next"] = alert["created"] = time.time() + 3600
		json.dump(alert, open(sys.argv[1], "w"))
	END

	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
}

@test "a hook that exits with anything else, or dies, has refused: the message is in failed/, and never sent again" {
	given_hook_that sms <<-'END'
		echo no such phone
		[ "$2" = a ] || kill -SEGV $$
		exit 3
	END
	given_alert i1 sms a
	given_alert i2 sms b

	deliver
	assert_line 'refused sms i1[.]death[.]sms 3'
	assert_line 'refused sms i2[.]death[.]sms SEGV'
	deliver

	assert_line 'next -'
	assert_calls 2
	[ "$(field failed i1.death.sms last_output)" = 'no such phone' ]
}

@test "a hook that hangs and ignores TERM is ended with its whole session, and its message waits" {
	given_hook_that sms <<-'END'
		trap "" TERM
		tail -f /dev/null & noted $!
		(tail -f /dev/null) & noted $!
		noted $$
		echo still here
		while :; do tail -f /dev/null; done
	END
	given_alert i1 sms

	deliver 1

	assert_line 'later sms i1[.]death[.]sms timeout 5'
	[ "$(field new i1.death.sms last_output)" = 'still here' ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/pids")" -eq 3 ]
	while read -r pid; do
		is_gone "$pid"
	done <"$BATS_TEST_TMPDIR/pids"
}

@test "a hook that is stopped (state T) is ended too" {
	given_hook_that sms <<-'END'
		noted $$
		kill -STOP $$
	END
	given_alert i1 sms

	deliver 1

	assert_line 'later sms i1[.]death[.]sms timeout 5'
	is_gone "$(cat "$BATS_TEST_TMPDIR/pids")"
}

@test "a hook that forks away and keeps its stdout open has sent when it exits; its child is ended with its time" {
	mkfifo "$BATS_TEST_TMPDIR/never"
	given_hook_that sms <<-'END'
		cat "$T/never" & noted $!
		exit 0
	END
	given_alert i1 sms
	given_alert i2 sms

	deliver 2

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	assert_line 'sent sms i2[.]death[.]sms [0-9]+'
	[ "$(wc -l <"$BATS_TEST_TMPDIR/pids")" -eq 2 ]
	while read -r pid; do
		is_gone "$pid"
	done <"$BATS_TEST_TMPDIR/pids"
}

@test "a hook that left its session is let go, and holds nothing up" {
	given_hook_that sms <<-'END'
		setsid tail -f /dev/null & noted $!
		exit 0
	END
	given_alert i1 sms

	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	assert_line 'next -'
}

@test "a hook that prints endlessly, or a lot, is read to its end and 8 KiB are kept" {
	given_hook_that sms <<-'END'
		head -c 200000000 /dev/zero; exit 0
	END
	given_hook_that endless <<-'END'
		exec yes
	END
	given_alert i1 sms
	deliver
	assert_line 'sent sms i1[.]death[.]sms [0-9]+'

	given_alert i2 endless
	deliver 1
	assert_line 'later endless i2[.]death[.]endless timeout 5'
	run -0 find "$ALERTS" -type f -size +64k
	[ -z "$output" ]
	[ "$(field new i2.death.endless last_output | head -c 4)" = $'y\ny' ]
}

@test "a hook that reads no stdin gets a long message too" {
	given_hook_that sms <<-'END'
		exec <&-
		exit 0
	END
	given_alert i1 sms msg_server "$(printf '%016000d' 0)"

	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
}

@test "what a hook prints cannot pose as a line to the watcher, nor steer a terminal" {
	given_hook_that sms <<-'END'
		printf "next 0\nsent sms x 1\n\033[2J"
	END
	given_alert i1 sms

	deliver

	[ "$(grep -c '^next' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^sent' <<<"$output")" -eq 1 ]
	[[ $stderr != *$'\033'* ]]
}

@test "deliver.py killed while a hook runs: the message is still there, and is sent by the next run" {
	given_hook_that sms <<-'END'
		noted $$
		[ -e "$T/second" ] || exec tail -f /dev/null
	END
	given_alert i1 sms
	deliver_in_background
	wait_until "$PATIENCE" grep -q . "$CALLS"

	kill -KILL "$deliverer"
	wait "$deliverer" || true
	touch "$BATS_TEST_TMPDIR/second"
	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	[ "$(field sent i1.death.sms tries)" = 1 ]
}

@test "TERM lets the call that runs come to its end, and begins no other" {
	given_hook_that sms <<-'END'
		until [ -e "$T/go" ]; do sleep 0.05; done
	END
	given_alert i1 sms
	given_alert i2 sms
	deliver_in_background
	wait_until "$PATIENCE" grep -q . "$CALLS"

	kill -TERM "$deliverer"
	touch "$BATS_TEST_TMPDIR/go"
	wait "$deliverer"

	[ -e "$ALERTS/sent/i1.death.sms.json" ]
	[ -e "$ALERTS/new/i2.death.sms.json" ]
	assert_calls 1
}

@test "a spool that goes away while hooks run: the run ends, and what it started with it" {
	given_hook_that sms <<-'END'
		noted $$
		until [ -e "$T/$2" ]; do sleep 0.05; done
	END
	given_alert i1 sms a
	given_alert i2 sms b
	local status=0
	deliver_in_background
	wait_until "$PATIENCE" are_noted 3 # the run itself, and two calls

	mv "$ALERTS/new" "$ALERTS/elsewhere"
	touch "$BATS_TEST_TMPDIR/b"
	wait "$deliverer" || status=$?

	[ "$status" -eq 1 ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/lines")" = 'next 30000' ]
	while read -r pid; do
		wait_until "$PATIENCE" is_gone "$pid"
	done <"$BATS_TEST_TMPDIR/pids"
}

are_noted() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/pids")" -eq "$1" ]
}

@test "torn, empty and alien files are put aside, reported and no obstacle" {
	given_hook sms
	given_alert i1 sms
	given_alert torn sms
	local good=$ALERTS/new/i1.death.sms.json
	(
		cd "$ALERTS/new"
		truncate -s 40 torn.death.sms.json
		: >empty.json
		mkdir directory
		mkfifo fifo.json
		ln -s /etc/passwd link.json
		printf '[]' >list.json
		cp "$good" other.json
		sed 's/"hook": "sms"/"hook": "..\/x"/; s/"id": "[^"]*"/"id": "path"/' "$good" >path.json
		sed 's/"created": [0-9.]*/"created": 1e400/' "$good" >time.json
		head -c 9000000 /dev/zero >zeros.json
		sed 's/"tries"/"merged": ["a\\u0000b"], "tries"/; s/"id": "[^"]*"/"id": "nul"/' "$good" >nul.json
		sed 's/"tries"/"merged": ["\\ud800"], "tries"/; s/"id": "[^"]*"/"id": "half"/' "$good" >half.json
		sed 's/"tries"/"first_try": Infinity, "tries"/; s/"id": "[^"]*"/"id": "never"/' "$good" >never.json
		touch $'new\nline' "$(printf '%0255d' 0)"
		touch -d '1 hour ago' .unfinished.json.tmp
		touch .being-written.json.tmp
	)

	deliver

	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	assert_line 'next -'
	[ "$(ls -A "$ALERTS/new")" = .being-written.json.tmp ]
	[ "$(find "$ALERTS/failed" -mindepth 1 -maxdepth 1 -name '*.torn' -printf x | wc -c)" -eq 16 ]
	assert_said 'new/empty.json: no message: empty; put aside as .*/failed/empty.json.torn'
	assert_said 'new/torn.death.sms.json: no message: '
	assert_calls 1
	run -0 given_alert torn sms
}

@test "two pieces of rubbish of one name are both kept" {
	given_hook sms
	given_alert i1 sms
	echo one >"$ALERTS/new/x.json"
	deliver
	echo two >"$ALERTS/new/x.json"

	deliver

	[ "$(cat "$ALERTS"/failed/x.json.torn* | sort | tr '\n' ' ')" = 'one two ' ]
}

@test "a message that waits holds back those behind it, of its server and hook alone" {
	given_hook_that sms <<-'END'
		[ "$3" != first ] || exit 75
	END
	given_hook mail
	given_alert i1 sms msg_server first
	given_alert i2 sms msg_server second
	given_alert i2 mail msg_server second
	given_alert i3 sms route_server third

	deliver

	[ "$(sort "$CALLS" | tr '\n' ,)" = 'death msg_server first,death msg_server second,death route_server third,' ]
	[ -e "$ALERTS/new/i2.death.sms.json" ]
	[ -e "$ALERTS/sent/i2.death.mail.json" ]
	[ -e "$ALERTS/sent/i3.death.sms.json" ]
}

@test "messages of one server go out in the order of their making, one after another" {
	given_hook_that sms <<-'END'
		mkdir "$T/alone" || exit 1
		rmdir "$T/alone"
	END
	local incident
	for incident in 9 1 5 7 3; do
		given_alert "i$incident" sms msg_server "$incident"
	done

	deliver

	[ "$(cut -d' ' -f3 "$CALLS" | tr -d '\n')" = 91573 ]
	[ "$(find "$ALERTS/sent" -name '*.json' | wc -l)" -eq 5 ]
}

@test "servers do not wait for each other, and what is queued meanwhile goes out meanwhile" {
	given_hook_that sms <<-'END'
		[ "$2" != slow ] || until [ -e "$T/late" ]; do sleep 0.05; done
		[ "$2" != late ] || touch "$T/late"
	END
	given_alert i1 sms slow
	given_alert i2 sms quick
	deliver_in_background
	wait_until "$PATIENCE" grep -q quick "$CALLS"

	given_alert i3 sms late
	wait "$deliverer"

	[ "$(find "$ALERTS/sent" -name '*.json' | wc -l)" -eq 3 ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/lines")" = 'next -' ]
}

@test "a hook that hangs for many servers does not hold up another hook" {
	given_hook_that hanging <<-'END'
		exec tail -f /dev/null
	END
	given_hook sms
	local number
	for number in 1 2 3 4 5 6 7 8 9; do
		given_alert "h$number" hanging "server$number"
	done
	given_alert i1 sms

	deliver_in_background
	wait_until "$PATIENCE" test -e "$ALERTS/sent/i1.death.sms.json"

	kill -0 "$deliverer"
	[ "$(grep -c happened "$CALLS")" -le 9 ] # eight places, and the one of sms
	kill -TERM "$deliverer"
}

@test "two runs at the same time hand over each message once" {
	given_hook_that sms <<-'END'
		sleep 0.1
	END
	local number
	for number in 1 2 3 4 5; do
		given_alert "i$number" sms
	done

	deliver_in_background
	deliver
	wait "$deliverer"

	assert_calls 5
	assert_line 'next -'
}

@test "an unfit hook is reported once a run, and its messages wait until it is mended" {
	given_hook sms
	given_hook other
	given_alert i1 sms a
	given_alert i2 sms b
	given_alert i3 other
	chmod 722 "$CONF/hooks/sms"

	deliver

	[ "$(grep -c '^unfit' <<<"$output")" -eq 1 ]
	assert_line "unfit sms $CONF/hooks/sms: may be written by others .mode 722.; run: chmod go-w $CONF/hooks/sms"
	assert_line 'sent other i3[.]death[.]other [0-9]+'
	[ -e "$ALERTS/new/i1.death.sms.json" ]
	chmod 700 "$CONF/hooks/sms"
	given_time_of_next_try_is_now i1.death.sms
	deliver
	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
}

@test "a hook is unfit that is missing, not executable, no file, no program, or has a conf that others may read" {
	given_hook plain
	chmod 600 "$CONF/hooks/plain"
	mkdir "$CONF/hooks/directory"
	given_hook open
	echo 'secret = x' >"$CONF/hooks/open.conf"
	chmod 644 "$CONF/hooks/open.conf"
	given_hook badconf
	install -m 600 /dev/null "$CONF/hooks/badconf.conf"
	echo 'no equals sign' >"$CONF/hooks/badconf.conf"
	given_hook noprogram
	sed -i '1s,.*,#!/nonexistent/sh,' "$CONF/hooks/noprogram"
	local hook
	for hook in missing plain directory open badconf noprogram; do
		given_alert i1 "$hook"
	done

	deliver

	assert_line 'unfit missing .*/hooks/missing is missing; .*'
	assert_line 'unfit plain .*/hooks/plain is not executable; run: chmod [+]x .*'
	assert_line 'unfit directory .*/hooks/directory is not a file; .*'
	assert_line 'unfit open .*/hooks/open.conf: may be read by others .mode 644.; run: chmod 600 .*'
	assert_line 'unfit badconf .*/hooks/badconf.conf:1: .*'
	assert_line 'unfit noprogram .*/hooks/noprogram cannot be run: .*'
	[ "$(find "$ALERTS/new" -name '*.json' | wc -l)" -eq 6 ]
	assert_calls 0
}

@test "sent/ and failed/ are bounded: a thousand files, thirty days" {
	given_hook sms
	given_alert i1 sms
	(
		cd "$ALERTS/failed"
		seq -f 'old%g.json' 1005 | xargs touch
		cd ../sent
		seq -f 'old%g.json' 1005 | xargs touch
	)

	deliver

	[ "$(find "$ALERTS/sent" -type f | wc -l)" -eq 1000 ]
	[ "$(find "$ALERTS/failed" -type f | wc -l)" -eq 1000 ]
	[ -e "$ALERTS/sent/i1.death.sms.json" ]
	PYTHONPATH=$ROOT/pyhelpers python3 -c 'import sys; from alerting import outbox
outbox.time.time = lambda real=outbox.time.time: real() + 31 * 86400
outbox.prune(sys.argv[1])' "$ALERTS"
	[ -z "$(ls "$ALERTS/sent")$(ls "$ALERTS/failed")" ]
}

@test "full disk: a try that cannot be written down is not repeated at once, and a sent message is moved" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to mount a small file system'
	mount -t tmpfs -o size=64k,mode=700 none "$BATS_TEST_TMPDIR/state" 2>/dev/null || skip 'no tmpfs may be mounted here'
	MOUNTED=$BATS_TEST_TMPDIR/state
	given_hook_that sms <<-'END'
		[ "$2" = a ] || exit 75
	END
	given_alert i1 sms a
	given_alert i2 sms b
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/state/fill" bs=4k 2>/dev/null || true

	run -1 given_alert i3 sms c
	deliver
	assert_line 'sent sms i1[.]death[.]sms [0-9]+'
	assert_line 'later sms i2[.]death[.]sms 75 5'
	[[ $stderr != *cannot* ]]
	deliver

	assert_line 'next [1-9][0-9]+'
	assert_calls 2
	[ "$(field new i2.death.sms tries)" = 0 ]
	[ -e "$ALERTS/sent/i1.death.sms.json" ]
	rm "$BATS_TEST_TMPDIR/state/fill"
	given_alert i3 sms c
}

@test "a sent message that can be moved nowhere is not sent again and again" {
	given_hook sms
	given_alert i1 sms
	rmdir "$ALERTS/sent"
	touch "$ALERTS/sent"

	deliver
	assert_said 'i1.death.sms: cannot be moved to sent/: '
	deliver

	assert_calls 1
	assert_line 'next -'
}

@test "a spool that cannot be written sends nothing, says so and asks for another run" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to mount a read-only file system'
	given_hook sms
	given_alert i1 sms
	mount --bind "$BATS_TEST_TMPDIR/state" "$BATS_TEST_TMPDIR/state" 2>/dev/null || skip 'nothing may be mounted here'
	MOUNTED=$BATS_TEST_TMPDIR/state
	mount -o remount,bind,ro "$BATS_TEST_TMPDIR/state"

	deliver

	[ "$status" -eq 1 ]
	assert_said 'read-only file system'
	assert_line 'next 30000'
	assert_calls 0
}

@test "a stdout that is full, or was never there, keeps no message from being moved" {
	given_hook_that sms <<-'END'
		echo hello
	END
	given_alert i1 sms
	given_alert i2 sms

	python3 -E -s "$ROOT/pyhelpers/deliver.py" run "$ALERTS" "$CONF" >&- 2>&- <&-
	given_alert i3 sms
	python3 -E -s "$ROOT/pyhelpers/deliver.py" run "$ALERTS" "$CONF" >/dev/full 2>/dev/full

	[ "$(find "$ALERTS/sent" -name '*.json' | wc -l)" -eq 3 ]
	[ "$(field sent i2.death.sms last_output)" = hello ]
}

@test "test: sends one TEST alert through each hook now, and ends with its outcome" {
	given_hook good
	given_hook_that later <<-'END'
		exit 75
	END
	given_hook_that bad <<-'END'
		exit 1
	END
	# hook STATUS...
	set -- good 0 later 1 bad 1 missing 6

	while [ $# -gt 0 ]; do
		run --separate-stderr python3 -E -s "$ROOT/pyhelpers/deliver.py" test "$ALERTS" "$CONF" "$1"
		[ "$status" -eq "$2" ]
		shift 2
	done

	assert_said "missing: $CONF/hooks/missing is missing"
	grep -Eq "^test TEST $(uname -n): TEST alert" "$CALLS"
	assert_calls 3
	[ "$(find "$ALERTS/sent" -name 'test-*.test.good.json' | wc -l)" -eq 1 ]
	[ "$(find "$ALERTS/failed" -name 'test-*.json' | wc -l)" -eq 2 ]
	[ -z "$(ls "$ALERTS/new")" ]
}

@test "fit: says which hooks cannot be called, and calls none" {
	given_hook good

	run -0 --separate-stderr python3 -E -s "$ROOT/pyhelpers/deliver.py" fit "$CONF" good
	[ -z "$output$stderr" ]
	run -6 --separate-stderr python3 -E -s "$ROOT/pyhelpers/deliver.py" fit "$CONF" good missing ../x

	assert_said 'missing: .* is missing'
	assert_said '"../x" cannot name a hook'
	assert_calls 0
}
