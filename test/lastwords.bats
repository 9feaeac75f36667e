#!/usr/bin/env bats
# What a server printed last, before it died, hung or did not start, is in the incident and in its alerts.

load helpers
load fixtures/hostile

# given_speaker NAME SCRIPT [LINE...] - a server that is this script
given_speaker() {
	mkdir -p "$SERVERS/$1"
	printf '#!/bin/sh\n%s\n' "$2" >"$SERVERS/$1/$1"
	chmod 755 "$SERVERS/$1/$1"
	given_conf "$1" "dir = $SERVERS/$1" "${@:3}"
}

# outputs NAME - what history.jsonl has as output of NAME, a JSON text a line
outputs() {
	sed -n "s/.*\"event\":\"output\",\"server\":\"$1\".*\"output\":\(.*\)}\$/\1/p" "$STATE/history.jsonl"
}

has_outputs() {
	[ "$(outputs "$1" | wc -l)" -ge "$2" ]
}

has_alerted() {
	[ "$(alerted_times death "$1")" -eq "$2" ]
}

# incidents NAME EVENT - the incidents of these events of NAME in history.jsonl
incidents() {
	sed -n "s/.*\"event\":\"$2\",\"server\":\"$1\".*\"incident\":\"\([^\"]*\)\".*/\1/p" "$STATE/history.jsonl"
}

@test "a start that fails says why, in restart.log, in status, in history and in the alert" {
	# shellcheck disable=SC2016 # the hook expands it
	given_hook sms 'printf "%s %s %s\n" "$@" >>"${0%/*}/../../alerts.log"' 'printf "%s\n" "$MONITOR_OUTPUT" >"$0.$1"'
	given_speaker web 'echo begins; echo "SyntaxError: invalid syntax" >&2; echo bye; exit 1' 'give_up = 2 in 60s'

	monitor_start web

	assert_logged '(it ended while it started (exit 1): SyntaxError: invalid syntax)'
	wait_until "$PATIENCE" state_is web FATAL
	assert_equal 'status' "$(status_of web message)" \
		'it ended while it started (exit 1): SyntaxError: invalid syntax; 2 failures in 60s; mend that, then ./monitor.sh clear web'
	assert_alerted give_up web 'it ended while it started (exit 1): SyntaxError: invalid syntax'
	assert_equal 'MONITOR_OUTPUT' "$(<"$CONF/hooks/sms.give_up")" $'begins\nSyntaxError: invalid syntax\nbye'
	wait_until "$PATIENCE" has_outputs web 1
	assert_equal 'history' "$(outputs web)" '"begins\nSyntaxError: invalid syntax\nbye"'
	assert_equal 'incidents' "$(incidents web output)" "$(incidents web start_failed | head -n 1)"
}

@test "a death brings what this run printed last, under its own incident, and nothing of an earlier run" {
	given_speaker web 'echo "run $$: fatal: out of luck"; exec sleep 1000' 'match = sleep'
	monitor_start web
	for round in 1 2; do
		wait_until "$PATIENCE" state_is web RUNNING
		old=$(pid_of web)
		kill -SEGV "$old"
		wait_until "$PATIENCE" has_outputs web "$round"
		assert_equal "words $round" "$(outputs web | tail -n 1)" "\"run $old: fatal: out of luck\""
		wait_until "$PATIENCE" pid_differs web "$old"
	done

	wait_until "$PATIENCE" has_alerted web 2
	assert_equal 'incidents' "$(incidents web output)" "$(incidents web death)"
	assert_alerted death web "fatal: out of luck"
}

@test "a server that was given up after a death says in status how it died, what it printed, and the way out" {
	given_speaker kept 'echo "fatal: out of luck"; exec sleep 1000' 'match = sleep' 'give_up = 1 in 60s'
	given_speaker file 'echo "fatal: out of luck"; exec sleep 1000' 'match = sleep' 'give_up = 1 in 60s' 'output = out.txt'
	monitor_start kept file
	for name in kept file; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
		kill -SEGV "$(pid_of "$name")"
	done

	for name in kept file; do
		wait_until "$PATIENCE" message_says "$name" \
			"signal SEGV: fatal: out of luck; 1 failure in 60s; mend that, then ./monitor.sh clear $name"
	done
}

@test "a server that printed nothing in this run has no last words" {
	# shellcheck disable=SC2016 # the server expands it
	given_speaker web 'test -e "$0.ran" || echo "from before"; : >"$0.ran"; exec sleep 1000' 'match = sleep'
	monitor_start web
	for round in 1 2; do
		wait_until "$PATIENCE" state_is web RUNNING
		old=$(pid_of web)
		kill -KILL "$old"
		wait_until "$PATIENCE" pid_differs web "$old"
	done
	wait_until "$PATIENCE" has_alerted web 2

	assert_equal 'outputs' "$(outputs web)" '"from before"'
	[[ $(tail -n 1 "$ALERTS") != *before* ]]
}

@test "control bytes are harmless, and the values of secrets are starred" {
	# shellcheck disable=SC2016 # the server expands it
	given_speaker web 'printf "\033[31merror\033[0m \001 of %s \"a\\\\b\" \303\251\n" "$DB_PASSWORD"; exit 3' \
		'environment = DB_PASSWORD=hunter22 PLAIN=visible'

	monitor_start web

	assert_logged ': error ? of *** "a\b" '
	assert_alerted death web 'error ? of ***'
	wait_until "$PATIENCE" grep -q '^MONITOR_OUTPUT=error ? of \*\*\* "a\\b" ' "$BATS_TEST_TMPDIR/alerts.env"
	run ! grep -rq hunter22 "$STATE/restart.log" "$STATE/history.jsonl" "$STATE/alerts" "$ALERTS"
}

@test "history has 4 KiB at most, in whole lines, and stays JSON" {
	# shellcheck disable=SC2016 # the server expands it
	given_speaker web 'i=0; while [ $i -lt 500 ]; do i=$((i + 1)); echo "line $i of \"many\" \\ lines"; done; exec sleep 1000' \
		'match = sleep'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING

	kill -KILL "$(pid_of web)"

	wait_until "$PATIENCE" has_outputs web 1
	run -0 "$(python)" -c '
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if entry["event"] == "output":
        lines = entry["output"].split("\n")
        print(len(entry["output"]) <= 4096, len(lines) > 100, lines[-1], all(l.startswith("line ") for l in lines))
' "$STATE/history.jsonl"
	assert_equal 'output' "$output" 'True True line 500 of "many" \ lines True'
}

@test "what a hung server printed last is in its alert" {
	given_speaker web 'echo "cannot get the lock"; : >beat; exec sleep 1000' 'match = sleep' 'restart = never' \
		'heartbeat = file beat' 'heartbeat_timeout = 1s'

	monitor_start web

	assert_alerted hung web 'hung'
	wait_until "$PATIENCE" grep -qx 'MONITOR_OUTPUT=cannot get the lock' "$BATS_TEST_TMPDIR/alerts.env"
}

@test "an order without a monitor names the reason, and the file" {
	given_speaker web 'echo "bind: Address already in use"; exit 1'

	suite_ends 1 start web

	grep -qF "it ended while it started (exit 1): bind: Address already in use; see $STATE/output/web.log" "$SAID"
}

@test "mail and webhook bring the output" {
	export MONITOR_OUTPUT=$'first\nthe last line' HOOK_TO=a@example.com MONITOR_INCIDENT=web-1 HOOK_SENDMAIL=$BATS_TEST_TMPDIR/sendmail
	# shellcheck disable=SC2016 # the stand-in expands it
	printf '%s\n' '#!/bin/sh' 'cat >"$0.mail"' >"$HOOK_SENDMAIL"
	chmod 755 "$HOOK_SENDMAIL"

	"$ROOT/conf/hooks/mail" death web 'web died'

	grep -qx '    the last line' "$HOOK_SENDMAIL.mail"
	run -0 "$(python)" -B -c '
import importlib.machinery, json, sys
hook = importlib.machinery.SourceFileLoader("webhook", sys.argv[1]).load_module()
print(json.loads(hook.body_of("death", "web", "web died"))["output"])
' "$ROOT/conf/hooks/webhook"
	assert_equal 'output' "$output" $'first\nthe last line'
}

# The server of the next tests: it writes its pid and a reason, to its standard output or into a log, and lives
# shellcheck disable=SC2016 # the server expands it
SPEAKS='echo "run $$: cannot go on"; exec sleep 1000'
# shellcheck disable=SC2016 # the server expands it
LOGS='echo "run $$: cannot go on" >"log_$$_1.txt"; exec sleep 1000'

# kills NAME ROUND - kill NAME; sets $old; wait until what it wrote is in history as output ROUND, and NAME is back
kills() {
	wait_until "$PATIENCE" state_is "$1" RUNNING
	old=$(pid_of "$1")
	kill -KILL "$old"
	wait_until "$PATIENCE" has_outputs "$1" "$2"
	wait_until "$PATIENCE" pid_differs "$1" "$old"
}

@test "what a server printed into a file of its own is its last words, and nothing of an earlier run" {
	given_speaker web "$SPEAKS" 'match = sleep' 'output = out.txt'
	monitor_start web

	for round in 1 2; do
		kills web "$round"
		assert_equal "words $round" "$(outputs web | tail -n 1)" "\"run $old: cannot go on\""
	done

	wait_until "$PATIENCE" grep -qx "MONITOR_OUTPUT=run $old: cannot go on" "$BATS_TEST_TMPDIR/alerts.env"
	assert_equal 'incidents' "$(incidents web output)" "$(incidents web death)"
}

@test "a server that prints nothing has the end of its newest log as last words, which the restart has moved" {
	given_speaker web "$LOGS" 'match = sleep'
	monitor_start web

	for round in 1 2; do
		kills web "$round"
		assert_equal "words $round" "$(outputs web | tail -n 1)" "\"run $old: cannot go on\""
	done

	[ -e "$SERVERS/web/oldlog/log_${old}_1.txt" ]
	wait_until "$PATIENCE" grep -qx "MONITOR_OUTPUT=run $old: cannot go on" "$BATS_TEST_TMPDIR/alerts.env"
}

@test "a run that wrote no log has no last words, whatever lies in oldlog" {
	# shellcheck disable=SC2016 # the server expands it
	given_speaker web 'test -e ran || echo "from before" >"log_$$_1.txt"; : >ran; exec sleep 1000' 'match = sleep'
	monitor_start web
	kills web 1

	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs web "$old"
	wait_until "$PATIENCE" has_alerted web 2

	assert_equal 'outputs' "$(outputs web)" '"from before"'
}

@test "a server that is not started again says in its state what stands at the end of its log" {
	given_speaker web "$LOGS" 'match = sleep' 'restart = never'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)

	kill -KILL "$old"

	wait_until "$PATIENCE" state_is web EXITED
	wait_until "$PATIENCE" message_says web "run $old: cannot go on"
}

@test "a start that fails says what stands in its file, or at the end of its log" {
	given_speaker file 'echo "bind: no such address"; exit 1' 'output = out.txt' 'give_up = 1 in 60s'
	# shellcheck disable=SC2016 # the server expands it
	given_speaker logs 'echo "FATAL: no license" >"log_$$_1.txt"; exit 1' 'give_up = 1 in 60s'

	monitor_start file logs

	assert_logged 'it ended while it started (exit 1): bind: no such address'
	assert_logged 'it ended while it started (exit 1): FATAL: no license'
}

@test "what a hung server wrote into its log is in its alert" {
	# shellcheck disable=SC2016 # the server expands it
	given_speaker web ': >beat; echo "cannot get the lock" >"log_$$_1.txt"; exec sleep 1000' 'match = sleep' \
		'restart = never' 'heartbeat = file beat' 'heartbeat_timeout = 1s' 'output = /dev/null'

	monitor_start web

	assert_alerted hung web 'hung'
	wait_until "$PATIENCE" grep -qx 'MONITOR_OUTPUT=cannot get the lock' "$BATS_TEST_TMPDIR/alerts.env"
}

@test "root reads no log that another user could have put there" {
	given_guest guest
	mkdir "$SERVERS/guest/shared"
	chmod 777 "$SERVERS/guest/shared"
	given_conf web "dir = $SERVERS/guest/shared" 'command = /bin/sleep 1000' 'logs = none' 'output = out.txt'
	printf '%s\n' 'root may read this' >"$BATS_TEST_TMPDIR/secret"
	chmod 600 "$BATS_TEST_TMPDIR/secret"
	ln "$BATS_TEST_TMPDIR/secret" "$SERVERS/guest/shared/out.txt"
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)
	printf '%s\n' 'not even this' >>"$SERVERS/guest/shared/out.txt"

	kill -KILL "$old"

	wait_until "$PATIENCE" has_alerted web 1
	run ! grep -q 'this' "$BATS_TEST_TMPDIR/alerts.env"
	assert_equal 'outputs' "$(outputs web)" ''
}
