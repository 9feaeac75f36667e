#!/usr/bin/env bats
# What wakes no one up: quiet hours, a first death, a death that is over in a moment.

load helpers
load fixtures/spool

# at_hour SECONDS - HH:MM of that time from now
at_hour() {
	date -d "@$(($(date +%s) + $1))" +%H:%M
}

# --- quiet hours

@test "in quiet hours messages wait, but for events that are named and for give-ups; then they are sent" {
	spool_setup
	conf_says "quiet = $(at_hour -3600)-$(at_hour 3600) except hung"
	queue incident=i1
	queue incident=i2 event=hung action='left alone'
	queue incident=i3 event=give_up action='gave up' server=gate

	deliver

	assert_equal 'told' "$(cut -d ' ' -f 1 "$ALERTS" | sort | tr '\n' ' ')" 'give_up '
	assert_equal 'waiting' "$(waiting)" 2 # i2 is behind i1: messages of a server keep their order
	sed -i 's/^quiet.*/quiet = none/' "$CONF/monitor.conf"
	deliver
	assert_equal 'told' "$(cut -d ' ' -f 1 "$ALERTS" | tr '\n' ' ')" 'give_up death hung '
}

@test "hours over midnight, several of them, and outside of them" {
	local python
	python=$(python)

	TZ=UTC "$python" - "$ROOT/pyhelpers" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from config import quiet_hours as hours

		night = hours.quiet("23:00-07:00 except give_up recovery")
		minute = lambda text: int(text[:2]) * 3600 + int(text[3:]) * 60.0
		for clock, left in [("23:00", 8), ("06:00", 1), ("00:00", 7), ("07:00", 0), ("22:59", 0), ("12:00", 0)]:
		    assert hours.wait(night, "death", minute(clock)) == left * 3600, (clock, hours.wait(night, "death", minute(clock)))
		assert hours.wait(night, "recovery", minute("23:30")) == 0
		two = hours.quiet("12:00-13:30, 22:00-24:00")
		for clock, left in [("12:30", 1), ("13:30", 0), ("23:00", 1), ("00:00", 0)]:
		    assert hours.wait(two, "death", minute(clock)) == left * 3600, (clock, hours.wait(two, "death", minute(clock)))
		assert hours.wait(hours.quiet("none"), "death", 0.0) == 0
	END
}

@test "hours that cannot be meant are refused" {
	local text
	for text in 'night' '23:00' '25:00-07:00' '23:60-07:00' '23-7' '07:00-07:00' '23:00-07:00 except' '-' '²3:00-07:00'; do
		printf '%s\n' "quiet = $text" >"$CONF/monitor.conf"
		given_conf x 'alert = sms'
		suite_ends 6 check
		grep -qF "quiet: \"$text\" is not known; write none, or hours and events, like 23:00-07:00 except give_up" "$SAID" ||
			assert_equal "what is said to $text" "$(cat "$SAID")" 'is not known'
	done
	printf '%s\n' "quiet = 23:00-07:00 except deaths" >"$CONF/monitor.conf"
	suite_ends 6 check
	grep -qF 'quiet: "deaths" is none of death, give_up, recovery, hung, limit, lag, digest, core' "$SAID"
}

@test "a hook may have quiet hours of its own" {
	spool_setup
	conf_says "quiet = $(at_hour -3600)-$(at_hour 3600)"
	given_hook mail
	echo 'quiet = none' >"$CONF/hooks/mail.conf"
	chmod 600 "$CONF/hooks/mail.conf"
	queue incident=i1
	queue incident=i1 hook=mail

	deliver

	assert_equal 'told' "$(calls)" 1
	[ -e "$SPOOL/sent/i1.death.mail.json" ]
}

@test "what has gathered in a long night is sent as one" {
	spool_setup
	conf_says 'digest_window = 1s' "quiet = $(at_hour -3600)-$(at_hour 3600)"
	queue_many 30 1
	deliver
	assert_equal 'waiting' "$(waiting)" 30

	queue_many 200 100
	deliver
	assert_equal 'waiting' "$(waiting)" 1 # no more than 200 wait one by one
	assert_equal 'told' "$(calls)" 0
	sed -i 's/^quiet.*/quiet = none/' "$CONF/monitor.conf"
	deliver

	assert_equal 'told' "$(calls)" 1
	[[ $(<"$ALERTS") == 'digest all 230 servers down on im-3: '* ]]
}

# --- a death that is over in a moment

@test "a death that is not answered at once waits for recovery_quiet: with its recovery it is one message" {
	spool_setup
	conf_says 'recovery_quiet = 5s'
	queue incident=i1 action='not restarted' message='im-3: msg_server died (signal KILL, up 3h), is DOWN: no log' count=3
	deliver
	assert_equal 'told' "$(calls)" 0
	[[ $output =~ next\ ([0-9]+)$ ]]
	((BASH_REMATCH[1] <= 5000))

	queue incident=i1 event=recovery action='is back' pid=901 count=3
	deliver

	grep -qE '^death msg_server im-3: msg_server died \(signal KILL\), runs again after [0-9]s, pid 901, 3 deaths in 1h$' "$ALERTS"
	assert_equal 'told' "$(calls)" 1
	assert_equal 'waiting' "$(waiting)" 0
	assert_equal 'laid by' "$(laid_by)" 1
}

@test "one that stays down is reported after recovery_quiet, and its recovery by itself" {
	spool_setup
	conf_says 'recovery_quiet = 0s'
	queue incident=i1 action='not restarted'
	deliver

	queue incident=i1 event=recovery action='is back'
	deliver

	assert_equal 'told' "$(cut -d ' ' -f 1 "$ALERTS" | tr '\n' ' ')" 'death recovery '
}

@test "a clock that was put back holds no message for as long" {
	spool_setup
	conf_says 'recovery_quiet = 5s' 'digest_window = 12s'
	queue incident=i1 action='not restarted'
	change i1.death.sms created "$(($(date +%s) + 3600))" # told by the clock as it was

	deliver

	assert_equal 'told' "$(calls)" 1
	queue_many 30 1
	deliver --seconds 1
	assert_equal 'told' "$(calls)" 2
}

@test "a server that is down for a moment rings once" {
	given_server msg_server 'backoff = 1s 1s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	mv "$SERVERS/msg_server/msgserver.conf" "$SERVERS/msg_server/away"

	kill -KILL "$(pid_of msg_server)"
	assert_logged 'not started, next try'
	mv "$SERVERS/msg_server/away" "$SERVERS/msg_server/msgserver.conf"

	assert_alerted death msg_server 'runs again after'
	assert_equal 'told' "$(calls)" 1
}

@test "a monitor that is killed between a death that was reported and its recovery: the next one reports the recovery" {
	given_server msg_server 'backoff = 6s 6s'
	conf_says 'recovery_quiet = 0s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"
	assert_alerted death msg_server 'is DOWN; next try in 6s'

	monitor_crash
	monitor_start msg_server

	assert_alerted recovery msg_server 'is back'
	assert_equal 'incidents' "$(grep MONITOR_INCIDENT "$BATS_TEST_TMPDIR/alerts.env" | sort -u | wc -l)" 1
}

@test "a death is reported before its restart unless recovery_quiet is longer than the wait; update applies it" {
	given_server msg_server 'backoff = 1s 1s'
	conf_says 'recovery_quiet = 0s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"
	assert_alerted death msg_server 'is DOWN; next try in 1s'
	assert_alerted recovery msg_server 'is back'

	sed -i 's/^recovery_quiet.*/recovery_quiet = 1m/' "$CONF/monitor.conf"
	suite_ends 0 update
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"

	assert_alerted death msg_server 'restarted in'
	assert_equal 'told' "$(calls)" 3
}

# --- how long it was down

# recovery_of NAME - prints what the hook was told of its recovery
recovery_of() {
	sed -n "s/^recovery $1 [^:]*: //p" "$ALERTS"
}

@test "a recovery says how long the server was down, also by the next monitor" {
	given_server msg_server 'backoff = 30s 30s'
	conf_says 'recovery_quiet = 0s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"
	assert_alerted death msg_server 'is DOWN; next try in 30s'
	died=$SECONDS
	monitor_crash
	wait_until "$PATIENCE" is_past "$died" 3

	monitor_start msg_server

	assert_alerted recovery msg_server 'is back after'
	[[ $(recovery_of msg_server) =~ ^"msg_server is back after "([0-9]+)"s, pid $(pid_of msg_server)"$ ]]
	((BASH_REMATCH[1] >= 2))
}

# is_past SINCE SECONDS - are so many seconds over?
is_past() {
	((SECONDS - $1 >= $2))
}

failed_twice() {
	(($(logged_times "Server $1 not started") >= 2))
}

@test "of a server that would not start, a recovery counts from the first try" {
	given_server msg_server 'backoff = 1s 1s'
	conf_says 'recovery_quiet = 0s'
	mv "$SERVERS/msg_server/msg_server" "$SERVERS/msg_server/away"
	given_server other # a monitor without any server to start would end
	monitor_start other msg_server
	assert_alerted death msg_server 'is DOWN: no command'
	wait_until "$PATIENCE" failed_twice msg_server

	mv "$SERVERS/msg_server/away" "$SERVERS/msg_server/msg_server"

	assert_alerted recovery msg_server 'is back after'
	[[ $(recovery_of msg_server) =~ ^"msg_server is back after "([0-9]+)"s, pid $(pid_of msg_server)"$ ]]
	((BASH_REMATCH[1] >= 1))
}

# --- alert_on = second

@test "alert_on = second: the first death in an hour that is answered at once is not reported, the second is" {
	given_server msg_server 'alert_on = second give_up recovery'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING

	dies_and_returns msg_server
	dies_and_returns msg_server

	assert_alerted death msg_server '2nd in 1h'
	assert_equal 'told' "$(calls)" 1
}

@test "alert_on = second: a first death that leaves the server down for long is reported" {
	conf_says 'recovery_quiet = 0s'
	given_server msg_server 'alert_on = second give_up' 'backoff = 60s 60s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"

	assert_alerted death msg_server 'is DOWN; next try in 60s'
	assert_alerted death msg_server 'died (signal KILL, up '
}

dies_and_returns() {
	local old
	old=$(pid_of "$1")
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs "$1" "$old"
	wait_until "$PATIENCE" state_is "$1" RUNNING
}

@test "the fiftieth death in an hour is 50+, for no more are counted" {
	# shellcheck disable=SC2016 # it is that shell which expands it
	run -0 "${SHELL_WORDS[@]}" -c '
		. "$1/lib/server.sh"; . "$1/lib/restart.sh"; . "$1/lib/incident.sh"
		times= now=1000
		for count in 1 2 3 11 12 13 21 22 23 49 50 51 60; do
			while [ "$now" -lt $((1000 + count)) ]; do
				now=$((now + 1))
				restart_recent "$times" "$now" 3600
				times=$_restart_recent
			done
			_incident_ordinal "$restart_recent"
			printf "%s" "$count${_incident_ordinal:-, once} "
		done' - "$ROOT"

	assert_equal 'ordinals' "$output" '1, once 2, 2nd in 1h 3, 3rd in 1h 11, 11th in 1h 12, 12th in 1h 13, 13th in 1h 21, 21st in 1h 22, 22nd in 1h 23, 23rd in 1h 49, 49th in 1h 50, 50+ in 1h 51, 50+ in 1h 60, 50+ in 1h '
}
