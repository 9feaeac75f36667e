# shellcheck shell=sh
# ending - under `run`: tell the process that has started this monitor when it is ready, and which end ends all of it
# Needs: log.sh server.sh.  option_run is set by usage.sh, prepare_run by prepare.sh
#
# option_run is `give_up`, `any`, the NAME of a server, or - ; it is empty if this monitor runs by itself.

# ending_begin - the monitor is prepared: the helper is to reap all orphans at once; a NAME must be watched
ending_begin() {
	[ -n "$option_run" ] || return 0
	{ : >"$prepare_run/foreground"; } 2>/dev/null || warn "$prepare_run/foreground cannot be written; orphans are reaped once an interval"
	case $option_run in
	- | give_up | any) return 0 ;;
	esac
	server_number "$option_run" || {
		rm -rf "$prepare_run"
		die 2 "run: --exit-on $option_run: no such server is watched; say give_up, any or the NAME of one"
	}
}

# ending_ready - the helper has looked at every server
ending_ready() {
	[ -z "$option_run" ] || _ending_tell ready
}

# ending_decide NUMBER HOW - a server has died, or did not start: is that the end of all?
# Sets: _restart_decide to leave, if it is.  Fails: 1 if it is not
ending_decide() {
	case $option_run in
	'' | - | give_up) return 1 ;;
	esac
	server_get "$1" want
	[ "$_server_get" = up ] || return # an operator wants it so
	case $option_run in
	any) ;;
	*)
		server_get "$1" name
		[ "$_server_get" = "$option_run" ] || return
		;;
	esac
	_restart_decide=leave
	ending_tell "$1" "$2"
}

# ending_give_up NUMBER HOW - a server is given up, and its last end was HOW
ending_give_up() {
	[ "$option_run" != give_up ] || ending_tell "$1" "$2"
}

# ending_tell NUMBER HOW - all of it ends because of this server
ending_tell() {
	server_get "$1" shown
	warn "run: ends because of $_server_get ($2)"
	_ending_tell "end $2"
}

_ending_tell() {
	{ log_line "$1" >&9; } 2>/dev/null || warn 'run: the process that has started this monitor does not hear it'
}
