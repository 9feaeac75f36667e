# shellcheck shell=sh
# mailbox - the one FIFO that the loop reads: events from the helper, orders from operators
# Needs: log.sh server.sh.  mailbox_fifo and mailbox_key are set by prepare.sh, suite_file by the program
#
# Operators who may give orders may write here, but they cannot make an event: an event begins with a key that only the
# helper has.

mailbox_fifo=
mailbox_key=
_mailbox_stranger=
mailbox_first=
mailbox_text=
mailbox_ended=
mailbox_hangup=
mailbox_writer=

# mailbox_traps - TERM and INT put `quit` into the mailbox, HUP puts `hangup`; on a terminal HUP means that the terminal
# has gone, and ends the monitor too
# A trapped signal interrupts a read in dash and ash (status 1) and mksh (2); a flag tells that from the end of the
# pipe. bash reads on and finds the line.  A child writes the line, because a write of our own into a full mailbox would
# block: this shell is its only reader.  yash runs no trap before the next line comes, up to an interval later; there
# the signal simply ends the shell, and the helper cleans up.
mailbox_traps() {
	trap '' PIPE
	[ -z "${YASH_VERSION:-}" ] || return 0
	trap 'mailbox_ended=1; mailbox_put quit' TERM INT
	if [ -t 1 ]; then
		trap 'mailbox_ended=1; mailbox_put quit' HUP
	else
		trap 'mailbox_hangup=1; mailbox_put hangup' HUP
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

# mailbox_put WORD - have a background writer put a line into the mailbox as soon as there is room
mailbox_put() {
	{ printf '%s 0\n' "$1" >"$mailbox_fifo"; } 2>/dev/null 3<&- 5>&- &
	mailbox_writer=$!
}

# mailbox_close - kill the background writer; no reader is left
mailbox_close() {
	[ -z "$mailbox_writer" ] || kill -KILL "$mailbox_writer" 2>/dev/null
	return 0
}

# mailbox_read - wait for the next line
# Sets: mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest
# Three words come from here and not from the pipe: `quit` and `interrupted` after a signal, `helper_gone` at its end.
mailbox_read() {
	if [ -z "$mailbox_ended" ]; then
		IFS=' ' read -r mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest <&3 && {
			_mailbox_open
			return
		}
	fi
	mailbox_word=helper_gone
	if [ -n "$mailbox_ended" ]; then
		mailbox_word=quit
	elif [ -n "$mailbox_hangup" ]; then
		mailbox_hangup=
		mailbox_word=interrupted
	fi
}

# Take the key off the word; a line without it is a stranger's
_mailbox_open() {
	_mailbox_stranger=/
	case $mailbox_word in
	"$mailbox_key"*)
		mailbox_word=${mailbox_word#"$mailbox_key"}
		_mailbox_stranger=
		;;
	esac
}

# mailbox_is_event - is the line an event of the helper: WORD NUMBER NOW WHEN REST..., and does that server exist?
# Sets: mailbox_first, the first field of REST: a pid, or what the event has there; mailbox_text, what follows it
# Fails: 1 if not; it reports and drops the line: operators may write rubbish here
mailbox_is_event() {
	case $_mailbox_stranger$mailbox_word:$mailbox_number:$mailbox_now in
	/*) ;;
	*:*[!0-9]*:* | *:*:*[!0-9]* | *::* | *: | *:???????*:*) ;;
	down:* | up:* | failed:* | absent:* | restart_pending:* | hung:* | limit:* | cleared:* | stuck:* | stopped:* | recall:* | unlogged:* | want:* | tick:* | say:* | hook:* | locked:* | ready:*)
		[ "$mailbox_number" -gt "$server_count" ] || {
			mailbox_first=${mailbox_rest%% *} mailbox_text=${mailbox_rest#* }
			return 0
		}
		;;
	esac
	case $mailbox_word in
	*[!a-z_]* | ????????????????*) mailbox_word='(not a word)' ;;
	esac
	warn "line dropped from the mailbox: $mailbox_word"
	return 1
}
