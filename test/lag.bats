#!/usr/bin/env bats
# Is the suite itself late?  It measures that, shows it, and says so once.

load helpers
load fixtures/orders

# lag KEY - print what status --guard has for the last monitor
lag() {
	suite status --guard 2>/dev/null | sed -n "s/^\[Lag monitor=$MONITOR .*\b$1=\([0-9.]*\).*/\1/p"
}

lag_beyond() {
	local figure
	figure=$(lag "$1")
	[ "${figure%.*}" -ge "$2" ]
}

@test "status --guard: lag of a healthy monitor, of a shell that reads nothing, of a helper that was stopped, and of an alert that waits" {
	given_running msg_server
	suite_ends 3 status --guard
	wait_until "$PATIENCE" test -s "$STATE/monitors/$MONITOR/lag"

	suite_ends 3 status --guard
	grep -Eq "^\[Lag monitor=$MONITOR loop=[0-9.e-]+s mailbox=[0-9.]+s late=[0-9.e-]+s delivery=0s missed=[0-9]+\]$" "$SAID"
	assert_answered 'no guard: the monitor was not started with -d'

	kill -STOP "$MONITOR"
	wait_until "$PATIENCE" lag_beyond mailbox 2
	kill -CONT "$MONITOR"
	wait_until "$PATIENCE" mailbox_is_read

	missed=$(lag missed)
	helper=$(helper_of "$MONITOR")
	kill -STOP "$helper"
	wait_until "$PATIENCE" is_up_for msg_server $(($(up msg_server) + 4))
	kill -CONT "$helper"
	wait_until "$PATIENCE" lag_beyond missed $((missed + 1))

	given_hook sms 'exit 75'
	kill -KILL "$(pid_of msg_server)"
	wait_until "$PATIENCE" lag_beyond delivery 1
	run ! grep -q 'is late' "$PRINTED"
	suite_ends 0 shutdown
	assert_equal 'what is left of the monitor' "$(ls -A "$STATE/monitors")" ''
}

mailbox_is_read() {
	[ "$(lag mailbox)" = 0 ]
}

@test "a shell that waits for events is woken by no interval, but for the first" {
	given_running msg_server
	wait_until "$PATIENCE" test -s "$STATE/monitors/$MONITOR/lag"
	looks_taken 2
	woken=$(wakeups "$MONITOR")

	looks_taken 4

	assert_equal 'wakeups' "$(wakeups "$MONITOR")" "$woken"
}

# looks_taken COUNT - the helper of the last monitor looks so often, and writes the file each time
looks_taken() {
	local look before
	for ((look = 0; look < $1; look++)); do
		before=$(stat -c %y "$STATE/monitors/$MONITOR/lag")
		wait_until "$PATIENCE" looked_since "$before"
	done
}

looked_since() {
	[ "$(stat -c %y "$STATE/monitors/$MONITOR/lag")" != "$1" ]
}

# wakeups PID - prints how often that process has slept
wakeups() {
	sed -n 's/^voluntary_ctxt_switches:[[:blank:]]*//p' "/proc/$1/status"
}

up() {
	local uptime
	uptime=$(status_of "$1" uptime)
	printf '%s\n' "${uptime%%.*}"
}

@test "what is beyond its limit is reported and alerted once, and once more when it comes again" {
	mkdir -p "$STATE"
	printf '%s\t%s\t%s\n' - interval 15000 a alert sms b alert sms >"$STATE/settled"

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$STATE" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from state import lag as figures
		from watch import lag

		class Host:
		    run_dir = state_dir = sys.argv[2]
		    boot, interval_ms = "12345678-", 15000
		    longest, sent, unread = 0.0, 0, 0
		    def say(self, server, text): print("said:", text)
		    def unread_bytes(self): return self.unread

		    def queue(self, fields): print("alert:", fields["event"], fields["hook"], fields["message"].partition(": ")[2])

		host = Host()
		host.loop = host.shell = host
		clock = [100.0]
		lag.time.monotonic = lambda: clock[0]
		watched = lag.Lag(host, host)

		def look(after=15.0, turn=0.01, unread=0):
		    clock[0] += after
		    host.sent += 10
		    host.longest, host.unread = turn, unread
		    watched.look()
		    found = figures.read(host.run_dir)
		    print(*list(found.values())[:4])

		look()
		look(after=29)
		look(after=60.5)
		look(after=61)
		look()
		look(turn=5.5)
		look()
		for unread in (10, 20, 30, 40):
		    look(unread=unread)
		look()
	END

	assert_equal 'loop mailbox late missed, and what was said' "$output" '10 0 0 0
10 0 14000 0
said: the monitor is late: it did not look at its servers for 46s; ./monitor.sh status --guard has the figures
alert: lag sms the monitor is late: it did not look at its servers for 46s
10 0 45500 3
10 0 46000 6
said: the monitor is in time again
10 0 0 6
said: the monitor is late: one event kept the others waiting for 6s; ./monitor.sh status --guard has the figures
alert: lag sms the monitor is late: one event kept the others waiting for 6s
5500 0 0 6
said: the monitor is in time again
10 0 0 6
10 0 0 6
10 15000 0 6
10 30000 0 6
said: the monitor is late: its shell has read nothing for 45s; ./monitor.sh status --guard has the figures
alert: lag sms the monitor is late: its shell has read nothing for 45s
10 45000 0 6
said: the monitor is in time again
10 0 0 6'
}

@test "a monitor that is late alerts all hooks of all servers" {
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook mail 'echo "mail $1 $2 $3" >>"${0%/*}/../../alerts.log"'
	sed -i 's/^interval.*/interval = 200ms/' "$CONF/monitor.conf"
	given_server a 'alert = sms'
	given_server b 'alert = mail'
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$BATS_TEST_TMPDIR"
	sed -i 's/^LATE, INTERVALS = .*/LATE, INTERVALS = 1.0, 3/' "$BATS_TEST_TMPDIR/pyhelpers/watch/lag.py"
	ROOT=$BATS_TEST_TMPDIR
	monitor_start a b
	runs a
	wait_until "$PATIENCE" test -s "$STATE/monitors/$MONITOR/lag"
	helper=$(helper_of "$MONITOR")

	kill -STOP "$helper"
	wait_until "$PATIENCE" is_up_for a $(($(up a) + 3))
	kill -CONT "$helper"

	assert_alerted lag monitor "$(hostname): the monitor is late: it did not look at its servers for "
	wait_until "$PATIENCE" grep -q '^mail lag monitor ' "$ALERTS"
	assert_said 'monitor.sh: the monitor is in time again'
	assert_equal 'alerts of a hook' "$(grep -c '^lag monitor ' "$ALERTS")" 1
}
