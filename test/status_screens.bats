#!/usr/bin/env bats
# The screens of status: a table that fits the terminal, with colours, or all of it on a pipe; in an order, and again and
# again.  fixtures/screens/ has what must be seen, with \e for ESC; rows.json there are 20 servers in every state.

load helpers
load fixtures/orders

SCREENS=$FIXTURES/screens

# drawn [KEY] - what status shows of rows.json
drawn() {
	"$(python)" -E -s "$FIXTURES/screens.py" draw "$ROOT/pyhelpers" "$SCREENS/rows.json" "$@"
}

# on_terminal SIZE [STEP...] -- WORD... - the same, or with WORDs status by monitor.sh, on a terminal: fixtures/on_terminal.py
on_terminal() {
	local steps=()
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	if [ $# -eq 0 ]; then
		set -- "$(python)" -E -s "$FIXTURES/screens.py" draw "$ROOT/pyhelpers" "$SCREENS/rows.json"
	else
		set -- "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@"
	fi
	env -u COLUMNS -u LINES -u NO_COLOR TERM=xterm "${SETTINGS[@]}" \
		"$(python)" "$FIXTURES/on_terminal.py" "${steps[@]}" -- "$@" 3>&-
}

SETTINGS=() # of the environment

# assert_screen NAME - stdin is that file of fixtures/screens
assert_screen() {
	sed 's/\x1b/\\e/g' >"$BATS_TEST_TMPDIR/screen"
	[ -s "$SCREENS/$1" ] && diff -u "$SCREENS/$1" "$BATS_TEST_TMPDIR/screen"
}

# frame N - the N-th of the screens in $SAID, which end with a sequence that clears what is below
frame() {
	local left
	left=$(<"$SAID")
	for ((n = 1; n < $1; n++)); do
		left=${left#*$'\e[J'}
	done
	printf '%s\n' "${left%%$'\e[J'*}"
}

# cells - the width of each line of stdin that is no part of a sequence of control, in cells, by the C library
cells() {
	"$(python)" -I -S -c '
import ctypes, locale, re, sys
locale.setlocale(locale.LC_ALL, "C.UTF-8")
wcswidth = ctypes.CDLL(None).wcswidth
for line in sys.stdin.buffer.read().decode().splitlines():
    plain = re.sub("\x1b\\[[0-9;]*m", "", line)
    print(wcswidth(ctypes.c_wchar_p(plain), ctypes.c_size_t(len(plain))))'
}

# --- the table of 20 servers in every state

@test "a terminal of 80 columns: one line a server, messages are cut, states have colours" {
	on_terminal 80x24 -- >"$SAID"

	assert_screen 80.colour <"$SAID"
}

@test "NO_COLOR, or a terminal without control sequences: the same without colours; an empty NO_COLOR says nothing" {
	SETTINGS=(NO_COLOR=1)
	on_terminal 80x24 -- | assert_screen 80
	SETTINGS=(TERM=dumb)
	on_terminal 80x24 -- | assert_screen 80
	SETTINGS=(NO_COLOR=)
	on_terminal 80x24 -- | assert_screen 80.colour
}

@test "a pipe gets all columns in full, without colours, whatever the terminal" {
	COLUMNS=40 TERM=xterm drawn >"$SAID"

	assert_screen pipe <"$SAID"
	assert_equal 'words of the first eight columns' \
		"$(awk '$2 != "servers:" && NF < 8' "$SAID")" ''
	assert_equal 'PID and MEM' "$(awk '$1 == "web" { print $3, $7 }' "$SAID")" '78 999K'
}

@test "COLUMNS counts before the terminal: in 40 columns some give way, in 200 messages are longer" {
	SETTINGS=(NO_COLOR=1 COLUMNS=40)
	on_terminal 80x24 -- | assert_screen 40
	SETTINGS=(NO_COLOR=1 COLUMNS=200)
	on_terminal 80x24 -- | assert_screen 200
	SETTINGS=(NO_COLOR=1 COLUMNS=wide)
	on_terminal 40x24 -- | assert_screen 40
}

@test "no line is wider than the terminal, by the count of the C library, whatever stands in it" {
	for columns in 24 40 62 63 64 80 84 85 200; do
		on_terminal "${columns}x24" -- >"$SAID"

		cells <"$SAID" >"$BATS_TEST_TMPDIR/cells"
		assert_equal "lines beyond $columns columns" "$(awk -v most="$columns" '$1 < 0 || $1 > most' "$BATS_TEST_TMPDIR/cells")" ''
		[ "$(wc -l <"$BATS_TEST_TMPDIR/cells")" -ge 22 ]
	done
}

@test "a terminal of another encoding gets ? for letters that it lacks, and no error" {
	SETTINGS=(NO_COLOR=1 PYTHONIOENCODING=ascii)
	set -- "$(python)" "$FIXTURES/screens.py" draw "$ROOT/pyhelpers" "$SCREENS/rows.json" # -E would ignore that setting

	env -u COLUMNS TERM=xterm "${SETTINGS[@]}" "$(python)" "$FIXTURES/on_terminal.py" 80x24 -- "$@" 3>&- >"$SAID"

	grep -qx 'gate             BACKOFF        -      -        7    -    -  ??????????' "$SAID"
}

@test "a state that only a later version knows is shown without harm, and counts as the worst" {
	sed 's/"FATAL"/"DANCING\\u001b[2J"/' "$SCREENS/rows.json" >"$BATS_TEST_TMPDIR/rows.json"

	"$(python)" -E -s "$FIXTURES/screens.py" draw "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/rows.json" state >"$SAID"

	grep -q '^route_server     DANCING  ' <(sed -n 2p "$SAID")
	assert_answered '20 servers: 9 running, 1 DANCING, 1 UNKNOWN, '
}

@test "instances in one state share a line, on a pipe and in the colours of a terminal; sorted by what they share" {
	fold=("$(python)" -E -s "$FIXTURES/screens.py" fold "$ROOT/pyhelpers" "$SCREENS/instances.json")

	"${fold[@]}" | assert_screen instances
	"${fold[@]}" mem | assert_screen instances.mem
	env -u COLUMNS -u LINES -u NO_COLOR TERM=xterm "$(python)" "$FIXTURES/on_terminal.py" 60x24 -- "${fold[@]}" 3>&- >"$SAID"
	assert_screen instances.colour <"$SAID"
	cells <"$SAID" >"$BATS_TEST_TMPDIR/cells"
	assert_equal 'lines beyond 60 columns' "$(awk '$1 < 0 || $1 > 60' "$BATS_TEST_TMPDIR/cells")" ''
	assert_equal 'uptime, restarts, CPU and MEM' "$("${fold[@]}" | awk '$1 == "web@1..4" { print $2, $3, $4, $5, $6, $7 }')" \
		'4 RUNNING 1m30s 10 5.0% 50M'
}

# --- records, in a state directory

# given_all_states - 20 servers: those of rows.json that have a pid run under a monitor, in the state that stands there;
# the records of the others are written as a monitor does, which `records` plays until teardown
given_all_states() {
	local port
	port=$(free_port)
	for name in $(names); do
		case $name in
		db_proxy_server) given_server "$name" "command = ./$name --port $port --port-when never" "port = $port" 'start_timeout = 600s' ;;
		file_server) given_server "$name" "command = ./$name --term-when go" 'stop = TERM 600s KILL' ;;
		*) given_server "$name" ;;
		esac
	done
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$(python)" -E -s "$FIXTURES/screens.py" records "$ROOT/pyhelpers" "$SCREENS/rows.json" "$STATE" \
		<"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/holder" 3>&- &
	exec {HOLD}>"$BATS_TEST_TMPDIR/hold"
	wait_until "$PATIENCE" grep -q ready "$BATS_TEST_TMPDIR/holder"
	# shellcheck disable=SC2046 # names
	monitor_start $(names with_pid) {HOLD}>&-
	wait_until "$PATIENCE" they_run
	suite_ends 0 pause business_0
	operator stop file_server {HOLD}>&-
	wait_until "$PATIENCE" state_is file_server STOPPING
	kill -STOP "$(pid_of msg_server)"
}

# they_run - has each that has a pid in rows.json a pid, and runs, but for the one that never gets its port?
they_run() {
	suite status >"$SAID" || :
	grep -qE '^db_proxy_server +STARTING +[0-9]' "$SAID" && grep -q ': 11 running, ' "$SAID"
}

# names [with_pid] - the names of rows.json
names() {
	sed -n "s/^ *{\"name\": \"\([^\"]*\)\".*\"pid\": ${1:+[0-9]}.*/\1/p" "$SCREENS/rows.json"
}

# still - stdin with the names of the columns instead of pids, uptimes, CPU and memory
still() {
	sed -E 's/^(.{17}(\\e\[[0-9;]*m)?[A-Z]+(\\e\[0m)? *) [ 0-9]{7} [ 0-9a-z]{6} (.{8}) [ 0-9.%]{4} [ 0-9.BKM]{4}/\1 ....... ...... \4 .... ..../'
}

@test "status of 20 servers in every state, by their records: on a pipe, on a terminal, sorted" {
	given_all_states

	suite_ends 4 status
	still <"$SAID" | assert_screen records
	suite_ends 4 status --sort state
	still <"$SAID" | assert_screen records.state
	SETTINGS=(NO_COLOR=1)
	status=0
	on_terminal 80x24 -- status >"$SAID" || status=$?
	assert_equal 'exit status' "$status" 4
	still <"$SAID" | assert_screen records.80
	: >"$SERVERS/file_server/go"
	operator_ends 0
}

@test "a server that was given up says why, and how to try again: its whole message, if it is the only one" {
	given_server msg_server 'command = ./msg_server --exit 7' 'backoff = 1ms 1ms' 'give_up = 2 in 60s'
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server FATAL
	SETTINGS=(NO_COLOR=1)
	status=0

	on_terminal 70x24 -- status msg_server >"$SAID" || status=$?

	assert_equal 'exit status' "$status" 3
	assert_screen fatal <"$SAID"
}

@test "CPU and MEM are those of --json, and MEM is that of ps" {
	require ps
	given_running msg_server
	resident=$(($(ps -o rss= -p "$RUNS") * 1024))

	suite_ends 0 status --json
	memory=$(sed 's/.*"memory_bytes": \([0-9]*\).*/\1/' "$SAID")
	suite_ends 0 status

	((memory > resident - 500000 && memory < resident + 500000)) # the kernel counts in batches
	assert_equal 'MEM' "$(awk 'NR == 2 { print $7 }' "$SAID")" \
		"$(cd "$ROOT/pyhelpers" && "$(python)" -c 'import sys; from base import figures; print(figures.size(int(sys.argv[1])))' "$memory")"
	grep -Eq ' [0-9.]+% +[0-9.]+[KM]  -$' "$SAID"
}

@test "CPU is the average since the start, and from the second table of --watch on that since the table before" {
	# shellcheck disable=SC2016 # the child expands it
	coproc BURNER { exec sh -c 'i=0; while [ $i -lt 400000 ]; do i=$((i + 1)); done; echo; read -r i'; }
	read -r -u "${BURNER[0]}" _ # all of its work is done

	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" "$BURNER_PID" <<-'END'
		import sys, time
		sys.path.insert(0, sys.argv[1])
		from operate.usage import Usage
		from proc import identity
		process = identity.look(int(sys.argv[2]))
		first = Usage()
		average = first.of(process)["cpu_percent"]
		time.sleep(0.05)
		second = Usage(first)
		print(average > 0, second.of(process)["cpu_percent"], Usage(second).of(process)["cpu_percent"])
	END

	assert_equal 'average, since then, and at once' "$output" 'True 0.0 0.0'
}

# --- --sort

# first_by KEY - the names of the first and the last four by that key
first_by() {
	drawn "$1" | sed '1d;$d' | awk '{ print $1 }' | sed -n '1,4p;17,20p' | paste -sd ' ' -
}

@test "--sort puts the worst, the greatest, the youngest or the lowest first, and what is not known last" {
	assert_equal 'state' "$(first_by state)" 'route_server business_1 http_msg_server gate mail metrics proxy ledger'
	assert_equal 'cpu' "$(first_by cpu)" 'cache search_indexer db_proxy_server web business_1 queue gate clock'
	assert_equal 'mem' "$(first_by mem)" 'cache search_indexer ledger business_0 business_1 queue gate clock'
	assert_equal 'uptime' "$(first_by uptime)" 'mail db_proxy_server msg_server business_0 business_1 queue gate clock'
	assert_equal 'restarts' "$(first_by restarts)" 'search_indexer route_server gate http_msg_server metrics proxy ledger clock'
	assert_equal 'pid' "$(first_by pid)" 'cache web search_indexer mail business_1 queue gate clock'
	assert_equal 'name' "$(first_by name)" 'business_0 business_1 cache clock queue route_server search_indexer web'
}

@test "--sort with a key that is none is an error of usage, with the nearest; without a key it means state" {
	given_server b
	given_server a

	suite_ends 2 status --sort upteim
	assert_equal 'answer' "$(<"$SAID")" \
		'status --sort: upteim is none of name, state, cpu, mem, uptime, restarts, pid; did you mean uptime?'
	suite_ends 2 status --wacht
	assert_equal 'answer' "$(<"$SAID")" 'status: no such option: --wacht; did you mean --watch?'
	suite_ends 2 status --guard --sort
	suite_ends 2 status --guard a
	suite_ends 2 status --json --watch
	suite_ends 2 status --watch 5
	assert_answered 'status --watch: "5" is not a duration'
	suite_ends 2 status --watch 0s
	suite_ends 3 status b a --sort name
	assert_equal 'names' "$(sed '1d;$d' "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'a b'
	suite_ends 3 status b a --sort
	assert_equal 'names' "$(sed '1d;$d' "$SAID" | awk '{ print $1 }' | paste -sd ' ' -)" 'b a'
	suite_ends 3 status --json --sort name b a
	assert_equal 'names' "$(grep -o '"name": "[ab]"' "$SAID" | paste -sd ' ' -)" '"name": "a" "name": "b"'
}

# --- --watch

@test "--watch on a terminal draws the table in place; Ctrl-C ends it with 130" {
	given_server web
	given_server gate
	SETTINGS=(NO_COLOR=1)
	status=0

	on_terminal 70x24 'await:\e[J' 'await:\e[J' press:C -- status --watch 100ms >"$SAID" || status=$?

	assert_equal 'exit status' "$status" 130
	frame 1 | assert_screen watch
	frame 2 | assert_screen watch
	run ! grep -q Traceback "$SAID"
}

@test "--watch follows the size of the terminal, and shows as many servers as it has lines" {
	for name in a b c d e; do
		given_server "$name"
	done
	SETTINGS=(NO_COLOR=1)

	on_terminal 80x24 'await:\e[J' resize:50x5 'await:\e[J' press:C -- status --watch 600s >"$SAID" || :

	frame 2 | assert_screen watch.resized
}

@test "--watch on a pipe prints the tables one below the other, and ends when nobody reads" {
	given_server web
	given_server gate

	suite status --sort name --watch 100ms 2>"$BATS_TEST_TMPDIR/errors" | head -n 9 >"$SAID"

	assert_equal 'statuses' "${PIPESTATUS[*]}" '1 0'
	assert_screen watch.pipe <"$SAID"
	assert_equal 'errors' "$(<"$BATS_TEST_TMPDIR/errors")" ''
}

@test "--watch on a terminal shows a fault of conf below the table, and goes on" {
	given_running msg_server
	given_server web
	printf 'color = red\n' >>"$CONF/servers/web.conf"
	SETTINGS=(NO_COLOR=1)

	on_terminal 120x24 'await:unknown key' 'await:\e[J' press:C -- status --watch 100ms >"$SAID" || :

	grep -q 'web.conf:2: unknown key "color"' "$SAID"
	grep -qE 'msg_server +RUNNING' "$SAID"
}

# --- texts by their cells

@test "a text is cut, filled up and wrapped by the cells that it takes" {
	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from base.cells import cut, harmless, padded, width, wrapped
		print([width(text) for text in ("", "abc", "端口", "cafe\u0301", "a\u20ddb", "…", "ｆ", "ﾊ")])
		print([cut("端口被占用", cells) for cells in range(12)])
		print([cut("e\u0301e\u0301e\u0301", cells) for cells in range(4)] == ["", "…", "e\u0301…", "e\u0301e\u0301e\u0301"])
		print([padded("端", 4), padded("端", 4, at_right=True), padded("端", 1)])
		print(wrapped("the end of 端口端口端口 is near", 8), wrapped("", 8), wrapped("端口", 0))
		print([harmless(text) for text in ("a\x1b[31mb\x1b[0m", "a\nb\tc\u3000d", "\u202eab\u200d", "\udcff\x00\x7f\x9b")])
	END

	assert_screen cells <<<"$output"
}

@test "a number becomes a few letters" {
	run -0 "$(python)" -E -s - "$ROOT/pyhelpers" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		from base.figures import age, percent, size
		print(*map(age, (0, 59.9, 60, 3599, 3600, 86399, 86400, 99 * 86400 + 86399, 100 * 86400)))
		print(*map(size, (0, 999, 1000, 1023, 1024, 1023487, 1023488, 10433331, 10500000, 1 << 30, 1 << 40, 1 << 52)))
		print(*map(percent, (0, 0.04, 0.05, 9.94, 9.96, 99.4, 1600.0)))
	END

	assert_screen figures <<<"$output"
}
