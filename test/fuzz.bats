#!/usr/bin/env bats
# Each parser takes any input: it raises nothing but what it documents, executes nothing, and is done within a second.
#
# FUZZ=1000000 bats test/fuzz.bats tries more inputs than the usual 5,000 for each property, FUZZ_SEED=N others.

load helpers

# fuzz PARSER [MODULE] - try the properties of test/fuzz/PARSER.py; skips the test where pyhelpers has no MODULE
fuzz() {
	local python=$ROOT/.venv-test/bin/python
	[ -z "${2:-}" ] || [ -e "$ROOT/pyhelpers/$2" ] || skip "$2 is not here"
	"$python" -c 'import hypothesis' 2>/dev/null || skip 'hypothesis is not here'
	cd "$BATS_TEST_TMPDIR" || return
	"$python" -s "$ROOT/test/fuzz/$1.py" >tried 2>&1 || {
		tail -n 30 tried
		return 1
	}
	[ "$(grep -c ' inputs, seed ' tried)" -eq "$(grep -c '^    holds(' "$ROOT/test/fuzz/$1.py")" ]
	sed -n 's/^\(.*\): \([0-9]*\) inputs, seed .*/# made \2 inputs for \1/p' tried >&3
}

@test "conf: files, values, words, names, URLs; what is settled is read as it was written" {
	fuzz conf
}

@test "record, want, silence: what is written is read as it was" {
	fuzz record
}

@test "answers to orders" {
	fuzz answers state/answers.py
}

@test "events as the shell reads them, and what it makes of them" {
	fuzz mailbox
}

@test "orders as operators write them" {
	fuzz operators watch/operators.py
}

@test "pidfiles, names of logs, patterns, a process that named itself" {
	fuzz evidence
}

@test "the mount table" {
	fuzz mounts base/mounts.py
}

@test "datagrams of sd_notify, and StatusMessages" {
	fuzz messages
}

@test "slots of the heartbeat table" {
	fuzz shm
}

@test "files of the spool, answers of hooks, messages, the history" {
	fuzz delivery
}

@test "an input that breaks a parser is found" {
	local copy=$BATS_TEST_TMPDIR/pyhelpers
	cp -r "$ROOT/pyhelpers" "$copy"
	printf '\n\ndef read_want(directory):\n    return open(f"{directory}/want").read(16)\n' >>"$copy/state/record.py"

	PYHELPERS=$copy run fuzz record

	[ "$status" -eq 1 ] || skip "$output"
	[[ $output == *'a_want_is_one_of_three_words: does not hold for '* ]]
}
