#!/usr/bin/env bats
# The monitor requests a URL outside while it lives: never in its own way, and no message shows the URL.

load helpers

SECRET=0b5e7c1e-uuid

# given_outside - a service on 127.0.0.1: what is asked for stands in $ASKED, a line a request; /hang never answers,
# while $BATS_TEST_TMPDIR/broken is there it answers 500
given_outside() {
	require curl
	ASKED=$BATS_TEST_TMPDIR/asked
	PORT=$(free_port)
	: >"$ASKED"
	"$(python)" - "$PORT" "$ASKED" "$BATS_TEST_TMPDIR/broken" >/dev/null 2>&1 3>&- <<-'END' &
		import http.server, os, sys, threading

		class Outside(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        with open(sys.argv[2], "a") as asked:
		            asked.write(f"{self.command} {self.path}\n")
		        if "hang" in self.path:
		            threading.Event().wait()
		        self.send_response(500 if os.path.exists(sys.argv[3]) else 200)
		        self.end_headers()

		http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Outside).serve_forever()
	END
	OUTSIDE=$!
	wait_until "$PATIENCE" is_listening "$PORT"
}

# end_outside - it is our child, so its pid is its own
end_outside() {
	kill -KILL "$OUTSIDE"
	wait "$OUTSIDE" 2>/dev/null || :
}

# given_deadman PATH EVERY
given_deadman() {
	printf '%s\n' "deadman = http://127.0.0.1:$PORT/$1 every $2" >>"$CONF/monitor.conf"
	chmod 600 "$CONF/monitor.conf"
}

asked_times() {
	[ "$(wc -l <"$ASKED")" -ge "$1" ]
}

@test "the URL is asked for at the start, and every so often from then on" {
	given_outside
	given_deadman "$SECRET" 1s
	given_server msg_server
	monitor_start msg_server

	wait_until "$PATIENCE" asked_times 3
	end_outside

	assert_equal 'what is asked' "$(sort -u "$ASKED")" "GET /$SECRET"
}

@test "the URL stands in no file that others may read, in no argument and in nothing that is printed" {
	given_outside
	given_deadman "hang/$SECRET" 1s
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" asked_times 1 # curl hangs now

	run -2 grep -alsF -f <(printf '%s\n' "$SECRET") /proc/[0-9]*/cmdline /proc/0/cmdline # the last: always missing
	assert_equal 'processes whose arguments tell it' "$output" ''
	run find "$STATE" -type f -perm /077 -exec grep -lF "$SECRET" {} +
	assert_equal 'files that others may read' "$output" ''
	run -1 grep -rF "$SECRET" "$PRINTED" "$STATE/restart.log"
	end_outside
}

@test "what hangs there holds nothing up here" {
	given_outside
	given_deadman hang 1s
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" asked_times 2
	old=$(pid_of msg_server)

	kill -KILL "$old"

	wait_until "$PATIENCE" pid_differs msg_server "$old"
	monitor_stop
	[[ $MONITOR_STATUS == 0 || ${TEST_SHELL:-} == yash ]] # which TERM ends at once
	end_outside
}

@test "that it fails is reported once, and that it is well again" {
	given_outside
	touch "$BATS_TEST_TMPDIR/broken"
	given_deadman "$SECRET" 1s
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" asked_times 3
	assert_said 'deadman: the request failed: curl: (22) The requested URL returned error: 500'

	rm "$BATS_TEST_TMPDIR/broken"

	assert_said 'deadman: the request succeeds again'
	assert_equal 'said' "$(grep -c 'deadman: the request failed' "$PRINTED")" 1
	end_outside
}

@test "a monitor whose shell does not read its mailbox is not reported as living" {
	given_outside
	given_deadman "$SECRET" 1s
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" asked_times 2

	kill -STOP "$MONITOR"
	wait_until "$PATIENCE" is_up_for msg_server $(($(uptime_of msg_server) + 3)) # a tick of interval lies there unread now
	before=$(wc -l <"$ASKED")
	wait_until "$PATIENCE" is_up_for msg_server $(($(uptime_of msg_server) + 3))
	assert_equal 'asked meanwhile' "$(wc -l <"$ASKED")" "$before"

	kill -CONT "$MONITOR"
	wait_until "$PATIENCE" asked_times $((before + 1))
	end_outside
}

uptime_of() {
	local uptime
	uptime=$(status_of "$1" uptime)
	printf '%s\n' "${uptime%%.*}"
}

@test "a monitor.conf with a deadman that others may read is refused" {
	given_conf msg_server 'alert = sms'
	printf '%s\n' 'interval = 1s' 'deadman = https://hc-ping.com/x every 5m' >"$CONF/monitor.conf"
	chmod 644 "$CONF/monitor.conf"

	suite_ends 6 check
	grep -qF "monitor.conf:2: deadman: a secret, and may be read by others (mode 644); run: chmod 600 $CONF/monitor.conf" "$SAID"
	chmod 600 "$CONF/monitor.conf"
	suite_ends 0 check
}

@test "what cannot be a deadman is refused, and not repeated" {
	local text
	given_conf msg_server 'alert = sms'
	for text in "hc-ping.com/$SECRET every 5m" "https://x/$SECRET" "https://x/$SECRET every 0s" "file:///$SECRET every 5m"; do
		printf '%s\n' "deadman = $text" >"$CONF/monitor.conf"
		chmod 600 "$CONF/monitor.conf"
		suite_ends 6 check
		run -1 grep -F "$SECRET" "$SAID"
		grep -qF 'monitor.conf:1: deadman: ' "$SAID"
	done
}
