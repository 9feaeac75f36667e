# shellcheck shell=sh
# update - apply a new conf: stop what it no longer has or changes, read the new servers, start what is to run
# Needs: log.sh usage.sh python.sh server.sh prepare.sh helper.sh presence.sh.  suite_dir is set by the program
#
# update.py has checked conf, and has written RUN/plan for the shell and RUN/settled.new for the helper.

update_pending=0 # stops that have yet to finish
update_taken=    # the new conf is in force
_update_named=

# update_begin - stop what the plan says; the rest follows when all of that has stopped
update_begin() {
	[ -z "$helper_muted" ] || return 0 # under way
	[ -r "$prepare_run/plan" ] || {
		warn 'update: there is no plan; use ./monitor.sh update'
		return
	}
	update_pending=1
	while read -r _update_deed _update_rest; do
		case $_update_deed in
		stop | restart) update_stop "$_update_rest" ;;
		esac
	done <"$prepare_run/plan"
	update_stopped
}

# update_stop NAME - stop the server, whatever it was about to do
update_stop() {
	server_number "$1" || return 0
	server_get "$_server_number" state
	case $_server_get in
	STOPPED | STOPPING) return 0 ;;
	esac
	update_pending=$((update_pending + 1))
	server_set "$_server_number" next update
	server_set "$_server_number" state STOPPING
	helper_order stop "$_server_number"
}

# update_stopped - a stop is done; after the last one the helper takes over the new conf
update_stopped() {
	update_pending=$((update_pending - 1))
	[ "$update_pending" -gt 0 ] || helper_mute
}

# update_apply - the helper has the new conf: learn the servers anew, by their new numbers
# Until then the numbers of its events are the old ones, and it gets no orders.
update_apply() {
	helper_muted=
	update_remember
	server_count=0
	server_singleton=
	_update_named=' '
	while read -r _update_deed _update_rest; do
		case $_update_deed in
		restart | apply) _update_named="$_update_named$_update_rest " ;;
		server)
			# shellcheck disable=SC2086 # words without blanks or globs, from prepare.py
			server_new $_update_rest
			;;
		place) server_place "$_update_rest" ;;
		singleton) server_is_singleton "$_update_rest" ;;
		recovery_quiet) prepare_recovery_quiet=$_update_rest ;;
		esac
	done <"$prepare_run/plan"
	update_recall
	presence_begin
	update_taken=yes
}

# update_ready - the helper has looked at the servers of the new conf: the plan is carried out
update_ready() {
	[ -n "$update_taken" ] || return 0
	update_taken=
	helper_order updated
}

# update_interrupted - the helper has died during the change of conf: the next one begins with the files that it finds
update_interrupted() {
	[ -z "$helper_muted" ] || [ -e "$prepare_run/settled.new" ] || update_apply
}

# update_remember - note for each server what the helper's first look does not find out, or need not report
# Sets: _update_known, words NAME=PID=WANT=STATE=NEXT=ASKED=ORDERS
update_remember() {
	_update_known=
	_update_number=0
	while [ "$_update_number" -lt "$server_count" ]; do
		_update_number=$((_update_number + 1))
		server_get "$_update_number" name
		_update_known="$_update_known $_server_get"
		for _update_key in alive want state next asked orders; do
			server_get "$_update_number" "$_update_key"
			_update_known=$_update_known=$_server_get
		done
	done
}

# update_recall - give the servers that are still in conf back what update_remember has noted
update_recall() {
	for _update_word in $_update_known; do
		server_number "${_update_word%%=*}" || continue
		_update_fields=${_update_word#*=}
		for _update_key in alive want state next asked orders; do
			_update_value=${_update_fields%%=*}
			_update_fields=${_update_fields#*=}
			case $_update_key:$_update_value in
			state:STOPPING) ;;
			state:FATAL | state:EXITED) update_is_named "${_update_word%%=*}" && continue ;;
			state:*) continue ;; # the helper reports it
			esac
			server_set "$_server_number" "$_update_key" "$_update_value"
		done
		server_get "$_server_number" alive
		server_set "$_server_number" pid "$_server_get"
		server_set "$_server_number" known yes
	done
}

# update_is_named NAME - does the plan change this server?  If not, one that was given up or left down stays so
update_is_named() {
	case $_update_named in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# update_by_signal - SIGHUP: have the helper do what ./monitor.sh update does
update_by_signal() {
	helper_order update
}
