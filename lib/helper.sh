# shellcheck shell=sh
# helper - the resident `alive.py watch`: start it, give it orders, start it again when it is gone
# Needs: log.sh mailbox.sh prepare.sh

helper_pid=
helper_failures=0
helper_tab='	'

# helper_start - start it, with the two FIFOs between us
# An open of one end would wait for the other (and busybox ash takes any signal meanwhile for a failure), so
# both are opened at once, handed down, and closed here: from the fork on the child holds its ends, and a
# helper that cannot be executed is an end of the mailbox like any other.
helper_start() {
	exec 6<>"$mailbox_fifo" 7<>"$prepare_run/orders"
	{
		# exec: yash would keep a shell of its own between us and a background command
		exec "$python_path" -E -s -S "$suite_dir/pyhelpers/alive.py" watch \
			"$prepare_run" "$prepare_state" "$prepare_conf" "$prepare_psutil" 4>&6 5<&7 6>&- 7<&-
	} &
	helper_pid=$!
	exec 3<"$mailbox_fifo" 5>"$prepare_run/orders" 6>&- 7<&-
}

# helper_order WORD FIELD... - one order, one line; a helper that is gone hears of everything again when it is back
helper_order() {
	_helper_line=$1
	shift
	for _helper_field in "$@"; do
		_helper_line=$_helper_line$helper_tab$_helper_field
	done
	{ printf '%s\n' "$_helper_line" >&5; } 2>/dev/null
}

# helper_gone - the mailbox has ended: the helper died; servers live on, another one takes them over
helper_gone() {
	exec 3<&- 5>&-
	wait "$helper_pid"
	helper_failures=$((helper_failures + 1))
	[ "$helper_failures" -le 5 ] || {
		rm -rf "$prepare_run"
		die 1 'the helper (alive.py watch) fails again and again; its message is above; servers live on'
	}
	warn "the helper (alive.py watch, pid $helper_pid) ended; starting another"
	helper_start
}

# helper_ready - it has looked at every server
helper_ready() {
	helper_failures=0
}

# helper_end - close its orders, which ends it; wait, so that its locks are free and the FIFOs gone when we are
helper_end() {
	exec 5>&- 3<&-
	wait "$helper_pid"
}
