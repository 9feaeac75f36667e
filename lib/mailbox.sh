# shellcheck shell=sh
# mailbox - the one FIFO that the loop reads: events from the helper, checked orders of operators among them
# Needs: log.sh server.sh helper.sh.  prepare_run is set by prepare.sh, suite_file by the program
#
# Only the helper writes there.  Operators write into a FIFO that the helper reads, see watch/operators.py.

mailbox_first=
mailbox_text=
mailbox_ended=
mailbox_hangup=

# mailbox_traps - TERM and INT end the monitor, HUP updates it; on a terminal HUP means that the terminal has gone, and
# ends the monitor too
# A trapped signal interrupts a read in dash and ash (status 1) and mksh (2).  bash continues the read, so the trap has
# the helper send a line.  yash runs no trap before the next line comes, up to an interval later; there the signal ends
# the shell, and the helper cleans up.
mailbox_traps() {
	trap '' PIPE
	[ -z "${YASH_VERSION:-}" ] || return 0
	trap 'mailbox_ended=1; helper_wake' TERM INT
	if [ -t 1 ]; then
		trap 'mailbox_ended=1; helper_wake' HUP
	else
		trap 'mailbox_hangup=1; helper_wake' HUP
	fi
}

# mailbox_locale ARG... - make sure that yash reads UTF-8; ARG...: the arguments of the program
# yash ends a read at a byte that is invalid in its locale, and takes its locale only at its start.  cron sets none, so
# execute the program again in one that has UTF-8.
mailbox_locale() {
	[ -n "${YASH_VERSION:-}" ] || return 0
	case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
	*[Uu][Tt][Ff]*) return 0 ;;
	esac
	LC_ALL=C.UTF-8 exec "/proc/$$/exe" "$suite_file" "$@"
}

# mailbox_read - wait for the next line
# Sets: mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest
# Three words come from here and not from the FIFO: `end` and `hangup` after a signal, `helper_gone` at its end.
mailbox_read() {
	_mailbox_signalled && return
	IFS=' ' read -r mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest <&3 && return
	_mailbox_signalled || mailbox_word=helper_gone
}

# Has a signal come?  Sets: mailbox_word
_mailbox_signalled() {
	if [ -n "$mailbox_ended" ]; then
		mailbox_word=end
	elif [ -n "$mailbox_hangup" ]; then
		mailbox_hangup=
		mailbox_word=hangup
	else
		return 1
	fi
}

# mailbox_is_event - is the line an event of the helper: WORD NUMBER NOW WHEN REST..., and does that server exist?
# Sets: mailbox_first, the first field of REST: a pid, or what the event has there; mailbox_text, what follows it
# Fails: 1 if not; it reports and drops the line
mailbox_is_event() {
	case $mailbox_word:$mailbox_number:$mailbox_now in
	*:*[!0-9]*:* | *:*:*[!0-9]* | *::* | *: | *:???????*:*) ;;
	down:* | up:* | failed:* | absent:* | rival:* | restart_pending:* | drifted:* | hung:* | limit:* | cleared:* | stuck:* | due:* | around:* | overlap:* | stopped:* | unstopped:* | recall:* | printed:* | core:* | backtrace:* | unlogged:* | want:* | tick:* | say:* | hook:* | held:* | lost:* | elsewhere:* | unclaimed:* | fleet:* | locked:* | ready:* | order:* | answered:* | update:* | quit:* | wake:* | reloaded:*)
		[ "$mailbox_number" -gt "$server_count" ] || {
			mailbox_first=${mailbox_rest%% *} mailbox_text=${mailbox_rest#* }
			return 0
		}
		;;
	esac
	warn "line dropped from the helper: $mailbox_word"
	return 1
}
