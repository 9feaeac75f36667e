# shellcheck shell=sh
# order - what an operator wants: check each order from the mailbox, carry it out and answer it
# Needs: log.sh server.sh restart.sh helper.sh; start of monitor.sh
#
# An order is a line `WORD NAME TOKEN [SIGNAL]`; control.py writes it and waits for the answer to TOKEN
# in the server's record.  Everyone who may write into the mailbox may give orders, so this checks words and names.

# order_take WORD NAME TOKEN ARG - check an order and carry it out; report and drop one that makes no sense
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

# order_start NUMBER - bring the server up, whatever state it is in, and forget past failures
# Sets, like the others: _order_number, and _order_answer: `0`, or a status and why
order_start() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING) ;;
	STOPPING) _order_then "$1" start ;;
	*) order_start_afresh "$1" ;;
	esac
}

# order_stop NUMBER - take the server down, and remember that it is to stay down
order_stop() {
	_order_begin "$1" down
	_order_then "$1" ''
	case $_order_state in
	STOPPED | STOPPING) ;;
	*) _order_end "$1" ;;
	esac
}

# order_restart NUMBER - take the server down and bring it up again; start it if it is stopped
order_restart() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING | PAUSED)
		_order_then "$1" start
		_order_end "$1"
		;;
	STOPPING) _order_then "$1" start ;;
	*) order_start_afresh "$1" ;;
	esac
}

# order_pause NUMBER - leave the server alone until resume: no restart, no search; a stopped server is already so
order_pause() {
	server_get "$1" want
	[ "$_server_get" != down ] || {
		_order_spare "$1" 'is stopped; there is nothing to pause'
		return
	}
	_order_begin "$1" paused
	server_set "$1" excesses '' # while it is paused, no event will clear them
	server_get "$1" next
	[ "$_server_get" != start ] || server_set "$1" next ''
	[ "$_order_state" = STOPPING ] || server_set "$1" state PAUSED
}

# order_resume NUMBER - watch a paused server again, and start it if it does not run; a stopped server stays stopped
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
		order_start_afresh "$1"
	fi
}

# order_clear NUMBER - forget past failures; try a FATAL server again
order_clear() {
	_order_number=$1
	_order_answer=0
	_order_forget "$1"
	server_get "$1" state
	[ "$_server_get" != FATAL ] || order_start_afresh "$1"
}

# order_start_afresh NUMBER - start the server at once, as if it had never failed
order_start_afresh() {
	_order_forget "$1"
	server_set "$1" incident ''
	restart_at_once
	start "$1"
}

# There is nothing to do: answer why.  Sets: what the orders set
_order_spare() {
	_order_number=$1
	_order_answer="0 $2"
}

# The name is a stranger's text: print it only if it could be a name, so that nothing in it moves the cursor.
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

_order_begin() {
	_order_number=$1
	_order_answer=0
	server_get "$1" state
	_order_state=$_server_get
	server_set "$1" want "$2"
	helper_order want "$1" "$2"
}

# Note what follows when the server has ended.  An update that waits for this end comes first.
_order_then() {
	server_get "$1" next
	[ "$_server_get" = update ] || server_set "$1" next "$2"
}

_order_end() {
	server_set "$1" state STOPPING
	helper_order stop "$1"
}

_order_forget() {
	restart_stable "$1"
	server_set "$1" failures ''
}
