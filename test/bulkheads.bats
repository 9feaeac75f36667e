#!/usr/bin/env bats
# A fault of ours on behalf of one server stays with that server: the others notice nothing, and it is watched again later.
#
# The suite stands in a copy, to one module of which a fault is added; it strikes while $BATS_TEST_TMPDIR/faulty is there.

load helpers

# given_fault MODULE NAME - the function or method NAME of pyhelpers/MODULE.py raises an exception when it works on server a
given_fault() {
	local copy=$BATS_TEST_TMPDIR/suite
	mkdir -p "$copy"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$copy"
	[ ! -d "$ROOT/.venv" ] || ln -sfn "$ROOT/.venv" "$copy/.venv"
	cat >>"$copy/pyhelpers/$1.py" <<-END


		def _break(owner, name):
		    import os

		    whole = getattr(owner, name)

		    def broken(*words, **more):
		        if os.path.exists("$BATS_TEST_TMPDIR/faulty") and any(_is_a(word) for word in words):
		            raise ValueError("broken\n\tas a test wants it")
		        return whole(*words, **more)

		    setattr(owner, name, broken)


		def _is_a(word):
		    name = getattr(word, "name", "") or getattr(getattr(word, "server", None) or getattr(word, "_server", None), "name", "")
		    return name == "a" or (isinstance(word, str) and word.endswith("/a"))


		import sys as _sys

		_at, _, _last = "$2".rpartition(".")
		_break(getattr(_sys.modules[__name__], _at) if _at else _sys.modules[__name__], _last)
	END
	ROOT=$copy
}

# count_running NAME - prints how many processes run its program in its directory
count_running() {
	local pid count=0
	for pid in /proc/[0-9]*; do
		[ "$(readlink "$pid/exe" 2>/dev/null)" != "$SERVERS/$1/$1" ] || count=$((count + 1))
	done
	printf '%s\n' "$count"
}

count_is() {
	[ "$(count_running "$2")" -eq "$1" ]
}

# status_says NAME TEXT - its line of status holds TEXT
status_says() {
	suite status "$1" | grep -qF "$2"
}

# both_run - servers a and b are RUNNING under one helper; $HELPER is its pid, $A and $B are theirs
both_run() {
	given_server a
	given_server b
	monitor_start a b
	wait_until "$PATIENCE" state_is a RUNNING
	wait_until "$PATIENCE" state_is b RUNNING
	HELPER=$(helper_of "$MONITOR")
	A=$(pid_of a) B=$(pid_of b)
}

# others_notice_nothing - b is killed and is back, under the same helper
others_notice_nothing() {
	kill -KILL "$B"
	wait_until "$PATIENCE" pid_differs b "$B"
	B=$(pid_of b)
	assert_equal helper "$(helper_of "$MONITOR")" "$HELPER"
}

# comes_back - once the fault is gone, a is watched again as ever: its next death is answered
comes_back() {
	rm "$BATS_TEST_TMPDIR/faulty"
	wait_until 20 state_is a RUNNING
	A=$(pid_of a)
	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
}

@test "a fault at a death: that server is examined again, its death is reported, the others notice nothing" {
	expect_faults
	given_fault watch/death _how
	both_run

	touch "$BATS_TEST_TMPDIR/faulty"
	kill -KILL "$A"
	wait_until "$PATIENCE" test -s "$STATE/faults.log"
	others_notice_nothing

	assert_equal 'faults of one place, said' "$(grep -c 'a: a fault of the monitor itself' "$PRINTED")" 1
	grep -q 'ValueError: broken??as a test wants it' "$STATE/faults.log"
	grep -qE '^    watch/lifecycle.py:[0-9]+ _gone$' "$STATE/faults.log"
	comes_back
	assert_equal 'copies of a' "$(count_running a)" 1
}

# fault_over_start - a dies, and a fault strikes over its start for a while: then a runs, once, and its death was told once
fault_over_start() {
	touch "$BATS_TEST_TMPDIR/faulty"
	kill -KILL "$A"
	wait_until "$PATIENCE" test -s "$STATE/faults.log"
	others_notice_nothing
	rm "$BATS_TEST_TMPDIR/faulty"

	wait_until 20 state_is a RUNNING
	assert_equal 'deaths told' "$(logged_times "Server a stopped, pid=$A")" 1
	assert_equal 'copies of a' "$(count_running a)" 1
}

@test "a fault over the start that answers a death: when it is over, the server is started, and its death was told once" {
	expect_faults
	given_fault watch/start_attempt Start._equip
	both_run
	printf 'restart = unexpected\n' >>"$CONF/servers/a.conf" # so the shell is asked at each death
	suite_ends 0 update

	fault_over_start
}

@test "the same, where the shell is not asked" {
	expect_faults
	given_fault watch/start_attempt Start._equip
	both_run
	suite_ends 0 clear a # behind the standing order in the pipe

	fault_over_start
}

@test "a fault at each interval: the living server is adopted again and again, never started twice; status says so" {
	expect_faults
	given_fault watch/oversight tick
	both_run

	touch "$BATS_TEST_TMPDIR/faulty"
	wait_until "$PATIENCE" test -s "$STATE/faults.log"
	wait_until "$PATIENCE" status_says a 'fault: watch/oversight.py:'
	others_notice_nothing

	comes_back
	assert_equal restarts "$(grep -c 'Server a stopped' "$STATE/restart.log")" 1
	assert_equal 'copies of a' "$(count_running a)" 1
}

@test "a fault in the search of the process table: that server is not taken for absent, the others are found" {
	expect_faults
	given_fault proc/evidence objection_to
	given_server a
	given_server b
	(cd "$SERVERS/a" && exec setsid ./a) 3>&- &
	(cd "$SERVERS/b" && exec setsid ./b) 3>&- &
	wait_until "$PATIENCE" count_is 1 a
	wait_until "$PATIENCE" count_is 1 b
	touch "$BATS_TEST_TMPDIR/faulty"

	monitor_start a b
	wait_until "$PATIENCE" state_is b RUNNING
	wait_until "$PATIENCE" test -s "$STATE/faults.log"

	assert_equal 'copies of a' "$(count_running a)" 1
	rm "$BATS_TEST_TMPDIR/faulty"
	wait_until 20 state_is a RUNNING
	assert_equal 'copies of a' "$(count_running a)" 1
}

@test "a fault in what watches over its health: the server and the others go on" {
	expect_faults
	given_fault health/vitals Vital.begin
	given_server a 'check = tcp' "port = $(free_port)"
	rm "$CONF/servers/a.conf"
	given_server a 'max_fds = 1000 for 1m alert'
	given_server b
	touch "$BATS_TEST_TMPDIR/faulty"

	monitor_start a b
	wait_until "$PATIENCE" state_is b RUNNING
	B=$(pid_of b) HELPER=$(helper_of "$MONITOR")
	others_notice_nothing
}

@test "a record of which any field is rubbish is put aside and reported; the servers run" {
	given_server a
	given_server b
	monitor_start a b
	wait_until "$PATIENCE" state_is a RUNNING
	wait_until "$PATIENCE" state_is b RUNNING
	monitor_stop

	for field in pid ticks sid port restarts monitor; do
		sed -i "s/^$field .*/$field 12x/; t; s/^end\$/$field 12x\nend/" "$STATE/servers/a/record"
		monitor_start a b
		wait_until "$PATIENCE" grep -q "record is torn or not a record; put aside" "$PRINTED"
		wait_until "$PATIENCE" grep -q 'Server a adopted' "$PRINTED"
		wait_until "$PATIENCE" grep -q 'Server b adopted' "$PRINTED"
		monitor_stop
		: >"$PRINTED"
	done
	assert_equal 'copies of a' "$(count_running a)" 1
}
