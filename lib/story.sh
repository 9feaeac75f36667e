# shellcheck shell=sh
# story - what is written down and told at each turn of a server's life
# Needs: log.sh server.sh restart.sh alert.sh
#
# An incident begins with a death, or a start that fails, and ends when the server is up.  A death that
# was answered at once is one message, sent when it is up again; one that was not is told when that is
# known, and then closed by a recovery.

story_hour=3600
story_patience=5000 # ms
story_cause=
_story_name= _story_pid= _story_up= _story_nth= _story_event= _story_died=

# story_death NUMBER 'PID UP INCIDENT CAUSE' - take in a death
# Sets: story_cause, and the server's incident
story_death() {
	_story_rest=${2#* }
	server_set "$1" died_pid "${2%% *}"
	log_age "${_story_rest%% *}"
	server_set "$1" died_up "$_log_age"
	_story_rest=${_story_rest#* }
	story_cause=${_story_rest#* }
	server_set "$1" cause "$story_cause"
	server_set "$1" incident "${_story_rest%% *}"
	server_set "$1" told ''
	server_set "$1" excesses ''
	server_get "$1" deaths
	restart_recent "$_server_get" "$mailbox_now" "$story_hour"
	server_set "$1" deaths "$_restart_recent"
	_story_ordinal "$restart_recent"
	server_set "$1" ordinal "$_story_ordinal"
}

# story_log_death NUMBER - one line for the death, with what was decided
story_log_death() {
	_story_get "$1"
	case $_story_event:$_restart_decide in
	hung:later | limit:later) _story_text="$_story_event, pid=$_story_pid, ended ${_story_cause#* }, restarting in $((restart_wait / 1000))s..." ;;
	hung:* | limit:*) _story_text="$_story_event, pid=$_story_pid, ended ${_story_cause#* }" ;;
	*:leave) _story_text="exited, pid=$_story_pid, left alone ($_story_cause)" ;;
	*:fatal) _story_text="stopped, pid=$_story_pid ($_story_cause, up $_story_up$_story_nth)" ;;
	*:later) _story_text="stopped, pid=$_story_pid, restarting in $((restart_wait / 1000))s... ($_story_cause, up $_story_up$_story_nth)" ;;
	*) _story_text="stopped, pid=$_story_pid, restarting... ($_story_cause, up $_story_up$_story_nth)" ;;
	esac
	log_restart "$mailbox_when" "Server $_story_name $_story_text"
	log_history "$mailbox_when" "$_story_event" "$_story_name" "$_story_pid" "$_story_cause" "$_restart_decide" "$_story_incident" "up $_story_up"
}

# story_untold NUMBER - a monitor that is no more decided about this death, but died before it could write that down
story_untold() {
	_story_get "$1"
	[ -n "$_story_pid" ] || return 0
	restart_at_once
	story_log_death "$1"
}

# story_left NUMBER - it is to stay down: that is told now
story_left() {
	_story_get "$1"
	server_get "$1" want
	[ "$_server_get" != up ] || alert_send "$1" "$_story_event" "$_story_pid" "$_story_cause" 'left alone' "ended ($_story_cause, up $_story_up), left alone as conf says"
	server_set "$1" incident ''
}

# story_later NUMBER - it is restarted after a wait; a long one is told now, with a recovery at its end
story_later() {
	[ "$restart_wait" -ge "$story_patience" ] || return 0
	_story_get "$1"
	server_set "$1" told death
	alert_send "$1" "$_story_event" "$_story_pid" "$_story_cause" 'not restarted' "$_story_died$_story_nth), is DOWN; next try in $((restart_wait / 1000))s"
}

# story_stopped NUMBER PID - it was ended by order: one line, and the incident, if there was one, is over
story_stopped() {
	_story_get "$1"
	log_restart "$mailbox_when" "Server $_story_name stopped by order"
	_story_ended=$2
	[ "$2" != 0 ] || _story_ended=
	log_history "$mailbox_when" stopped "$_story_name" "$_story_ended" '' 'stopped by order' "$_story_incident" ''
	server_set "$1" incident ''
	server_set "$1" pid ''
}

# story_failure NUMBER TEXT - a start has failed: written each time, told once
story_failure() {
	_story_get "$1"
	[ -n "$_story_incident" ] || {
		server_set "$1" incident "$_story_name-0-$mailbox_now"
		server_set "$1" died_pid ''
	}
	_story_get "$1"
	case $_restart_decide in
	leave) _story_next='left alone' ;;
	fatal) _story_next='no further try' ;;
	*) _story_next="next try in $((restart_wait / 1000))s" ;;
	esac
	log_restart "$mailbox_when" "Server $_story_name not started, $_story_next ($2)"
	log_history "$mailbox_when" start_failed "$_story_name" '' "$_story_cause" "$_restart_decide" "$_story_incident" "$2"
	[ -z "$_story_told" ] || return 0
	server_set "$1" told death
	if [ -n "$_story_cause" ]; then
		alert_send "$1" "$_story_event" "$_story_pid" "$_story_cause" 'not restarted' "$_story_died$_story_nth), is DOWN: $2; $_story_next"
	else
		alert_send "$1" death '' '' 'not started' "is DOWN: $2; $_story_next"
	fi
}

# story_give_up NUMBER LAST - too many failures, of which LAST says how the last one was: the loudest alert there is
story_give_up() {
	_story_get "$1"
	server_get "$1" give_up
	_story_limit=$_server_get
	server_get "$1" window
	log_age "$_server_get"
	log_restart "$mailbox_when" "Server $_story_name gave up ($_story_limit in $_log_age)"
	log_history "$mailbox_when" give_up "$_story_name" '' "$_story_cause" 'gave up' "$_story_incident" "$_story_limit in $_log_age, last: $2"
	server_set "$1" told give_up
	alert_send "$1" give_up "$_story_pid" "$_story_cause" 'gave up' "is DOWN, GAVE UP after $_story_limit failures in $_log_age (last: $2); start it by hand"
}

# story_up NUMBER PID HOW SOURCE MS - it runs: HOW is launched, adopted or moved
story_up() {
	_story_get "$1"
	server_get "$1" pid
	server_set "$1" pid "$2"
	_story_back='runs again'
	case $_story_pid in
	'' | "$2") ;;
	*) [ -z "$_story_incident" ] || _story_count "$1" ;;
	esac
	case $3 in
	launched)
		_story_back="restarted in $5 ms"
		_story_log_launched "$1" "$2" "$5"
		;;
	moved) _story_log_found "$1" "$2" "moved from pid=$_server_get to" "$4" ;;
	*) [ "$_server_get" = "$2" ] || _story_log_found "$1" "$2" adopted, "$4" ;;
	esac
	case $_story_incident:$_story_told in
	:*) ;;
	*:) alert_send "$1" "$_story_event" "$_story_pid" "$_story_cause" restarted "$_story_died), $_story_back$_story_nth" ;;
	*) alert_send "$1" recovery "$2" "$_story_cause" 'is back' "is back, pid $2" ;;
	esac
	server_set "$1" incident ''
	server_set "$1" cause ''
	server_set "$1" excesses '' # of another process, or judged anew
}

_story_log_launched() {
	_story_word=started
	[ -z "$_story_incident" ] || _story_word=restarted
	log_restart "$mailbox_when" "Server $_story_name $_story_word, pid=$2 ($3 ms)"
	log_history "$mailbox_when" "$_story_word" "$_story_name" "$2" "$_story_cause" "$_story_word" "$_story_incident" "$3 ms"
}

# An incident is ended by another process than it began with: that is a restart, whoever did it.
_story_count() {
	server_get "$1" restarts
	server_set "$1" restarts $((_server_get + 1))
}

_story_log_found() {
	case $4 in
	own) _story_source='our own record' ;;
	scan) _story_source='exe and directory' ;;
	log) _story_source='the name of its log' ;;
	*) _story_source='its pidfile' ;;
	esac
	log_restart "$mailbox_when" "Server $_story_name $3 pid=$2 (found by $_story_source)"
	log_history "$mailbox_when" adopted "$_story_name" "$2" '' adopted '' "found by $_story_source"
}

# story_excess NUMBER PID EVENT KEY TEXT ACTION WORDS - it runs, and is told of: hung, or over the limit KEY
# While that lasts it is told once: the helper tells again what was not answered within an interval.
story_excess() {
	server_get "$1" name
	_story_name=$_server_get
	server_get "$1" excesses
	case " $_server_get" in
	*" $4=$_story_name-$2-"*) return 0 ;;
	esac
	_story_incident=$_story_name-$2-$4-$mailbox_now
	server_set "$1" excesses "$_server_get$4=$_story_incident "
	log_restart "$mailbox_when" "Server $_story_name $3, pid=$2, $6 ($5)"
	log_history "$mailbox_when" "$3" "$_story_name" "$2" '' "$6" "$_story_incident" "$5"
	_story_alert "$1" "$3" "$2" "$6" "$3 ($5), pid $2, $7"
}

# story_stuck NUMBER PID CAUSE - it was to be ended for CAUSE, `hung (TEXT)` or `limit (KEY TEXT)`, and lives
story_stuck() {
	_story_rest=${3#* ?}
	set -- "$1" "$2" "${3%% *}" hung "${_story_rest%?}"
	[ "$3" = hung ] || set -- "$1" "$2" "$3" "${5%% *}" "$5"
	story_excess "$@" 'could not be ended' 'could not be ended: stuck in the kernel, or not ours to signal; see to it'
}

# story_within NUMBER PID KEY TEXT - and that is over, if it was told
story_within() {
	server_get "$1" excesses
	case " $_server_get" in
	*" $3="*) ;;
	*) return 0 ;;
	esac
	_story_incident=${_server_get#*"$3="}
	_story_rest=${_story_incident#* }
	server_set "$1" excesses "${_server_get%%"$3="*}$_story_rest"
	_story_incident=${_story_incident%% *}
	server_get "$1" name
	log_restart "$mailbox_when" "Server $_server_get recovered, pid=$2 ($4)"
	log_history "$mailbox_when" recovery "$_server_get" "$2" '' recovered "$_story_incident" "$4"
	_story_alert "$1" recovery "$2" recovered "is well again, pid $2 ($4)"
}

# NUMBER EVENT PID ACTION TEXT: an alert of _story_incident, while no other is open
_story_alert() {
	server_get "$1" incident
	_story_open=$_server_get
	server_set "$1" incident "$_story_incident"
	alert_send "$1" "$2" "$3" '' "$4" "$5"
	server_set "$1" incident "$_story_open"
}

# What the messages say of a server: its death has the event death, or the one that it was ended for.
_story_get() {
	eval "_story_name=\$server_$1_name _story_pid=\$server_$1_died_pid _story_up=\$server_$1_died_up"
	eval "_story_cause=\$server_$1_cause _story_incident=\$server_$1_incident _story_told=\$server_$1_told"
	eval "_story_nth=\$server_$1_ordinal"
	case $_story_cause in
	hung\ * | limit\ *)
		_story_event=${_story_cause%% *}
		_story_died="${_story_cause%?}, ended, up $_story_up"
		;;
	*)
		_story_event=death
		_story_died="died ($_story_cause, up $_story_up"
		;;
	esac
}

# Sets: _story_ordinal: nothing for the first, then `, 2nd in 1h`
_story_ordinal() {
	case $1 in
	1) _story_ordinal= ;;
	50) _story_ordinal=', 50+ in 1h' ;; # restart_recent counts no further
	*1[123] | *[4567890]) _story_ordinal=", $1th in 1h" ;;
	*1) _story_ordinal=", $1st in 1h" ;;
	*2) _story_ordinal=", $1nd in 1h" ;;
	*3) _story_ordinal=", $1rd in 1h" ;;
	esac
}
