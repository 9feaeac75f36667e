#!/usr/bin/env bats
# test/bench: what it makes of what it has measured, and that it leaves nothing behind.

load helpers

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
}

teardown() {
	[ -z "${TRACEFS:-}" ] || remove_traces
	end_test
}

# remove_traces - what a bench that does not clean up would leave to this machine; nobody must walk through its tracefs
remove_traces() {
	umount --quiet --lazy "$BATS_TEST_TMPDIR"/tmp/monitor-bench-tracefs.* 2>/dev/null || :
	[ -z "${BENCH:-}" ] || rmdir "$TRACEFS/instances/monitor-bench-$BENCH" 2>/dev/null || :
}

# bench WORD... - test/bench in a directory of this test; what it prints on both outputs is in $BATS_TEST_TMPDIR/WORD
bench() {
	mkdir -p "$BATS_TEST_TMPDIR/tmp"
	TMPDIR=$BATS_TEST_TMPDIR/tmp timeout 120 "$(python)" "$ROOT/test/bench" "$@" \
		</dev/null >"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- 4>&-
}

# trace_begin ARG... - the same in the background, of the word trace; $BENCH is its pid
trace_begin() {
	mkdir -p "$BATS_TEST_TMPDIR/tmp"
	TMPDIR=$BATS_TEST_TMPDIR/tmp "$(python)" "$ROOT/test/bench" trace "$@" \
		</dev/null >"$BATS_TEST_TMPDIR/trace" 2>&1 3>&- 4>&- &
	BENCH=$!
}

# assert_printed WORD PATTERN - a line of what the bench of that WORD printed matches
assert_printed() {
	grep -qE -- "$2" "$BATS_TEST_TMPDIR/$1" || {
		cat "$BATS_TEST_TMPDIR/$1"
		assert_equal "a line of $1" '' "$2"
	}
}

# assert_nothing_left - no process that this test started lives, and no file of a bench is there
assert_nothing_left() {
	wait_until "$PATIENCE" is_all_gone
	assert_equal 'files' "$(find "$BATS_TEST_TMPDIR/tmp" -mindepth 1)" ''
}

is_all_gone() {
	[ -z "$(ours)" ]
}

# given_tracefs - what is traced on this machine can be seen in $TRACEFS; skips the test where it cannot
given_tracefs() {
	TRACEFS=$BATS_TEST_TMPDIR/tracefs
	mkdir "$TRACEFS"
	mount -t tracefs none "$TRACEFS" 2>/dev/null || skip 'no trace of the kernel can be had here'
	MOUNTS+=("$TRACEFS")
	[ -d "$TRACEFS/events/syscalls/sys_enter_read" ] || skip 'no trace of the kernel can be had here'
}

# is_traced - has the last bench its trace?  Others may run one beside this test
is_traced() {
	[ -d "$TRACEFS/instances/monitor-bench-$BENCH" ]
}

# calculated ARG... - run the Python on stdin with the modules of test/bench
calculated() {
	PYTHONPATH=$ROOT/test "$(python)" - "$@"
}

# hops - print the hops of the recorded restart on stdin, a line a hop: the microseconds since the SIGKILL, and its name
hops() {
	PYTHONPATH=$ROOT/test "$(python)" -c '
import json, sys
from benches.hops import Cast, round_trip
first, *lines = sys.stdin
cast = Cast(**json.loads(first.lstrip("#")))
by_number = lambda known: {int(number): value for number, value in known.items()}
files = {pid: by_number(known) for pid, known in by_number(cast.files).items()}
cast = cast._replace(files=files, waiting=by_number(cast.waiting))
for title, at in round_trip(map(str.rstrip, lines), cast).items():
    print(at // 1000, title)
'
}

# --- what is made of figures

@test "a recorded restart gives every hop that it had, in the order in which they were, with its time" {
	hops <"$FIXTURES/restart.trace" >"$SAID"

	diff "$FIXTURES/restart.hops" "$SAID"
}

@test "a hop stands where it was, not where it is expected, and one that was not is left out" {
	hops <"$FIXTURES/standing.trace" >"$SAID"

	diff "$FIXTURES/standing.hops" "$SAID"
}

@test "of many restarts a hop has the median, and stands by it; what few had is none, and who lacks one does not count" {
	calculated >"$SAID" <<-'END'
		from benches.trace import ordered
		found = [
		    {"a": 1000000, "b": 3000000, "c": 6000000},
		    {"b": 2000000, "a": 4000000, "c": 9000000, "rare": 100},
		    {"a": 1500000, "b": 3500000, "c": 7000000},
		    {"a": 9000000, "c": 9500000},
		]
		for one in ordered(found):
		    print(f"{one.title} at {one.at} took {one.took} at most {one.most}")
	END

	diff - "$SAID" <<-'END'
		a at 1.5 took 1.5 at most 4.0
		b at 3.0 took 2.0 at most 2.0
		c at 7.0 took 3.5 at most 7.0
	END
}

@test "the table has the median of the runs, the best peer that is not the floor, and ours in ratio to it" {
	calculated >"$SAID" <<-'END'
		from benches.ratios import markdown
		figures = {
		    ("memory", 100): {"floor": [1], "runit": [9, 11, 10], "s6": [13], "monitor.sh": [8, 7, 30]},
		    ("memory", 2): {"floor": [1], "runit": [5], "monitor.sh": [7]},
		    ("restart", 1): {"floor": [0.5], "runit": [2.7, 2.0], "s6": [1004], "monitor.sh": [1.7]},
		    ("wakeups", 100): {"floor": [0], "runit": [12], "s6": [0], "monitor.sh": [8]},
		    ("cpu", 100): {"floor": [0], "s6": [0], "monitor.sh": [0]},
		    ("status", 100): {"monitor.sh": [0.2]},
		}
		print(markdown(figures, ["floor", "runit", "s6", "monitor.sh"]), end="")
	END

	diff - "$SAID" <<-'END'
		| | floor | runit | s6 | monitor.sh | to the best peer |
		|---|---|---|---|---|---|
		| SIGKILL to the next instruction, p50, ms | 0.5 | 2.35 | 1004 | 1.7 | 0.723 runit |
		| idle for a minute with 100: wakeups | 0 | 12 | 0 | 8 | – s6 |
		| idle for a minute with 100: CPU, ms | 0 | – | 0 | 0 | 1 s6 |
		| memory with 2 (PSS), MiB | 1 | 5 | – | 7 | 1.4 runit |
		| memory with 100 (PSS), MiB | 1 | 10 | 13 | 8 (7–30) | 0.8 runit |
		| `status` of 100, s | – | – | – | 0.2 | – |
	END
}

@test "the table names each peer that is not installed, and the program that would be it" {
	python >/dev/null

	PATH=$BATS_TEST_TMPDIR calculated >"$SAID" <<-'END'
		from benches.table import Plan, about
		print(*about(Plan(1, [1], 1, 1, 1), [])["not installed"], sep="\n")
	END

	diff - "$SAID" <<-'END'
		floor (sh)
		daemontools (svscan)
		runit (runsvdir)
		s6 (s6-svscan)
		monit (monit)
		supervisord (supervisord)
	END
}

# --- the words

@test "the words measure, and leave no process and no file behind" {
	for words in 'latency -k 1' 'burst -n 2' 'idle -n 2 -w 1' 'top -n 10 -w 1'; do
		read -ra words <<<"$words"
		bench "${words[@]}" &
	done
	wait

	assert_printed latency '^monitor[.]sh +n 1   p50 [0-9.]+ ms'
	assert_equal 'bursts' "$(grep -c '^2 killed at once: half back in .* ms, all in .* ms$' "$BATS_TEST_TMPDIR/burst")" 3
	assert_printed idle 'monitor[.]sh: 2 servers, 1 s: [0-9.]+ ms CPU'
	assert_equal 'lines of top' "$(grep -c '^top: 10 servers, .* of a core' "$BATS_TEST_TMPDIR/top")" 3
	assert_nothing_left
}

@test "table measures every row, says which size has no room, and leaves no process and no file behind" {
	out=$BATS_TEST_TMPDIR/table.json

	bench table --runs 1 --sizes 1,2,100000000 -k 1 -w 1 --out "$out"

	assert_printed table '^100000000 servers are left out: they need 200000200 processes, '
	assert_printed table '^date: 20'
	calculated "$out" >"$SAID" <<-'END'
		import json, sys
		from benches.peers import PEERS
		found = json.load(open(sys.argv[1]))
		for row in found["rows"]:
		    print(row["row"], row["servers"], *(name for name in ("floor", "monitor.sh") if name in row["medians"]))
		missing = [peer.name for peer in PEERS if f"{peer.name} ({peer.missing()})" in found["not installed"]]
		here = {name for row in found["rows"] for name in row["medians"]}
		print("unknown:", *sorted({peer.name for peer in PEERS} - here - set(missing)))
	END
	diff - "$SAID" <<-'END'
		restart 1 floor monitor.sh
		forking 1 monitor.sh
		start 1 floor monitor.sh
		start 2 floor monitor.sh
		burst 2 floor monitor.sh
		wakeups 2 floor monitor.sh
		cpu 2 floor monitor.sh
		memory 1 floor monitor.sh
		memory 2 floor monitor.sh
		status 1 monitor.sh
		status 2 monitor.sh
		unknown:
	END
	assert_nothing_left
}

@test "a keeper that is ended while its servers start leaves none, stamped or not" {
	mkdir "$BATS_TEST_TMPDIR/tmp"

	calculated "$BATS_TEST_TMPDIR/tmp" <<-'END'
		import sys, tempfile
		from pathlib import Path
		from benches.keeping import Run
		with tempfile.TemporaryDirectory(dir=sys.argv[1]) as scratch:
		    run = Run("slow", Path(scratch), 1)
		    run.patience = 0
		    try:
		        run.start(["sh", "-c", "setsid sleep 600 & exec sleep 600"])
		    except TimeoutError:
		        pass
		    while len(Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()) < 1:
		        pass
		    run.end()
	END

	assert_nothing_left
}

@test "trace prints and draws the hops of this machine, and removes what it has set up" {
	given_tracefs
	picture=$BATS_TEST_TMPDIR/picture.svg

	trace_begin -k 1 --picture "$picture"
	wait_until "$PATIENCE" is_gone "$BENCH"
	wait "$BENCH"

	for hop in 'the process ended' 'the event was written' 'the record was written' 'the program was executed' 'in all'; do
		assert_printed trace "^$hop +[0-9.]+"
		[ "$hop" = 'in all' ] || grep -qF ">$hop</text>" "$picture"
	done
	assert_printed trace '^without the trace  n 1   p50 [0-9.]+ ms'
	calculated "$picture" <<<'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])'
	assert_equal 'elements that run or load' "$(grep -cE '<script|href|url\(' "$picture")" 0
	assert_nothing_left
	run ! is_traced
}

@test "trace that is ended by TERM removes what it has set up, too" {
	given_tracefs
	trace_begin
	wait_until "$PATIENCE" is_traced
	wait_until "$PATIENCE" compgen -G "$BATS_TEST_TMPDIR/tmp/*/*/stamps"

	kill -TERM "$BENCH"

	wait_until "$PATIENCE" is_gone "$BENCH"
	assert_nothing_left
	run ! is_traced
}

@test "trace without the rights for it is refused with 4, and says what it needs" {
	[ "$(id -u)" -eq 0 ] || skip 'only root can become another user'
	mkdir -m 777 "$BATS_TEST_TMPDIR/tmp"
	chmod 755 "$BATS_TEST_TMPDIR"

	TMPDIR=$BATS_TEST_TMPDIR/tmp run -4 setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 \
		"$ROOT/test/bench" trace

	assert_equal 'words' "$output" 'trace: a trace needs root; run it as root'
}
