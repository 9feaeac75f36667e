#!/usr/bin/env bats
# The numbers of a server's processes are given to strangers, in every state, and then someone gives an order: no stranger
# ever gets a signal, and nothing of the server is left (field case 6).
#
# REUSE_ROUNDS  how many rounds each test has (8), without those that show nothing
# REUSE_SEED    the seed, which is printed, to have the same rounds again

load helpers

# rounds_of NAME - the rounds of the seed and NAME, by fixtures/reuse.py
rounds_of() {
	local seed=${REUSE_SEED:-$(date +%N | sed 's/^0*//')} status=0
	printf '# seed %s (%s)\n' "$seed" "$1" >&3
	mkdir "$BATS_TEST_TMPDIR/rounds"
	cp "$(fixture server)" "$(fixture stranger)" "$BATS_TEST_TMPDIR" # on the file system of the rounds, which link to them
	"$(python)" "$FIXTURES/reuse.py" "$ROOT" "$BATS_TEST_TMPDIR/rounds" "$seed $1" "${REUSE_ROUNDS:-8}" \
		"$BATS_TEST_TMPDIR/server" "$BATS_TEST_TMPDIR/stranger" "${SHELL_WORDS[@]}" >"$SAID" 2>&1 3>&- || status=$?
	[ "$status" -ne 77 ] || skip 'may not choose a pid here (needs root)'
	[ "$status" -eq 0 ] || {
		tail -n 40 "$SAID" "$BATS_TEST_TMPDIR/rounds/$(grep -c . "$SAID" | awk '{ print $1 - 1 }')/out"
		return 1
	}
	sed -n '$s/^\([0-9]* rounds\), \([0-9]* lost\)$/# made \1, \2/p' "$SAID" >&3
}

@test "PID reuse: no stranger gets a signal, whatever state the server is in and whatever is ordered" {
	rounds_of one
}

@test "PID reuse: nor in other rounds, beside those" {
	rounds_of two
}
