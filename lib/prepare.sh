# shellcheck shell=sh
# prepare - make this monitor ready: settle conf, make the state directory and the FIFOs, learn the servers
# Needs: log.sh lines.sh usage.sh python.sh server.sh presence.sh.  suite_dir is set by the program

prepare_psutil=
prepare_conf=
prepare_state=
prepare_run=
prepare_syslog=0
prepare_boot=
prepare_recovery_quiet=5000 # ms
prepare_locked=
_prepare_lost= # monitors that were killed: lines PID BOOT WHEN

# prepare_monitor WORD... - settle conf for these servers; make the state directory and the FIFOs
# Sets: prepare_psutil prepare_conf prepare_state prepare_run prepare_recovery_quiet prepare_locked, and the servers.
# Ends the program if it cannot.
prepare_monitor() {
	usage_words
	[ -z "$option_run" ] || {
		MONITOR_RUN=yes
		export MONITOR_RUN # for prepare.py
	}
	python_run "$suite_dir/pyhelpers/prepare.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" $$ \
		"$_usage_words" "$@" || exit $?
	lines_each _prepare_take "$_python_run"
	log_dir=$prepare_state
	log_syslog=$prepare_syslog
	incident_boot=$prepare_boot
	_prepare_tell_lost
}

# _prepare_tell_lost - log until when those monitors were seen
_prepare_tell_lost() {
	while [ -n "$_prepare_lost" ]; do
		presence_lost "${_prepare_lost%%"$log_newline"*}"
		_prepare_lost=${_prepare_lost#*"$log_newline"}
	done
}

# _prepare_take LINE - take what one line of prepare.py says
_prepare_take() {
	_prepare_rest=${1#* }
	case ${1%% *} in
	server)
		# shellcheck disable=SC2086 # words without blanks or globs, from prepare.py
		server_new $_prepare_rest
		;;
	place) server_place "$_prepare_rest" ;;
	singleton) server_is_singleton "$_prepare_rest" ;;
	psutil | conf | state | run | boot | syslog | recovery_quiet) eval "prepare_${1%% *}=\$_prepare_rest" ;;
	locked) prepare_locked=$_prepare_rest ;;
	lost) _prepare_lost=$_prepare_lost$_prepare_rest$log_newline ;;
	say) warn "$_prepare_rest" ;;
	esac
}

# prepare_daemon NAME... - start this monitor as a daemon under a guard, which starts it again after a crash
# The daemon prepares itself, so this process drops what it has prepared.  The daemon's messages go into
# STATE/monitor.log, the pids of guard and monitor into STATE/guard.  Ends the program: 0 the daemon watches, so a later
# order finds it; 1 another monitor watches one of the servers, or the daemon has ended.
prepare_daemon() {
	rm -rf "$prepare_run"
	[ -z "$prepare_locked" ] || die 1 "$prepare_locked; end that one first"
	_prepare_logged=0
	[ ! -f "$prepare_state/monitor.log" ] || _prepare_logged=$(wc -c <"$prepare_state/monitor.log")
	MONITOR_GUARDED=yes "$python_path" -E -s "$suite_dir/pyhelpers/daeml.py" --guard --interval 5s --chdir "$PWD" \
		--info "$prepare_state/guard" --output "$prepare_state/monitor.log" --umask 077 -- \
		"$suite_dir/monitor.sh" -c "$prepare_conf" -s "$prepare_state" "$@" >/dev/null || exit $?
	"$python_path" -E -s "$suite_dir/pyhelpers/begun.py" "$prepare_state" "$_prepare_logged" || exit $?
	printf 'The monitor runs as a daemon; its log: %s\n' "$prepare_state/monitor.log"
	exit 0
}
