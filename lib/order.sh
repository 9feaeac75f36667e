# shellcheck shell=sh
# order - what an operator wants: carry each order out, answer it, and remember it until it is done
# Needs: log.sh server.sh restart.sh helper.sh incident.sh; start and keep of monitor.sh
#
# control.py writes an order, and the helper checks it (watch/operators.py).  control.py waits for the answer to TOKEN
# in the server's answers, and then for the state that the order leads to.  Two lists outlive a helper:
#
#   order_unanswered    lines `TOKEN NAME ORDER FIELD`: orders that the helper got, but did not confirm yet
#   server_N_orders     TOKEN:WANT,... of orders under way: a later order may overtake them
#
# STUCK is the state STOPPING after a stop that has failed: the server lives, or what it left behind.

order_unanswered=$log_newline
order_most_unanswered=100000 # characters; a full disk takes no answers
order_most_under_way=4000    # characters, about 100 orders
_order_heard= _order_wanted=

# order_take NUMBER WORD TOKEN BY [ARG] - carry out an order and answer it; BY: who gave it
order_take() {
	_order_word=$2
	_order_token=$3
	incident_ordered "$1" "$2" "${4:--1}" "${5-}"
	case $2 in
	signal)
		_order_remember "$1" "$_order_token" signal "$5"
		helper_order signal "$1" "$5" "$_order_token"
		;;
	reload) order_living "$1" "$_order_token" reread ;;
	overlap) order_living "$1" "$_order_token" overlap ;;
	start | stop | restart | pause | resume | clear)
		"order_$2" "$1"
		order_answer "$_order_number" "$_order_token" "$_order_answer"
		[ "$2" = clear ] || _order_follow "$1" "$_order_token"
		;;
	esac
}

# order_living NUMBER TOKEN WORD - pass an order on that only a server that runs can obey; the helper answers when it is
# well again: reread - have it read its conf again, overlap - have a new process replace it without a gap
order_living() {
	server_get "$1" state
	case $_server_get in
	RUNNING | UNKNOWN)
		_order_remember "$1" "$2" "$3" -
		_order_pass_on "$@"
		;;
	PAUSED) order_answer "$1" "$2" '1 is paused; resume it first' ;;
	*) order_answer "$1" "$2" '7 it does not run' ;;
	esac
}

# NUMBER TOKEN WORD: the helper carries it out
_order_pass_on() {
	case $3 in
	reread) helper_order reread "$1" "$2" ;;
	overlap) helper_order overlap "$1" "$2" ;;
	esac
}

# order_answer NUMBER TOKEN TEXT - answer an operator; TEXT: `0`, or a status and why
order_answer() {
	_order_remember "$1" "$2" answer "$3"
	helper_order answer "$1" "$2" "$3"
}

# order_answered TOKEN - the helper has written that answer
order_answered() {
	case $order_unanswered in
	*"$log_newline$1 "*) ;;
	*) return 0 ;;
	esac
	_order_behind=${order_unanswered#*"$log_newline$1 "}
	order_unanswered=${order_unanswered%%"$log_newline$1 "*}$log_newline${_order_behind#*"$log_newline"}
}

# order_done NUMBER - the server has reached the state that its orders lead to
order_done() {
	server_set "$1" orders ''
}

# order_failed NUMBER WHY - the orders under way have failed: answer them
order_failed() {
	_order_refuse "$1" '' "$2"
}

# order_repeat - a new helper is ready: repeat what the last one may not have read
order_repeat() {
	_order_each=0
	while [ "$_order_each" -lt "$server_count" ]; do
		_order_each=$((_order_each + 1))
		_order_repeat_want "$_order_each"
		server_set "$_order_each" known yes
		server_get "$_order_each" state
		case $_server_get in
		STOPPING | STUCK) helper_order stop "$_order_each" ;;
		esac
	done
	_order_repeat_answers
}

# order_want NUMBER WANT - the helper has read what is wanted: believe it, unless this shell knows better
order_want() {
	server_set "$1" heard "$2"
	server_get "$1" known
	if [ -z "$_server_get" ]; then
		server_set "$1" want "$2"
	else
		_order_repeat_want "$1"
	fi
}

_order_repeat_want() {
	server_get "$1" heard
	_order_heard=$_server_get
	server_get "$1" want
	_order_wanted=$_server_get
	[ "$_order_heard" != "$_order_wanted" ] || return 0
	server_set "$1" heard "$_order_wanted"
	helper_order want "$1" "$_order_wanted"
}

_order_repeat_answers() {
	_order_rest=${order_unanswered#"$log_newline"}
	while [ -n "$_order_rest" ]; do
		_order_line=${_order_rest%%"$log_newline"*}
		_order_rest=${_order_rest#*"$log_newline"}
		# shellcheck disable=SC2086 # words
		_order_repeat_answer $_order_line
	done
}

# TOKEN NAME ORDER FIELD...
_order_repeat_answer() {
	_order_token=$1
	server_number "$2" || { # an update has taken it out
		order_answered "$1"
		return
	}
	case $3 in
	signal) helper_order signal "$_server_number" "$4" "$1" ;;
	reread | overlap) _order_pass_on "$_server_number" "$1" "$3" ;;
	*)
		shift 3
		helper_order answer "$_server_number" "$_order_token" "$*"
		;;
	esac
}

# NUMBER TOKEN ORDER FIELD: note it until order_answered
_order_remember() {
	server_get "$1" name
	order_unanswered=$order_unanswered"$2 $_server_get $3 $4"$log_newline
	[ "${#order_unanswered}" -lt "$order_most_unanswered" ] || order_unanswered=$log_newline${order_unanswered#"$log_newline"*"$log_newline"}
}

# NUMBER TOKEN: the order leads to a state that the server does not have yet
_order_follow() {
	server_get "$1" want
	_order_want=$_server_get
	server_get "$1" state
	case $_order_want:$_server_get in
	up:RUNNING | down:STOPPED | paused:*) return ;;
	esac
	server_get "$1" orders
	[ "${#_server_get}" -lt "$order_most_under_way" ] || _server_get=${_server_get#*,}
	server_set "$1" orders "$_server_get$2:$_order_want,"
}

# NUMBER WANT WHY: answer the orders under way that do not lead to WANT with status 1
_order_refuse() {
	server_get "$1" orders
	_order_rest=$_server_get
	_order_kept=
	while [ -n "$_order_rest" ]; do
		_order_one=${_order_rest%%,*}
		_order_rest=${_order_rest#*,}
		case $_order_one in
		*:"$2") _order_kept=$_order_kept$_order_one, ;;
		*) order_answer "$1" "${_order_one%:*}" "1 $3" ;;
		esac
	done
	server_set "$1" orders "$_order_kept"
}

# order_start NUMBER - bring the server up, whatever state it is in, and forget past failures
# Sets, like the others: _order_number, and _order_answer: `0`, or a status and why
order_start() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING) ;;
	STOPPING) order_then "$1" start ;;
	*) order_start_afresh "$1" ;;
	esac
}

# order_stop NUMBER - take the server down, and remember that it is to stay down
order_stop() {
	_order_begin "$1" down
	order_then "$1" ''
	case $_order_state in
	STOPPED | STOPPING) ;;
	*) _order_end "$1" ;;
	esac
}

# order_restart NUMBER - take the server down and bring it up again; start it if it is stopped
# Before the first look is over its state is UNKNOWN, and it may run.
order_restart() {
	_order_begin "$1" up
	case $_order_state in
	RUNNING | STARTING | PAUSED | STUCK | UNKNOWN)
		order_then "$1" start
		_order_end "$1"
		;;
	STOPPING) order_then "$1" start ;;
	*) order_start_afresh "$1" ;;
	esac
}

# order_pause NUMBER - leave the server alone until resume: no restart, no search; a stopped server is already so
order_pause() {
	server_get "$1" want
	_order_want=$_server_get
	server_get "$1" state
	case $_order_want:$_server_get in
	down:* | *:STOPPED)
		_order_spare "$1" 'is stopped; there is nothing to pause'
		return
		;;
	esac
	_order_begin "$1" paused
	server_set "$1" excesses '' # while it is paused, no event will clear them
	server_get "$1" next
	[ "$_server_get" != start ] || server_set "$1" next ''
	[ "$_order_state" = STOPPING ] || server_set "$1" state PAUSED
	keep "$1"
}

# order_resume NUMBER - watch a paused server again, and start it if it does not run; a stopped server stays stopped
order_resume() {
	server_get "$1" want
	[ "$_server_get" = paused ] || {
		_order_spare "$1" 'is not paused'
		return
	}
	_order_begin "$1" up
	[ "$_order_state" != STOPPING ] || order_then "$1" start
	[ "$_order_state" = PAUSED ] || return 0
	server_get "$1" alive
	if [ -n "$_server_get" ]; then
		server_set "$1" state RUNNING
		keep "$1"
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
	server_set "$1" asked yes
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

_order_begin() {
	_order_number=$1
	_order_answer=0
	server_get "$1" state
	_order_state=$_server_get
	_order_refuse "$1" "$2" "overtaken by a later $_order_word"
	server_set "$1" want "$2"
	server_set "$1" heard "$2"
	helper_order want "$1" "$2"
}

# order_then NUMBER WORD - note what follows when the server has ended: start, or nothing
# An update that waits for this end comes first.
order_then() {
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
