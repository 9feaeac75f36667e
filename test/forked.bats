#!/usr/bin/env bats
# A child that was forked to become a program, or to look at something, ends whatever happens to it: it never goes on as
# its parent, which it would be a second time.  And its parent is soon what it was.

load helpers

# in_the_rooms SCRIPT - runs a Python script that may import from pyhelpers/
in_the_rooms() {
	"$(python)" -I -S -c "import os, sys; sys.path.insert(0, '$ROOT/pyhelpers')
$1"
}

# as_child(deed), in Python: does it in a child; the exit status of that, 9 if it outlived the deed
AS_CHILD='
def as_child(deed):
    pid = os.fork()
    if pid == 0:
        try:
            deed()
        finally:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
'

@test "a child that cannot report why it failed ends all the same" {
	run -0 in_the_rooms "$AS_CHILD
from spawn import launch
told, tell = os.pipe()
os.close(told)
os.close(tell)
print(as_child(lambda: launch.fail(tell, '1 why')))"

	assert_equal 'status' "$output" 127
}

@test "a child that fails in a callback of the loop ends there, and its parent goes on" {
	run -0 in_the_rooms "
from loop.loop import Loop
loop, faults = Loop(), []
loop.fault = lambda owner, error: faults.append(str(error))
def fork():
    global child
    child = os.fork()
    if child == 0:
        raise ValueError('of the child')
def end():
    loop.ended = True
loop.after(0, fork)
loop.after(1, end)
loop.run()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), *faults)"

	assert_equal 'status, and faults' "$output" 127
}

@test "a child loads nothing on its way to the exec: that would take longer than all else" {
	run -0 in_the_rooms "
import resource, sys
from base.ids import parsed
from config.launch_settings import Launch
from spawn import launch

what = Launch(['/bin/true'])
what.settings.update(limit_nofile='100', limit_core='0', nice='1')
if os.geteuid() == 0:
    what.settings['user'], what.ids = 'nobody', parsed('65534 65534 65534')
before, tell = set(sys.modules), os.dup(1)
launch.take_rights(what)
launch.take_stdio(what)
os.write(tell, ' '.join(set(sys.modules) - before).encode())"

	assert_equal 'loaded' "$output" ''
}

@test "soon after a fork our memory is as quick to write as before it" {
	run -0 in_the_rooms "
import resource
from loop.fork import fork
from loop.loop import Loop

loop = Loop()
kept = [[number] for number in range(200000)]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for one in kept:  # each gets a reference, and so its page is written
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def forked():
    child = fork(loop)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

faults()
forked()
print(faults())
forked()
while loop.owning:
    loop._turn()
print(faults())"

	# the first kind depends on the size of a page
	((lines[0] > 100))
	((lines[1] * 4 < lines[0]))
}

# Two forks of a server that daemonizes look alike: a search may find the first one, which ends
@test "what a search has found has ended by now: it is made again, and the server is not taken for absent" {
	run -0 in_the_rooms "
from types import SimpleNamespace
from proc import identity
from watch.watcher import MOST_SCANS, Watcher

gone = os.fork()
if gone == 0:
    os._exit(0)
os.waitpid(gone, 0)
here = os.getpid(), identity.ticks_of(os.getpid())

def searched(*finds):
    finds, made = list(finds), []
    watcher = Watcher.__new__(Watcher)
    watcher.followed = {}
    watcher._search = SimpleNamespace(want=lambda number, then: then(finds.pop(0)))
    life = SimpleNamespace(server=SimpleNamespace(number=1), adopt=lambda process, source: made.append(process.pid) or True)
    watcher.want_scan(life, lambda: made.append('absent'))
    return f'{made[0]} after {len(finds)} more' if made[0] == 'absent' else f'found, {len(finds)} more'

print(searched([(gone, 1)], [here]))
print(searched([], [here]))
print(searched(*[[(gone, 1)]] * MOST_SCANS, [here]))"

	assert_equal 'searches' "$output" $'found, 0 more\nabsent after 1 more\nabsent after 1 more'
}

@test "a search sees each process once, and what was forked while it looked" {
	run -0 in_the_rooms "
import signal
from proc import scan

child, found = 0, []
for pid in scan._pids_now():
    if not child:
        child = os.fork()
        if child == 0:
            signal.pause()
    found.append(pid)
os.kill(child, signal.SIGKILL)
print(child in found, len(found) == len(set(found)))"

	assert_equal 'it' "$output" 'True True'
}
