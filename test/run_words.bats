#!/usr/bin/env bats
# run: what its words mean, in the foreground; when it ends, and with which status.

# shellcheck disable=SC2034 # SCRIPT_CONF is for given_script

load helpers
load fixtures/contained

@test "run: TERM and INT stop the servers, those first that need others, and then it ends with 0" {
	given_steady db
	given_steady web 'needs = db'

	for signal in TERM INT; do
		: >"$PRINTED"
		: >"$OUT"
		run_start all
		assert_printed 'web | web begins'
		wait_until "$PATIENCE" state_is web RUNNING
		pids=("$(pid_of db)" "$(pid_of web)")
		init_stop "$signal"

		assert_equal "status after $signal" "$INIT_STATUS" 0
		assert_stopped_in_order web db
		is_gone "${pids[0]}"
		is_gone "${pids[1]}"
		assert_printed 'web | web ends'
		assert_equal 'wanted' "$(status_of web want)" up
		assert_logged "Server web stopped at the end of run, pid=${pids[1]}"
	done
	# the second run has not taken the end of the first one for two deaths
	run ! grep . "$ALERTS"
	assert_equal 'starts in restart.log' "$(logged_times ' started, pid=')" 4
}

@test "run: a server that ignores TERM is killed within the grace, and takes nothing from one that it needs" {
	given_script db "trap 'sleep 1.5; echo db is written; exit 0' TERM" 'echo db begins' 'while :; do sleep 0.1; done'
	SCRIPT_CONF=('needs = db' 'stop = TERM 60s KILL')
	given_script stubborn "trap '' TERM" 'echo stubborn begins' 'while :; do sleep 0.1; done'
	run_start --grace 8s all
	assert_printed 'stubborn | stubborn begins'

	init_stop

	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order stubborn db
	grep -E '^stubborn: stopped \(pid [0-9]+, KILL was needed after [0-9.]+s\)$' "$PRINTED"
	assert_printed 'db | db is written'
}

@test "run: a second TERM kills what is left at once" {
	SCRIPT_CONF=('stop = TERM 60s KILL')
	given_script stubborn "trap 'echo not yet' TERM" 'echo stubborn begins' 'while :; do sleep 0.1; done'
	run_start --grace 10m all
	assert_printed 'stubborn | stubborn begins'
	kill -TERM "$INIT"
	assert_printed 'stubborn | not yet'

	wait_until "$PATIENCE" hears_again

	init_ends
	assert_equal 'status' "$INIT_STATUS" 0
	assert_stopped_in_order stubborn
}

# hears_again - it gets another TERM; has it understood?  One that comes at once with the first counts as the same
hears_again() {
	kill -TERM "$INIT"
	grep -F 'run: told again to end: what is left is killed' "$PRINTED"
}

# ends_for STATUS WORD LINE - `run --exit-on WORD` ends with STATUS, after server x has run LINE; y is stopped before
ends_for() {
	SCRIPT_CONF=("${MORE[@]}")
	given_script x 'echo x begins' "$3"
	given_steady y
	: >"$OUT"
	: >"$PRINTED"
	: >"$ALERTS"
	run_start --exit-on "$2" x y
	init_ends
	assert_equal "status of --exit-on $2 after $3" "$INIT_STATUS" "$1"
	grep -F 'run: ends because of x (' "$PRINTED"
	assert_printed 'y | y ends'
	assert_alerted "${4:-death}" x ''
}

@test "run --exit-on: the status is that of the server, 128 + N for signal N" {
	MORE=()
	ends_for 7 any 'sleep 0.5; exit 7'
	ends_for 0 x 'sleep 0.5; exit 0'
	# shellcheck disable=SC2016 # for that script
	ends_for 139 x 'sleep 0.5; kill -SEGV $$'
}

@test "run --exit-on any: a start that fails is an end as well" {
	MORE=('start_seconds = 10s')
	ends_for 9 any 'exit 9'
}

@test "run --exit-on give_up: it ends when a server is given up, and the next run tries it again" {
	MORE=('give_up = 2 in 60s')
	ends_for 3 give_up 'sleep 0.4; echo again; exit 3' give_up
	[ "$(grep -c '^x | again$' "$OUT")" -eq 2 ]
	given_steady x

	run_start x

	assert_printed 'x | x begins'
}

@test "run: a server that was given up before all of it was killed is tried again by the next run" {
	SCRIPT_CONF=('give_up = 2 in 60s')
	given_script x 'sleep 0.4' 'exit 3'
	run_start x
	wait_until "$PATIENCE" state_is x FATAL
	shell=$(watcher)
	killed=("$INIT" "$shell" "$(helper_of "$shell")")
	kill -KILL "${killed[@]}"
	for pid in "${killed[@]}"; do
		wait_until "$PATIENCE" is_gone "$pid"
	done
	given_steady x

	run_start x

	assert_printed 'x | x begins'
}

@test "run --exit-on NAME: the end of another server is no end, nor is a stop by order" {
	# shellcheck disable=SC2016 # for that script
	given_script x '[ ! -e ended ] || { echo x is back; exec sleep 1000; }' ': >ended' 'sleep 0.5'
	given_steady y
	run_start --exit-on y x y
	assert_printed 'x | x is back'

	suite_ends 0 stop y
	suite_ends 0 start y

	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
	run ! grep -F 'ends because of' "$PRINTED"
}

@test "run: USR1 prints the status on standard error, HUP reads conf again" {
	given_steady a
	run_start all
	assert_printed 'a | a begins'
	wait_until "$PATIENCE" state_is a RUNNING

	kill -USR1 "$INIT"
	wait_until "$PATIENCE" grep -qE '^a +RUNNING' "$PRINTED"

	given_steady b
	kill -HUP "$INIT"
	assert_printed 'b | b begins'
	assert_said 'b: new, start'
}

@test "run: an order to shut down stops the servers and ends it" {
	given_steady a
	run_start a
	assert_printed 'a | a begins'
	wait_until "$PATIENCE" state_is a RUNNING
	pid=$(pid_of a)

	suite_ends 0 shutdown

	init_ends
	assert_equal 'status' "$INIT_STATUS" 0
	is_gone "$pid"
	grep -E '^a: stopped \(pid [0-9]+\)$' "$PRINTED"
}

@test "run: the monitor is killed, and its helper: others begin, and the servers live on" {
	expect_helper_deaths
	given_steady a
	run_start a
	assert_printed 'a | a begins'
	wait_until "$PATIENCE" state_is a RUNNING
	pid=$(pid_of a)
	shell=$(watcher)

	kill -KILL "$(helper_of "$shell")"
	assert_said 'ended; starting another'
	wait_until "$PATIENCE" running_as a "$pid"
	assert_equal 'shell' "$(watcher)" "$shell"
	kill -KILL "$shell"

	wait_until "$PATIENCE" has_watcher_besides "$shell"
	assert_logged "Server a adopted, pid=$pid"
	wait_until "$PATIENCE" running_as a "$pid"
	init_stop
	assert_equal 'status' "$INIT_STATUS" 0
	is_gone "$pid"
}

@test "run: it is killed before what prints for it has begun: that ends, and says nothing" {
	mkfifo "$BATS_TEST_TMPDIR/tell"
	exec 6<>"$BATS_TEST_TMPDIR/tell"
	exec 7>"$BATS_TEST_TMPDIR/tell" 6>&-

	timeout 60 "$(python)" -E -s "$ROOT/pyhelpers/run_print.py" "$STATE" lines < <(:) 3< <(:) 4< <(:) 5>&7 >"$SAID" 2>&1

	assert_equal 'said' "$(<"$SAID")" ''
}

@test "run: orphans are reaped as soon as they end, not once an interval" {
	printf '%s\n' 'interval = 1h' 'start_seconds = 200ms' 'rival_wait = 0s' >"$CONF/monitor.conf"
	given_maker 20
	run_start maker
	assert_printed 'maker | made'
	helper=$(helper_of "$(watcher)")
	wait_until "$PATIENCE" has_orphans "$helper" 20

	end_orphans "$helper"

	wait_until "$PATIENCE" has_orphans "$helper" 0
}

@test "run: wrong words end with 2, a faulty conf with 6, and nothing is started" {
	given_steady a
	while IFS='|' read -r words text; do
		# shellcheck disable=SC2086 # words
		suite_ends 2 run $words
		grep -F -- "$text" "$SAID"
	done <<-'END'
		|run needs the names of servers, or all
		--grace|run: --grace needs a value
		--grace soon a|run: --grace: "soon" is not a duration
		--grace 1ms a|run: --grace 1ms is too short to stop a server
		--exit|run takes --exit-on give_up|any|NAME, --grace TIME and --plain, not --exit
		--exit-on b a|run: --exit-on b: no such server is watched; say give_up, any or the NAME of one
		a/b|"a/b": cannot name a server
	END
	printf 'restrat = never\n' >>"$CONF/servers/a.conf"
	suite_ends 6 run a
	grep -F 'unknown key "restrat"' "$SAID"
	given_conf c "dir = $SERVERS/none"
	suite_ends 6 run c
	grep -F "c: no directory $SERVERS/none" "$SAID"
	[ ! -s "$OUT" ]
}

@test "run: the shell may be in a path with a blank" {
	require busybox
	given_steady a
	mkdir "$BATS_TEST_TMPDIR/a shell"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/a shell"
	SHELL_WORDS=("$BATS_TEST_TMPDIR/a shell/busybox" ash)

	run_start a

	wait_until "$PATIENCE" state_is a RUNNING
	kill -TERM "$INIT"
	init_ends
	assert_equal 'exit status' "$INIT_STATUS" 0
}
