#!/usr/bin/env bats
# What was queued is sent: whenever delivery is killed, whatever a hook does to itself, whichever hook fails.

load helpers
load fixtures/spool

# given_recording_hook NAME [LINE...] - a hook that writes down its incident, then does what LINEs say
given_recording_hook() {
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook "$1" 'home=${0%/*}/../..' 'printf "%s\n" "$MONITOR_INCIDENT" >>"$home/told"' "${@:2}"
}

# deliver_until STEP - a delivery that is killed before that step; fails when it came to its end first
deliver_until() {
	local status=0
	LD_PRELOAD=$(fixture mortal.so) MORTAL_AT=$1 "$(python)" -B -E -s "$ROOT/pyhelpers/deliver.py" run "$SPOOL" "$CONF" \
		>>"$PRINTED" 2>&1 3>&- || status=$?
	[ "$status" -eq 137 ] || assert_equal 'exit status' "$status" 0
	[ "$status" -eq 137 ]
}

# at_each_step COMMAND... - COMMAND, after a delivery of the spool as it is now was killed at each of its steps, one by one
at_each_step() {
	local step
	cp -a "$SPOOL" "$BATS_TEST_TMPDIR/template"
	for ((step = 1; step < 200; step++)); do
		rm -rf "$SPOOL" && cp -a "$BATS_TEST_TMPDIR/template" "$SPOOL"
		: >"$BATS_TEST_TMPDIR/told"
		deliver_until "$step" || break
		deliver
		printf 'killed before step %d\n' "$step" >>"$PRINTED"
		"$@"
	done
	((step > 5)) || assert_equal 'steps' "$step" 'more than five'
}

# assert_told MOST INCIDENT... - each was told, in this order, but for repetitions; no more than MOST calls in all
assert_told() {
	assert_equal 'told' "$(uniq "$BATS_TEST_TMPDIR/told" | tr '\n' ' ')" "$(printf '%s ' "${@:2}")"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -le "$1" ] || assert_equal 'calls' "$(cat "$BATS_TEST_TMPDIR/told")" "$1 at most"
	assert_equal 'waiting' "$(waiting)" 0
	assert_equal 'remembered as sent' "$(find "$SPOOL/sent" -name '*.json' | wc -l)" $(($# - 1))
}

# --- SIGKILL

@test "SIGKILL at any step: each message is sent, one at most twice, in order" {
	spool_setup
	given_recording_hook sms
	local number
	for number in 1 2 3 4; do
		queue incident="i$number"
	done

	at_each_step assert_told 5 i1 i2 i3 i4
}

@test "SIGKILL at any step while a hook asks for another try: nothing is lost, and the order is kept" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms '[ -e "$home/open" ] || exit 75'
	queue incident=i1
	queue incident=i2

	at_each_step assert_told_later
}

assert_told_later() {
	touch "$BATS_TEST_TMPDIR/open"
	: >"$BATS_TEST_TMPDIR/told"
	change i1.death.sms next 0
	deliver
	assert_told 2 i1 i2
	rm "$BATS_TEST_TMPDIR/open"
}

@test "SIGKILL at any step of a storm: the messages name every server, and no more than one digest comes twice" {
	spool_setup
	conf_says 'digest_window = 1s'
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms 'printf "%s\n" "$3" >>"$home/texts"'
	queue_many 12 1

	at_each_step assert_all_told
}

assert_all_told() {
	local number
	for number in 1 2 3 4 5 6 7 8 9 10 11 12; do
		grep -qE "\bs$number\b" "$BATS_TEST_TMPDIR/texts" || assert_equal 'told' "$(cat "$BATS_TEST_TMPDIR/texts")" "s$number too"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -le 2 ]
	assert_equal 'incidents' "$(sort -u "$BATS_TEST_TMPDIR/told" | wc -l)" 1
	assert_equal 'waiting' "$(waiting)" 0
	: >"$BATS_TEST_TMPDIR/texts"
}

@test "a hook that kills its delivery is called once more, with the same incident" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms 'mkdir "$home/once" 2>/dev/null || exit 0' 'kill -KILL $PPID'
	queue incident=i1

	deliver || :
	deliver

	assert_equal 'told' "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/told")" 'i1 i1 '
	assert_equal 'waiting' "$(waiting)" 0
}

@test "a delivery that cannot begin is reported once, and tried again; the loop lives on" {
	spool_setup
	queue incident=i1

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$SPOOL" "$CONF" <<-'END'
		import os, sys
		sys.path.insert(0, sys.argv[1])
		from watch import alert_queue as post
		class Watcher:
		    suite, run_dir = {}, "/nowhere"
		    def __init__(self): self.loop, self.calls = self, []
		    def after(self, ms, call): self.calls.append((ms, call))
		    def say(self, server, text): print(text)
		    def hear(self, pid, told, done, line): print("begun"); os.waitpid(pid, 0)
		watcher = Watcher()
		one, real, sys.executable = post.Post(watcher, *sys.argv[2:]), sys.executable, "/nowhere/python3"
		one.deliver_soon()
		fds = len(os.listdir("/proc/self/fd"))
		for _ in range(2):
		    ms, call = watcher.calls.pop()
		    call()
		print(len(os.listdir("/proc/self/fd")) - fds)
		sys.executable = real
		ms, call = watcher.calls.pop()
		print(ms)
		call()
	END

	assert_equal 'said' "$output" $'alerts cannot be delivered: No such file or directory; tried again every 5 s\n0\n5000\nbegun'
}

# --- what a hook does to itself while it runs

@test "a hook that is deleted while it runs has sent; the others wait until it is there again" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook own 'cp "$0" "$home/kept"' 'rm "$0"'
	queue incident=i1 hook=own
	queue incident=i2 hook=own

	deliver

	[[ $output == *'unfit own '*' is missing; put it there'* ]]
	assert_equal 'waiting' "$(waiting)" 1
	sed '/^rm/d' "$BATS_TEST_TMPDIR/kept" >"$CONF/hooks/own"
	chmod 700 "$CONF/hooks/own"
	change i2.death.own next 0
	deliver
	assert_told 2 i1 i2
}

@test "a hook that is replaced while it runs: the next message goes to the new one" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook other 'printf new >>"$home/told"'
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms 'mv "${0%/*}/other" "$0"'
	queue incident=i1
	queue incident=i2

	deliver

	assert_equal 'told' "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/told")" 'i1 i2 new'
}

@test "a hook that others may write from now on is called no more" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms 'chmod 722 "$0"'
	queue incident=i1
	queue incident=i2

	deliver

	[[ $output == *'unfit sms '*'may be written by others'* ]]
	assert_equal 'told' "$(cat "$BATS_TEST_TMPDIR/told")" i1
	assert_equal 'waiting' "$(waiting)" 1
}

@test "a hook that prints 1 GB has sent; 8 KiB of it are kept" {
	spool_setup
	given_recording_hook sms 'head -c 1000000000 /dev/zero'
	queue incident=i1

	deliver

	[ -e "$SPOOL/sent/i1.death.sms.json" ]
	run -0 find "$SPOOL" -type f -size +64k
	assert_equal 'big files' "$output" ''
}

# --- give-ups

@test "a give-up passes by what its server still waits with, and what it passed by is then over" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms '[ "$1" = give_up ] || exit 75'
	queue incident=i1
	deliver
	queue incident=i2 event=give_up action='gave up'

	deliver

	assert_equal 'told' "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/told")" 'i1 i2 '
	assert_equal 'waiting' "$(waiting)" 0
}

@test "a give-up finds a place where eight calls hang" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms '[ "$1" = give_up ] || until [ -e "$home/go" ]; do sleep 0.05; done'
	queue_many 9 1
	deliver_beside
	wait_until "$PATIENCE" has_told 8

	queue incident=loud event=give_up action='gave up' server=gate

	wait_until "$PATIENCE" test -e "$SPOOL/sent/loud.give_up.sms.json"
	assert_equal 'sent' "$(find "$SPOOL/sent" -name '*.json' | wc -l)" 1
	touch "$BATS_TEST_TMPDIR/go"
	wait "$deliverer"
}

@test "a give-up finds a place where eight calls hang and its server waits with more" {
	spool_setup
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook sms '[ "$1" = give_up ] || until [ -e "$home/go" ]; do sleep 0.05; done'
	queue_many 8 1
	deliver_beside
	wait_until "$PATIENCE" has_told 8
	queue incident=quiet server=gate
	queue incident=loud event=give_up action='gave up' server=gate

	wait_until "$PATIENCE" test -e "$SPOOL/sent/loud.give_up.sms.json"
	touch "$BATS_TEST_TMPDIR/go"
	wait "$deliverer"
	assert_equal 'told' "$(sed -n '9,$p' "$BATS_TEST_TMPDIR/told")" loud
}

# deliver_beside - a delivery in the background; $deliverer is its pid
deliver_beside() {
	"$(python)" -E -s "$ROOT/pyhelpers/deliver.py" run "$SPOOL" "$CONF" >>"$PRINTED" 2>&1 3>&- &
	deliverer=$!
}

has_told() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -eq "$1" ]
}

# --- the next hook in line

@test "what waits hook_dead_after for a hook that fails is sent by the next in line, with the reason" {
	spool_setup
	conf_says 'hook_dead_after = 10m'
	given_hook sms 'echo no route to host; exit 75'
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_recording_hook mail 'printf "%s\n" "$3" >>"$home/texts"'
	echo 'events = give_up' >"$CONF/hooks/mail.conf"
	chmod 600 "$CONF/hooks/mail.conf"
	queue incident=i1 hooks=sms,mail
	queue incident=i1 hook=mail hooks=sms,mail
	deliver
	[ ! -e "$BATS_TEST_TMPDIR/told" ] # mail is told of give-ups

	change i1.death.sms first_try "$(($(date +%s) - 660))"
	deliver

	grep -qx 'im-3: msg_server death restarted' "$BATS_TEST_TMPDIR/texts"
	grep -q 'hook sms has failed for 11m (no route to host), 1 wait for it; mail sends them' "$BATS_TEST_TMPDIR/texts"
	assert_equal 'waiting' "$(waiting)" 1
	deliver
	assert_equal 'told by mail' "$(wc -l <"$BATS_TEST_TMPDIR/texts")" 2
}

@test "a hook in line that had the message already does not get it twice" {
	spool_setup
	given_hook sms 'exit 75'
	given_recording_hook mail
	queue incident=i1 hooks=sms,mail
	queue incident=i1 hook=mail hooks=sms,mail
	deliver

	change i1.death.sms first_try 1
	deliver
	deliver

	assert_equal 'told by mail' "$(cat "$BATS_TEST_TMPDIR/told")" i1
}

@test "a digest is not passed to a hook that had one of its own" {
	spool_setup
	conf_says 'digest_window = 1s'
	given_hook sms 'exit 75'
	given_recording_hook mail
	queue_many 12 1 hooks=sms,mail
	deliver
	queue_many 12 1 hook=mail hooks=sms,mail
	deliver
	local digest
	digest=$(cd "$SPOOL/new" && echo digest-*.sms.json)

	change "${digest%.json}" first_try 1
	deliver

	assert_equal 'told by mail' "$(wc -l <"$BATS_TEST_TMPDIR/told")" 1
}

@test "a hook that has failed for less than that is waited for" {
	spool_setup
	given_hook sms 'exit 75'
	given_recording_hook mail
	echo 'events = give_up' >"$CONF/hooks/mail.conf"
	chmod 600 "$CONF/hooks/mail.conf"
	queue incident=i1 hooks=sms,mail

	deliver
	change i1.death.sms first_try "$(($(date +%s) - 500))"
	deliver

	[ ! -e "$BATS_TEST_TMPDIR/told" ]
}

@test "what a hook refuses is sent by the next in line at once: of the server's alert, or of any in conf" {
	spool_setup
	given_hook sms 'exit 1'
	given_recording_hook mail
	given_conf msg_server 'alert = sms'
	given_conf other 'alert = mail'
	queue incident=i1

	deliver

	assert_equal 'told' "$(cat "$BATS_TEST_TMPDIR/told")" i1
	[ -e "$SPOOL/failed/i1.death.sms.json" ]
	[ -e "$SPOOL/sent/i1.death.mail.json" ]
}

@test "a hook gets only its events" {
	spool_setup
	given_recording_hook sms
	printf '%s\n' 'events = give_up hung' 'url = x' >"$CONF/hooks/sms.conf"
	chmod 600 "$CONF/hooks/sms.conf"
	queue incident=i1
	queue incident=i2 event=give_up action='gave up'
	queue incident=i3 event=recovery

	deliver

	assert_told 1 i2
}

@test "a bad value in a hook's conf makes it unfit, with file, line and what to write" {
	spool_setup
	printf '%s\n' 'url = x' 'events = deaths' >"$CONF/hooks/sms.conf"
	chmod 600 "$CONF/hooks/sms.conf"
	queue incident=i1

	deliver

	[[ $output == *"unfit sms $CONF/hooks/sms.conf:2: events: \"deaths\" is none of death, give_up,"* ]]
}

# hook_conf_says LINE... - conf/hooks/sms.conf holds these lines
hook_conf_says() {
	printf '%s\n' "$@" >"$CONF/hooks/sms.conf"
	chmod 600 "$CONF/hooks/sms.conf"
}

@test "a key of ours that is misspelt in a hook's conf, or stands in the wrong place, makes it unfit; no other key does" {
	spool_setup
	given_conf msg_server 'alert = sms'
	local line
	for line in 'event = give_up' 'Events = give_up' 'evnts = give_up' 'digest_afer = 3' 'hourly_buget = 3' 'quit = none'; do
		hook_conf_says "$line"
		suite_ends 6 check
		grep -qE "sms.conf:1: \"${line%% *}\" is no key of ours; did you mean (events|digest_after|hourly_budget|quiet)\?" "$SAID" ||
			assert_equal "what is said to $line" "$(cat "$SAID")" 'no key of ours'
	done
	hook_conf_says 'recovery_quiet = 5s'
	suite_ends 6 check
	grep -q 'sms.conf:1: recovery_quiet holds for all hooks; set it in monitor.conf' "$SAID"
	hook_conf_says url=x phones=x form=x json=x auth=x secret=x timeout=x config=x outgoing=x to=x from=x \
		sendmail=x severity=x urls=x facility=x tag=x socket=x command=x
	suite_ends 0 check
}
