#!/usr/bin/env bats
# Many of one: `instances` makes servers NAME@1, NAME@2 ... of one file; NAME means all of them.

load helpers
load fixtures/orders
load fixtures/spool

# given_instances LIST [LINE...] - web, a program that looks the same in each of its instances; nothing runs yet
given_instances() {
	[ -e "$SERVERS/web/web" ] || given_program "$SERVERS/web/web"
	given_conf web "dir = $SERVERS/web" 'command = ./web' "instances = $1" "${@:2}"
}

# refused LINE... - check ends with 6, and says just this
refused() {
	suite_ends 6 check
	assert_equal 'said' "$(sed "s|^$CONF/servers/||" "$SAID")" "$(printf '%s\n' "$@")"
}

# all_run NAME... - waits until each is RUNNING
all_run() {
	local name
	for name; do
		runs "$name"
	done
}

# pids NAME... - prints the pid of each
pids() {
	local name
	for name; do
		pid_of "$name"
	done
}

# settled NAME KEY - prints that value
settled() {
	(cd "$ROOT/pyhelpers" && "$(python)" -m config.settle settle --conf "$CONF" "$1") | sed -n "s/^$1\t$2\t//p" | tr '\037' '|'
}

@test "web names all of its instances in every word, web@2 one, and each is a server like any other" {
	given_instances 1-3
	given_server other 'needs = web'
	monitor_start all
	all_run web@1 web@2 web@3 other
	old=$(pid_of web@2)

	suite_ends 0 status web --all
	assert_equal 'names' "$(sed '1d;$d' "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'web@1 web@2 web@3'
	suite_ends 0 stop web@2
	state_is web@2 STOPPED
	state_is web@1 RUNNING
	suite_ends 0 start web
	assert_answered "web@1: running, pid $(pid_of web@1)"
	pid_differs web@2 "$old"
	suite_ends 0 pause web
	assert_equal 'answers' "$(paste -sd ' ' "$SAID")" 'web@1: paused web@2: paused web@3: paused'
	suite_ends 0 resume web

	for name in web@1 web@2 web@3; do
		[ -s "$STATE/servers/$name/record" ] && [ -e "$STATE/output/$name.log" ]
		grep -q "\"event\":\"started\",\"server\":\"$name\"" "$STATE/history.jsonl"
	done
	assert_equal 'three processes' "$(pids web@1 web@2 web@3 | sort -u | wc -l)" 3
	[ -s "$STATE/servers/web@2/want" ]
}

@test "a killed instance is restarted, and the process of another is never taken for it" {
	given_instances 1-3
	monitor_start web
	all_run web@1 web@2 web@3
	first=$(pid_of web@1) second=$(pid_of web@2) third=$(pid_of web@3)

	kill -KILL "$second"

	wait_until "$PATIENCE" pid_differs web@2 "$second"
	runs web@2
	running_as web@1 "$first"
	running_as web@3 "$third"
	[[ " $first $third " != *" $RUNS "* ]]
	assert_equal 'starts' "$(starts_of web)" 4
}

@test "a monitor without any record takes over instances that look the same, each once, and starts none" {
	given_instances 1-3
	monitor_start web
	all_run web@1 web@2 web@3
	before=$(pids web@1 web@2 web@3 | sort)
	monitor_stop
	rm -r "$STATE/servers"

	monitor_start web

	all_run web@1 web@2 web@3
	assert_equal 'pids' "$(pids web@1 web@2 web@3 | sort)" "$before"
	assert_equal 'starts' "$(starts_of web)" 3
}

@test "without a monitor, or with one for each: an order to an instance does not touch one that looks the same" {
	given_instances 1-2
	suite_ends 0 start web@2
	second=$(pid_of web@2)

	suite_ends 0 stop web@1
	assert_equal 'answer' "$(<"$SAID")" 'web@1: stopped'
	assert_equal 'pid' "$(pid_of web@2)" "$second"
	suite_ends 0 start web@1
	[ "$(pid_of web@1)" != "$second" ]
	suite_ends 0 stop web@1

	monitor_start web@2
	running_as web@2 "$second" || runs web@2
	rm "$STATE/servers/web@1/want"
	monitor_start web@1
	runs web@1
	[ "$RUNS" != "$second" ]
	running_as web@2 "$second"
}

@test "update starts and stops the difference, and leaves the others alone" {
	given_instances 1-2
	monitor_start web
	all_run web@1 web@2
	first=$(pid_of web@1) second=$(pid_of web@2)

	given_instances 1-4
	suite_ends 0 update
	assert_equal 'plan' "$(<"$SAID")" $'web@3: new, start\nweb@4: new, start'
	all_run web@3 web@4
	third=$(pid_of web@3)
	running_as web@1 "$first"
	running_as web@2 "$second"

	given_instances '1 4'
	suite_ends 0 update
	assert_equal 'plan' "$(<"$SAID")" $'web@2: stop, no longer in conf\nweb@3: stop, no longer in conf'
	is_gone "$second"
	is_gone "$third"
	running_as web@1 "$first"
	assert_equal 'starts' "$(starts_of web)" 4
}

@test "an instance that conf has lost can still be named until the update" {
	given_instances 1-3
	monitor_start web
	all_run web@1 web@2 web@3

	given_instances 1-2

	suite_ends 0 stop web@3
	assert_equal 'answer' "$(<"$SAID")" 'web@3: stopped'
	suite_ends 6 stop web@4
	assert_equal 'answer' "$(<"$SAID")" \
		"$CONF/servers/web.conf:3: instances: web@4 is not among them; did you mean web@2?"
}

@test "{instance} is replaced in any value; a number from 1024 on is the port, unless conf says otherwise" {
	given_conf web 'dir = /srv/{instance}' 'command = ./web -n {instance}' 'instances = 1-2 blue' 'port = 80{instance}' \
		'tags = of-{instance}' 'environment = N={instance}'
	sed -i 's/1-2 blue/1-2/' "$CONF/servers/web.conf"
	assert_equal 'dir' "$(settled web@2 dir)" /srv/2
	assert_equal 'command' "$(settled web@2 command)" './web|-n|2'
	assert_equal 'port' "$(settled web@2 port)" 802
	assert_equal 'tags' "$(settled web@2 tags)" of-2
	assert_equal 'environment' "$(settled web@1 environment)" N=1

	given_conf web 'dir = /' 'command = ./web {port}' 'instances = 8001-8003'
	assert_equal 'port' "$(settled web@8002 port)" 8002
	assert_equal 'command' "$(settled web@8002 command)" './web|8002'
	given_conf web 'dir = /' 'command = ./web {instance}' 'instances = 8001-8003' 'port = none'
	assert_equal 'port' "$(settled web@8002 port)" ''
	given_conf web 'dir = /' 'command = ./web' 'instances = 1-3'
	assert_equal 'port' "$(settled web@2 port)" ''
	given_conf web 'dir = /' 'command = ./web {port}' 'port = 9000'
	assert_equal '{instance} of NAME@PORT' "$(settled web@8080 port)" 8080
}

@test "one instance may have a file of its own" {
	given_instances 1-3
	given_conf web@2 "dir = $SERVERS/web" 'command = ./web --exit-none' 'tags = odd'

	assert_equal 'its own' "$(settled web@2 command)" './web|--exit-none'
	assert_equal 'no port' "$(settled web@2 port)" ''
	assert_equal 'the others' "$(settled web@3 command)" ./web
	suite_ends 0 check
	assert_answered 'conf is good: 3 servers, among them web@1..3'
	given_conf web@2 'dir = /' 'instances = 1-3'
	refused 'web@2.conf:2: instances: web@2 is an instance itself; take it out'
}

@test "the directories of all instances are those of other servers" {
	given_conf web "dir = $SERVERS/{instance}" 'command = /bin/sleep 1000' 'instances = 1-3'
	(cd "$ROOT/pyhelpers" && "$(python)" -m config.settle settle --conf "$CONF" web@2) >"$SAID"

	assert_equal 'directories' "$(sed -n 's/^-\tdirectories\t//p' "$SAID" | tr '\037' '|')" "$SERVERS/1|$SERVERS/3"
}

@test "what instances cannot be is refused, with file and line and what to write" {
	rule='write numbers from 1 to 65535, as 1-4, or names of letters, digits, _ and .'
	for pair in "0-3|\"0\" cannot be an instance; $rule" "01|\"01\" cannot be an instance; $rule" \
		"4-1|\"4-1\" goes down; write 1-4" "a-c|\"a-c\" is no range of numbers; $rule" "1-|\"1-\" is no range of numbers; $rule" \
		"70000|\"70000\" cannot be an instance; $rule" 'a@b|"a@b" cannot be an instance; '"$rule" \
		'1-1001|more than 1000; write fewer' '1-3 2|2 stands there twice; keep one of the two' \
		'all all|all stands there twice; keep one of the two' '../x|"../x" cannot be an instance; '"$rule"; do
		given_conf web 'dir = /' 'command = ./web' "instances = ${pair%%|*}"
		refused "web.conf:3: instances: ${pair#*|}"
	done
	given_conf web 'dir = /' 'command = ./web' 'numprocs = 4'
	refused 'web.conf:3: unknown key "numprocs"; did you mean instances?'
	given_conf web 'dir = /' 'command = ./web {instance}'
	refused 'web.conf:2: command: uses {instance}, but web is one server; set instances here, as in instances = 1-4'
	given_conf web 'dir = /' 'command = ./web' 'instances = 1-3' 'port = 80'
	refused 'web.conf:4: port: 3 instances cannot all listen on 80; write it with {instance}, as in 80{instance}'
	given_conf web 'dir = /' 'command = ./web' 'instances = 1-3' 'pid_from = own, pidfile web.pid'
	refused 'web.conf:4: pid_from: one file cannot name all instances; write {instance} into it'
	given_conf web 'dir = /{instance}' 'command = ./web' 'instances = 1-3' 'pid_from = own, pidfile web.pid'
	suite_ends 0 check
	rm "$CONF/servers/web.conf"
	echo 'instances = 1-4' >>"$CONF/monitor.conf"
	given_conf x 'dir = /' 'command = ./x'
	suite_ends 6 check
	assert_answered 'instances: says how many of one server; move it to servers/NAME.conf'
}

@test "instances in one directory have an oldlog each, and the log of a living one stays where it is" {
	given_instances 1-2 'logs = log_{instance}_*.txt'
	monitor_start web
	all_run web@1 web@2
	: >"$SERVERS/web/log_1_a.txt"
	: >"$SERVERS/web/log_2_a.txt"

	suite_ends 0 restart web@1

	wait_until "$PATIENCE" test -e "$SERVERS/web/oldlog@1/log_1_a.txt"
	[ -e "$SERVERS/web/log_2_a.txt" ]
	given_instances 1-2 'logs = *.txt'
	refused 'web.conf:4: logs: would move the logs of all instances; write {instance} into it'
	given_instances 1-2
	assert_equal 'logs' "$(settled web@1 logs)" ''
	given_conf web "dir = $SERVERS/{instance}" 'command = ./web' 'instances = 1-2'
	assert_equal 'logs' "$(settled web@1 logs)" 'log*.txt'
	assert_equal 'oldlog' "$(settled web@1 oldlog)" oldlog
}

@test "a word for one server refuses several" {
	given_instances 1-2
	suite_ends 2 status --env web
	assert_equal 'answer' "$(<"$SAID")" 'web means 2 servers; name one, as web@1'
	suite_ends 6 exec web -- true
	assert_equal 'answer' "$(<"$SAID")" 'web means 2 servers; name one'
	suite_ends 0 exec web@1 -- true
}

# --- status

@test "instances in the same state share a line; a difference, or --all, gives each its own; JSON has each" {
	given_instances 1-4
	monitor_start web
	all_run web@1 web@2 web@3 web@4

	suite_ends 0 status
	assert_equal 'folded' "$(awk 'NR == 2 { print $1, $2, $3 }' "$SAID")" 'web@1..4 4 RUNNING'
	assert_answered '4 servers: 4 running'
	suite_ends 0 status --json
	assert_equal 'objects' "$(grep -o '"name": "web@[0-9]"' "$SAID" | wc -l)" 4
	suite_ends 0 status --all
	assert_equal 'lines' "$(grep -c '^web@[1-4]  RUNNING' "$SAID")" 4
	suite_ends 0 stop web@2
	suite_ends 3 status web
	assert_equal 'lines' "$(grep -cE '^web@[1-4]  (RUNNING|STOPPED)' "$SAID")" 4
}

# --- alerts

@test "four instances that die within a moment are one alert, which says web@1..4" {
	given_instances 1-4
	monitor_start web
	all_run web@1 web@2 web@3 web@4

	# shellcheck disable=SC2046 # pids
	kill -KILL $(pids web@1 web@2 web@3 web@4)

	assert_alerted digest all "4 servers down on $(uname -n): web@1..4; 4 back; signal KILL"
	assert_equal 'alerts' "$(wc -l <"$ALERTS")" 1
}

@test "one instance that dies alone is told of as any server, and with digest_after = none so is each" {
	given_instances 1-2
	monitor_start web
	all_run web@1 web@2

	kill -KILL "$(pid_of web@1)"

	assert_alerted death web@1 'signal KILL'
	runs web@1
	monitor_stop
	: >"$ALERTS"
	echo 'digest_after = none' >>"$CONF/monitor.conf"
	monitor_start web
	all_run web@1 web@2
	# shellcheck disable=SC2046 # pids
	kill -KILL $(pids web@1 web@2)
	assert_alerted death web@1 'signal KILL'
	assert_alerted death web@2 'signal KILL'
}

@test "instances of two servers are two alerts, beside one of a server that has none; give-ups come together too" {
	spool_setup
	for server in web@1 web@2 web@3 web@9 gate shop@a shop@b lone@7; do
		queue server="$server" cause='exit 3' action='restarted'
	done

	deliver

	assert_equal 'alerts' "$(sort "$ALERTS")" "$(printf '%s\n' \
		'death gate im-3: gate death restarted' 'death lone@7 im-3: lone@7 death restarted' \
		'digest all 2 servers down on im-3: shop@a,b; 2 back; exit 3' \
		'digest all 4 servers down on im-3: web@1..3,9; 4 back; exit 3')"
	: >"$ALERTS"
	queue server=web@1 event=give_up action='gave up'
	queue server=web@2 event=give_up action='gave up'
	deliver
	assert_equal 'alerts' "$(<"$ALERTS")" 'digest all 2 servers GAVE UP on im-3: web@1,2; signal KILL'
	assert_equal 'waiting' "$(waiting)" 0
}

@test "instances that die again and again are no way round the digest of a storm" {
	spool_setup
	conf_says 'digest_after = 2'
	for _ in 1 2 3; do
		queue server=web@1
		queue server=web@2
		deliver
	done

	assert_equal 'alerts of a window' "$(grep -c . "$ALERTS")" 2
	assert_equal 'waiting: the third' "$(waiting)" 1
	grep -q '2 servers down on im-3: web@1,2' "$SPOOL"/new/*.json
}
