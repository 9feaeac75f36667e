# shellcheck shell=sh
# restart - the policy: what follows when a server has died or did not start
# Needs: server.sh.  option_run is set by usage.sh

# restart_decide NUMBER NOW CAUSE - NOW in seconds since boot; CAUSE as in `exit 3`, `signal SEGV`, `unknown`
# Sets: _restart_decide: now later leave fatal; restart_wait: ms, for later
restart_decide() {
	restart_wait=0
	if restart_unwanted "$1" "$3"; then
		_restart_decide=leave
	elif restart_given_up "$1" "$2"; then
		_restart_decide=fatal
	else
		restart_back_off "$1"
		[ "$restart_wait" -eq 0 ] && _restart_decide=now || _restart_decide=later
	fi
}

# restart_at_once - decide for a start without a wait
# Sets: what restart_decide sets
restart_at_once() {
	_restart_decide=now
	restart_wait=0
}

# restart_rival NUMBER - another process restarts this server by itself: leave it rival_wait for that, before our start
# Sets: _restart_decide: rival instead of now or later; restart_wait
restart_rival() {
	server_get "$1" rival
	case $_restart_decide:$_server_get in
	now:?* | later:?*) ;;
	*) return 0 ;;
	esac
	_restart_decide=rival
	server_get "$1" rival_wait
	[ "$restart_wait" -ge "$_server_get" ] || restart_wait=$_server_get
}

# restart_unwanted NUMBER CAUSE - does an operator, or conf, want the server to stay down after this?
restart_unwanted() {
	server_get "$1" want
	[ "$_server_get" = up ] || return 0
	server_get "$1" restart
	case $_server_get in
	never) return 0 ;;
	unexpected) ;;
	*) return 1 ;;
	esac
	server_get "$1" exit_codes
	case $2 in
	exit\ *) ;;
	*) return 1 ;;
	esac
	case ,$_server_get, in
	*",${2#exit },"*) return 0 ;;
	esac
	return 1
}

# restart_is_settled NUMBER - will its next death be answered with a start at once, however it ends?
restart_is_settled() {
	case $option_run in
	'' | - | give_up) ;;
	*) return 1 ;; # that death may end all
	esac
	_restart_settled=
	for _restart_key in state want restart wait needs rival singleton; do
		server_get "$1" "$_restart_key"
		_restart_settled=$_restart_settled$_server_get:
	done
	[ "$_restart_settled" = RUNNING:up:always:0:-::: ] || return
	server_get "$1" give_up
	_restart_left=$_server_get
	[ "$_restart_left" -gt 0 ] || return 0
	server_get "$1" failures
	_restart_rest=${_server_get:+$_server_get,}
	while [ -n "$_restart_rest" ] && [ "$_restart_left" -gt 1 ]; do
		_restart_rest=${_restart_rest#*,}
		_restart_left=$((_restart_left - 1))
	done
	[ "$_restart_left" -gt 1 ]
}

# restart_awaits_order NUMBER - is the server started by order only, and has it neither run yet nor been ordered to?
restart_awaits_order() {
	server_get "$1" start
	[ "$_server_get" = manual ] || return
	server_get "$1" asked
	[ -z "$_server_get" ]
}

# restart_given_up NUMBER NOW - count this failure; are there too many within the time of give_up?
restart_given_up() {
	server_get "$1" window
	_restart_window=$_server_get
	server_get "$1" failures
	restart_recent "$_server_get" "$2" "$_restart_window"
	server_set "$1" failures "$_restart_recent"
	server_get "$1" give_up
	[ "$_server_get" -gt 0 ] && [ "$restart_recent" -ge "$_server_get" ]
}

# restart_recent TIMES NOW SECONDS - drop the times that are older than SECONDS, add NOW, keep at most 50
# Sets: _restart_recent, the list with commas; restart_recent, how many there are
restart_recent() {
	_restart_recent=
	restart_recent=0
	_restart_rest=$1,
	while [ -n "${_restart_rest#,}" ]; do
		_restart_time=${_restart_rest%%,*}
		_restart_rest=${_restart_rest#*,}
		# a time in the future comes from an earlier boot
		[ "$_restart_time" -gt $(($2 - $3)) ] && [ "$_restart_time" -le "$2" ] || continue
		_restart_recent=$_restart_recent$_restart_time,
		restart_recent=$((restart_recent + 1))
	done
	[ "$restart_recent" -lt 50 ] || {
		_restart_recent=${_restart_recent#*,}
		restart_recent=49
	}
	_restart_recent=$_restart_recent$2
	restart_recent=$((restart_recent + 1))
}

# restart_back_off NUMBER - take the server's present wait, and double it for the next time, up to the longest
# Sets: restart_wait
restart_back_off() {
	server_get "$1" wait
	restart_wait=$_server_get
	server_get "$1" longest
	_restart_next=$((restart_wait * 2))
	[ "$_restart_next" -gt 0 ] || _restart_next=1000
	[ "$_restart_next" -le "$_server_get" ] || _restart_next=$_server_get
	server_set "$1" wait "$_restart_next"
}

# restart_stable NUMBER - the server has stayed up for start_seconds: the next wait is the first one again
restart_stable() {
	server_get "$1" first
	server_set "$1" wait "$_server_get"
}
