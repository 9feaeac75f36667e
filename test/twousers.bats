#!/usr/bin/env bats
# The user of server a has a process and means harm to server b, which is root's: nothing of all that he may send or write
# reaches b, and b is back as ever when it dies.

load helpers
load fixtures/orders

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

# given_two_users [LINE...] - server a of nobody and b of root, both with LINEs, RUNNING; $B is the pid of b
given_two_users() {
	given_guest a "$@"
	given_server b "$@"
	both_run
}

# given_notifying_b - server a of nobody, and b of root, which says by sd_notify that it is ready; $B is its pid
given_notifying_b() {
	given_guest a
	mkdir "$SERVERS/b"
	cp "$FIXTURES/speaker.py" "$SERVERS/b"
	given_conf b "dir = $SERVERS/b" "command = '$(python)' speaker.py READY=1 WATCHDOG=1" 'match = speaker.py' \
		'heartbeat = notify' 'heartbeat_timeout = 1h'
	both_run
}

both_run() {
	monitor_start a b
	runs a
	runs b
	B=$RUNS
	HELPER=$(helper_of "$MONITOR")
}

# assert_unharmed - b is the same process, and known as such; it is back when it dies, under the same helper
assert_unharmed() {
	assert_left_alone b
	assert_equal 'pid of b' "$(pid_of b)" "$B"
	assert_equal 'ends of b' "$(grep -c 'Server b \(hung\|stopped\)' "$STATE/restart.log")" 0
	kill -KILL "$B"
	wait_until "$PATIENCE" pid_differs b "$B"
	runs b
	assert_equal 'the helper' "$(helper_of "$MONITOR")" "$HELPER"
}

# nobody_runs SCRIPT ARG... - a Python script of nobody's, with these arguments, to its end
nobody_runs() {
	as_nobody "$(python)" -I -S -c "$@"
}

# notify_address PID - prints the notify address that the process PID was given
notify_address() {
	tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^NOTIFY_SOCKET=//p'
}

SEND='
import array, os, socket, sys
def send(*texts, fds=(), address=sys.argv[1]):
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    address = address.replace("@", "\0", 1) if address.startswith("@") else address
    for text in texts:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            sender.sendmsg([text], rights, 0, address)
        except OSError:
            pass
'

@test "states that nobody sends to the address of b are not b's" {
	given_notifying_b
	address=$(notify_address "$B")
	[ -n "$address" ]

	nobody_runs "$SEND
for _ in range(50):
    send(b'READY=1', b'WATCHDOG=1', b'WATCHDOG=trigger', b'WATCHDOG_USEC=1', b'STOPPING=1', b'RELOADING=1', b'ERRNO=5',
         b'MAINPID=%d' % os.getpid(), b'MAINPID=1', b'MAINPID=' + sys.argv[2].encode(), b'STATUS=of nobody',
         b'EXTEND_TIMEOUT_USEC=1', b'WATCHDOG=trigger\nMAINPID=%d\nREADY=1' % os.getpid())
" "$address" "$B"

	assert_unharmed
	run ! grep 'of nobody' "$PRINTED"
}

@test "rubbish, floods and descriptors that nobody sends to the address of b harm no server" {
	given_notifying_b
	address=$(notify_address "$B")
	before=$(find "/proc/$HELPER/fd" | wc -l)

	nobody_runs "$SEND
import random
dice = random.Random(1)
pairs = [end for _ in range(60) for end in socket.socketpair()]
for _ in range(300):
    send(dice.randbytes(dice.randint(0, 5000)), b'\0' * 100, b'=' * 1000, b'FDSTORE=1\n' * 50, b'A' * 60000)
    send(b'FDSTORE=1\nFDNAME=x', b'BARRIER=1', b'FDSTOREREMOVE=1\nFDNAME=x', fds=[end.fileno() for end in pairs])
    send(b'', b'READY=1', fds=[0] * 250)
" "$address"

	wait_until "$PATIENCE" has_descriptors "$before"
	assert_unharmed
}

# has_descriptors N - has the helper no more than that many, and a few?
has_descriptors() {
	(($(find "/proc/$HELPER/fd" | wc -l) <= $1 + 4))
}

@test "a descriptor of a file system that hangs, sent to the address of b, delays no server" {
	given_notifying_b
	mkdir "$BATS_TEST_TMPDIR/shown"
	printf 'x\n' >"$BATS_TEST_TMPDIR/shown/x"
	chmod 644 "$BATS_TEST_TMPDIR/shown/x"
	given_fuse "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/mnt"

	nobody_runs "$SEND
file = os.open(sys.argv[2], os.O_RDONLY)
import time
print('open', flush=True)
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
for _ in range(20):
    send(b'FDSTORE=1\nFDNAME=x', b'READY=1', b'MAINPID=1', fds=[file] * 20)
os._exit(0)
" "$(notify_address "$B")" "$BATS_TEST_TMPDIR/mnt/x" "$BATS_TEST_TMPDIR/stopped" >"$BATS_TEST_TMPDIR/opened" &
	sender=$!
	wait_until "$PATIENCE" grep -q open "$BATS_TEST_TMPDIR/opened"
	kill -STOP "$FUSE"
	: >"$BATS_TEST_TMPDIR/stopped"

	assert_unharmed
	kill -CONT "$FUSE"
	wait "$sender" || :
}

@test "the user nobody may not write into the mailbox, the pipes and the state of the monitor" {
	given_two_users

	nobody_runs '
import glob, os, sys
state, monitor = sys.argv[1:]
names = ["mailbox", "events", "orders", "settled", "plan"]
paths = [f"{state}/monitors/{monitor}/{name}" for name in names]
paths += [f"{state}/servers/b/{name}" for name in ("record", "want", "lock", "answers")]
paths += [f"{state}/alerts/new/x.json", f"{state}/faults.log", f"{state}/restart.log", f"{state}/history.jsonl"]
paths += glob.glob("/proc/[0-9]*/fd/*")
done = []
for path in paths:
    real = os.path.realpath(path)
    if path.startswith("/proc") and (f"{state}/" not in real or real == f"{state}/output/a.log"):
        continue  # what a prints is its own
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT):
        try:
            fd = os.open(path, flags | os.O_NONBLOCK, 0o666)
        except OSError:
            continue
        done.append(path)
        os.write(fd, b"\nstop b 1.1\nquit 0\n") if flags != os.O_RDONLY else None
print(*done)' "$STATE" "$MONITOR" >"$BATS_TEST_TMPDIR/done"

	assert_equal 'what nobody has opened' "$(<"$BATS_TEST_TMPDIR/done")" ''
	run as_nobody kill -KILL "$B"
	assert_unharmed
}

@test "a pidfile and log names of a that name b, the helper and others make none of them a's" {
	given_two_users 'pid_from = own, pidfile a.pid, log log*_1.txt 2'

	for victim in "$B" "$HELPER" "$MONITOR" 1; do
		# shellcheck disable=SC2016 # the shell of nobody expands it
		as_nobody sh -c 'echo "$2" >"$1/a.pid"; : >"$1/log_$2_1.txt"' - "$SERVERS/a" "$victim"
		restarts a
		assert_equal 'a is not the victim' "$([ "$(pid_of a)" != "$victim" ] && echo so)" so
	done
	suite_ends 0 stop a

	kill -0 "$MONITOR"
	assert_unharmed
}

@test "a process of nobody that looks like b is not b, nor is it taken for b when b dies" {
	given_two_users
	for dir in "$SERVERS/b" "$SERVERS/a" /; do
		# shellcheck disable=SC2016 # the shell of nobody expands it
		as_nobody setsid sh -c 'cd "$1" && exec bash -c "exec -a ./b sleep 1000.25"' - "$dir" &
	done

	assert_unharmed
	assert_equal 'uid of b' "$(stat -c %u "/proc/$(pid_of b)")" 0
}
