#!/usr/bin/env bats
# top: the servers live on a screen.  tmux is the terminal and the person: fixtures/tmux.bash.

# shellcheck disable=SC2034 # SETTINGS is read by fixtures/tmux.bash

load helpers
load fixtures/orders
load fixtures/tmux

teardown() {
	screen_end
	end_test
}

# given_three - gate and web run, mail was given up, all under one monitor; $RUNS is the pid of web
given_three() {
	given_server gate
	given_server mail 'command = ./mail --exit 7' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	given_server web
	monitor_start all
	wait_until "$PATIENCE" state_is mail FATAL
	runs gate
	runs web
}

# given_record NAME STATE MESSAGE - NAME has them in its record, as JSON writes texts, and a monitor watches it, by its lock
# That monitor is a process which holds the locks until HOLD is closed.
given_record() {
	printf '[{"name": "%s", "pid": null, "state": "%s", "restarts": 0, "message": "%s"}]' "$@" \
		>"$BATS_TEST_TMPDIR/rows.json"
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$(python)" -E -s "$FIXTURES/screens.py" records "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/rows.json" "$STATE" \
		<"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/holder" 3>&- 4>&- &
	exec {HOLD}>"$BATS_TEST_TMPDIR/hold"
	wait_until "$PATIENCE" grep -q ready "$BATS_TEST_TMPDIR/holder"
}

# --- the table

@test "top: the worst is first; s sorts by one column after another; / chooses while it is typed" {
	given_three

	screen_begin 80x24 top

	sees ' \| 3 servers: 2 running, 1 FATAL \| by state$'
	sees '^NAME +STATE +PID UPTIME RESTARTS +CPU +MEM +LAST$'
	sees_names mail gate web
	sees "^web +RUNNING +$RUNS +[0-9]+[sm]"
	press sssss
	sees 'by name$'
	sees_names gate mail web
	press /AT
	sees '^/AT_$'
	sees_names gate
	press BSpace BSpace Fat
	sees_names mail
	press Enter
	sees 'by name \| /Fat: 1$'
	press Escape
	sees_names gate mail web
	press '/*e*' Enter
	sees_names gate web
	press q
	sees '^ended 0$'
}

@test "top: a death is seen while the table is shown, with the new pid, the restart, and how it ended" {
	given_running msg_server
	screen_begin 80x24 top msg_server
	sees "^msg_server +RUNNING +$RUNS .* 0 +[0-9.]+% +[0-9.]+[KM]$"

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	runs msg_server
	sees "^msg_server +RUNNING +$RUNS .* 1 +[0-9.]+% +[0-9.]+[KM]  signal KILL$"
}

@test "top: a monitor that is killed, and one that begins, are seen; the chosen server stays chosen" {
	given_three
	screen_begin 100x24 top
	sees_names mail gate web
	press Down Down

	monitor_crash

	sees "^web +RUNNING +$RUNS .* no monitor watches it$"
	sees '^mail +STOPPED .* no monitor watches it$'
	monitor_start all
	sees_no 'no monitor watches it'
	sees_names mail gate web
	screen_in_colours >"$SAID"
	grep -qE $'\e\\[[0-9;]*7m[^a-z]*web ' "$SAID"
}

@test "top: a server stopped by a signal, one that is silenced, and one that conf gets, are seen" {
	given_running msg_server
	screen_begin 100x24 top
	sees "^msg_server +RUNNING +$RUNS "

	kill -STOP "$RUNS"
	sees 'stopped by a signal \(state T\)$'
	kill -CONT "$RUNS"
	sees_no 'stopped by a signal'
	suite_ends 0 silence msg_server 2h
	sees 'silent until '
	given_server web
	sees '^web +STOPPED .* no monitor watches it$'
	printf 'color = red\n' >>"$CONF/servers/web.conf"
	sees 'web.conf:2: unknown key "color"'
	sees ' \| faults in conf: 1$'
}

# --- the terminal

@test "top: any size of the terminal, down to one cell, is filled and never exceeded" {
	given_three
	screen_begin 100x30 top
	sees_names mail gate web

	for size in 60x15 40x6 12x3 1x1 7x2 200x5 60x15; do
		screen_resize "$size"
		wait_until "$PATIENCE" screen_has_lines "${size#*x}"
		sees_widths "${size%x*}"
	done

	sees '^NAME +STATE +PID UPTIME RESTARTS +LAST$'
	sees_names mail gate web
	press Enter
	sees '^EVENTS$'
	screen_resize 20x4
	wait_until "$PATIENCE" screen_has_lines 4
	press q
	sees '^ended 0$'
}

screen_has_lines() {
	[ "$(screen | wc -l)" -eq "$1" ]
}

@test "top: more servers than lines: the chosen one is always to be seen" {
	for name in a b c d e f g h; do
		given_server "$name"
	done
	screen_begin 60x6 top

	sees_names a b c
	press Down Down Down Down
	sees_names c d e
	press End
	sees_names f g h
	press PPage
	sees_names e f g
	press Home
	sees_names a b c
}

@test "top: equal instances share a line; Enter shows each of them, Esc folds them again; no order is for several" {
	given_program "$SERVERS/web/web"
	given_conf web "dir = $SERVERS/web" 'command = ./web' 'instances = 1-3' 'start = manual'
	given_server gate

	screen_begin 80x24 top --control

	sees '^web@1[.][.]3 +3 STOPPED '
	sees ' \| 4 servers: 4 STOPPED \| '
	press End x
	sees '^several servers: Enter shows each; choose one of them$'
	press Enter
	sees_names gate web@1 web@2 web@3
	press End Enter
	sees '^EVENTS$'
	press Escape
	sees_names gate web@1 web@2 web@3
	press Escape
	sees '^web@1[.][.]3 +3 STOPPED '
	press /@2
	sees_names web@2
}

@test "top: g puts the servers of a tag into a line for each of their states; Enter shows each, g or Esc goes back" {
	given_program "$SERVERS/web/web"
	given_conf web "dir = $SERVERS/web" 'command = ./web' 'instances = 1-3' 'tags = front all'
	given_server gate 'tags = front'
	given_server mail 'tags = back'
	given_server cron
	monitor_start all
	runs cron
	suite_ends 0 stop web@2
	runs web@3
	runs mail
	runs gate
	screen_begin 80x24 top --control
	press sssss
	sees_names cron gate mail web@1 web@2 web@3

	press g

	sees ' by name, tags$'
	sees "^cron +RUNNING +$(pid_of cron) "
	sees '^@front +3 RUNNING '
	sees '^web@2 +STOPPED '
	sees '^mail +RUNNING '
	sees_names cron mail web@2
	press Down x
	sees '^several servers: Enter shows each; choose one of them$'
	press Enter
	sees_names cron gate mail web@1 web@2 web@3
	press Escape
	sees '^@front +3 RUNNING '
	suite_ends 0 start web@2
	sees '^@front +4 RUNNING '
	press '/web' Enter
	sees ' \| /web: 3$'
	sees '^@front +3 RUNNING '
	press Escape g
	sees ' by name$'
	sees '^web@1[.][.]3 +3 RUNNING '
	screen_end

	screen_begin 80x24 top cron
	sees_names cron
	press g
	sees '^no server has tags; set tags in conf/servers/NAME.conf$'
}

# colours - print the parameters of colours on the screen, each once, and without those that end one
colours() {
	screen_in_colours | grep -oE '38;5;[0-9]+|[[;](3[1-6])' | tr -d '[;' | sort -u | paste -sd ' ' -
}

colours_are() {
	sees_names mail gate
	wait_until "$PATIENCE" has_colours "$1" || assert_equal 'colours' "$(colours)" "$1"
	screen_end
}

has_colours() {
	[ "$(colours)" = "$1" ]
}

@test "top: states have colours of 256, of 8, or none, as the terminal and NO_COLOR say" {
	given_server mail 'command = ./mail --exit 7' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	given_server gate
	monitor_start all
	wait_until "$PATIENCE" state_is mail FATAL
	runs gate

	screen_begin 80x24 top
	press End
	colours_are '385160'
	SETTINGS=(TERM=screen)
	screen_begin 80x24 top
	press End
	colours_are '31'
	SETTINGS=(NO_COLOR=1)
	screen_begin 80x24 top
	press End
	colours_are ''
	SETTINGS=(TERM=vt100)
	screen_begin 80x24 top
	press End
	colours_are ''
}

@test "top: a locale without UTF-8 gets ? for letters that it lacks, and ~ for a cut" {
	given_server web
	given_record web EXITED '端口 8000 被占用, 端口 8001 被占用'
	if [ "$TEST_SHELL" != yash ]; then # with that the suite gives itself a locale with UTF-8
		SETTINGS=(LC_ALL=C)
		screen_begin 100x24 top {HOLD}>&-
		sees '^web +EXITED .*  \?\? 8000 \?{3}, \?\? 8001 \?{3}$'
		screen_resize 60x24
		sees '^web +EXITED .*  \?\? 8000 .*~$'
		run ! grep -q '[^ -~]' <(screen)
		screen_end
	fi

	SETTINGS=()
	screen_begin 60x24 top {HOLD}>&-
	sees '^web +EXITED .*  端口 8000 .*…$'
}

@test "top: without a terminal, or on a dumb one, it is one status, with its exit status" {
	given_server a
	given_server b

	suite_ends 3 top b
	assert_equal 'names' "$(sed 1d "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'b'
	assert_answered 'NAME  STATE'
	suite_ends 4 top nonesuch
	suite_ends 2 top --contrl
	assert_equal 'answer' "$(<"$SAID")" 'top: no such option: --contrl; did you mean --control?'
	assert_status_seen TERM=dumb
	assert_status_seen TERM=none-that-is-known
	# shellcheck disable=SC2016 # it is that shell which expands it
	assert_status_seen sh -c 'exec "$@" </dev/null' -
}

# assert_status_seen SETTING... - on a terminal with these settings it is one status
assert_status_seen() {
	SETTINGS=("$@")
	screen_begin 80x24 top
	sees '^2 servers: 2 STOPPED$'
	sees '^ended 3$'
	screen_end
}

@test "top: Ctrl-C ends it with 130, TERM with 143, and the terminal is as before" {
	given_server a
	screen_begin 80x24 top
	sees '^a +STOPPED'
	press C-c
	sees '^ended 130$'
	screen_lacks 'STOPPED'
	screen_end

	screen_begin 80x24 top
	sees '^a +STOPPED'
	pid=$(tmux_of_test display -p '#{pane_pid}')
	kill -TERM "$(<"/proc/$pid/task/$pid/children")"
	sees '^ended 143$'
	screen_lacks 'STOPPED'
}

# --- one server

@test "top: Enter shows the last events of a server, and what it writes, live; Esc goes back" {
	given_running msg_server
	given_server web
	log=$SERVERS/msg_server/log_1_1.txt
	printf '%s\n' 'before it began' >"$log"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	screen_begin 80x24 top
	sees_names web msg_server

	press End Enter

	sees '^EVENTS$'
	sees ' restarted +died \(signal KILL, up '
	sees '^OUTPUT$'
	printf '%s\n' 'it goes on' >>"$(compgen -G "$SERVERS/msg_server/log_*_1.txt")"
	sees '^it goes on$'
	suite_ends 0 pause msg_server
	sees '^msg_server +PAUSED'
	sees ' pause_by_'
	press Escape
	sees_names web msg_server
	sees 'by state'
}

@test "top: nothing that a server writes, or that stands in a record, reaches the terminal as it is" {
	given_server msg_server
	given_server web
	given_record web 'RUN\u001b[2J' 'a\u001b]0;owned\u0007<script>\"&\u202e\u009b31m'
	printf '\e]0;owned\a<script>"&\e[2J\e[31m\xe2\x80\xaer\xc2\x9b5m\x00\xff end\n' >"$SERVERS/msg_server/log_1_1.txt"

	screen_begin 100x24 top {HOLD}>&-

	sees '^web +RUN .* a\?\]0;owned\?<script>"&\?\?31m$'
	press s s s s s Home Enter
	sees '^EVENTS$'
	sees '^\?\]0;owned\?<script>"&\?r\?5m\?. end$'
	assert_equal 'title of the terminal' "$(tmux_of_test display -p '#{pane_title}' | grep -c owned)" 0
}

# --- orders

@test "top gives no order without --control, and with it only after y" {
	given_running msg_server
	before=$RUNS
	screen_begin 80x24 top
	sees "^msg_server +RUNNING +$RUNS "
	press x
	sees '^top --control gives orders; this top only looks$'
	screen_end

	screen_begin 80x24 top --control
	sees "^msg_server +RUNNING +$RUNS "
	press r
	sees '^restart msg_server\?  \(y/n\)$'
	press n
	sees '^no restart$'
	press x q
	sees '^no stop$'
	assert_left_alone msg_server
	assert_equal 'pid' "$(pid_of msg_server)" "$before"
	press r y
	sees '^restart msg_server: running, pid '
	wait_until "$PATIENCE" pid_differs msg_server "$before"
	runs msg_server
	sees "^msg_server +RUNNING +$RUNS "
}

@test "top --control stops, starts, pauses and resumes the chosen server; a refusal is told" {
	given_server mail 'command = ./mail --exit 7' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	given_server web
	monitor_start all
	wait_until "$PATIENCE" state_is mail FATAL
	runs web
	screen_begin 80x24 top --control
	sees_names mail web
	press t y
	sees '^start mail: gave up: '
	press End

	press x y
	sees '^stop web: stopped'
	sees '^web +STOPPED'
	press t y
	sees '^start web: running, pid '
	sees '^web +RUNNING'
	press Enter
	sees '^EVENTS$'
	press p y
	sees '^web +PAUSED'
	press p
	sees '^resume web\?'
	press y
	sees '^web +RUNNING'
}

# --- what a look costs

@test "a look reads again only what has changed" {
	given_server a
	given_server b
	mkdir -p "$STATE/servers/a" "$STATE/servers/b"
	touch -d '1 minute ago' "$STATE/servers/a" "$STATE/servers/b"

	run -0 "$(python)" -E -s - "$ROOT" "$CONF" "$STATE" "$SERVERS" <<-'END'
		import os, sys
		sys.path.insert(0, f"{sys.argv[1]}/pyhelpers")
		from operate import recurring_look
		from proc import identity
		from state import record

		looked = []

		class Counted(recurring_look.Look):
		    def __init__(self, watched, *more):
		        looked.append(" ".join(server.name for server in watched))
		        super().__init__(watched, *more)

		    def _scan(self, unknown):
		        pass  # the process table is no matter here

		recurring_look.Look = Counted

		def look():
		    looked.clear()
		    rows = looks.rows()
		    return " ".join(looked) or "nothing", " ".join(f"{row['state']} {row['restarts']}" for row in rows)

		looks = recurring_look.RecurringLook(sys.argv[1:], ["all"])
		print(*look())
		print(*look())
		record.write(f"{sys.argv[3]}/servers/b", {"name": "b", "restarts": "3"})
		os.utime(f"{sys.argv[3]}/servers/b", (1, 1))
		print(*look())
		print(*look())
		record.write(f"{sys.argv[3]}/servers/b", {"name": "b", "restarts": "4"})
		print(*look())
		record.write_want(f"{sys.argv[3]}/servers/a", "down")
		print(*look()[:1])
		os.utime(f"{sys.argv[3]}/servers/a", (1, 1))
		print(*look()[:1])
		print(*look()[:1])

		pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
		process = identity.look(pid)
		known = {"name": "b", "pid": str(pid), "ticks": str(process.ticks), "boot": record.boot_id(), "source": "own"}
		record.write(f"{sys.argv[3]}/servers/b", known)
		print(*look())
		print(*look())
		os.kill(pid, 19)
		os.waitpid(pid, os.WUNTRACED)
		print(*look()[:1], looks.rows()[1]["message"])
		print(*look()[:1])
		os.kill(pid, 9)
		os.waitpid(pid, 0)
		print(*look())
		print(*look())
	END

	assert_equal 'what was looked at, and what was seen' "$output" 'a b STOPPED 0 STOPPED 0
nothing STOPPED 0 STOPPED 0
b STOPPED 0 STOPPED 3
nothing STOPPED 0 STOPPED 3
b STOPPED 0 STOPPED 4
a
a
nothing
b STOPPED 0 RUNNING 0
nothing STOPPED 0 RUNNING 0
b stopped by a signal (state T)
nothing
b STOPPED 0 STOPPED 0
nothing STOPPED 0 STOPPED 0'
}
