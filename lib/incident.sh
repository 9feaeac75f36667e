# shellcheck shell=sh
# incident - the log lines and the alerts for each turn of a server's life
# Needs: log.sh server.sh mailbox.sh prepare.sh restart.sh alert.sh
#
# An incident begins with a death, or with a start that fails, and ends when the server is up.  If the restart follows
# at once, one alert reports both, when the server is up again.  If not, an alert reports the death as soon as that is
# known, and a recovery follows.

incident_hour=3600
incident_cause=
incident_boot= incident_count=0
_incident_name= _incident_pid= _incident_up= _incident_nth= _incident_event= _incident_died=
_incident_shown= _incident_place= _incident_down= _incident_why= _incident_action=

# Make a name for an incident that is not the death of a process; it never repeats, not in another boot or this second
# Sets: _incident_stamp, SECONDS.COUNT.MONITOR-BOOT
_incident_stamp() {
	incident_count=$((incident_count + 1))
	_incident_stamp=$mailbox_now.$incident_count.$$-$incident_boot
}

# incident_is_new NUMBER 'UP INCIDENT CAUSE' - is this the first report of this death?  Remember that it was reported
incident_is_new() {
	_incident_rest=${2#* }
	_incident_rest=${_incident_rest%% *}
	server_get "$1" death
	[ "$_server_get" != "$_incident_rest" ] || return
	server_set "$1" death "$_incident_rest"
	server_set "$1" answered "$_incident_rest"
}

# incident_is_unanswered NUMBER 'UP INCIDENT CAUSE' - does the helper wait for an answer?  Note that it gets one now
incident_is_unanswered() {
	_incident_rest=${2#* }
	_incident_rest=${_incident_rest%% *}
	server_get "$1" answered
	[ "$_server_get" != "$_incident_rest" ] || return
	server_set "$1" answered "$_incident_rest"
}

# incident_is_open NUMBER 'UP INCIDENT CAUSE' - is this death the incident that is open?
incident_is_open() {
	_incident_rest=${2#* }
	server_get "$1" incident
	[ "$_server_get" = "${_incident_rest%% *}" ]
}

# incident_death NUMBER PID 'UP INCIDENT CAUSE' - open the incident of a death
# Sets: incident_cause, and the server's incident
incident_death() {
	server_set "$1" died_pid "$2"
	log_age "${3%% *}"
	server_set "$1" died_up "$_log_age"
	_incident_rest=${3#* }
	incident_cause=${_incident_rest#* }
	server_set "$1" cause "$incident_cause"
	server_set "$1" incident "${_incident_rest%% *}"
	server_set "$1" told ''
	server_set "$1" excesses ''
	server_get "$1" deaths
	restart_recent "$_server_get" "$mailbox_now" "$incident_hour"
	server_set "$1" deaths "$_restart_recent"
	_incident_ordinal "$restart_recent"
	server_set "$1" ordinal "$_incident_ordinal"
}

# incident_log_death NUMBER - log the death, and what restart_decide has decided
incident_log_death() {
	_incident_get "$1"
	_incident_note=
	case $_incident_event:$_restart_decide in
	*:rival)
		server_get "$1" rival
		_incident_note=", $_server_get"
		_incident_text="stopped, pid=$_incident_pid$_incident_note... ($_incident_cause, up $_incident_up$_incident_nth)"
		;;
	hung:later | limit:later) _incident_text="$_incident_event, pid=$_incident_pid, ended ${_incident_cause#* }, restarting in $((restart_wait / 1000))s..." ;;
	hung:* | limit:*) _incident_text="$_incident_event, pid=$_incident_pid, ended ${_incident_cause#* }" ;;
	*:leave) _incident_text="exited, pid=$_incident_pid, left alone ($_incident_cause)" ;;
	*:fatal) _incident_text="stopped, pid=$_incident_pid ($_incident_cause, up $_incident_up$_incident_nth)" ;;
	*:later) _incident_text="stopped, pid=$_incident_pid, restarting in $((restart_wait / 1000))s... ($_incident_cause, up $_incident_up$_incident_nth)" ;;
	*) _incident_text="stopped, pid=$_incident_pid, restarting... ($_incident_cause, up $_incident_up$_incident_nth)" ;;
	esac
	log_restart "$mailbox_when" "Server $_incident_shown $_incident_text"
	log_history "$mailbox_when" "$_incident_event" "$_incident_name" "$_incident_pid" "$_incident_cause" "$_restart_decide" "$_incident_id" "up $_incident_up$_incident_note" "$_incident_place"
}

# incident_unlogged NUMBER - an earlier monitor decided about this death, but ended before it could log that: log it now
incident_unlogged() {
	_incident_get "$1"
	[ -n "$_incident_pid" ] || return 0
	restart_at_once
	incident_log_death "$1"
}

# incident_printed NUMBER PID 'INCIDENT PLACE' - log what the server printed last: servers/PLACE/printed has it
# INCIDENT is - for a failed start: then it belongs to the incident that is open.
incident_printed() {
	_incident_id=${3%% *}
	[ "$_incident_id" != - ] || {
		server_get "$1" incident
		_incident_id=$_server_get
	}
	server_get "$1" name
	log_output "$mailbox_when" "$_server_get" "$2" "$_incident_id" "$prepare_state/servers/${3#* }/printed"
}

# incident_core NUMBER PID 'INCIDENT PLACE CAUSE' - log where the core of a crash is: servers/PLACE/core has it
incident_core() {
	_incident_of_core core "$@" || return 0
	log_restart "$mailbox_when" "Server $_incident_shown left a core, pid=$2 ($_log_cause)"
}

# incident_backtrace NUMBER PID 'INCIDENT PLACE CAUSE' - log the frames of a core, and send them as a second message
# It goes to mail and webhook alone: an SMS has no room for it.  The alert of the death has not waited for it.
incident_backtrace() {
	_incident_of_core backtrace "$@" || return 0
	_incident_alerts "$1"
	[ -n "$_incident_alerts" ] || return 0
	alert_is_wanted "$1" death restarted || return 0
	alert_send_core "$1" "$_incident_alerts" "$_incident_id" "$2" "$_incident_cause" "left a core ($_incident_cause)"
}

# EVENT NUMBER PID 'INCIDENT PLACE CAUSE'.  Sets: _incident_id _incident_cause _incident_shown _log_cause
_incident_of_core() {
	_incident_rest=${4#* }
	_incident_cause=${_incident_rest#* }
	_incident_id=${4%% *}
	[ "$_incident_id" != - ] || {
		server_get "$2" incident
		_incident_id=$_server_get
	}
	server_get "$2" shown
	_incident_shown=$_server_get
	server_get "$2" name
	log_core "$mailbox_when" "$1" "$_server_get" "$3" "$_incident_id" "$_incident_cause" "$prepare_state/servers/${_incident_rest%% *}/$1"
}

# NUMBER.  Sets: _incident_alerts, those of its hooks that get the frames of a core
_incident_alerts() {
	_incident_alerts=
	server_get "$1" alert
	case ,$_server_get, in *,mail,*) _incident_alerts=mail ;; esac
	case ,$_server_get, in *,webhook,*) _incident_alerts=$_incident_alerts${_incident_alerts:+,}webhook ;; esac
}

# incident_left NUMBER - the server stays down: send an alert unless an operator wanted it so
incident_left() {
	_incident_get "$1"
	server_get "$1" want
	[ "$_server_get" != up ] || alert_send "$1" "$_incident_event" "$_incident_pid" "$_incident_cause" 'left alone' "ended ($_incident_cause, up $_incident_up), left alone as conf says"
	server_set "$1" incident ''
}

# incident_later NUMBER - the restart comes after a wait, or from a rival: if that is as long as recovery_quiet, send an alert now
# The hooks wait for the recovery that long, too; a shorter wait needs no alert before the server is up again.
incident_later() {
	[ "$restart_wait" -ge "$prepare_recovery_quiet" ] || return 0
	_incident_get "$1"
	server_set "$1" told death
	server_get "$1" rival
	_incident_note=${_server_get:+; $_server_get}
	alert_send "$1" "$_incident_event" "$_incident_pid" "$_incident_cause" 'not restarted' "$_incident_died$_incident_nth), is DOWN$_incident_note; next try in $((restart_wait / 1000))s"
}

# incident_drifted NUMBER TEXT WANT - conf no longer describes the process that runs: report it once, and what follows
incident_drifted() {
	server_get "$1" drift
	[ "$_server_get" != "$2" ] || return 0
	server_set "$1" drift "$2"
	server_get "$1" shown
	case $3 in
	up) warn "$_server_get: $2; it is ended, and one is started as conf says" ;;
	down) warn "$_server_get: $2; it is ended" ;;
	*) warn "$_server_get: $2; left alone while it is paused" ;;
	esac
}

# incident_stopped NUMBER PID TOOK NEXT - an order has ended the server: log it and close its incident
# PID is 0 if no process ran, but TOOK may concern what it had left behind: which signal was needed after the first, - if
# none; NEXT: start, update, or nothing, if the server is to stay down.
incident_stopped() {
	_incident_get "$1"
	server_get "$1" drift
	_incident_why=$_server_get _incident_action='conf changed'
	server_get "$1" renewal
	[ -z "$_server_get" ] || _incident_why=$_server_get _incident_action='time to restart'
	_incident_took=${3#-}
	case $2$_incident_took:$4:$_incident_why in
	0::*) _incident_held ;;
	0:*) ;;
	*:start:?*) _incident_ended "$2" "stopped, pid=$2, restarting... ($_incident_why)" "$_incident_action" "$_incident_why" ;;
	*:standby:*) _incident_ended "$2" "stopped, pid=$2, stands by${_incident_took:+ ($_incident_took)}" 'stands by' "$_incident_took" ;;
	*) _incident_ended "$2" "stopped by order${_incident_took:+ ($_incident_took)}" 'stopped by order' "$_incident_took" ;;
	esac
	server_set "$1" drift ''
	server_set "$1" renewal ''
	server_set "$1" incident ''
	server_set "$1" pid ''
	server_set "$1" rival ''
}

# PID TEXT ACTION DETAIL
_incident_ended() {
	[ "$1" != 0 ] || set -- '' "$2" "$3" "$4"
	log_restart "$mailbox_when" "Server $_incident_shown $2"
	log_history "$mailbox_when" stopped "$_incident_name" "$1" '' "$3" "$_incident_id" "$4" "$_incident_place"
}

# It did not run, between two tries or after the last one: nothing has stopped
_incident_held() {
	log_restart "$mailbox_when" "Server $_incident_shown stays down by order"
	log_history "$mailbox_when" held "$_incident_name" '' '' 'stays down by order' "$_incident_id" '' "$_incident_place"
}

# incident_command_failed NUMBER PID KEY INCIDENT TEXT - a command around the life of a server, or an overlap, has failed:
# log it
incident_command_failed() {
	_incident_get "$1"
	case $3 in
	start_post | overlap) _incident_next="pid=$2, left running" ;;
	*) _incident_next="pid=$2" ;;
	esac
	log_restart "$mailbox_when" "Server $_incident_shown $3 failed, $_incident_next ($5)"
	log_history "$mailbox_when" "${3}_failed" "$_incident_name" "$2" '' 'left alone' "$4" "$5" "$_incident_place"
}

# incident_reloaded NUMBER PID INCIDENT TEXT - the server has read its conf again, and is well: log it
incident_reloaded() {
	_incident_get "$1"
	log_restart "$mailbox_when" "Server $_incident_shown reloaded by order, pid=$2"
	log_history "$mailbox_when" reloaded "$_incident_name" "$2" '' 'reloaded by order' "$3" "$4" "$_incident_place"
}

# incident_overlap NUMBER PID OLD MS - a new process has replaced OLD without a gap, by order: log it
incident_overlap() {
	_incident_get "$1"
	server_set "$1" pid "$2"
	server_set "$1" excesses '' # it is another process
	log_restart "$mailbox_when" "Server $_incident_shown overlap, pid=$3 replaced by pid=$2 ($4 ms)"
	log_history "$mailbox_when" overlap "$_incident_name" "$2" '' replaced "$_incident_id" "pid $3 replaced, $4 ms" "$_incident_place"
}

# incident_ordered NUMBER WORD BY [ARG] - an operator has given an order; BY: his uid, or -1 if that is not known
incident_ordered() {
	server_get "$1" place
	_incident_place=$_server_get
	server_get "$1" name
	case $3 in
	-*) set -- "$1" "$2" null "${4-}" ;;
	esac
	log_history "$mailbox_when" order "$_server_get" '' '' "$2" '' "${4-}" "$_incident_place" "\"by\":$3"
}

# incident_failure NUMBER TEXT - a start has failed: log it each time, send an alert only the first time
incident_failure() {
	_incident_get "$1"
	[ -n "$_incident_id" ] || {
		_incident_stamp
		server_set "$1" incident "$_incident_name-0-$_incident_stamp"
		server_set "$1" died_pid ''
	}
	_incident_get "$1"
	case $_restart_decide in
	leave) _incident_next='left alone' ;;
	fatal) _incident_next='no further try' ;;
	*) _incident_next="next try in $((restart_wait / 1000))s" ;;
	esac
	log_restart "$mailbox_when" "Server $_incident_shown not started, $_incident_next ($2)"
	log_history "$mailbox_when" start_failed "$_incident_name" '' "$_incident_cause" "$_restart_decide" "$_incident_id" "$2" "$_incident_place"
	[ -z "$_incident_told" ] || return 0
	server_set "$1" told death
	if [ -n "$_incident_cause" ]; then
		alert_send "$1" "$_incident_event" "$_incident_pid" "$_incident_cause" 'not restarted' "$_incident_died$_incident_nth), is DOWN: $2; $_incident_next"
	else
		alert_send "$1" death '' '' 'not started' "is DOWN: $2; $_incident_next"
	fi
}

# incident_give_up NUMBER LAST - too many failures: send the loudest alert; LAST is the cause of the last failure
# A singleton may run on another machine: singleton_unclaimed sends that alert if it does not.
incident_give_up() {
	_incident_get "$1"
	_incident_limit "$1"
	log_restart "$mailbox_when" "Server $_incident_shown gave up ($_incident_limit in $_log_age)"
	log_history "$mailbox_when" give_up "$_incident_name" '' "$_incident_cause" 'gave up' "$_incident_id" "$_incident_limit in $_log_age, last: $2" "$_incident_place"
	server_get "$1" singleton
	[ -n "$_server_get" ] || incident_tell_give_up "$1" "$2" ''
}

# incident_tell_give_up NUMBER LAST WHERE - send that alert; WHERE it is down, if not only here
incident_tell_give_up() {
	_incident_get "$1"
	_incident_limit "$1"
	server_set "$1" told give_up
	alert_send "$1" give_up "$_incident_pid" "$_incident_cause" 'gave up' "is DOWN$3, GAVE UP after $_incident_limit failures in $_log_age (last: $2); start it by hand"
}

# NUMBER: how many failures in what time are too many.  Sets: _incident_limit, _log_age
_incident_limit() {
	server_get "$1" give_up
	_incident_limit=$_server_get
	[ "$_incident_limit" -gt 0 ] || _incident_limit=1 # of a singleton, which other machines may start
	server_get "$1" window
	log_age "$_server_get"
}

# incident_up NUMBER PID HOW SOURCE MS DOWN - the server runs: log it, close its incident; HOW: launched adopted moved
# DOWN: how long it was down, in ms, or -
incident_up() {
	_incident_down_ms "${6:--}"
	_incident_get "$1"
	server_get "$1" pid
	server_set "$1" pid "$2"
	_incident_back='runs again'
	case $_incident_pid in
	'' | "$2") ;;
	*) [ -z "$_incident_id" ] || _incident_count "$1" ;;
	esac
	case $3 in
	launched)
		_incident_back="restarted in $5 ms"
		_incident_log_launched "$1" "$2" "$5"
		;;
	moved) _incident_log_found "$1" "$2" "moved from pid=$_server_get to" "$4" ;;
	*) [ "$_server_get" = "$2" ] || _incident_log_adopted "$1" "$2" "$4" ;;
	esac
	server_set "$1" rival ''
	case $_incident_id:$_incident_told in
	:*) ;;
	*:) alert_send "$1" "$_incident_event" "$_incident_pid" "$_incident_cause" restarted "$_incident_died), $_incident_back$_incident_nth" ;;
	*)
		_incident_down "$1"
		alert_send "$1" recovery "$2" "$_incident_cause" 'is back' "is back$_incident_down, pid $2"
		;;
	esac
	server_set "$1" incident ''
	server_set "$1" cause ''
	_incident_forget_excesses "$1" "$2"
}

# NUMBER PID: forget what was reported of a process other than PID, which an earlier helper may have followed already
_incident_forget_excesses() {
	server_get "$1" excesses
	case " $_server_get" in
	*"=$_incident_name-$2-"*) ;;
	*) server_set "$1" excesses '' ;;
	esac
}

# NUMBER: how long was the server down?  Since its last death, or, without one, since the start that failed first.
# Times are those of one boot, and so is the incident.
# Sets: _incident_down: ` after 3m`, or nothing if the incident is of an earlier boot
_incident_down() {
	_incident_down=
	case $_incident_id in
	*-"$incident_boot") ;;
	*) return 0 ;;
	esac
	if [ -n "$_incident_pid" ]; then
		server_get "$1" deaths
		_incident_since=${_server_get##*,}
	else
		_incident_since=${_incident_id#"$_incident_name-0-"}
		_incident_since=${_incident_since%%.*}
	fi
	case $_incident_since in
	'' | *[!0-9]* | 0?* | ??????????*) return 0 ;;
	esac
	log_age $((mailbox_now - _incident_since))
	_incident_down=" after $_log_age"
}

_incident_log_launched() {
	_incident_word=started
	[ -z "$_incident_id" ] || _incident_word=restarted
	log_restart "$mailbox_when" "Server $_incident_shown $_incident_word, pid=$2 ($3 ms)"
	log_history "$mailbox_when" "$_incident_word" "$_incident_name" "$2" "$_incident_cause" "$_incident_word" "$_incident_id" "$3 ms" "$_incident_place" "$_incident_down_ms"
}

# _incident_down_ms MS - Sets: _incident_down_ms, the member of a line in the history; empty if MS is -
_incident_down_ms() {
	_incident_down_ms="\"down_ms\":$1"
	[ "$1" != - ] || _incident_down_ms=
}

# The server has another pid than when the incident began: count a restart, no matter who did it.
_incident_count() {
	server_get "$1" restarts
	server_set "$1" restarts $((_server_get + 1))
}

_incident_log_adopted() {
	server_get "$1" rival
	if [ -n "$_server_get" ]; then
		_incident_back='restarted by its parent'
		_incident_log_found "$1" "$2" 'restarted by its parent,' "$3"
	else
		_incident_log_found "$1" "$2" adopted, "$3"
	fi
}

_incident_log_found() {
	case $4 in
	own) _incident_source='our own record' ;;
	scan) _incident_source='exe and directory' ;;
	log) _incident_source='the name of its log' ;;
	*) _incident_source='its pidfile' ;;
	esac
	log_restart "$mailbox_when" "Server $_incident_shown $3 pid=$2 (found by $_incident_source)"
	log_history "$mailbox_when" adopted "$_incident_name" "$2" '' adopted '' "found by $_incident_source" "$_incident_place" "$_incident_down_ms"
}

# incident_excess NUMBER PID EVENT KEY TEXT ACTION WORDS - report a running server that hangs or exceeds the limit KEY
# While the problem lasts, this reports it once: the helper repeats an event that was not acknowledged within an
# interval.
incident_excess() {
	_incident_get "$1"
	server_get "$1" excesses
	case " $_server_get" in
	*" $4=$_incident_name-$2-"*) return 0 ;;
	esac
	_incident_stamp
	_incident_id=$_incident_name-$2-$4-$_incident_stamp
	server_set "$1" excesses "$_server_get$4=$_incident_id "
	log_restart "$mailbox_when" "Server $_incident_shown $3, pid=$2, $6 ($5)"
	log_history "$mailbox_when" "$3" "$_incident_name" "$2" '' "$6" "$_incident_id" "$5" "$_incident_place"
	_incident_alert "$1" "$3" "$2" "$6" "$3 ($5), pid $2, $7"
}

# incident_stuck NUMBER PID CAUSE - report that the process outlived its end for `hung (TEXT)` or `limit (KEY TEXT)`
incident_stuck() {
	_incident_rest=${3#* ?}
	set -- "$1" "$2" "${3%% *}" hung "${_incident_rest%?}"
	[ "$3" = hung ] || set -- "$1" "$2" "$3" "${5%% *}" "$5"
	incident_excess "$@" 'could not be ended' 'could not be ended: stuck in the kernel, or not ours to signal; see to it'
}

# incident_cleared NUMBER PID KEY TEXT - log and report the end of a problem that incident_excess has reported
incident_cleared() {
	server_get "$1" excesses
	case " $_server_get" in
	*" $3="*) ;;
	*) return 0 ;;
	esac
	_incident_id=${_server_get#*"$3="}
	_incident_rest=${_incident_id#* }
	server_set "$1" excesses "${_server_get%%"$3="*}$_incident_rest"
	_incident_id=${_incident_id%% *}
	_incident_rest=$_incident_id
	_incident_get "$1"
	_incident_id=$_incident_rest
	log_restart "$mailbox_when" "Server $_incident_shown recovered, pid=$2 ($4)"
	log_history "$mailbox_when" recovery "$_incident_name" "$2" '' recovered "$_incident_id" "$4" "$_incident_place"
	_incident_alert "$1" recovery "$2" recovered "is well again, pid $2 ($4)"
}

# NUMBER EVENT PID ACTION TEXT: send an alert for _incident_id, and then restore the incident that is open
_incident_alert() {
	server_get "$1" incident
	_incident_open=$_server_get
	server_set "$1" incident "$_incident_id"
	alert_send "$1" "$2" "$3" '' "$4" "$5"
	server_set "$1" incident "$_incident_open"
}

# Get what the messages say about a server.  The event of its death is `death`, or `hung` or `limit` if that was why.
# Sets: _incident_name _incident_pid _incident_up _incident_cause _incident_id _incident_told _incident_nth
# _incident_event _incident_died _incident_shown _incident_place
_incident_get() {
	eval "_incident_name=\$server_$1_name _incident_shown=\$server_$1_shown _incident_place=\${server_$1_place-}"
	eval "_incident_pid=\${server_$1_died_pid-} _incident_up=\${server_$1_died_up-} _incident_cause=\${server_$1_cause-}"
	eval "_incident_id=\${server_$1_incident-} _incident_told=\${server_$1_told-} _incident_nth=\${server_$1_ordinal-}"
	case $_incident_cause in
	hung\ * | limit\ *)
		_incident_event=${_incident_cause%% *}
		_incident_died="${_incident_cause%?}, ended, up $_incident_up"
		;;
	*)
		_incident_event=death
		_incident_died="died ($_incident_cause, up $_incident_up"
		;;
	esac
}

# Sets: _incident_ordinal: nothing for the first, then `, 2nd in 1h`
_incident_ordinal() {
	case $1 in
	1) _incident_ordinal= ;;
	50) _incident_ordinal=', 50+ in 1h' ;; # restart_recent counts no further
	*1[123] | *[4567890]) _incident_ordinal=", $1th in 1h" ;;
	*1) _incident_ordinal=", $1st in 1h" ;;
	*2) _incident_ordinal=", $1nd in 1h" ;;
	*3) _incident_ordinal=", $1rd in 1h" ;;
	esac
}
