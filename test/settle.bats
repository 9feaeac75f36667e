#!/usr/bin/env bats
# Conf is settled: each server gets every value, its own before monitor.conf's before the default; what ships is good.

bats_require_minimum_version 1.5.0

load fixtures/conf

# -- Which servers

@test "a server that conf does not know is 6, with the nearest that it knows" {
	given_conf servers/msg_server.conf

	run -6 conf settle msg_serve zzz

	[ "${lines[0]}" = 'msg_serve: not in conf; did you mean msg_server? add conf/servers/msg_serve.conf' ]
	[ "${lines[1]}" = 'zzz: not in conf; add conf/servers/zzz.conf' ]
}

@test "a name that breaks the rule is 2, before any file is read" {
	local name
	for name in ../x .x -x '' 'a b' x/y 聊天 x@0 x@99999 x@080; do
		run -2 conf settle --conf /nowhere x "$name"
		[[ $output == "\"$name\": cannot name a server; "* || $output == usage:* ]]
	done
}

@test "a file whose name cannot name a server is refused, other files are no conf" {
	given_conf servers/x.conf
	given_conf servers/README 'hello'
	given_conf servers/x.conf~ 'hello'
	given_conf servers/.x.conf 'hello'
	run -0 conf check

	given_conf 'servers/a b.conf'
	given_conf servers/all.conf
	run -6 conf check
	[[ ${lines[0]} == 'conf/servers/a b.conf: cannot name a server; rename it: '* ]]
	[[ ${lines[1]} == 'conf/servers/all.conf: cannot name a server; rename it: '* ]]
}

@test "one server's bad conf does not keep another from being settled" {
	given_conf servers/a.conf 'restrat = always'
	given_conf servers/b.conf

	run -0 conf settle b
	run -6 conf settle all
}

@test "a server's own conf goes before monitor.conf, which goes before the defaults" {
	given_conf monitor.conf 'start_seconds = 5s' 'start_timeout = 1m'
	given_conf servers/x.conf 'start_timeout = 2m'

	assert_value x start_seconds 5000
	assert_value x start_timeout 120000
	assert_value x backoff_longest 60000
}

@test "business@PORT is an instance of business, and business is the one of its own port" {
	given_conf servers/business.conf 'command = java -jar ./b.jar {port}' 'match = b.jar {port}' 'port = 11000' \
		'output = out-{port}.log'

	assert_value business@11000 command 'java|-jar|./b.jar|11000' all
	assert_value business@8080 match 'b.jar|8080' business@8080 business
	assert_value business@8080 port 8080
	assert_value business@8080 output "$BATS_TEST_TMPDIR/im/business/out-8080.log"
	[ "$(conf settle business business@11000 | grep -c '	command	')" = 1 ]
}

@test "an instance may have a file of its own" {
	given_conf servers/business.conf 'command = ./b {port}' 'port = 11000'
	given_conf servers/business@8080.conf 'command = ./c {port}'
	assert_value business@8080 command './c|8080'
	assert_value business@8081 command './b|8081'

	given_conf servers/business@8080.conf 'port = 9000'
	assert_refused 'conf/servers/business@8080.conf:1: port: 9000 is not the 8080 of its name; take it out, or rename the file'

	given_conf servers/business@8080.conf
	given_conf servers/business.conf 'command = ./b {port}' 'port = 8080'
	assert_refused 'conf/servers/business@8080.conf: means business@8080, and so does conf/servers/business.conf; take one away'
}

@test "{port} without a port is an error, also when monitor.conf says it" {
	given_conf monitor.conf 'output = {port}.log'
	given_conf servers/x.conf 'port = 80'
	run -0 conf check

	given_conf servers/y.conf '' 'command = ./y {port}'
	assert_refused \
		'conf/monitor.conf:1: output: uses {port}, but y has no port; set port here, or watch y@PORT' \
		'conf/servers/y.conf:2: command: uses {port}, but y has no port; set port here, or watch y@PORT'
}

@test "dir is where the user stands if the program is there, else beside the suite" {
	given_conf servers/x.conf
	assert_value x dir "$BATS_TEST_TMPDIR/im/x"

	mkdir x
	assert_value x dir "$BATS_TEST_TMPDIR/im/x"

	rmdir x
	touch x
	assert_value x dir "$BATS_TEST_TMPDIR/work"
	assert_value x@80 dir "$BATS_TEST_TMPDIR/work"
}

@test "relative paths start at dir, and a relative dir at the suite" {
	given_conf monitor.conf 'state_dir = s'
	given_conf servers/x.conf 'dir = ../y' 'pid_from = own, pidfile a.pid, pidfile /run/b.pid, log log*_1.txt 2' \
		'output = out.log' 'oldlog = ../old'

	assert_value x dir "$BATS_TEST_TMPDIR/im/y"
	assert_value x pid_from "own|pidfile:$BATS_TEST_TMPDIR/im/y/a.pid|pidfile:/run/b.pid|log:log*_1.txt:2"
	assert_value x output "$BATS_TEST_TMPDIR/im/y/out.log"
	assert_value x oldlog "$BATS_TEST_TMPDIR/im/old"
	assert_value - state_dir "$BATS_TEST_TMPDIR/im/suite/s" x
}

@test "without a word in conf a server is ./NAME, found by that name, and the four IM servers need a conf" {
	given_conf servers/x.conf
	given_conf servers/msg_server.conf

	assert_value x command ./x
	assert_value x match x
	assert_value x needs_file ''
	assert_value msg_server needs_file '*.conf'
	given_conf servers/x.conf 'command = /usr/sbin/nginx -c x'
	assert_value x match nginx
	given_conf servers/msg_server.conf 'needs_file ='
	assert_value msg_server needs_file ''
}

@test "values are handed out in ms, bytes, 1 and 0" {
	assert_good start_seconds 500ms 500
	assert_good start_timeout 2h 7200000
	assert_good limit_memory 2G 2147483648
	assert_good limit_memory unlimited -1
	assert_good limit_core 0 0
	assert_good limit_core inherited ''
	assert_good core no 0
	assert_good core 'keep 3' 3
	assert_good stop_tree no 0
	assert_good no_new_privileges yes 1
	assert_good stop 'SIGINT 500ms, TERM 5s KILL' 'INT|500|TERM|5000|KILL'
	assert_good exit_codes '0, 143' '0|143'
	assert_good oldlog_keep 30d 'age 2592000'
	assert_good oldlog_keep 7 'count 7'
	assert_good umask 027 027
	assert_good environment 'LANG=C "A=b, c"' 'LANG=C|A=b, c'
	assert_good alert none ''
	given_conf servers/x.conf 'give_up = 5 in 60s' 'backoff = 1s 2m'
	assert_value x give_up_count 5
	assert_value x give_up_window 60000
	assert_value x backoff_first 1000
	assert_value x backoff_longest 120000
}

# -- Needs

@test "needs that conf does not know, and circles, are refused" {
	given_conf servers/a.conf 'needs = b'
	given_conf servers/b.conf '' 'needs = cc d'
	given_conf servers/c.conf 'needs = a, b'
	given_conf servers/d.conf
	assert_refused 'conf/servers/b.conf:2: needs: "cc" is not in conf; did you mean c?'

	given_conf servers/b.conf '' 'needs = c d'
	assert_refused 'conf/servers/a.conf:1: needs: goes in a circle, a -> b -> c -> a; take one out'
	run -6 conf settle b
	run -0 conf settle d

	given_conf servers/c.conf 'needs = c'
	assert_refused 'conf/servers/c.conf:1: needs: goes in a circle, c -> c; take one out'
}

@test "needs name instances as they are settled" {
	given_conf servers/business.conf 'command = ./b {port}' 'port = 11000'
	given_conf servers/x.conf 'needs = business'

	assert_value x needs business@11000
	assert_value x needs 'business@1|business@2' business@1 x business@2
}

# -- The files that ship

@test "the conf that ships is good" {
	cp -r "$SUITE/conf" shipped
	chmod -R go-w shipped # a checkout may have any umask

	run -0 conf check --conf shipped

	[ "$output" = 'conf is good: 5 servers' ]
}

@test "every key stands in monitor.conf, or in each server's file, commented at its default" {
	local key equals default file
	env PYTHONPATH="$SUITE/pyhelpers" python3 -s -m config.keys >keys
	[ "$(wc -l <keys)" -gt 30 ]

	while read -r key equals default; do
		case $key in
		dir | command | match)
			for file in "$SUITE"/conf/servers/*.conf; do
				grep -q "^#\{0,1\}$key = ." "$file" || fail_drift "$file" "$key"
			done
			;;
		*) grep -qxF "#$key $equals $default" "$SUITE/conf/monitor.conf" || fail_drift monitor.conf "$key = $default" ;;
		esac
	done <keys
}

fail_drift() {
	printf '%s does not say %s\n' "$1" "$2"
	return 1
}

@test "taking the # away from every key of the conf that ships changes nothing" {
	cp -r "$SUITE/conf" shipped
	cp -r "$SUITE/conf" bare
	chmod -R go-w shipped bare
	sed -i 's/^#\([a-z_]* = \)/\1/' bare/monitor.conf bare/servers/*.conf

	conf settle --conf shipped all | grep -Ev '^-	state_dir	|	(conf_file|dir_from)	' >as_shipped
	conf settle --conf bare all | grep -Ev '^-	state_dir	|	(conf_file|dir_from)	' >as_bare

	[ "$(wc -l <as_shipped)" -gt 100 ]
	diff as_shipped as_bare
}
