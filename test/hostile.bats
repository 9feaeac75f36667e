#!/usr/bin/env bats
# The user of a server puts anything in the place of all that conf names for it, again and again, and it dies: the server of
# another user is back each time, the helper is the same, root has touched nothing that is not the server's, and the server
# itself is back once its files are again as they were.
#
# HOSTILE        how many rounds (5)
# HOSTILE_SEED   the seed, which is printed, to have the same rounds again
# HOSTILE_NAMES  how many names there are in a crowded directory (10000)

load helpers
load fixtures/orders

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

PATHS=(run/a.pid 'log*_1.txt' 'log*.txt' oldlog 'oldlog/log*.txt' run/out.txt a.conf run/beat run/x.sock run a starts .env .)

# given_a - server a of nobody, all of whose files nobody may replace, and its directory too
given_a() {
	given_guest a
	HOME_OF_A=$BATS_TEST_TMPDIR/home
	mkdir "$HOME_OF_A"
	chown nobody "$HOME_OF_A"
	furnish
	given_conf a "dir = $HOME_OF_A/a" 'user = nobody' 'command = ./a' 'backoff = 0s 500ms' 'needs_file = a.conf' \
		'pid_from = own, pidfile run/a.pid, log log*_1.txt 2' 'output = run/out.txt' 'oldlog_keep = 3' \
		'heartbeat = file run/beat' 'heartbeat_timeout = 1h' "sockets = unix://$HOME_OF_A/a/run/x.sock"
}

# furnish - the directory of a is as it should be; what was there is gone
furnish() {
	wait_until "$PATIENCE" clear_home # a start of a may be making a file just now
	as_nobody mkdir -p "$HOME_OF_A/a/run" "$HOME_OF_A/a/oldlog"
	as_nobody cp "$SERVERS/a/a" "$HOME_OF_A/a/a"
	as_nobody touch "$HOME_OF_A/a/a.conf" "$HOME_OF_A/a/run/beat"
}

clear_home() {
	rm -rf --one-file-system "${HOME_OF_A:?}"/*
}

# given_precious - files of root's to which links lead, and $BEFORE, how they are
given_precious() {
	mkdir "$BATS_TEST_TMPDIR/precious"
	printf 'of root\n' >"$BATS_TEST_TMPDIR/precious/secret"
	printf 'of root\n' >"$BATS_TEST_TMPDIR/precious/log_1_1.txt"
	chmod 600 "$BATS_TEST_TMPDIR/precious"/*
	BEFORE=$(look_at_precious)
}

look_at_precious() {
	stat -c '%n %U %a %s %h %Y' "$BATS_TEST_TMPDIR/precious" "$BATS_TEST_TMPDIR/precious"/*
}

# given_hanging - $HANGS is a path on a file system that does not answer; "" where there can be none
given_hanging() {
	HANGS=
	[ -w /dev/fuse ] || return 0
	mkdir -p "$BATS_TEST_TMPDIR/shown/a"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	kill -STOP "$FUSE"
	HANGS=$BATS_TEST_TMPDIR/mnt/a
}

# one_round NUMBER
one_round() {
	local old
	runs b
	old=$RUNS
	as_nobody "$(python)" -I -S "$FIXTURES/hostile.py" "$seed-$1" "$HOME_OF_A/a" "$BATS_TEST_TMPDIR/precious/secret" \
		"$HANGS" "${HOSTILE_NAMES:-10000}" "$old" "${PATHS[@]}" >"$BATS_TEST_TMPDIR/put"
	printf -- '--- round %s\n%s\n' "$1" "$(cat "$BATS_TEST_TMPDIR/put")" >>"$PRINTED"

	kill_a
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs b "$old"
	runs b
	assert_equal 'the helper' "$(helper_of "$MONITOR")" "$HELPER"

	furnish
	wait_until 30 state_is a RUNNING
	assert_equal 'what is root'\''s' "$(look_at_precious)" "$BEFORE"
}

# kill_a - all processes that run its program, whatever the monitor knows of them
kill_a() {
	local link
	for link in /proc/[0-9]*; do
		case $(readlink "$link/exe") in
		"$HOME_OF_A"/*) kill -KILL "${link#/proc/}" ;;
		esac
	done 2>/dev/null
}

@test "whatever a user puts in the place of a server's files, the others are back, and it is when all is as it was" {
	given_a
	given_server b
	given_precious
	given_hanging
	seed=${HOSTILE_SEED:-$(date +%N | sed 's/^0*//')}
	printf '# seed %s\n' "$seed" >&3
	monitor_start a b
	runs b
	runs a
	HELPER=$(helper_of "$MONITOR")

	for ((round = 1; round <= ${HOSTILE:-5}; round++)); do
		one_round "$round"
	done
}
