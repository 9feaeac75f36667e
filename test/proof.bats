#!/usr/bin/env bats
# A number is no process, a link no file, a part no whole: what proves the difference is asked for each time.

load helpers

# Words that run a command in a pid namespace of its own, in the session of a process outside it
outside=(unshare --pid --fork --mount-proc --kill-child)

# proof QUESTION [WITHIN...] - put that question of fixtures/proof.py to the modules, in a directory of this test
proof() {
	cd "$BATS_TEST_TMPDIR" || return
	timeout -k 1 20 "${@:2}" "$(python)" -s "$FIXTURES/proof.py" "$ROOT/pyhelpers" "$1"
}

@test "an end signals the process with those start ticks, and no other that has its pid" {
	proof ending_hits_one_process
}

@test "a process that is followed elsewhere is not reaped by the code that ends it" {
	proof ending_leaves_the_zombie
}

@test "a process that got the pid between two looks is not followed" {
	proof following_asks_again
}

@test "a launched process that cannot be waited for is looked at again, and is a fault if that lasts" {
	proof what_cannot_be_followed_is_told_in_time
}

@test "a process that has the pid of a dead server's child is none of its leftovers" {
	proof kids_have_ticks
}

@test "a record of another boot, or of other start ticks, names no process" {
	proof a_record_is_of_one_boot
}

@test "a process that calls itself like the fields of its stat is known by the true ones" {
	proof a_name_is_no_field
}

@test "a zombie is dead" {
	proof a_zombie_is_dead
}

@test "a link in place of a record, a lock or a pidfile is neither read nor written" {
	proof a_link_is_no_file
}

@test "a link in place of a new file is not written through" {
	proof what_lies_there_is_not_written
}

@test "a block of a record is one write" {
	proof a_block_is_one_write
}

@test "a part of a record is none" {
	proof a_part_is_no_record
}

@test "of a block that a full disk took in part nothing stays" {
	proof what_a_full_disk_took_is_taken_back
}

@test "a lock is ours alone, and no process inherits it" {
	proof a_lock_is_ours_alone
}

@test "a link in place of the output is not written through" {
	printf 'precious\n' >"$BATS_TEST_TMPDIR/victim"
	ln -s victim "$BATS_TEST_TMPDIR/output"

	run -126 "$ROOT/pyhelpers/daeml.py" --output "$BATS_TEST_TMPDIR/output" -- /bin/echo overwritten

	assert_equal 'what the link leads to' "$(<"$BATS_TEST_TMPDIR/victim")" precious
}

@test "a link in place of a message is none, though it leads to one" {
	proof a_link_is_no_message
}

@test "the same program in another directory is another server" {
	proof another_directory_is_another_server
}

@test "what a start is about to do is on disk before the program is executed" {
	given_server a
	mkdir "$SERVERS/a/bin"
	mv "$SERVERS/a/a" "$SERVERS/a/bin/a"
	printf '%s\n' '#!/bin/sh' "cp '$STATE/servers/a/record' seen" 'exec ./bin/a' >"$SERVERS/a/a"
	chmod +x "$SERVERS/a/a"

	monitor_start a

	wait_until "$PATIENCE" state_is a RUNNING
	grep -q '^starting yes$' "$SERVERS/a/seen"
}

@test "a process of which no descriptor is left to read has not ended" {
	proof what_cannot_be_read_has_not_ended
}

@test "what the shell ordered before its end is done, though it reads no event any more" {
	proof what_was_ordered_is_done_though_no_one_listens
}

@test "what a server says before we follow it is heard" {
	proof what_it_says_before_we_follow_it_is_heard
}

@test "what the process beside it says before we follow that is heard, and is not taken for a stranger's" {
	proof what_a_second_one_says_before_we_follow_it_is_heard
}

@test "the same where all sessions have the number 0, as in a container that was entered from outside" {
	require_own_mounts --pid --fork --mount-proc

	proof what_a_second_one_says_before_we_follow_it_is_heard "${outside[@]}"
}

@test "a session outside our pid namespace proves no descent: that of strangers has its number, 0, too" {
	require_own_mounts --pid --fork --mount-proc

	proof a_session_outside_is_that_of_strangers_too "${outside[@]}"
}

@test "a connection that is reset between two calls is an answer of the server, and no error of the check" {
	proof a_reset_between_two_calls_is_an_answer
}

@test "a descriptor that the kernel refuses to wait for is closed like any other" {
	proof what_the_kernel_does_not_wait_for_is_forgotten
}

@test "what lasts is waited for again, however often its call fails" {
	proof what_lasts_is_waited_for_again
}

@test "a record without the user of a process that is gone is read" {
	proof an_unknown_user_is_none
}

@test "a process that forks and ends while we look at our orphans has left a child" {
	proof what_ends_while_we_look_leaves_its_child
}

@test "the same in a pid namespace that was entered from outside" {
	require_own_mounts --pid --fork --mount-proc

	proof what_ends_while_we_look_leaves_its_child "${outside[@]}"
}

@test "a daemon that only the second look at our orphans finds is at work" {
	proof what_the_second_look_finds_is_at_work
}
