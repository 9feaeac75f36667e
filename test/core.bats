#!/usr/bin/env bats
# core = keep N: the core of a crash is found, kept, said, and the frames in it follow.

load helpers
load fixtures/hostile

# given_crasher NAME [LINE...] - a server that crashes when `crash NAME` says so
given_crasher() {
	mkdir -p "$SERVERS/$1"
	crasher "$SERVERS/$1/$1"
	given_conf "$1" "dir = $SERVERS/$1" "command = ./$1 now" 'core = keep 2' "${@:2}"
}

# crasher FILE - fixtures/crash.c, with what a debugger needs
crasher() {
	[ -e "$SHARED/built/crash-g" ] || {
		mkdir -p "$SHARED/built"
		cc -g -O0 -pthread -o "$SHARED/built/crash-g.$BASHPID" "$FIXTURES/crash.c"
		mv "$SHARED/built/crash-g.$BASHPID" "$SHARED/built/crash-g"
	}
	cp "$SHARED/built/crash-g" "$1"
}

# crash NAME - NAME crashes, and runs again; $DEAD is the pid that it had
crash() {
	wait_until "$PATIENCE" state_is "$1" RUNNING
	DEAD=$(pid_of "$1")
	: >"$SERVERS/$1/now"
	wait_until "$PATIENCE" pid_differs "$1" "$DEAD"
}

# require_core_files - skips the test where the kernel does not put a core into the directory of the process
require_core_files() {
	case $(</proc/sys/kernel/core_pattern) in
	*[/\|@%]*) skip 'core_pattern of this machine names another place than the directory of the process' ;;
	esac
}

# history NAME EVENT KEY - that text of the events of NAME in history.jsonl
history() {
	sed -n "s/.*\"event\":\"$2\",\"server\":\"$1\".*\"$3\":\"\([^\"]*\)\".*/\1/p" "$STATE/history.jsonl"
}

has_history() {
	[ -n "$(history "$@")" ]
}

cores() {
	find "$SERVERS/$1" -name 'core*' | sort
}

# search WORDS... - watch/core_search.py: prints the path of the core, or why there is none
search() {
	"$(python)" -E -s - "$ROOT/pyhelpers" "$@" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from proc import core_pattern
		from watch import core_search
		core_pattern.of_machine = lambda: (sys.argv[2], sys.argv[3] == "1")
		found = core_search.find(sys.argv[4], int(sys.argv[5]), 11, int(sys.argv[6]), None)
		print(found if isinstance(found, str) else found.path)
	END
}

# given_core FILE - a core of the crash fixture; $DEAD is its pid
given_core() {
	local dir=$BATS_TEST_TMPDIR/made
	mkdir -p "$dir" "${1%/*}"
	crasher "$dir/crash"
	(
		cd "$dir" || exit
		ulimit -c unlimited || exit
		exec ./crash 3>&-
	) &
	DEAD=$!
	wait "$DEAD" || :
	mv "$dir/core" "$1"
}

@test "a SEGV of a C server: the core is in the incident, and the function's name is in the mail, in a second one" {
	require_core_files
	require gdb
	given_crasher web 'alert = mail webhook sms'
	# shellcheck disable=SC2016 # the program expands it
	printf '%s\n' '#!/bin/sh' 'n=$(mktemp "${0%/*}/mail.XXXXXX"); cat >"$n"' >"$BATS_TEST_TMPDIR/sendmail"
	chmod 755 "$BATS_TEST_TMPDIR/sendmail"
	printf '%s\n' 'to = a@example.org' "sendmail = $BATS_TEST_TMPDIR/sendmail" >"$CONF/hooks/mail.conf"
	chmod 600 "$CONF/hooks/mail.conf"
	# shellcheck disable=SC2016 # the hook expands it
	given_hook webhook 'printf "%s %s|%s\n" "$1" "$MONITOR_CORE" "$MONITOR_BACKTRACE" >>"${0%/*}/../../webhook.log"'
	monitor_start web

	crash web

	core=$SERVERS/web/core.$DEAD
	assert_logged "Server web left a core, pid=$DEAD (signal SEGV (core: $core))"
	wait_until "$PATIENCE" has_history web backtrace backtrace
	[[ $(history web backtrace backtrace) =~ ^'#0 '[^#]*' in broken_function ('[^#]*'#1 '[^#]*' in wait_for_it (' ]]
	assert_equal 'core in history' "$(history web core core)" "$core"
	assert_equal 'incident' "$(history web core incident)" "$(history web death incident)"
	wait_until "$PATIENCE" mailed 'in broken_function ('
	mailed "core: $core"
	wait_until "$PATIENCE" grep -qsF 'broken_function' "$BATS_TEST_TMPDIR/webhook.log"
	wait_until "$PATIENCE" grep -qsF "death $core|" "$BATS_TEST_TMPDIR/webhook.log"
	assert_alerted death web 'signal SEGV'
	assert_equal 'alerts by SMS' "$(grep -c . "$ALERTS")" 1
	grep -qxF "MONITOR_CORE=$core" "$BATS_TEST_TMPDIR/alerts.env"
}

# mailed TEXT - does a mail hold it?
mailed() {
	grep -qsF -- "$1" "$BATS_TEST_TMPDIR"/mail.*
}

@test "so many cores are kept as conf says, the newest ones, and no other file is deleted" {
	require_core_files
	given_crasher web
	printf 'mine\n' >"$SERVERS/web/core.1"
	monitor_start web

	for round in 1 2 3; do
		crash web
		assert_logged "left a core, pid=$DEAD"
		pids[round]=$DEAD
	done

	wait_until "$PATIENCE" test ! -e "$SERVERS/web/core.${pids[1]}"
	assert_equal 'cores' "$(cores web)" "$(printf '%s\n' "$SERVERS/web/core.1" "$SERVERS/web/core.${pids[2]}" "$SERVERS/web/core.${pids[3]}" | sort)"
}

@test "of several threads the frames are those of the one that crashed" {
	require_core_files
	require gdb
	given_crasher web
	given_conf web "dir = $SERVERS/web" 'command = ./web now thread' 'core = keep 1'
	monitor_start web

	crash web

	wait_until "$PATIENCE" has_history web backtrace backtrace
	[[ $(history web backtrace backtrace) =~ ^'#0 '[^#]*' in broken_function (' ]]
}

@test "the core of another user's server belongs to that user, and so does gdb" {
	require_core_files
	require gdb
	given_guest web
	given_crasher web 'user = nobody'
	chmod 755 "$SERVERS/web/web"
	chown -R nobody "$SERVERS/web"
	monitor_start web

	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)
	as_nobody touch "$SERVERS/web/now"

	assert_logged "left a core, pid=$old"
	assert_equal 'owner' "$(stat -c %U "$SERVERS/web/core.$old")" nobody
	wait_until "$PATIENCE" has_history web backtrace backtrace
	[[ $(history web backtrace backtrace) == *broken_function* ]]
}

@test "a start that crashes leaves a core too, of the incident of that start" {
	require_core_files
	given_crasher web 'give_up = 1 in 60s'
	given_conf web "dir = $SERVERS/web" 'command = ./web' 'core = keep 2' 'give_up = 1 in 60s'

	monitor_start web

	assert_logged 'Server web left a core, pid='
	assert_equal 'incident' "$(history web core incident | head -n 1)" "$(history web start_failed incident | head -n 1)"
}

@test "an alert that is sent at once, for the server stays down, has the core too" {
	require_core_files
	given_crasher web 'restart = never'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)

	: >"$SERVERS/web/now"

	assert_alerted death web 'left alone'
	wait_until "$PATIENCE" grep -qsxF "MONITOR_CORE=$SERVERS/web/core.$old" "$BATS_TEST_TMPDIR/alerts.env"
}

@test "without core = keep no core is written, and limit_core = 0 holds" {
	require_core_files
	given_crasher web 'limit_core = 0'
	monitor_start web

	crash web

	assert_said "web: no core of pid $DEAD: no core of it like $SERVERS/web/core"
	assert_equal 'cores' "$(cores web)" ''
	assert_equal 'limit' "$(awk '/Max core/ { print $5, $6 }' "/proc/$(pid_of web)/limits")" '0 0'
}

@test "the place of a core by core_pattern: with pid, time, names, in another directory; relative ones in dir" {
	require_core_files
	given_core "$BATS_TEST_TMPDIR/d/one"
	d=$BATS_TEST_TMPDIR/d
	uid=$(id -u)

	while read -r pattern uses_pid name; do
		rm -rf "${d:?}/here" "${d:?}/var"
		mkdir -p "$d/here" "$d/var/$uid"
		name=${name//PID/$DEAD} name=${name//UID/$uid}
		cp "$d/one" "$d/$name"
		run -0 search "${pattern//D/$d}" "$uses_pid" "$d/here" "$DEAD" "$uid"
		assert_equal "the place for $pattern" "$output" "$d/$name"
	done <<-'END'
		core.%p 0 here/core.PID
		core 1 here/core.PID
		D/var/%e.%p.%t.%s 0 var/a.name.PID.123.11
		D/var/%u/c-%P-%% 0 var/UID/c-PID-%
	END
}

@test "no core: that of another process, of another user, a link, a FIFO, rubbish; and what pipes them says so" {
	require_core_files
	d=$BATS_TEST_TMPDIR/d
	given_core "$d/one"
	uid=$(id -u)

	run -0 search 'one' 0 "$d" "$((DEAD + 1))" "$uid"
	[[ $output == 'no core of it like'* ]]
	run -0 search 'one' 0 "$d" "$DEAD" "$((uid + 1))"
	[[ $output == 'no core of it like'* ]]
	ln -s one "$d/link.$DEAD"
	mkfifo "$d/fifo.$DEAD"
	head -c 100 "$d/one" >"$d/short.$DEAD"
	cp "$d/../made/crash" "$d/program.$DEAD"
	run -0 search '*.%p' 0 "$d" "$DEAD" "$uid"
	[[ $output == 'no core of it like'* ]]
	run -0 search '|/usr/bin/apport %p' 0 "$d" "$DEAD" "$uid"
	assert_equal 'the answer' "$output" 'core_pattern gives it to /usr/bin/apport'
	run -0 search "$d/%E/core" 0 "$d" "$DEAD" "$uid"
	[[ $output == *'the directory cannot be told from that' ]]
}

@test "systemd-coredump: coredumpctl says where the core is, and its frames" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2016 # the program expands it
	printf '%s\n' '#!/bin/sh' 'printf "           PID: %s\n       Storage: /var/lib/x.zst (present)\n\n                Stack trace of thread 7:\n                #0  0x1 broken (x + 0x1)\n" "$4"' >"$BATS_TEST_TMPDIR/bin/coredumpctl"
	chmod 755 "$BATS_TEST_TMPDIR/bin/coredumpctl"

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/bin:/bin" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from watch import backtrace
		backtrace.PATH = sys.argv[2]
		print(*backtrace.by_coredumpctl(812))
	END

	[[ $output == '/var/lib/x.zst '*'#0  0x1 broken (x + 0x1)' ]]
}

@test "a debugger that hangs, or prints without end, is ended with all that it started" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	: >"$BATS_TEST_TMPDIR/core"
	# shellcheck disable=SC2016 # the program expands it
	for script in 'sleep 1000 & echo $! >"${0%/*}/pid"; sleep 1000' 'sleep 1000 & echo $! >"${0%/*}/pid"; yes "#0 x"'; do
		printf '%s\n' '#!/bin/sh' "$script" >"$BATS_TEST_TMPDIR/bin/gdb"
		chmod 755 "$BATS_TEST_TMPDIR/bin/gdb"
		run -0 timeout 30 "$(python)" -E -s - "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/bin:/bin:/usr/bin" "$BATS_TEST_TMPDIR/core" <<-'END'
			import os, sys
			sys.path.insert(0, sys.argv[1])
			from watch import backtrace
			backtrace.PATH, backtrace.SECONDS = sys.argv[2], 1
			print(len(backtrace.of_core(os.open(sys.argv[3], os.O_RDONLY), "/bin/true")) <= 4096)
		END
		assert_equal 'the answer' "$output" True
		wait_until "$PATIENCE" is_gone "$(<"$BATS_TEST_TMPDIR/bin/pid")"
	done
}
