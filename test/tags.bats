#!/usr/bin/env bats
# Tags: @TAG means all servers that have it, in every command and in `needs`.

load helpers
load fixtures/orders

# given_tagged - a and b have the tag im, c has web; each writes its name into a log
given_tagged() {
	given_server a 'tags = im'
	given_server b 'tags = im web'
	given_server c 'tags = web'
}

# named - the names at the beginning of the lines that were said
named() {
	sed -n 's/^\([a-z]\):.*/\1/p' "$SAID" | paste -sd ' ' -
}

@test "@TAG starts, stops, pauses, silences and shows just those that have it" {
	given_tagged
	monitor_start @im @web
	for name in a b c; do
		runs "$name"
	done
	kept=$RUNS

	suite_ends 0 stop @im
	assert_equal 'stopped' "$(named)" 'a b'
	running_as c "$kept"
	suite_ends 3 status @im
	assert_equal 'shown' "$(sed '1d;$d' "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'a b'
	suite_ends 0 start @im
	suite_ends 0 pause @web
	assert_equal 'paused' "$(named)" 'b c'
	suite_ends 0 resume @web c
	suite_ends 0 silence @im 1h
	assert_equal 'silent' "$(named)" 'a b'
}

@test "tail @TAG follows them all, and status --json has the tags" {
	given_tagged
	for name in a b; do
		mkdir -p "$SERVERS/$name"
		echo "said by $name" >"$SERVERS/$name/log_9_1.txt"
	done

	suite tail -n 1 @im >"$SAID" 2>&1 3>&- &
	follower=$!
	wait_until "$PATIENCE" grep -q 'b | said by b' "$SAID"
	kill "$follower"
	wait "$follower" || :

	grep -q 'a | said by a' "$SAID"
	suite_ends 3 status --json b c
	grep -qF '"tags": ["im", "web"]' "$SAID"
	grep -qF '"tags": ["web"]' "$SAID"
}

@test "needs = @TAG waits for each of them" {
	given_server db@a 'tags = db'
	given_server db@b 'tags = db' 'start_seconds = 2s'
	given_server api 'needs = @db'
	monitor_start all

	runs api

	order=$(sed -n 's/.*Server \([a-z@]*\) started.*/\1/p' "$STATE/restart.log" | paste -sd ' ' -)
	assert_equal 'order' "$order" 'db@a db@b api'
	suite_ends 0 stop all
	assert_equal 'stopped first' "$(sed -n 's/.*Server \([a-z@]*\) stopped.*/\1/p' "$STATE/restart.log" | head -n 1)" api
}

@test "an unknown tag is refused with the nearest one, on the command line and in needs" {
	given_tagged
	suite_ends 4 status @imm
	assert_equal 'answer' "$(<"$SAID")" '@imm: no server has this tag; did you mean @im?'
	suite_ends 6 stop @qqq
	assert_equal 'answer' "$(<"$SAID")" "@qqq: no server has this tag; set tags in $CONF/servers/NAME.conf"
	given_server d 'needs = @imm'
	suite_ends 6 check
	assert_answered "$CONF/servers/d.conf:2: needs: no server has the tag @imm; did you mean @im?"
	given_server d 'tags = @im'
	suite_ends 6 check
	assert_answered 'd.conf:2: tags: "@im" cannot be a tag; use letters, digits and _ . - only, first a letter or digit'
	given_server d 'labels = im'
	suite_ends 6 check
	assert_answered 'd.conf:2: unknown key "labels"; did you mean tags?'
}

@test "a fault of a server without the tag is no fault of those that have it" {
	given_tagged
	given_conf broken 'restrat = always'

	suite_ends 3 status @im
	assert_equal 'shown' "$(sed '1d;$d' "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'a b'
	suite_ends 6 check
}

@test "a running monitor knows its tags when conf is faulty or has lost them" {
	given_tagged
	monitor_start @im
	runs a
	runs b
	echo 'restrat = always' >>"$CONF/servers/a.conf"

	suite_ends 0 stop @im

	assert_answered 'a: stopped'
	assert_answered 'b: stopped'
}

# --- completion

# offered LINE WORD... - what bash offers at the end of that line
offered() {
	# shellcheck disable=SC2016 # the other shell expands it
	COMPLETION=$(suite completion bash) MONITOR_CONF=$CONF bash -uc '
		eval "$COMPLETION"
		compopt() { :; }
		COMP_WORDBREAKS="@ " COMP_LINE=$1 COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
		_monitor_bash
		printf "%s" "${COMPREPLY[*]}"' - "$@"
}

@test "tags are completed behind @, and instances behind NAME@" {
	given_tagged
	given_conf web 'dir = /' 'command = ./web' 'instances = 1-3, blue 8001-8002' '  tags=  im,night {instance}x'
	m=$ROOT/monitor.sh

	assert_equal '@' "$(offered "$m stop @" "$m" stop @ '')" 'im web night'
	assert_equal '@i' "$(offered "$m stop @i" "$m" stop @ i)" 'im'
	assert_equal 'a tag and @' "$(offered "$m stop @im @" "$m" stop @ im @ '')" 'web night'
	assert_equal 'web@' "$(offered "$m tail web@" "$m" tail web @ '')" '1 2 3 blue 8001 8002'
	assert_equal 'web@8' "$(offered "$m tail web@8" "$m" tail web @ 8)" '8001 8002'
	assert_equal 'without @' "$(offered "$m stop w" "$m" stop w)" 'web'
}
