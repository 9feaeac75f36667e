#!/usr/bin/env bats
# Whatever takes longer than a second shows on a terminal what it does and how far it is; on a pipe nothing of that is seen.

load helpers
load fixtures/orders

# on_terminal WORD... - monitor.sh WORD... on a terminal; its output is what stands there
on_terminal() {
	run -0 env TERM=xterm "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- \
		"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@" 3>&-
}

# lines_shown - print what the lines of progress said, each once; a CR and EL begin them
lines_shown() {
	tr '\r' '\n' <<<"$output" | sed -n 's/^\x1b\[K\(..*\)/\1/p' | uniq
}

# progress_is_gone - is the last thing that happened to the line of progress its removal?
progress_is_gone() {
	local last=${output##*$'\r\e[K'}
	[[ $last != *waiting* && $last != *reading* ]]
}

@test "an order for many shows how many are done and who is waited for, and makes room for each outcome" {
	given_server a
	given_server b 'start_seconds = 3s'
	given_server c 'start_seconds = 3s'
	monitor_start a b c
	runs a
	runs b
	runs c

	on_terminal restart a b c

	[[ $(lines_shown) =~ 'restart: 1 of 3 done, '[0-9]+'s; waiting for b' ]]
	assert_equal 'outcomes' "$(tr '\r' '\n' <<<"$output" | sed 's/^\x1b\[K//' | grep -cE '^[abc]: running, pid [0-9]+$')" 3
	progress_is_gone
	suite_ends 0 restart b
	run ! grep -q $'\e' "$SAID"
}

@test "an update of many shows how many run as conf says now, and who is waited for" {
	given_server a
	given_server b
	monitor_start all
	runs a
	runs b
	printf 'start_seconds = 3s\nenvironment = NEW=1\n' >>"$CONF/servers/b.conf"
	given_server c

	on_terminal update

	[[ $(lines_shown) =~ 'update: 1 of 2 done, '[0-9]+'s; waiting for b' ]]
	progress_is_gone
	printf 'environment = NEW=2\n' >>"$CONF/servers/c.conf"
	suite_ends 0 update
	run ! grep -q $'\e' "$SAID"
}

@test "test shows which hook it waits for, and how long" {
	given_hook sms 'sleep 2.5'
	given_server a

	on_terminal test

	[[ $(lines_shown) =~ 'test: waiting for the hook sms, 2 of at most 30 s' ]]
	[[ ${output##*$'\r\e[K'} == 'sms: '*sent*'Test completed.'* ]]
}

@test "lib/progress.sh shows a line on a terminal only, cut to its width, and removes it" {
	# shellcheck disable=SC2016 # it is that shell which expands it
	local program='. "$0"; progress_show "one"; { x=$(progress_to=3; progress_show two; echo out); } 3>&2; progress_end; progress_end; echo "$x"'

	run -0 env TERM=xterm "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- "${SHELL_WORDS[@]}" -c "$program" "$ROOT/lib/progress.sh" 3>&-
	assert_equal 'terminal' "$output" $'\r\e[Kone\r\e[Ktwo\r\e[Kout'
	run -0 env TERM=dumb "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- "${SHELL_WORDS[@]}" -c "$program" "$ROOT/lib/progress.sh" 3>&-
	assert_equal 'dumb terminal' "$output" out
	run -0 "${SHELL_WORDS[@]}" -c "$program" "$ROOT/lib/progress.sh"
	assert_equal 'pipe' "$output" out
}

@test "a history that takes long to read shows how far it is" {
	given_server msg_server
	mkdir -m 700 "$STATE"
	printf '%s\n' '{"time":"2026-11-20T08:01:27.123+08:00","event":"started","server":"msg_server","pid":1}' >"$STATE/history.jsonl"

	cat >"$BATS_TEST_TMPDIR/slow.py" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from base import progress
		from seeing import lines
		progress.FIRST_AFTER = 0.0
		with progress.Progress() as line:
		    lines.read(sys.argv[2], line.show)
		print("done")
	END
	run -0 env TERM=xterm TZ=Asia/Shanghai "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- "$(python)" "$BATS_TEST_TMPDIR/slow.py" "$ROOT/pyhelpers" "$STATE" 3>&-
	assert_equal 'terminal' "$output" $'\r\e[Kreading the history: 2026-11-20\r\e[Kdone'
}
