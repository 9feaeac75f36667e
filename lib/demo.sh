# shellcheck shell=sh
# demo - show the main job on stand-in servers in a scratch directory; it ends by itself and leaves nothing behind
# Needs: log.sh progress.sh python.sh.  suite_dir is set by the program
#
# The monitor is the real one, as a child.  The demo shows only what the suite has written, and ends with 1 if it does
# not find it there.  Every process that it starts has MONITOR_DEMO=$demo_dir in its environment: demonstrate.py
# signals no other.

demo_patience=10 # seconds, for all waits together
demo_dir=
demo_monitor=

# demo_main - ends the program: 0 all of it happened, 1 something did not, 128 + N signal N
demo_main() {
	demo_prepare
	demo_servers
	demo_begin
	demo_show 'The monitor found login_server, which ran already, and started the others:'
	demo_kill
	demo_time
	demo_evidence
	demo_show 'All of them, a moment later:'
	printf '\nAll of this happened. The servers are ended now, and the directory is removed.\n'
	demo_end 0
}

# demo_prepare - find a Python and two ports, make a scratch directory; from here on a signal leads to demo_end
# Sets: demo_ports demo_dir demo_deadline
demo_prepare() {
	python_run "$suite_dir/pyhelpers/demonstrate.py" ports 2 || die 1 'demo: no free TCP port on 127.0.0.1'
	demo_ports=$_python_run
	MONITOR_PYTHON=$python_path
	export MONITOR_PYTHON
	umask 077
	trap 'demo_end 129' HUP
	trap 'demo_end 130' INT
	trap 'demo_end 141' PIPE
	trap 'demo_end 143' TERM
	demo_dir=$(cd -P "${TMPDIR:-/tmp}" 2>/dev/null && mktemp -d "$PWD/monitor-demo.XXXXXX" 2>/dev/null) ||
		die 4 "demo: no scratch directory in ${TMPDIR:-/tmp}; set TMPDIR to a place that you may write"
	_demo_uptime
	demo_deadline=$((_demo_uptime + demo_patience))
}

# demo_servers - write conf, and for each server a directory with its own configuration file
demo_servers() {
	mkdir "$demo_dir/conf" "$demo_dir/conf/servers" "$demo_dir/conf/hooks" || demo_fail 'conf cannot be written'
	# This hook runs even where the scratch directory is mounted noexec.
	ln -s /bin/echo "$demo_dir/conf/hooks/echo"
	printf '%s\n' 'alert = echo' 'start_seconds = 500ms' >"$demo_dir/conf/monitor.conf"
	demo_server login_server login_server 'pid_from = own, log log*_1.txt 2'
	demo_server msg_server msg_server 'pid_from = own, log log*_1.txt 2'
	demo_server route_server route_server 'pid_from = pidfile server.pid' "port = ${demo_ports% *}"
	demo_server business 'business {port}' "port = ${demo_ports#* }"
	: >"$demo_dir/login_server/loginserver.conf"
	: >"$demo_dir/msg_server/msgserver.conf"
	printf 'ListenPort=%s\n' "${demo_ports% *}" >"$demo_dir/route_server/routeserver.conf"
}

# demo_server NAME WORDS LINE... - make a server's directory and its conf; WORDS are its arguments and its `match`
demo_server() {
	mkdir "$demo_dir/$1" || demo_fail "$1: no directory for it"
	_demo_conf=$demo_dir/conf/servers/$1.conf
	_demo_quote "$demo_dir/$1"
	printf '%s\n' "dir = $_demo_quote" "match = $2" >"$_demo_conf"
	_demo_quote "$python_path"
	_demo_command="$_demo_quote -I -S"
	_demo_quote "$suite_dir/pyhelpers/demo/standin.py"
	printf '%s\n' "command = $_demo_command $_demo_quote $2" >>"$_demo_conf"
	shift 2
	printf '%s\n' "$@" >>"$_demo_conf"
}

# demo_begin - start one server by hand, then the monitor; wait until all servers run
demo_begin() {
	printf 'Four stand-in servers, in %s\n' "$demo_dir"
	MONITOR_DEMO=$demo_dir "$python_path" -E -s "$suite_dir/pyhelpers/daeml.py" --chdir "$demo_dir/login_server" \
		"$python_path" -I -S "$suite_dir/pyhelpers/demo/standin.py" login_server \
		>/dev/null 2>>"$demo_dir/monitor.err" ||
		demo_fail 'login_server cannot be started by hand'
	demo_await 'login_server has no log' _demo_has_log login_server
	MONITOR_DEMO=$demo_dir sh "$suite_dir/monitor.sh" -c "$demo_dir/conf" -s "$demo_dir/state" all \
		</dev/null >"$demo_dir/monitor.out" 2>>"$demo_dir/monitor.err" &
	demo_monitor=$!
	demo_await 'not all servers run' demo_status
	demo_await 'msg_server has no log' _demo_has_log msg_server
}

# demo_status - write the status of all servers into the file status.  Fails: not all of them run
demo_status() {
	sh "$suite_dir/monitor.sh" -c "$demo_dir/conf" -s "$demo_dir/state" status >"$demo_dir/status" 2>&1
}

# demo_show TITLE - print the status table; all servers must run
demo_show() {
	demo_await 'not all servers run' demo_status # again: a server can be RUNNING by its log alone, before it is in our record
	printf '\n%s\n' "$1"
	demo_print status
}

# demo_kill - send SIGSEGV to msg_server, and wait until the suite has restarted it and sent the alert
# Sets: demo_pid; demo_killed, the time of that in ISO 8601
demo_kill() {
	demo_pid=$(sed -n 's/^msg_server  *[A-Z]*  *\([0-9]*\) .*/\1/p' "$demo_dir/status")
	demo_killed=$("$python_path" -E -s "$suite_dir/pyhelpers/demonstrate.py" \
		kill "$demo_dir" "$demo_pid" SEGV 2>>"$demo_dir/monitor.err") ||
		demo_fail "msg_server, pid $demo_pid, cannot be killed"
	demo_await 'msg_server is not restarted' _demo_holds state/restart.log ' restarted, pid='
	demo_await 'the hook has no alert' _demo_holds monitor.err '^death msg_server '
}

# demo_time - print how long that took, from the history
demo_time() {
	_demo_milliseconds "$demo_killed"
	_demo_from=$_demo_milliseconds
	_demo_event death
	_demo_milliseconds "$_demo_time"
	[ "$_demo_cause" = 'signal SEGV' ] || demo_fail "the alert names another cause: $_demo_cause"
	_demo_seen=$(((_demo_milliseconds - _demo_from + 86400000) % 86400000))
	_demo_event restarted
	[ "$_demo_new" != "$demo_pid" ] || demo_fail "msg_server is pid $demo_pid still"
	printf '\nmsg_server, pid %s, got SIGSEGV at %s:\n' "$demo_pid" "$demo_killed"
	printf '    %3s ms later the monitor knew it, and why\n' "$_demo_seen"
	printf '    %3s ms later it ran again, pid %s\n' "$((_demo_seen + ${_demo_detail% ms}))" "$_demo_new"
}

# demo_evidence - print what the suite wrote and sent about it
demo_evidence() {
	_demo_log=msg_server/oldlog/log_${demo_pid}_1.txt
	[ -s "$demo_dir/$_demo_log" ] || demo_fail "$_demo_log is not there"
	printf '\nThe log of the dead one:\n    %s\n' "$_demo_log"
	printf '\nrestart.log, about msg_server:\n'
	demo_print state/restart.log ' msg_server '
	printf '\nhistory.jsonl, about this death:\n'
	demo_print state/history.jsonl '"event":"death"'
	printf '\nThe alert, as its hook was called (here that is echo):\n'
	demo_print monitor.err '^death msg_server '
}

# demo_print FILE [PATTERN] - print the lines of the file that match, indented; there must be one
demo_print() {
	grep -- "${2:-.}" "$demo_dir/$1" >"$demo_dir/print" || demo_fail "$1 does not hold what it should"
	sed 's/^/    /' "$demo_dir/print"
}

# demo_await TEXT COMMAND... - poll until COMMAND succeeds; TEXT says what is wrong if it never does
demo_await() {
	_demo_text=$1
	shift
	_demo_uptime
	_demo_since=$_demo_uptime
	until "$@"; do
		_demo_uptime
		[ $((_demo_uptime - _demo_since)) -lt 2 ] || _demo_progress
		[ "$_demo_uptime" -lt "$demo_deadline" ] || demo_fail "$_demo_text, $demo_patience s after the beginning"
		[ -z "$demo_monitor" ] || _demo_monitor_lives || demo_fail "$_demo_text, and its monitor has ended"
		sleep 0.05
	done
	progress_end
}

# Show what is not so yet, and how much of the time that it may take is over
_demo_progress() {
	progress_show "demo: $_demo_text so far, $((demo_patience - demo_deadline + _demo_uptime)) of $demo_patience s"
}

# demo_fail TEXT - something did not happen: report it, with the output of the monitor
demo_fail() {
	progress_end
	warn "demo: $1"
	for _demo_file in monitor.err monitor.out status; do
		[ ! -s "$demo_dir/$_demo_file" ] || sed 's/^/    /' "$demo_dir/$_demo_file" >&2
	done
	demo_end 1
}

# demo_end STATUS - end the monitor and all that it started, remove the scratch directory, end the program
demo_end() {
	trap '' HUP INT PIPE TERM
	progress_end
	if [ -n "$demo_dir" ]; then
		"$python_path" -E -s "$suite_dir/pyhelpers/demonstrate.py" end "$demo_dir" ${demo_monitor:+"$demo_monitor"} ||
			warn "demo: not all of its processes could be ended; they have MONITOR_DEMO=$demo_dir in their environment"
		[ -z "$demo_monitor" ] || wait "$demo_monitor" 2>/dev/null
		rm -rf "$demo_dir"
	fi
	exit "$1"
}

# Sets: _demo_uptime, seconds since boot
_demo_uptime() {
	read -r _demo_uptime _demo_rest </proc/uptime
	_demo_uptime=${_demo_uptime%.*}
}

# A zombie does not live; a child of ours stays a zombie until we wait for it.
_demo_monitor_lives() {
	{ read -r _demo_stat <"/proc/$demo_monitor/stat"; } 2>/dev/null || return 1
	case $_demo_stat in
	*') Z '*) return 1 ;;
	esac
}

_demo_has_log() {
	set -- "$demo_dir/$1"/log_*_1.txt
	[ -e "$1" ]
}

_demo_holds() {
	grep -qs -- "$2" "$demo_dir/$1"
}

# Sets: _demo_quote, the text quoted as conf wants it
_demo_quote() {
	_demo_quote=
	_demo_rest=$1\'
	while [ -n "$_demo_rest" ]; do
		_demo_quote=$_demo_quote${_demo_quote:+"\\'"}\'${_demo_rest%%\'*}\'
		_demo_rest=${_demo_rest#*\'}
	done
}

# Sets: _demo_milliseconds, since midnight, of an ISO 8601 time; 1 before each number keeps 08 from being octal
_demo_milliseconds() {
	_demo_rest=${1#*T}
	_demo_rest=${_demo_rest%%[+-]*}
	_demo_hour=${_demo_rest%%:*}
	_demo_rest=${_demo_rest#*:}
	_demo_minute=${_demo_rest%%:*}
	_demo_second=${_demo_rest#*:}
	_demo_milliseconds=$((((1$_demo_hour - 100) * 60 + 1$_demo_minute - 100) * 60 + 1${_demo_second%.*} - 100))
	_demo_milliseconds=$((_demo_milliseconds * 1000 + 1${_demo_second#*.} - 1000))
}

# _demo_event EVENT - what history.jsonl has of that event of msg_server
# Sets: _demo_time _demo_cause _demo_new (its pid) _demo_detail
_demo_event() {
	_demo_line=$(grep "\"event\":\"$1\",\"server\":\"msg_server\"" "$demo_dir/state/history.jsonl") ||
		demo_fail "history.jsonl has no event $1"
	_demo_field time && _demo_time=$_demo_field
	_demo_field cause && _demo_cause=$_demo_field
	_demo_field pid && _demo_new=$_demo_field
	_demo_field detail && _demo_detail=$_demo_field
}

_demo_field() {
	_demo_field=${_demo_line#*\""$1"\":}
	_demo_field=${_demo_field#\"}
	_demo_field=${_demo_field%%[\",]*}
}
