#!/usr/bin/env bats
# The suite is replaced under a running monitor: shell and helper of two versions never work together.

load helpers
load fixtures/orders

# given_copy_watching - the suite stands in a copy, whose monitor watches server a; $A is its pid
given_copy_watching() {
	local copy=$BATS_TEST_TMPDIR/suite
	mkdir "$copy"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$copy"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$copy/.venv"
	ROOT=$copy
	given_server a
	monitor_start a
	wait_until "$PATIENCE" state_is a RUNNING
	A=$(pid_of a)
}

# replace_suite - another version is installed
replace_suite() {
	touch -d '2001-01-01' "$ROOT/pyhelpers/watch/messages.py"
}

# began_anew - the monitor has executed itself, with its pid, and its new helper watches the same process
began_anew() {
	wait_until "$PATIENCE" grep -qs 'the suite was replaced; starting again with the new one' "$PRINTED"
	wait_until "$PATIENCE" grep -qs 'Server a adopted' "$STATE/restart.log"
	wait_until "$PATIENCE" state_is a RUNNING
	assert_equal 'pid of a' "$(pid_of a)" "$A"
	[ -d "/proc/$MONITOR" ]
}

@test "a helper of another version does not work for the old shell: the monitor begins anew, with its pid and its servers" {
	expect_helper_deaths
	given_copy_watching

	replace_suite
	kill -KILL "$(helper_of "$MONITOR")"

	began_anew
	kill -KILL "$A"
	wait_until "$PATIENCE" pid_differs a "$A"
	assert_equal 'deaths of a' "$(grep -c 'Server a stopped' "$STATE/restart.log")" 1
}

@test "an update after the suite was replaced: the monitor begins anew, with the new conf" {
	given_copy_watching
	given_server b

	replace_suite
	printf '%s\n' 'alert_on = give_up' >>"$CONF/servers/a.conf"
	suite update >"$SAID" 2>&1 || :

	began_anew
	grep -q 'alert_on	give_up' "$STATE/monitors/$MONITOR/settled"
}

@test "a death that is answered just before the monitor begins anew is alerted" {
	given_copy_watching
	helper=$(helper_of "$MONITOR")
	kill -STOP "$helper"
	replace_suite
	printf '%s\n' 'alert_on = death' >>"$CONF/servers/a.conf"
	operator update
	wait_until "$PATIENCE" test -e "$STATE/monitors/$MONITOR/settled.new"

	helper_tells update 0 ''
	helper_tells_death 1 a "$A"
	kill -CONT "$helper"

	began_anew
	assert_alerted death a 'a died (signal SEGV'
}
