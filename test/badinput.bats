#!/usr/bin/env bats
# Bad input is one line that names the server or file and says what to do, and the right exit status; nothing is started.

load helpers

# refuses STATUS WORD... -- ARG... - `monitor.sh ARG...` ends with STATUS and one line that holds each WORD; nothing ran
refuses() {
	local expected=$1 words=()
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	suite_ends "$expected" "$@"
	assert_equal 'lines' "$(wc -l <"$SAID")" 1
	says_once "$SAID" "${words[@]}"
	assert_nothing_ran
}

assert_nothing_ran() {
	assert_equal 'starts' "$(compgen -G "$SERVERS/*/starts")" ''
}

# says_once FILE WORD... - exactly one line of FILE holds all the WORDs
says_once() {
	local text word
	text=$(<"$1")
	for word in "${@:2}"; do
		text=$(grep -F -- "$word" <<<"$text" || :)
	done
	assert_equal "lines with ${*:2}" "$(grep -c . <<<"$text")" 1
}

@test "unknown server" {
	given_server msg_server

	refuses 6 ghost_server conf/servers/ghost_server.conf -- ghost_server
	refuses 6 ghost_server conf/servers/ghost_server.conf -- msg_server ghost_server
}

@test "a name that breaks the name rule" {
	refuses 2 ../msg_server -- ../msg_server
}

@test "no conf" {
	rm -r "$CONF"

	refuses 6 "$CONF" -- msg_server
}

@test "no config file in the server's directory" {
	given_server msg_server
	rm "$SERVERS"/msg_server/*.conf

	refuses 6 msg_server 'No config file found' "$SERVERS/msg_server" -- msg_server
}

@test "missing program" {
	given_server msg_server
	rm "$SERVERS/msg_server/msg_server"

	refuses 5 'msg_server: no command: ./msg_server is not in' "$SERVERS/msg_server" conf/servers/msg_server.conf \
		-- msg_server
}

@test "no directory" {
	given_server msg_server
	rm -r "$SERVERS/msg_server"

	refuses 6 msg_server "$SERVERS/msg_server" conf/servers/msg_server.conf -- msg_server
}

# given_ten_errors - msg_server's conf, wrong in lines 2 to 11
given_ten_errors() {
	given_server msg_server 'intervall = 15s' 'comand = ./msg_server' 'port = 99999' 'restart = sometimes' \
		'start_timeout = soon' 'backoff = 60s 1s 5' 'umask = 999' 'stop = TERMINATE' 'just words' 'dir ='
}

@test "conf with ten different errors: check says each, with file and line" {
	given_ten_errors

	suite_ends 6 check

	for line in {2..11}; do
		says_once "$SAID" "conf/servers/msg_server.conf:$line: "
	done
	says_once "$SAID" 'comand' 'command' # the nearest known key
}

@test "conf with ten different errors: nothing is started" {
	given_ten_errors
	given_server route_server

	suite_ends 6 all

	assert_equal 'lines' "$(wc -l <"$SAID")" 10
	assert_nothing_ran
}

@test "conf that others may write" {
	given_server msg_server
	chmod 666 "$CONF/servers/msg_server.conf"

	refuses 6 conf/servers/msg_server.conf chmod -- msg_server
}

# says_of_hook HOOK WORD... - it is not fit: check and test end with 6, a monitor says so and runs all the same
says_of_hook() {
	local hook=$1
	shift
	given_server msg_server "alert = $hook"

	suite_ends 6 check
	says_once "$SAID" "hooks/$hook" "$@"
	suite_ends 6 test
	says_once "$SAID" "hooks/$hook" "$@"

	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	says_once "$PRINTED" "hooks/$hook" "$@"
}

# delivers_once_mended HOOK - a death that no hook could report is sent once the hook is fit
delivers_once_mended() {
	local old
	old=$(pid_of msg_server)
	kill -KILL "$old"
	wait_until "$PATIENCE" pid_differs msg_server "$old"
	given_hook "$1"
	assert_alerted death msg_server 'signal KILL'
}

@test "hook missing" {
	says_of_hook own # sms would be the one that ships

	delivers_once_mended own
}

@test "hook not executable" {
	chmod -x "$CONF/hooks/sms"
	says_of_hook sms chmod

	delivers_once_mended sms
}

@test "hook writable by others" {
	chmod o+w "$CONF/hooks/sms"
	says_of_hook sms chmod

	delivers_once_mended sms
}

# given_binds FROM TO... - the suite runs where each TO shows what is in FROM; skips where that is not allowed
given_binds() {
	local own=-rm
	[ "$(id -u)" -ne 0 ] || own=-m # root needs no user namespace, which no one gets in a chroot
	require_own_mounts "$own"
	# shellcheck disable=SC2016 # for the shell in the new namespace
	SHELL_WORDS=(unshare "$own" sh -c '
		while [ "$1" != -- ]; do
			mount --bind "$1" "$2" || exit
			shift 2
		done
		shift
		exec "$@"' sh "$@" -- "${SHELL_WORDS[@]}")
}

# given_no_venv - the project's .venv shows as empty, if there is one
given_no_venv() {
	mkdir "$BATS_TEST_TMPDIR/empty"
	[ ! -d "$ROOT/.venv" ] || given_binds "$BATS_TEST_TMPDIR/empty" "$ROOT/.venv"
}

@test "no psutil and no way to get it" {
	given_server msg_server
	given_no_venv
	for python in /usr/bin/python3 "$(python)"; do
		! home=$("$python" -I -c 'import psutil; print(psutil.__path__[0])' 2>/dev/null) ||
			given_binds "$BATS_TEST_TMPDIR/empty" "${home%/*}"
	done

	given_apt 'echo "E: no archive here" >&2' 'exit 100'
	given_no_index

	PATH=$BATS_TEST_TMPDIR/bin:$PATH PIP_NO_INDEX=1 suite_ends 5 msg_server

	says_once "$SAID" 'psutil cannot be had (pip: ERROR: No matching distribution found for psutil>=5.6; apt: E: no archive here)' \
		'apt-get install python3-psutil'
	assert_nothing_ran
}

@test "no python3" {
	given_server msg_server
	given_no_venv
	mkdir "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/pythonless"
	programs=(/usr/bin/*)
	ln -s "${programs[@]/#\/usr\/bin/$BATS_TEST_TMPDIR/bin}" "$BATS_TEST_TMPDIR/pythonless"
	rm "$BATS_TEST_TMPDIR/pythonless"/python*
	given_binds /usr/bin "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/pythonless" /usr/bin

	PATH=/usr/bin:/bin refuses 5 python3 'apt-get install python3' -- msg_server
}

@test "state dir not writable" {
	given_server msg_server
	place=/sys/state # even root may make nothing there
	if [ "$(id -u)" -ne 0 ]; then
		place=$BATS_TEST_TMPDIR/place
		mkdir -m 500 "$place"
	fi

	refuses 4 "$place" -- -s "$place" msg_server
}

@test "state dir that is a file" {
	given_server msg_server
	: >"$STATE"

	refuses 4 "$STATE" -- msg_server
}

@test "no word at all, an unknown word: usage" {
	suite_ends 2
	grep -q 'Usage:' "$SAID"

	suite_ends 2 -z
	grep -q 'Usage:' "$SAID"
}

@test "business without a port, or with one that is none" {
	given_business

	for port in '' 0 65536 80a; do
		suite_ends 2 business $port # no argument at all when it is empty
		grep -q 'business.*port' "$SAID"
	done
	assert_nothing_ran
}

# given_no_index - what this machine has configured for pip does not count
given_no_index() {
	unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
	export PIP_CONFIG_FILE=/dev/null PIP_NO_CACHE_DIR=1
}

# given_apt LINE... - an apt-get first in $BATS_TEST_TMPDIR/bin, which does this
given_apt() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '%s\n' '#!/bin/sh' "$@" >"$BATS_TEST_TMPDIR/bin/apt-get"
	chmod +x "$BATS_TEST_TMPDIR/bin/apt-get"
}

# given_archive - the suite alone, in $PLACE, on a machine where no Python has psutil, but apt-get downloads it
given_archive() {
	local home
	require dpkg-deb
	PLACE="$BATS_TEST_TMPDIR/a pläce"
	home=$(suite test 2>/dev/null | sed -n 's/.*, psutil in //p')/psutil
	mkdir "$BATS_TEST_TMPDIR/empty" "$PLACE"
	mkdir -p "$BATS_TEST_TMPDIR/deb/DEBIAN" "$BATS_TEST_TMPDIR/deb/usr/lib/python3/dist-packages"
	cp -r "$home" "$BATS_TEST_TMPDIR/deb/usr/lib/python3/dist-packages/psutil"
	printf '%s\n' 'Package: python3-psutil' 'Version: 9' 'Architecture: all' 'Maintainer: x' 'Description: x' \
		>"$BATS_TEST_TMPDIR/deb/DEBIAN/control"
	dpkg-deb --root-owner-group --build "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/python3-psutil_9_all.deb" >/dev/null
	# shellcheck disable=SC2016 # the shell's variables are those of the archive that is played
	given_apt 'for word; do :; done' '[ "$word" = python3-psutil ] || exit 0' \
		"cp '$BATS_TEST_TMPDIR/python3-psutil_9_all.deb' . && : >'$BATS_TEST_TMPDIR/downloaded'"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$ROOT/conf" "$PLACE"
	! home=$(/usr/bin/python3 -I -c 'import psutil; print(psutil.__path__[0])' 2>/dev/null) ||
		given_binds "$BATS_TEST_TMPDIR/empty" "$home"
}

# assert_unpacked - the suite in $PLACE gets psutil from the archive, and leaves nothing else
assert_unpacked() {
	env -u MONITOR_PYTHON PATH="$BATS_TEST_TMPDIR/bin:/usr/bin:/bin" "${SHELL_WORDS[@]}" "$PLACE/monitor.sh" check \
		</dev/null >"$SAID" 2>&1

	grep -F 'psutil is not installed; putting it into ' "$SAID" | grep -F "$PLACE"
	grep -F 'conf is good: ' "$SAID"
	[ -e "$BATS_TEST_TMPDIR/downloaded" ]
	assert_equal 'left in .venv' "$(ls "$PLACE/.venv")" "$(printf '%s\n' bin include lib lib64 pyvenv.cfg)"
	assert_equal 'left beside it' "$(find "$PLACE" -maxdepth 1 -name '.venv.*')" ''
}

@test "no psutil, and no pip: it is unpacked from Debian's archive" {
	given_archive
	given_binds "$BATS_TEST_TMPDIR/empty" "$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')/ensurepip"

	assert_unpacked
}

@test "no psutil, and a pip that reaches no index: it is unpacked from Debian's archive" {
	/usr/bin/python3 -m ensurepip --version >/dev/null 2>&1 || skip 'python3-venv is not here'
	given_archive
	given_no_index
	export PIP_INDEX_URL=http://127.0.0.1:9 PIP_RETRIES=0

	assert_unpacked
}

@test "a .venv that was made for another Python is made again" {
	given_archive
	mkdir -p "$PLACE/.venv/bin" "$PLACE/.venv/lib/python3.1/site-packages/psutil"
	: >"$PLACE/.venv/lib/python3.1/site-packages/psutil/__init__.py"
	ln -s /usr/bin/python3 "$PLACE/.venv/bin/python"
	given_binds "$BATS_TEST_TMPDIR/empty" "$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')/ensurepip"

	assert_unpacked
}

@test "an option behind the word" {
	refuses 2 '"-d"' 'options stand before the word' -- msg_server -d
}

@test "check with a name behind it" {
	given_server msg_server

	suite_ends 2 check msg_server

	says_once "$SAID" 'check takes nothing behind it'
}

@test "a mistyped command: usage, with the nearest one" {
	given_server msg_server

	refuses 2 'no such command or server: statsu; did you mean status?' -- statsu
	refuses 2 'no such command or server: shutdwon; did you mean shutdown?' -- -d shutdwon --stop-servers
}

@test "a word that is more like a server than a command, or like none of both, is a server that conf does not know" {
	given_server restarter

	refuses 6 'restarte: not in conf; did you mean restarter?' -- restarte
	refuses 6 'stop_it_all: not in conf' -- stop_it_all
}

@test "a server whose name is near a command is that server" {
	given_server statsu 'color = blue'

	refuses 6 'statsu.conf:2: unknown key "color"' -- statsu
}

@test "-h has one line for each command, which says what it does" {
	run -0 suite -h

	for word in all status tail alerts start stop restart pause resume clear drill signal silence update shutdown check \
		test demo install uninstall completion help; do
		assert_equal "lines for $word" "$(grep -cE "^  $word( [^ ]+)*   +[^ ]" <<<"$output")" 1
	done
	assert_equal 'lines of more than 120' "$(grep -cE '.{121}' <<<"$output")" 0
}

@test "help and --help are -h, --version is -V" {
	assert_equal 'help' "$(suite help)" "$(suite -h)"
	assert_equal '--help' "$("${SHELL_WORDS[@]}" "$ROOT/monitor.sh" --help)" "$(suite -h)"
	assert_equal 'version' "$("${SHELL_WORDS[@]}" "$ROOT/monitor.sh" --version)" "$(suite -V)"
}

# status_closed WORD... - the exit status of the suite where no standard stream is open
status_closed() {
	local status=0
	suite "$@" <&- >&- 2>&- || status=$?
	printf '%s' "$status"
}

@test "closed standard streams" {
	given_server msg_server

	suite status >&- 2>"$SAID" || :

	assert_equal 'what status says' "$(<"$SAID")" ''
	assert_equal 'status' "$(status_closed status)" 3
	assert_equal '-h' "$(status_closed -h)" 0
	assert_equal 'alerts' "$(status_closed alerts)" 0
	assert_equal 'ghost_server' "$(status_closed ghost_server)" 6
}

@test "a full device behind standard output" {
	given_server msg_server

	for word in -h help -V alerts silence; do
		status=0
		suite "$word" >/dev/full 2>"$SAID" || status=$?
		assert_equal "exit status of $word" "$status" 1
		run -1 grep -e Traceback -e 'Exception' -e 'what shall I watch' "$SAID"
	done
	says_once "$SAID" 'standard output: No space left on device'
}

into_full_device() {
	suite "$1" >/dev/full
}

into_pipe_without_reader() {
	suite "$1" | :
	return "${PIPESTATUS[0]}"
}

@test "more output than a full device or a pipe without a reader takes at once" {
	given_server msg_server

	for word in report metrics; do
		run -1 --separate-stderr into_full_device "$word"
		assert_equal "what $word says" "$stderr" 'standard output: No space left on device'
		run -1 --separate-stderr into_pipe_without_reader "$word"
		assert_equal "what $word says" "$stderr" ''
	done
}

@test "test makes the state directory for its owner alone" {
	given_server msg_server
	[ ! -e "$STATE" ] || rmdir "$STATE"
	umask 022

	suite test >"$SAID" 2>&1 || :

	assert_equal 'mode' "$(stat -c %a "$STATE")" 700
}

@test "a state directory below a file: every order says so in a line, and shows no code" {
	given_server msg_server
	: >"$BATS_TEST_TMPDIR/file"
	STATE=$BATS_TEST_TMPDIR/file/state

	for words in 'start msg_server:4' 'stop msg_server:4' alerts:1 update:1 'start nosuch:1'; do
		# shellcheck disable=SC2086 # a list of words
		suite_ends "${words#*:}" ${words%:*}
		grep -qE "(^|^msg_server: )$STATE/[a-z_/]+: Not a directory" "$SAID"
		run -1 grep -q Traceback "$SAID"
	done
}
