# shellcheck shell=bash
# The words of the tests: given_… prepares, monitor_… runs the suite, assert_… waits for what must come and says what
# was missing. Each test works in $BATS_TEST_TMPDIR: conf/, state/, srv/NAME/ (where server NAME runs), alerts.log
# (what the hook was told, a line a call) and monitor.out (what the monitors printed).
#
# TEST_SHELL names the shell that runs monitor.sh: dash (the default), bash, "busybox ash", mksh, yash.

bats_require_minimum_version 1.5.0
PATH=$PATH:/usr/sbin:/sbin

ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
FIXTURES=$ROOT/test/fixtures
# What all files of a run share: compiled fixtures, and who has which port
SHARED=${TEST_SHARED:-$BATS_RUN_TMPDIR}
PATIENCE=60 # seconds that a test waits at most for what takes milliseconds on an idle machine, and seconds on a busy one

# shellcheck source=test/fixtures/real.bash
. "$FIXTURES/real.bash"
# shellcheck source=test/fixtures/processes.bash
. "$FIXTURES/processes.bash"
# shellcheck source=test/fixtures/canary.bash
. "$FIXTURES/canary.bash"
# shellcheck source=test/fixtures/looker.bash
. "$FIXTURES/looker.bash"

setup() {
	CONF=$BATS_TEST_TMPDIR/conf
	STATE=$BATS_TEST_TMPDIR/state
	SERVERS=$BATS_TEST_TMPDIR/srv
	PRINTED=$BATS_TEST_TMPDIR/monitor.out
	SAID=$BATS_TEST_TMPDIR/said
	ALERTS=$BATS_TEST_TMPDIR/alerts.log
	MONITORS=()
	MOUNTS=()
	read -ra SHELL_WORDS <<<"${TEST_SHELL:-dash}"
	mkdir -p "$CONF/servers" "$CONF/hooks" "$SERVERS"
	: >"$PRINTED"
	: >"$ALERTS"
	# rival_wait: what a test starts by hand is its own child, and would count as restarted by it
	printf '%s\n' 'interval = 1s' 'start_seconds = 200ms' 'rival_wait = 0s' >"$CONF/monitor.conf"
	given_hook sms
}

teardown() {
	end_test
}

# end_test - what every teardown does: end all that the test started, and fail when the suite shows a fault of its own
# bats runs a teardown without `set -e`: only its exit status counts.
end_test() {
	local status=0
	cd / || return
	[ -n "${BATS_TEST_COMPLETED:-}" ] || show_evidence
	end_everything || status=1
	assert_sound || status=1
	((${#MOUNTS[@]} == 0)) || umount --quiet "${MOUNTS[@]}" || :
	return "$status"
}

# show_evidence - what a person needs who reads of a failed test
show_evidence() {
	local file
	for file in "$SAID" "$PRINTED" "$STATE/restart.log" "$ALERTS" "$LOOKER.errors"; do
		[ ! -s "$file" ] || printf -- '--- %s\n%s\n' "${file##*/}" "$(tail -n 40 "$file")"
	done
}

# --- given

# given_server NAME [LINE...] - a server by that name: its directory, a stand-in as its program, its conf with LINEs
given_server() {
	local name=$1 dir=$SERVERS/$1
	shift
	given_program "$dir/$name"
	: >"$dir/${name//_/}.conf"
	given_conf "$name" "dir = $dir" "$@"
}

# given_conf NAME LINE... - conf/servers/NAME.conf holds these lines
given_conf() {
	printf '%s\n' "${@:2}" >"$CONF/servers/$1.conf"
}

# given_program FILE - the stand-in (fixtures/server.c), under that name
given_program() {
	mkdir -p "${1%/*}"
	cp "$(fixture server)" "$1"
}

# given_hook NAME [LINE...] - a hook that writes its call down; with LINEs: a hook that runs those instead
given_hook() {
	local hook=$CONF/hooks/$1
	shift
	if [ $# -eq 0 ]; then
		# shellcheck disable=SC2016 # it is the hook that expands these
		set -- 'home=${0%/*}/../..' \
			'printf "%s %s %s\n" "$1" "$2" "$3" >>"$home/alerts.log"' \
			'env | grep ^MONITOR_ >>"$home/alerts.env"'
	fi
	printf '%s\n' '#!/bin/sh' "$@" >"$hook"
	chmod 700 "$hook"
}

# given_disk DIR SIZE - DIR is a file system of its own of SIZE; skips the test where that is not allowed
given_disk() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=700" none "$1" 2>/dev/null || skip "may not mount here (needs root)"
	MOUNTS+=("$1")
}

# make_readonly DIR - nothing can be written there any more, by its name; umount DIR ends that
make_readonly() {
	mount --bind "$1" "$1" 2>/dev/null || skip "may not mount here (needs root)"
	mount -o remount,bind,ro "$1"
	MOUNTS+=("$1")
}

# fill_disk DIR - not one block is free in the file system that holds DIR
fill_disk() {
	dd if=/dev/zero of="$1/filler" bs=4096 2>/dev/null || :
}

# require PROGRAM... - skips the test when one of them is not here
require() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "$program is not here"
	done
}

# require_own_mounts WORD... - skips the test unless `unshare WORD...` gives a program mounts of its own
# In a chroot it cannot: unshare(1) would have to change the mount of the root directory, and there that is none.
require_own_mounts() {
	mountpoint -q / || skip 'the root directory is not a mount point, as in a chroot'
	unshare "$@" true 2>/dev/null || skip 'may not have mounts of its own here (needs root or user namespaces)'
}

# fixture NAME - prints the path of what fixtures/NAME.c is compiled to, once a run: a program, a library if NAME ends in .so
fixture() {
	local built=$SHARED/built/$1 flags=()
	[[ $1 != *.so ]] || flags=(-shared -fPIC)
	if [ ! -e "$built" ]; then
		mkdir -p "${built%/*}"
		cc -O1 "${flags[@]}" -o "$built.$BASHPID" "$FIXTURES/${1%.so}.c" -ldl >&2 || return
		mv "$built.$BASHPID" "$built" # whole or not at all: tests run side by side
	fi
	printf '%s\n' "$built"
}

# free_port - prints a TCP port that nobody listens on and no other test of this run has got
free_port() {
	local port
	mkdir -p "$SHARED/ports"
	while :; do
		port=$((20000 + RANDOM % 10000)) # below the ports that the kernel gives to callers
		is_listening "$port" || ! mkdir "$SHARED/ports/$port" 2>/dev/null || break
	done
	printf '%s\n' "$port"
}

# --- the suite

# suite ARG... - monitor.sh in the shell under test, with this test's conf and state; after a time limit it is ended
suite() {
	timeout 60 "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@" 3>&-
}

# suite_ends STATUS ARG... - monitor.sh runs to its end, by itself, with that exit status; what it printed is in $SAID
suite_ends() {
	local status=0
	suite "${@:2}" </dev/null >"$SAID" 2>&1 || status=$?
	assert_equal "exit status of monitor.sh ${*:2}" "$status" "$1"
}

# monitor_start NAME... - a monitor in the background; $MONITOR is its pid
monitor_start() {
	# A background command of a script starts with SIGINT ignored, which no shell can trap.
	env --default-signal=INT "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@" \
		</dev/null >>"$PRINTED" 2>&1 3>&- 4>&- &
	MONITOR=$!
	MONITORS+=("$MONITOR")
}

# monitor_stop [SIGNAL] - end the last monitor by that signal (TERM); $MONITOR_STATUS is its exit status
# shellcheck disable=SC2034 # which tests read
monitor_stop() {
	kill -s "${1:-TERM}" "$MONITOR"
	wait_until "$PATIENCE" is_gone "$MONITOR"
	MONITOR_STATUS=0
	wait "$MONITOR" || MONITOR_STATUS=$?
}

# monitor_crash - the last monitor and its helper are killed at once, as by the kernel when memory runs out
monitor_crash() {
	local HELPER
	wait_until "$PATIENCE" has_helper
	kill -KILL "$MONITOR" "$HELPER"
	wait_until "$PATIENCE" is_gone "$MONITOR"
	wait_until "$PATIENCE" is_gone "$HELPER"
}

# has_helper - has the last monitor a helper now?  $HELPER is its pid
# One that was just killed may lack its successor; and while children come and go, the list may lack one, proc(5).
has_helper() {
	HELPER=$(helper_of "$MONITOR") && [ -n "$HELPER" ]
}

# helper_of PID - prints the pid of the alive.py watch of that monitor
helper_of() {
	local child word
	for child in $(<"/proc/$1/task/$1/children"); do
		while IFS= read -rd '' word; do
			[[ $word == */alive.py ]] || continue
			printf '%s\n' "$child"
			break # one that executes itself while this reads has the word twice
		done <"/proc/$child/cmdline"
	done
}

# is_watched - has the last monitor a helper, and has that looked at every server?
is_watched() {
	[ -n "$(helper_of "$MONITOR" 2>/dev/null)" ] && [ -d "$STATE/monitors/$MONITOR" ] &&
		[ ! -e "$STATE/monitors/$MONITOR/beginning" ]
}

# --- what is so

# wait_until SECONDS COMMAND... - polls until COMMAND succeeds; fails, and says what for, after SECONDS
# It rests three times as long as COMMAND took: many tests wait side by side, and what they ask all the time slows what they
# wait for.
wait_until() {
	local deadline=$((SECONDS + $1)) asked rest
	shift
	while asked=${EPOCHREALTIME/[.,]/} && ! "$@" 2>/dev/null; do
		if ((SECONDS > deadline)); then
			printf 'waited in vain until: %s\n' "$*" >&2
			return 1
		fi
		rest=$(((${EPOCHREALTIME/[.,]/} - asked) * 3))
		((rest > 50000)) || rest=50000
		((rest < 1000000)) || rest=1000000
		printf -v rest '0.%06d' "$((rest - (rest == 1000000)))"
		sleep "$rest"
	done
}

# status_of NAME KEY - prints that value of `status --json`; nothing when it is null
status_of() {
	local JSON value form='"([^"\\]|\\.)*"|[^],}]*'
	looked "$1"
	[[ $JSON =~ \"$2\":\ ($form) ]] || return 0
	value=${BASH_REMATCH[1]}
	[ "$value" != null ] || return 0
	[[ $value != \"* ]] || value=${value:1:-1}
	value=${value//\\\"/\"}
	printf '%s\n' "${value//\\\\/\\}"
}

state_is() {
	[ "$(status_of "$1" state)" = "$2" ]
}

pid_of() {
	status_of "$1" pid
}

# message_says NAME TEXT - does the sentence that status has for NAME hold TEXT?
message_says() {
	[[ $(status_of "$1" message) == *"$2"* ]]
}

# pid_differs NAME PID - has NAME a live pid that is not PID?
pid_differs() {
	local pid
	pid=$(pid_of "$1")
	[ -n "$pid" ] && [ "$pid" != "$2" ] && ! is_gone "$pid"
}

# running_as NAME PID - is NAME RUNNING under that pid?
running_as() {
	state_is "$1" RUNNING && [ "$(pid_of "$1")" = "$2" ]
}

# starts_of NAME - prints how often the stand-in of NAME was started
starts_of() {
	grep -sc . "$SERVERS/$1/starts" || :
}

# logged_times TEXT - prints how many lines of restart.log hold TEXT
logged_times() {
	grep -cF -- "$1" "$STATE/restart.log" || :
}

# alerted_times EVENT SERVER - prints how often the hook was called with them
alerted_times() {
	grep -cF -- "$1 $2 " "$ALERTS" || :
}

# --- what must be, or come to be

# holds FILE TEXT - has FILE that text?  On a slow machine what "was needed after 0.2s" may have been needed later
holds() {
	local before=${2%%was needed after [0-9]*}
	[ "$before" != "$2" ] || {
		grep -qsF -- "$2" "$1"
		return
	}
	awk -v before="${before}was needed after " -v wanted="${2#"$before"was needed after }" '
		BEGIN { least = wanted + 0; sub(/^[0-9.]+/, "", wanted) }
		at = index($0, before) {
			rest = substr($0, at + length(before))
			found = rest + 0
			sub(/^[0-9.]+/, "", rest)
			if (found >= least && index(rest, wanted) == 1)
				good = 1
		}
		END { exit !good }' "$1" 2>/dev/null
}

assert_logged() {
	wait_until "$PATIENCE" holds "$STATE/restart.log" "$1"
}

assert_said() {
	wait_until "$PATIENCE" grep -qsF -- "$1" "$PRINTED"
}

# assert_adopted NAME PID - the last monitor has taken over NAME, which lives as PID
assert_adopted() {
	assert_logged "Server $1 adopted, pid=$2"
	wait_until "$PATIENCE" running_as "$1" "$2"
}

# assert_moved FILE - FILE lies in the oldlog of a server
assert_moved() {
	wait_until "$PATIENCE" has_moved "$1"
}

has_moved() {
	compgen -G "$SERVERS/*/oldlog/$1" >/dev/null
}

# assert_alerted EVENT SERVER TEXT - the hook was called with them, and a message that holds TEXT
assert_alerted() {
	wait_until "$PATIENCE" was_alerted "$@"
}

was_alerted() {
	grep -F -- "$1 $2 " "$ALERTS" | grep -qF -- "$3"
}

# assert_equal WHAT IS WANTED
assert_equal() {
	[ "$2" = "$3" ] || {
		printf '%s: %s, wanted %s\n' "$1" "$2" "$3" >&2
		return 1
	}
}

# assert_left_alone NAME - NAME keeps its pid while the monitor looks at all evidence at least twice more
assert_left_alone() {
	local pid uptime
	pid=$(pid_of "$1")
	uptime=$(status_of "$1" uptime)
	wait_until "$PATIENCE" is_up_for "$1" $((${uptime%%.*} + 3)) # interval is 1s in tests
	assert_equal "pid of $1" "$(pid_of "$1")" "$pid"
}

is_up_for() {
	local uptime
	uptime=$(status_of "$1" uptime)
	uptime=${uptime%%.*}
	((${uptime:-0} >= $2))
}
