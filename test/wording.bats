#!/usr/bin/env bats
# A message goes into one SMS, whatever it is made of: its most important words first, host, server and cause always in.

load helpers

# told HOST SERVER CAUSE TEXT [WHY] - the message in one SMS is $text, what it takes $taken (`42 of 160`)
told() {
	run -0 env PYTHONPATH="$ROOT/pyhelpers" "$(python)" -s -m alerting.sms "$@"
	assert_equal 'lines' "${#lines[@]}" 2
	text=${lines[0]} taken=${lines[1]}
	((${taken%% *} <= ${taken##* })) || assert_equal "$text takes" "$taken" 'no more than there is'
}

# repeated TEXT TIMES
repeated() {
	local text
	printf -v text "%0$2d" 0
	printf '%s' "${text//0/$1}"
}

# assert_holds WORDS... - each of them is in the message
assert_holds() {
	local words
	for words; do
		[[ $text == *"$words"* ]] || assert_equal 'message' "$text" "with $words in it"
	done
}

# --- the table: HOST|SERVER|CAUSE|what stands behind them|what must come out (= for all of it)|what it takes

@test "a table of messages" {
	local host server cause rest wanted takes
	while IFS='|' read -r host server cause rest wanted takes; do
		[ -n "$host" ] || continue
		told "$host" "$server" "$cause" "$host: $server $(printf '%b' "$rest")"

		[ "$wanted" != '=' ] || wanted="$host: $server $rest"
		assert_equal 'message' "$text" "$wanted"
		assert_equal "what '$wanted' takes" "$taken" "$takes"
	done <<-'END'
		web1|msg_server|signal SEGV|died (signal SEGV, up 3h), restarted in 12 ms, 2nd in 1h|=|73 of 160
		web1|msg_server||is back, pid 812|=|33 of 160
		web1|msg_server|exit 3|died (exit 3), is DOWN: {a} ^ [b] ~ €|=|61 of 160
		web1|a_b@8000|exit 3|died (exit 3): Ä Ö ñ ¿ Ω £|=|41 of 160
		web1|聊天|exit 3|died (exit 3, up 3h), restarted|=|40 of 70
		主机|msg_server|exit 3|died (exit 3, up 3h), restarted|=|46 of 70
		web1|gate😀|exit 3|died (exit 3)|=|26 of 70
		web1|gate|exit 3|died (exit 3)\nis DOWN:\t\tno log\r\n|web1: gate died (exit 3) is DOWN: no log|40 of 160
		web1|gate|exit 3|died \033[31m(exit 3)\001\177 x|web1: gate died [31m(exit 3) x|31 of 160
		web1|gate|exit 3|died (exit 3) \0342\0200\0256 x|web1: gate died (exit 3) x|26 of 160
		web1|gate|exit 3|died (exit 3): `x' and ‘y’|web1: gate died (exit 3): 'x' and 'y'|37 of 160
	END
}

@test "bytes that are no UTF-8 become question marks" {
	told web1 gate 'exit 3' $'web1: gate died (exit 3), no \xff\xfe.conf'

	assert_equal 'message' "$text" 'web1: gate died (exit 3), no ??.conf'
}

# --- what is too long

@test "of a message that is cut no quotation mark outside GSM 03.38 is left, which would cost it half its room" {
	told web1 gate 'exit 3' "web1: gate died (exit 3): \`x' $(repeated 'seven letters ' 20)主机"

	assert_equal 'message' "$text" "web1: gate died (exit 3): 'x' $(repeated 'seven letters ' 8)seven letters..."
}

@test "a long message is cut at a word, and ends in ..." {
	told web1 gate 'exit 3' "web1: gate died (exit 3, up 3h), is DOWN: $(repeated 'seven letters ' 20)"

	assert_equal 'message' "$text" "web1: gate died (exit 3, up 3h), is DOWN: $(repeated 'seven letters ' 7)seven letters..."
}

@test "a path of 200 letters is cut, what stands before it is not" {
	told web1 gate '' "web1: gate is DOWN: no directory /srv$(repeated /abcd 40); set dir in /etc/x"

	[[ $text == 'web1: gate is DOWN: no directory /srv/abcd/abcd'*... ]]
	assert_equal 'taken' "$taken" '160 of 160'
}

@test "a cause behind a long path is put forward" {
	told web1 gate 'signal SEGV' "web1: gate is DOWN: no directory /srv$(repeated /abcd 40) (signal SEGV)"

	[[ $text == 'web1: gate (signal SEGV) is DOWN: no directory /srv/abcd'*... ]]
}

@test "a Chinese path far behind is left out rather than all written in 70 letters" {
	told web1 gate 'signal SEGV' "web1: gate died (signal SEGV, up 3h), is DOWN: No config file found: *.conf in /srv/$(repeated 聊天/ 30)"

	assert_equal 'message' "$text" 'web1: gate died (signal SEGV, up 3h), is DOWN: No config file found: *.conf in...'
}

@test "names too long for an SMS are shortened in their middle; server, host and cause are all there" {
	local host server
	host=$(repeated h 64) server=first$(repeated s 190)last
	told "$host" "$server" 'signal SEGV' "$host: $server died (signal SEGV, up 3h), restarted"

	assert_holds 'hh..hh' 'first' 'last died' 'signal SEGV'

	server=$(repeated 聊 100)
	told "$host" "$server" 'signal SEGV' "$host: $server died (signal SEGV, up 3h), restarted"
	assert_holds 'hh..hh' '聊..聊' 'signal SEGV'
	assert_equal 'room' "${taken##* }" 70
}

@test "emoji are counted as the two units that they are, and never halved" {
	told web1 gate 'exit 3' "web1: gate died (exit 3): $(repeated '😀 ' 40)"

	assert_holds 'web1: gate died (exit 3): 😀'
	[ "${taken##* }" = 70 ]
	[[ $text == *'😀...' ]]
}

@test "a message that names no server is cut too" {
	told '' '' '' "$(repeated 'word ' 100)"

	[[ $text == 'word word'*... ]]
	assert_equal 'room' "${taken##* }" 160
}

# --- why a server could not be started

@test "of a long message, the reason stays: first the words before it give way, then directories, then names" {
	local why='nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use): port 80 is held by pid 790 (apache2)'
	local said='it ended while it started (exit 1)' path
	path="/srv$(repeated /abcd 20)"

	told web1 gate '' "web1: gate is DOWN, GAVE UP after 5 failures in 60s (last: $said: $why); start it by hand" "$why"
	assert_equal 'message' "$text" "web1: gate is DOWN, GAVE UP: $why"

	told web1 gate 'signal SEGV' "web1: gate died (signal SEGV, up 3h), is DOWN: $said: $why; next try in 8s" "$why"
	assert_equal 'message' "$text" "web1: gate died (signal SEGV): $why"

	why="cannot open '$path/gate.conf': no such file, nor is there $path/more.conf or (http://web1/a/b)"
	told web1 gate '' "web1: gate is DOWN: $said: $why; no further try" "$why"
	assert_equal 'message' "$text" \
		"web1: gate is DOWN: cannot open '.../gate.conf': no such file, nor is there .../more.conf or (http://web1/a/b)"

	told "$(repeated h 64)" "$(repeated s 200)" '' "$(repeated h 64): $(repeated s 200) is DOWN: $said: $why; no further try" "$why"
	assert_holds 'is DOWN: cannot open' '.../gate.conf' 'http://web1/a/b'

	told web1 gate '' "web1: gate is DOWN: $said: no queue; no further try" 'no queue'
	assert_equal 'message' "$text" "web1: gate is DOWN: $said: no queue; no further try"

	why=$(repeated 'so many words ' 20)
	told web1 gate '' "web1: gate is DOWN: $said: $why; no further try" "$why"
	[[ $text == 'web1: gate is DOWN: so many words'*... ]]
}

# --- where it is applied

@test "a hook gets one SMS as its argument and on stdin, and the whole text in MONITOR_TEXT" {
	# shellcheck disable=SC2016 # it is the hook that expands this
	given_hook sms 'home=${0%/*}/../..' 'printf "%s\n" "$3" >"$home/argument"' 'cat >"$home/stdin"' \
		'printf "%s\n" "$MONITOR_TEXT" >"$home/text"'
	whole="web1: gate is DOWN: no directory /srv$(repeated /abcd 40)"
	mkdir -p "$STATE"
	env PYTHONPATH="$ROOT/pyhelpers" "$(python)" -s -m state.spool "$STATE/alerts" incident=i event=death hook=sms server=gate host=web1 message="$whole"

	"$(python)" -E -s "$ROOT/pyhelpers/deliver.py" run "$STATE/alerts" "$CONF"

	assert_equal 'letters of the argument' "$(tr -d '\n' <"$BATS_TEST_TMPDIR/argument" | wc -m)" 160
	cmp "$BATS_TEST_TMPDIR/argument" "$BATS_TEST_TMPDIR/stdin"
	assert_equal 'MONITOR_TEXT' "$(cat "$BATS_TEST_TMPDIR/text")" "$whole"
}
