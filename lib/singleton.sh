# shellcheck shell=sh
# singleton - servers of which one machine of a fleet runs only one: what follows when this machine gets the lock of one,
# or loses it
# Needs: log.sh server.sh mailbox.sh helper.sh order.sh alert.sh incident.sh; hold hold_by_order start of monitor.sh
#
# The helper gets and keeps the locks, and ends a server in time whose lock is lost (watch/fence.py): it waits for no
# decision.  Here is what people hear, and what comes next.  server_N_lock is the token of our hold, empty without one.

# singleton_may_run NUMBER - may this machine run it?
singleton_may_run() {
	eval "[ -z \"\${server_$1_singleton-}\" ] || [ -n \"\${server_$1_lock-}\" ]"
}

# singleton_stand_by NUMBER - wait until no other machine has it
singleton_stand_by() {
	_singleton_hold "$1"
	helper_order claim "$1"
}

_singleton_hold() {
	server_get "$1" holder
	case $_server_get in
	'' | -) hold "$1" STANDBY 'waits for its lock' ;;
	-*) hold "$1" STANDBY "is ${_server_get#-} on all machines by order" ;;
	*) hold "$1" STANDBY "runs on $_server_get" ;;
	esac
}

# singleton_left NUMBER STATE - this machine does not run it, and will not by itself: let another one have it
singleton_left() {
	case $2 in
	STOPPED | EXITED | FATAL | PAUSED) ;;
	*) return 0 ;;
	esac
	server_get "$1" singleton
	[ -n "$_server_get" ] || return 0
	server_set "$1" lock ''
	helper_order release "$1" "$2"
}

# singleton_is_hopeless NUMBER STATUS - is it a singleton that cannot start here, as conf or the machine is?  Others may
singleton_is_hopeless() {
	case $2 in
	5 | 6) ;;
	*) return 1 ;;
	esac
	server_get "$1" singleton
	[ -n "$_server_get" ]
}

# singleton_held NUMBER TOKEN - this machine has its lock: start it, if it waits for that
singleton_held() {
	server_set "$1" lock "$2"
	server_set "$1" holder ''
	server_get "$1" want
	_singleton_want=$_server_get
	server_get "$1" state
	case $_singleton_want:$_server_get in
	up:STANDBY)
		restart_at_once
		start "$1"
		;;
	*:STANDBY | down:STOPPED | paused:PAUSED)
		server_get "$1" alive
		[ -n "$_server_get" ] || singleton_left "$1" STOPPED
		;;
	esac
}

# singleton_elsewhere NUMBER HOST - that machine has it; - if none has, -down or -paused if none may
singleton_elsewhere() {
	server_set "$1" holder "$2"
	server_get "$1" state
	[ "$_server_get" != STANDBY ] || _singleton_hold "$1"
}

# singleton_unclaimed NUMBER - it was given up here, and no other machine has taken it: now people must hear of it
singleton_unclaimed() {
	server_get "$1" state
	[ "$_server_get" = FATAL ] || return 0
	server_failure "$1"
	incident_tell_give_up "$1" "$_server_failure" ' on all machines'
}

# singleton_lost NUMBER HOW TEXT - it must not run here: the helper ends it; then this machine stands by
singleton_lost() {
	[ "$2" = moved ] || server_set "$1" lock ''
	server_get "$1" state
	case $_server_get in
	STOPPED | EXITED | FATAL | STANDBY) return 0 ;;
	STOPPING | STUCK) ;;
	*)
		singleton_tell "$1" "$2" "$3"
		server_set "$1" incident ''
		order_then "$1" standby
		server_set "$1" state STOPPING
		;;
	esac
	helper_order stop "$1"
}

# singleton_stopped NUMBER - it has ended, because its lock is lost or an operator moves it
singleton_stopped() {
	singleton_left "$1" STOPPED
	server_get "$1" want
	case $_server_get in
	up) singleton_stand_by "$1" ;;
	*) hold_by_order "$1" ;;
	esac
}

# singleton_tell NUMBER HOW TEXT - log why it ends here, and alert people, unless they know that already
singleton_tell() {
	_incident_stamp
	server_get "$1" pid
	_singleton_pid=$_server_get
	case $2 in
	conflict) _singleton_event=conflict ;;
	moved) _singleton_event=moving ;; # `moved` is another process in the place of the last one
	*) _singleton_event=fenced ;;
	esac
	server_get "$1" shown
	log_restart "$mailbox_when" "Server $_server_get $_singleton_event, pid=$_singleton_pid, stopping... ($3)"
	server_get "$1" place
	_singleton_place=$_server_get
	server_get "$1" name
	log_history "$mailbox_when" "$_singleton_event" "$_server_get" "$_singleton_pid" '' stopping "$_server_get-0-$_incident_stamp" "$3" "$_singleton_place"
	case $2 in
	moved | silent) ;; # ordered; `fleet` says it for all of them
	*)
		server_set "$1" incident "$_server_get-0-$_incident_stamp"
		alert_send "$1" "$_singleton_event" "$_singleton_pid" '' stopped "is stopped here: $3"
		;;
	esac
}

# singleton_fleet HOW TEXT - etcd does not answer, or answers again; one alert goes out, by the hooks of the first one
singleton_fleet() {
	warn "$2"
	[ -n "$server_singleton" ] && alert_is_wanted "$server_singleton" fleet "$1" || return 0
	server_get "$server_singleton" alert
	[ "$_server_get" != - ] || return 0
	_incident_stamp
	helper_order alert "$server_singleton" fleet "$_server_get" "fleet-0-$_incident_stamp" 1 '' '' "$1" "$alert_host: $2"
}
