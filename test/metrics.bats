#!/usr/bin/env bats
# What Prometheus is told: the word metrics, the file of the key metrics, and counters that only grow.

load helpers
load fixtures/orders
load fixtures/fleet

PROMETHEUS=$FIXTURES/prometheus.py
SHIPPED=$ROOT/conf/examples/prometheus

# given_metrics - conf asks for $FILE
given_metrics() {
	FILE=$BATS_TEST_TMPDIR/prom/monitor.prom
	mkdir -p "${FILE%/*}"
	printf '%s\n' "metrics = $FILE" >>"$CONF/monitor.conf"
}

# given_copy - this test runs a copy of the suite, in which it may change something
given_copy() {
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$BATS_TEST_TMPDIR"
	ROOT=$BATS_TEST_TMPDIR
}

# figure SAMPLE - print its value in $FILE; nothing if it is absent
figure() {
	local sample value
	while read -r sample value; do
		[ "$sample" != "$1" ] || printf '%s\n' "$value"
	done <"$FILE"
}

# shows SAMPLE VALUE - does $FILE have that?
shows() {
	[ "$(figure "$1")" = "$2" ]
}

# is_at_least SAMPLE VALUE - in $FILE
is_at_least() {
	"$(python)" -c 'import sys; sys.exit(float(sys.argv[1] or 0) < float(sys.argv[2]))' "$(figure "$1")" "$2"
}

# is_rewritten INODE - is $FILE another one?
is_rewritten() {
	[ "$(stat -c %i "$FILE")" != "$1" ]
}

# rewritten - waits until $FILE has been written twice from now on: what has happened is in it
rewritten() {
	local inode
	for _ in 1 2; do
		inode=$(stat -c %i "$FILE")
		wait_until "$PATIENCE" is_rewritten "$inode"
	done
}

# --- what is told

@test "metrics prints what runs, by the names, types and labels of the man page; promtool objects to nothing" {
	given_server msg_server
	given_server route_server 'start = manual'
	monitor_start msg_server route_server
	runs msg_server

	run -0 suite metrics

	[[ $output == *'monitor_server_up{server="msg_server"} 1'* ]]
	[[ $output == *'monitor_server_state{server="msg_server",state="RUNNING"} 1'* ]]
	[[ $output == *'monitor_server_wanted{server="route_server"} 0'* ]]
	[[ $output == *'monitor_server_up{server="route_server"} 0'* ]]
	[[ $output == *"monitor_build_info{version=\"$(suite -V | sed 's/.* //')\"} 1"* ]]
	while read -r _ _ name _; do
		grep -q "$name" "$ROOT/lib/man/monitor.sh.1" || assert_equal 'metric' "$name" 'in monitor.sh(1)'
	done < <(grep '^# TYPE' <<<"$output")
	while read -r name; do
		grep -q "$name" "$ROOT/pyhelpers/seeing/metric_names.py" || assert_equal 'metric' "$name" 'in the code'
	done < <(grep -o 'monitor_[a-z_]*' "$ROOT/lib/man/monitor.sh.1" | sort -u)
	require promtool
	promtool check metrics <<<"$output"
}

@test "what is not known is absent: no check, no beat, no process, no monitor" {
	given_server msg_server
	given_server route_server 'start = manual'
	monitor_start msg_server route_server
	runs msg_server
	run -0 suite metrics
	[[ $output != *check* && $output != *beat* && $output != *backlog* ]]
	[[ $output != *'memory_bytes{server="route_server"'* && $output != *'cpu_seconds_total{server="route_server"'* ]]
	[[ $output != *'start_time_seconds{server="route_server"'* && $output != *last_pass* ]]
	monitor_stop

	run -0 suite metrics

	[[ $output == *'monitor_server_up{server="msg_server"} 1'* && $output == *'restarts_total{server="msg_server"} 0'* ]]
	[[ $output != *monitor_server_state* && $output != *monitor_server_wanted* ]]
}

@test "the key has the file written every interval: by rename, for all to read, with no other *.prom beside it" {
	given_metrics
	given_server msg_server 'check = command true' 'check_every = 1s'
	"$(python)" - "${FILE%/*}" >"$BATS_TEST_TMPDIR/names" 3>&- <<-'END' &
		import os, sys, time
		seen = set()
		until = time.time() + 60
		while time.time() < until and not os.path.exists(sys.argv[1] + "/end"):
		    seen.update(os.listdir(sys.argv[1]))
		    time.sleep(0.0005)
		print(*sorted(name for name in seen if name.endswith(".prom")))
	END
	lister=$!
	umask 077
	monitor_start msg_server
	umask 022
	wait_until "$PATIENCE" shows 'monitor_server_check_success{server="msg_server"}' 1
	rewritten

	assert_equal 'mode' "$(stat -c %a "$FILE")" 644
	is_at_least monitor_last_pass_timestamp_seconds $(($(date +%s) - 30))
	[ -n "$(figure 'monitor_server_check_duration_seconds{server="msg_server"}')" ]
	[ -n "$(figure monitor_lag_seconds)" ]
	: >"${FILE%/*}/end"
	wait "$lister"
	assert_equal 'names' "$(<"$BATS_TEST_TMPDIR/names")" monitor.prom
}

@test "without the key nothing of it is loaded or written" {
	given_running msg_server
	wait_until "$PATIENCE" is_watched
	monitor_stop

	[ ! -e "$STATE/tally.json" ]
	run -0 "$(python)" -E -s -S -c 'import sys; sys.path.insert(0, sys.argv[1]); import watch.watcher; print(*sys.modules)' "$ROOT/pyhelpers"
	[[ " $output " != *' watch.metrics '* && " $output " != *' state.findings '* ]]
}

@test "deaths are counted by cause, restarts with their duration, and the outage that lasts now" {
	given_metrics
	given_server msg_server
	given_server route_server 'backoff = 60s 60s'
	monitor_start msg_server route_server
	runs route_server
	kill -s KILL "$RUNS"
	runs msg_server
	kill -s KILL "$RUNS"
	assert_logged 'Server msg_server restarted'

	wait_until "$PATIENCE" shows 'monitor_server_restarts_total{server="msg_server"}' 1
	shows 'monitor_server_ends_total{server="msg_server",cause="signal"}' 1
	shows 'monitor_server_ends_total{server="msg_server",cause="exit"}' 0
	shows monitor_restart_duration_seconds_count 1
	shows 'monitor_restart_duration_seconds_bucket{le="+Inf"}' 1
	wait_until "$PATIENCE" is_at_least 'monitor_server_down_seconds_total{server="route_server"}' 3
	shows 'monitor_server_up{server="route_server"}' 0
	shows 'monitor_server_wanted{server="route_server"}' 1
	shows 'monitor_server_restarts_total{server="route_server"}' 0
}

@test "a server is all that it has started: by its cgroup, or else its descendants" {
	given_metrics
	given_conf tree "dir = $SERVERS" 'cgroup = no' "command = sh -c 'dd if=/dev/zero of=/dev/null & sleep 1000 & wait'" 'match = sh'
	monitor_start tree

	wait_until "$PATIENCE" shows 'monitor_server_processes{server="tree"}' 3
	wait_until "$PATIENCE" is_at_least 'monitor_server_cpu_seconds_total{server="tree"}' 0.5
	is_at_least 'monitor_server_memory_bytes{server="tree",type="rss"}' "$(figure 'monitor_server_memory_bytes{server="tree",type="pss"}')"
	is_at_least 'monitor_server_memory_bytes{server="tree",type="pss"}' 10000
	is_at_least 'monitor_server_max_fds{server="tree"}' "$(figure 'monitor_server_open_fds{server="tree"}')"
	is_at_least 'monitor_server_open_fds{server="tree"}' 3
	used=$(figure 'monitor_server_cpu_seconds_total{server="tree"}')
	pid=$(pid_of tree)
	kill -s KILL "$pid"
	wait_until "$PATIENCE" pid_differs tree "$pid"
	rewritten
	is_at_least 'monitor_server_cpu_seconds_total{server="tree"}' "$used"
}

@test "messages of each hook: sent, refused, and those that wait" {
	given_metrics
	given_hook good 'exit 0'
	given_hook bad 'exit 3'
	given_hook later 'exit 75'
	given_server msg_server 'alert = good bad later'
	monitor_start msg_server
	runs msg_server
	kill -s KILL "$RUNS"

	wait_until "$PATIENCE" shows 'monitor_alerts_sent_total{hook="good"}' 1
	wait_until "$PATIENCE" shows 'monitor_alerts_refused_total{hook="bad"}' 1
	wait_until "$PATIENCE" shows 'monitor_alerts_waiting{hook="later"}' 1
	wait_until "$PATIENCE" is_at_least 'monitor_alerts_oldest_waiting_seconds{hook="later"}' 1
	shows 'monitor_alerts_sent_total{hook="bad"}' 0
	rm "$STATE"/alerts/sent/* # as old ones are removed
	rewritten
	shows 'monitor_alerts_sent_total{hook="good"}' 1
}

@test "silences, beats and the backlog of held sockets" {
	given_metrics
	PORT=$(free_port)
	printf 'beat\n' >"$BATS_TEST_TMPDIR/beat"
	given_server msg_server "heartbeat = file $BATS_TEST_TMPDIR/beat" "sockets = web=tcp://127.0.0.1:$PORT"
	monitor_start msg_server
	runs msg_server
	exec 7<>"/dev/tcp/127.0.0.1/$PORT"
	suite_ends 0 silence msg_server 1h
	since=$(date +%s)
	touch "$BATS_TEST_TMPDIR/beat"

	wait_until "$PATIENCE" shows 'monitor_socket_backlog{server="msg_server",socket="web"}' 1
	wait_until "$PATIENCE" shows 'monitor_server_silenced{server="msg_server"}' 1
	wait_until "$PATIENCE" is_at_least 'monitor_server_last_beat_timestamp_seconds{server="msg_server"}' "$since"
	exec 7>&-
}

@test "a name and a directory with signs of the format are escaped" {
	run -0 "$(python)" -E -s -c '
import sys
sys.path.insert(0, sys.argv[1])
from seeing.exposition import Exposition
shown = Exposition({"a": ("gauge", "help")})
shown.add("a", 1, server="\"<script>&\\\n\ud800{}")
shown.add("a", float("inf"))
shown.add("a", None, server="unknown")
sys.stdout.write(shown.text())' "$ROOT/pyhelpers"

	assert_equal 'text' "$output" '# HELP a help
# TYPE a gauge
a{server="\"<script>&\\\n?{}"} 1
a +Inf'
}

@test "two servers of one name are two, the second with its directory" {
	given_metrics
	given_conf msg_server 'command = ./msg_server --log=none'
	for name in a 'b "x"'; do
		given_program "$SERVERS/$name/msg_server"
		: >"$SERVERS/$name/msgserver.conf"
		cd "$SERVERS/$name"
		monitor_start msg_server
		wait_until "$PATIENCE" is_watched
	done
	cd "$BATS_TEST_TMPDIR"

	wait_until "$PATIENCE" grep -qxF 'monitor_server_up{server="msg_server"} 1' "$FILE"
	wait_until "$PATIENCE" grep -qxF "monitor_server_up{server=\"msg_server in $SERVERS/b \\\"x\\\"\"} 1" "$FILE"
	kill -s KILL "$(pids_with './msg_server --log=none*' | while read -r pid; do
		[ "$(readlink "/proc/$pid/cwd")" != "$SERVERS/b \"x\"" ] || printf '%s\n' "$pid"
	done)"
	wait_until "$PATIENCE" grep -qxF "monitor_server_restarts_total{server=\"msg_server in $SERVERS/b \\\"x\\\"\"} 1" "$FILE"
	grep -qxF 'monitor_server_restarts_total{server="msg_server"} 0' "$FILE"
	require promtool
	promtool check metrics <"$FILE"
}

# --- counters

@test "a tally that reads piece by piece counts what is true, over turn-overs, packed files, torn lines and lost saves" {
	local seed=${METRICS_SEED:-$RANDOM}
	printf '# seed %s\n' "$seed" >&3
	mkdir -m 700 "$STATE"
	run -0 --separate-stderr "$(python)" "$FIXTURES/a_year.py" "$STATE" "$seed" 365 5 1000
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/truth"

	run -0 "$(python)" "$FIXTURES/tally_differs.py" "$ROOT/pyhelpers" "$STATE" "$BATS_TEST_TMPDIR/truth" "$seed"
}

@test "downtime never falls: when the outage was shorter than was shown, when a clock is set; a removed history counts anew" {
	mkdir -m 700 "$STATE"

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$STATE" <<-'END'
		import json, os, sys, time
		from datetime import datetime, timezone
		sys.path.insert(0, sys.argv[1])
		from seeing.tally import Tally

		state, now, key = sys.argv[2], float(int(time.time())), ("a", "")

		def tell(seconds, event, file="history.jsonl", **more):
		    when = datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
		    with open(f"{state}/{file}", "a") as history:
		        history.write(json.dumps({"time": when, "event": event, "server": "", "action": "", **more}) + "\n")

		def down(seconds, watched=True):
		    tally = Tally(state)
		    tally.catch_up()
		    shown = tally.down(key, seconds, {"1-x": seconds if watched else 0.0})
		    tally.save()
		    return round(shown, 3), tally.counts[key].restarts

		tell(now - 1000, "watching", servers=["a"], monitor="1-x")
		tell(now - 1000, "started", server="a")
		tell(now - 100, "death", server="a", action="now", cause="exit 1")
		assert down(now - 90) == (10, 0), "an outage that lasts"
		tell(now - 89, "restarted", server="a", down_ms=9000)
		assert down(now - 80) == (10, 1), "what was shown stays"
		tell(now - 70, "death", server="a", action="now", cause="exit 1")
		assert down(now - 65) == (14, 1), "and is right again"
		assert down(now - 68) == (14, 1), "a clock that goes back"
		assert down(now, watched=False) == (14, 1), "nobody watches: not known"
		tell(now - 60, "restarted", server="a", down_ms=10000)
		assert down(now) == (19, 2), down(now)
		os.rename(f"{state}/history.jsonl", f"{state}/history-2020.1.jsonl")
		assert down(now) == (19, 2), "turned over"
		late = "history-2020.1.jsonl"  # one who had opened it before that writes it there
		tell(now - 59, "death", late, server="a", action="now", cause="exit 1")
		tell(now - 59, "restarted", late, server="a", down_ms=0)
		tell(now - 58, "note", server="a")
		assert down(now) == down(now) == (19, 3), down(now)
		os.unlink(f"{state}/history-2020.1.jsonl")
		os.unlink(f"{state}/history.jsonl")
		tell(now - 50, "death", server="a", action="now", cause="exit 1")
		for _ in range(20):  # longer than the one before
		    tell(now - 49, "note", server="a", detail="x" * 200)
		tell(now - 40, "restarted", server="a", down_ms=10000)
		assert down(now) == (29, 4), down(now)
		with open(f"{state}/tally.json", "w") as torn:
		    torn.write("{")
		assert "torn" in Tally(state).remark
		down(now)
		assert os.path.exists(f"{state}/tally.json.torn") and not Tally(state).remark
	END
}

@test "counters grow over SIGKILLs of helper, monitor and the writer, with two monitors and turn-overs; the file is never torn" {
	given_metrics
	expect_helper_deaths
	given_server msg_server 'start_seconds = 0s'
	given_server route_server 'start_seconds = 0s'
	monitor_start route_server
	"$(python)" "$PROMETHEUS" grows "$FILE" "$BATS_TEST_TMPDIR/until" >"$BATS_TEST_TMPDIR/grown" 3>&- &
	grower=$!
	for round in 1 2 3; do
		monitor_start msg_server
		runs msg_server
		kill -s KILL "$RUNS"
		wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
		writer=$(writers | head -n 1)
		[ -z "$writer" ] || kill -s KILL "$writer" 2>/dev/null || :
		kill -s KILL "$(pid_of route_server)"
		mv "$STATE/history.jsonl" "$STATE/history-2020.$round.jsonl"
		wait_until "$PATIENCE" is_watched
		kill -s KILL "$(helper_of "$MONITOR")"
		wait_until "$PATIENCE" is_watched
		monitor_crash
	done
	monitor_start msg_server
	runs msg_server
	wait_until "$PATIENCE" is_at_least 'monitor_server_restarts_total{server="msg_server"}' 3
	rewritten
	: >"$BATS_TEST_TMPDIR/until"

	wait "$grower" || assert_equal 'a counter' "$(<"$BATS_TEST_TMPDIR/grown")" 'never smaller'
	[ "$(<"$BATS_TEST_TMPDIR/grown")" -ge 5 ]
	is_at_least 'monitor_server_restarts_total{server="route_server"}' 3
}

# --- where the file cannot be written

@test "a file that cannot be written is reported once, and its end once; the servers are looked after all the same" {
	given_metrics
	rmdir "${FILE%/*}"
	given_server msg_server
	monitor_start msg_server
	assert_said "metrics: $FILE: No such file or directory; make its directory, or name another place"
	runs msg_server
	kill -s KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"

	mkdir "${FILE%/*}"

	assert_said "metrics: $FILE is written again"
	assert_equal 'times' "$(grep -c 'No such file' "$PRINTED")" 1
}

@test "a writer that hangs holds nothing up, is alone, and is followed by others when it goes on" {
	given_metrics
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" test -e "$FILE"
	exec 8<"$STATE/tally.lock"
	flock 8
	inode=$(stat -c %i "$FILE")
	wait_until "$PATIENCE" is_waiting_writer

	runs msg_server
	kill -s KILL "$RUNS"
	assert_logged 'Server msg_server restarted'
	assert_left_alone msg_server
	assert_equal 'writers' "$(writers | wc -l)" 1
	assert_equal 'the file' "$(stat -c %i "$FILE")" "$inode"
	exec 8<&-

	wait_until "$PATIENCE" shows 'monitor_server_restarts_total{server="msg_server"}' 1
}

@test "a writer that takes too long is reported and ended, and another one follows" {
	given_metrics
	given_server msg_server
	given_copy
	sed -i 's/^PATIENCE_MS = 60_000$/PATIENCE_MS = 1000/' "$ROOT/pyhelpers/watch/metrics.py"
	monitor_start msg_server
	wait_until "$PATIENCE" test -e "$FILE"
	exec 8<"$STATE/tally.lock"
	flock 8
	wait_until "$PATIENCE" is_waiting_writer

	assert_said "metrics: $FILE is not written within 1s; tried again every interval"
	wait_until "$PATIENCE" is_gone "$WRITER"
	exec 8<&-
	assert_said "metrics: $FILE is written again"
}

# is_waiting_writer - $WRITER is one, which may have ended by the next look
is_waiting_writer() {
	WRITER=$(writers | head -n 1)
	[ -n "$WRITER" ]
}

# writers - the pids of the children that write the file
writers() {
	pids_with "*metrics.py write $STATE *"
}

@test "a fault of ours for one server hides no other, and is reported once" {
	given_metrics
	expect_faults
	given_server msg_server
	given_server route_server
	given_copy
	cat >>"$ROOT/pyhelpers/seeing/metrics.py" <<-'END'

		_well = Report._add_vitals


		def _ill(self, server):
		    if server.name == "msg_server":
		        raise ZeroDivisionError("by intent")
		    _well(self, server)


		Report._add_vitals = _ill
	END
	monitor_start msg_server route_server

	assert_said 'metrics: msg_server: a fault of the monitor itself at seeing/metrics.py:'
	wait_until "$PATIENCE" shows 'monitor_server_processes{server="route_server"}' 1
	rewritten
	assert_equal 'times said' "$(grep -c 'by intent' "$PRINTED")" 1
	assert_equal 'times kept' "$(grep -c 'by intent' "$STATE/faults.log")" 1
}

@test "root follows no link in a path that others may change, and writes where there is none" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	mkdir "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/theirs/node-exporter" "$BATS_TEST_TMPDIR/secret"
	chown 65534:65534 "$BATS_TEST_TMPDIR/theirs"
	given_server msg_server

	suite_ends 0 metrics --output "$BATS_TEST_TMPDIR/theirs/node-exporter/monitor.prom"
	assert_equal 'mode' "$(stat -c '%a %u' "$BATS_TEST_TMPDIR/theirs/node-exporter/monitor.prom")" '644 0'
	rm -r "$BATS_TEST_TMPDIR/theirs/node-exporter"
	ln -s "$BATS_TEST_TMPDIR/secret" "$BATS_TEST_TMPDIR/theirs/node-exporter"
	suite_ends 4 metrics --output "$BATS_TEST_TMPDIR/theirs/node-exporter/monitor.prom"
	assert_answered 'others may change this path, and a link is in it; name '
	assert_equal 'files' "$(ls "$BATS_TEST_TMPDIR/secret")" ''
}

@test "a process that cannot be looked at hides no other" {
	run -0 "$(python)" -E -s -c '
import sys, time
sys.path.insert(0, sys.argv[1])
from seeing import patience
def look(item):
    time.sleep(99 if item in (2, 5) else 0)
    return item * 10
print(patience.each(look, range(7), seconds=0.3), patience.each(look, []))
print(patience.each(lambda item: time.sleep(99), range(9), seconds=0.01))' "$ROOT/pyhelpers"

	assert_equal 'found' "$output" '{0: 0, 1: 10, 3: 30, 4: 40, 6: 60} {}
{}'
}

@test "test says how old the file is, and complains if a monitor does not write it" {
	given_server msg_server
	given_metrics
	suite_ends 0 test
	assert_answered "metrics: $FILE: No such file or directory; no monitor runs"
	monitor_start msg_server
	wait_until "$PATIENCE" test -e "$FILE"
	suite_ends 0 test
	assert_answered "metrics: $FILE was written "
	sed -i 's/^metrics.*//' "$CONF/monitor.conf"
	suite_ends 0 update
	printf '%s\n' "metrics = $FILE" >>"$CONF/monitor.conf"
	touch -d '1 hour ago' "$FILE"
	run -0 --separate-stderr suite test
	[[ $stderr == *"metrics: $FILE was written 36"[0-9][0-9]"s ago; a monitor that runs with this conf writes it every 1s"* ]]
	suite_ends 0 update
	wait_until "$PATIENCE" is_rewritten "$(stat -c %i "$FILE")"
	suite_ends 2 metrics --json
	assert_answered 'metrics takes only --output FILE, not --json'
}

# --- Prometheus

@test "the rules that ship are good, and each fires where it must and nowhere else" {
	require promtool
	run -0 promtool check rules "$SHIPPED/monitor.rules.yml"
	run -0 promtool test rules "$FIXTURES/rules_test.yml" "$FIXTURES/month_test.yml"
	run -0 "$(python)" "$PROMETHEUS" cases "$SHIPPED/monitor.rules.yml" "$FIXTURES/rules_test.yml" "$FIXTURES/month_test.yml"
	assert_equal 'rules without a case' "$output" ''
}

@test "the route for Alertmanager that ships is good" {
	require amtool
	run -0 amtool check-config "$SHIPPED/alertmanager.yml"
}

# given_prometheus - node_exporter reads $FILE, Prometheus at $URL asks it every second, with the rules that ship
given_prometheus() {
	require curl
	require prometheus prometheus-node-exporter
	local node
	node=127.0.0.1:$(free_port)
	URL=http://127.0.0.1:$(free_port)
	mkdir "$BATS_TEST_TMPDIR/tsdb"
	cat >"$BATS_TEST_TMPDIR/prometheus.yml" <<-END
		global: { scrape_interval: 1s, evaluation_interval: 1s }
		rule_files: [ "$SHIPPED/monitor.rules.yml" ]
		scrape_configs:
		  - { job_name: node, static_configs: [ { targets: [ "$node" ] } ] }
	END
	given_exporter="$(sed -n 's/^ARGS="\(.*\)=.*"/\1/p' "$SHIPPED/prometheus-node-exporter")=${FILE%/*}"
	prometheus-node-exporter --collector.disable-defaults --collector.textfile "$given_exporter" \
		--web.listen-address="$node" >"$BATS_TEST_TMPDIR/node.log" 2>&1 3>&- 4>&- &
	prometheus --config.file="$BATS_TEST_TMPDIR/prometheus.yml" --storage.tsdb.path="$BATS_TEST_TMPDIR/tsdb" \
		--web.listen-address="${URL#http://}" >"$BATS_TEST_TMPDIR/prometheus.log" 2>&1 3>&- 4>&- &
	wait_until "$PATIENCE" curl -fsS "$URL/-/ready"
}

# value EXPRESSION - print what Prometheus answers
value() {
	curl -fsS --data-urlencode "query=$1" "$URL/api/v1/query" |
		"$(python)" -c 'import json, sys; print(*(each["value"][1] for each in json.load(sys.stdin)["data"]["result"]))'
}

# has_alert LINE - does Prometheus have it?
has_alert() {
	"$(python)" "$PROMETHEUS" alerts "$URL" | grep -qxF -- "$1"
}

# is_scraped NUMBER - has Prometheus figures of so many servers?
is_scraped() {
	[ "$(value 'count(monitor_server_restarts_total)')" = "$1" ]
}

# given_singleton - a server of which one machine runs only one, if etcd is here
given_singleton() {
	command -v etcd >/dev/null || return 0
	given_etcd
	printf '%s\n' "fleet = etcd://$ETCD/prod" 'fleet_lease = 20s' 'host = im1' >>"$CONF/monitor.conf"
	given_server single 'singleton = yes'
}

# killed - msg_server is killed, and comes back
killed() {
	runs msg_server
	kill -s KILL "$RUNS"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
}

# kills SECONDS - for so long kill the server and, in turn, the helper, and the monitor
kills() {
	local until=$((SECONDS + $1)) turn=0
	killed
	killed
	killed
	while ((SECONDS < until || turn < 4)); do
		killed
		turn=$((turn + 1))
		case $((turn % 3)) in
		1) kill -s KILL "$(helper_of "$MONITOR")" ;;
		2)
			monitor_crash
			monitor_start all
			;;
		*) rewritten ;;
		esac
		wait_until "$PATIENCE" is_watched
	done
}

@test "Prometheus scrapes kills of servers, helpers and monitors: the alerts are those expected, and no counter is reset" {
	expect_helper_deaths
	given_metrics
	given_prometheus
	local took=${METRICS_SECONDS:-5} # the full show: 120
	PORT=$(free_port)
	given_hook later 'exit 75'
	given_server msg_server "sockets = web=tcp://127.0.0.1:$PORT" "heartbeat = file $BATS_TEST_TMPDIR/beat" \
		'heartbeat_timeout = 1h' 'check = command true' 'check_every = 1s' 'alert = sms later'
	given_server dead 'give_up = 1 in 60s'
	given_server slow 'backoff = 300s 300s'
	given_server asleep
	given_singleton
	monitor_start all
	wait_until "$PATIENCE" is_scraped "$(find "$CONF/servers" -type f | wc -l)"
	for name in slow dead; do # they cannot come back
		runs "$name"
		mv "$SERVERS/$name/$name" "$SERVERS/$name/away"
		kill -s KILL "$RUNS"
	done
	suite_ends 0 stop asleep

	kills "$took"

	wait_until "$PATIENCE" has_alert 'ServerGaveUp firing dead'
	wait_until "$PATIENCE" has_alert 'ServerFlaps firing msg_server'
	how=pending
	((took < 120)) || how=firing
	wait_until 200 has_alert "ServerDown $how slow"
	assert_equal 'alerts' "$("$(python)" "$PROMETHEUS" alerts "$URL")" "ServerDown $how slow
ServerFlaps firing msg_server
ServerGaveUp firing dead"
	assert_equal 'resets' "$("$(python)" "$PROMETHEUS" resets "$URL")" ''
	assert_equal 'the collector' "$(value 'max(node_textfile_scrape_error)')" 0
	[ "$(value 'monitor_server_restarts_total{server="msg_server"}')" -ge 6 ]
	"$(python)" "$PROMETHEUS" expressions "$SHIPPED/grafana-dashboard.json" >"$BATS_TEST_TMPDIR/expressions"
	[ -n "${ETCD:-}" ] || sed -i '/monitor_singleton\|monitor_fleet/d' "$BATS_TEST_TMPDIR/expressions"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/expressions")" -gt 25 ]
	wait_until "$PATIENCE" all_have_values
}

# all_have_values - does each expression of the dashboard have a value?
all_have_values() {
	date >>"$BATS_TEST_TMPDIR/beat"
	"$(python)" "$PROMETHEUS" empty "$URL" <"$BATS_TEST_TMPDIR/expressions" >"$BATS_TEST_TMPDIR/empty"
	[ ! -s "$BATS_TEST_TMPDIR/empty" ] || {
		cat "$BATS_TEST_TMPDIR/empty" >"$SAID"
		return 1
	}
}
