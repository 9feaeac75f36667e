#!/usr/bin/env bats
# Three machines, three members of etcd, and what may happen to them: a singleton never runs twice at a time.

load helpers

LEASE=5 # seconds

# box ROUNDS [FAULT...] - run so many rounds in a box of three machines; what it prints is in $SAID
box() {
	local seed=${FLEET_SEED:-$RANDOM} status=0
	require etcd faketime ip openssl tc unshare
	[ "$EUID" -eq 0 ] || skip 'may not make networks here (needs root)'
	cp "$(fixture tick)" "$(fixture clocks.so)" "$BATS_TEST_TMPDIR"
	# shellcheck disable=SC2016 # the shell in the box expands it; it reaps what loses its parents
	unshare --net --mount --pid --fork --kill-child --mount-proc sh -c '"$@"; exit $?' box \
		"$(python)" "$FIXTURES/fleet_box.py" "$BATS_TEST_TMPDIR" "$1" "$seed" "$LEASE" "${@:2}" \
		</dev/null >"$SAID" 2>&1 3>&- || status=$?
	[ "$status" -ne 77 ] || skip 'may not have networks of its own here'
	cat "$SAID" >&2
	return "$status"
}

judged() {
	"$(python)" "$FIXTURES/judge.py" "$BATS_TEST_TMPDIR/stamps" "$LEASE"
}

@test "whatever happens to a machine or to etcd, a singleton runs on one machine only, and soon on another" {
	box "${FLEETS:-10}"

	judged
}
