#!/usr/bin/env bats
# restart --overlap: a new process starts on the descriptors of the old one, which is ended when the new one serves.
#
# OVERLAPS        how often the load tests restart all servers (3)
# OVERLAP_ROUNDS  how many rounds of kills (8); OVERLAP_SEED: the seed, which is printed
# shellcheck disable=SC2034 # fixtures/web.bash reads WEB_...

load helpers
load fixtures/web

says() {
	grep -qF -- "$1" "$SAID" || {
		printf 'not said: %s\n' "$1" >&2
		return 1
	}
}

# given_one [LINE...] - one web server on a held socket, RUNNING; $OLD is its pid
given_one() {
	given_held web "$@"
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	OLD=$(pid_of web)
}

# given_gated - one whose processes are healthy only while the gate is open; it is closed now
given_gated() {
	[ -n "${PORT:-}" ] || PORT=$(free_port)
	WEB_PATIENCE=60s
	: >"$SERVERS/open"
	given_web web "sockets = tcp://127.0.0.1:$PORT" "port = $PORT" "check = command test -e $SERVERS/open" 'check_every = 1h'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	OLD=$(pid_of web)
	rm "$SERVERS/open"
}

# overlap_begins [NAME] - an operator orders it, in the background; $ORDER is the pid of the command
overlap_begins() {
	"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" restart --overlap "${1:-web}" \
		>"$BATS_TEST_TMPDIR/ordered" 2>&1 3>&- 4>&- &
	ORDER=$!
}

# order_ends STATUS - the command ends with that status; what it printed is in $SAID
order_ends() {
	local status=0
	wait "$ORDER" || status=$?
	cp "$BATS_TEST_TMPDIR/ordered" "$SAID"
	assert_equal 'status of the order' "$status" "$1"
}

# has_two NAME - do two processes of it live?
has_two() {
	[[ $(processes_of "$1") == *' '* ]]
}

@test "the new process is the server, the old one is gone, and one line says so" {
	given_one
	version_of web 2

	suite_ends 0 restart --overlap web

	new=$(pid_of web)
	says "web: running, pid $new"
	[ "$new" != "$OLD" ]
	is_one web
	assert_equal 'the answer' "$(ask_web)" "$new 2"
	assert_logged "Server web overlap, pid=$OLD replaced by pid=$new ("
	assert_equal 'lines' "$(grep -c . "$STATE/restart.log")" 2
	grep -qF '"event":"overlap","server":"web","pid":'"$new" "$STATE/history.jsonl"
	assert_equal 'alerts' "$(cat "$ALERTS")" ''
	kill -KILL "$new"
	wait_until "$PATIENCE" pid_differs web "$new" # it is followed as any other
	wait_until "$PATIENCE" is_one web
}

@test "a new process that dies is reported, and the old one goes on" {
	given_one
	version_of web die

	suite_ends 1 restart --overlap web

	says "web: not replaced, pid $OLD goes on; the new process: it ended while it started (exit 3): this version is broken"
	is_one web
	assert_equal 'the answer' "$(ask_web)" "$OLD 1"
	assert_logged "Server web overlap failed, pid=$OLD, left running (it ended while it started"
	flags=$(sed -n 's/^flags:\s*//p' "/proc/$OLD/fdinfo/3")
	assert_equal 'O_NONBLOCK of its socket, as it had set it' "$((0$flags & 04000))" $((04000))
	assert_equal 'alerts' "$(cat "$ALERTS")" ''
}

@test "a new process whose own check fails is ended, though the old one answers well at the same address" {
	given_one 'check_every = 300ms'
	version_of web bad

	suite_ends 1 restart --overlap web

	says "web: not replaced, pid $OLD goes on; the new process: check http://127.0.0.1:$PORT/health does not succeed ("
	wait_until "$PATIENCE" is_one web
	assert_equal 'the answer' "$(ask_web)" "$OLD 1"
}

@test "with heartbeat = notify the new process must say READY=1 itself" {
	require curl
	WEB_OPTIONS=--notify
	given_held web 'heartbeat = notify'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)

	version_of web 2
	suite_ends 0 restart --overlap web
	new=$(pid_of web)
	is_one web
	curl -s "http://127.0.0.1:$PORT/health"
	wait_until "$PATIENCE" message_says web 'version 2' # what it says from now on is heard
	version_of web mute
	suite_ends 1 restart --overlap web

	says "web: not replaced, pid $new goes on; the new process: no READY=1 after 3s"
	is_one web
	assert_equal 'strangers' "$(grep -cF 'is no process of it' "$PRINTED" || :)" 0
}

@test "what it cannot do is refused, and nothing changes" {
	given_one
	given_server plain
	given_web piddy "sockets = tcp://127.0.0.1:$(free_port)" 'pid_from = own, pidfile web.pid'
	other=$(free_port)
	WEB_OPTIONS="--port $other"
	given_web porty "sockets = tcp://127.0.0.1:$(free_port)" "port = $other"
	monitor_stop
	monitor_start all
	for name in web plain piddy porty; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done

	suite_ends 6 restart --overlap plain
	says 'plain: conf gives it no sockets, so a new process could not serve beside it; use restart alone'
	suite_ends 6 restart --overlap piddy
	says 'piddy: pid_from is not own alone: a pidfile or log names one process'
	suite_ends 6 restart --overlap porty
	says "porty: port $other is none of its sockets"
	suite_ends 0 pause web
	suite_ends 1 restart --overlap web
	says 'web: is paused; resume it first'
	suite_ends 0 resume web
	suite_ends 0 stop web
	suite_ends 7 restart --overlap web
	says 'web: it does not run'
	monitor_stop
	suite_ends 7 restart --overlap plain
	says 'no monitor watches it, and overlap needs one'
}

@test "stop during an overlap ends both processes; restart leaves one" {
	WEB_OPTIONS=--notify WEB_PATIENCE=300s
	given_held web 'heartbeat = notify' 'stop = TERM 1s KILL'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	version_of web mute-stubborn
	overlap_begins
	wait_until "$PATIENCE" has_two web

	suite_ends 0 stop web

	assert_equal 'processes' "$(processes_of web)" ''
	order_ends 1
	says 'the new process: overtaken by a later order'
	version_of web 1
	suite_ends 0 start web
	version_of web mute
	overlap_begins
	wait_until "$PATIENCE" has_two web
	version_of web 1
	suite_ends 0 restart web
	order_ends 1
	is_one web
}

@test "the old process dies while the new one starts: the new one is the restart, and no third is started" {
	given_gated
	overlap_begins
	wait_until "$PATIENCE" has_two web
	both=$(processes_of web)

	kill -KILL "$OLD"
	assert_logged "Server web stopped, pid=$OLD, restarting... (signal KILL"
	: >"$SERVERS/open"

	order_ends 0
	new=${both/$OLD/}
	assert_equal 'the server' "$(pid_of web)" "${new// /}"
	is_one web
	assert_logged "Server web restarted, pid=${new// /} ("
}

@test "start_pre runs before the new process, start_post when it serves, stop_post not at all" {
	given_one "start_pre = sh -c 'echo pre >>calls'" "start_post = sh -c 'echo post \$MONITOR_PID >>calls'" \
		"stop_post = sh -c 'echo stop >>calls'"
	wait_until "$PATIENCE" grep -q post "$SERVERS/web/calls"

	suite_ends 0 restart --overlap web

	wait_until "$PATIENCE" grep -qx "post $(pid_of web)" "$SERVERS/web/calls"
	assert_equal 'calls' "$(tr '\n' ' ' <"$SERVERS/web/calls")" "pre post $OLD pre post $(pid_of web) "
	printf '%s\n' 'start_pre = sh -c "echo no; exit 4"' >>"$CONF/servers/web.conf"
	sed -i '/echo pre/d' "$CONF/servers/web.conf"
	suite_ends 0 update
	new=$(pid_of web)
	suite_ends 1 restart --overlap web
	says "not replaced, pid $new goes on; the new process: start_pre failed: exit 4: no"
	is_one web
}

@test "the secrets of an old process that goes on are put back; those of a new one stay" {
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || skip '/dev/shm is no tmpfs here'
	given_held web 'secrets = key=web.key'
	printf 'first' >"$SERVERS/web/web.key"
	chmod 600 "$SERVERS/web/web.key"
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	printf 'second' >"$SERVERS/web/web.key"
	version_of web die

	suite_ends 1 restart --overlap web
	assert_equal 'the copy of the old process' "$(<"$(copy_of web)")" first
	version_of web 2
	suite_ends 0 restart --overlap web

	assert_equal 'the copy of the new process' "$(<"$(copy_of web)")" second
	suite_ends 0 stop web
}

# copy_of NAME - prints the path of the copy of the secret key
copy_of() {
	compgen -G "$(tr '\0' '\n' <"/proc/$(pid_of "$1")/environ" | sed -n 's/^CREDENTIALS_DIRECTORY=//p')/key"
}

@test "the logs of the old process stay where they are, and the kept output of both is in one log" {
	given_one 'logs = *.txt'
	: >"$SERVERS/web/log_1.txt"
	printf 'from the old one\n' >>"/proc/$OLD/fd/1"

	suite_ends 0 restart --overlap web

	[ -e "$SERVERS/web/log_1.txt" ]
	printf 'from the new one\n' >>"/proc/$(pid_of web)/fd/1"
	assert_equal 'the log' "$(tr '\n' ' ' <"$STATE/output/web.log")" 'from the old one from the new one '
}

@test "an overlap that a crash of monitor and helper cuts short: the next monitor leaves the old process alone" {
	WEB_OPTIONS=--notify WEB_PATIENCE=30s
	given_held web 'heartbeat = notify'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	old=$(pid_of web)
	version_of web mute
	overlap_begins
	wait_until "$PATIENCE" has_two web

	monitor_crash

	order_ends 7
	has_two web
	monitor_start web
	wait_until "$PATIENCE" is_one web
	assert_equal 'the server' "$(pid_of web)" "$old"
	assert_equal 'the answer' "$(ask_web)" "$old 1"
}

@test "without a monitor, stop ends both processes of an overlap that was cut short" {
	WEB_OPTIONS=--notify WEB_PATIENCE=30s
	given_held web 'heartbeat = notify'
	monitor_start web
	wait_until "$PATIENCE" state_is web RUNNING
	version_of web mute
	overlap_begins
	wait_until "$PATIENCE" has_two web
	monitor_crash
	order_ends 7

	suite_ends 0 stop web

	assert_equal 'processes' "$(processes_of web)" ''
}

@test "an old process that shuts the socket down, or removes its file, at its end: callers are served all the same" {
	require curl
	WEB_OPTIONS=--shut
	given_one
	WEB_OPTIONS=--unlink
	given_web unix "sockets = unix://$SERVERS/unix/x.sock?mode=666"
	monitor_stop
	monitor_start all
	wait_until "$PATIENCE" state_is unix RUNNING
	wait_until "$PATIENCE" state_is web RUNNING

	suite_ends 0 restart --overlap web unix

	assert_equal 'the answer' "$(ask_web)" "$(pid_of web) 1"
	assert_logged 'Server unix hung, pid='
	assert_logged "the old process has taken socket unix://$SERVERS/unix/x.sock from the new one"
	wait_until "$PATIENCE" is_one unix
	[[ $(curl -s --unix-socket "$SERVERS/unix/x.sock" http://x/) == "$(pid_of unix) 1" ]]
}

@test "an update of another server during an overlap: the overlap is carried out all the same, and one is left" {
	given_gated
	given_server other
	overlap_begins
	wait_until "$PATIENCE" has_two web

	suite_ends 0 update
	: >"$SERVERS/open"

	order_ends 0
	is_one web
	[ "$(pid_of web)" != "$OLD" ]
}

# strike WHAT - kill -9 for one of those that have a part in an overlap
strike() {
	local processes
	case $1 in
	helper) kill -KILL "$(helper_of "$MONITOR")" ;;
	monitor) monitor_crash ;;
	order) kill -KILL "$ORDER" ;;
	old) kill -KILL "$OLD" ;;
	new)
		read -ra processes <<<"$(processes_of web)"
		for process in "${processes[@]}"; do
			[ "$process" = "$OLD" ] || kill -KILL "$process"
		done
		;;
	esac
}

@test "whoever is killed at whatever moment of an overlap: one process is left, it is right, and it serves" {
	local seed=${OVERLAP_SEED:-$RANDOM}
	RANDOM=$seed
	printf '# seed %s\n' "$seed" >&3
	expect_helper_deaths
	victims=(helper monitor order old new helper monitor)
	exec {quiet}<> <(:)
	given_one

	for ((round = 1; round <= ${OVERLAP_ROUNDS:-8}; round++)); do
		victim=${victims[RANDOM % ${#victims[@]}]}
		overlap_begins
		read -rt "0.$(printf '%03d' $((RANDOM % 500)))" -u "$quiet" || : # a moment of it
		printf -- '--- round %s: %s\n' "$round" "$victim" >>"$PRINTED"
		strike "$victim" 2>/dev/null || :
		wait "$ORDER" 2>/dev/null || :
		[ "$victim" != monitor ] || monitor_start web
		wait_until "$PATIENCE" is_one web
		OLD=$(pid_of web)
		assert_equal 'the answer' "$(ask_web)" "$OLD 1"
	done
}

@test "four servers on one held socket, under load, with the monitor and helper killed: no request is refused or reset" {
	expect_helper_deaths
	WEB_OPTIONS='--slow 20' WEB_PATIENCE=60s
	SHARED_SOCKET='?shared'
	for name in w1 w2 w3 w4; do
		given_held "$name"
	done
	monitor_start all
	for name in w1 w2 w3 w4; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done

	load_begins 4
	for ((roll = 1; roll <= ${OVERLAPS:-3}; roll++)); do
		suite_ends 0 restart --overlap w1 w2 w3 w4
		case $((roll % 3)) in
		0) kill -KILL "$(helper_of "$MONITOR")" ;;
		1)
			overlap_begins w1
			monitor_crash
			wait "$ORDER" || :
			monitor_start all
			;;
		esac
		for name in w1 w2 w3 w4; do
			wait_until "$PATIENCE" is_one "$name"
		done
	done
	suite_ends 0 restart --rolling w1 w2 w3 w4
	load_ends

	[[ $LOADED == *' refused=0 reset=0 wrong=0' ]]
}

@test "a server that is stopped leaves the socket that it shares to the others; the last one closes it" {
	require curl
	SHARED_SOCKET='?shared'
	given_held w1
	given_held w2
	monitor_start all
	wait_until "$PATIENCE" state_is w1 RUNNING
	wait_until "$PATIENCE" state_is w2 RUNNING

	suite_ends 0 stop w1

	assert_equal 'who answers' "$(ask_web)" "$(pid_of w2) 1"
	suite_ends 0 start w1
	suite_ends 0 stop w2
	assert_equal 'who answers' "$(ask_web)" "$(pid_of w1) 1"
	suite_ends 0 stop w1
	wait_until "$PATIENCE" is_refused
}

is_refused() {
	! curl -s -m "$PATIENCE" -o "$BATS_TEST_TMPDIR/page" "http://127.0.0.1:$PORT/"
}

@test "servers may share an address with ?shared, if all say so" {
	SHARED_SOCKET='?shared'
	given_held w1
	SHARED_SOCKET=
	given_held w2

	suite_ends 6 check

	says "sockets: tcp://127.0.0.1:$PORT is named by w1, w2; give each an address of its own"
}

@test "a version that fails its check at the second of four: overlapping stops there, and the old ones serve" {
	SHARED_SOCKET='?shared' WEB_PATIENCE=10s # five have the socket: the others answer many checks of the new one
	for name in w1 w2 w3 w4; do
		given_held "$name"
	done
	monitor_start all
	for name in w1 w2 w3 w4; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
	old=$(pid_of w2)
	version_of w2 bad

	suite_ends 1 restart --overlap w1 w2 w3 w4

	says "w2: not replaced, pid $old goes on; the new process: check http://127.0.0.1:$PORT/health does not succeed"
	says '  w1: restarted, pid '
	for name in w2 w3 w4; do
		says "  $name: not restarted, pid $(pid_of "$name") since "
		wait_until "$PATIENCE" is_one "$name"
	done
}
