#!/usr/bin/env bats
# A real systemd, on a machine with nothing but cgroup v2: install, every death, the unit's restart, a reboot, uninstall.
#
# A virtual machine (fixtures/vm/) boots twice for all tests of this file, and checks what their titles say.
# VM_RELEASE=trixie takes Debian 13 in place of 12; VM_SECONDS (600) is what the machine may take.  With VM_CGROUPS=yes
# CGROUPS runs there too.

load helpers
load fixtures/vm

CGROUPS=test/cgroup.bats

setup_file() {
	[ -z "$(vm_objection)" ] || return 0
	[ -z "${VM_CGROUPS:-}" ] || set -- "$CGROUPS"
	vm_run "$@" >"$BATS_FILE_TMPDIR/vm.log" 2>&1 || { # the tests tell what is missing
		cat "$BATS_FILE_TMPDIR/vm.log"
		tail -n 20 "$BATS_FILE_TMPDIR/console"
	}
}

setup() {
	local objection
	objection=$(vm_objection)
	[ -z "$objection" ] || skip "$objection"
}

teardown() {
	:
}

# --- the first boot

@test "systemd is process 1, with cgroup v2 alone and all of its controllers" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "install writes a unit that systemd accepts; the commands that it prints enable and start it, with all servers" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "the servers run in the cgroup of the unit" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a server that is killed comes back" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a server that takes all memory of the unit dies alone, and comes back" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a helper that is killed comes back; monitor and servers stay" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a monitor that is killed is started again by systemd; it adopts the servers" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "systemctl restart, and stop and start: the servers keep their pids" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "systemctl reload: conf is read again" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a server that systemd keeps in a unit of its own: systemd restarts it, and it is followed" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a guard brings back its monitor, which goes on when the guard is killed" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "the unit of an ordinary user starts a monitor of their own" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "the first boot shows no fault of the suite" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

# --- the second boot

@test "at a reboot the servers ended by their own signals, each before those that it needs" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "after a reboot the monitor is there, with each server once; a stopped one stays stopped" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "a reboot is no death that is alerted" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "after a reboot the monitor of the ordinary user is there too" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "uninstall, and the commands that it prints, leave nothing but the servers" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "the second boot shows no fault of the suite" {
	vm_passed "$BATS_TEST_DESCRIPTION"
}

@test "what the suite does with cgroups is so there too" {
	[ -n "${VM_CGROUPS:-}" ] || skip "only with VM_CGROUPS=yes, for it takes minutes in an emulated machine"

	vm_file "$CGROUPS"
}

@test "the machine came to its end, and each of its checks is a test here" {
	grep -qx '# that was all' "$BATS_FILE_TMPDIR/results"

	assert_equal 'checks' "$(vm_titles)" "$(grep -B 1 vm_passed "$BATS_TEST_FILENAME" | sed -n 's/^@test "\(.*\)" {$/\1/p')"
}
