# shellcheck shell=sh
# alert - who is told what; the words of a message; delivery is deliver.py's, outside the loop
# Needs: server.sh helper.sh

alert_host=localhost

# alert_setup - learn this machine's name, which every message carries
alert_setup() {
	read -r alert_host </proc/sys/kernel/hostname || alert_host=localhost
}

# alert_send NUMBER EVENT PID CAUSE ACTION TEXT - queue it for the server's hooks, if conf wants this event told
# TEXT goes after "HOST: SERVER ".
alert_send() {
	alert_is_wanted "$1" "$2" "$5" || return 0
	server_get "$1" alert
	[ "$_server_get" != - ] || return 0
	_alert_hooks=$_server_get
	server_get "$1" incident
	_alert_incident=$_server_get
	server_get "$1" name
	_alert_count "$1"
	helper_order alert "$1" "$2" "$_alert_hooks" "$_alert_incident" "$_alert_count" "$3" "$4" "$5" "$alert_host: $_server_get $6"
}

# alert_is_wanted NUMBER EVENT ACTION - does alert_on name this event?  `second` is each death but the first in an hour;
# a first one that was not answered at once is told all the same
alert_is_wanted() {
	server_get "$1" alert_on
	case ,$_server_get, in
	*",$2,"*) return 0 ;;
	*,second,*) [ "$2" = death ] || return 1 ;;
	*) return 1 ;;
	esac
	[ "$3" = restarted ] || return 0
	_alert_count "$1"
	[ "$_alert_count" -gt 1 ]
}

# How many deaths in the last hour: MONITOR_COUNT
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
