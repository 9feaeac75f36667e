#!/usr/bin/env bats
# What happened, and how available was each server: history, status --uptime, and what the monitor writes for both.

load helpers
load fixtures/orders

# members EVENT KEY... - print these members of each line of history.jsonl with that event, as JSON
members() {
	"$(python)" -I -S -c '
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    line = json.loads(line)
    if line["event"] == sys.argv[2]:
        print(*(json.dumps(line.get(key)) for key in sys.argv[3:]))
' "$STATE/history.jsonl" "$@"
}

# has_told EVENT TIMES - has history.jsonl that event so often?
has_told() {
	[ "$(members "$1" event | wc -l)" -eq "$2" ]
}

# --- what is written

@test "the history tells how long a server was down, from its death on, over failed starts too" {
	given_server msg_server 'backoff = 1s 1s'
	monitor_start msg_server
	runs msg_server
	mv "$SERVERS/msg_server/msg_server" "$SERVERS/msg_server/away"
	kill -s KILL "$RUNS"
	assert_logged 'Server msg_server not started, next try in 1s'
	mv "$SERVERS/msg_server/away" "$SERVERS/msg_server/msg_server"
	wait_until "$PATIENCE" pid_differs msg_server "$RUNS"
	assert_logged 'Server msg_server restarted'

	down=$(members restarted down_ms)
	[ "$down" -ge 1000 ]
	run -0 suite history
	[[ $output == *msg_server*restarted*died*'(signal KILL'* ]]
	run -0 suite history --json
	[ "$("$(python)" -c 'import json, sys; print(json.loads(sys.argv[1])[0]["down_ms"])' "$output")" -eq "$down" ]
}

@test "a start that stays up after start_seconds was down only until its process was there" {
	given_server msg_server 'start_seconds = 2s'
	monitor_start msg_server
	runs msg_server
	kill -s KILL "$RUNS"
	assert_logged 'Server msg_server restarted'

	[ "$(members restarted down_ms)" -lt 2000 ]
}

@test "an order stands in the history with who gave it" {
	given_running msg_server
	suite_ends 0 pause msg_server
	suite_ends 0 resume msg_server

	assert_equal 'orders' "$(members order action by)" "\"pause\" $(id -u)
\"resume\" $(id -u)"
	run -0 suite history --event order
	[[ $output == *"pause_by_$(id -un)"* ]]
}

@test "a monitor tells what it watches, and when that ends; of one that was killed, the next tells it" {
	given_server msg_server
	given_server route_server
	monitor_start msg_server route_server
	runs msg_server
	runs route_server
	suite_ends 0 stop route_server
	wait_until "$PATIENCE" has_told watching 1
	monitor_crash
	monitor_start msg_server route_server
	wait_until "$PATIENCE" has_told watching 2
	suite_ends 0 shutdown
	monitor_start msg_server route_server
	wait_until "$PATIENCE" has_told watching 3
	monitor_stop

	assert_equal 'watching' "$(members watching servers off)" '["msg_server", "route_server"] []
["msg_server", "route_server"] ["route_server"]
["msg_server", "route_server"] ["route_server"]'
	local ended='"lost"
"ended"'
	[ "$TEST_SHELL" = yash ] || ended+=$'\n"ended"' # it ends by the signal itself, and only the next monitor tells that
	assert_equal 'ended' "$(members ended action)" "$ended"
	run -0 suite history --event ended
	[[ $output == *lost*'no monitor'* ]]
}

@test "a monitor that is killed as soon as it watches is told as lost after that, not before" {
	given_server msg_server
	sed -i 's/^interval.*/interval = 1m/' "$CONF/monitor.conf"
	for round in 1 2 3 4 5 6; do
		monitor_start msg_server
		wait_until "$PATIENCE" has_told watching "$round"
		monitor_crash
	done
	monitor_start msg_server
	wait_until "$PATIENCE" has_told ended 6

	run -0 "$(python)" -I -S -c '
import json, sys
began = {}
for line in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    if line["event"] == "watching":
        began[line["monitor"]] = line["time"]
    elif line["event"] == "ended" and line["time"] < began[line["monitor"]]:
        print(line["monitor"], began[line["monitor"]], line["time"])
' "$STATE/history.jsonl"
	assert_equal 'lost before it watched' "$output" ''
}

@test "an update tells what is watched from then on" {
	given_running msg_server
	given_server route_server
	monitor_stop
	monitor_start all
	runs route_server
	rm "$CONF/servers/route_server.conf"

	suite_ends 0 update

	wait_until "$PATIENCE" has_told watching 3
	assert_equal 'watching' "$(members watching servers | tail -n 1)" '["msg_server"]'
}

@test "the history of last year is turned over at the start of a monitor, read all the same, and kept when packed" {
	given_server msg_server
	mkdir -m 700 "$STATE"
	printf '%s\n' '{"time":"2024-12-31T23:00:00.000+00:00","event":"death","server":"msg_server","pid":5,"cause":"exit 3","action":"leave","incident":"i","detail":"up 1s"}' >"$STATE/history.jsonl"
	monitor_start msg_server
	runs msg_server

	[ -e "$STATE/history-2024.1.jsonl" ]
	run ! grep -q 2024-12-31 "$STATE/history.jsonl"
	run -0 suite history msg_server
	[[ $output == *'died (exit 3, up 1s)'* ]]
	gzip "$STATE/history-2024.1.jsonl"
	run -0 suite history msg_server
	[[ $output == *'died (exit 3, up 1s)'* ]]
}

# --- what is read

@test "a packed history that is damaged, and one of a newer suite, are refused with the way out; counters go on" {
	local line='{"time":"2024-12-31T23:00:00.000+00:00","event":"death","server":"msg_server","cause":"exit 3","action":"now"}'
	given_server msg_server
	mkdir -m 700 "$STATE"
	printf '%s\n' "${line/2024/2025}" >"$STATE/history-2025.1.jsonl"
	for kind in cut alien bits; do
		"$(python)" - "$kind" "$line" >"$STATE/history-2024.1.jsonl.gz" <<-'END'
			import gzip, sys
			raw = gzip.compress(f"{sys.argv[2]}\n".encode() * 99)
			made = {"cut": raw[:-9], "alien": b"what is this?", "bits": raw[:14] + b"\xff\xff" + raw[16:]}
			sys.stdout.buffer.write(made[sys.argv[1]])
		END
		for words in 'history' 'status --uptime' 'report'; do
			# shellcheck disable=SC2086 # words
			run -1 suite $words
			[[ $output == "$STATE/history-2024.1.jsonl.gz: gzip cannot unpack it ("*'); put a whole copy in its place, or move it away' ]]
		done
		run -0 --separate-stderr suite metrics
		[[ $stderr == "$STATE/history-2024.1.jsonl.gz: gzip cannot unpack it ("*'); what is behind that is not counted' ]]
		[[ $output == *'monitor_server_ends_total{server="msg_server",cause="exit"} '[1-9]* ]]
		counted=$(grep ends_total <<<"$output")
		run -0 --separate-stderr suite metrics
		assert_equal 'said again' "$stderr" ''
		assert_equal 'counted again' "$(grep ends_total <<<"$output")" "$counted"
		rm "$STATE/history-2024.1.jsonl.gz" "$STATE/tally.json"
	done

	printf '%s\n' '{"time":"2025-12-31T23:30:00.000+00:00","event":"watching","server":"","monitor":"1-x","version":2,"servers":[]}' >"$STATE/history.jsonl"
	for words in 'history' 'status --uptime' 'report'; do
		# shellcheck disable=SC2086 # words
		TZ=UTC run -1 suite $words
		assert_equal 'answer' "$output" "$STATE/history.jsonl: from 2025-12-31 on a newer version of the suite has written it (lines of version 2); ask that one"
	done
	TZ=UTC run -0 --separate-stderr suite metrics
	assert_equal 'remark' "$stderr" "$STATE/history.jsonl: from 2025-12-31 on a newer version of the suite has written it (lines of version 2); its events are counted as this one knows them"
	sed -i 's/:2,/:1,/' "$STATE/history.jsonl"
	suite_ends 0 history
	assert_equal 'version that is written' "$(sed -n 's/^presence_version=\([0-9]*\).*/\1/p' "$ROOT/lib/presence.sh")" \
		"$(sed -n 's/^VERSION = \([0-9]*\).*/\1/p' "$ROOT/pyhelpers/seeing/lines.py")"
}

@test "history says what it does not know: options, events, times, servers" {
	given_server msg_server
	while IFS='|' read -r words status said; do
		# shellcheck disable=SC2086 # words
		run "-$status" suite history $words
		[[ $output == *"$said"* ]]
	done <<-'END'
		--jsno|2|history: no such option: --jsno; did you mean --json?
		--event deth|2|history --event: deth is none of
		--event|2|history: --event needs a value
		--since yore|2|history: --since "yore" is no time
		nix|6|nix: not in conf
		n*x|6|n*x: matches no server
		msg_server|0|nothing has happened
	END
}

@test "--since and --event choose; torn and alien lines are left out; what a server printed is harmless" {
	given_server msg_server
	mkdir -m 700 "$STATE"
	cat >"$STATE/history.jsonl" <<-'END'
		{"time":"2026-01-01T10:00:00.000+00:00","event":"death","server":"msg_server","pid":5,"cause":"exit 3","action":"now","incident":"a","detail":"up 1s"}
		{"time":"2026-01-01T10:00:00.100+00:00","event":"output","server":"msg_server","pid":5,"cause":"","action":"","incident":"a","detail":"","output":"<script>\"&\u001b[31mred"}
		{"time":"2026-01-01T10:00:03.000+00:00","event":"restarted","server":"msg_server","pid":6,"cause":"","action":"restarted","incident":"a","detail":"4 ms","down_ms":4}
		{"time":"2026-01-0
		[]
		{"time":12}
		{"time":"2026-02-01T10:00:00.000+00:00","event":"note","server":"msg_server","pid":null,"cause":"","action":"","incident":"","detail":"a remark"}
		{"time":"2026-03-01T10:00:00.000+00:00","event":"hung","server":"msg_server","pid":6,"cause":"hung (no beat)","action":"leave","incident":"b","detail":"up 9d"}
	END

	run -0 suite history -v
	assert_equal 'lines' "$(grep -c msg_server <<<"$output")" 2
	[[ $output == *' 4ms '*'died (exit 3, up 1s)'*'| <script>"&red'*'hung (no beat), up 9d'* ]]
	[[ $output != *$'\033'* ]]
	run -0 suite history --since 2026-02-15
	[[ $output != *died* && $output == *hung* ]]
	run -0 suite history --event note
	[[ $output == *'a remark'* && $output != *died* ]]
}

# --- uptime

@test "figures of uptime over a year are those of an independent reckoning, with gaps, zones and clocks that were set" {
	local seed=${HISTORY_SEED:-$RANDOM} clocks
	printf '# seed %s\n' "$seed" >&3
	mkdir -m 700 "$STATE"
	for clocks in '' --clocks; do
		# shellcheck disable=SC2086 # an option, or nothing
		run -0 --separate-stderr "$(python)" "$FIXTURES/a_year.py" "$STATE" "$seed" 365 "${HISTORY_SERVERS:-20}" "${HISTORY_INCIDENTS:-4000}" $clocks # the full show: 100, 20000
		printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/truth"
		run -0 "$(python)" "$FIXTURES/uptime_differs.py" "$ROOT/pyhelpers" "$STATE" "$BATS_TEST_TMPDIR/truth" "$([ -n "$clocks" ] && echo 2 || echo 0.002)"
	done
}

@test "status --uptime: a server that ran, one that was down, one that nobody watched" {
	given_server msg_server
	given_server route_server
	mkdir -m 700 "$STATE"
	"$(python)" - >"$STATE/history.jsonl" <<-'END'
		import time
		from datetime import datetime, timezone
		now = time.time()
		def line(ago, event, more=""):
		    when = datetime.fromtimestamp(now - ago, timezone.utc).isoformat(timespec="milliseconds")
		    print(f'{{"time":"{when}","event":"{event}","server":"{"" if event == "watching" else "msg_server"}","action":"now"{more}}}')
		line(1000, "watching", ',"monitor":"1-x","servers":["msg_server"]')
		line(1000, "started")
		line(500, "death", ',"incident":"a"')
		line(480, "restarted", ',"incident":"a","down_ms":10000')
	END

	run -0 suite status --uptime 1h --json
	run -0 "$(python)" -c '
import json, sys
one, two = json.loads(sys.argv[1])
assert one["name"] == "msg_server" and one["outages"] == 1 and one["down_seconds"] == 10, one
assert 98.9 < one["percent"] < 99.1 and 2590 < one["unwatched_seconds"] < 2610, one
assert two["percent"] is None and two["unwatched_seconds"] == 3600, two
' "$output"
	run -0 suite status --uptime 1h
	[[ $output == *msg_server*%*10.0s*1*10.0s* ]]
}

@test "status --uptime, history: of two servers of one name each has its own figures, also through a link, and before its first start" {
	given_conf msg_server 'command = ./msg_server --log=none'
	for name in a b c; do
		given_program "$SERVERS/$name/msg_server"
		: >"$SERVERS/$name/msgserver.conf"
	done
	ln -s b "$SERVERS/link"
	cd "$SERVERS/a"
	monitor_start msg_server
	wait_until "$PATIENCE" is_watched
	cd "$SERVERS/link"
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -s KILL "$(pid_of msg_server)"
	wait_until "$PATIENCE" has_told restarted 1

	while read -r name rows; do
		cd "$SERVERS/$name"
		run -0 --separate-stderr suite status --uptime --json msg_server
		run -0 "$(python)" -c 'import json, sys
for row in json.loads(sys.argv[1]):
    told = "%d" % row["outages"] if row["percent"] is not None else "unknown"
    print(row["dir"] and row["dir"].rpartition("/")[2], told, end=" ")' "$output"
		assert_equal "servers and outages, in $name" "$output" "$rows "
	done <<-'END'
		a None 0 b 1
		link link 1 None 0
		c c unknown None 0 b 1
		.. None 0 b 1
	END
	run -0 suite history
	[[ ${lines[1]} == *" msg_server_in_$SERVERS/link "*' died '* ]]
}

@test "status --uptime takes a time, names and --json, and nothing else" {
	given_server msg_server
	run -2 suite status --uptime 5x
	[[ $output == *'status --uptime: "5x" is not a time; write it like 12h or 30d'* ]]
	run -2 suite status --uptime --watch
	[[ $output == *'status --uptime takes only names, a time like 30d, and --json'* ]]
}
