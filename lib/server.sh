# shellcheck shell=sh
# server - what the loop knows about each server: its policy, from conf, and its past
# Needs: nothing.  The number of a server is its place in the settled conf; values live in server_NUMBER_KEY.
#
# Each name has a variable of its own, server_by_KEY, that holds the number: to search a list of names would take 40 ms
# an order with a thousand servers.
#
# A value that is server_default_KEY has no variable.  dash and busybox ash keep variables in 39 lists and search one from
# its beginning: with all keys of a thousand servers a look at one took 50 microseconds, and a death needs a hundred.

_server_get= _server_now=
_server_failure=
_server_memory=
server_count=0
server_singleton= # the number of the first one that is a singleton
_server_highest=0 # the highest number that a server has had
_server_shared=   # is a policy known that servers share?
_server_letters=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-

_server_policy='
	restart exit_codes first longest give_up window alert alert_on needs start'
_server_past='
	name shown place deaths failures incident told pid alive next orders known death answered attempt died_pid died_up cause
	ordinal excesses drift rival renewal asked singleton lock holder'
for _server_each in $_server_policy $_server_past; do
	eval "server_default_$_server_each="
done
_server_begin='
	state=UNKNOWN want=up heard=up wait=0 rival_wait=0 restarts=0'
for _server_each in $_server_begin; do
	eval "server_default_$_server_each"
done

# server_new NUMBER NAME RESTART EXIT_CODES FIRST_MS LONGEST_MS GIVE_UP_COUNT GIVE_UP_SECONDS ALERT ALERT_ON NEEDS START -
# learn a server from a line of prepare.py
server_new() {
	server_count=$1
	_server_key "$2" || return
	_server_number=$1
	_server_forget "$1"
	eval "server_by_$_server_key=\$1 server_$1_name=\$2 server_$1_shown=\$2"
	shift 2
	[ -n "$_server_shared" ] || _server_share "$@"
	for _server_each in $_server_policy; do
		server_set "$_server_number" "$_server_each" "${1-auto}"
		[ $# -eq 0 ] || shift
	done
	server_get "$_server_number" first
	server_set "$_server_number" wait "$_server_get"
}

# POLICY...: what the first server has at first, any server has unless it says otherwise
_server_share() {
	_server_shared=yes
	for _server_each in $_server_policy; do
		eval "server_default_$_server_each=\${1-auto}"
		[ $# -eq 0 ] || shift
	done
	eval "server_default_wait=\$server_default_first"
}

# NUMBER: before an update another server had it.  We set each value, and unset none: after thousands of `unset` mksh hangs.
_server_forget() {
	if [ "$1" -gt "$_server_highest" ]; then
		_server_highest=$1
		return
	fi
	for _server_each in $_server_past $_server_begin; do
		_server_each=${_server_each%=*}
		eval "server_set \"\$1\" $_server_each \"\$server_default_$_server_each\""
	done
}

# server_place 'NUMBER DIR' - another server has the name of this one: messages show where this one runs
server_place() {
	server_get "${1%% *}" name
	server_set "${1%% *}" shown "$_server_get in ${1#* }"
	server_set "${1%% *}" place "${1#* }"
}

# server_is_singleton NUMBER - of all machines of the fleet, one runs this server
server_is_singleton() {
	server_set "$1" singleton yes
	server_singleton=${server_singleton:-$1}
}

# server_get NUMBER KEY
# Sets: _server_get
server_get() {
	eval "_server_get=\${server_$1_$2-\$server_default_$2}"
}

# server_set NUMBER KEY VALUE
server_set() {
	eval "_server_now=\${server_$1_$2-\$server_default_$2}"
	[ "$3" = "$_server_now" ] || eval "server_$1_$2=\$3"
}

# server_note_failure NUMBER WHY - remember the failure after which the server was given up
# It belongs to the name, not to the number: a server that an update does not change stays given up.
server_note_failure() {
	server_get "$1" name
	_server_key "$_server_get" || return
	eval "server_failure_$_server_key=\$2"
}

# server_failure NUMBER
# Sets: _server_failure, what server_note_failure has noted
server_failure() {
	server_get "$1" name
	_server_key "$_server_get" || return
	eval "_server_failure=\${server_failure_$_server_key:-gave up}"
}

# server_forget_helper - the helper that knew these servers has gone: the next one must hear all of it again
# `heard`: the state that a helper believes is wanted; `answered`: the death that it has an answer to.
server_forget_helper() {
	_server_each=0
	while [ "$_server_each" -lt "$server_count" ]; do
		_server_each=$((_server_each + 1))
		server_set "$_server_each" heard up
		server_set "$_server_each" answered ''
		server_set "$_server_each" lock ''
	done
}

# server_number NAME - find the number of a server; NAME may be any text
# Sets: _server_number.  Fails: 1 if this monitor does not watch it
server_number() {
	_server_key "$1" || return
	eval "_server_number=\${server_by_$_server_key-0}"
	[ "$_server_number" -gt 0 ] && [ "$_server_number" -le "$server_count" ] || return
	# the variable of a name that conf no longer has is still there
	eval "[ \"\$server_${_server_number}_name\" = \"\$1\" ]"
}

# Turn a name into the end of a variable's name: `_` and a letter stand for each character that those may not hold.
# Sets: _server_key.  Fails: 1 if it breaks the rule for names
_server_key() {
	case $1 in
	'' | *[!$_server_letters]*) return 1 ;;
	esac
	_server_key=
	_server_tail=$1
	while :; do
		_server_head=${_server_tail%%[_.@-]*}
		_server_key=$_server_key$_server_head
		_server_tail=${_server_tail#"$_server_head"}
		case $_server_tail in
		_*) _server_key=${_server_key}__ ;;
		.*) _server_key=${_server_key}_d ;;
		@*) _server_key=${_server_key}_a ;;
		-*) _server_key=${_server_key}_h ;;
		*) return 0 ;;
		esac
		_server_tail=${_server_tail#?}
	done
}

# server_memory NUMBER - put what must outlive the monitor into one line for the record
# Sets: _server_memory: values, each ended by a colon. The helper reads two of them: the first, the open incident, and the
# one that begins with =, what is reported of the running process and not over
server_memory() {
	_server_memory=
	for _server_each in incident wait deaths failures told died_pid died_up ordinal; do
		server_get "$1" "$_server_each"
		_server_memory=$_server_memory$_server_get:
	done
	server_get "$1" excesses
	_server_memory=$_server_memory=$_server_get:
	server_get "$1" cause
	_server_memory=$_server_memory$_server_get:
}

# server_recall NUMBER RESTARTS MEMORY - read what server_memory wrote; the helper looks at the server anew, and knows of
# no answer to its last death
server_recall() {
	server_set "$1" answered ''
	case $2 in
	'' | *[!0-9]*) return 0 ;;
	esac
	server_set "$1" restarts "$2"
	_server_is_memory "$3" || return 0
	_server_rest=$3
	for _server_key in incident wait deaths failures told died_pid died_up ordinal; do
		server_set "$1" "$_server_key" "${_server_rest%%:*}"
		_server_rest=${_server_rest#*:}
	done
	_server_recall_excesses "$1"
	server_set "$1" cause "${_server_rest%:}" # it may hold colons of its own
}

# NUMBER: take the excesses from the front of _server_rest; earlier monitors wrote none
_server_recall_excesses() {
	server_set "$1" excesses ''
	case $_server_rest in
	=*:*) ;;
	*) return 0 ;;
	esac
	_server_tail=${_server_rest#=}
	_server_rest=${_server_tail#*:}
	_server_tail=${_server_tail%%:*}
	case $_server_tail in
	*[!=\ $_server_letters]*) ;;
	*) server_set "$1" excesses "$_server_tail" ;;
	esac
}

# Is it what server_memory wrote?  A record that another program wrote must not reach arithmetic, which executes text in
# bash and mksh, nor a line of JSON.
_server_is_memory() {
	case $1 in
	*:*:*:*:*:*:*:*:*:) ;;
	*) return 1 ;;
	esac
	case ${1%%:*} in
	*[!$_server_letters]*) return 1 ;;
	esac
	_server_tail=${1#*:*:*:*:} # behind wait, deaths and failures
	_server_rest=${1#*:}
	case ${_server_rest%"$_server_tail"} in
	:* | 0[!:]* | *[!0-9,:]* | *[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*) return 1 ;;
	esac
	_server_rest=${_server_tail#*:}
	case ${_server_rest%%:*} in
	*[!0-9]* | 0*) return 1 ;;
	esac
}

# server_needs_met NUMBER - is every server RUNNING that this one needs?
# Sets: _server_needs_met, the first that is not
server_needs_met() {
	server_get "$1" needs
	_server_rest=$_server_get,
	while [ "$_server_rest" != , ] && [ "$_server_rest" != -, ] && [ -n "$_server_rest" ]; do
		_server_needs_met=${_server_rest%%,*}
		_server_rest=${_server_rest#*,}
		server_number "$_server_needs_met" || continue
		server_get "$_server_number" state
		[ "$_server_get" = RUNNING ] || return 1
	done
}
