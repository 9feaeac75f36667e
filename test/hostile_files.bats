#!/usr/bin/env bats
# What a server's user puts in the place of its files holds up no server and leads root nowhere; and a file system that
# does not answer costs the server that needs it, and no other.

load helpers

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

# given_secret - a file of root's, to which a link of the guest may lead
given_secret() {
	printf 'of root\n' >"$BATS_TEST_TMPDIR/secret"
	chmod 600 "$BATS_TEST_TMPDIR/secret"
}

assert_secret_kept() {
	assert_equal 'the secret' "$(<"$BATS_TEST_TMPDIR/secret")" 'of root'
}

# all_run NAME... - a monitor of them, which has each RUNNING
all_run() {
	local name
	monitor_start "$@"
	for name; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
}

# --- in the place of a file

@test "whatever lies in the place of pidfile, log and oldlog, the server is restarted" {
	given_guest guest 'pid_from = own, pidfile guest.pid, log log*_1.txt 2'
	given_secret
	all_run guest

	for kind in "${KINDS[@]}"; do
		for file in guest.pid log_12_1.txt oldlog; do
			put_in_the_way "$kind" "$SERVERS/guest/$file"
		done

		restarts guest
	done
	assert_secret_kept
}

@test "digits that are no ASCII digits, and a number too large for a pid, are no pid of a log" {
	given_guest guest 'pid_from = own, pidfile guest.pid, log log*_1.txt 2'
	given_server other
	all_run guest other
	as_nobody touch "$SERVERS/guest/log_²_1.txt" "$SERVERS/guest/log_٣_1.txt" "$SERVERS/guest/log_99999999999999999999_1.txt"
	helper=$(helper_of "$MONITOR")

	restarts guest

	restarts other
	assert_equal 'the helper' "$(helper_of "$MONITOR")" "$helper"
}

@test "whatever lies in the place of output, the loop goes on, and the server starts once it is gone" {
	given_guest guest 'output = out.txt' 'backoff = 0s 500ms'
	given_server other
	given_secret
	all_run guest other

	for kind in FIFO link loop socket directory closed device; do
		put_in_the_way "$kind" "$SERVERS/guest/out.txt"
		kill -KILL "$(pid_of guest)"

		wait_until "$PATIENCE" message_says guest "output $SERVERS/guest/out.txt: "
		restarts other
		rm -rf "$SERVERS/guest/out.txt"
		wait_until "$PATIENCE" state_is guest RUNNING
	done
	assert_secret_kept
}

@test "a FIFO in the place of output holds up no loop, though root is its server's user" {
	given_server own 'output = out.txt' 'backoff = 0s 500ms'
	given_server limited 'output = out.txt' 'backoff = 0s 500ms' 'nice = 19'
	given_server other
	all_run own limited other

	for name in own limited; do
		rm "$SERVERS/$name/out.txt"
		mkfifo "$SERVERS/$name/out.txt"
		kill -KILL "$(pid_of "$name")"
		wait_until "$PATIENCE" message_says "$name" "output $SERVERS/$name/out.txt: not a regular file"
		rm "$SERVERS/$name/out.txt"
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
	restarts other
}

@test "whatever lies in the place of needs_file is there, and is not opened" {
	given_guest guest 'needs_file = guest.conf'
	given_secret
	all_run guest

	for kind in "${KINDS[@]}"; do
		put_in_the_way "$kind" "$SERVERS/guest/guest.conf"
		restarts guest
	done
	assert_secret_kept
}

@test "whatever lies in the place of a beat file, the others are restarted" {
	given_guest guest 'heartbeat = file beat' 'heartbeat_timeout = 1h'
	given_server other
	given_secret
	all_run guest other
	pid=$(pid_of guest)

	for kind in "${KINDS[@]}"; do
		put_in_the_way "$kind" "$SERVERS/guest/beat"
		restarts other
	done
	assert_equal 'pid of guest' "$(pid_of guest)" "$pid"
}

@test "a link in the place of dir: root moves and deletes nothing where it leads" {
	given_guest guest 'oldlog_keep = 1'
	chown nobody "$SERVERS"
	mkdir -p "$BATS_TEST_TMPDIR/precious/oldlog"
	cp "$SERVERS/guest/guest" "$BATS_TEST_TMPDIR/precious"
	for file in log_1_1.txt oldlog/a oldlog/b oldlog/c; do
		printf 'precious\n' >"$BATS_TEST_TMPDIR/precious/$file"
	done
	before=$(find "$BATS_TEST_TMPDIR/precious" | sort)
	all_run guest

	as_nobody mv "$SERVERS/guest" "$SERVERS/before"
	as_nobody ln -s "$BATS_TEST_TMPDIR/precious" "$SERVERS/guest"
	kill -KILL "$(pid_of guest)"

	assert_said 'stays in oldlog: Permission denied'
	assert_equal 'what lies there' "$(find "$BATS_TEST_TMPDIR/precious" | sort)" "$before"
}

@test "only regular files are carried to another disk, holes stay holes, and one refusal holds up no other" {
	given_guest guest
	given_disk "$SERVERS/guest/oldlog" 1M
	chown nobody "$SERVERS/guest/oldlog"
	all_run guest
	put_in_the_way FIFO "$SERVERS/guest/a.to-oldlog"
	put_in_the_way link "$SERVERS/guest/b.to-oldlog"
	put_in_the_way sparse "$SERVERS/guest/c.to-oldlog"
	# shellcheck disable=SC2016 # the shell of nobody expands it
	as_nobody sh -c 'echo last >"$1"' - "$SERVERS/guest/d.to-oldlog"

	restarts guest

	wait_until "$PATIENCE" test -e "$SERVERS/guest/oldlog/d"
	assert_equal 'size of the sparse file' "$(stat -c %s "$SERVERS/guest/oldlog/c")" $((1 << 40))
	assert_equal 'its blocks' "$(stat -c %b "$SERVERS/guest/oldlog/c")" 0
	assert_equal 'its owner' "$(stat -c %U "$SERVERS/guest/oldlog/c")" nobody
	assert_said 'guest: a.to-oldlog waits beside oldlog: not a regular file'
	assert_said 'guest: b.to-oldlog waits beside oldlog: a symbolic link'
}

@test "a name of a log that holds a newline is shown in one line" {
	given_guest guest
	given_disk "$SERVERS/guest/oldlog" 1M
	chown nobody "$SERVERS/guest/oldlog"
	all_run guest
	put_in_the_way FIFO "$SERVERS/guest/x"$'\n'"7 y.to-oldlog"

	restarts guest

	assert_said 'guest: x\n7 y.to-oldlog waits beside oldlog: not a regular file'
	restarts guest
}

@test "a log is never moved over another, however many have its name" {
	given_guest guest 'command = ./guest --log-name log_of_all.txt'
	as_nobody mkdir "$SERVERS/guest/oldlog"
	as_nobody touch "$SERVERS/guest/oldlog/log_of_all.txt" "$SERVERS/guest/oldlog/log_of_all.txt."{7,12,x,²}
	all_run guest

	restarts guest

	assert_moved log_of_all.txt.13
}

@test "a socket is known by device and inode: one of that name elsewhere is not given away" {
	given_guest guest "sockets = unix://$SERVERS/guest/run/x.sock"
	as_nobody mkdir "$SERVERS/guest/run"
	mkdir "$BATS_TEST_TMPDIR/precious"
	start_stranger "$BATS_TEST_TMPDIR/precious" "$(python)" -I -S -c '
import os, signal, socket
os.umask(0o177)
held = socket.socket(socket.AF_UNIX)
held.bind("x.sock")
held.listen()
signal.pause()'
	wait_until "$PATIENCE" test -S "$BATS_TEST_TMPDIR/precious/x.sock"
	all_run guest
	assert_equal 'owner of the socket' "$(stat -c %U "$SERVERS/guest/run/x.sock")" nobody

	as_nobody mv "$SERVERS/guest/run" "$SERVERS/guest/before"
	as_nobody ln -s "$BATS_TEST_TMPDIR/precious" "$SERVERS/guest/run"
	kill -KILL "$(pid_of guest)"

	wait_until "$PATIENCE" message_says guest 'cannot be had'
	assert_equal 'owner and mode elsewhere' "$(stat -c '%U %a' "$BATS_TEST_TMPDIR/precious/x.sock")" 'root 600'
	# shellcheck disable=SC2016 # the shell of nobody expands it
	as_nobody sh -c 'rm "$1/run"; mv "$1/before" "$1/run"' - "$SERVERS/guest"
	wait_until "$PATIENCE" state_is guest RUNNING
}

@test "a directory of very many names delays no server, and is reported" {
	given_guest guest 'pid_from = own, log log*_1.txt 2'
	given_server other
	all_run guest other
	as_nobody "$(python)" -I -S -c '
import sys
for number in range(10_100):
    open(f"{sys.argv[1]}/x{number}", "w").close()' "$SERVERS/guest"

	restarts guest

	restarts other
	suite stop guest
	assert_said "guest: $SERVERS/guest holds more than 10000 names; its logs are not looked at"
}

@test "a pattern with many stars is matched in no time" {
	cd "$ROOT/pyhelpers"
	timeout 10 "$(python)" -E -s -c '
from base.globs import fits
assert not fits("a" * 255, "*a" * 40 + "b")
assert fits("log_7_1.txt", "l*g*_[0-9]_?.t*t") and not fits(".log", "*log") and fits("a]b", "a[]]b")
assert fits("axb", "a[!]]b") and fits("ab", "a**b") and not fits("ab", "a[c-z]")'
}

@test "where no process can be made a start fails, and is no error of the loop" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to become a user with no process left'
	require setpriv
	cd "$ROOT/pyhelpers"

	run as_nobody "$(python)" -E -s -c '
import resource
from base.programs import LaunchError
from config.launch_settings import Launch
from spawn import launch
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    launch.spawn(Launch(["true"]), "/bin/true")
except LaunchError as failure:
    print(failure.status, failure.reason)'

	assert_equal 'what is said' "$output" '1 no process can be made for it: Resource temporarily unavailable'
}

@test "an account that vanishes matters neither while its server runs nor when it is restarted" {
	given_guest guest 'pid_from = own, pidfile guest.pid'
	given_server other
	require_own_mounts --mount
	cp /etc/passwd "$BATS_TEST_TMPDIR/passwd"
	printf 'guest:x:65534:65534::/:/bin/sh\n' >>"$BATS_TEST_TMPDIR/passwd"
	sed -i 's/^user = .*/user = guest/' "$CONF/servers/guest.conf"
	# shellcheck disable=SC2016 # the shell in the namespace expands it
	SHELL_WORDS=(unshare --mount sh -c 'mount --bind "$0" /etc/passwd && exec "$@"' "$BATS_TEST_TMPDIR/passwd" "${SHELL_WORDS[@]}")
	all_run guest other

	grep -v ^guest: /etc/passwd >"$BATS_TEST_TMPDIR/passwd"
	# shellcheck disable=SC2016 # the shell of nobody expands it
	as_nobody sh -c 'echo "$2" >"$1"' - "$SERVERS/guest/guest.pid" "$(pid_of guest)"

	restarts guest
	restarts other
	assert_equal 'its user' "$(stat -c %u "/proc/$(pid_of guest)")" 65534
}

# --- file systems that do not answer

@test "a pidfile that does not answer: all are restarted, and its server is UNKNOWN for so long" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_server afar "pid_from = own, pidfile $BATS_TEST_TMPDIR/mnt/x.pid"
	given_server other
	all_run afar other

	kill -STOP "$FUSE"

	wait_until "$PATIENCE" state_is afar UNKNOWN
	message_says afar "$BATS_TEST_TMPDIR/mnt/x.pid does not answer"
	restarts other
	old=$(pid_of afar)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs afar "$old"
	kill -CONT "$FUSE"
	wait_until "$PATIENCE" state_is afar RUNNING
}

@test "a pidfile on a file system that may not answer is believed once it has" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_server afar "pid_from = pidfile $BATS_TEST_TMPDIR/mnt/x.pid" 'match = afar'
	start_by_hand afar
	printf '%s\n' "$BY_HAND" >"$BATS_TEST_TMPDIR/shown/x.pid"

	monitor_start afar

	assert_adopted afar "$BY_HAND"
	assert_equal 'source' "$(status_of afar source)" pidfile
}

# given_afar NAME [LINE...] - server NAME runs in a file system of FUSE; $AFAR is its directory
given_afar() {
	mkdir -p "$BATS_TEST_TMPDIR/shown/$1"
	cp /bin/sleep "$BATS_TEST_TMPDIR/shown/$1/$1"
	AFAR=$BATS_TEST_TMPDIR/mnt/$1
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_conf "$1" "dir = $AFAR" "command = ./$1 1000.5" "${@:2}"
}

@test "a directory that does not answer: its server is UNKNOWN, and started when it does" {
	given_afar afar
	given_server other
	all_run afar other

	kill -STOP "$FUSE"
	kill -KILL "$(pid_of afar)"

	wait_until "$PATIENCE" state_is afar UNKNOWN
	message_says afar "$AFAR does not answer"
	restarts other
	kill -CONT "$FUSE"
	wait_until "$PATIENCE" state_is afar RUNNING
	restarts afar
}

@test "a monitor begins while a directory does not answer" {
	given_afar afar 'pid_from = own, pidfile afar.pid'
	given_server other
	kill -STOP "$FUSE"

	monitor_start afar other

	wait_until "$PATIENCE" state_is other RUNNING
	wait_until "$PATIENCE" state_is afar UNKNOWN
	wait_until "$PATIENCE" message_says afar 'does not answer'
	restarts other
	kill -CONT "$FUSE"
	wait_until "$PATIENCE" state_is afar RUNNING
}

@test "a server that waits for its directory can be stopped, and started when that answers" {
	given_afar afar
	given_server other
	all_run afar other
	kill -STOP "$FUSE"
	kill -KILL "$(pid_of afar)"
	wait_until "$PATIENCE" state_is afar UNKNOWN

	suite stop afar

	state_is afar STOPPED
	kill -CONT "$FUSE"
	suite start afar
	state_is afar RUNNING
	kill -STOP "$FUSE"
	kill -KILL "$(pid_of afar)"
	wait_until "$PATIENCE" state_is afar UNKNOWN
	kill -CONT "$FUSE"
	wait_until "$PATIENCE" state_is afar RUNNING
}

@test "links of the server's user onto a file system that does not answer delay no server" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	: >"$BATS_TEST_TMPDIR/shown/x"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_guest guest 'pid_from = own, pidfile run/x' 'output = run/x' 'heartbeat = file run/x' 'heartbeat_timeout = 1h'
	as_nobody mkdir "$SERVERS/guest/run"
	given_server other
	all_run guest other
	kill -STOP "$FUSE"

	as_nobody rm -r "$SERVERS/guest/run"
	as_nobody ln -s "$BATS_TEST_TMPDIR/mnt" "$SERVERS/guest/run"

	restarts other
	wait_until "$PATIENCE" state_is guest UNKNOWN
	kill -KILL "$(pid_of guest)"
	assert_logged 'Server guest stopped'
	restarts other
	wait_until "$PATIENCE" state_is guest UNKNOWN
	message_says guest 'does not answer'
	restarts other
}

@test "a beat file that does not answer is no missed beat" {
	mkdir "$BATS_TEST_TMPDIR/shown"
	: >"$BATS_TEST_TMPDIR/shown/beat"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_server afar "heartbeat = file $BATS_TEST_TMPDIR/mnt/beat" 'heartbeat_timeout = 4s'
	given_server other
	while touch "$BATS_TEST_TMPDIR/shown/beat"; do sleep 0.2; done 3>&- 4>&- &
	beating=$!
	all_run afar other
	pid=$(pid_of afar)
	kill -STOP "$FUSE"
	kill "$beating"

	wait_until "$PATIENCE" message_says afar "$BATS_TEST_TMPDIR/mnt/beat does not answer"

	assert_equal 'pid of afar' "$(pid_of afar)" "$pid"
	assert_equal 'hung' "$(logged_times 'Server afar hung')" 0
	restarts other
	kill -CONT "$FUSE"
	assert_logged "Server afar hung, pid=$pid"
}

@test "oldlog on a file system that does not answer: the log is set aside, and the server restarted" {
	mkdir -p "$BATS_TEST_TMPDIR/shown/oldlog"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"
	given_server afar "oldlog = $BATS_TEST_TMPDIR/mnt/oldlog"
	all_run afar
	old=$(pid_of afar)
	kill -STOP "$FUSE"

	restarts afar

	[ -e "$SERVERS/afar/log_${old}_1.txt.to-oldlog" ]
	restarts afar
}
