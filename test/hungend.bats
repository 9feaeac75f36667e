#!/usr/bin/env bats
# The end of a hung server may take long: whatever is killed, ordered or updated meanwhile, one server runs in the end,
# and it is reported once.

load helpers
load fixtures/checks

# given_slow_end - x is being ended, for its check says no; it goes on until its file `bye` is there
given_slow_end() {
	given_commanded 'command = ./x --term-when bye' 'restart = unexpected' 'stop = TERM 1h KILL'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	OLD=$(pid_of x)
	given_command 'echo not now' 'exit 3'
	wait_until "$PATIENCE" message_says x 'is being ended'
}

# assert_ended_once - x was found hung as $OLD, ended for that, and runs as another: one incident
assert_ended_once() {
	given_command 'echo >>asked'
	touch "$SERVERS/x/bye"
	assert_logged "Server x hung, pid=$OLD, ended (check ask failed: exit 3: not now)"
	wait_until "$PATIENCE" pid_differs x "$OLD"
	wait_until "$PATIENCE" state_is x RUNNING
	assert_alerted hung x 'check ask failed: exit 3: not now, ended'
	assert_equal 'hung' "$(logged_times ' hung, ')" 1
	assert_equal 'incidents' "$(incidents)" 1
	assert_equal 'starts' "$(starts_of x)" 2
}

# incidents - prints how many incidents history.jsonl knows; each of its lines must be JSON
incidents() {
	"$(python)" -I -S -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as history:
    print(len({line["incident"] for line in map(json.loads, history)} - {""}))
' "$STATE/history.jsonl"
}

@test "monitor and helper are killed while it ends: the next monitor goes on with that" {
	given_slow_end

	monitor_crash
	monitor_start x
	wait_until "$PATIENCE" message_says x 'is being ended'

	assert_ended_once
}

@test "the helper is killed while it ends: the next one goes on with that" {
	given_slow_end

	expect_helper_deaths
	kill -KILL "$(helper_of "$MONITOR")"
	assert_said 'starting another'
	wait_until "$PATIENCE" message_says x 'is being ended'

	assert_ended_once
}

@test "monitor and helper are killed while it ends, and it ends before the next monitor comes" {
	given_slow_end

	monitor_crash
	touch "$SERVERS/x/bye"
	wait_until "$PATIENCE" is_gone "$OLD"
	monitor_start x

	assert_ended_once
}

@test "an update comes while it ends" {
	given_slow_end

	echo 'alert_on = hung death' >>"$CONF/servers/x.conf"
	suite_ends 0 update
	wait_until "$PATIENCE" message_says x 'is being ended'

	assert_ended_once
}

@test "what ended it is known to status, whatever the kernel remembers" {
	given_slow_end

	assert_ended_once

	assert_equal 'last exit' "$(status_of x last_exit)" 'exit 0'
	end_leaves_reaping
}

# end_leaves_reaping - an end leaves the reaping of one that is followed to who follows it
end_leaves_reaping() {
	"$(python)" -I -S - "$ROOT/pyhelpers" <<'EOF'
import os, sys
sys.path.insert(0, sys.argv[1])
from proc import identity
from loop.terminate import Ending
from loop.loop import Loop
loop = Loop()
pid = os.fork()
if pid == 0:
    os.execv("/bin/sleep", ["sleep", "99"])
Ending(loop, [(pid, identity.ticks_of(pid))], ["KILL"], lambda stuck: setattr(loop, "ended", True), reap=False)
loop.run()
assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
EOF
}

@test "paused while it ends: it stays down until it is resumed" {
	given_slow_end
	suite_ends 0 pause x

	given_command 'echo >>asked'
	touch "$SERVERS/x/bye"
	wait_until "$PATIENCE" is_gone "$OLD"
	wait_until "$PATIENCE" state_is x PAUSED
	suite_ends 0 resume x

	wait_until "$PATIENCE" state_is x RUNNING
	assert_equal 'incidents' "$(incidents)" 1
	assert_equal 'starts' "$(starts_of x)" 2
}

@test "paused and resumed while it ends: it is still the end of a hung one" {
	given_slow_end

	suite_ends 0 pause x
	suite_ends 0 resume x

	assert_ended_once
}

@test "restarted while it ends: one runs" {
	given_slow_end
	given_command 'echo >>asked'

	ordered_while_it_ends restart

	wait_until "$PATIENCE" pid_differs x "$OLD"
	wait_until "$PATIENCE" state_is x RUNNING
	assert_equal 'starts' "$(starts_of x)" 2
}

@test "stopped while it ends: it stays stopped" {
	given_slow_end

	ordered_while_it_ends stop

	wait_until "$PATIENCE" is_gone "$OLD"
	wait_until "$PATIENCE" state_is x STOPPED
	assert_equal 'starts' "$(starts_of x)" 1
}

# ordered_while_it_ends WORD - x gets the order, and goes then
ordered_while_it_ends() {
	suite "$1" x </dev/null >"$SAID" 2>&1 4>&- &
	wait_until "$PATIENCE" state_is x STOPPING
	touch "$SERVERS/x/bye"
}

@test "one that cannot be ended is reported, once, and when it is well again" {
	given_commanded 'command = ./x --ignore-term' 'stop = TERM 200ms CONT'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	given_command 'exit 3'

	assert_alerted hung x "hung (check ask failed: exit 3), pid $old, could not be ended"
	assert_logged "Server x hung, pid=$old, could not be ended (check ask failed: exit 3)"
	assert_left_alone x
	given_command 'echo >>asked'
	assert_alerted recovery x 'hung no more'
	assert_equal 'alerts' "$(alerted_times hung x)" 1
	assert_equal 'incidents' "$(incidents)" 1
}

@test "an order to end it that comes late hits no other process" {
	given_server x "pid_from = pidfile $SERVERS/x/x.pid" 'command = ./x --pidfile x.pid' \
		'check = command ./ask' 'check_every = 100ms' 'check_failures = 1'
	# shellcheck disable=SC2016 # the check expands it
	given_command 'exit $(cat no 2>/dev/null)'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	kill -STOP "$MONITOR" # the shell hears of it, and answers, late
	echo 3 >"$SERVERS/x/no"
	wait_until "$PATIENCE" message_says x '(hung)'
	rm "$SERVERS/x/no"
	start_by_hand x --pidfile x.pid
	new=$BY_HAND
	wait_until "$PATIENCE" grep -qs "$new" "$SERVERS/x/x.pid"
	kill -KILL "$old"
	wait_until "$PATIENCE" running_as x "$new"
	kill -CONT "$MONITOR"

	assert_logged "Server x moved from pid=$old to pid=$new"
	assert_left_alone x
	running_as x "$new"
}

@test "what it is restarted after stands in the same line" {
	given_commanded 'backoff = 5s 60s'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)

	given_command 'exit 3'

	assert_logged "Server x hung, pid=$old, ended (check ask failed: exit 3), restarting in 5s..."
	assert_alerted hung x 'is DOWN; next try in 5s'
}

@test "hung too often: given up" {
	given_commanded 'give_up = 3 in 60s'
	# shellcheck disable=SC2016 # the check expands these
	given_command 'test ! -e asked.$MONITOR_PID || exit 3' '>asked.$MONITOR_PID' # good once
	monitor_start x

	assert_logged 'Server x gave up (3 in 60s)'

	assert_alerted give_up x 'last: hung (check ask failed: exit 3)'
	wait_until "$PATIENCE" state_is x FATAL
	assert_equal 'hung' "$(logged_times ' hung, ')" 3
	assert_equal 'incidents' "$(incidents)" 3
}

@test "hung and over a limit at once: one end, one incident" {
	given_commanded 'max_fds = 1 for 100ms restart' 'max_memory = 1K for 100ms restart' \
		'command = ./x --term-when bye' 'stop = TERM 1h KILL'
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING
	old=$(pid_of x)
	given_command 'exit 3'
	wait_until "$PATIENCE" message_says x 'is being ended'
	assert_left_alone x
	sed -i '/^max_/d' "$CONF/servers/x.conf"
	given_command 'echo >>asked'
	suite_ends 0 update
	touch "$SERVERS/x/bye"

	wait_until "$PATIENCE" pid_differs x "$old"
	wait_until "$PATIENCE" state_is x RUNNING

	assert_equal 'incidents' "$(incidents)" 1
	assert_equal 'ends' "$(logged_times ', ended (')" 1
}

@test "what a check says is JSON in history.jsonl, whatever it says" {
	given_commanded
	monitor_start x
	wait_until "$PATIENCE" state_is x RUNNING

	given_command "printf '%s\\377\\033[31m\\t%s\\n' 'say \"no\" \\ über \$(x)' '\\n%s'" 'exit 3'

	# shellcheck disable=SC2016 # it is the command that said it
	assert_logged 'exit 3: say "no" \ über $(x)'
	given_command 'echo >>asked'
	# shellcheck disable=SC2016 # the same
	assert_alerted hung x '\ über $(x)'
	((1 <= $(incidents)))
}
