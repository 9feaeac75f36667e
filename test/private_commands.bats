#!/usr/bin/env bats
# Commands around the life of a server, reloads and exec: they find its env files and secrets, and give none of it away.

# shellcheck disable=SC2016 # it is the shells that conf names which expand all these

load helpers
load fixtures/orders
load fixtures/hostile
load fixtures/private

teardown() {
	local status=0
	end_test || status=1
	withdraw_all || status=1
	return "$status"
}

# given_teller NAME [LINE...] - server NAME has the secret db_password ($SECRET), an env file, and commands around its life;
# each tells in $SERVERS/NAME/told what it finds, and with a file fail.COMMAND it prints the values, and fails
given_teller() {
	given_secret db_password
	given_file "$BATS_TEST_TMPDIR/env" COLOUR=verdigris DB_PASSWORD=topaz-in-a-file MONITOR_CAUSE=none MONITOR_PID=1
	given_dumper "$1" "secrets = db_password=$BATS_TEST_TMPDIR/db_password" "env_file = $BATS_TEST_TMPDIR/env" "${@:2}"
	printf '%s\n' '#!/bin/sh' 'secret=$(cat "$CREDENTIALS_DIRECTORY/db_password")' \
		'echo "$1 $COLOUR $secret ${MONITOR_CAUSE-}" >>told; cat /proc/$$/environ >"environment.$1"' \
		'ls "$CREDENTIALS_DIRECTORY/.." >>kinds' \
		'[ ! -e "fail.$1" ] || { echo "fatal: $DB_PASSWORD, $secret"; exit 3; }' >"$SERVERS/$1/tell"
	chmod 755 "$SERVERS/$1/tell"
}

EVERY_COMMAND=('start_pre = ./tell pre' 'start_post = ./tell post' 'stop_post = ./tell stopped' 'reload = command ./tell reload'
	"stop = command sh -c './tell stop && kill \$MONITOR_PID' 20s TERM 5s KILL")

told() {
	sort -s -k 1,1 "$SERVERS/web/told" | paste -sd ,
}

told_is() {
	[ "$(told)" = "$1" ]
}

assert_told() {
	wait_until "$PATIENCE" told_is "$1" || assert_equal 'what the commands told' "$(told)" "$1"
}

# has_no_trace TEXT - no file of the state, of what was printed, sent or told to a hook holds TEXT, nor an argument of a process
has_no_trace() {
	assert_hidden "$1" "$MONITOR" "$(helper_of "$MONITOR")"
	assert_equal 'files of the state that show the secret' "$(grep -rlaF -- "$1" "$STATE")" ''
}

@test "each command around a life, a reload and the command of stop find variables and secrets; nothing is left after a stop" {
	given_guest web
	given_teller web 'user = nobody' "${EVERY_COMMAND[@]}"
	chown nobody "$SERVERS/web"
	monitor_start web
	runs web
	know_copies "/proc/$RUNS/environ"
	assert_told "post verdigris $SECRET ,pre verdigris $SECRET "

	suite_ends 0 reload web
	suite_ends 0 stop web

	is_withdrawn
	assert_told "post verdigris $SECRET ,pre verdigris $SECRET ,reload verdigris $SECRET ,stop verdigris $SECRET ,stopped verdigris $SECRET stopped by order"
	for command in pre post reload stop stopped; do
		know_copies "$SERVERS/web/environment.$command"
		assert_equal "directory of $command" "${COPIES%/*/*}" /run/monitor.sh
		assert_equal "owner of what $command has written" "$(stat -c %U "$SERVERS/web/environment.$command")" nobody
	done
	has_no_trace "$SECRET"
}

@test "a clean environment is clean for the commands and for exec too" {
	given_teller web 'environment_clean = yes' "${EVERY_COMMAND[@]}"
	only='COLOUR|CREDENTIALS_DIRECTORY|DB_PASSWORD|HOME|INVOCATION_ID|LANG|LOGNAME|MONITOR_CAUSE|MONITOR_COMMAND|MONITOR_PID|MONITOR_PORT|MONITOR_SERVER|PATH|PWD|TZ|USER'

	LEAK=1 suite_ends 0 start web
	LEAK=1 suite_ends 0 stop web
	LEAK=1 suite_ends 0 exec web -- ./tell exec

	for command in pre post stop stopped exec; do
		assert_equal "environment of $command" "$(tr '\0' '\n' <"$SERVERS/web/environment.$command" | grep -vE "^($only)=")" ''
	done
}

@test "what a command prints has stars for the values, wherever it is told: no file, environment or argument shows them" {
	given_teller web "${EVERY_COMMAND[@]}" 'give_up = 1 in 60s'
	: >"$SERVERS/web/fail.pre"
	monitor_start web

	wait_until "$PATIENCE" state_is web FATAL
	assert_alerted give_up web 'start_pre failed: exit 3: fatal: ***, ***'
	message_says web 'start_pre failed: exit 3: fatal: ***, ***'
	assert_logged 'Server web not started, '
	wait_until "$PATIENCE" grep -q '"event":"output","server":"web".*fatal: \*\*\*, \*\*\*' "$STATE/history.jsonl"
	wait_until "$PATIENCE" grep -qF 'MONITOR_OUTPUT=fatal: ***, ***' "$BATS_TEST_TMPDIR/alerts.env"
	mv "$SERVERS/web/fail.pre" "$SERVERS/web/fail.post"
	suite_ends 0 clear web
	runs web
	assert_logged "Server web start_post failed, pid=$RUNS, left running (exit 3: fatal: ***, ***)"
	: >"$SERVERS/web/fail.reload"
	suite_ends 1 reload web
	assert_answered 'web: its command failed: exit 3: fatal: ***, ***'
	touch "$SERVERS"/web/fail.{stop,stopped}
	suite_ends 0 stop web
	assert_said 'web: the command of stop failed: exit 3: fatal: ***, ***'
	assert_logged "Server web stop_post failed, pid=$RUNS (exit 3: fatal: ***, ***)"

	for text in "$SECRET" topaz-in-a-file; do
		has_no_trace "$text"
	done
}

@test "neither the monitor nor its helper has a value in memory, after all commands have printed it" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to read the memory of other processes'
	given_teller web "${EVERY_COMMAND[@]}" 'give_up = 2 in 60s'
	touch "$SERVERS"/web/fail.{pre,reload,post,stop,stopped}
	monitor_start web
	wait_until "$PATIENCE" state_is web FATAL
	rm "$SERVERS/web/fail.pre"
	suite_ends 0 clear web
	runs web
	suite_ends 1 reload web
	suite_ends 0 restart web
	runs web
	wait_until "$PATIENCE" grep -qs 'fatal: \*\*\*' "$STATE/history.jsonl"

	for pid in "$MONITOR" "$(helper_of "$MONITOR")"; do
		for text in "$SECRET" topaz-in-a-file; do
			run -1 "$(python)" -I -S "$FIXTURES/in_memory.py" "$pid" <<<"$text"
		done
	done
	run -0 "$(python)" -I -S "$FIXTURES/in_memory.py" "$RUNS" <<<topaz-in-a-file # it would be found
}

@test "only the last of a flood is kept, and a program that fled with the output delays nothing" {
	given_teller web "start_pre = sh -c 'seq 100000; setsid -f sh -c \"exec sleep 1000\"; echo the last line; exit 7'" 'give_up = 1 in 60s'
	monitor_start web

	wait_until "$PATIENCE" state_is web FATAL

	message_says web 'start_pre failed: exit 7: the last line'
	wait_until "$PATIENCE" grep -q '"event":"output"' "$STATE/history.jsonl"
	[ "$(grep '"event":"output"' "$STATE/history.jsonl" | wc -c)" -lt 6000 ]
}

@test "a start_pre that changes the secret: the server gets what it says then, and those of the run before stay known" {
	given_teller web 'start_pre = ./renew'
	printf '%s\n' '#!/bin/sh' '[ ! -e again ] || echo sesame-three >../../db_password' 'cat "$CREDENTIALS_DIRECTORY/db_password" >>told' \
		>"$SERVERS/web/renew"
	chmod 755 "$SERVERS/web/renew"
	monitor_start web
	assert_copy web "$SECRET"

	: >"$SERVERS/web/again"
	given_file "$BATS_TEST_TMPDIR/db_password" sesame-two
	restarts web

	assert_copy web sesame-three
	assert_told "$SECRET,sesame-two"
	assert_equal 'the copy of the run before' "$(<"${COPIES%/now}/before/db_password")" "$SECRET" # its last words have stars by it
}

@test "a fault of a private file is told as one of the start, also if start_pre is what meets it first" {
	given_teller web 'start_pre = ./tell pre' 'stop_post = ./tell stopped' 'backoff = 50ms 50ms' 'give_up = never'
	printf '%s\n' COLOUR >"$BATS_TEST_TMPDIR/env"
	suite_ends 6 start web
	assert_answered "web: $BATS_TEST_TMPDIR/env:1: not NAME=value;"
	given_server other
	monitor_start web other

	assert_logged "Server web not started, next try in 0s ($BATS_TEST_TMPDIR/env:1: not NAME=value;"
	run ! grep -qF 'start_pre failed' "$STATE/restart.log"
	rm "$BATS_TEST_TMPDIR/db_password"
	printf '%s\n' COLOUR=verdigris >"$BATS_TEST_TMPDIR/env"
	assert_logged "Server web not started, next try in 0s ($CONF/servers/web.conf:3: secrets: db_password: $BATS_TEST_TMPDIR/db_password: no such file;"
	[ ! -e "$SERVERS/web/told" ]
	given_file "$BATS_TEST_TMPDIR/db_password" "$SECRET"

	runs web
	assert_copy web "$SECRET"
}

@test "a file that does not answer makes a server with start_pre UNKNOWN, and it starts when the file answers" {
	given_teller web "start_pre = ./tell pre" 'start_timeout = 1s' 'give_up = 1 in 60s'
	mkdir "$BATS_TEST_TMPDIR/src"
	given_file "$BATS_TEST_TMPDIR/src/env" COLOUR=verdigris
	sed -i "s|^env_file.*|env_file = $BATS_TEST_TMPDIR/mnt/env|" "$CONF/servers/web.conf"
	given_fuse "$BATS_TEST_TMPDIR/src" "$BATS_TEST_TMPDIR/mnt"
	kill -STOP "$FUSE"
	monitor_start web

	wait_until "$PATIENCE" message_says web "$BATS_TEST_TMPDIR/mnt/env does not answer"
	state_is web UNKNOWN
	kill -CONT "$FUSE"

	runs web
	assert_told "pre verdigris $SECRET "
	run ! grep -qF 'not started' "$STATE/restart.log"
}

@test "redis: it reads its password from a secret; start_pre, start_post, reload and the command of stop find theirs" {
	require redis-server redis-cli
	local port
	port=$(free_port)
	given_secret redis.conf
	given_file "$BATS_TEST_TMPDIR/redis.conf" "requirepass $SECRET"
	given_file "$BATS_TEST_TMPDIR/env" "REDISCLI_AUTH=$SECRET"
	mkdir "$SERVERS/redis"
	given_conf redis "dir = $SERVERS/redis" 'match = redis-server' "port = $port" "env_file = $BATS_TEST_TMPDIR/env" \
		"secrets = redis.conf=$BATS_TEST_TMPDIR/redis.conf" \
		"command = sh -c 'exec redis-server - --bind 127.0.0.1 --port $port <\$CREDENTIALS_DIRECTORY/redis.conf'" \
		"start_pre = sh -c 'grep -q ^requirepass \$CREDENTIALS_DIRECTORY/redis.conf'" \
		"start_post = redis-cli -p $port -e set started yes" "reload = command redis-cli -p $port -e config set maxclients 77" \
		"stop = command redis-cli -p $port -e shutdown 30s KILL"
	monitor_start redis
	runs redis
	asked() { REDISCLI_AUTH=$SECRET redis-cli -p "$port" "$@" | tail -n 1; }
	has_started() { [ "$(asked get started)" = yes ]; }
	wait_until "$PATIENCE" has_started

	suite_ends 0 reload redis
	assert_equal 'maxclients' "$(asked config get maxclients)" 77
	suite_ends 0 stop redis

	assert_equal 'the answer' "$(<"$SAID")" 'redis: stopped'
	run ! grep -F failed "$STATE/restart.log" "$PRINTED"
	grep -q 'User requested shutdown' "$STATE/output/redis.log"
	has_no_trace "$SECRET"
}

# --- when the copies go

@test "stop_post still finds the secrets after a death, a stop and a give_up; then they go" {
	given_teller web 'stop_post = ./tell stopped' 'give_up = 2 in 60s'
	monitor_start web
	assert_copy web "$SECRET"

	restarts web
	assert_told "stopped verdigris $SECRET signal KILL"
	kill -KILL "$(pid_of web)"
	wait_until "$PATIENCE" state_is web FATAL
	assert_withdrawn
	assert_told "stopped verdigris $SECRET signal KILL,stopped verdigris $SECRET signal KILL"
	suite_ends 0 clear web
	assert_copy web "$SECRET"
	suite_ends 0 stop web

	is_withdrawn
	assert_told "stopped verdigris $SECRET signal KILL,stopped verdigris $SECRET signal KILL,stopped verdigris $SECRET stopped by order"
}

@test "a slow stop_post keeps the secrets as long as it runs, also of a server that is left alone" {
	given_teller web "stop_post = sh -c 'until [ -e go ]; do sleep 0.05; done; ./tell stopped'" 'restart = never'
	monitor_start web
	assert_copy web "$SECRET"

	kill -KILL "$RUNS"
	wait_until "$PATIENCE" state_is web EXITED
	[ -e "$COPIES/db_password" ]
	: >"$SERVERS/web/go"

	assert_withdrawn
	assert_told "stopped verdigris $SECRET signal KILL"
}

@test "a pause takes the secrets of a start_pre, of a wait and of a dead server away; the stop_post that is due gets them again" {
	given_teller web "start_pre = sh -c './tell pre; [ ! -e wait ] || exec sleep 1000'" 'stop_post = ./tell stopped' 'backoff = 1h 1h'
	monitor_start web
	assert_copy web "$SECRET"
	suite_ends 0 pause web
	[ -e "$COPIES/db_password" ]
	kill -KILL "$RUNS"
	assert_withdrawn

	: >"$SERVERS/web/wait"
	operator resume web
	assert_told "pre verdigris $SECRET ,pre verdigris $SECRET ,stopped verdigris $SECRET signal KILL"
	[ -e "$COPIES/db_password" ]
	suite_ends 0 pause web
	assert_withdrawn
	operator_ends 1
	rm "$SERVERS/web/wait"
	: >"$SERVERS/web/fail"
	operator resume web
	wait_until "$PATIENCE" state_is web BACKOFF
	[ -e "$COPIES/db_password" ]
	suite_ends 0 pause web

	assert_withdrawn
	operator_ends 1
}

@test "a stop during start_pre leaves no copy behind" {
	given_teller web "start_pre = sh -c './tell pre; exec sleep 1000'"
	monitor_start web
	wait_until "$PATIENCE" test -s "$SERVERS/web/environment.pre"
	know_copies "$SERVERS/web/environment.pre"
	[ -e "$COPIES/db_password" ]

	suite_ends 0 stop web

	is_withdrawn
}

@test "a monitor that is killed over a stop_post: the next one runs it no second time, and takes the secrets away" {
	given_teller web "stop_post = sh -c './tell stopped; until [ -e go ]; do sleep 0.05; done'"
	monitor_start web
	assert_copy web "$SECRET"
	operator stop web
	assert_told "stopped verdigris $SECRET stopped by order"

	monitor_crash
	operator_ends 7
	: >"$SERVERS/web/go"
	monitor_start web

	wait_until "$PATIENCE" state_is web STOPPED
	assert_withdrawn
	assert_told "stopped verdigris $SECRET stopped by order"
}

@test "without a monitor the commands find them too, and neither a stop nor a failed start leaves a copy" {
	given_teller web "${EVERY_COMMAND[@]}"

	suite_ends 0 start web
	know_copies "$SERVERS/web/environment.pre"
	suite_ends 0 stop web
	is_withdrawn
	assert_told "post verdigris $SECRET ,pre verdigris $SECRET ,stop verdigris $SECRET ,stopped verdigris $SECRET stopped by order"
	: >"$SERVERS/web/fail.pre"
	suite_ends 1 start web
	assert_answered 'web: start_pre failed: exit 3: fatal: ***, ***'

	assert_withdrawn
}

# --- exec

# given_name - $WEB is a name that no other test has: what is left of its copies shows in a directory that all tests share
given_name() {
	WEB=web$BASHPID
	HOME_OF_COPIES=/run/monitor.sh
	[ "$(id -u)" -eq 0 ] || HOME_OF_COPIES=/dev/shm/monitor.sh-$(id -u)
}

# copies_of_exec - prints what exec of server $WEB has copied
copies_of_exec() {
	compgen -G "$HOME_OF_COPIES/$WEB.exec-*" || compgen -G "${XDG_RUNTIME_DIR:-/nowhere}/monitor.sh/$WEB.exec-*"
}

has_no_copies_of_exec() {
	! copies_of_exec >/dev/null
}

exec_in_background() {
	suite exec "$WEB" -- "$@" </dev/null >/dev/null 2>&1 4>&- &
}

@test "exec of a server that is stopped gets variables and secrets of its own, and leaves nothing behind, however it ends" {
	given_name
	given_teller "$WEB"

	run -42 suite exec "$WEB" -- sh -c './tell exec; exit 42'
	assert_equal 'what it got' "$(<"$SERVERS/$WEB/told")" "exec verdigris $SECRET "
	wait_until "$PATIENCE" has_no_copies_of_exec
	exec_in_background sh -c 'echo $$ >pid; exec sleep 1000'
	wait_until "$PATIENCE" test -s "$SERVERS/$WEB/pid"
	copies_of_exec
	kill -KILL "$(<"$SERVERS/$WEB/pid")"
	wait_until "$PATIENCE" has_no_copies_of_exec
	suite_ends 127 exec "$WEB" -- ./absent
	rm "$BATS_TEST_TMPDIR/db_password"
	suite_ends 6 exec "$WEB" -- ./tell exec
	assert_answered "$WEB: $CONF/servers/$WEB.conf:3: secrets: db_password: $BATS_TEST_TMPDIR/db_password: no such file"

	wait_until "$PATIENCE" has_no_copies_of_exec
}

@test "what an exec left behind whose remover was killed, the next one removes" {
	given_name
	given_teller "$WEB"
	exec_in_background sh -c 'echo $$ >pid; exec sleep 1000'
	wait_until "$PATIENCE" test -s "$SERVERS/$WEB/pid"
	mapfile -t removers < <(pids_with "*execute.py * $WEB -- *")
	assert_equal 'removers' "${#removers[@]}" 1
	kill -KILL "${removers[0]}"
	wait_until "$PATIENCE" is_gone "${removers[0]}"
	kill -KILL "$(<"$SERVERS/$WEB/pid")"
	wait_until "$PATIENCE" is_gone "$(<"$SERVERS/$WEB/pid")"
	copies_of_exec

	suite_ends 0 exec "$WEB" -- true

	wait_until "$PATIENCE" has_no_copies_of_exec
}

@test "exec takes nothing from a server that runs, and its start and stop take nothing from exec; update sees no change" {
	given_name
	given_teller "$WEB"
	mkfifo "$SERVERS/$WEB/go" # to wait for it without a sleep: the server is one
	exec_in_background sh -c './tell exec; : >begun; read -r _ <go; ./tell later'
	exec=$!
	wait_until "$PATIENCE" test -e "$SERVERS/$WEB/begun"
	monitor_start "$WEB"
	assert_copy "$WEB" "$SECRET"

	suite_ends 0 exec "$WEB" -- ./tell beside
	assert_equal 'the copy of the server' "$(<"$COPIES/db_password")" "$SECRET"
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'
	suite_ends 0 stop "$WEB"
	: >"$SERVERS/$WEB/go"
	wait "$exec"

	assert_equal 'what they got' "$(paste -sd , "$SERVERS/$WEB/told")" \
		"exec verdigris $SECRET ,beside verdigris $SECRET ,later verdigris $SECRET "
	wait_until "$PATIENCE" has_no_copies_of_exec
}
