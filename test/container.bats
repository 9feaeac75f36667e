#!/usr/bin/env bats
# The same tests in a container: in namespaces of their own for processes, mounts, IPC and cgroups, where process 1 is no
# init; with rights to cgroups and without, and for an ordinary user.
#
# CONTAINER_FILES  the files whose tests run there (descent.bats)
# CONTAINER_TESTS  those whose titles match this (what a server leaves behind, and numbers that are used again)

load helpers

FILES=${CONTAINER_FILES:-descent.bats}
TESTS=${CONTAINER_TESTS:-ends? .*(child|dead|descends)|leaves behind|PID reuse|orphan of another server is left}

setup() {
	[ "$(id -u)" -eq 0 ] || skip 'only root may make such a namespace'
	require unshare
	mountpoint -q / || skip 'the root directory is not a mount point, as in a chroot'
}

teardown() {
	:
}

# passes_in COMMAND... - the tests pass when COMMAND runs them; what they skip is printed
passes_in() {
	local files=()
	read -ra files <<<"$FILES"
	# bats puts its own parts before the programs
	"$@" env -i PATH="${PATH##*/libexec/bats-core:}" HOME="$BATS_TEST_TMPDIR" TERM=dumb LC_ALL=C.UTF-8 \
		TEST_SHELL="${SHELL_WORDS[*]}" TEST_SHARED="${THEIRS:-$SHARED}" \
		bats --formatter tap --filter "$TESTS" "${files[@]/#/test/}" </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
	[ "$(grep -c '^ok' "$BATS_TEST_TMPDIR/said")" -gt 5 ]
	sed -n 's/^ok [0-9]* \(.* # skip\)/# \1/p' "$BATS_TEST_TMPDIR/said" >&3
}

contained() {
	unshare --mount --pid --fork --mount-proc --ipc --cgroup "$@"
}

# without_cgroups COMMAND... - with all hierarchies read-only, as most containers have them
without_cgroups() {
	# shellcheck disable=SC2016 # for that shell
	contained sh -c 'findmnt -n -r -o TARGET -t cgroup,cgroup2 | while read -r point; do
		mount -o remount,bind,ro "$point" || exit
	done && exec "$@"' sh "$@"
}

@test "in a container with rights to cgroups" {
	passes_in contained
}

@test "in a container that may not write its cgroups" {
	passes_in without_cgroups
}

@test "in a container, for an ordinary user" {
	cp -r "$ROOT/monitor.sh" "$ROOT/run.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$ROOT/test" "$BATS_TEST_TMPDIR"
	[ ! -d "$ROOT/.venv" ] || cp -r "$ROOT/.venv" "$BATS_TEST_TMPDIR"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR"
	chown -R 65534:65534 "$BATS_TEST_TMPDIR"
	setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$BATS_TEST_TMPDIR/monitor.sh" || skip 'nobody cannot come here'
	cd "$BATS_TEST_TMPDIR"
	THEIRS=$BATS_TEST_TMPDIR # what they share with other tests

	passes_in contained setpriv --reuid=65534 --regid=65534 --clear-groups
}
