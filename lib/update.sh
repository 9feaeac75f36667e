# shellcheck shell=sh
# update - apply a new conf: stop what it no longer has or changes, read the new servers, start what is to run
# Needs: log.sh usage.sh python.sh server.sh prepare.sh helper.sh.  suite_dir is set by the program
#
# update.py has checked conf, and has written RUN/plan for the shell and RUN/settled.new for the helper.

update_pending=0 # stops that have yet to finish

# update_begin - stop what the plan says; the rest follows when all of that has stopped
update_begin() {
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

# update_stopped - one stop less to wait for; after the last one the new conf applies
update_stopped() {
	update_pending=$((update_pending - 1))
	[ "$update_pending" -eq 0 ] || return 0
	update_remember
	server_count=0
	while read -r _update_deed _update_rest; do
		case $_update_deed in
		server)
			# shellcheck disable=SC2086 # words without blanks or globs, from prepare.py
			server_new $_update_rest
			;;
		recovery_quiet) prepare_recovery_quiet=$_update_rest ;;
		esac
	done <"$prepare_run/plan"
	update_recall
	helper_order reload
}

# update_remember - note the pid of each server, so that the helper's first look reports nothing that is known
# Sets: _update_known, NAME=PID words
update_remember() {
	_update_known=
	_update_number=0
	while [ "$_update_number" -lt "$server_count" ]; do
		_update_number=$((_update_number + 1))
		server_get "$_update_number" name
		_update_known="$_update_known $_server_get="
		server_get "$_update_number" alive
		_update_known=$_update_known$_server_get
	done
}

# update_recall - give the servers that are still in conf their pids back
update_recall() {
	for _update_word in $_update_known; do
		server_number "${_update_word%%=*}" || continue
		server_set "$_server_number" pid "${_update_word#*=}"
		server_set "$_server_number" alive "${_update_word#*=}"
	done
}

# update_by_signal - SIGHUP: do what ./monitor.sh update does, outside the loop
update_by_signal() {
	"$python_path" -E -s "$suite_dir/pyhelpers/update.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" >&2 &
}
