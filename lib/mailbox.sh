# shellcheck shell=sh
# mailbox - the one FIFO that the loop reads: events from the helper, orders from operators
# Needs: log.sh server.sh.  mailbox_fifo and mailbox_key are set by prepare.sh
#
# Who may order may write here, but make no event: only the helper has the key that stands before the word of one.

mailbox_fifo=
mailbox_key=
_mailbox_stranger=
mailbox_ended=
mailbox_hangup=
mailbox_writer=

# mailbox_traps - TERM and INT put `quit` into the mailbox, HUP `hangup`; on a terminal that goes away, HUP is an end too
# A trapped signal breaks a read off in dash and ash (status 1) and mksh (2), so a flag tells it from
# the end of the pipe; bash reads on, and finds the line, which a child writes: we could not, into a full
# mailbox that we alone empty.  yash runs no trap before the next line comes, up to an interval later:
# there the signal just ends us, which comes to the same (the helper tidies up).
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

# mailbox_locale ARG... - yash ends a read at a byte that its locale does not know, and learns its locale only when it
# starts: under cron, where there is none, begin again in one that knows UTF-8.  ARG: those of the program
mailbox_locale() {
	[ -n "${YASH_VERSION:-}" ] || return 0
	case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
	*[Uu][Tt][Ff]*) return 0 ;;
	esac
	LC_ALL=C.UTF-8 exec "/proc/$$/exe" "$suite_file" "$@"
}

# mailbox_put WORD - put a line of our own into it, whenever there is room
mailbox_put() {
	{ printf '%s 0\n' "$1" >"$mailbox_fifo"; } 2>/dev/null 3<&- 5>&- &
	mailbox_writer=$!
}

# mailbox_leave - a line that nobody will read any more needs no writer, who would wait for a reader for ever
mailbox_leave() {
	[ -z "$mailbox_writer" ] || kill -KILL "$mailbox_writer" 2>/dev/null
	return 0
}

# mailbox_read - wait for the next line
# Sets: mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest;
# the words `quit`, `interrupted` and `helper_gone` are its own: a signal came, the last writer is gone
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

# Is it a line with the key?  That is taken off.
_mailbox_open() {
	_mailbox_stranger=/
	case $mailbox_word in
	"$mailbox_key"*)
		mailbox_word=${mailbox_word#"$mailbox_key"}
		_mailbox_stranger=
		;;
	esac
}

# mailbox_is_event - is the line one of the helper's: WORD NUMBER NOW WHEN..., with a server that there is?
# Fails: 1 if not; that is said, and the line is dropped: whoever may write here may also write rubbish
mailbox_is_event() {
	case $_mailbox_stranger$mailbox_word:$mailbox_number:$mailbox_now in
	/*) ;;
	*:*[!0-9]*:* | *:*:*[!0-9]* | *::* | *: | *:???????*:*) ;;
	down:* | up:* | failed:* | absent:* | restart_pending:* | hung:* | limit:* | cleared:* | stuck:* | stopped:* | recall:* | unlogged:* | want:* | tick:* | say:* | hook:* | locked:* | ready:*)
		[ "$mailbox_number" -gt "$server_count" ] || return 0
		;;
	esac
	case $mailbox_word in
	*[!a-z_]* | ????????????????*) mailbox_word='(not a word)' ;;
	esac
	warn "line dropped from the mailbox: $mailbox_word"
	return 1
}
