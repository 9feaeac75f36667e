#!/usr/bin/env bats
# The user of server a does harm with the daemon socket that its server was given, with the notify addresses and with the
# heartbeat table: server b, which is root's, is not harmed, and is back as ever when it dies.

load helpers
load fixtures/orders

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

# given_harmful_peer - server a of nobody, which has a daemon socket, and b of root; RUNNING
given_harmful_peer() {
	given_guest a
	[ -x /usr/bin/python3 ] || skip 'there is no Python that nobody may run'
	cp "$FIXTURES/harmful_peer.py" "$SERVERS/a"
	chmod 644 "$SERVERS/a/harmful_peer.py"
	given_conf a "dir = $SERVERS/a" 'user = nobody' 'command = /usr/bin/python3 -I -S harmful_peer.py' 'match = harmful_peer.py' \
		'fd_passing = scm' 'heartbeat = channel' 'heartbeat_timeout = 1h'
	given_server b
	both_run
}

both_run() {
	monitor_start a b
	runs a
	runs b
	B=$RUNS
	HELPER=$(helper_of "$MONITOR")
	OPEN=$(number_open)
}

number_open() {
	find "/proc/$HELPER/fd" | wc -l
}

# a_does NAME - server a does that harm
a_does() {
	as_nobody touch "$SERVERS/a/$1"
}

# has_done NAME - is that harm done?
has_done() {
	[ ! -e "$SERVERS/a/$1" ]
}

# b_is_back - b dies, and is back, under the same helper
b_is_back() {
	kill -KILL "$B"
	wait_until "$PATIENCE" pid_differs b "$B"
	runs b
	B=$RUNS
	assert_equal 'the helper' "$(helper_of "$MONITOR")" "$HELPER"
}

# has_no_more_open - has the helper no more descriptors than before, but for a few that it needs at times?
has_no_more_open() {
	(($(number_open) <= OPEN + 4))
}

@test "sockets whose close takes an hour, sent over the daemon socket of a, hold up nobody" {
	given_harmful_peer

	kill -STOP "$HELPER"
	a_does linger
	wait_until "$PATIENCE" has_done linger
	kill -CONT "$HELPER"

	b_is_back
	wait_until "$PATIENCE" has_no_more_open
	assert_said 'a: sends descriptors over its daemon socket; no beats'
}

@test "the next process of a gets a socket in which no such descriptors wait" {
	given_harmful_peer

	for _ in 1 2 3; do
		old=$(pid_of a)
		kill -STOP "$HELPER"
		a_does linger
		wait_until "$PATIENCE" has_done linger
		kill -KILL "$old"
		kill -CONT "$HELPER"
		b_is_back
		wait_until "$PATIENCE" pid_differs a "$old"
	done

	wait_until "$PATIENCE" has_no_more_open
}

@test "datagrams with many descriptors over the daemon socket of a: none of them stays in the helper" {
	given_harmful_peer

	a_does many
	wait_until "$PATIENCE" has_done many

	wait_until "$PATIENCE" has_no_more_open
	b_is_back
	restarts a
	wait_until "$PATIENCE" has_no_more_open
}

@test "a flood over the daemon socket of a: b is back while it lasts" {
	given_harmful_peer

	a_does flood
	b_is_back
	b_is_back

	wait_until "$PATIENCE" has_done flood
	assert_said 'a: floods its daemon socket'
	assert_left_alone b
}

# with_lingering CODE - runs Python that may import from pyhelpers/; `ours` is a socket in which a datagram waits that
# brings the last reference to a socket whose close takes an hour; one that closes it is not waited for
with_lingering() {
	timeout 10 "$(python)" -I -S -c "
import os, socket, struct, sys
sys.path.insert(0, '$ROOT/pyhelpers')
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
deaf = socket.create_server(('127.0.0.1', 0))
end = socket.create_connection(deaf.getsockname())
end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3600))
end.setblocking(False)
try:
    while True:
        end.send(b'x' * 65536)
except BlockingIOError:
    pass
theirs.send(b'first')
socket.send_fds(theirs, [b'x'], [end.fileno()])
end.close()
$1
os._exit(0)"
}

@test "a daemon socket is emptied up to what brings descriptors" {
	run -0 with_lingering '
from fdstore import daemonsocket
print(daemonsocket.drain(ours.fileno()), daemonsocket.drain(theirs.fileno()), flush=True)
print(ours.recvmsg(9, 0, socket.MSG_PEEK)[0], flush=True)'

	assert_equal 'are they empty, and what is left' "$output" $'False True\nb\'x\''
}

@test "a socket in which such a datagram waits is closed by a child" {
	run -0 with_lingering '
from loop import let_go
from loop.loop import Loop
loop = Loop()
let_go.close(loop, [ours.detach()])
loop.after(300, lambda: setattr(loop, "ended", True))
loop.run()
print("closed", loop.errands, flush=True)'

	assert_equal 'what it says' "$output" 'closed set()'
}

@test "so is a notify socket that conf no longer wants after an update" {
	run -0 with_lingering "
import types
from health import notifysocket
from loop.loop import Loop
run_dir = '$BATS_TEST_TMPDIR'"'
loop = Loop()
name = f"@suite-test-{os.getpid()}"
ours.bind("\0" + name[1:])
number = ours.detach()
os.set_inheritable(number, True)
with open(f"{run_dir}/notify", "w") as inventory:
    inventory.write(f"{number} {name}\n")
notifysocket.inherit(types.SimpleNamespace(loop=loop, lives=[], run_dir=run_dir, shared={}))
print(os.path.exists(f"/proc/self/fd/{number}"))
loop.after(300, lambda: setattr(loop, "ended", True))
loop.run()
print("closed", loop.errands, flush=True)'

	assert_equal 'what it says' "$output" $'False\nclosed set()'
}

# --- notify addresses

# given_beating_b - server a of nobody; b of root, which beats by sd_notify every 200 ms; $ADDRESS is where
given_beating_b() {
	given_guest a
	mkdir "$SERVERS/b"
	cat >"$SERVERS/b/beating.py" <<-'END'
		import os, socket, time
		address = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
		end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		end.connect(address)
		end.send(b"READY=1")
		while True:
		    end.send(b"WATCHDOG=1")
		    time.sleep(0.2)
	END
	given_conf b "dir = $SERVERS/b" "command = '$(python)' -I -S beating.py" 'match = beating.py' 'heartbeat = notify' \
		'heartbeat_timeout = 4s'
	both_run
	ADDRESS=$(tr '\0' '\n' <"/proc/$B/environ" | sed -n 's/^NOTIFY_SOCKET=//p')
	[ -n "$ADDRESS" ]
}

# nobody_floods - four processes of nobody keep the queue of that address full, until the file `enough` is there
nobody_floods() {
	for _ in {1..4}; do
		as_nobody "$(python)" -I -S -c '
import array, os, socket, sys, time
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.setblocking(False)
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 200))]
texts = [b"READY=1", b"", b"x" * 5000, b"WATCHDOG=trigger", b"STATUS=of nobody", b"STOPPING=1"]
while not os.path.exists(sys.argv[2]):
    for text in texts:
        for more in ([], rights):
            try:
                end.sendmsg([text], more, 0, "\0" + sys.argv[1][1:])
            except OSError:
                time.sleep(0.001)  # the queue is full, as it should be
' "$ADDRESS" "$BATS_TEST_TMPDIR/enough" &
	done
}

@test "a flood of many senders on the address of b: its own beats count, and the deaths of others are answered" {
	given_beating_b

	nobody_floods
	for _ in 1 2 3; do
		restarts a
	done
	wait_until 20 is_up_for b 9 # twice the time after which a mute one is hung

	assert_equal 'ends of b' "$(grep -c 'Server b \(hung\|stopped\)' "$STATE/restart.log")" 0
	running_as b "$B"
	b_is_back
	: >"$BATS_TEST_TMPDIR/enough"
	run ! grep 'of nobody' "$PRINTED"
	wait_until "$PATIENCE" has_no_more_open
}

@test "nobody can send to the daemon socket that a new helper has joined to b" {
	[ -x /usr/bin/python3 ] || skip 'there is no Python beside that of the tests'
	given_guest a
	mkdir "$SERVERS/b"
	cp "$FIXTURES/harmful_peer.py" "$SERVERS/b"
	given_conf b "dir = $SERVERS/b" 'command = /usr/bin/python3 -I -S harmful_peer.py' 'match = harmful_peer.py' \
		'fd_passing = scm' 'heartbeat = channel' 'heartbeat_timeout = 1h'
	both_run
	expect_helper_deaths
	kill -KILL "$HELPER"
	assert_said 'b: the daemon socket taken back'
	HELPER=$(helper_of "$MONITOR")
	joined=$(sed -n 's/.* @\([0-9a-f]\{5\}\)$/\1/p' /proc/net/unix)
	[ -n "$joined" ]

	# shellcheck disable=SC2086 # words
	as_nobody "$(python)" -I -S -c '
import socket, sys
taken = []
for name in sys.argv[1:]:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        end.sendto(b"\1" * 64, "\0" + name)
        taken.append(name)
    except OSError:
        pass
print(*taken)' $joined >"$BATS_TEST_TMPDIR/taken"

	assert_equal 'those that took it' "$(<"$BATS_TEST_TMPDIR/taken")" ''
	run ! grep 'b: a message on its daemon socket' "$PRINTED"
	b_is_back
}
