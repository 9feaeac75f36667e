# shellcheck shell=sh
# prepare - find a Python that has psutil, and have it make this monitor ready
# Needs: log.sh server.sh.  suite_dir, option_conf and option_state are set by monitor.sh

prepare_python=
prepare_unavailable=69

# prepare_monitor WORD... - settle conf for these servers; make the state directory and the FIFOs
# Sets: prepare_python prepare_psutil prepare_conf prepare_state prepare_run, and the servers.  Ends the program if it cannot.
prepare_monitor() {
	prepare_run_python "$suite_dir/pyhelpers/prepare.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" $$ "$@" || exit $?
	while read -r _prepare_word _prepare_rest; do
		case $_prepare_word in
		server)
			# shellcheck disable=SC2086 # words without blanks or globs, from prepare.py
			server_new $_prepare_rest
			;;
		psutil | conf | state | run | syslog) eval "prepare_$_prepare_word=\$_prepare_rest" ;;
		say) warn "$_prepare_rest" ;;
		esac
	done <<-END
		$_prepare_run_python
	END
	log_dir=$prepare_state
	log_syslog=$prepare_syslog
	mailbox_fifo=$prepare_run/mailbox
}

# prepare_run_python FILE ARG... - run one of our Python files with the first Python that has psutil
# Sets: prepare_python; _prepare_run_python, what it printed.  Fails: its exit status
prepare_run_python() {
	for prepare_python in "${MONITOR_PYTHON:-}" "$suite_dir/.venv/bin/python" /usr/bin/python3 "$(command -v python3)"; do
		[ -x "$prepare_python" ] || continue
		_prepare_run_python=$("$prepare_python" -E -s "$@")
		_prepare_status=$?
		[ "$_prepare_status" -eq "$prepare_unavailable" ] || return "$_prepare_status"
	done
	prepare_venv
	_prepare_run_python=$("$prepare_python" -E -s "$@")
}

# prepare_venv - no Python has psutil: make .venv, once.  Ends the program (5) if that cannot be
prepare_venv() {
	_prepare_system=$(command -v /usr/bin/python3 || command -v python3) ||
		die 5 "python3 is not installed; run: apt-get install python3 python3-psutil"
	warn "psutil is not installed; putting it into $suite_dir/.venv (once, about 10 s)"
	_prepare_new=$suite_dir/.venv.$$
	if "$_prepare_system" -m venv "$_prepare_new" >&2 &&
		"$_prepare_new/bin/python" -m pip install --quiet --disable-pip-version-check 'psutil>=5.6' >&2 &&
		mv "$_prepare_new" "$suite_dir/.venv"; then
		prepare_python=$suite_dir/.venv/bin/python
	else
		rm -rf "$_prepare_new"
		die 5 "psutil cannot be had (no network, no venv, or $suite_dir is not writable); run: apt-get install python3-psutil"
	fi
}
