# shellcheck shell=sh
# order - what an operator wants: words from the mailbox, each carried out and answered
# Needs: log.sh server.sh restart.sh incident.sh helper.sh update.sh, and start and leave of monitor.sh
#
# An order is a line `WORD NAME TOKEN [SIGNAL]`; control.py writes it and waits for the answer to TOKEN
# in the server's record.  Whoever may write into the mailbox may order; words and names are checked here.

# order_take WORD NAME TOKEN ARG - check an order and carry it out; what makes no sense is said and dropped
order_take() {
	case $3 in
	'' | *[!0-9.]*)
		warn "order dropped: not of the form WORD NAME TOKEN: $1"
		return
		;;
	esac
	server_number "$2" || {
		_order_drop "$1" "$2"
		return
	}
	case $1 in
	signal) _order_signal "$_server_number" "$3" "$4" ;;
	*)
		"order_$1" "$_server_number"
		helper_order answer "$_order_number" "$3" "$_order_answer"
		;;
	esac
}

# order_start NUMBER - up, whatever was: past failures are forgotten
# Sets, like the others: _order_number, and _order_answer: `0`, or a status and why
order_start() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING) ;;
	STOPPING) _order_then "$1" start ;;
	*) _order_start_afresh "$1" ;;
	esac
}

# order_stop NUMBER - down, and that is remembered
order_stop() {
	_order_begin "$1" down
	_order_then "$1" ''
	case $_order_state in
	STOPPED | STOPPING) ;;
	*) _order_end "$1" ;;
	esac
}

# order_restart NUMBER - down and up again; a stopped one is started
order_restart() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING | PAUSED)
		_order_then "$1" start
		_order_end "$1"
		;;
	STOPPING) _order_then "$1" start ;;
	*) _order_start_afresh "$1" ;;
	esac
}

# order_pause NUMBER - leave it alone: no restart, no search, until resume; a stopped one is left alone already
order_pause() {
	server_get "$1" want
	[ "$_server_get" != down ] || {
		_order_spare "$1" 'is stopped; there is nothing to pause'
		return
	}
	_order_begin "$1" paused
	server_set "$1" excesses '' # nobody looks any more when that is over
	server_get "$1" then
	[ "$_server_get" != start ] || server_set "$1" then ''
	[ "$_order_state" = STOPPING ] || server_set "$1" state PAUSED
}

# order_resume NUMBER - watch it again; it is started if it does not run.  Only what is paused: a stopped one stays so
order_resume() {
	server_get "$1" want
	[ "$_server_get" = paused ] || {
		_order_spare "$1" 'is not paused'
		return
	}
	_order_begin "$1" up
	[ "$_order_state" != STOPPING ] || _order_then "$1" start
	[ "$_order_state" = PAUSED ] || return 0
	server_get "$1" alive
	if [ -n "$_server_get" ]; then
		server_set "$1" state RUNNING
	else
		_order_start_afresh "$1"
	fi
}

# order_clear NUMBER - forget past failures; one that was given up, and is wanted, is tried again
order_clear() {
	_order_number=$1
	_order_answer=0
	_order_forget "$1"
	server_get "$1" state
	[ "$_server_get" != FATAL ] || _order_start_afresh "$1"
}

# order_stopped NUMBER PID - the helper has ended it
order_stopped() {
	incident_stopped "$1" "$2"
	server_set "$1" alive ''
	server_get "$1" then
	server_set "$1" then ''
	case $_server_get in
	start) _order_start_afresh "$1" ;;
	update) update_stopped ;;
	*) _order_leave "$1" ;;
	esac
}

# Nothing is to be done, and why.  Sets: what the orders set
_order_spare() {
	_order_number=$1
	_order_answer="0 $2"
}

# The name is somebody's text: no more of it than a name may hold, and nothing that moves a cursor
_order_drop() {
	case $2 in
	*[!A-Za-z0-9_.@-]* | ????????????????????????????????????????????????????????????????*)
		warn "order dropped: $1: not a name"
		;;
	*) warn "order dropped: $1 $2: this monitor does not watch it" ;;
	esac
}

_order_signal() {
	case $3 in
	'' | *[!A-Z0-9]*) helper_order answer "$1" "$2" '2 no such signal' ;;
	*) helper_order signal "$1" "$3" "$2" ;;
	esac
}

_order_leave() {
	server_get "$1" want
	case $_server_get in
	paused) leave "$1" PAUSED 'paused by order' ;;
	*) leave "$1" STOPPED 'stopped by order' ;;
	esac
}

_order_begin() {
	_order_number=$1
	_order_answer=0
	server_get "$1" state
	_order_state=$_server_get
	server_set "$1" want "$2"
	helper_order want "$1" "$2"
}

# What is to follow when it has ended; an update that waits for that goes first, and then by what is wanted.
_order_then() {
	server_get "$1" then
	[ "$_server_get" = update ] || server_set "$1" then "$2"
}

_order_end() {
	server_set "$1" state STOPPING
	helper_order stop "$1"
}

_order_start_afresh() {
	_order_forget "$1"
	server_set "$1" incident ''
	restart_at_once
	start "$1"
}

_order_forget() {
	restart_stable "$1"
	server_set "$1" failures ''
}
