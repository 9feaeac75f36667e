# shellcheck shell=sh
# server - what the loop knows about each server: its policy, from conf, and its past
# Needs: nothing.  The number of a server is its place in the settled conf; values live in server_NUMBER_KEY.
#
# Each name has a variable of its own, server_by_KEY, that holds the number: to search a list of names would take 40 ms
# an order with a thousand servers.

_server_get=
_server_failure=
_server_memory=
server_count=0
server_singleton= # the number of the first one that is a singleton
_server_letters=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@-

# server_new NUMBER NAME RESTART EXIT_CODES FIRST_MS LONGEST_MS GIVE_UP_COUNT GIVE_UP_SECONDS ALERT ALERT_ON NEEDS START -
# learn a server from a line of prepare.py
server_new() {
	server_count=$1
	_server_key "$2" || return
	eval "server_by_$_server_key=\$1"
	eval "server_$1_name=\$2 server_$1_shown=\$2 server_$1_place= server_$1_restart=\$3 server_$1_exit_codes=\$4"
	eval "server_$1_first=\$5 server_$1_longest=\$6 server_$1_give_up=\$7 server_$1_window=\$8"
	eval "server_$1_wait=\$5 server_$1_state=UNKNOWN server_$1_restarts=0"
	eval "server_$1_deaths= server_$1_failures= server_$1_incident= server_$1_told= server_$1_pid="
	eval "server_$1_want=up server_$1_alive= server_$1_next= server_$1_orders="
	eval "server_$1_known= server_$1_heard=up server_$1_death= server_$1_answered= server_$1_attempt="
	eval "server_$1_died_pid= server_$1_died_up= server_$1_cause= server_$1_ordinal= server_$1_excesses= server_$1_drift="
	eval "server_$1_rival= server_$1_rival_wait=0 server_$1_renewal= server_$1_asked="
	eval "server_$1_singleton= server_$1_lock= server_$1_holder="
	_server_number=$1
	shift 8
	eval "server_${_server_number}_alert=\$1 server_${_server_number}_alert_on=\$2 server_${_server_number}_needs=\$3"
	eval "server_${_server_number}_start=\${4-auto}"
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
	eval "_server_get=\$server_$1_$2"
}

# server_set NUMBER KEY VALUE
server_set() {
	eval "server_$1_$2=\$3"
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
		eval "server_${_server_each}_heard=up server_${_server_each}_answered= server_${_server_each}_lock="
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
# Sets: _server_memory: values, each ended by a colon; the first is the open incident, which the helper reads too
server_memory() {
	eval "_server_memory=\$server_$1_incident:\$server_$1_wait:\$server_$1_deaths:\$server_$1_failures:\$server_$1_told:"
	eval "_server_memory=\$_server_memory\$server_$1_died_pid:\$server_$1_died_up:\$server_$1_ordinal:\$server_$1_cause:"
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
	server_set "$1" cause "${_server_rest%:}" # it may hold colons of its own
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
