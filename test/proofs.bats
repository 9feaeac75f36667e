#!/usr/bin/env bats
# test/proof at a tiny size: each word proves, what is wrong is found, and nothing stays behind.

load helpers

# proof WORD... - test/proof of $ROOT; its files are in out/
proof() {
	timeout 100 "$(python)" -B "$ROOT/test/proof" --seed 7 --out "$BATS_TEST_TMPDIR/out" "$@" 3>&-
}

# verdicts QUESTION... - put these questions of fixtures/verdicts.py to the modules of test/proofs
verdicts() {
	timeout 20 "$(python)" "$FIXTURES/verdicts.py" "$ROOT/test" "$@"
}

# given_suite - a copy of the suite, which a test may break; it is $ROOT then
given_suite() {
	local copy=$BATS_TEST_TMPDIR/suite
	mkdir "$copy"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$ROOT/test" "$copy"
	for name in .venv .venv-test; do
		[ ! -d "$ROOT/$name" ] || ln -s "$ROOT/$name" "$copy/$name"
	done
	ROOT=$copy
}

# break_line FILE OLD NEW - in the copy, OLD, which stands there, becomes NEW
break_line() {
	grep -qF -- "$2" "$ROOT/$1"
	awk -v old="$2" -v new="$3" '(at = index($0, old)) { $0 = substr($0, 1, at - 1) new substr($0, at + length(old)) } { print }' \
		"$ROOT/$1" >"$BATS_TEST_TMPDIR/broken"
	cat "$BATS_TEST_TMPDIR/broken" >"$ROOT/$1"
}

# fake_file NAME LINE... - in the copy, a file of tests that prints these lines
fake_file() {
	printf '%s\n' '@test "one" {' "${@:2}" '}' >"$ROOT/test/$1"
}

# given_faults MISSED [LINE] - in the copy, a faults.bats that has twenty, of which MISSED do not strike; or does LINE
given_faults() {
	# shellcheck disable=SC2016 # the text of a test
	fake_file faults.bats '[ -z "${FAULTS_ALL:-}" ] || { seq 20 >"$FAULTS_ALL"; return; }' "${2:-}" \
		"cat \"\$FAULTS_LIST\" >>'$BATS_TEST_TMPDIR/tried'" \
		'number=$(grep -c . "$FAULTS_LIST")' "echo \"# made \$((number - $1)) faults, 0 bad, $1 missed\" >&3"
}

# --- verdicts on given figures

@test "a file of tests is good only if all of it ended well: a skip, a failure, an interruption and nothing are wrong" {
	verdicts a_whole_file_is_good a_skip_is_wrong a_failure_is_wrong an_interrupted_file_is_wrong
}

@test "a death that is lost, told twice or invented is wrong, and so is a start too many" {
	verdicts a_lost_death_is_wrong a_start_too_many_is_wrong
}

@test "a lost alert is wrong; one may come twice for each kill and server" {
	verdicts a_lost_alert_is_wrong one_alert_comes_twice_for_a_kill_and_a_server
}

@test "memory or descriptors that grow over the second half are wrong; noise is not" {
	verdicts what_grows_is_wrong a_soak_that_leaks_is_wrong
}

@test "a proof says how to run it again, and a part that does not exist is none" {
	verdicts fewer_parts_than_asked_are_refused a_proof_says_how_to_run_it_again
}

@test "the summary has a row for each proof, and the picture is one file of text and curves" {
	verdicts a_summary_counts_what_is_wrong a_picture_needs_nothing_else
}

# --- each word

@test "kills: as many rounds as were asked for" {
	run -0 proof kills=2 --only 'chaos.bats dash'

	[[ ${lines[0]} == 'kills: 2 rounds in 1 shells, seed 7: wrong 0, '* ]]
}

@test "reuses: as many numbers as were asked for" {
	[ "$(id -u)" -eq 0 ] || skip 'may not choose a pid here (needs root)'

	run -0 proof reuses=1 --only 'dash PID reuse: nor'

	[[ ${lines[0]} == 'reuses: 1 reuses in 1 shells, seed 7: wrong 0, '* ]]
}

@test "fuzz: as many inputs for each property as were asked for" {
	"$ROOT/.venv-test/bin/python" -c 'import hypothesis' 2>/dev/null || skip 'hypothesis is not here'

	run -0 proof fuzz=16 --only 'the mount table'

	[[ ${lines[0]} == 'fuzz: 16 inputs for each of 1 properties of 1 parsers, seed 7: wrong 0, '* ]]
}

@test "faults: each of the matrix once, in several shares" {
	given_suite
	given_faults 0

	run -0 proof faults --jobs 2

	assert_equal line "${lines[0]%,*}" 'faults: 20 faults of a matrix of 20, seed 7: wrong 0'
	assert_equal tried "$(sort -n "$BATS_TEST_TMPDIR/tried")" "$(seq 20)"
}

@test "alerts, thousand: kills of delivery, and servers of all kinds; both are rows of the summary" {
	require cc

	run -0 proof alerts=5 thousand=2 --servers 5

	[[ ${lines[0]} == 'alerts: 5 kills, '*' alerts of 5 servers, seed 7: wrong 0, '* ]]
	[[ ${lines[1]} =~ ^'thousand: '[1-9][0-9]*' deaths of 5 servers in 2 s, seed 7: wrong 0, '.*'p50 '[0-9.]+' ms, p99 ' ]]
	run -0 grep -cE '^\| (alerts|thousand) \| .* \| 7 \| 0 \|' "$BATS_TEST_TMPDIR/out/summary.md"
	assert_equal rows "$output" 2
}

@test "soak: deaths, alerts, updates and other monitors, and a picture" {
	require cc

	run -0 proof soak=24 --servers 5

	[[ ${lines[0]} == 'soak: '*' deaths, 2 alerts, 3 updates, 2 monitors, seed 7: wrong 0, '* ]]
	[[ ${lines[0]} == *'too short to judge growth'* ]]
	grep -q '<svg' "$BATS_TEST_TMPDIR/out/soak.svg"
	assert_equal 'lines of soak.csv' "$(wc -l <"$BATS_TEST_TMPDIR/out/soak.csv")" 25
}

# --- what is wrong is found

@test "a suite that writes no death to the history is found" {
	require cc
	given_suite
	# shellcheck disable=SC2016 # the text of a lib
	break_line lib/incident.sh 'log_history "$mailbox_when" "$_incident_event"' ': "$mailbox_when" "$_incident_event"'

	run -1 proof thousand=2 --servers 5

	[[ $output == *'a death that is not told: s000'* ]]
	[[ $output == *'again: test/proof thousand=2 --seed 7 --servers 5'* ]]
}

@test "a suite that forgets a message that it took is found by alerts" {
	given_suite
	printf '\n\ndef queue(alerts_dir, fields):\n    return True\n' >>"$ROOT/pyhelpers/state/spool.py"

	run -1 proof alerts=2

	[[ $output == *'lost: s'* ]]
}

@test "files of tests that make fewer rounds, skip, or try fewer inputs are found" {
	given_suite
	fake_file chaos.bats 'echo "# made 1 rounds" >&3'
	fake_file chaos_moves.bats 'skip "no time"'

	run -1 proof kills=3 --only dash

	[[ $output == *'chaos.bats dash: 1 rounds, of 2'* ]]
	[[ $output == *'chaos_moves.bats dash: skipped: one (no time)'* ]]
}

@test "faults that did not strike, or were not tried, show nothing" {
	given_suite
	given_faults 3
	run -1 proof faults=20 --jobs 1
	[[ $output == *'3 of 20 faults did not strike'* ]]

	given_faults 0 'skip "needs root"'
	run -1 proof faults=20 --jobs 1
	[[ $output == *'skipped: one (needs root)'*'0 faults were tried, of 20'* ]]
}

@test "TERM ends all that a proof has started, and its scratch directory is gone" {
	require cc
	place=$BATS_TEST_TMPDIR/tmp
	mkdir "$place"
	TMPDIR=$place "$(python)" -B "$ROOT/test/proof" alerts=1 thousand=600 --servers 5 >"$SAID" 2>&1 3>&- &
	prover=$!
	wait_until "$PATIENCE" has_stamps "$place"

	kill -TERM "$prover"

	status=0
	wait "$prover" || status=$?
	assert_equal 'exit status' "$status" 143
	assert_equal 'left' "$(find "$place" -mindepth 1)$(pids_with "*$place/*")" ''
}

has_stamps() {
	[ -s "$(echo "$1"/proof.*/thousand/stamps)" ]
}

@test "a word or a size that is none is refused, before anything runs" {
	for words in nothing kills=0 soak=x; do
		run -2 proof "$words"
		[ ! -e "$BATS_TEST_TMPDIR/out" ]
	done
	run -2 proof all --share 0
}
