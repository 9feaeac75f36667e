# shellcheck shell=sh
# helper - the resident `alive.py watch`: start it, give it orders, start another when it has ended
# Needs: log.sh again.sh server.sh.  python_path, prepare_* and mailbox_now are set by python.sh, prepare.sh and
# mailbox.sh, suite_dir by the program

helper_pid=
helper_failures=0 # ends of helpers in a row
helper_bout=0     # when the last helper was ready: names a series of failures
helper_is_ready=
helper_other_version=70 # exit status of a helper that another suite has installed
helper_muted=
helper_unprinted=
helper_unprinted_count=0
helper_most_unprinted=200
helper_unalerted= # a line for each alert: NAME, and the fields behind it
helper_tab='	'

# helper_start - start the helper, with the two FIFOs between it and this shell
# To open one end of a FIFO waits for the other end, and in busybox ash any signal makes that open fail.  So the shell
# opens both ends at once, passes them to the helper and closes its copies.  The child holds its ends from the fork on;
# if the helper cannot be executed, the shell sees the end of the events, as with any other end of the helper.
# The shell never reads the operators' FIFO.  It holds it open, so that orders wait there while no helper lives.
helper_start() {
	helper_is_ready=
	_helper_before=${!-}
	trap again_now EXIT # bash, dash, ash and mksh end when they cannot make a process
	exec 6<>"$prepare_run/events" 7<>"$prepare_run/orders" 8<>"$prepare_run/mailbox"
	{
		# someone is just replacing Python: the next helper finds it again
		[ -x "$python_path" ] || exec sleep 5 4>&6 5<&7 6>&- 7<&- 8<&-
		# exec: yash would keep another shell between this one and a background command
		exec "$python_path" -E -s -S "$suite_dir/pyhelpers/alive.py" watch "$helper_failures" "$helper_bout" \
			"$prepare_run" "$prepare_state" "$prepare_conf" "$prepare_psutil" 4>&6 5<&7 6>&- 7<&- 8<&-
	} &
	# yash does not end: it continues without the process
	case ${!-} in
	"$_helper_before" | 0 | '') again_now ;;
	esac
	trap - EXIT
	helper_pid=$!
	exec 3<"$prepare_run/events" 5>"$prepare_run/orders" 6>&- 7<&-
}

# helper_order WORD FIELD... - write an order as one line; after the end of a helper the next one reports every server
# Fails: if no helper lives.
helper_order() {
	_helper_is_heard "$1" || {
		[ "$1" != alert ] || _helper_keep_alert "$@"
		return 0
	}
	_helper_line=$1
	shift
	for _helper_field in "$@"; do
		_helper_line=$_helper_line$helper_tab$_helper_field
	done
	{ log_line "$_helper_line" >&5; } 2>/dev/null
}

# While the helper takes over a new conf, the numbers of servers have two meanings: do not send orders about them.
_helper_is_heard() {
	case $helper_muted:$1 in
	:* | *:print | *:syslog) ;;
	*) return 1 ;;
	esac
}

# alert NUMBER FIELD... - the helper reports a server again when it is heard, but an alert is sent once: keep it
_helper_keep_alert() {
	server_get "$2" name
	_helper_line=$_server_get
	shift 2
	for _helper_field in "$@"; do
		_helper_line=$_helper_line$helper_tab$_helper_field
	done
	helper_unalerted=$helper_unalerted$_helper_line$log_newline
}

# Send the alerts that were kept, by the numbers that the servers have now
_helper_alert_kept() {
	_helper_kept=$helper_unalerted
	helper_unalerted=
	while [ -n "$_helper_kept" ]; do
		_helper_entry=${_helper_kept%%"$log_newline"*}
		_helper_kept=${_helper_kept#*"$log_newline"}
		server_number "${_helper_entry%%"$helper_tab"*}" || continue
		helper_order alert "$_server_number" "${_helper_entry#*"$helper_tab"}"
	done
}

# helper_mute - order `reload`, and then nothing else: the helper reports every server when it has the new conf
helper_mute() {
	helper_order reload
	helper_muted=yes
}

# helper_wake - make the helper send an event; a trap calls this, so it changes no variable
helper_wake() {
	{ log_line wake >&5; } 2>/dev/null
}

# helper_print STREAM TEXT - have the helper print a line, or the next one if none lives
helper_print() {
	helper_order print "$1" "$2" || _helper_keep "$1" "$2"
}

# helper_syslog TEXT - have the helper send a line to syslog
helper_syslog() {
	helper_order syslog "$1"
}

_helper_keep() {
	helper_unprinted_count=$((helper_unprinted_count + 1))
	[ "$helper_unprinted_count" -le "$helper_most_unprinted" ] || return 0
	helper_unprinted=$helper_unprinted$1$2$log_newline
}

# _helper_print_kept COMMAND - pass the lines that were kept to `COMMAND STREAM TEXT`
_helper_print_kept() {
	_helper_kept=$helper_unprinted
	_helper_lost=$((helper_unprinted_count - helper_most_unprinted))
	helper_unprinted='' helper_unprinted_count=0
	while [ -n "$_helper_kept" ]; do
		_helper_entry=${_helper_kept%%"$log_newline"*}
		_helper_kept=${_helper_kept#*"$log_newline"}
		"$1" "${_helper_entry%"${_helper_entry#?}"}" "${_helper_entry#?}"
	done
	[ "$_helper_lost" -le 0 ] || "$1" 2 "$_helper_lost lines lost"
}

# helper_gone - the events have ended, so the helper died: start another, which takes over the running servers
# If several fail in a row, each one waits longer before it begins, and one alerts the operators (watch/relapse.py).
helper_gone() {
	exec 3<&- 5>&-
	wait "$helper_pid"
	[ $? -ne "$helper_other_version" ] || {
		MONITOR_UNALERTED=$helper_unalerted
		export MONITOR_UNALERTED
		again_replaced
	}
	helper_failures=$((helper_failures + 1))
	helper_muted=
	server_forget_helper
	warn "the helper (alive.py watch, pid $helper_pid) ended; starting another"
	helper_start
}

# helper_ready - the helper has looked at every server
helper_ready() {
	helper_is_ready=yes
	helper_bout=$mailbox_now
	helper_want_tick
	[ -z "$helper_unprinted" ] || _helper_print_kept helper_print
	[ -z "$helper_unalerted" ] || _helper_alert_kept
}

# helper_want_tick - ask for helper_tick after the interval; a helper that dies with that does not tick, the next one does
helper_want_tick() {
	helper_order tick || :
}

# helper_tick - an interval has passed: a helper that has lived so long counts as healthy
helper_tick() {
	[ -z "$helper_is_ready" ] || helper_failures=0
}

# helper_end - end the helper by closing its orders, and wait: then its locks are free and the FIFOs gone
# This shell then prints the lines that the helper has not printed.
helper_end() {
	exec 5>&- 3<&- 8<&-
	wait "$helper_pid"
	log_print_ourselves
	_helper_print_kept log_print
}
