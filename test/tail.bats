#!/usr/bin/env bats
# tail: what servers say, line by line, through every way in which a log is turned over.

load helpers
load fixtures/orders
load fixtures/hostile
load fixtures/talkers

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
}

# tails ARG... - tail in the background; $OPERATOR is its pid, $OPERATOR_SAID what it prints, $OPERATOR_ERRORS what it says on stderr
tails() {
	OPERATOR_SAID=$BATS_TEST_TMPDIR/tail.out
	OPERATOR_ERRORS=$BATS_TEST_TMPDIR/tail.err
	: >"$OPERATOR_SAID" # it is there before its first reader
	env --default-signal=INT "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" tail "$@" \
		</dev/null >"$OPERATOR_SAID" 2>"$OPERATOR_ERRORS" 3>&- 4>&- &
	OPERATOR=$!
}

teardown() {
	[ -z "${OPERATOR:-}" ] || kill -KILL "$OPERATOR" 2>/dev/null || :
	[ -z "${TALKER:-}" ] || end_talker
	end_test
}

end_talker() {
	kill_family "$TALKER"
	TALKER=
}

# said LINE... - tail has printed these lines, and no others
said() {
	wait_until "$PATIENCE" says_exactly "$@"
}

says_exactly() {
	[ "$(<"$OPERATOR_SAID")" = "$(printf '%s\n' "$@")" ]
}

# given_log NAME FILE LINE... - that file of server NAME holds these lines
given_log() {
	printf '%s\n' "${@:3}" >"$SERVERS/$1/$2"
}

# --- which logs

@test "tail follows the newest log of a server" {
	given_server msg_server
	given_log msg_server log_1_1.txt 'an old line'
	touch -d '2020-01-01' "$SERVERS/msg_server/log_1_1.txt"
	given_log msg_server log_2_1.txt 'first line'

	tails msg_server

	said 'first line'
	echo 'a new line' >>"$SERVERS/msg_server/log_2_1.txt"
	said 'first line' 'a new line'
}

@test "tail goes on with the log of the next run, whose predecessor is in oldlog, and loses no line of either" {
	given_server msg_server
	monitor_start msg_server
	runs msg_server
	tails -n 0 msg_server
	wait_until "$PATIENCE" follows "$SERVERS/msg_server/log_${RUNS}_1.txt"
	echo 'before' >>"$SERVERS/msg_server/log_${RUNS}_1.txt"

	old=$RUNS
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	runs msg_server
	wait_until "$PATIENCE" test -s "$SERVERS/msg_server/log_${RUNS}_1.txt"
	echo 'after' >>"$SERVERS/msg_server/log_${RUNS}_1.txt"
	echo 'late' >>"$SERVERS/msg_server/oldlog/log_${old}_1.txt"

	wait_until "$PATIENCE" has_said_each before after late
	assert_equal 'lines' "$(grep -cE 'before|after|late' "$OPERATOR_SAID")" 3
	assert_equal 'errors' "$(<"$OPERATOR_ERRORS")" ''
}

has_said_each() {
	local line
	for line; do
		grep -qx -- "$line" "$OPERATOR_SAID" || return
	done
}

# follows FILE - has tail that file open?
follows() {
	local fd
	for fd in "/proc/$OPERATOR/fd"/*; do
		[ "$(readlink "$fd")" != "$1" ] || return 0
	done
	return 1
}

@test "tail: a log that is emptied, deleted and made again is followed from its beginning" {
	given_server msg_server
	given_log msg_server log_1_1.txt one two
	tails msg_server
	said one two

	given_log msg_server log_1_1.txt three
	said one two three
	rm "$SERVERS/msg_server/log_1_1.txt"
	given_log msg_server log_2_1.txt four

	said one two three four
}

@test "tail: without a log, what the server prints; of both, the newer one, and what is added to either" {
	given_server msg_server 'output = out.txt'
	given_log msg_server out.txt 'it printed this'
	tails msg_server
	said 'it printed this'

	given_log msg_server log_1_1.txt 'and wrote this'
	said 'it printed this' 'and wrote this'
	echo 'and printed that' >>"$SERVERS/msg_server/out.txt"
	said 'it printed this' 'and wrote this' 'and printed that'
}

@test "tail: several servers, by name, glob or all: each line begins with the name; one without a log may get one" {
	given_server msg_server
	given_server route_server
	given_server login_server
	given_log msg_server log_1_1.txt 'of msg'
	given_log route_server log_1_1.txt 'of route'

	tails all

	wait_until "$PATIENCE" has_said_each 'msg_server | of msg' 'route_server | of route'
	grep -qF "login_server: no log like log*.txt in $SERVERS/login_server" "$OPERATOR_ERRORS"
	given_log login_server log_1_1.txt 'of login'
	wait_until "$PATIENCE" has_said_each 'login_server | of login'
	kill "$OPERATOR"
	tails '[mr]*_server'
	wait_until "$PATIENCE" has_said_each 'msg_server | of msg'
}

@test "tail: Ctrl-C ends it with 130, and so does a reader that goes, with 1" {
	given_server msg_server
	given_log msg_server log_1_1.txt one
	tails msg_server
	said one

	kill -INT "$OPERATOR"

	operator_ends 130
	suite tail msg_server | head -n 1 | grep -qx one
}

@test "tail: no name, a bad option, a bad name: usage; an unknown one, no directory: not configured; no log: failed" {
	given_server msg_server

	suite_ends 2 tail
	assert_answered 'tail needs the name of a server, a glob, or all'
	suite_ends 2 tail --last 5 msg_server
	assert_answered 'tail takes -n LINES and --since TIME, not --last'
	suite_ends 2 tail -n many msg_server
	assert_answered 'tail: -n "many" is no number of lines'
	suite_ends 2 tail --since yesterday msg_server
	assert_answered 'tail: --since "yesterday" is no time; write it like'
	suite_ends 2 tail ../msg_server
	suite_ends 6 tail msg_sever
	suite_ends 1 tail msg_server
	assert_answered "msg_server: no log like log*.txt in $SERVERS/msg_server"
	given_conf msg_server "dir = $SERVERS/none"
	suite_ends 6 tail msg_server
	assert_answered "msg_server: no directory $SERVERS/none; set dir in $CONF/servers/msg_server.conf"
}

@test "tail: root follows no link of the server's user to what that user may not read, and hangs on no FIFO" {
	given_guest guest
	printf 'secret\n' >"$SERVERS/secret"
	chmod 600 "$SERVERS/secret"
	as_nobody ln -s "$SERVERS/secret" "$SERVERS/guest/log_9_1.txt"
	as_nobody mkfifo "$SERVERS/guest/log_8_1.txt"
	as_nobody sh -c "echo mine >$SERVERS/guest/log_1_1.txt; ln -s log_1_1.txt $SERVERS/guest/log_latest.txt"

	tails guest

	said mine
	as_nobody sh -c "echo more >>$SERVERS/guest/log_1_1.txt"
	said mine more
}

# --- how much

@test "tail: the last 50 lines, or -n so many; from older pieces too if the log has fewer" {
	given_server msg_server 'output = out.txt'
	seq 101 130 >"$SERVERS/msg_server/out.txt"
	seq 61 100 | gzip >"$SERVERS/msg_server/out.txt.000007.gz"
	seq 41 60 | gzip >"$SERVERS/msg_server/out.txt.000006.gz"

	for lines in '' 3 30 31 70 71 85 90 200; do
		tails ${lines:+-n "$lines"} msg_server
		wait_until "$PATIENCE" grep -qx 130 "$OPERATOR_SAID"
		first=$((131 - ${lines:-50}))
		said "$(seq $((first < 41 ? 41 : first)) 130)"
		kill "$OPERATOR"
	done
	tails -n0 msg_server
	wait_until "$PATIENCE" follows "$SERVERS/msg_server/out.txt"
	echo new >>"$SERVERS/msg_server/out.txt"
	said new
}

@test "tail --since: the lines with a later stamp, and those that follow them; of oldlog too" {
	given_server msg_server
	mkdir "$SERVERS/msg_server/oldlog"
	given_log msg_server oldlog/log_1_1.txt '2026-11-20, 08:00:00.000, a' 'of a' '2026-11-20, 09:00:00.000, b' 'of b'
	given_log msg_server log_2_1.txt '2026-11-20 10:00:00 c'
	given_log msg_server oldlog/log_0_1.txt '2026-11-20, 08:59:00.000, too old'
	touch -d '2026-11-20 08:59' "$SERVERS/msg_server/oldlog/log_0_1.txt"

	tails --since '2026-11-20 09:00' msg_server

	said '2026-11-20, 09:00:00.000, b' 'of b' '2026-11-20 10:00:00 c'
	echo 'and of c' >>"$SERVERS/msg_server/log_2_1.txt"
	said '2026-11-20, 09:00:00.000, b' 'of b' '2026-11-20 10:00:00 c' 'and of c'
	kill "$OPERATOR"
	tails -n 2 --since '2026-11-20 09:00' msg_server
	said '2026-11-20 10:00:00 c' 'and of c'
}

@test "tail --since: a text without stamps is shown from the first piece on that was written to since then" {
	given_server msg_server 'output = out.txt'
	seq 3 | gzip >"$SERVERS/msg_server/out.txt.000001.gz"
	touch -d '2 hours ago' "$SERVERS/msg_server/out.txt.000001.gz"
	seq 4 6 | gzip >"$SERVERS/msg_server/out.txt.000002.gz"
	seq 7 9 >"$SERVERS/msg_server/out.txt"

	tails --since 1h msg_server

	said "$(seq 4 9)"
}

@test "tail --since knows durations, times of day, dates, and the stamps that servers write" {
	run -0 env TZ=UTC "$(python)" -E -s - "$ROOT/pyhelpers" <<-'END'
		import sys, time, calendar
		sys.path.insert(0, sys.argv[1])
		from operate.since import parsed, stamp
		at = lambda text: calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
		now = at("2026-11-20 08:00:00")
		for text, wanted in {"10m": "2026-11-20 07:50:00", "1d": "2026-11-19 08:00:00", "07:30": "2026-11-20 07:30:00",
		        "08:01": "2026-11-19 08:01:00", "2026-11-20": "2026-11-20 00:00:00", "2026-11-20 06:01": "2026-11-20 06:01:00",
		        "2026-11-20T06:01:02Z": "2026-11-20 06:01:02", "2026-11-20T06:01:02+08:00": "2026-11-19 22:01:02"}.items():
		    assert parsed(text, now) == at(wanted), text
		for line, wanted in {b"2013-11-20, 08:01:27.000, a": "2013-11-20 08:01:27", b"[2026-11-20 08:01:27] a": "2026-11-20 08:01:27",
		        b"2026/11/20 08:01:27 [error]": "2026-11-20 08:01:27", b"Nov 20 07:01:27 host a": "2026-11-20 07:01:27",
		        b"Dec  3 07:01:27 host a": "2025-12-03 07:01:27", b"2026-11-20 08:01:27 +0100 a": "2026-11-20 07:01:27"}.items():
		    assert stamp(line, now) == at(wanted), line
		for line in b"a", b"2026-11-20 is a day", b"2026-13-20 08:01:27", b"Foo 20 07:01:27", b"", b"\xff 08:00":
		    assert stamp(line, now) is None, line
	END
}

# --- how it looks

@test "tail: a pipe gets the bytes as they are, a terminal no control characters" {
	given_server msg_server
	printf 'red \033[31mtext\033]0;title\007 \377\n' >"$SERVERS/msg_server/log_1_1.txt"

	tails msg_server
	wait_until "$PATIENCE" grep -q red "$OPERATOR_SAID"
	cmp "$OPERATOR_SAID" "$SERVERS/msg_server/log_1_1.txt"

	suite_on_terminal tail msg_server
	grep -q 'red text' "$SAID"
	run -1 grep -q "$(printf '\033')" "$SAID"
}

# suite_on_terminal ARG... - monitor.sh with a terminal for some seconds; what that shows is in $SAID
suite_on_terminal() {
	timeout 20 "$(python)" -E -s - "$SAID" "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@" <<-'END' 3>&-
		import os, pty, sys
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execvp(sys.argv[2], sys.argv[2:])
		shown = b""
		while not shown.endswith(b"\n"):
		    shown += os.read(terminal, 4096)
		open(sys.argv[1], "wb").write(shown)
		os.kill(pid, 9)
	END
}

@test "tail: an unfinished line waits for its end, and is shown after a second without it, with no other line in it" {
	given_server msg_server
	given_server route_server
	given_log msg_server log_1_1.txt one
	given_log route_server log_1_1.txt un
	tails msg_server route_server
	wait_until "$PATIENCE" has_said_each 'msg_server | one' 'route_server | un'

	printf 'prompt> ' >>"$SERVERS/msg_server/log_1_1.txt"
	wait_until "$PATIENCE" ends_with 'msg_server | prompt> '
	printf 'answer\n' >>"$SERVERS/msg_server/log_1_1.txt"
	wait_until "$PATIENCE" has_said_each 'msg_server | prompt> answer'
	printf 'killed here' >>"$SERVERS/msg_server/log_1_1.txt"
	wait_until "$PATIENCE" ends_with 'msg_server | killed here'
	printf 'deux\n' >>"$SERVERS/route_server/log_1_1.txt"
	wait_until "$PATIENCE" has_said_each 'msg_server | killed here' 'route_server | deux'
}

ends_with() {
	[[ $(<"$OPERATOR_SAID") == *"$1" ]]
}

# --- through cuts

# follows_cuts - tail follows five writers while their log is cut by children that are killed in the middle of it
follows_cuts() {
	dir=$BATS_TEST_TMPDIR/disk/srv
	mkdir -p "$dir"
	: >"$dir/s.log"
	given_conf talk "dir = $dir" 'command = ./talk' "output = $dir/s.log"
	cp "$(fixture talk)" "$dir/talk"
	mkfifo "$BATS_TEST_TMPDIR/end"
	tails talk
	wait_until "$PATIENCE" follows "$dir/s.log"
	(
		cd "$dir" || exit
		exec ./talk 5 "${TAIL_LINES:-20000}" </dev/null >>s.log 3>&- 4>&-
	) &
	TALKER=$!
	lines harass "$dir" s.log 300000 <>"$BATS_TEST_TMPDIR/end" >"$SAID" 3>&- &
	harasser=$!
	SERVERS=$BATS_TEST_TMPDIR/disk

	wait_until 120 has_talked srv 5
	printf . >"$BATS_TEST_TMPDIR/end"
	wait "$harasser"
	end_talker

	assert_equal 'remarks' "$(<"$SAID")" ''
	wait_until "$PATIENCE" has_all_lines 5 "${TAIL_LINES:-20000}"
	assert_equal 'errors' "$(<"$OPERATOR_ERRORS")" ''
	(($(find "$dir" -name 's.log.*' | wc -l) > 5))
}

# has_all_lines WRITERS LINES - has tail shown each of their lines once, whole, in its writer's order?
has_all_lines() {
	mkdir -p "$BATS_TEST_TMPDIR/shown"
	cp "$OPERATOR_SAID" "$BATS_TEST_TMPDIR/shown/out"
	lines check "$BATS_TEST_TMPDIR/shown" out "$1" "$2"
}

@test "tail loses, doubles and tears no line of a fast writer while its log is cut" {
	follows_cuts
}

@test "tail: the same on xfs" {
	on_disk xfs "$BATS_TEST_TMPDIR/disk"
	follows_cuts
}

@test "tail: the same on tmpfs, where the head of the log becomes a hole" {
	on_disk tmpfs "$BATS_TEST_TMPDIR/disk"
	follows_cuts
}

@test "tail: a log that is cut before each of its reads, in any step of a cut, is one text" {
	mkdir "$BATS_TEST_TMPDIR/log"

	run -0 lines followed "$BATS_TEST_TMPDIR/log" 100
	run -0 lines followed "$BATS_TEST_TMPDIR/log" 0
}

@test "tail: with output_keep = 1 there is no archive for a moment, and no line is missed" {
	mkdir "$BATS_TEST_TMPDIR/log"

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$FIXTURES/lines.py" "$BATS_TEST_TMPDIR/log" <<-'END'
		import os, subprocess, sys
		sys.path.insert(0, sys.argv[1])
		from operate.cut_log import CutLog
		from operate.folder import Folder

		directory = sys.argv[3]
		seen = written = b""

		def lines(*words):
		    subprocess.run([sys.executable, "-E", "-s", sys.argv[2], *words], check=True, stdout=subprocess.DEVNULL)

		def write():
		    global written
		    lines("write", f"{directory}/more", "300")
		    more = open(f"{directory}/more", "rb").read()
		    open(f"{directory}/s.log", "ab").write(more)
		    written += more

		def cut():
		    lines("cut", directory, "s.log", "65536", "9")
		    return [f"{directory}/{name}" for name in os.listdir(directory) if name.startswith("s.log.")]

		def read():
		    global seen
		    while raw := reader.read():
		        seen += raw

		write()
		reader = CutLog(Folder(directory), "s.log")
		read()
		first = cut()
		read()
		for path in first:  # the child has dropped it, and is about to make the next one
		    os.rename(path, path.replace("s.log", "away"))
		read()
		for path in first:
		    os.rename(path.replace("s.log", "away"), path)
		write()
		second = cut()
		for path in first:
		    os.unlink(path)
		assert len(first) == 1 and len(second) > 1, (first, second)
		read()
		print(reader.lost, [line for line in seen.split(b"\n") if line.strip(b" ")] == written.split(b"\n")[:-1])
	END

	assert_equal 'lost, and is it all there' "$output" '0 True'
}

@test "tail: where a log can only be copied and emptied, no line is doubled or torn" {
	on_disk ramfs "$BATS_TEST_TMPDIR/disk"
	run -0 lines followed "$BATS_TEST_TMPDIR/disk" 100
}

@test "tail of what was deleted before it could be read says that lines may be missing" {
	given_server msg_server 'output = out.txt'
	seq 1 9 >"$SERVERS/msg_server/out.txt"
	tails msg_server
	said "$(seq 1 9)"
	kill -STOP "$OPERATOR"
	seq 20 29 | gzip >"$SERVERS/msg_server/out.txt.000004.gz"
	seq 30 39 >"$SERVERS/msg_server/out.txt"

	kill -CONT "$OPERATOR"

	said "$(seq 1 9)" "$(seq 20 39)"
	wait_until "$PATIENCE" grep -qF 'msg_server: lines may be missing here' "$OPERATOR_ERRORS"
}

ticks_of() {
	local fields
	read -ra fields <"/proc/$1/stat"
	printf '%s\n' $((fields[13] + fields[14]))
}

switches_of() {
	sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$1/status"
}

has_looked() {
	(($(switches_of "$1") >= $2))
}

@test "tail that waits takes next to no processor" {
	given_server msg_server
	given_log msg_server log_1_1.txt one
	tails msg_server
	said one
	given=$(ticks_of "$OPERATOR")
	looked=$(switches_of "$OPERATOR")

	wait_until "$PATIENCE" has_looked "$OPERATOR" $((looked + 20))

	(($(ticks_of "$OPERATOR") - given <= 4)) || assert_equal 'ticks of 20 looks' "$(($(ticks_of "$OPERATOR") - given))" 'at most 4'
}
