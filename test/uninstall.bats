#!/usr/bin/env bats
# uninstall takes away just what install wrote; neither touches what others wrote or changed.

load helpers
load fixtures/install

@test "uninstall takes away all that install wrote, and says what" {
	given_machine
	suite_ends 0 install --systemd
	suite_ends 0 install --sysv
	mkdir "$DESTDIR/etc/systemd/system/multi-user.target.wants"
	ln -s "$UNIT" "$DESTDIR/etc/systemd/system/multi-user.target.wants/monitor.service"
	echo keep >"$DESTDIR/etc/init.d/other"

	suite_ends 0 uninstall --dry-run
	[ -e "$DESTDIR$UNIT" ]
	suite_ends 0 uninstall

	says "$DESTDIR$UNIT: gone"
	says "$DESTDIR$INIT: gone"
	assert_equal 'left' "$(find "$DESTDIR" ! -type d)" "$DESTDIR/etc/init.d/other"
}

@test "where nothing is installed, uninstall says so and is content" {
	given_machine

	suite_ends 0 uninstall

	says 'is not installed'
}

@test "install replaces what it wrote before" {
	given_machine
	suite_ends 0 install --systemd

	suite_ends 0 -s "$BATS_TEST_TMPDIR/state2" install --systemd

	assert_equal 'new state' "$(grep -c '^ExecStart=.*state2' "$DESTDIR$UNIT")" 1
	suite_ends 0 uninstall
}

@test "a file that was altered, and one of others, is left alone by both" {
	given_machine
	suite_ends 0 install --systemd
	echo '# mine' >>"$DESTDIR$UNIT"
	mkdir -p "$DESTDIR/etc/init.d"
	echo '#!/bin/sh' >"$DESTDIR$INIT"
	sum=$(cat "$DESTDIR$UNIT" "$DESTDIR$INIT" | cksum)

	suite_ends 1 uninstall
	says "$INIT: not written by this suite; left alone"
	suite_ends 1 install --systemd
	suite_ends 1 install --sysv

	assert_equal 'sum of both' "$(cat "$DESTDIR$UNIT" "$DESTDIR$INIT" | cksum)" "$sum"
}

@test "a line that was changed above the mark is seen" {
	given_machine
	suite_ends 0 install --systemd
	sed -i 's/^RestartSec=.*/RestartSec=60/' "$DESTDIR$UNIT"

	suite_ends 1 uninstall

	says "$UNIT: altered since install wrote it; left alone"
}

@test "the unit of another suite, and a masked one, are not ours" {
	given_machine
	suite_ends 0 install --systemd
	given_suite "$BATS_TEST_TMPDIR/other"
	suite_ends 1 uninstall
	says "$UNIT: not written by this suite; left alone"

	ln -sf /dev/null "$DESTDIR$UNIT"
	suite_ends 1 install --systemd
	[ -L "$DESTDIR$UNIT" ]
}
