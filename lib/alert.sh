# shellcheck shell=sh
# alert - queue an alert for the hooks of a server; deliver.py calls the hooks, outside the loop
# Needs: server.sh helper.sh

alert_host=localhost

# alert_setup - learn the name of this machine; every message begins with it
alert_setup() {
	read -r alert_host </proc/sys/kernel/hostname || alert_host=localhost
}

# alert_send NUMBER EVENT PID CAUSE ACTION TEXT - queue the alert "HOST: SERVER TEXT" for the server's hooks, if
# alert_on names this event
alert_send() {
	alert_is_wanted "$1" "$2" "$5" || return 0
	server_get "$1" alert
	[ "$_server_get" != - ] || return 0
	_alert_hooks=$_server_get
	server_get "$1" incident
	_alert_incident=$_server_get
	_alert_count "$1"
	server_get "$1" shown
	helper_order alert "$1" "$2" "$_alert_hooks" "$_alert_incident" "$_alert_count" "$3" "$4" "$5" "$alert_host: $_server_get $6"
}

# alert_send_core NUMBER HOOKS INCIDENT PID CAUSE TEXT - queue the alert of a core, which may be of an earlier incident
alert_send_core() {
	_alert_count "$1"
	server_get "$1" shown
	helper_order alert "$1" core "$2" "$3" "$_alert_count" "$4" "$5" '' "$alert_host: $_server_get $6"
}

# alert_is_wanted NUMBER EVENT ACTION - does alert_on name this event?
# `second` means each death but the first in an hour, and the first one too if the restart did not follow at once.
alert_is_wanted() {
	server_get "$1" alert_on
	case $2:,$_server_get, in
	conflict:*,give_up,* | fenced:*,give_up,* | fleet:*,give_up,*) return 0 ;; # as loud
	esac
	case ,$_server_get, in
	*",$2,"*) return 0 ;;
	*,second,*) [ "$2" = death ] || return 1 ;;
	*) return 1 ;;
	esac
	[ "$3" = restarted ] || return 0
	_alert_count "$1"
	[ "$_alert_count" -gt 1 ]
}

# Count the deaths in the last hour.  Sets: _alert_count (MONITOR_COUNT), and _server_get, the name
_alert_count() {
	server_get "$1" deaths
	_alert_rest=$_server_get
	_alert_count=1
	while :; do
		case $_alert_rest in
		*,*) _alert_rest=${_alert_rest#*,} ;;
		*) break ;;
		esac
		_alert_count=$((_alert_count + 1))
	done
	server_get "$1" name
}
