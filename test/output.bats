#!/usr/bin/env bats
# What a server prints is kept, in a log that is turned over while it is written to: no line is lost or torn.

load helpers
load fixtures/hostile
load fixtures/talkers

LINES_EACH=${OUTPUT_LINES:-20000} # of each of five writers

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
}

# wakes - how often the helper has gone to sleep
wakes() {
	sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$(helper_of "$MONITOR")/status"
}

# survives_crashes - five writers print into one log while the monitor is killed at random moments; then all is there
survives_crashes() {
	given_talker talk 5 "$LINES_EACH" 0 'output_max = 1M' 'output_keep = 1000'
	monitor_start talk
	assert_logged 'Server talk started' # or the next monitor would say that it has found it
	wait_until "$PATIENCE" test -s "$(kept talk)"

	while ! has_talked talk 5 2>/dev/null; do
		monitor_crash
		monitor_start talk
		wait_until "$PATIENCE" is_watched
		sleep "0.$((RANDOM % 5))" # a random moment, not a wait
	done

	wait_until "$PATIENCE" is_quiet "$STATE/output"
	lines check "$STATE/output" talk.log 5 "$LINES_EACH"
	assert_equal 'starts' "$(logged_times started)" 1
	for archive in "$STATE"/output/talk.log.*.gz; do
		gzip -t "$archive"
	done
	[ "$(find "$STATE/output" -name 'talk.log.*.gz' | wc -l)" -ge 5 ]
}

@test "what a server prints is in STATE/output/NAME.log, for its user alone, and a restart adds to it" {
	given_talker talk 1 2

	monitor_start talk
	wait_until "$PATIENCE" state_is talk RUNNING
	old=$(pid_of talk)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs talk "$old"
	wait_until "$PATIENCE" has_talked talk 2

	assert_equal 'lines' "$(cut -d ' ' -f 1,2 "$(kept talk)" | paste -sd , -)" '0 0,0 1,0 0,0 1'
	assert_equal 'modes' "$(stat -c %a "$STATE/output" "$(kept talk)" | paste -sd ' ' -)" '700 600'
	for fd in 1 2; do
		assert_equal "descriptor $fd" "$(readlink "/proc/$(pid_of talk)/fd/$fd")" "$(kept talk)"
	done
}

@test "a million lines, or as many as OUTPUT_LINES says: the monitor is killed at random moments, and each is there once" {
	survives_crashes
}

@test "the same on xfs" {
	on_disk xfs "$STATE"
	survives_crashes
}

@test "the same on tmpfs, where the head of the log becomes a hole" {
	on_disk tmpfs "$STATE"
	survives_crashes
}

# survives_kills - the children that cut are killed themselves, in the middle of it
survives_kills() {
	dir=$BATS_TEST_TMPDIR/disk/srv
	mkdir -p "$dir"
	(
		cd "$dir" || exit
		exec "$(fixture talk)" 5 "$LINES_EACH" </dev/null >>s.log 3>&- 4>&-
	) &
	talker=$!
	wait_until "$PATIENCE" test -e "$dir/s.log"
	mkfifo "$BATS_TEST_TMPDIR/end"
	lines harass "$dir" s.log 1000000 <>"$BATS_TEST_TMPDIR/end" >"$SAID" 3>&- &
	harasser=$!
	SERVERS=$BATS_TEST_TMPDIR/disk

	wait_until 120 has_talked srv 5
	printf . >"$BATS_TEST_TMPDIR/end"
	wait "$harasser"

	assert_equal 'remarks' "$(<"$SAID")" ''
	run -0 lines check "$dir" s.log 5 "$LINES_EACH"
	kill_family "$talker"
}

@test "a child that cuts ends before each of its system calls in turn: the next one goes on, and each line is there once" {
	mkdir "$BATS_TEST_TMPDIR/log"

	run -0 lines steps "$BATS_TEST_TMPDIR/log"

	[[ ${lines[-1]} =~ ^([0-9]+)' calls'$ ]]
	((BASH_REMATCH[1] > 10))
}

@test "a hole in the middle, which a killed child can leave on xfs, is taken out, and tears no line" {
	log=$BATS_TEST_TMPDIR/log
	mkdir "$log"
	lines write "$log/whole" 100
	size=$(wc -c <"$log/whole")
	head -n 101 "$log/whole" >"$log/s.log"
	truncate -s +81920 "$log/s.log"
	tail -n 99 "$log/whole" >>"$log/s.log"
	rm "$log/whole"

	run -0 lines cut "$log" s.log 1000000 3

	run -0 lines check "$log" s.log 2 100
	(($(wc -c <"$log/s.log") <= size + 4096))
}

@test "a child that cuts is killed at any moment: the next one goes on, and each line is there once" {
	survives_kills
}

@test "the same on xfs, which collapses in two steps" {
	on_disk xfs "$BATS_TEST_TMPDIR/disk"
	survives_kills
}

@test "the logs of a server take at most (output_keep + 1) x output_max, as fast as it prints" {
	local pause=0
	[ "$(id -u)" -eq 0 ] || pause=20 # an ordinary user's helper gets only its share of the processors
	given_talker talk 5 $((2 * LINES_EACH)) "$pause" 'output_max = 1M'
	mkdir -p "$STATE/output"
	mkfifo "$BATS_TEST_TMPDIR/end"
	lines watch "$STATE/output" <>"$BATS_TEST_TMPDIR/end" >"$SAID" 3>&- &
	watcher=$!

	monitor_start talk
	wait_until 60 has_talked talk 5
	wait_until "$PATIENCE" is_quiet "$STATE/output"
	printf . >"$BATS_TEST_TMPDIR/end"
	wait "$watcher"

	(($(<"$SAID") <= 4 * 1048576)) || assert_equal 'the most bytes' "$(<"$SAID")" 'at most 4194304'
	assert_equal 'archives' "$(find "$STATE/output" -name 'talk.log.*' | wc -l)" 3
}

@test "on a full disk the oldest pieces go first, then the head of the log, and the server goes on" {
	given_disk "$STATE" 3M
	given_talker talk 1 60000 20 'output_max = 4M' 'output_keep = 5'

	monitor_start talk
	wait_until 60 has_talked talk 1

	assert_said 'the disk is full'
	wait_until "$PATIENCE" is_quiet "$STATE/output"
	tail -n 1 "$(kept talk)" | grep -q '^0 59999 x'
	assert_equal 'starts' "$(logged_times started)" 1
}

@test "on a full disk an older piece makes room for a newer one" {
	given_disk "$STATE" 3M
	for number in 1 2; do
		head -c 500000 /dev/urandom >"$STATE/s.log.00000$number.gz"
	done
	yes 'a line' | head -c 1500000 >"$STATE/s.log"

	run -0 lines cut "$STATE" s.log 1500000 5

	assert_equal 'remarks' "$output" ''
	assert_equal 'archives' "$(cd "$STATE" && echo s.log.*)" s.log.000003
}

@test "where nothing can be cut out of a file, the log is copied and emptied, and what was lost is said" {
	on_disk ramfs "$STATE"
	given_talker talk 5 "$LINES_EACH" 0 'output_max = 1M' 'output_keep = 1000'

	monitor_start talk
	wait_until 60 has_talked talk 5

	wait_until "$PATIENCE" is_quiet "$STATE/output"
	[ "$(find "$STATE/output" -name 'talk.log.*.gz' | wc -l)" -ge 1 ]
	run lines check "$STATE/output" talk.log 5 "$LINES_EACH"
	[[ $output != *torn* ]]
	[ "$status" -eq 0 ] || assert_said 'its file system cannot cut a file that is in use'
}

@test "the log of a server of another user is that user's, who may open /dev/stderr again" {
	given_guest guest 'match = sleep'
	printf '%s\n' '#!/bin/sh' 'echo opened >>/dev/stderr' 'exec sleep 1000' >"$SERVERS/guest/guest"

	monitor_start guest
	wait_until "$PATIENCE" state_is guest RUNNING

	assert_equal 'owner' "$(stat -c %U "$(kept guest)")" nobody
	assert_equal 'the log' "$(<"$(kept guest)")" opened
}

@test "a log that is deleted under a server is emptied, which is said, and the next start makes a new one" {
	given_talker talk 1 30000 50 'output_max = 64K'
	monitor_start talk
	wait_until "$PATIENCE" state_is talk RUNNING

	rm "$(kept talk)"

	assert_said "$(kept talk) was deleted"
	old=$(pid_of talk)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs talk "$old"
	wait_until "$PATIENCE" test -s "$(kept talk)"
}

@test "output_max = none: the log is never turned over" {
	given_talker talk 1 20000 0 'output_max = none'
	given_talker other 1 20000 0 'output_max = 64K'

	monitor_start talk other
	wait_until "$PATIENCE" has_talked talk 1
	wait_until "$PATIENCE" has_talked other 1

	has_three() { [ "$(find "$STATE/output" -name 'other.log.*.gz' | wc -l)" -eq 3 ]; }
	wait_until "$PATIENCE" has_three
	wait_until "$PATIENCE" is_quiet "$STATE/output"
	assert_equal 'logs of talk' "$(find "$STATE/output" -name 'talk.log*' | wc -l)" 1
	run -0 lines check "$STATE/output" talk.log 1 20000
}

@test "a file of the user's is turned over in the same way, as the user of the server" {
	given_guest talk 'command = ./talk 2 60000 100' 'output = out.txt' 'output_max = 1M' 'output_keep = 100'
	cp "$(fixture talk)" "$SERVERS/talk/talk"

	monitor_start talk
	wait_until 60 has_talked talk 2

	wait_until "$PATIENCE" test -e "$SERVERS/talk/out.txt.000003.gz"
	wait_until "$PATIENCE" is_small "$SERVERS/talk/out.txt"
	assert_equal 'owners' "$(stat -c %U "$SERVERS"/talk/out.txt* | sort -u)" nobody
	run -0 lines check "$SERVERS/talk" out.txt 2 60000
}

is_small() {
	(($(stat -c %s "$1") < 917504)) && ! compgen -G "$1.*[0-9]" && ! compgen -G "$1.*.part"
} >/dev/null

@test "a file that another could swap under root, and one that its server does not append to, are left alone" {
	given_guest guest
	mkdir "$SERVERS/root"
	given_conf root "dir = $SERVERS/root" 'command = ./talk 1 20000' "output = $SERVERS/guest/out.txt" 'output_max = 256K'
	given_conf writes "dir = $SERVERS/root" 'command = /bin/sh -c "exec >plain; exec ./talk 1 20000"' 'match = ./talk' \
		"output = $SERVERS/root/plain" 'output_max = 256K'
	cp "$(fixture talk)" "$SERVERS/root/talk"

	monitor_start root

	assert_said "root: $SERVERS/guest/out.txt: not turned over: others may change its directory"
	monitor_stop
	monitor_start writes
	wait_until "$PATIENCE" state_is writes RUNNING
	wait_until "$PATIENCE" has_talked root 2
	assert_left_alone writes
	run -0 lines check "$SERVERS/root" plain 1 20000
	[ "$(compgen -G "$SERVERS/root/plain*" | wc -l)" -eq 1 ]
}

@test "idle servers never wake the helper; a log that is written to wakes it once a pause" {
	given_talker idle 1 1
	monitor_start idle
	wait_until "$PATIENCE" state_is idle RUNNING
	given=$(wakes)

	assert_left_alone idle

	(($(wakes) - given < 40)) || assert_equal 'wakes' "$(($(wakes) - given))" 'those of the interval'
}
