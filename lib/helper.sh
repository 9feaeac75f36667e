# shellcheck shell=sh
# helper - the resident `alive.py watch`: start it, give it orders, start another when it has ended
# Needs: log.sh python.sh mailbox.sh prepare.sh.  suite_dir is set by the program

helper_pid=
helper_failures=0
helper_tab='	'

# helper_start - start the helper, with the two FIFOs between it and this shell
# To open one end of a FIFO waits for the other end, and busybox ash takes any signal meanwhile for a failure.  So the
# shell opens both ends at once, hands them down and closes its copies.  The child holds its ends from the fork on; if
# the helper cannot be executed, the shell sees the end of the mailbox, as with any other end of the helper.
helper_start() {
	exec 6<>"$mailbox_fifo" 7<>"$prepare_run/orders"
	{
		# exec: yash would keep another shell between this one and a background command
		exec "$python_path" -E -s -S "$suite_dir/pyhelpers/alive.py" watch \
			"$prepare_run" "$prepare_state" "$prepare_conf" "$prepare_psutil" 4>&6 5<&7 6>&- 7<&-
	} &
	helper_pid=$!
	exec 3<"$mailbox_fifo" 5>"$prepare_run/orders" 6>&- 7<&-
}

# helper_order WORD FIELD... - write an order as one line; after the end of a helper the next one reports every server
helper_order() {
	_helper_line=$1
	shift
	for _helper_field in "$@"; do
		_helper_line=$_helper_line$helper_tab$_helper_field
	done
	{ printf '%s\n' "$_helper_line" >&5; } 2>/dev/null
}

# helper_gone - the mailbox has ended, so the helper died: start another, which takes over the running servers
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

# helper_ready - the helper has looked at every server
helper_ready() {
	helper_failures=0
}

# helper_end - end the helper by closing its orders, and wait: then its locks are free and the FIFOs gone
helper_end() {
	exec 5>&- 3<&-
	wait "$helper_pid"
}
