#!/usr/bin/env bats
# A graceful restart is no death (field case 20): a server that starts its successor and ends in order is followed there.
# No restart, no alert, no refused call.  A worker whose master has died is no successor (field case 13).
#
# GRACEFUL_ROUNDS  how often each real server is restarted (3)

load helpers
load fixtures/orders
load fixtures/load

ROUNDS=${GRACEFUL_ROUNDS:-3}

# assert_no_death NAME - it was started once, and no death was ever told
assert_no_death() {
	assert_equal 'starts' "$(logged_times "Server $1 started")+$(logged_times "Server $1 restarted")" "${2:-1}+0"
	assert_equal 'deaths' "$(logged_times "Server $1 stopped")+$(logged_times "Server $1 hung")" 0+0
	assert_equal 'alerts' "$(<"$ALERTS")" ''
	assert_equal 'restarts' "$(status_of "$1" restarts)" 0
}

# follows NAME OLD - waits until NAME has another pid than OLD, and runs; $RUNS is that
follows() {
	wait_until "$PATIENCE" pid_differs "$1" "$2"
	runs "$1"
	assert_logged "Server $1 moved from pid=$2 to pid=$RUNS"
}

# --- nginx

# nginx_is_upgraded OLD - has nginx started a master beside OLD?
nginx_is_upgraded() {
	[ -s "$SERVERS/nginx/nginx.pid.oldbin" ] && [ -s "$SERVERS/nginx/nginx.pid" ] &&
		[ "$(<"$SERVERS/nginx/nginx.pid")" != "$1" ] && has_child "$(<"$SERVERS/nginx/nginx.pid")"
}

# has_child PID - it serves: its workers are there
has_child() {
	local children
	read -r children <"/proc/$1/task/$1/children" || [ -n "$children" ]
}

# upgrade_nginx - to a new master, by USR2 and QUIT
upgrade_nginx() {
	local old=$RUNS
	kill -USR2 "$old"
	wait_until "$PATIENCE" nginx_is_upgraded "$old"
	kill -QUIT "$old"
	wait_until "$PATIENCE" is_gone "$old"
	follows nginx "$old"
}

# survives_upgrades EXE - nginx, which runs, is upgraded under load
survives_upgrades() {
	local round
	runs nginx
	sample "$1" "$SERVERS/nginx"
	load_start "$NGINX_PORT"
	for ((round = 0; round < ROUNDS; round++)); do
		upgrade_nginx
		load_goes_on
	done
	load_refused 0
	assert_copies $((ROUNDS + 1)) 2
	assert_no_death nginx
}

@test "nginx, upgraded by USR2 and QUIT, known by its pidfile" {
	given_nginx
	monitor_start nginx

	survives_upgrades "$(command -v nginx)"
}

@test "nginx, upgraded, without a pidfile that conf names, and with a relative argv[0]" {
	given_nginx
	cp "$(command -v nginx)" "$SERVERS/nginx/nginx"
	given_conf nginx "dir = $SERVERS/nginx" 'command = ./nginx -p . -e error.log -c nginx.conf' "port = $NGINX_PORT"
	monitor_start nginx

	survives_upgrades "$SERVERS/nginx/nginx"
	assert_equal source "$(status_of nginx source)" scan
}

# --- gunicorn

# given_gunicorn LINE... - server gunicorn, which binds $PORT itself
given_gunicorn() {
	require gunicorn
	PORT=$(free_port)
	mkdir -p "$SERVERS/gunicorn"
	cat >"$SERVERS/gunicorn/app.py" <<-'END'
		def app(environ, start_response):
		    start_response("200 OK", [("Content-Type", "text/plain")])
		    return [b"well\n"]
	END
	given_conf gunicorn "dir = $SERVERS/gunicorn" "port = $PORT" "$@"
}

# gunicorn_is_upgraded OLD - has OLD a child that leads workers?  $SUCCESSOR is its pid
gunicorn_is_upgraded() {
	local child
	for child in $(<"/proc/$1/task/$1/children"); do
		SUCCESSOR=$child
		! has_child "$child" || return 0
	done
	return 1
}

upgrade_gunicorn() {
	local old=$RUNS
	kill -USR2 "$old"
	wait_until 30 gunicorn_is_upgraded "$old"
	kill -TERM "$old"
	wait_until "$PATIENCE" is_gone "$old"
	follows gunicorn "$old"
	assert_equal 'pid' "$RUNS" "$SUCCESSOR"
}

# gunicorn_survives - it is upgraded under load
gunicorn_survives() {
	local round
	monitor_start gunicorn
	runs gunicorn
	wait_until "$PATIENCE" has_child "$RUNS"
	sample "/proc/$RUNS/exe" "$SERVERS/gunicorn"
	load_start "$PORT"
	for ((round = 0; round < ROUNDS; round++)); do
		upgrade_gunicorn
		load_goes_on
	done
	load_refused 0
	assert_copies $((ROUNDS + 1)) 2
	assert_no_death gunicorn
}

@test "gunicorn, upgraded by USR2 and TERM, without a pidfile" {
	given_gunicorn
	printf 'command = %s --bind 127.0.0.1:%s --workers 2 app:app\n' "$(command -v gunicorn)" "$PORT" >>"$CONF/servers/gunicorn.conf"

	gunicorn_survives
}

@test "gunicorn, upgraded, with its pidfile" {
	given_gunicorn 'pid_from = own, pidfile gunicorn.pid'
	printf 'command = %s --bind 127.0.0.1:%s --pid gunicorn.pid app:app\n' "$(command -v gunicorn)" "$PORT" >>"$CONF/servers/gunicorn.conf"

	gunicorn_survives
}

# --- haproxy

# given_haproxy - its conf, for $PORT
given_haproxy() {
	require haproxy
	PORT=$(free_port)
	mkdir -p "$SERVERS/haproxy"
	cat >"$SERVERS/haproxy/haproxy.cfg" <<-END
		global
		    stats socket $BATS_TEST_TMPDIR/h.sock mode 600 level admin expose-fd listeners
		    hard-stop-after 20s
		defaults
		    mode http
		    timeout connect 5s
		    timeout client 5s
		    timeout server 5s
		frontend f
		    bind 127.0.0.1:$PORT
		    http-request return status 200 content-type text/plain string well
	END
}

# workers_of PID - prints the pids of its children
workers_of() {
	cat "/proc/$1/task/$1/children"
}

# haproxy_has_reloaded WORKERS - has the master only other ones?
haproxy_has_reloaded() {
	local now
	now=$(workers_of "$RUNS")
	[ -n "$now" ] && [[ " $now" != *" ${1%% *} "* ]]
}

@test "haproxy in master mode, reloaded: it executes itself in place" {
	given_haproxy
	given_conf haproxy "dir = $SERVERS/haproxy" "command = $(command -v haproxy) -W -f haproxy.cfg" "port = $PORT"
	monitor_start haproxy
	runs haproxy
	wait_until "$PATIENCE" has_child "$RUNS"
	master=$RUNS
	load_start "$PORT"

	for ((round = 0; round < ROUNDS; round++)); do
		workers=$(workers_of "$master")
		kill -USR2 "$master"
		wait_until "$PATIENCE" haproxy_has_reloaded "$workers"
		load_goes_on
	done

	load_refused 0
	running_as haproxy "$master"
	assert_no_death haproxy
	assert_equal 'moves' "$(logged_times 'moved from')" 0
}

@test "haproxy -sf, by an operator's command: followed by its port, though it does not descend from the old one" {
	given_haproxy
	given_conf haproxy "dir = $SERVERS/haproxy" "command = $(command -v haproxy) -f haproxy.cfg" "port = $PORT"
	monitor_start haproxy
	runs haproxy
	sample "$(command -v haproxy)" "$SERVERS/haproxy"
	load_start "$PORT"

	for ((round = 0; round < ROUNDS; round++)); do
		old=$RUNS
		(cd "$SERVERS/haproxy" && exec haproxy -f haproxy.cfg -D -x "$BATS_TEST_TMPDIR/h.sock" -sf "$old" >/dev/null 2>&1 3>&- 4>&-)
		wait_until "$PATIENCE" is_gone "$old"
		follows haproxy "$old"
		load_goes_on
	done

	load_refused 0
	assert_copies $((ROUNDS + 1)) 2
	assert_no_death haproxy
}

# --- apache

@test "apache2, graceful: the workers change, the master stays" {
	require apache2
	PORT=$(free_port)
	dir=$SERVERS/apache2
	mkdir -p "$dir/html"
	cp "$(command -v apache2)" "$dir/apache2" # no other runs this one
	printf 'well\n' >"$dir/html/index.html"
	modules=/usr/lib/apache2/modules
	cat >"$dir/apache2.conf" <<-END
		ServerRoot $dir
		ServerName localhost
		Listen 127.0.0.1:$PORT
		PidFile $dir/apache2.pid
		ErrorLog $dir/error.log
		LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule dir_module $modules/mod_dir.so
		StartServers 2
		MinSpareServers 2
		DocumentRoot $dir/html
		Mutex pthread
	END
	[ "$(id -u)" != 0 ] || printf 'User www-data\nGroup www-data\n' >>"$dir/apache2.conf"
	open_way "$dir"
	given_conf apache2 "dir = $dir" "command = ./apache2 -f $dir/apache2.conf -k start" \
		'pid_from = own, pidfile apache2.pid' "port = $PORT"
	monitor_start apache2
	runs apache2
	wait_until "$PATIENCE" has_child "$RUNS"
	master=$RUNS
	sample "$dir/apache2" / # where it goes as a daemon, and the commands do not
	load_start "$PORT"

	for ((round = 0; round < ROUNDS; round++)); do
		workers=$(workers_of "$master")
		(cd "$dir" && exec ./apache2 -f "$dir/apache2.conf" -k graceful 3>&- 4>&-)
		wait_until "$PATIENCE" is_gone "${workers%% *}"
		wait_until "$PATIENCE" has_child "$master"
		load_goes_on
	done

	load_refused 0
	assert_copies 1 1
	running_as apache2 "$master"
	assert_no_death apache2
}

# open_way DIR - the workers' user may go there
open_way() {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" "$SERVERS" "$1" "$1/html"
}

# --- a server that passes its socket to the child that it executes (beego, endless, grace)

# given_graceful [LINE...] - server x (fixtures/graceful.c) on $PORT; LINEs behind its dir and command
given_graceful() {
	PORT=$(free_port)
	mkdir -p "$SERVERS/x"
	cp "$(fixture graceful)" "$SERVERS/x/graceful"
	given_conf x "dir = $SERVERS/x" "command = ./graceful $PORT of-x" "$@"
}

# switch NAME [TEXT] - the server finds a file of that name, see graceful.c
switch() {
	printf '%s\n' "${2:-}" >"$SERVERS/x/$1"
}

# upgraded - HUP it, and follow it
upgraded() {
	local old=$RUNS
	kill -HUP "$old"
	wait_until "$PATIENCE" is_gone "$old"
	follows x "$old"
}

# survives - x, which runs, is restarted gracefully under load
survives() {
	local round
	sample "$SERVERS/x/graceful" "$SERVERS/x"
	load_start "$PORT"
	for ((round = 0; round < ROUNDS; round++)); do
		upgraded
		load_goes_on
	done
	load_refused 0
	assert_copies $((ROUNDS + 1)) 2
}

@test "a server that passes its socket to its successor and ends" {
	given_graceful
	printf 'port = %s\n' "$PORT" >>"$CONF/servers/x.conf"
	monitor_start x
	runs x

	survives

	assert_no_death x
}

@test "the same without a port in conf, with workers of the same program and user" {
	given_graceful
	switch workers 3
	monitor_start x
	runs x
	sample "$SERVERS/x/graceful" "$SERVERS/x"

	for ((round = 0; round < 3; round++)); do
		old=$RUNS
		upgraded
	done

	assert_no_death x
	run ! is_gone "$RUNS"
}

@test "the same with a pidfile" {
	given_graceful 'pid_from = own, pidfile server.pid'
	switch pidfile
	monitor_start x
	runs x

	survives

	assert_no_death x
	assert_equal source "$(status_of x source)" pidfile
}

@test "the same for a server that was started by hand" {
	given_graceful
	start_stranger "$SERVERS/x" ./graceful "$PORT" of-x
	monitor_start x
	assert_adopted x "$BY_HAND"
	runs x

	survives

	assert_no_death x 0
}

@test "what the successor starts, and it itself, end with the server when it is stopped" {
	given_graceful
	monitor_start x
	runs x
	switch workers 2
	upgraded
	wait_until "$PATIENCE" has_child "$RUNS"
	read -ra workers <<<"$(workers_of "$RUNS")"

	suite_ends 0 stop x

	is_gone "$RUNS"
	is_gone "${workers[0]}"
	is_gone "${workers[1]}"
}

@test "a successor is watched like any server: its death by a signal is answered" {
	given_graceful
	monitor_start x
	runs x
	upgraded

	kill -KILL "$RUNS"

	wait_until "$PATIENCE" pid_differs x "$RUNS"
	assert_logged "Server x stopped, pid=$RUNS, restarting... (signal KILL"
	assert_alerted death x restarted
}

@test "a server that executes its program in place, though the file was replaced, keeps its pid" {
	given_graceful
	switch in_place
	monitor_start x
	runs x
	cp "$(fixture graceful)" "$SERVERS/x/graceful.new"
	mv "$SERVERS/x/graceful.new" "$SERVERS/x/graceful"

	load_start "$PORT"
	for ((round = 0; round < ROUNDS; round++)); do
		kill -HUP "$RUNS"
		load_goes_on
	done

	assert_left_alone x
	load_refused 0
	running_as x "$RUNS"
	assert_no_death x
}

@test "the program file is replaced before a graceful restart" {
	given_graceful
	monitor_start x
	runs x
	cp "$(fixture graceful)" "$SERVERS/x/graceful.new"
	mv "$SERVERS/x/graceful.new" "$SERVERS/x/graceful"

	upgraded

	assert_no_death x
}

@test "while no monitor runs: the next one adopts the successor and leaves it alone" {
	given_graceful
	monitor_start x
	runs x
	old=$RUNS
	monitor_crash

	kill -HUP "$old"
	wait_until "$PATIENCE" is_gone "$old"
	successor=$(pid_of x)
	[ -n "$successor" ]
	monitor_start x

	assert_adopted x "$successor"
	assert_left_alone x
	assert_equal 'starts' "$(logged_times 'Server x started')" 1
}

# --- what is no graceful restart

# is_replaced OLD WORKER... - x runs as a new process, and those of before are gone
is_replaced() {
	wait_until "$PATIENCE" is_gone "$1"
	wait_until "$PATIENCE" pid_differs x "$1"
	runs x
	for each; do
		is_gone "$each"
		[ "$RUNS" != "$each" ]
	done
	assert_equal 'moves' "$(logged_times 'moved from')" 0
	assert_logged "Server x stopped, pid=$1, restarting..."
}

# given_workers - x runs as $RUNS with the workers $WORKERS, which outlive it
given_workers() {
	given_graceful
	switch workers 2
	switch alone
	monitor_start x
	runs x
	wait_until "$PATIENCE" has_child "$RUNS"
	read -ra WORKERS <<<"$(workers_of "$RUNS")"
	wait_until "$PATIENCE" knows_image "$RUNS"
}

# knows_image PID - does the record have the image that the process has by now?
knows_image() {
	local stat
	stat=$(<"/proc/$1/stat")
	read -ra stat <<<"${stat##*) }"
	grep -qx "images ${stat[25]}" "$STATE/servers/x/record"
}

@test "a master that exits with 0 and leaves workers: none of them is the successor" {
	given_workers

	kill -QUIT "$RUNS"

	is_replaced "$RUNS" "${WORKERS[@]}"
}

@test "the same with a single worker, which holds the port of conf" {
	given_graceful
	printf 'port = %s\n' "$PORT" >>"$CONF/servers/x.conf"
	switch workers 1
	switch alone
	monitor_start x
	runs x
	wait_until "$PATIENCE" has_child "$RUNS"
	read -ra workers <<<"$(workers_of "$RUNS")"

	kill -QUIT "$RUNS"

	is_replaced "$RUNS" "${workers[@]}"
}

@test "nor, of a server that was started by hand, its only worker" {
	given_graceful
	switch workers 1
	switch alone
	start_stranger "$SERVERS/x" setsid ./graceful "$PORT" of-x
	wait_until "$PATIENCE" has_child "$BY_HAND"
	read -ra workers <<<"$(workers_of "$BY_HAND")"
	monitor_start x
	assert_adopted x "$BY_HAND"

	kill -QUIT "$BY_HAND"

	is_replaced "$BY_HAND" "${workers[@]}"
}

@test "a master that is killed and leaves workers: none of them is the successor" {
	given_workers

	kill -KILL "$RUNS"

	is_replaced "$RUNS" "${WORKERS[@]}"
}

@test "a server that crashes when its successor runs already: what runs is ended, and one is started" {
	given_graceful
	switch crash
	monitor_start x
	runs x
	old=$RUNS
	sample "$SERVERS/x/graceful" "$SERVERS/x"

	kill -HUP "$old"
	wait_until "$PATIENCE" sampled_is now 2
	switch seen

	is_replaced "$old"
	assert_alerted death x 'signal SEGV'
	assert_copies 3 2
}

@test "two that could be the successor: neither is, and one is started" {
	given_graceful
	switch twins
	monitor_start x
	runs x
	old=$RUNS
	sample "$SERVERS/x/graceful" "$SERVERS/x"

	kill -HUP "$old"
	wait_until "$PATIENCE" sampled_is now 3
	switch seen

	is_replaced "$old"
	assert_copies 4 3
}

@test "a successor that does not open the port hangs after start_timeout, and is replaced" {
	given_graceful 'start_timeout = 1s'
	printf 'port = %s\n' "$PORT" >>"$CONF/servers/x.conf"
	switch deaf
	monitor_start x
	runs x
	old=$RUNS

	kill -HUP "$old"

	assert_logged "Server x hung, pid="
	assert_logged "(port $PORT is not open after 1s"
	runs x
	call_port "$PORT"
}

@test "another instance with the same program, words and user is not taken for the successor" {
	given_graceful
	printf 'port = %s\n' "$PORT" >>"$CONF/servers/x.conf"
	switch alone
	other=$(free_port)
	monitor_start x
	runs x
	GRACEFUL_PORT=$other start_stranger "$SERVERS/x" ./graceful "$PORT" of-x
	old=$RUNS

	kill -QUIT "$old"

	wait_until "$PATIENCE" pid_differs x "$old"
	runs x
	[ "$RUNS" != "$BY_HAND" ]
	run ! is_gone "$BY_HAND"
}
