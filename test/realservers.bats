#!/usr/bin/env bats
# Real servers through all that befalls them: started by hand and adopted, killed while a monitor runs and while none does,
# stopped, started and restarted by order. At every moment there is one of each: fixtures/copies.c counts them every ms.

load helpers
load fixtures/orders
load fixtures/recipes

teardown() {
	local status=0
	end_test || status=1
	[ -z "${CLUSTER:-}" ] || end_cluster
	return "$status"
}

# count_copies MODE PROGRAM DIR... - begin to count the copies of PROGRAM in each DIR; MODE: foreground or daemon
count_copies() {
	COPIES=$BATS_TEST_TMPDIR/copies
	"$(fixture copies)" "$COPIES" "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	COUNTER=$!
}

# assert_never_two - there was never more than one of them; says how often that was looked at
assert_never_two() {
	local most looks longest
	kill -TERM "$COUNTER"
	wait "$COUNTER"
	read -r _ most _ looks _ longest < <(tail -n 1 "$COPIES")
	printf '# %s: %s looks, the longest time between two %s us\n' "$BATS_TEST_DESCRIPTION" "$looks" "$longest" >&3
	[ "$looks" -gt 100 ]
	assert_equal "copies at once, $(<"$COPIES")" "$most" 1
}

# is_back NAME PID COMMAND... - NAME is RUNNING, not as PID, and COMMAND succeeds
is_back() {
	wait_until 30 pid_differs "$1" "$2"
	wait_until 30 state_is "$1" RUNNING
	wait_until "$PATIENCE" "${@:3}"
	PID=$(pid_of "$1")
}

# lives_well NAME COMMAND... - NAME, which runs as $BY_HAND, is adopted, and is one through all of it; $WATCHED are the
# words for its monitor; COMMAND succeeds if it serves
lives_well() {
	local name=$1
	shift
	monitor_start "${WATCHED[@]}"
	assert_adopted "$name" "$BY_HAND"
	is_killed_with_us "$name" "$@"
	is_killed_without_us "$name" "$@"
	obeys "$name" "$@"
	obeys_without_us "$name" "$@"
}

is_killed_with_us() {
	kill -KILL "$BY_HAND"

	is_back "$1" "$BY_HAND" "${@:2}"
	assert_alerted death "$1" 'signal KILL'
}

is_killed_without_us() {
	wait_until "$PATIENCE" record_proves_children "$1" "$PID"
	monitor_crash
	kill -KILL "$PID"
	wait_until "$PATIENCE" is_gone "$PID"
	monitor_start "${WATCHED[@]}"
	is_back "$1" "$PID" "${@:2}"

	monitor_crash
	monitor_start "${WATCHED[@]}"
	wait_until "$PATIENCE" is_watched
	wait_until "$PATIENCE" running_as "$1" "$PID"
}

obeys() {
	suite_ends 0 stop "$1"
	is_gone "$PID"
	run ! "${@:2}"
	suite_ends 0 start "$1"
	is_back "$1" "$PID" "${@:2}"
	suite_ends 0 restart "$1"
	is_back "$1" "$PID" "${@:2}"
}

obeys_without_us() {
	monitor_stop
	suite_ends 0 restart "$1"
	is_back "$1" "$PID" "${@:2}"
	suite_ends 0 stop "$1"
	is_gone "$PID"
	run ! "${@:2}"
	! grep -F 'was needed after' "$STATE/restart.log" || assert_equal 'stop' 'needed more than its first signal' ''
}

# by_hand DIR PROGRAM ARG... - run it in DIR, in a session of its own; $BY_HAND is its pid
by_hand() {
	start_stranger "$1" "$(command -v setsid)" "${@:2}"
}

# daemon_by_hand DIR PIDFILE PROGRAM ARG... - it goes into the background by itself; $BY_HAND is the pid in PIDFILE
daemon_by_hand() {
	(cd "$1" && "${@:3}" </dev/null >/dev/null 2>&1 3>&- 4>&-)
	wait_until "$PATIENCE" test -s "$1/$2"
	read -r BY_HAND <"$1/$2"
}

# greets PORT TEXT - does what listens there begin with a line that holds TEXT?
greets() {
	# shellcheck disable=SC2016 # it is bash that expands these
	timeout 5 bash -c 'head -c 64 <"/dev/tcp/127.0.0.1/$1" | tr -d "\0" | grep -qF "$2"' bash "$1" "$2"
}

# --- the servers of the instant-messaging system

# given_generation NAME PORT SOURCE ARG... - server NAME is a ./msg_server, in a directory of its own
given_generation() {
	given_program "$SERVERS/$1/msg_server"
	given_conf "$1" "dir = $SERVERS/$1" "command = ./msg_server --port $2 ${*:4}" "port = $2" "pid_from = $3"
}

# given_generations - both, in two directories each, all by the same name; $NAMES, and $PORTS and $PIDS by name
given_generations() {
	local name
	declare -gA PORTS=() PIDS=()
	NAMES=(old_a old_b new_a new_b)
	for name in "${NAMES[@]}"; do
		PORTS[$name]=$(free_port)
	done
	for name in old_a old_b; do
		given_generation "$name" "${PORTS[$name]}" 'own, log log*_1.txt 2' --log=lazy
		by_hand "$SERVERS/$name" ./msg_server --port "${PORTS[$name]}" --log=lazy
		PIDS[$name]=$BY_HAND
	done
	for name in new_a new_b; do
		given_generation "$name" "${PORTS[$name]}" 'own, pidfile server.pid' --log=none --pidfile server.pid
		by_hand "$SERVERS/$name" ./msg_server --port "${PORTS[$name]}" --log=none --pidfile server.pid
		PIDS[$name]=$BY_HAND
	done
}

# all_are_back - each of them is another process than in $PIDS
all_are_back() {
	local name
	for name in "${NAMES[@]}"; do
		is_back "$name" "${PIDS[$name]}" is_listening "${PORTS[$name]}"
		PIDS[$name]=$PID
	done
}

@test "both generations of the servers, in two directories each" {
	given_generations
	count_copies foreground msg_server "$SERVERS"/old_a "$SERVERS"/old_b "$SERVERS"/new_a "$SERVERS"/new_b
	monitor_start all
	for name in "${NAMES[@]}"; do
		assert_adopted "$name" "${PIDS[$name]}"
	done

	call_port "${PORTS[old_a]}" # only now it has a log
	kill -KILL "${PIDS[@]}"
	all_are_back
	monitor_crash
	kill -KILL "${PIDS[@]}"
	monitor_start all
	all_are_back
	suite_ends 0 restart all
	all_are_back
	monitor_stop
	suite_ends 0 restart all
	all_are_back
	suite_ends 0 stop all

	for name in "${NAMES[@]}"; do
		is_gone "${PIDS[$name]}"
		assert_equal "starts of $name" "$(starts_of "$name")" 5
	done
	assert_never_two
}

# --- web servers

@test "nginx" {
	require curl
	given_nginx
	given_recipe nginx dir "$SERVERS/nginx" command "$(command -v nginx) -p $SERVERS/nginx/ -e error.log -c nginx.conf" \
		pid_from "own, pidfile $SERVERS/nginx/nginx.pid" port "$NGINX_PORT"
	count_copies daemon nginx "$SERVERS/nginx"
	daemon_by_hand "$SERVERS/nginx" nginx.pid nginx -p "$SERVERS/nginx/" -e error.log -c nginx.conf
	WATCHED=(nginx)

	lives_well nginx answers "http://127.0.0.1:$NGINX_PORT/"

	assert_never_two
}

# given_apache - server apache2 by its recipe, on $APACHE_PORT; its words are in $APACHE
given_apache() {
	require_program apache2
	require curl
	APACHE_PORT=$(free_port)
	local dir=$SERVERS/apache2 modules=/usr/lib/apache2/modules
	mkdir -p "$dir"
	cat >"$dir/apache2.conf" <<-END
		ServerRoot $dir
		ServerName localhost
		PidFile $dir/apache2.pid
		DefaultRuntimeDir $dir
		Mutex file:$dir
		ErrorLog $dir/error.log
		LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule alias_module $modules/mod_alias.so
		User nobody
		Group nogroup
		Listen 127.0.0.1:$APACHE_PORT
		StartServers 3
		MinSpareServers 1
		MaxSpareServers 5
		Redirect 302 / http://localhost/
	END
	APACHE=("$PROGRAM" -f "$dir/apache2.conf" -D FOREGROUND)
	given_recipe apache2 command "${APACHE[*]}" port "$APACHE_PORT" match "apache2 $dir/apache2.conf"
}

@test "apache2" {
	given_apache
	count_copies foreground apache2 "$SERVERS/apache2"
	by_hand / "${APACHE[@]}"
	wait_until "$PATIENCE" answers "http://127.0.0.1:$APACHE_PORT/"
	WATCHED=(apache2)

	lives_well apache2 answers "http://127.0.0.1:$APACHE_PORT/"

	assert_never_two
}

# ask_slowly PORT SECONDS - a request that takes a client so long; what comes back is in the file slow
ask_slowly() {
	(
		exec 9<>"/dev/tcp/127.0.0.1/$1"
		printf 'GET / HTTP/1.0\r\n' >&9
		: >"$BATS_TEST_TMPDIR/asked"
		sleep "$2"
		printf '\r\n' >&9
		cat <&9 >"$BATS_TEST_TMPDIR/slow"
	) </dev/null >/dev/null 2>&1 3>&- 4>&- &
	SLOW=$!
	wait_until "$PATIENCE" test -e "$BATS_TEST_TMPDIR/asked"
}

@test "apache2 whose workers need 22 s to end: restart waits for them, and cuts no request off" {
	given_apache
	count_copies foreground apache2 "$SERVERS/apache2"
	monitor_start apache2
	runs apache2
	ask_slowly "$APACHE_PORT" 22

	suite_ends 0 restart apache2

	wait "$SLOW"
	grep -q '^HTTP/1.1 302' "$BATS_TEST_TMPDIR/slow"
	is_back apache2 "$RUNS" answers "http://127.0.0.1:$APACHE_PORT/"
	assert_answered "apache2: waiting; state STOPPING, pid $RUNS"
	run -1 grep -F 'was needed after' "$STATE/restart.log"
	assert_never_two
}

@test "haproxy" {
	require_program haproxy
	require curl
	port=$(free_port)
	mkdir -p "$SERVERS/haproxy"
	cat >"$SERVERS/haproxy/haproxy.cfg" <<-END
		defaults
		    mode http
		    timeout connect 5s
		    timeout client 5s
		    timeout server 5s
		frontend front
		    bind 127.0.0.1:$port
		    http-request return status 200 content-type text/plain string well
	END
	words=(-f "$SERVERS/haproxy/haproxy.cfg" -p "$SERVERS/haproxy/haproxy.pid")
	given_recipe haproxy dir "$SERVERS/haproxy" command "$PROGRAM -Ws ${words[*]}"
	count_copies foreground haproxy "$SERVERS/haproxy"
	by_hand "$SERVERS/haproxy" "$PROGRAM" -W "${words[@]}"
	wait_until "$PATIENCE" answers "http://127.0.0.1:$port/"
	WATCHED=(haproxy)

	lives_well haproxy answers "http://127.0.0.1:$port/"

	assert_never_two
}

@test "gunicorn" {
	require gunicorn curl
	port=$(free_port)
	mkdir -p "$SERVERS/gunicorn"
	cat >"$SERVERS/gunicorn/app.py" <<-'END'
		def app(environ, start_response):
		    start_response("200 OK", [("Content-Type", "text/plain")])
		    return [b"well\n"]
	END
	words=("$(command -v gunicorn)" --workers 2 --bind "127.0.0.1:$port" app:app)
	given_conf gunicorn "dir = $SERVERS/gunicorn" "command = ${words[*]}" "port = $port" \
		"stop = $(value_of gunicorn stop)"
	interpreter=$(readlink -f "$(sed -n '1s/^#! *//p' "${words[0]}")")
	count_copies foreground "${interpreter##*/}" "$SERVERS/gunicorn"
	by_hand "$SERVERS/gunicorn" "${words[@]}"
	wait_until "$PATIENCE" answers "http://127.0.0.1:$port/"
	WATCHED=(gunicorn)

	lives_well gunicorn answers "http://127.0.0.1:$port/"

	assert_never_two
}

# --- those that keep data

@test "redis" {
	require redis-cli
	given_redis "stop = $(value_of redis stop)"
	count_copies daemon redis-check-rdb "$SERVERS/redis" # to which redis-server is a link
	daemon_by_hand "$SERVERS/redis" redis.pid redis-server redis.conf
	WATCHED=(redis)

	lives_well redis pings "$REDIS_PORT"

	assert_never_two
}

pings() {
	[ "$(redis-cli -p "$1" ping)" = PONG ]
}

@test "PostgreSQL" {
	require_program postgresql
	given_cluster
	port=$(free_port)
	words=("$PROGRAM" -D . -p "$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$CLUSTER")
	given_recipe postgresql dir "$CLUSTER/main" user "$CLUSTER_USER" command "${words[*]}"
	count_copies foreground postgres "$CLUSTER/main"
	become=()
	[ "$(id -u)" -ne 0 ] || become=(setpriv --reuid "$CLUSTER_USER" --regid "$CLUSTER_USER" --init-groups)
	by_hand / "${become[@]}" sh -c "cd '$CLUSTER/main' && exec ${words[*]}"
	WATCHED=(postgresql)
	selects() { "${PROGRAM%/*}/psql" -h 127.0.0.1 -p "$port" -U "$CLUSTER_USER" -c 'select 1' postgres; }
	wait_until "$PATIENCE" selects

	lives_well postgresql selects

	assert_never_two
}

@test "MariaDB" {
	require_program mariadb
	require mariadb-install-db
	port=$(free_port)
	dir=$SERVERS/mariadb
	mkdir -p "$dir"
	small=(--innodb-buffer-pool-size=8M --innodb-log-file-size=4M)
	mariadb-install-db --no-defaults --datadir="$dir" --user="$(me)" --auth-root-authentication-method=normal \
		--skip-test-db --skip-name-resolve "${small[@]}" </dev/null >"$BATS_TEST_TMPDIR/install" 2>&1 3>&-
	words=("$PROGRAM" --no-defaults --datadir="$dir" --user="$(me)" --port="$port")
	words+=(--bind-address=127.0.0.1 --socket="$dir/socket" "${small[@]}")
	given_recipe mariadb dir "$dir" user "$(me)" port "$port" command "${words[*]}"
	count_copies foreground mariadbd "$dir"
	by_hand "$dir" "${words[@]}"
	wait_until "$PATIENCE" greets "$port" MariaDB
	WATCHED=(mariadb)

	lives_well mariadb greets "$port" MariaDB

	assert_never_two
}

@test "a JVM" {
	given_business
	count_copies foreground java "$SERVERS/business"
	by_hand "$SERVERS/business" java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx32m \
		-jar ./mogutalk-business-0.0.1-SNAPSHOT.jar "$BUSINESS_PORT"
	wait_until "$PATIENCE" is_listening "$BUSINESS_PORT"
	WATCHED=(business "$BUSINESS_PORT")

	lives_well "business@$BUSINESS_PORT" is_listening "$BUSINESS_PORT"

	assert_never_two
}
