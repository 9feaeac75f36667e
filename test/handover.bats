#!/usr/bin/env bats
# A singleton is moved while a client writes through it, into a store that refuses smaller tokens.
# shellcheck disable=SC2030,SC2031 # bats runs a test in a subshell

load helpers
load fixtures/fleet

# fenced WORD... - fixtures/fenced.py
fenced() {
	"$(python)" -I -S "$FIXTURES/fenced.py" "$@" 3>&-
}

@test "move: no write of a client is lost, and the store takes none of the old machine afterwards; the gap is told" {
	given_etcd
	store=$BATS_TEST_TMPDIR/store written=$BATS_TEST_TMPDIR/written
	fenced store "$written" "$store" &
	wait_until "$PATIENCE" test -e "$store"
	for host in im1 im2; do
		given_machine "$host" "command = '$(python)' -I -S '$FIXTURES/fenced.py' server '$BATS_TEST_TMPDIR/$host.sock' '$store'"
		machine_up "$host"
		on im1 wait_until "$PATIENCE" state_is tick RUNNING
	done
	on im2 wait_until "$PATIENCE" message_says tick 'runs on im1'
	fenced client "$BATS_TEST_TMPDIR/stop" "$BATS_TEST_TMPDIR"/im{1,2}.sock >"$BATS_TEST_TMPDIR/client" &
	client=$!
	wait_until "$PATIENCE" test -s "$written"
	read -r token _ <"$written"

	on im1 suite_ends 0 move tick im2
	took=$(on im1 grep -oE '[0-9]+ ms$' "$SAID")
	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	wait_until "$PATIENCE" has_tokens 2

	[[ $(fenced ask "$store" "$token late") == 'refused: '* ]]
	on im1 suite_ends 0 move tick im1
	on im1 wait_until "$PATIENCE" state_is tick RUNNING
	wait_until "$PATIENCE" has_tokens 3
	touch "$BATS_TEST_TMPDIR/stop"
	wait "$client"
	read -r writes gap <"$BATS_TEST_TMPDIR/client"
	printf '# %d writes, the longest gap %d ms; the first move took %s\n' "$writes" "$gap" "$took" >&3
	cut -d ' ' -f 1 "$written" | sort -nc
	cut -d ' ' -f 2 "$written" | sort -nu >"$BATS_TEST_TMPDIR/have"
	seq 0 "$((writes - 1))" >"$BATS_TEST_TMPDIR/acknowledged"
	run -0 comm -23 <(sort "$BATS_TEST_TMPDIR/acknowledged") <(sort "$BATS_TEST_TMPDIR/have")
	assert_equal 'lost' "$output" ''
	((writes > 100))
}

# has_tokens NUMBER - has the store got so many, one behind the other?
has_tokens() {
	[ "$(cut -d ' ' -f 1 "$written" | uniq | wc -l)" -eq "$1" ]
}
