#!/usr/bin/env bats
# Each line of fixtures/safety.py is missed by a test as soon as it is broken: in a copy of the suite, one at a time.
#
# A fifth of them has its turn each time (TEST_TURN, else the number of commits); SAFETY=all tries all, SAFETY=N that one.

load helpers

# safety_copy - make a copy of the suite; $COPY is its path
safety_copy() {
	COPY=$BATS_TEST_TMPDIR/suite
	rm -rf "$COPY"
	mkdir "$COPY"
	cp -a "$ROOT/monitor.sh" "$ROOT/run.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$ROOT/test" "$COPY"
	for venv in .venv .venv-test; do
		[ ! -d "$ROOT/$venv" ] || ln -s "$ROOT/$venv" "$COPY/$venv"
	done
}

# has_turn NUMBER - is this line tried now?
has_turn() {
	case ${SAFETY:-} in
	all) return 0 ;;
	'') (($1 % 5 == TURN % 5)) ;;
	*) [ "$1" = "$SAFETY" ] ;;
	esac
}

# is_missed FILE FILTER - does a test of the copy fail, of those that FILTER names?
# What bats tells its tests is not for those within.
is_missed() {
	local name within=$BATS_TEST_TMPDIR/within tests=$COPY/test/$1.bats bats=$BATS_ROOT/bin/bats
	(
		while read -r name; do
			unset "$name"
		done < <(compgen -v BATS_)
		unset SUITE_TEST
		mkdir -p "$within"
		TMPDIR=$within FUZZ=2000 timeout 120 "$bats" --formatter tap --filter "$2" "$tests" </dev/null
	) >"$BATS_TEST_TMPDIR/tap" 2>&1 3>&- 4>&- || :
	grep -q '^not ok ' "$BATS_TEST_TMPDIR/tap" || needs_root
}

# needs_root - would root's tests say more?  An ordinary user had to skip all of them
needs_root() {
	[ "$(id -u)" -ne 0 ] && grep -q '^ok .* # skip' "$BATS_TEST_TMPDIR/tap" && ! grep '^ok ' "$BATS_TEST_TMPDIR/tap" | grep -qv ' # skip'
}

# breaking ABOUT - break each line about that whose turn it is; fails, and says which, if no test misses one
breaking() {
	local number file filter keeps_away bad=0
	expect_faults
	expect_helper_deaths
	cd "$BATS_TEST_TMPDIR" || return
	while IFS=$'\t' read -r number file filter keeps_away; do
		has_turn "$number" || continue
		safety_copy
		"$(python)" "$FIXTURES/safety.py" break "$number" "$COPY" && is_missed "$file" "$filter" && continue
		printf 'line %s, which keeps away %s: broken, and test/%s.bats (%s) has not failed\n' \
			"$number" "$keeps_away" "$file" "$filter"
		cat tap 2>/dev/null
		bad=1
	done < <("$(python)" "$FIXTURES/safety.py" list "$1")
	return "$bad"
}

setup_file() {
	TURN=${TEST_TURN:-$(git -C "$BATS_TEST_DIRNAME" rev-list --count HEAD 2>/dev/null || printf 0)}
	export TURN
}

@test "who a process is" {
	breaking who
}

@test "files that others may have touched" {
	breaking files
}

@test "what is remembered" {
	breaking memory
}

@test "what is executed, and ended" {
	breaking execution
}

@test "what is decided" {
	breaking decision
}

@test "what the shell reads" {
	breaking shell
}

@test "what people read" {
	breaking people
}

@test "a mutation that no test misses is reported, and so is a line that is not there" {
	SAFETY=0
	is_missed() { false; }

	run -1 breaking who
	[[ $output == *'line 0, which keeps away a signal to another process that has the pid by now: broken, and'* ]]

	safety_copy
	printf 'if not fields or int(fields[19]) != ticks:\n' >>"$COPY/pyhelpers/loop/terminate.py"
	run -1 "$(python)" "$FIXTURES/safety.py" break 0 "$COPY"
	[[ $output == *'stands 2 times'* ]]
}
