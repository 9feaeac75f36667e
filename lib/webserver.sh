# shellcheck shell=sh
# webserver - show the example web server under load: kill each of its roles in turn, and refuse no caller
# Needs: log.sh progress.sh python.sh demo.sh.  It compiles conf/examples/webserver; suite_dir is set by the program

webserver_calls=20000 # of each caller, at most
webserver_callers=4
webserver_rounds=3

# webserver_main - ends the program: 0 all of it happened, 1 something did not, 5 there is no compiler, 128 + N signal N
webserver_main() {
	command -v cc >/dev/null 2>&1 || die 5 'demo: no C compiler (cc); install one, for Debian: apt-get install gcc libc6-dev'
	demo_patience=30
	demo_prepare
	webserver_port=${demo_ports% *}
	webserver_compile
	webserver_conf
	webserver_begin
	demo_show 'A listener and a manager with four workers; the last numbers are what they say of themselves:'
	webserver_ends
	webserver_first=$_webserver_ends
	webserver_under_load
	webserver_same_ends
	demo_show 'Both of them, a moment later:'
	printf '\nAll of this happened. The servers are ended now, and the directory is removed.\n'
	demo_end 0
}

# webserver_compile - compile both programs of the example
webserver_compile() {
	printf 'The web server of conf/examples/webserver, in %s\n' "$demo_dir"
	mkdir "$demo_dir/web" || demo_fail 'no directory for the web server'
	for _webserver_role in listener:Listener manager:Manager; do
		progress_show "demo: compiling ${_webserver_role%:*}.c"
		cc -O2 -o "$demo_dir/web/${_webserver_role#*:}" "$suite_dir/conf/examples/webserver/${_webserver_role%:*}.c" \
			2>"$demo_dir/monitor.err" || demo_fail "${_webserver_role%:*}.c cannot be compiled"
	done
	progress_end
}

# webserver_conf - write the conf of the example, for this directory and a free port
webserver_conf() {
	mkdir "$demo_dir/conf" "$demo_dir/conf/servers" "$demo_dir/conf/hooks" || demo_fail 'conf cannot be written'
	printf '%s\n' 'alert = none' 'start_seconds = 0s' 'interval = 1s' 'backoff = 0s 1s' >"$demo_dir/conf/monitor.conf"
	_demo_quote "$demo_dir/web"
	for _webserver_role in listener manager; do
		while IFS= read -r _webserver_line; do
			case $_webserver_line in
			'dir = '*) _webserver_line="dir = $_demo_quote" ;;
			'sockets = '*) _webserver_line="sockets = web=tcp://127.0.0.1:$webserver_port" ;;
			esac
			printf '%s\n' "$_webserver_line"
		done <"$suite_dir/conf/examples/webserver/$_webserver_role.conf" >"$demo_dir/conf/servers/$_webserver_role.conf"
	done
}

# webserver_begin - start the monitor; wait until both servers send their beats
webserver_begin() {
	MONITOR_DEMO=$demo_dir sh "$suite_dir/monitor.sh" -c "$demo_dir/conf" -s "$demo_dir/state" all \
		</dev/null >"$demo_dir/monitor.out" 2>>"$demo_dir/monitor.err" &
	demo_monitor=$!
	demo_await 'not all servers run' demo_status
	demo_await 'the manager does not beat' _webserver_beats manager
	demo_await 'the listener does not beat' _webserver_beats listener
}

# webserver_under_load - kill listener, manager and a worker in turn while callers call; no call may be refused
webserver_under_load() {
	MONITOR_DEMO=$demo_dir "$python_path" -E -s "$suite_dir/pyhelpers/demo/callers.py" \
		"$webserver_port" "$webserver_calls" "$webserver_callers" "$demo_dir/enough" >"$demo_dir/calls" 2>>"$demo_dir/monitor.err" &
	_webserver_caller=$!
	printf '\n%s callers call without a pause; meanwhile, by SIGKILL:\n' "$webserver_callers"
	_webserver_round=0
	while [ "$_webserver_round" -lt "$webserver_rounds" ]; do
		_webserver_round=$((_webserver_round + 1))
		webserver_kill listener
		webserver_kill manager
		webserver_kill_worker
	done
	: >"$demo_dir/enough"
	wait "$_webserver_caller" || {
		read -r _webserver_line <"$demo_dir/calls"
		demo_fail "calls were refused, or none was answered: $_webserver_line"
	}
	printf '\nWhat became of the calls:\n'
	demo_print calls
}

# webserver_kill ROLE - kill it, and wait until the next one runs
webserver_kill() {
	_webserver_pid "$1"
	_webserver_old=$_webserver_pid
	_webserver_hit "$1" "$_webserver_old"
	demo_await "the $1 is not back" _webserver_differs "$1"
	printf '    %s, pid %s; back as pid %s\n' "$1" "$_webserver_old" "$_webserver_pid"
}

# webserver_kill_worker - kill the first worker of the pool, and wait until the manager has replaced it
webserver_kill_worker() {
	_webserver_pid manager
	demo_await 'the manager has no workers' _webserver_workers
	_webserver_old=${_webserver_workers%% *}
	_webserver_hit 'a worker' "$_webserver_old"
	demo_await 'the worker is not replaced' _webserver_replaced
	printf '    a worker, pid %s; there are four again\n' "$_webserver_old"
}

# webserver_same_ends - check that the listener has the same sockets as the first listener
webserver_same_ends() {
	webserver_ends
	[ "$_webserver_ends" = "$webserver_first" ] || demo_fail "the listener's sockets are others than before"
	printf '\nThe sockets of the first listener and of the last, by their inodes:\n'
	printf '    %s\n' "$_webserver_ends"
}

# webserver_ends - find the inodes of the listener's sockets
# Sets: _webserver_ends
webserver_ends() {
	_webserver_pid listener
	_webserver_ends=
	for _webserver_fd in 3 4 5 6; do
		_webserver_link=$(readlink "/proc/$_webserver_pid/fd/$_webserver_fd") || demo_fail 'the listener has no sockets'
		_webserver_ends=$_webserver_ends${_webserver_link#socket:}
	done
}

# Sets: _webserver_pid, that of a role in status
_webserver_pid() {
	demo_await 'not all servers run' demo_status
	_webserver_pid=$(sed -n "s/^$1  *[A-Z]*  *\([0-9]*\) .*/\1/p" "$demo_dir/status")
}

_webserver_hit() {
	"$python_path" -E -s "$suite_dir/pyhelpers/demonstrate.py" kill "$demo_dir" "$2" KILL >/dev/null 2>>"$demo_dir/monitor.err" ||
		demo_fail "$1, pid $2, cannot be killed"
}

_webserver_differs() {
	demo_status || return
	_webserver_pid=$(sed -n "s/^$1  *[A-Z]*  *\([0-9]*\) .*/\1/p" "$demo_dir/status")
	[ "${_webserver_pid:-$_webserver_old}" != "$_webserver_old" ]
}

_webserver_beats() {
	demo_status && grep -q "^$1 .* module [12], args " "$demo_dir/status"
}

# Sets: _webserver_workers, the pids of the whole pool
_webserver_workers() {
	_webserver_workers=
	{ read -r _webserver_workers <"/proc/$_webserver_pid/task/$_webserver_pid/children"; } 2>/dev/null # read returns 1: there is no newline
	# shellcheck disable=SC2086 # numbers
	set -- $_webserver_workers
	[ $# -eq 4 ]
}

_webserver_replaced() {
	_webserver_workers || return
	case " $_webserver_workers " in
	*" $_webserver_old "*) return 1 ;;
	esac
}
