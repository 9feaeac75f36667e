#!/usr/bin/env bats
# The init script that install --sysv writes starts and ends the monitor, with the exit statuses of the LSB.

load helpers
load fixtures/install

@test "an init script is written, 0755, with the header of the LSB" {
	given_machine

	suite_ends 0 install --sysv

	assert_mode "$DESTDIR$INIT" 755
	sh -n "$DESTDIR$INIT"
	for key in Provides Required-Start Required-Stop Default-Start Default-Stop Short-Description; do
		sed -n '/^### BEGIN INIT INFO$/,/^### END INIT INFO$/p' "$DESTDIR$INIT" | grep -q "^# $key: *[^ ]"
	done
	says "$INIT start"
}

@test "the init script calls monitor.sh with the conf and state that were given" {
	given_stub_init 0

	init_ends 0 start
	init_ends 0 restart
	init_ends 0 force-reload
	init_ends 0 status

	printf "<-c><$CONF><-s><$STATE>%s\n" '<-d><all>' '<shutdown>' '<-d><all>' '<update>' '<status>' | cmp - "$TAB.calls"
}

@test "the init script ends as the LSB says" {
	given_stub_init 0
	echo 7 >"$TAB.shutdown" # no monitor runs
	init_ends 0 stop
	init_ends 0 restart
	echo 1 >"$TAB.-d" # one runs already, or it failed: update tells
	init_ends 0 start
	echo 7 >"$TAB.update"
	init_ends 1 start
	init_ends 7 force-reload
	echo 6 >"$TAB.-d"
	init_ends 6 start
	echo 4 >"$TAB.shutdown"
	init_ends 4 restart
	echo 3 >"$TAB.status"
	init_ends 3 status
	init_ends 2 dance
	rm "$ROOT/monitor.sh"
	init_ends 5 start
}

@test "only root may start by the init script; anybody may ask for the status" {
	given_stub_init 1000

	init_ends 4 start
	init_ends 4 stop
	[[ $output == *'only root may do this'* ]]
	init_ends 0 status
}

@test "the init script starts a real monitor, once, and ends it; its servers live on" {
	given_machine
	given_server gate
	given_init 0

	init_ends 0 start
	wait_until "$PATIENCE" state_is gate RUNNING
	server=$(pid_of gate)
	init_ends 0 start
	init_ends 0 status
	init_ends 0 stop
	init_ends 7 force-reload
	init_ends 0 stop

	assert_equal 'pid of gate' "$(pid_of gate)" "$server"
}
