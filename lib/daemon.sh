# shellcheck shell=sh
# daemon - the monitor under its parent guard: daeml.py --guard waits on it, and starts it again after a crash
# Needs: log.sh usage.sh python.sh prepare.sh

# daemon_start NAME... - start it, once nobody watches any of these servers; ends the program
# What the monitor says goes into STATE/monitor.log, who guards whom into STATE/guard.
daemon_start() {
	rm -rf "$prepare_run"
	[ -z "$prepare_locked" ] || die 1 "$prepare_locked; end that one first"
	MONITOR_GUARDED=yes "$python_path" -E -s "$suite_dir/pyhelpers/daeml.py" --guard --interval 5s --chdir "$PWD" \
		--info "$prepare_state/guard" --output "$prepare_state/monitor.log" --umask 077 -- \
		"$suite_dir/monitor.sh" -c "$prepare_conf" -s "$prepare_state" "$@" >/dev/null || exit $?
	printf 'The monitor runs as a daemon; its log: %s\n' "$prepare_state/monitor.log"
	exit 0
}
