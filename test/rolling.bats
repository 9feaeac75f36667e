#!/usr/bin/env bats
# restart --rolling and drill --rolling: the next servers are touched only when the last ones are RUNNING and healthy.
#
# ROLLS  how often the load tests restart all servers (3)
# shellcheck disable=SC2034 # fixtures/web.bash reads WEB_...

load helpers
load fixtures/web

says() {
	grep -qF -- "$1" "$SAID" || {
		printf 'not said: %s\n' "$1" >&2
		return 1
	}
}

# given_three [LINE...] - the servers one, two and three, each on a port of its own, running; $PORTS
given_three() {
	local name
	PORTS=()
	for name in one two three; do
		PORTS+=("$(free_port)")
		WEB_OPTIONS="--port ${PORTS[-1]}"
		given_web "$name" "port = ${PORTS[-1]}" "check = http http://127.0.0.1:${PORTS[-1]}/health" "$@"
	done
	monitor_start all
	for name in one two three; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done
}

# pids - prints the pids of the three
pids() {
	printf '%s\n' "$(pid_of one) $(pid_of two) $(pid_of three)"
}

# order_of EVENT - prints the names of the servers in the order in which history has that event
order_of() {
	grep -F "\"event\":\"$1\"" "$STATE/history.jsonl" | sed 's/.*"server":"\([^"]*\)".*/\1/' | tr '\n' ' '
}

@test "restart --rolling stops a server only when the one before is RUNNING and healthy" {
	given_three
	: >"$STATE/history.jsonl"

	suite_ends 0 restart --rolling one two three

	grep -E '"event":"(stopped|started)"' "$STATE/history.jsonl" |
		sed 's/.*"event":"\([^"]*\)","server":"\([^"]*\)".*/\1 \2/' >"$BATS_TEST_TMPDIR/order"
	assert_equal 'the order' "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/order")" \
		'stopped one started one stopped two started two stopped three started three '
}

@test "restart --rolling --at-once 2 takes two at a time" {
	given_three
	: >"$STATE/history.jsonl"

	suite_ends 0 restart --rolling --at-once 2 one two three

	assert_equal 'the last to be stopped, and to be started' \
		"$(order_of stopped | cut -d' ' -f3) $(order_of started | cut -d' ' -f3)" 'three three'
	grep -nE '"event":"(stopped|started)"' "$STATE/history.jsonl" >"$BATS_TEST_TMPDIR/order"
	[[ $(sed -n '5s/.*"event":"\([^"]*\)","server":"\([^"]*\)".*/\1 \2/p' "$BATS_TEST_TMPDIR/order") == 'stopped three' ]]
}

@test "a version that fails its check at the second: rolling stops there, and says what runs what" {
	given_three
	before=$(pids)
	version_of one 2
	version_of two bad
	version_of three 2

	suite_ends 1 restart --rolling one two three

	says 'two: not restarted well: check http://127.0.0.1'
	says 'stopped there:'
	says "  one: restarted, pid $(pid_of one) since "
	says "  three: not restarted, pid ${before##* } since "
	says ', with the conf that the monitor read at '
	assert_equal 'version of one' "$(ask_web "${PORTS[0]}")" "$(pid_of one) 2"
	assert_equal 'version of three' "$(ask_web "${PORTS[2]}")" "${before##* } 1"
}

@test "a version that dies at its start ends rolling at once, not after the timeout" {
	given_three 'backoff = 20s 60s'
	version_of two die

	SECONDS=0
	suite_ends 1 restart --rolling one two three

	((SECONDS < 20))
	says 'two: not restarted well: it ended while it started (exit 3): this version is broken'
}

@test "what was started before the conf that the monitor has now, and what it was started with, is said" {
	given_three
	old=$(pid_of three)
	printf '%s\n' 'start_seconds = 300ms' >>"$CONF/servers/one.conf"
	wait_until "$PATIENCE" is_up_for three 2
	suite_ends 0 update
	version_of two die

	suite_ends 1 restart --rolling one two three

	says "  three: not restarted, pid $old since "
	grep -qE "three: not restarted, pid $old since [-0-9 :]+, from before the conf that the monitor read at [-0-9 :]+$" "$SAID"
	grep -qE 'one: restarted, pid [0-9]+ since [-0-9 :]+, with the conf that the monitor read at [-0-9 :]+$' "$SAID"
}

@test "an operator's command that is killed leaves all servers running, and touches no further one" {
	given_three
	old=$(pid_of three)
	: >"$STATE/history.jsonl"
	"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" restart --rolling one two three >"$SAID" 2>&1 3>&- 4>&- &
	order=$!
	wait_until "$PATIENCE" grep -qF '"event":"stopped","server":"one"' "$STATE/history.jsonl"

	kill -KILL "$order"

	wait "$order" || :
	wait_until "$PATIENCE" state_is one RUNNING
	wait_until "$PATIENCE" state_is two RUNNING
	assert_left_alone three
	assert_equal 'pid of three' "$(pid_of three)" "$old"
}

@test "drill --rolling kills one after another, and stops at the first that does not come back" {
	given_three
	old=$(pid_of three)

	suite_ends 0 drill --rolling one two
	says 'one: killed pid '
	says 'two: killed pid '
	version_of two die
	suite_ends 1 drill --timeout 3s --rolling one two three

	says 'two: killed pid '
	says '  three: not restarted, pid '
	assert_equal 'pid of three' "$(pid_of three)" "$old"
}

@test "--rolling, --at-once and --overlap: what is wrong with a command line is said" {
	suite_ends 2 restart --at-once 2 one
	says 'restart --at-once goes with --rolling'
	suite_ends 2 restart --rolling --at-once no one
	says '--at-once needs a number from 1, not no'
	suite_ends 2 restart --rolling --at-once 0 one
	says '--at-once needs a number from 1, not 0'
	suite_ends 2 restart --rolling
	says 'restart needs the name of a server'
}

# given_nginx PORT... - nginx before these ports, on $PORT
given_nginx() {
	PORT=$(free_port)
	mkdir -p "$SERVERS/nginx"
	{
		printf '%s\n' 'daemon off; error_log stderr; pid nginx.pid; worker_processes 1;' 'events { }' \
			'http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;' \
			'uwsgi_temp_path u; scgi_temp_path s; upstream four {'
		printf 'server 127.0.0.1:%s max_fails=0;\n' "$@"
		printf '%s\n' "} server { listen 127.0.0.1:$PORT; location / {" \
			'proxy_pass http://four; proxy_next_upstream error timeout; } } }'
	} >"$SERVERS/nginx/nginx.conf"
	given_conf nginx "dir = $SERVERS/nginx" "command = nginx -p $SERVERS/nginx -c nginx.conf -e stderr" "port = $PORT"
}

@test "four servers behind nginx, under load: no request is refused or reset in --rolling" {
	require nginx curl
	ports=()
	for name in w1 w2 w3 w4; do
		ports+=("$(free_port)")
		WEB_OPTIONS="--port ${ports[-1]}"
		given_web "$name" "port = ${ports[-1]}" "check = http http://127.0.0.1:${ports[-1]}/health"
	done
	given_nginx "${ports[@]}"
	monitor_start all
	for name in nginx w1 w2 w3 w4; do
		wait_until "$PATIENCE" state_is "$name" RUNNING
	done

	load_begins 4
	for ((roll = 1; roll <= ${ROLLS:-3}; roll++)); do
		suite_ends 0 restart --rolling w1 w2 w3 w4
		killed=w$((roll % 4 + 1))
		old=$(pid_of "$killed")
		kill -KILL "$old" # what it was answering is lost
		wait_until "$PATIENCE" pid_differs "$killed" "$old"
		wait_until "$PATIENCE" state_is "$killed" RUNNING
	done
	load_ends

	[[ $LOADED == *" refused=0 "* ]]
	read -r _ _ reset wrong <<<"$LOADED"
	# those in flight at a kill: each caller has one request at a time, and the killed server has a quarter of them
	((${reset#*=} + ${wrong#*=} <= 4 * ${ROLLS:-3}))
}
