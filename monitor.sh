#!/bin/sh
# monitor.sh - keep servers running; the front door and the loop
#
# Read it top-down: main says what the words do, watch is the loop, and each on_... below it is what
# happens at 3 a.m.  The policy is in lib/restart.sh, the words of a message in lib/alert.sh.

set -u
IFS=' 	
'
unset CDPATH
suite_version=0.1.0
suite_file=$(readlink -f "$0") || exit 1 # it may be called through a link in PATH
suite_dir=${suite_file%/*}

# shellcheck source=lib/log.sh
. "$suite_dir/lib/log.sh" || exit 1
# shellcheck source=lib/usage.sh
. "$suite_dir/lib/usage.sh" || exit 1
# shellcheck source=lib/python.sh
. "$suite_dir/lib/python.sh" || exit 1
# shellcheck source=lib/server.sh
. "$suite_dir/lib/server.sh" || exit 1
# shellcheck source=lib/prepare.sh
. "$suite_dir/lib/prepare.sh" || exit 1
# shellcheck source=lib/mailbox.sh
. "$suite_dir/lib/mailbox.sh" || exit 1
# shellcheck source=lib/helper.sh
. "$suite_dir/lib/helper.sh" || exit 1
# shellcheck source=lib/restart.sh
. "$suite_dir/lib/restart.sh" || exit 1
# shellcheck source=lib/alert.sh
. "$suite_dir/lib/alert.sh" || exit 1
# shellcheck source=lib/incident.sh
. "$suite_dir/lib/incident.sh" || exit 1
# shellcheck source=lib/order.sh
. "$suite_dir/lib/order.sh" || exit 1
# shellcheck source=lib/update.sh
. "$suite_dir/lib/update.sh" || exit 1

main() {
	log_streams
	mailbox_locale "$@"
	usage_options "$@"
	shift "$usage_options"
	case ${1:-} in
	'') usage_die 'what shall I watch?' ;;
	check | demo | test | status | tail | alerts | silence | install | uninstall | completion) word "$@" ;;
	start | stop | restart | signal | pause | resume | clear | drill | shutdown | update) order "$@" ;;
	business)
		shift
		business "$@"
		;;
	*) watch "$@" ;;
	esac
}

# word WORD ARG... - a word that is not a server's name; each has a file of its own
word() {
	# shellcheck source=lib/alerts.sh
	. "$suite_dir/lib/alerts.sh" || exit 1
	# shellcheck source=lib/check.sh
	. "$suite_dir/lib/check.sh" || exit 1
	# shellcheck source=lib/completion.sh
	. "$suite_dir/lib/completion.sh" || exit 1
	# shellcheck source=lib/control.sh
	. "$suite_dir/lib/control.sh" || exit 1
	# shellcheck source=lib/signature.sh
	. "$suite_dir/lib/signature.sh" || exit 1
	# shellcheck source=lib/install.sh
	. "$suite_dir/lib/install.sh" || exit 1
	# shellcheck source=lib/demo.sh
	. "$suite_dir/lib/demo.sh" || exit 1
	# shellcheck source=lib/silence.sh
	. "$suite_dir/lib/silence.sh" || exit 1
	# shellcheck source=lib/status.sh
	. "$suite_dir/lib/status.sh" || exit 1
	# shellcheck source=lib/test.sh
	. "$suite_dir/lib/test.sh" || exit 1
	"$1_main" "$@"
}

# order WORD ARG... - what an operator wants of a monitor that runs
order() {
	# shellcheck source=lib/control.sh
	. "$suite_dir/lib/control.sh" || exit 1
	control_main "$@"
}

# business PORT... - watch the business servers on these ports
business() {
	[ $# -gt 0 ] || usage_die 'business needs a port, as in: ./monitor.sh business 8080'
	for business_port in "$@"; do
		shift
		case $business_port in
		*[!0-9]* | '' | ??????*) usage_die "business: $business_port is not a port" ;;
		esac
		set -- "$@" "business@$business_port"
	done
	watch "$@"
}

# watch NAME... - the loop: one line at a time, until somebody ends us
watch() {
	prepare_monitor "$@"
	[ -z "$option_daemon" ] || daemon_main "$@"
	alert_setup
	watch_began=${MONITOR_GUARDED:-no} watch_hopeless=0 watch_waiting=0
	# not for servers to inherit
	unset MONITOR_GUARDED GUARD_PARENT_ID GUARD_MAIN_ID GUARD_PARENT_START_TIME GUARD_MAIN_START_TIME GUARD_RESTART_COUNT
	mailbox_traps
	helper_start
	while mailbox_read; do
		case $mailbox_word in
		start | stop | restart | pause | resume | clear | signal)
			order_take "$mailbox_word" "$mailbox_number" "$mailbox_now" "$mailbox_when"
			;;
		update) update_begin ;;
		hangup) update_by_signal ;;
		helper_gone) helper_gone ;;
		quit) break ;;
		interrupted | '') ;;
		*) event ;;
		esac
	done
	leave_all
}

# event - something that the helper saw, or did
event() {
	mailbox_is_event || return 0
	case $mailbox_word in
	down) on_down "$mailbox_number" "$mailbox_rest" ;;
	up) on_up "$mailbox_number" "$mailbox_rest" ;;
	failed) on_failed "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	absent) on_absent "$mailbox_number" ;;
	restart_pending) on_restart_pending "$mailbox_number" "$mailbox_rest" ;;
	hung) on_hung "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	limit) on_limit "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	cleared) on_cleared "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	stuck) on_stuck "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	stopped) order_stopped "$mailbox_number" "$mailbox_rest" ;;
	unlogged) incident_unlogged "$mailbox_number" ;;
	recall) server_recall "$mailbox_number" "${mailbox_rest%% *}" "${mailbox_rest#* }" ;;
	want) server_set "$mailbox_number" want "$mailbox_rest" ;;
	tick) log_catch_up ;;
	say) on_say "$mailbox_number" "$mailbox_rest" ;;
	hook) on_hook "$mailbox_rest" ;;
	locked) on_locked "$mailbox_number" "$mailbox_rest" ;;
	ready) helper_ready ;;
	esac
}

# daemon_main NAME... - be a daemon: the same again, under a parent guard; ends the program
daemon_main() {
	# shellcheck source=lib/daemon.sh
	. "$suite_dir/lib/daemon.sh" || exit 1
	daemon_start "$@"
}

# on_down NUMBER 'PID UP INCIDENT CAUSE' - a server is dead: decide, act, tell; in that order
on_down() {
	server_get "$1" state
	[ "$_server_get" != STOPPING ] || return 0
	incident_death "$1" "$2"
	server_set "$1" alive ''
	restart_decide "$1" "$mailbox_now" "$incident_cause"
	act "$1"
	incident_log_death "$1"
	case $_restart_decide in
	leave) incident_left "$1" ;;
	later) incident_later "$1" ;;
	fatal) incident_give_up "$1" "$incident_cause" ;;
	esac
	[ "$_restart_decide" = now ] || keep "$1"
}

# on_hung NUMBER PID TEXT - it lives, and does not serve: end it, and its death is answered like any other
# One that is never to be restarted is told of and left alone: dead, it would serve no better.
on_hung() {
	server_get "$1" restart
	if [ "$_server_get" = never ]; then
		leave_running "$1" "$2" hung hung "$3"
	else
		helper_order end "$1" "$2" "hung ($3)"
	fi
}

# on_limit NUMBER PID 'ACTION KEY TEXT' - it takes more than conf allows it; ACTION is alert or restart
on_limit() {
	set -- "$1" "$2" "${3%% *}" "${3#* }"
	server_get "$1" restart
	case $3:$_server_get in
	alert:* | *:never) leave_running "$1" "$2" limit "${4%% *}" "$4" ;;
	*) helper_order end "$1" "$2" "limit ($4)" ;;
	esac
}

# leave_running NUMBER PID EVENT KEY TEXT - that is told, and nothing is done about it
leave_running() {
	helper_order acknowledged "$1"
	incident_excess "$@" 'left alone' 'left alone as conf says'
}

# on_stuck NUMBER PID CAUSE - it was to be ended for that, and has outlived all of `stop`: a person must see to it
on_stuck() {
	helper_order acknowledged "$1"
	incident_stuck "$@"
}

# on_cleared NUMBER PID 'KEY TEXT' - what incident_excess told is over
on_cleared() {
	incident_cleared "$1" "$2" "${3%% *}" "$3"
}

# on_restart_pending NUMBER 'PID UP INCIDENT CAUSE' - a monitor that is no more told of this death, but did not end it
on_restart_pending() {
	server_get "$1" cause
	[ -n "$_server_get" ] || incident_death "$1" "$2"
	restart_at_once
	act "$1"
}

# on_failed NUMBER STATUS TEXT - a start did not succeed
on_failed() {
	hopeless "$1" "$2" "$3"
	restart_decide "$1" "$mailbox_now" failed
	act "$1"
	incident_failure "$1" "$3"
	[ "$_restart_decide" != fatal ] || incident_give_up "$1" "$3"
	[ "$_restart_decide" = now ] || keep "$1"
}

# on_up NUMBER 'PID HOW SOURCE MS' - it runs: launched by us and stayed up, or found
on_up() {
	watch_began=yes
	restart_stable "$1"
	# shellcheck disable=SC2086 # four words of the helper's
	incident_up "$1" $2
	server_set "$1" alive "${2%% *}"
	server_get "$1" want
	[ "$_server_get" = paused ] || server_set "$1" state RUNNING
	keep "$1"
	start_waiting
}

# keep NUMBER - have the record hold what was told of it, so that the next monitor, too, ends what this one began
keep() {
	server_memory "$1"
	server_get "$1" restarts
	helper_order keep "$1" "$_server_get" "$_server_memory"
}

# on_absent NUMBER - it did not run when we first looked
on_absent() {
	server_get "$1" want
	case $_server_get in
	down) leave "$1" STOPPED 'stopped by order' && return ;;
	paused) leave "$1" PAUSED 'paused by order' && return ;;
	esac
	server_get "$1" state
	case $_server_get in
	EXITED | FATAL) return ;;
	esac
	restart_at_once
	act "$1"
}

# on_say NUMBER TEXT - something a person should know
on_say() {
	[ "$1" -gt 0 ] || {
		warn "$2"
		return
	}
	server_get "$1" name
	warn "$_server_get: $2"
	log_history "$mailbox_when" note "$_server_get" '' '' '' '' "$2"
}

# on_hook 'OUTCOME HOOK TEXT' - what became of an alert
on_hook() {
	case $1 in
	sent\ *) ;;
	*) warn "alert $1" ;;
	esac
}

# on_locked NUMBER PID - another monitor watches it: we leave, and touch nothing
on_locked() {
	server_get "$1" name
	warn "$_server_get: the monitor with pid $2 watches it already; end that one first"
	leave_all 1
}

# hopeless NUMBER STATUS TEXT - of all that we were asked to watch nothing can even be tried: end, saying why
hopeless() {
	case $2 in
	5 | 6) ;;
	*) return 0 ;;
	esac
	server_get "$1" name
	warn "$_server_get: $3"
	[ "$watch_began" = no ] || return 0
	watch_hopeless=$((watch_hopeless + 1))
	[ "$watch_hopeless" -lt "$server_count" ] || leave_all "$2"
}

# act NUMBER - order what restart_decide has decided
act() {
	case $_restart_decide in
	leave) leave_ended "$1" ;;
	fatal) leave "$1" FATAL 'gave up; see restart.log' ;;
	*) start "$1" ;;
	esac
}

# leave_ended NUMBER - it has ended and is to stay so: by conf, or because it is paused
leave_ended() {
	server_get "$1" want
	case $_server_get in
	paused) leave "$1" PAUSED 'ended while it was paused' ;;
	down) leave "$1" STOPPED 'stopped by order' ;;
	*) leave "$1" EXITED 'ended, and is left alone' ;;
	esac
}

# leave NUMBER STATE TEXT - it is not to be started
leave() {
	server_set "$1" state "$2"
	server_memory "$1"
	server_get "$1" restarts
	helper_order leave "$1" "$2" "$_server_get" "$_server_memory" "$3"
}

# start NUMBER - now, or after restart_wait, or when all that it needs runs
start() {
	if server_needs_met "$1"; then
		server_set "$1" state STARTING
		[ "$restart_wait" -eq 0 ] || server_set "$1" state BACKOFF
		server_memory "$1"
		server_get "$1" restarts
		helper_order start "$1" "$restart_wait" "$_server_get" "$_server_memory"
	else
		leave "$1" STARTING "waits for $_server_needs_met"
		server_set "$1" state WAITING
		watch_waiting=$((watch_waiting + 1))
		server_get "$1" name
		warn "$_server_get: waits for $_server_needs_met"
	fi
}

# start_waiting - a server has come up: start those that waited for it
start_waiting() {
	[ "$watch_waiting" -gt 0 ] || return 0
	watch_waiting=0
	start_number=0
	while [ "$start_number" -lt "$server_count" ]; do
		start_number=$((start_number + 1))
		server_get "$start_number" state
		[ "$_server_get" = WAITING ] || continue
		restart_at_once
		start "$start_number"
	done
}

# leave_all [STATUS] - end the monitor; servers live on
leave_all() {
	mailbox_leave
	helper_end
	exit "${1:-0}"
}

main "$@"
