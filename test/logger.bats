#!/usr/bin/env bats
# output = |PROGRAM: a logger of the user's choice reads what a server prints, and no byte is lost, whoever dies.

load helpers

KILLS=${LOGGER_KILLS:-5}               # of the logger, and of the server
HELPER_KILLS=${LOGGER_HELPER_KILLS:-2} # of the helper

setup_file() {
	export PYTHONDONTWRITEBYTECODE=1
}

# given_logged NAME WRITERS LINES PAUSE LOGGER... - a server that prints so many lines, into that logger
given_logged() {
	mkdir -p "$SERVERS/$1"
	cp "$(fixture talk)" "$SERVERS/$1/talk"
	given_conf "$1" "dir = $SERVERS/$1" "command = ./talk $2 $3 $4" "output = |${*:5}"
}

has_talked() {
	[ "$(wc -l <"$SERVERS/$1/talked")" -eq "$2" ]
}

# logger_of NAME - the pid of its logger
logger_of() {
	head -n 1 "$STATE/servers/$1/logger"
}

# has_logger NAME NOT - has NAME a living logger with another pid than NOT?
has_logger() {
	local pid
	pid=$(logger_of "$1") && [ "$pid" != "$2" ] && ! is_gone "$pid"
}

lines() {
	"$(python)" -E -s "$FIXTURES/lines.py" "$@"
}

# given_steady LOGGER... - a server that prints until it is killed, into that logger, and lives
given_steady() {
	mkdir -p "$SERVERS/talk"
	cp "$(fixture steady)" "$SERVERS/talk/steady"
	given_conf talk "dir = $SERVERS/talk" 'command = ./steady 200' 'start_seconds = 100ms' "output = |$*"
	monitor_start talk
	wait_until "$PATIENCE" has_logger talk 0
	wait_until "$PATIENCE" state_is talk RUNNING
}

# is_hit_in_turn SIGNAL - logger (by SIGNAL), server and helper end again and again, at random moments; then all is out
is_hit_in_turn() {
	local kill old
	for ((kill = 0; kill < KILLS; kill++)); do
		old=$(logger_of talk)
		kill -s "$1" "$old"
		wait_until 60 has_logger talk "$old"
		old=$(pid_of talk)
		kill -KILL "$old"
		wait_until "$PATIENCE" pid_differs talk "$old"
		((kill >= HELPER_KILLS)) || kill -KILL "$(helper_of "$MONITOR")"
		wait_until "$PATIENCE" is_watched
		wait_until "$PATIENCE" state_is talk RUNNING
		sleep "0.$((RANDOM % 9))" # a random moment
	done
	suite_ends 0 stop talk
}

# is_whole FILE... - is each line of each run in there once, whole, in its order?
is_whole() {
	lines runs "$SERVERS/talk/counts" "$@"
}

@test "logger, server and helper are killed in turn: each line of each run is there once, whole, in its order" {
	expect_helper_deaths
	given_steady "$(fixture splicer)" log

	is_hit_in_turn KILL

	wait_until "$PATIENCE" is_whole "$SERVERS/talk/log"
	assert_said 'its logger is started again: signal KILL'
	[ "$(find "$SERVERS/talk/counts" -type f | wc -l)" -gt "$KILLS" ]
}

@test "s6-log is ended, server and helper are killed in turn: each line of each run is there once, whole, in its order" {
	require s6-log
	expect_helper_deaths
	given_steady "$(command -v s6-log)" n100 s16000000 "$SERVERS/talk/logs"

	is_hit_in_turn TERM

	wait_until "$PATIENCE" is_whole "$SERVERS/talk/logs/current"
}

@test "the helper follows the logger that an earlier one started: there is never a second reader" {
	given_logged talk 1 10 0 "$(fixture splicer)" log
	monitor_start talk
	wait_until "$PATIENCE" has_logger talk 0
	wait_until "$PATIENCE" state_is talk RUNNING
	old=$(logger_of talk)

	monitor_crash
	monitor_start talk
	wait_until "$PATIENCE" is_watched
	assert_left_alone talk

	assert_equal 'logger' "$(logger_of talk)" "$old"
	kill -KILL "$old"
	wait_until "$PATIENCE" has_logger talk "$old"
}

@test "the server is killed: what it printed is in the log, and its successor prints into the same pipe" {
	given_logged talk 1 1000 0 "$(fixture splicer)" log
	monitor_start talk
	for ((round = 1; round <= KILLS; round++)); do
		wait_until "$PATIENCE" has_talked talk "$round"
		old=$(pid_of talk)
		kill -KILL "$old"
		wait_until "$PATIENCE" pid_differs talk "$old"
	done
	wait_until "$PATIENCE" has_talked talk "$round"

	wait_until "$PATIENCE" has_lines $((1000 * round))
}

has_lines() {
	[ "$(wc -l <"$SERVERS/talk/log")" -eq "$1" ]
}

@test "s6-log reads a server" {
	require s6-log
	given_logged talk 1 1000 0 "$(command -v s6-log)" n5 s1000000 "$SERVERS/talk/logs"

	monitor_start talk

	wait_until "$PATIENCE" grep -q '^0 999 x' "$SERVERS/talk/logs/current"
	assert_equal 'lines' "$(wc -l <"$SERVERS/talk/logs/current")" 1000
}

@test "a new command in conf ends the old logger and starts the new one" {
	given_logged talk 1 10 0 "$(fixture splicer)" log
	monitor_start talk
	wait_until "$PATIENCE" has_logger talk 0
	wait_until "$PATIENCE" state_is talk RUNNING
	old=$(logger_of talk)
	given_conf talk "dir = $SERVERS/talk" 'command = ./talk 1 10' "output = |$(fixture splicer) other"

	suite_ends 0 update

	wait_until "$PATIENCE" has_logger talk "$old"
	wait_until "$PATIENCE" is_gone "$old"
	wait_until "$PATIENCE" test -s "$SERVERS/talk/other"
}

@test "a logger that cannot be executed is named, and the server runs" {
	given_logged talk 1 10 0 ./nothing

	monitor_start talk

	assert_said 'its logger is started again: ./nothing is not in'
	wait_until "$PATIENCE" state_is talk RUNNING
}

@test "output = -: the server prints where the monitor does" {
	given_logged talk 1 10 0 x
	given_conf talk "dir = $SERVERS/talk" 'command = ./talk 1 10' 'output = -'

	monitor_start talk

	assert_said '0 9 xxx'
}
