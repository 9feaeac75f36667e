#!/usr/bin/env bats
# The parent guard: a program is started again until it ends well; signals and the exit status go through it.

load helpers

DAEML=$ROOT/pyhelpers/daeml.py
CLOCK='[0-9-]{10} [0-9:]{8}'
INFO_FORM="^\[ProcessInfo parent_id=[0-9]+ main_id=[0-9]+ parent_start_time=$CLOCK main_start_time=$CLOCK restart_count=[0-9]+\]\$"

# given_script LINE... - $SCRIPT is a program of these lines of sh; it runs, and writes, in $SERVERS
given_script() {
	SCRIPT=$SERVERS/script
	printf '%s\n' '#!/bin/sh' "cd '$SERVERS' || exit 99" "$@" >"$SCRIPT"
	chmod 700 "$SCRIPT"
}

# given_python LINE... - $SCRIPT is a Python program of these lines, with guard.py beside it
given_python() {
	SCRIPT=$SERVERS/script
	# for sh a command, for Python a text: the path of the interpreter may hold a blank
	printf '%s\n' '#!/bin/sh' "''''exec '$(python)' -BEs \"\$0\" \"\$@\" # '''" \
		'import os, signal, sys' "sys.path.insert(0, '$ROOT/pyhelpers')" "os.chdir('$SERVERS')" "$@" >"$SCRIPT"
	chmod 700 "$SCRIPT"
}

# guard OPTION... - the guard, as an operator calls it, with the info file; after a time limit it is ended
guard() {
	timeout 60 "$(python)" -BEs "$DAEML" --guard --interval 10ms --info "$SERVERS/info" --pidfile "$SERVERS/pid" "$@" 3>&- 4>&-
}

# guard_in_background OPTION... - the same in the foreground of a background process; $GUARD is its pid
guard_in_background() {
	env --default-signal=HUP,INT,QUIT "$(python)" -BEs "$DAEML" --guard --foreground --interval 10ms --info "$SERVERS/info" \
		--pidfile "$SERVERS/pid" "$@" </dev/null >"$PRINTED" 2>&1 3>&- 4>&- &
	GUARD=$!
	MONITORS+=("$GUARD")
}

# info KEY - prints that value of the info file; nothing when there is none
info() {
	sed -nE "s/.*[[ ]$1=([^]]*[^] ]*)( [a-z_]+=.*|\])\$/\1/p" "$SERVERS/info" 2>/dev/null | sed 's/ [a-z_]*=.*//'
}

# stat_of PID N - prints a field of /proc/PID/stat: 1 parent, 3 session, 4 terminal (0: none)
stat_of() {
	local fields
	fields=$(<"/proc/$1/stat")
	read -ra fields <<<"${fields##*) }"
	printf '%s\n' "${fields[$2]}"
}

restarted_times() {
	[ "$(info restart_count)" = "$1" ]
}

has_lines() {
	[ "$(grep -c . "$1")" -ge "$2" ]
}

# guard_ends - waits for the guard in the background; its exit status is in $GUARD_STATUS
guard_ends() {
	wait_until "$PATIENCE" is_gone "$GUARD"
	GUARD_STATUS=0
	wait "$GUARD" || GUARD_STATUS=$?
}

# --- ends and restarts

@test "a program that crashes is started again, counted, until it ends with 0; so does its guard" {
	# shellcheck disable=SC2016 # for the script
	given_script 'echo $$ >>runs' '[ "$GUARD_RESTART_COUNT" = 2 ] || kill -s SEGV $$' 'exit 0'

	run -0 guard --foreground "$SCRIPT"

	assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 3
}

@test "an exit status other than 0 is a crash" {
	# shellcheck disable=SC2016
	given_script 'echo $$ >>runs' '[ "$GUARD_RESTART_COUNT" = 1 ] || exit 3'

	run -0 guard --foreground "$SCRIPT"

	assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 2
}

@test "SIGKILL, which is what an OOM kill is, is a crash and not an end" {
	# shellcheck disable=SC2016
	given_script 'echo $$ >>runs' '[ "$GUARD_RESTART_COUNT" = 1 ] || kill -s KILL $$'

	run -0 guard --foreground "$SCRIPT"

	assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 2
}

@test "each restart is reported in the output, with the cause" {
	# shellcheck disable=SC2016
	given_script 'case $GUARD_RESTART_COUNT in 0) echo $$ >first; exit 3 ;; 1) kill -s KILL $$ ;; esac' 'echo "last words"'

	run -0 guard --foreground --output "$SERVERS/out" "$SCRIPT"

	grep -qE "^[0-9-]{10} [0-9:]{8} - guard: script ended, pid=$(<"$SERVERS/first") \(exit 3\), starting it again, pid=[0-9]+, restart 1\$" "$SERVERS/out"
	grep -qE 'guard: script ended, pid=[0-9]+ \(signal KILL\), starting it again, pid=[0-9]+, restart 2$' "$SERVERS/out"
	assert_equal 'the last line' "$(tail -n 1 "$SERVERS/out")" 'last words'
	assert_equal 'output of the guard' "$output" ''
}

@test "a program that cannot be executed for a while is tried again" {
	# shellcheck disable=SC2016
	given_script 'mv script gone' 'exit 1'
	guard_in_background --output "$SERVERS/out" "$SCRIPT"
	wait_until "$PATIENCE" grep -q 'guard: script not started (' "$SERVERS/out"

	given_script 'exit 0'

	guard_ends
	assert_equal 'exit status' "$GUARD_STATUS" 0
	grep -qF "not started ($SCRIPT: it, or the interpreter that it names, is not there), starting it again" "$SERVERS/out"
}

@test "the interval passes between an end and the next start" {
	# shellcheck disable=SC2016
	given_script '[ "$GUARD_RESTART_COUNT" = 1 ] || { date +%s%N >died; exit 1; }' 'date +%s%N >back'

	run -0 guard --foreground --interval 300ms "$SCRIPT"

	(($(<"$SERVERS/back") - $(<"$SERVERS/died") >= 300000000))
}

@test "a thousand restarts leave the guard as it was: no descriptor more, no memory to speak of" {
	# shellcheck disable=SC2016
	given_script 'case $GUARD_RESTART_COUNT in 10 | 1000) ;; *) exit 1 ;; esac' \
		'settled() { [ "$(ls /proc/$GUARD_PARENT_ID/fd | wc -l)" -eq 3 ]; }' \
		'tries=0; until settled || [ $((tries += 1)) -gt 200 ]; do :; done # it may still be about to close its pipe to us' \
		'ls /proc/$GUARD_PARENT_ID/fd | wc -l >>descriptors' \
		'sed -n "s/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p" /proc/$GUARD_PARENT_ID/status >>memory' \
		'[ "$GUARD_RESTART_COUNT" = 1000 ]'

	run -0 guard --foreground --interval 0s --output "$SERVERS/out" "$SCRIPT"

	assert_equal 'descriptors, then and now' "$(paste -sd ' ' "$SERVERS/descriptors")" '3 3'
	mapfile -t memory <"$SERVERS/memory"
	((memory[1] <= memory[0] + 512)) # kB
}

# --- signals and the exit status

# given_listener - $SCRIPT writes down every signal that it hears; TERM ends it with 7
given_listener() {
	given_python 'def hear(number, frame):' '    with open("heard", "a") as heard:' \
		'        print(signal.Signals(number).name, file=heard)' '    if number == signal.SIGTERM:' '        sys.exit(7)' \
		'for number in (1, 10, 12, 3, 15, 34):' '    signal.signal(number, hear)' 'open("ready", "w").close()' \
		'while True:' '    signal.pause()'
}

@test "signals to the guard reach the program, and end neither" {
	given_listener
	guard_in_background "$SCRIPT"
	wait_until "$PATIENCE" test -e "$SERVERS/ready"

	for name in HUP USR1 USR2 QUIT 34; do
		kill -s "$name" "$GUARD"
		wait_until "$PATIENCE" has_lines "$SERVERS/heard" $((++lines))
	done

	assert_equal 'heard' "$(paste -sd ' ' "$SERVERS/heard")" 'SIGHUP SIGUSR1 SIGUSR2 SIGQUIT SIGRTMIN'
	restarted_times 0
}

@test "TERM to the guard ends the program, which is not started again; its exit status comes back through" {
	given_listener
	guard_in_background "$SCRIPT"
	wait_until "$PATIENCE" test -e "$SERVERS/ready"

	kill -s TERM "$GUARD"

	guard_ends
	assert_equal 'exit status' "$GUARD_STATUS" 7
	assert_equal 'heard' "$(<"$SERVERS/heard")" SIGTERM
	[ ! -e "$SERVERS/pid" ]
}

@test "a program that INT ends gives the guard 128 + 2" {
	given_script 'echo >ready' 'exec sleep 600'
	guard_in_background "$SCRIPT"
	wait_until "$PATIENCE" test -e "$SERVERS/ready"

	kill -s INT "$GUARD"

	guard_ends
	assert_equal 'exit status' "$GUARD_STATUS" 130
}

@test "TERM between two starts ends the guard at once, with the status that the program had" {
	given_script 'exit 3'
	guard_in_background --interval 1h "$SCRIPT"
	wait_until "$PATIENCE" is_waiting

	kill -s TERM "$GUARD"

	guard_ends
	assert_equal 'exit status' "$GUARD_STATUS" 3
}

# is_waiting - has the guard buried its program?
is_waiting() {
	[ -s "$SERVERS/pid" ] && [ ! -e "/proc/$(<"$SERVERS/pid")" ]
}

@test "TERM ends a guard whose program crashes without any pause" {
	given_script 'exit 1'
	guard_in_background --interval 0s "$SCRIPT"
	wait_until "$PATIENCE" test -e "$SERVERS/info"

	kill -s TERM "$GUARD"

	guard_ends
	((GUARD_STATUS == 1 || GUARD_STATUS == 143))
}

@test "a detached guard hands on what its caller had ignored" {
	given_listener
	(
		trap '' HUP # which timeout(1) would end
		"$(python)" -BEs "$DAEML" --guard --info "$SERVERS/info" "$SCRIPT" 3>&- 4>&-
	)
	wait_until "$PATIENCE" test -e "$SERVERS/ready"

	kill -s HUP "$(info parent_id)"

	wait_until "$PATIENCE" has_lines "$SERVERS/heard" 1
	assert_equal 'heard' "$(<"$SERVERS/heard")" SIGHUP
}

@test "a guard that stays under nohup takes no HUP" {
	given_listener
	(
		trap '' HUP
		exec "$(python)" -BEs "$DAEML" --guard --foreground "$SCRIPT" </dev/null >/dev/null 2>&1 3>&- 4>&-
	) &
	GUARD=$!
	wait_until "$PATIENCE" test -e "$SERVERS/ready"

	kill -s HUP "$GUARD"
	kill -s USR1 "$GUARD"

	wait_until "$PATIENCE" has_lines "$SERVERS/heard" 1
	assert_equal 'heard' "$(<"$SERVERS/heard")" SIGUSR1
}

# --- the start

@test "a detached guard is there when its launcher returns, and so is the program" {
	given_script 'exec sleep 600'

	run -0 guard "$SCRIPT"

	run -1 is_gone "$(info main_id)"
	run -1 is_gone "$(info parent_id)"
	assert_equal 'parent of the program' "$(stat_of "$(info main_id)" 1)" "$(info parent_id)"
	assert_equal 'session of the program' "$(stat_of "$(info main_id)" 3)" "$(info main_id)"
	assert_equal 'directory of the guard' "$(readlink "/proc/$(info parent_id)/cwd")" /
	assert_equal 'directory of the program' "$(readlink "/proc/$(info main_id)/cwd")" "$SERVERS"
	assert_equal 'terminal of the guard' "$(stat_of "$(info parent_id)" 4)" 0
}

@test "the launcher of a guard says for certain that the program was not executed" {
	printf 'no program' >"$SERVERS/text"
	printf '#!/nonexistent\n' >"$SERVERS/script"
	chmod 700 "$SERVERS/script"

	run -127 guard "$SERVERS/missing"
	[[ $output == *"Error: Failed to execute '$SERVERS/missing': "*' is not in '* ]]
	run -126 guard "$SERVERS/text"
	[[ $output == *'is not executable; chmod +x it'* ]]
	run -127 guard "$SERVERS/script"
	[[ $output == *"$SERVERS/script: its interpreter /nonexistent is not there; install that, or mend its first line"* ]]
	run -127 guard --foreground "$SERVERS/script"
	[[ $output == *"Error: Failed to execute '$SERVERS/script': "* ]]
	run -126 guard --chdir "$SERVERS/missing" /bin/true
	run -126 guard --output "$SERVERS/missing/out" /bin/true
	[[ $output == *"output $SERVERS/missing/out: No such file or directory"* ]]
	run -126 guard --pidfile "$SERVERS/missing/pid" /bin/true
	[[ $output == *"$SERVERS/missing/pid: No such file or directory"* ]]
	assert_equal 'files' "$(cd "$SERVERS" && ls)" $'script\ntext'
}

@test "a caller without standard input and output makes no difference" {
	given_script 'exec sleep 600'

	guard "$SCRIPT" <&- >&- 2>&-

	run -1 is_gone "$(info main_id)"
	run -127 guard "$SERVERS/missing" <&-
	given_script 'exit 0'
	guard --foreground "$SCRIPT" <&- >&- 2>&-
}

@test "options that make no sense are usage" {
	run -2 "$(python)" -BEs "$DAEML" --interval 5s /bin/true
	[[ $output == *'--interval, --foreground and --info need --guard'* ]]
	run -2 guard --interval 5 /bin/true
	[[ $output == *'"5" is not a duration; write it like 500ms, 15s, 5m or 2h'* ]]
	run -2 guard
}

@test "guard and program have no descriptor of their caller; the program has every signal at its default, none blocked" {
	# The guard may still be about to close its pipe to the program
	given_python 'for _ in range(1000):' '    if len(os.listdir(f"/proc/{os.getppid()}/fd")) == 3: break' 'ignored = [n for n in range(1, 32) if n not in (9, 19) and signal.getsignal(n) != signal.SIG_DFL]' \
		'with open("facts", "w") as facts:' \
		'    print(sorted(set(os.listdir("/proc/self/fd")) - {str(facts.fileno())})[:3], file=facts)' \
		'    print(len(os.listdir("/proc/self/fd")) - 2, signal.pthread_sigmask(0, ()), *map(int, ignored), file=facts)' \
		'    print(len(os.listdir(f"/proc/{os.getppid()}/fd")), file=facts)'

	for way in --foreground --interval=5s; do
		rm -f "$SERVERS/facts"
		(
			trap '' HUP USR1 TERM
			exec 5<"$SCRIPT" 222<"$SCRIPT"
			guard "$way" "$SCRIPT"
		)

		# 2, 13 and 25 (INT, PIPE, XFSZ) Python sets for itself
		wait_until "$PATIENCE" has_lines "$SERVERS/facts" 3
		assert_equal "facts with $way" "$(<"$SERVERS/facts")" "['0', '1', '2']"$'\n''3 set() 2 13 25'$'\n'3
	done
}

@test "a program ends its detached guard by ending with 0, and both leave no file" {
	# shellcheck disable=SC2016
	given_script 'pwd >>out' 'until [ -e leave ]; do sleep 0.02; done'
	mkdir "$SERVERS/dir"
	run -0 guard --chdir "$SERVERS" --output "$SERVERS/out" -- /bin/sh "$SCRIPT"
	parent=$(info parent_id)
	main=$(info main_id)
	run -1 is_gone "$parent"

	: >"$SERVERS/leave"

	wait_until "$PATIENCE" is_gone "$parent"
	is_gone "$main"
	[ ! -e "$SERVERS/pid" ]
	[ ! -e "$SERVERS/info" ]
}

# --- who guards whom

@test "the pidfile holds the program's pid, and the info file who guards whom, at each start" {
	given_script 'exec sleep 600'
	run -0 guard "$SCRIPT"
	old=$(<"$SERVERS/pid")
	parent=$(info parent_id)
	assert_equal 'main_id' "$(info main_id)" "$old"

	kill -KILL "$old"

	wait_until "$PATIENCE" restarted_times 1
	assert_equal 'pid in both' "$(<"$SERVERS/pid")" "$(info main_id)"
	[ "$(info main_id)" != "$old" ]
	assert_equal 'parent' "$(info parent_id)" "$parent"
	grep -qE "$INFO_FORM" "$SERVERS/info"
	assert_equal 'lines' "$(wc -l <"$SERVERS/info")" 1
	apart=$(($(date -d "$(info main_start_time)" +%s) - $(stat -c %Y "$SERVERS/info")))
	((-1 <= apart && apart <= 1)) # seconds, of two clocks that tick: the file's is coarse, start ticks are rounded
}

@test "a pidfile that another program has written meanwhile stays" {
	given_script 'echo 1 >pid'

	run -0 guard --foreground "$SCRIPT"

	assert_equal 'pidfile' "$(<"$SERVERS/pid")" 1
}

@test "a pidfile that cannot be written at a restart keeps nothing down, and names no dead one" {
	# shellcheck disable=SC2016
	given_script '[ "$GUARD_RESTART_COUNT" = 1 ] || { mkdir "pid.dir"; rm pid; mv pid.dir pid; exit 1; }' 'echo >back'

	run -0 guard --foreground "$SCRIPT"

	[ -e "$SERVERS/back" ]
}

@test "an executed program knows its guard by its environment" {
	# shellcheck disable=SC2016
	given_script 'echo "$GUARD_PARENT_ID $GUARD_MAIN_ID $GUARD_RESTART_COUNT" $PPID $$ >knows' \
		'[ "$GUARD_MAIN_START_TIME" -ge "$GUARD_PARENT_START_TIME" ]'

	run -0 guard --foreground "$SCRIPT"

	read -r parent main count ppid pid <"$SERVERS/knows"
	assert_equal 'parent' "$parent" "$ppid"
	assert_equal 'main' "$main" "$pid"
	assert_equal 'restarts' "$count" 0
}

# --- start_daemon

# given_daemon LINE... - $SCRIPT calls start_daemon with a serve(argv) of these lines
given_daemon() {
	given_python 'import guard' 'def serve(argv):' "${@/#/    }" \
		'sys.exit(guard.start_daemon(sys.argv, serve, sys.argv[1] == "daemon", interval=10, info_file="info", pidfile="pid"))'
}

@test "start_daemon runs the callback again until it returns 0, and the callback knows its guard" {
	given_daemon 'info = guard.process_info()' 'open("runs", "a").write(f"{info} {os.getppid()} {os.getpid()}\n")' \
		'if info.restart_count == 0: os.kill(os.getpid(), signal.SIGKILL)' \
		'if info.restart_count == 1: raise OSError("a crash")' 'return 3 if info.restart_count == 2 else 0'

	run -0 "$SCRIPT" daemon

	wait_until "$PATIENCE" has_lines "$SERVERS/runs" 4
	wait_until "$PATIENCE" test ! -e "$SERVERS/info"
	assert_equal 'runs' "$(wc -l <"$SERVERS/runs")" 4
	cut -d ']' -f 1 "$SERVERS/runs" | sed 's/$/]/' | while read -r line; do [[ $line =~ $INFO_FORM ]]; done
	read -r _ parent main _ ppid pid < <(sed -nE '$s/.*parent_id=([0-9]+) main_id=([0-9]+) .*\] /x \1 \2 x /p' "$SERVERS/runs")
	assert_equal 'parent' "$parent" "$ppid"
	assert_equal 'main' "$main" "$pid"
}

@test "start_daemon without a daemon is a plain call" {
	given_daemon 'print(argv[1], guard.process_info().parent_id)' 'return 4'

	run -4 "$SCRIPT" plain

	assert_equal 'output' "$output" 'plain 0'
}

@test "a daemon of start_daemon ends by TERM to its guard" {
	given_daemon 'open("ready", "w").close()' 'while True: signal.pause()'
	run -0 "$SCRIPT" daemon
	wait_until "$PATIENCE" test -e "$SERVERS/ready"
	parent=$(info parent_id)
	main=$(info main_id)

	kill -s TERM "$parent"

	wait_until "$PATIENCE" is_gone "$parent"
	is_gone "$main"
	[ ! -e "$SERVERS/info" ]
}

@test "a launcher that is killed before it hears of the daemon: that runs; one whose daemon is killed says so" {
	given_script ': >began'

	timeout 60 "$(python)" -BEs "$FIXTURES/cut_launch.py" "$ROOT/pyhelpers" launcher "$SCRIPT" "$SERVERS" 3>&-
	wait_until "$PATIENCE" test -e "$SERVERS/began"
	run -0 timeout 60 "$(python)" -BEs "$FIXTURES/cut_launch.py" "$ROOT/pyhelpers" daemon "$SCRIPT" "$SERVERS" 3>&-

	assert_equal 'said' "$output" '126 its process ended before it was started'
}
