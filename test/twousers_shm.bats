#!/usr/bin/env bats
# A heartbeat table that everybody may write to, as in the field: what nobody writes there harms neither the server b, which
# is root's and beats there, nor the helper.

load helpers
load fixtures/orders
load fixtures/heartbeats

# shellcheck source=test/fixtures/hostile.bash
. "$BATS_TEST_DIRNAME/fixtures/hostile.bash"

# given_client_b - server a of nobody; b of root, a client of the table, which has the mode 0666
given_client_b() {
	given_guest a
	mkdir "$SERVERS/b"
	cp "$(fixture beat)" "$SERVERS/b/b"
	given_conf b "dir = $SERVERS/b" "command = ./b $KEY b 2" 'heartbeat = shm' "heartbeat_key = $KEY" 'stop = TERM 1s KILL'
	monitor_start a b
	runs a
	runs b
	B=$RUNS
	wait_until "$PATIENCE" has_slot "$B"
	HELPER=$(helper_of "$MONITOR")
}

# nobody_forges SCRIPT ARG... - a Python script of nobody's; put(INDEX, PID, NAME, TIMEOUT, ATIME) writes a slot, and
# free is a list of the indexes of free slots
nobody_forges() {
	as_nobody /usr/bin/python3 -c '
import struct, sys, time
sys.path.append("/usr/lib/python3/dist-packages")
import sysv_ipc
memory = sysv_ipc.SharedMemory(int(sys.argv[1], 16))
SLOT = struct.Struct("<i51sxi4xq")
def put(index, *words):
    memory.write(SLOT.pack(*words), index * SLOT.size)
free = [index for index in range(1000) if memory.read(4, index * SLOT.size) == b"\0" * 4]
'"$1" "$KEY" "${@:2}"
}

# assert_unharmed - b is the same process, after more time than its own timeout; it is back when it dies
assert_unharmed() {
	local uptime
	uptime=$(status_of b uptime)
	wait_until "$PATIENCE" is_up_for b $((${uptime%%.*} + 6))
	running_as b "$B"
	assert_equal 'ends of b' "$(grep -c 'Server b \(hung\|stopped\)' "$STATE/restart.log")" 0
	kill -KILL "$B"
	wait_until "$PATIENCE" pid_differs b "$B"
	runs b
	assert_equal 'the helper' "$(helper_of "$MONITOR")" "$HELPER"
	assert_left_alone a
}

@test "slots of nobody with the pid of b, of others and of none, odd names and timeouts harm nobody" {
	[ -x /usr/bin/python3 ] || skip 'there is no Python that nobody may run'
	given_client_b

	# shellcheck disable=SC2016 # a name of a slot
	nobody_forges '
pids = [*map(int, sys.argv[2:]), 1, -1, -2**31, 2**31 - 1, 2**22, 2**22 + 1]
names = [b"\xff" * 51, b"\x80\n\x1b[31m", b"", b"b", b"\0b", "²".encode(), b"%s%n$(id)"]
timeouts = [0, 1, -1, 2**31 - 1, -2**31]
times = [0, -1, 2**63 - 1, -2**63, int(time.time()) + 10**6]
slots = [(pid, name, timeout, at) for pid in pids for name in names for timeout in timeouts for at in times[:1]]
slots += [(pid, names[0], 1, at) for pid in pids for at in times]
for index, slot in zip(free, slots):
    put(index, *slot)
' "$B" "$HELPER" "$MONITOR" "$(pid_of a)"

	assert_unharmed
}

@test "a full table, whose slots change as fast as nobody can write, harms nobody" {
	[ -x /usr/bin/python3 ] || skip 'there is no Python that nobody may run'
	given_client_b

	nobody_forges '
import os, random
dice = random.Random(1)
until = time.monotonic() + 8
while time.monotonic() < until:
    for index in free:
        put(index, int(sys.argv[2]), dice.randbytes(51), 1, dice.getrandbits(62))
' "$B" &
	assert_unharmed
}

@test "slots of nobody with the pid of a server that is no client of the table have no one ended" {
	[ -x /usr/bin/python3 ] || skip 'there is no Python that nobody may run'
	start_client other 60 # makes the table, with 0666
	given_guest a
	given_server b 'heartbeat = shm' "heartbeat_key = $KEY" 'heartbeat_timeout = 1s'
	monitor_start a b
	runs a
	runs b
	B=$RUNS
	HELPER=$(helper_of "$MONITOR")

	nobody_forges '
for _ in range(15):
    put(free[0], int(sys.argv[2]), b"b", 1, int(time.time()))
    put(free[1], int(sys.argv[2]), b"b", 1, int(time.time() * 1000))
    time.sleep(0.2)
' "$B"

	assert_unharmed
}
