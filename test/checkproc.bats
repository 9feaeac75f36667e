#!/usr/bin/env bats
# checkproc.py: one pass after the other, the slots of the dead are cleared and the hung are ended; no other process is hit.

load helpers
load fixtures/heartbeats

# logged TEXT - does the log hold it?
logged() {
	grep -qF -- "$1" "$LOG"
}

# pass_later - a pass when a timeout of 1 s is over for those that do not beat any more: a pass now sees their last beat,
# which may have come after the pass before
pass_later() {
	checkproc
	pass_time 3
	checkproc
}

@test "the first pass only looks" {
	start_client msg_server 1 --mute

	pass_time 3
	checkproc

	run -1 is_gone "$CLIENT"
	assert_equal 'log' "$(<"$LOG")" ''
}

@test "a mute one gets TERM and its slot is free; one that beats is left alone" {
	start_client good 1
	good=$CLIENT
	start_client msg_server 1
	checkproc

	mute "$CLIENT"
	pass_later

	wait_until "$PATIENCE" is_gone "$CLIENT"
	logged "msg_server, pid=$CLIENT: no beat for "
	grep -qE "msg_server, pid=$CLIENT: ended after [0-9.]+s, by TERM" "$LOG"
	has_no_slot "$CLIENT"
	run -1 is_gone "$good"
	has_slot "$good"
	assert_equal 'lines' "$(wc -l <"$LOG")" 2
}

@test "the timeout is the client's own" {
	start_client patient 100 --mute
	start_client never 0 --mute
	start_client negative -5 --mute
	checkproc

	pass_later

	assert_equal 'log' "$(<"$LOG")" ''
}

@test "ten that are mute and ignore TERM are all killed after the same 5 s" {
	clients=()
	for _ in {1..10}; do
		start_client deaf 1 --ignore-term
		clients+=("$CLIENT")
	done
	checkproc

	kill -s USR1 "${clients[@]}"
	pass_later

	for pid in "${clients[@]}"; do
		is_gone "$pid"
		grep -qE "^[0-9-]{10} [0-9:]{8} - deaf, pid=$pid: ended after [56]\.[0-9]s, by KILL; its slot is cleared\$" "$LOG"
	done
	assert_equal 'slots' "$(heartbeat list --json)" '[]'
}

@test "a mute one that clears its slot while it is waited for is killed, and no other process is" {
	start_client good 1
	good=$CLIENT
	start_client leaver 1 --clear-on-term
	checkproc

	mute "$CLIENT"
	pass_later

	is_gone "$CLIENT"
	grep -qE "leaver, pid=$CLIENT: ended after ([5-9]|[1-9][0-9])\." "$LOG"
	run -1 is_gone "$good"
}

@test "one whose slot is cleared, or that beats again, before anything was sent is left alone" {
	start_client cleared 1
	cleared=$CLIENT
	start_client back 1
	checkproc
	kill -s USR1 "$cleared" "$CLIENT"
	checkproc # sees their last beats
	pass_time 3
	before=$(slot_of "$CLIENT" atime)

	start_pass
	kill -s STOP "$PASS"
	heartbeat clear "$cleared"
	kill -s USR2 "$CLIENT"
	wait_until "$PATIENCE" has_beaten "$CLIENT" "$before"
	kill -s CONT "$PASS"
	wait "$PASS"

	assert_equal 'log' "$(<"$LOG")" ''
	run -1 is_gone "$CLIENT"
	run -1 is_gone "$cleared"
}

# --- the dead

@test "the slot of one that was killed is cleared, by the first pass already" {
	start_client msg_server 60
	kill -s KILL "$CLIENT"
	wait_until "$PATIENCE" is_gone "$CLIENT"

	checkproc

	has_no_slot "$CLIENT"
	logged "msg_server, pid=$CLIENT: has ended; its slot is cleared"
}

@test "a slot whose pid is another process by now is cleared, and that process is not signalled" {
	start_client msg_server 1 --mute # a beat behind the first pass would be the other process's
	checkproc
	kill -s KILL "$CLIENT"
	wait "$CLIENT" || :
	given_program "$SERVERS/stranger/stranger"
	start_as_pid "$CLIENT" "$SERVERS/stranger" ./stranger

	pass_later

	has_no_slot "$CLIENT"
	logged "msg_server, pid=$CLIENT: is another process by now; its slot is cleared"
	run -1 is_gone "$BY_HAND"
}

@test "a client that took over the slot of a dead one with its pid keeps it" {
	start_client msg_server 1
	checkproc
	kill -s KILL "$CLIENT"
	wait "$CLIENT" || :
	start_client_as "$CLIENT" msg_server 1

	pass_later
	pass_later

	has_slot "$CLIENT"
	run -1 is_gone "$CLIENT"
	assert_equal 'log' "$(<"$LOG")" ''
}

@test "a slot of a process that never was a client gets no process killed, and is reported once" {
	start_stranger / /bin/sleep 600
	write_slot 0 "$BY_HAND" stranger 1 5

	checkproc
	pass_later
	checkproc

	run -1 is_gone "$BY_HAND"
	assert_equal 'said' "$(grep -c "stranger, pid=$BY_HAND: no beat, but it has not attached the table" "$LOG")" 1
}

@test "a shell script is a client once it was seen to beat" {
	start_stranger / /bin/sleep 600
	heartbeat beat "$BY_HAND" backup 1
	checkproc
	before=$(slot_of "$BY_HAND" atime)
	pass_time 1
	heartbeat beat "$BY_HAND" backup 1
	has_beaten "$BY_HAND" "$before"
	checkproc

	pass_later

	is_gone "$BY_HAND"
	grep -qE "backup, pid=$BY_HAND: ended after [0-9.]+s, by TERM; its slot is cleared" "$LOG"
}

@test "in a table that every user may write, root ends only a process that has it attached" {
	[ "$(id -u)" -eq 0 ] || skip "only root may end others' processes"
	start_client msg_server 60 # makes the table, with 0666
	start_stranger / /bin/sleep 600
	heartbeat beat "$BY_HAND" backup 1
	checkproc
	pass_time 1
	heartbeat beat "$BY_HAND" backup 1
	checkproc

	pass_later

	run -1 is_gone "$BY_HAND"
	logged "backup, pid=$BY_HAND: no beat, but it has not attached the table; left alone"
}

# --- rubbish

@test "rubbish in the table hits no process" {
	write_slot 0 -1 minus 1 5
	write_slot 2 2147483647 huge 1 5
	write_slot 3 -2147483648 least 1 5
	write_slot 4 $$ "$(printf 'x%.0s' {1..60})" 1 5
	write_slot 5 $$ no_timeout 0 5
	write_slot 6 $$ negative -1 5
	write_slot 999 $PPID $'a\nb' 1 -1

	checkproc
	pass_later

	run -1 is_gone $$
	run -1 is_gone $PPID
	logged "a?b, pid=$PPID: no beat, but it has not attached the table"
	has_no_slot -1
	has_no_slot 2147483647
	has_no_slot -2147483648
}

@test "pid 1 is not signalled, though it may be a client" {
	require_own_mounts --pid --fork --mount-proc
	export ROOT KEY LOG BATS_TEST_TMPDIR PATIENCE
	export -f checkproc python pass_time wait_until has_passed monotonic

	# Its own pid 1, lest that of the machine is hit where this fails
	# shellcheck disable=SC2016 # for that shell
	unshare --pid --fork --mount-proc "$(python)" -BEs -c '
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from heartbeat import Heartbeat
with Heartbeat("init", 1, key=int(sys.argv[2], 16)):
    subprocess.run(["bash", "-c", "checkproc; pass_time 3; checkproc"])
' "$ROOT/pyhelpers" "$KEY"

	assert_equal 'log' "$(cut -c 23- "$LOG")" 'init, pid=1: no beat, but it is pid 1; left alone'
}

@test "a pass whose own pid stands in the table goes on" {
	write_slot 0 1234 checker 1 5
	checkproc
	export ROOT KEY LOG
	export -f write_slot python checkproc

	# shellcheck disable=SC2016 # for that shell
	run -0 bash -c 'write_slot 0 $$ checker 1 5
		exec "$(python)" -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$LOG"'

	assert_equal 'slots' "$(heartbeat list --json)" '[]'
}

@test "a client that stands in the table twice, once with rubbish, is left alone" {
	start_client msg_server 1
	write_slot 7 "$CLIENT" twin 1 5
	checkproc

	pass_later

	run -1 is_gone "$CLIENT"
	assert_equal 'log' "$(<"$LOG")" ''
}

@test "a pid that is only a thread's is no client's" {
	start_stranger / "$(python)" -c 'import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()'
	wait_until "$PATIENCE" test "$(compgen -G "/proc/$BY_HAND/task/*" | wc -l)" -ge 1
	wait_until "$PATIENCE" has_two_threads
	write_slot 0 "$THREAD" thread 1 5

	checkproc

	has_no_slot "$THREAD"
	run -1 is_gone "$BY_HAND"
}

has_two_threads() {
	THREAD=$(cd "/proc/$BY_HAND/task" && printf '%s\n' * | grep -vx "$BY_HAND")
	[ -n "$THREAD" ]
}

@test "a table that does not exist, or has another size, is reported once" {
	run -0 checkproc
	run -0 checkproc
	assert_equal 'said' "$(grep -c "table $KEY: no program has made it yet" "$LOG")" 1

	start_client msg_server 1
	run -1 checkproc --slots 999
	logged "table $KEY: has 72000 bytes, and 999 slots of 72 take 71928; set the layout or number of slots"
	run -1 is_gone "$CLIENT"
}

@test "a table that may not be read is reported" {
	[ "$(id -u)" -eq 0 ] || skip "only root can be somebody else"
	require setpriv
	heartbeat beat $$ mine 5
	mkdir -m 777 "$BATS_TEST_TMPDIR/theirs"
	chmod o+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/*/
	as_nobody cat "$ROOT/pyhelpers/checkproc.py" >/dev/null || skip "the suite may not be read by others"

	run -1 as_nobody /usr/bin/python3 -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$BATS_TEST_TMPDIR/theirs/log"

	grep -qF "table $KEY: may not be read" "$BATS_TEST_TMPDIR/theirs/log"
}

as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

@test "without sysv_ipc it says what to install" {
	mkdir "$BATS_TEST_TMPDIR/none"
	echo 'raise ImportError' >"$BATS_TEST_TMPDIR/none/sysv_ipc.py"

	run -5 env PYTHONPATH="$BATS_TEST_TMPDIR/none" "$(python)" -B "$ROOT/pyhelpers/checkproc.py" "$LOG"

	[[ $output == "checkproc.py: sysv_ipc is not installed; run: apt-get install python3-sysv-ipc, or: "*" -m pip install sysv_ipc" ]]
}

@test "a semaphore that another process holds keeps nothing waiting permanently; the slot is cleared later" {
	start_client msg_server 60
	kill -s KILL "$CLIENT"
	hold_semaphore

	run -1 timeout 20 "$(python)" -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$LOG"
	logged "msg_server, pid=$CLIENT: has ended; its slot is not cleared: table $KEY: another process holds its semaphore, given up after 2s"
	has_slot "$CLIENT"

	kill -s KILL "$HOLDER" # the kernel gives it back: SEM_UNDO
	wait_until "$PATIENCE" is_gone "$HOLDER"
	run -0 checkproc
	has_no_slot "$CLIENT"
}

# --- the clock, and our own pauses

@test "a clock that moves an hour either way ends no process that beats, and saves none that does not" {
	with_moved_clock
	start_client good 1
	good=$CLIENT
	start_client bad 1
	checkproc

	for offset in +1h -1h; do
		clock_is "$offset"
		pass_time 3
		run -0 faketime_of "$offset"
		assert_equal 'log' "$(<"$LOG")" ''
	done
	mute "$CLIENT"
	run -0 faketime_of +1h # sees its last beat
	pass_time 3
	run -0 faketime_of +1h

	is_gone "$CLIENT"
	run -1 is_gone "$good"
}

# faketime_of OFFSET - a pass under a clock that is off so far
faketime_of() {
	env LD_PRELOAD="$(faketime_library)" FAKETIME="$1" FAKETIME_DONT_FAKE_MONOTONIC=1 \
		"$(python)" -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$LOG"
}

@test "passes in different time namespaces end no process" {
	unshare --time --monotonic 1 true 2>/dev/null || skip "may not make a time namespace here (needs root)"
	start_client good 1
	checkproc

	for seconds in 3600 7200 3600; do
		unshare --time --monotonic "$seconds" --boottime "$seconds" \
			"$(python)" -BEs "$ROOT/pyhelpers/checkproc.py" --key "$KEY" "$LOG"
	done

	assert_equal 'log' "$(<"$LOG")" ''
	has_slot "$CLIENT"
}

@test "clients that were stopped with the whole machine are not ended when it goes on" {
	start_client good 1
	checkproc
	kill -s STOP "$CLIENT"
	pass_time 3

	start_pass
	kill -s CONT "$CLIENT"
	wait "$PASS"

	assert_equal 'log' "$(<"$LOG")" ''
	run -1 is_gone "$CLIENT"
}

# --- what it remembers

remember() {
	rm -f "$LOG.seen"
	(umask 022 && printf '%s\n' "$1" >"$LOG.seen")
}

# assert_forgotten TEXT - that pass ends no process, as a first one; it prints TEXT
assert_forgotten() {
	: >"$LOG"
	checkproc
	run -1 is_gone "$CLIENT"
	grep -qF "$1" "$LOG" || [ -z "$1" ]
	[ -n "$1" ] || assert_equal 'log' "$(<"$LOG")" ''
}

@test "what an earlier pass saw is not believed when it is torn, alien, or of another boot" {
	start_client msg_server 1 --mute
	checkproc
	seen=$(<"$LOG.seen")
	pass_time 3

	remember "${seen%end*}"
	assert_forgotten "torn, or no file of checkproc; not believed, put aside as $LOG.seen.bad"
	remember "$seen"$'\n'
	assert_forgotten 'torn, or no file of checkproc'
	remember "${seen/ $CLIENT / x }"
	assert_forgotten 'torn, or no file of checkproc'
	remember "$(sed -E '2s/[0-9.]+ -$/999999999.0 -/' <<<"$seen")"
	assert_forgotten 'torn, or no file of checkproc'
	remember "$(sed -E '1s/[0-9a-f]{8}/00000000/' <<<"$seen")"
	assert_forgotten ''
	ln -sf "$BATS_TEST_TMPDIR/elsewhere" "$LOG.seen"
	assert_forgotten 'put aside'
	mkfifo "$LOG.seen.new" && mv "$LOG.seen.new" "$LOG.seen"
	assert_forgotten 'not ours; not believed, put aside'
	remember "$seen"
	chmod 666 "$LOG.seen"
	assert_forgotten 'not ours; not believed, put aside'
	remember "$seen"
	checkproc
	is_gone "$CLIENT" # which shows that it would have been each time
}

@test "a second pass at the same time leaves it to the first" {
	start_client msg_server 1 --ignore-term
	checkproc
	mute "$CLIENT"
	checkproc # sees its last beat
	pass_time 3
	start_pass
	kill -STOP "$PASS"

	run -0 checkproc

	assert_equal 'said' "$output" "checkproc.py: $LOG: another pass is at work"
	kill -CONT "$PASS"
	wait "$PASS"
	is_gone "$CLIENT"
}

@test "a log that cannot be written prevents no end of a hung process" {
	start_client msg_server 1
	checkproc
	mute "$CLIENT"
	checkproc # sees its last beat
	pass_time 3
	mv "$LOG" "$LOG.1"
	ln -s /dev/full "$LOG"

	run -1 checkproc

	is_gone "$CLIENT"
	[[ $output == *"the log goes here"*"msg_server, pid=$CLIENT: no beat for "* ]]
}

@test "a table with another layout and number of slots is read by these" {
	start_stranger / /bin/sleep 600
	layout=(--layout '<i15sxii' --slots 50)
	heartbeat "${layout[@]}" beat "$BY_HAND" a_name_longer_than_its_field 1
	kill -s KILL "$BY_HAND"
	wait_until "$PATIENCE" is_gone "$BY_HAND"

	checkproc "${layout[@]}"

	logged "a_name_longer_, pid=$BY_HAND: has ended; its slot is cleared"
}
