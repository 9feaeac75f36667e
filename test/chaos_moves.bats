#!/usr/bin/env bats
# Chaos for servers that change their process by themselves: some restart gracefully, one has a parent that restarts it,
# and monitor or helper are killed meanwhile.  Never a copy too many, no start but ours after a death, none lost.
#
# CHAOS_ROUNDS  how many rounds (20)
# CHAOS_SEED    the seed, which is printed, to have the same rounds again

load helpers
load fixtures/orders
load fixtures/load
load fixtures/chaos

NAMES=(login_server web web_pidfile msg_server)
# shellcheck disable=SC2034 # fixtures/chaos.bash reads it
CHANCES=(login_server:kill_server web:kill_server web:reload_server web:reload_server
	web_pidfile:kill_server web_pidfile:reload_server web_pidfile:reload_server msg_server:kill_server)

# given_web NAME [LINE...] - a server that restarts gracefully (fixtures/graceful.c)
given_web() {
	local port
	port=$(free_port)
	mkdir -p "$SERVERS/$1"
	cp "$(fixture graceful)" "$SERVERS/$1/graceful"
	given_conf "$1" "dir = $SERVERS/$1" "command = ./graceful $port of-$1" "port = $port" "${@:2}"
}

# given_kept NAME - a server that procctl restarts
given_kept() {
	given_server "$1"
	start_stranger "$SERVERS/$1" "$(python)" -BEs "$ROOT/pyhelpers/procctl.py" 0.2 "./$1"
	wait_until "$PATIENCE" test -s "$SERVERS/$1/starts"
}

# reload_server NAME - the process that runs_well has found makes its successor
reload_server() {
	printf '%s\n' "$1" >>"$BATS_TEST_TMPDIR/reloaded"
	kill -HUP "$PID"
}

# one_move SERVER:HOW TARGET FIRST SECONDS
one_move() {
	local server=${1%:*} old
	wait_until "$PATIENCE" runs_well "$server"
	wait_until "$PATIENCE" answers "$server"
	wait_until "$PATIENCE" has_helper
	old=$PID

	strike "$server" "${@:2}" "${1#*:}" 2>/dev/null # bash would tell of the monitor's end

	if [[ $2 == *monitor* ]]; then
		wait "$MONITOR" 2>/dev/null || :
		monitor_start "${NAMES[@]}"
	fi
	wait_until 30 is_followed_elsewhere "$server" "$old"
	[ "$2:${1#*:}" != nobody:kill_server ] || tail -n 1 "$BATS_TEST_TMPDIR/killed" >>"$BATS_TEST_TMPDIR/seen"
}

# one_death_each - whatever the seed has chosen, each server dies once while its monitor watches
one_death_each() {
	for name in "${NAMES[@]}"; do
		one_move "$name:kill_server" nobody server 0
	done
}

# is_followed_elsewhere NAME OLD - is OLD gone, and does NAME run well as another process?
is_followed_elsewhere() {
	is_gone "$2" && runs_well "$1" && [ "$PID" != "$2" ]
}

# times_in FILE NAME - prints how many lines of that file of the rounds begin with NAME
times_in() {
	grep -cE "^$2( |\$)" "$BATS_TEST_TMPDIR/$1" || :
}

# assert_web_well NAME - it runs once, has made a successor for each HUP, was started for each death and no more often, and
# never ran more than twice at once
assert_web_well() {
	local killed
	killed=$(times_in killed "$1")
	wait_until "$PATIENCE" runs_well "$1"
	assert_equal "living copies of $1" "$(copies_of "$1" graceful)" "$PID"
	# shellcheck disable=SC2034 # fixtures/load.bash reads them
	SAMPLES=$BATS_TEST_TMPDIR/samples.$1 SAMPLER=${samplers[$1]}
	assert_copies $((killed + 1 + $(times_in reloaded "$1"))) 2
}

# assert_kept_well NAME - it runs once, as a child of its own parent, and we have never started it
assert_kept_well() {
	wait_until "$PATIENCE" runs_well "$1"
	assert_equal "living copies of $1" "$(copies_of "$1")" "$PID"
	assert_equal "starts of $1 by us" "$(logged_times "Server $1 started,")+$(logged_times "Server $1 restarted,")" 0+0
	# shellcheck disable=SC2034 # fixtures/load.bash reads them
	SAMPLES=$BATS_TEST_TMPDIR/samples.$1 SAMPLER=${samplers[$1]}
	assert_copies $(($(times_in killed "$1") + 1)) 1
}

# answers NAME - has the helper looked at all servers?  Only then it reads orders; before, it sees no kill
answers() {
	suite clear "$1" >/dev/null 2>&1
}

# assert_deaths_told - each kill was told once, and nothing else was; of a server that its parent restarts, a kill that no
# monitor saw is none to tell, and one that a monitor saw is
assert_deaths_told() {
	diff <(grep -v '^msg_server ' "$BATS_TEST_TMPDIR/killed" | cut -d ' ' -f 2 | sort | sed 's/^/1 /') \
		<(deaths_told | grep -v ' msg_server-' | sort -k 2) >&2
	deaths_told | sed -n 's/^\([0-9]* msg_server-\)/\1/p' >"$BATS_TEST_TMPDIR/told"
	run ! grep -v "^1 " "$BATS_TEST_TMPDIR/told"
	run ! grep -vxFf <(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/killed") <(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/told")
	grep '^msg_server ' "$BATS_TEST_TMPDIR/seen" | cut -d ' ' -f 2 >"$BATS_TEST_TMPDIR/to_tell"
	run ! grep -vxFf <(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/told") "$BATS_TEST_TMPDIR/to_tell"
}

@test "servers that restart gracefully, or whose parent restarts them, while monitor and helper are killed" {
	declare -A samplers
	given_chaos
	printf '%s\n' 'interval = 1s' 'start_seconds = 200ms' 'rival_wait = 60s' >"$CONF/monitor.conf"
	given_server login_server
	given_web web
	given_web web_pidfile 'pid_from = own, pidfile server.pid'
	: >"$SERVERS/web_pidfile/pidfile"
	: >"$BATS_TEST_TMPDIR/reloaded"
	: >"$BATS_TEST_TMPDIR/seen"
	given_kept msg_server
	for name in web web_pidfile msg_server; do
		sample "$(find "$SERVERS/$name" -name graceful -o -name msg_server -type f)" "$SERVERS/$name"
		samplers[$name]=$SAMPLER
	done
	monitor_start "${NAMES[@]}"

	rounds "$SEED" one_move monitor helper monitor+helper nobody
	one_death_each

	assert_left_alone login_server # and so the others, for three intervals
	assert_equal 'starts of login_server' "$(starts_of login_server)" $(($(times_in killed login_server) + 1))
	assert_web_well web
	assert_web_well web_pidfile
	assert_kept_well msg_server
	assert_deaths_told
}
