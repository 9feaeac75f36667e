# shellcheck shell=sh
# mailbox - the one FIFO that the loop reads: events from the helper, orders from operators
# Needs: nothing.  mailbox_fifo is set by prepare.sh

mailbox_fifo=
mailbox_ended=
mailbox_hangup=

# mailbox_traps - TERM and INT put `quit` into the mailbox, HUP `hangup`; on a terminal that goes away, HUP is an end too
# A trapped signal breaks a read off in dash and ash (status 1) and mksh (2), so a flag tells it from
# the end of the pipe; bash reads on, and finds the line.  yash runs no trap before the next line comes,
# up to an interval later: there the signal just ends us, which comes to the same (the helper tidies up).
mailbox_traps() {
	trap '' PIPE
	[ -z "${YASH_VERSION:-}" ] || return 0
	trap 'mailbox_ended=1; printf "quit 0\n" >"$mailbox_fifo"' TERM INT
	if [ -t 1 ]; then
		trap 'mailbox_ended=1; printf "quit 0\n" >"$mailbox_fifo"' HUP
	else
		trap 'mailbox_hangup=1; printf "hangup 0\n" >"$mailbox_fifo"' HUP
	fi
}

# mailbox_read - wait for the next line
# Sets: mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest;
# the words `quit`, `interrupted` and `helper_gone` are its own: a signal came, the last writer is gone
mailbox_read() {
	IFS=' ' read -r mailbox_word mailbox_number mailbox_now mailbox_when mailbox_rest <&3 && return
	mailbox_word=helper_gone
	if [ -n "$mailbox_ended" ]; then
		mailbox_word=quit
	elif [ -n "$mailbox_hangup" ]; then
		mailbox_hangup=
		mailbox_word=interrupted
	fi
}
