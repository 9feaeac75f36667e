#!/usr/bin/env bats
# lib/restart.sh decides what follows a death or a start that failed: each rule by itself, in the shell under test.

# shellcheck disable=SC2016 # the shell under test expands what is quoted here

load helpers

# policy COMMANDS - run these in the shell under test, with a server 1 known; prints what they print
policy() {
	"${SHELL_WORDS[@]}" -uc '
		suite=$1
		. "$suite/lib/log.sh" && . "$suite/lib/server.sh" && . "$suite/lib/restart.sh" || exit 1
		server_new 1 a always 0 0 8000 3 60 sms death -
		decide() {
			restart_decide 1 "$@"
			printf "%s %s\n" "$_restart_decide" "$restart_wait"
		}
		'"$1" policy "$ROOT"
}

@test "waits double from the first to the longest; a stable run begins anew" {
	run -0 policy 'server_set 1 give_up 0
		for time in 1 2 3 4 5 6; do decide $time "exit 3"; done
		restart_stable 1
		decide 7 "exit 3"'

	assert_equal decisions "$output" 'now 0
later 1000
later 2000
later 4000
later 8000
later 8000
now 0'
}

@test "so many failures within the time of give_up are too many, spread over more they are not" {
	run -0 policy 'for time in 100 130 159; do decide $time failed; done; restart_stable 1
		server_set 1 failures ""
		for time in 200 230 260 290; do decide $time failed; restart_stable 1; done'

	assert_equal decisions "$output" 'now 0
later 1000
fatal 0
now 0
now 0
now 0
now 0'
}

@test "failures of an earlier boot, whose clock was ahead, do not count" {
	run -0 policy 'server_set 1 failures 9000,9001,9002
		decide 5 failed'

	assert_equal decision "$output" 'now 0'
}

@test "restart = unexpected: what exit_codes names is left alone, another end is not" {
	run -0 policy 'server_set 1 restart unexpected
		server_set 1 exit_codes 0,30
		for cause in "exit 0" "exit 30" "exit 3" "signal KILL" unknown; do decide 1 "$cause"; restart_stable 1; server_set 1 failures ""; done'

	assert_equal decisions "$output" 'leave 0
leave 0
now 0
now 0
now 0'
}

@test "what an operator has stopped or paused, and restart = never, is left alone" {
	run -0 policy 'for want in down paused; do server_set 1 want $want; decide 1 "signal KILL"; done
		server_set 1 want up
		server_set 1 restart never
		decide 1 "signal KILL"'

	assert_equal decisions "$output" 'leave 0
leave 0
leave 0'
}
