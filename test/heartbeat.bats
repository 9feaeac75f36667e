#!/usr/bin/env bats
# heartbeat.py: shell scripts, people and Python servers take, beat and free slots of the heartbeat table.

load helpers
load fixtures/heartbeats

# in_python LINE... - a Python program of these lines, which finds heartbeat.py beside it
in_python() {
	printf '%s\n' "import os, sys" "sys.path.insert(0, '$ROOT/pyhelpers')" 'from heartbeat import Heartbeat' \
		"KEY = $KEY" "$@" >"$BATS_TEST_TMPDIR/program.py"
	"$(python)" -BEs "$BATS_TEST_TMPDIR/program.py" 3>&- 4>&-
}

@test "a script beats, is listed, and frees its slot" {
	before=$(date +%s)
	run -0 heartbeat beat $$ 'a script' 60s
	assert_equal 'timeout' "$(slot_of $$ timeout)" 60
	assert_equal 'name' "$(slot_of $$ name)" 'a script'
	(($(slot_of $$ atime) >= before))

	run -0 heartbeat list
	[[ $output =~ ^'pid    timeout  last beat  name'$'\n'$$\ +60s\ +[0-9]+s\ ago\ +'a script'$ ]]
	run -0 heartbeat clear $$
	assert_equal 'slots' "$(heartbeat list --json)" '[]'
	run -1 heartbeat clear $$
	[[ $output == *"table $KEY: no slot of pid $$" ]]
}

@test "without a pid it beats for its parent" {
	heartbeat beat me 5

	has_slot $$
}

@test "another beat changes the time alone, and one with another name or timeout all" {
	heartbeat beat $$ one 60
	wait_until "$PATIENCE" beats_later "$(slot_of $$ atime)" one 60
	assert_equal 'slots' "$(heartbeat list --json | grep -o pid | wc -l)" 1

	heartbeat beat $$ two 50

	assert_equal 'name' "$(slot_of $$ name)" two
	assert_equal 'timeout' "$(slot_of $$ timeout)" 50
}

beats_later() {
	heartbeat beat $$ "${@:2}"
	has_beaten $$ "$1"
}

@test "a table that it makes is its owner's alone, unless --mode says otherwise" {
	heartbeat beat $$ x 5
	assert_equal 'mode' "$(ipcs -m | awk -v key="$KEY" '$1 == key { print $4, $5 }')" '600 72000'
	assert_equal 'mode of the semaphore' "$(ipcs -s | awk -v key="$KEY" '$1 == key { print $4 }')" 600
	remove_table

	heartbeat --mode 0660 beat $$ x 5
	assert_equal 'mode' "$(ipcs -m | awk -v key="$KEY" '$1 == key { print $4 }')" 660
}

@test "it and the C++ clients see each other" {
	start_client msg_server 30
	heartbeat beat $$ script 60
	assert_equal 'slots' "$(heartbeat list --json | grep -o pid | wc -l)" 2
	assert_equal 'name' "$(slot_of "$CLIENT" name)" msg_server

	start_client second 30

	assert_equal 'slots' "$(heartbeat list --json | grep -o pid | wc -l)" 3
	kill -s TERM "$CLIENT"
	wait_until "$PATIENCE" has_no_slot "$CLIENT"
}

@test "clear --dead frees the slots of those that have ended, and no other" {
	start_client dead 30
	dead=$CLIENT
	start_client living 30
	kill -s KILL "$dead"
	wait_until "$PATIENCE" is_gone "$dead"
	run -0 heartbeat list
	[[ $output == *'dead  (has ended)'* ]]

	run -0 heartbeat clear --dead

	has_no_slot "$dead"
	has_slot "$CLIENT"
}

@test "a full table is reported, and so is a process that does not exist" {
	heartbeat --slots 1 beat $$ x 5

	run -1 heartbeat --slots 1 beat $PPID y 5
	assert_equal 'said' "$output" "heartbeat.py: table $KEY: all 1 slots are taken"
	run -1 heartbeat --slots 1 beat "$(dead_pid)" y 5
	[[ $output == *': no such process' ]]
}

@test "what makes no sense is usage" {
	for words in '' 'beat' 'beat x' 'beat 0 x 5' 'beat -- -1 x 5' 'beat 1 x 5' 'beat x 0' 'beat x y' 'clear' 'clear --dead 5' 'list x' 'hum' \
		'--layout <i list' '--layout <ssii list' '--key 0x list' '--key -1 list' '--slots 0 list' '--mode 999 list' '--clock sun list'; do
		# shellcheck disable=SC2086 # words
		run -2 heartbeat $words
	done
	run -0 heartbeat --help
	[[ $output == *'from heartbeat import Heartbeat'* ]]
}

@test "a table that does not exist yet is listed as empty" {
	run -0 heartbeat list --json
	assert_equal 'slots' "$output" '[]'
	run -1 heartbeat clear $$
	[[ $output == *"table $KEY: no program has made it yet" ]]
	run -1 ipcrm -M "$KEY"
}

@test "a beat takes no semaphore, and taking a slot waits for it only so long" {
	heartbeat beat $$ x 5
	hold_semaphore

	run -0 heartbeat beat $$ x 5
	run -1 heartbeat beat $PPID y 5
	assert_equal 'said' "$output" "heartbeat.py: table $KEY: another process holds its semaphore, given up after 2s"
}

@test "the layouts of other builds: native alignment, a shorter name, a 4-byte time, big endian, the pid not first in memory" {
	for layout in '@i51siq' '<i15sxii' '<i15sxiq' '>i51sxi4xq' '<4xi50sxi4xq' '<q51sxi4xq'; do
		heartbeat --layout "$layout" beat $$ name 5
		run -0 heartbeat --layout "$layout" list --json
		[[ $output == "[{\"pid\": $$, \"name\": \"name\", \"timeout\": 5, \"atime\": "*', "alive": true}]' ]] ||
			assert_equal "list with $layout" "$output" one
		remove_table
	done
}

@test "the time is that of another clock if asked for" {
	heartbeat --clock boottime beat $$ x 5

	read -r uptime _ </proc/uptime
	(($(slot_of $$ atime) <= ${uptime%.*} && $(slot_of $$ atime) + 30 > ${uptime%.*}))
}

# --- in Python

@test "a Python server beats, and its slot is free at the end, also that of an exception" {
	run -0 in_python 'with Heartbeat("feeder", 30, key=KEY) as heartbeat:' '    for _ in range(1000): heartbeat.beat()' \
		"    os.system('\"$(python)\" -BEs \"$ROOT/pyhelpers/heartbeat.py\" --key $KEY list --json')"
	[[ $output == *'"name": "feeder", "timeout": 30, '* ]]
	assert_equal 'slots' "$(heartbeat list --json)" '[]'

	run -1 in_python 'with Heartbeat("feeder", 30, key=KEY):' '    raise OSError'
	assert_equal 'slots' "$(heartbeat list --json)" '[]'
}

@test "a forked child neither beats for its parent nor frees its slot" {
	run -0 in_python 'from health.shm_table import Table' 'with Heartbeat("feeder", 30, key=KEY) as heartbeat:' \
		'    table = Table(KEY).open(write=True)' '    table.beat(0, 5)' \
		'    if os.fork() == 0:' '        heartbeat.beat()' '        heartbeat.close()' '        os._exit(0)' \
		'    os.wait()' '    print(table.slot(0).pid == os.getpid(), table.slot(0).atime)'

	assert_equal 'slot' "$output" 'True 5'
}

@test "a slot that another process has cleared is taken anew" {
	run -0 in_python 'from health.shm_table import Table' 'with Heartbeat("feeder", 30, key=KEY) as heartbeat:' \
		'    table = Table(KEY).open(write=True)' '    table.clear(0, lambda slot: True)' '    heartbeat.beat()' \
		'    print(table.slot(0).pid == os.getpid(), table.slot(0).timeout)'

	assert_equal 'slot' "$output" 'True 30'
}
