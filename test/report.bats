#!/usr/bin/env bats
# The report: one HTML file that does nothing, whatever is in it; its figures; where it is written; the key of monitor.conf.

load helpers

# given_year SEED DAYS SERVERS INCIDENTS - the history of servers s1, s2, ... (fixtures/a_year.py), and their conf
given_year() {
	mkdir -m 700 "$STATE"
	printf '# seed %s\n' "$1" >&3
	"$(python)" "$FIXTURES/a_year.py" "$STATE" "$@" >/dev/null
	for ((n = 1; n <= $3; n++)); do
		printf '%s\n' "dir = $SERVERS" 'command = /bin/false' >"$CONF/servers/s$n.conf"
	done
}

# page WHAT ... - what fixtures/page.py finds wrong with the report
page() {
	"$(python)" "$FIXTURES/page.py" "$1" "$REPORT" "${@:2}"
}

# reported - the file of the key report is there, and whole
reported() {
	[[ $(tail -c 8 "$REPORT" 2>/dev/null) == '</html>' ]]
}

REPORT=
given_report() {
	REPORT=$BATS_TEST_TMPDIR/report.html
	# shellcheck disable=SC2153 # helpers.bash sets SAID
	suite report "$@" >"$REPORT" 2>"$SAID"
	reported
}

# --- the page

@test "a report is one page that loads nothing and runs nothing, and all that servers say in it is text" {
	local hostile='<script>alert(1)</script>"&'\'' </pre><img src=x onerror=alert(2)>'
	given_server msg_server
	given_server route_server
	mkdir -m 700 "$STATE"
	HOSTILE=$hostile "$(python)" - >"$STATE/history.jsonl" <<-'END'
		import json, os, time
		from datetime import datetime, timezone
		text = os.environ["HOSTILE"]
		now = time.time()
		def line(ago, event, **more):
		    when = datetime.fromtimestamp(now - ago, timezone.utc).isoformat(timespec="milliseconds")
		    print(json.dumps({"time": when, "event": event, "server": "msg_server", "action": "now", **more}, separators=(",", ":")))
		line(90000, "watching", server="", monitor="1-x", servers=["msg_server", {"server": "msg_server", "dir": text}])
		line(90000, "started")
		line(90000, "started", dir=text)
		line(5000, "death", pid=5, incident="a", cause=text, detail=text, dir=text)
		line(5000, "output", incident="a", output=text + "\n\x1b[31mred\u202e\ud800\nlast", dir=text)
		line(5000, "core", incident="a", core=text, dir=text)
		line(4000, "restarted", pid=text, incident="a", action=text, down_ms=4000, dir=text)
		line(3000, text, cause=text)
		line(2000, "death", incident=text, action=text, server=text)
	END

	given_report --refresh 60

	run -0 page form "$hostile" 'msg_server in <script>' 'red' 'route_server'
	run ! grep -aiE '<script|<img|onerror=' <(sed 's/&[^;]*;//g' "$REPORT")
	grep -qF '<meta http-equiv="refresh" content="60">' "$REPORT"
	grep -qF 'no monitor watches it' "$REPORT"
}

@test "what a page must not have is found" {
	given_server msg_server
	given_report
	run -0 page form
	while IFS='|' read -r from to said; do
		sed "s|$from|$to|" "$REPORT" >"$REPORT.worse"
		REPORT=$REPORT.worse run -1 page form
		[[ $output == *"$said"* ]]
	done <<-'END'
		<main>|<main><script>1</script>|<script>
		<main>|<main onload="x">|<main onload>
		<main>|<main><p>|closes nothing
		lang="en"|lang="https://x.example"|lang=
		default-src 'none'|default-src *|the policy is
		tabular-nums|oldstyle-nums|the policy is
		role="img"|role="none"|a picture without words
		id="days"|id="table"|is there twice
	END
}

@test "each mark of each bar shows what the figures of uptime are for that day, over a year with summer time" {
	export TZ=Europe/Berlin
	given_year "${HISTORY_SEED:-$RANDOM}" 300 5 500 --clocks # before, no monitor watched

	given_report --days 365

	run -0 page form
	run -0 page bars "$ROOT/pyhelpers" "$STATE"
	sed '0,/down [0-9.]*[hmsd]/s//down 1s/' "$REPORT" >"$REPORT.worse"
	REPORT=$REPORT.worse run -1 page bars "$ROOT/pyhelpers" "$STATE"
	[[ $output == *'down 1s'*' wanted down '* ]]
}

@test "a thousand servers with as many incidents as you like are at most a MB, and all of them are named" {
	given_year "${HISTORY_SEED:-$RANDOM}" 90 1000 20000

	given_report

	[ "$(stat -c %s "$REPORT")" -le 1000000 ]
	run -0 page form 's1000' '1000 of 1000 servers need attention' 'more that day: ./monitor.sh history --since'
	[ "$(grep -o '<tr><th scope="row">' "$REPORT" | wc -l)" -eq 1000 ]
}

@test "the colours of a report have the contrast of WCAG, light and dark" {
	run -0 "$(python)" "$FIXTURES/page.py" contrast "$ROOT/pyhelpers"
}

@test "in Chromium a report is quiet, asks for nothing and fits phone, tablet and screen, light and dark" {
	require chromium
	local more=()
	given_year 7 200 12 600
	given_report
	local shots=${TEST_CACHE:-$BATS_TEST_TMPDIR}/screenshots
	mkdir -p "$shots"
	more+=(--shots "$shots")
	if (cd "$BATS_TEST_TMPDIR" && timeout 60 npm pack --silent axe-core && tar xzf axe-core-*.tgz package/axe.min.js) >&2 3>&-; then
		more+=(--axe "$BATS_TEST_TMPDIR/package/axe.min.js")
	else
		printf '# without axe-core: npm cannot get it\n' >&3
	fi

	run -0 timeout 300 "$(python)" "$FIXTURES/browser.py" chromium "$REPORT" "${more[@]}" 3>&-
	for name in report-{375,768,1440}-{light,dark}.png; do
		grep -qa PNG <(head -c 8 "$shots/$name")
	done
	sed 's|</main>|<img src="http://127.0.0.1:9/x"><p>'"$(printf 'x%.0s' {1..3000})"'</p><script>1</script>&|; s|overflow-wrap:anywhere||' "$REPORT" >"$REPORT.html"
	run -1 timeout 300 "$(python)" "$FIXTURES/browser.py" chromium "$REPORT.html" 3>&-
	[[ $output == *'console: '* && $output == *'wider than the screen'* ]]
}

# --- what it shows

@test "a report says what is wrong now, what is so by order, and what happened in the last 24 hours" {
	given_server msg_server
	given_server route_server 'restart = never'
	given_server login_server
	monitor_start msg_server route_server login_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	wait_until "$PATIENCE" state_is login_server RUNNING
	wait_until "$PATIENCE" state_is route_server RUNNING
	kill -KILL "$(pid_of msg_server)" "$(pid_of route_server)"
	assert_logged 'Server msg_server restarted'
	wait_until "$PATIENCE" state_is route_server EXITED
	suite_ends 0 stop login_server
	mkdir -p "$STATE/alerts/failed"
	: >"$STATE/alerts/failed/1.json"

	given_report

	run -0 page form '1 of 3 servers needs attention' '1 not delivered: ./monitor.sh alerts' 'route_server' 'EXITED' 'STOPPED' 'died (signal KILL' '1 restart'
	run -0 grep -oE 'RUNNING, [0-9.]+m?s' "$REPORT"
	given_report msg_server
	run -0 page form 'The server runs'
	run ! grep -q route_server "$REPORT"
}

@test "a monitor that was killed watches no more, though no other one has written that yet" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	given_report
	run grep -c 'UNWATCHED</span></li>' "$REPORT"
	assert_equal 'lanes without a monitor' "$output" 0

	monitor_crash

	given_report
	run -0 page form '1 of 1 server needs attention' 'no monitor watches it'
	run grep -c 'UNWATCHED</span></li>' "$REPORT"
	assert_equal 'lanes without a monitor' "$output" 1
	run -0 suite history --event ended
	[[ $output == *lost*'no monitor'* ]]
}

@test "of a history that is not there, or of no server, a report is a page too" {
	given_server msg_server
	given_report
	run -0 page form '1 of 1 server needs attention' 'Nothing has happened in these days.' 'no monitor watched'
	given_report --days 1 msg_server
	run -0 page form '1 day'
}

@test "report says what it does not know: options, numbers, servers, and a terminal" {
	given_server msg_server
	while IFS='|' read -r words status said; do
		# shellcheck disable=SC2086 # words
		run "-$status" suite report $words
		[[ $output == *"$said"* ]]
	done <<-'END'
		--dyas|2|report: no such option: --dyas; did you mean --days?
		--days|2|report: --days needs a value
		--days 0|2|report --days: "0" is not a number from 1 to 1096
		--refresh 1h|2|report --refresh: "1h" is not a number from 1 to 86400
		nix|6|nix: not in conf
	END
	run -2 "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" report 3>&-
	[[ $output == *'it is HTML; write it to a file with --output FILE'* ]]
}

# --- where it is written

@test "a report replaces its file, whose mode and group stay; a new one is for its owner; a link or device is refused" {
	given_server msg_server
	REPORT=$BATS_TEST_TMPDIR/r.html
	suite_ends 0 report --output "$REPORT"
	assert_equal 'mode' "$(stat -c %a "$REPORT")" 600
	chmod 644 "$REPORT"
	ln "$REPORT" "$REPORT.old"
	[ "$(id -u)" -ne 0 ] || chgrp 12345 "$REPORT"
	echo gone >"$REPORT"

	suite_ends 0 report --output "$REPORT"

	reported
	assert_equal 'mode' "$(stat -c %a "$REPORT")" 644
	[ "$(id -u)" -ne 0 ] || assert_equal 'group' "$(stat -c %g "$REPORT")" 12345
	assert_equal 'another name of the old file' "$(<"$REPORT.old")" gone
	ln -s "$REPORT.old" "$BATS_TEST_TMPDIR/link"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	for name in link fifo srv; do
		run -1 suite report --output "$BATS_TEST_TMPDIR/$name"
		[[ $output == *"/$name: not a regular file, so a report cannot take its place"* ]]
	done
	assert_equal 'what the link leads to' "$(<"$REPORT.old")" gone
	run -1 suite report --output "$BATS_TEST_TMPDIR/none/r.html"
	[[ $output == *"$BATS_TEST_TMPDIR/none/r.html: No such file or directory"* ]]
	run -0 find "$BATS_TEST_TMPDIR" -name '*.new'
	assert_equal 'what is left' "$output" ''
}

@test "root writes no report where another user can lead the path elsewhere" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	given_server msg_server
	mkdir "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/all"
	chown 65534 "$BATS_TEST_TMPDIR/theirs"
	chmod 1777 "$BATS_TEST_TMPDIR/all"
	for name in theirs all; do
		run -4 suite report --output "$BATS_TEST_TMPDIR/$name/r.html"
		[[ $output == *"/$name/r.html: others may change its directory"* ]]
		[ ! -e "$BATS_TEST_TMPDIR/$name/r.html" ]
	done
}

# --- how far it is

@test "progress is shown on a terminal after a second and gone when done; on a pipe there is none" {
	cat >"$BATS_TEST_TMPDIR/slow.py" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from base import progress
		moment = 100.0
		progress.time.monotonic = lambda: moment
		with progress.Progress() as line:
		    line.show("too early")
		    moment += 1.5
		    line.show("half \x1b[31mway " + "x" * 200)
		    moment += 0.01
		    line.show("too soon")
		print("done")
	END

	run -0 env TERM=xterm "$(python)" "$FIXTURES/on_terminal.py" 40x24 -- "$(python)" "$BATS_TEST_TMPDIR/slow.py" "$ROOT/pyhelpers" 3>&-
	assert_equal 'terminal' "$output" $'\r\e[Khalf way xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\r\e[Kdone'
	for term in xterm dumb; do
		run -0 env TERM=$term "$(python)" "$BATS_TEST_TMPDIR/slow.py" "$ROOT/pyhelpers"
		assert_equal 'pipe' "$output" 'done'
	done
}

# --- the key

@test "report = FILE every 5m: written at the start and again, for as long as the monitor runs" {
	given_server msg_server
	REPORT=$BATS_TEST_TMPDIR/wall.html
	printf '%s\n' "report = $REPORT every 1s" >>"$CONF/monitor.conf"
	monitor_start msg_server

	wait_until "$PATIENCE" reported
	chmod 640 "$REPORT"
	local first
	first=$(stat -c %i "$REPORT")
	is_another() {
		[ "$(stat -c %i "$REPORT")" != "$first" ] && reported
	}
	wait_until "$PATIENCE" is_another
	wait_until "$PATIENCE" grep -qF 'The server runs' "$REPORT"

	assert_equal 'mode' "$(stat -c %a "$REPORT")" 640
	run -0 page form 'msg_server'
	grep -qF '<meta http-equiv="refresh" content="1">' "$REPORT"
	run ! grep -q report "$PRINTED"
}

# is_tried_again - has the helper begun two reports since the test looks?
is_tried_again() {
	local pid pids
	read -ra pids < <(cat "/proc/$(helper_of "$MONITOR")/task/"*/children)
	for pid in "${pids[@]}"; do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *report.py* || " ${tries[*]} " == *" $pid "* ]] || tries+=("$pid")
	done 2>/dev/null
	((${#tries[@]} > 1))
}

@test "a report that cannot be written is reported once, and when it is written again" {
	given_server msg_server
	REPORT=$BATS_TEST_TMPDIR/web/wall.html
	printf '%s\n' "report = '$REPORT' every 1s" >>"$CONF/monitor.conf"
	monitor_start msg_server
	assert_said "report: $REPORT: No such file or directory"
	tries=()
	wait_until "$PATIENCE" is_tried_again

	mkdir "${REPORT%/*}"
	wait_until "$PATIENCE" reported

	assert_said 'report: it is written again'
	assert_equal 'said' "$(grep -c 'tried again at its time' "$PRINTED")" 1
}

# compiled SUITE MODULE... - those of these modules that some process has imported: Python keeps their compiled code
compiled() {
	local name
	for name in "${@:2}"; do
		find "$1/pyhelpers" -name "$name.*.pyc"
	done | sed 's|.*/||; s|[.].*||' | sort | paste -sd ' ' -
}

@test "the resident process loads the module of reports only if conf has the key, and none of a page" {
	local copy=$BATS_TEST_TMPDIR/suite
	mkdir "$copy"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$copy"
	(cd "$ROOT" && tar cf - --exclude=__pycache__ pyhelpers conf) | tar xf - -C "$copy"
	[ ! -d "$ROOT/.venv" ] || ln -s "$ROOT/.venv" "$copy"
	# shellcheck disable=SC2030 # of this test only
	ROOT=$copy
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	monitor_stop
	assert_equal 'compiled' "$(compiled "$copy" deadman reporting page_document)" ''

	printf '%s\n' "report = $BATS_TEST_TMPDIR/r.html every 1m" >>"$CONF/monitor.conf"
	monitor_start msg_server
	REPORT=$BATS_TEST_TMPDIR/r.html
	wait_until "$PATIENCE" reported
	assert_equal 'compiled' "$(compiled "$copy" deadman reporting page_document)" 'page_document reporting'
}

@test "what cannot be the key report is refused" {
	given_server msg_server
	for text in /x '/x 5m' '/x every' '/x every 5' '"" every 5m' '/x every 5m now' '/x every 10ms'; do
		printf '%s\n' "report = $text" >"$CONF/monitor.conf"
		run -6 suite check
		[[ $output == *'monitor.conf:1: report: '* ]]
	done
}
