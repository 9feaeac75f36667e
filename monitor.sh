#!/bin/sh
# monitor.sh - keep servers running; the front door and the loop
#
# Read it from the top: main and word say what each word of the command line does, watch is the loop, and each on_...
# below it answers one event.  lib/restart.sh decides when a server is restarted, lib/incident.sh writes the log lines
# and the alerts.

set -u
IFS=' 	
'
unset CDPATH
suite_file=$(readlink -f "$0") || exit 1 # a link in PATH may lead here
suite_dir=${suite_file%/*}

# shellcheck source=lib/log.sh
. "$suite_dir/lib/log.sh" || exit 1
# shellcheck source=lib/lines.sh
. "$suite_dir/lib/lines.sh" || exit 1
# shellcheck source=lib/again.sh
. "$suite_dir/lib/again.sh" || exit 1
# shellcheck source=lib/usage.sh
. "$suite_dir/lib/usage.sh" || exit 1
# shellcheck source=lib/progress.sh
. "$suite_dir/lib/progress.sh" || exit 1
# shellcheck source=lib/python.sh
. "$suite_dir/lib/python.sh" || exit 1
# shellcheck source=lib/server.sh
. "$suite_dir/lib/server.sh" || exit 1
# shellcheck source=lib/helper.sh
. "$suite_dir/lib/helper.sh" || exit 1
# shellcheck source=lib/presence.sh
. "$suite_dir/lib/presence.sh" || exit 1
# shellcheck source=lib/prepare.sh
. "$suite_dir/lib/prepare.sh" || exit 1
# shellcheck source=lib/mailbox.sh
. "$suite_dir/lib/mailbox.sh" || exit 1
# shellcheck source=lib/restart.sh
. "$suite_dir/lib/restart.sh" || exit 1
# shellcheck source=lib/alert.sh
. "$suite_dir/lib/alert.sh" || exit 1
# shellcheck source=lib/ending.sh
. "$suite_dir/lib/ending.sh" || exit 1
# shellcheck source=lib/incident.sh
. "$suite_dir/lib/incident.sh" || exit 1
# shellcheck source=lib/order.sh
. "$suite_dir/lib/order.sh" || exit 1
# shellcheck source=lib/singleton.sh
. "$suite_dir/lib/singleton.sh" || exit 1
# shellcheck source=lib/update.sh
. "$suite_dir/lib/update.sh" || exit 1

main() {
	log_streams
	again_begin
	mailbox_locale "$@"
	usage_options "$@"
	shift "$usage_options"
	[ -n "${1:-}" ] || usage_die 'what shall I watch?'
	word "$@"
}

# word WORD ARG... - do what WORD says: run a program of pyhelpers/ or a lib that only this word needs, or watch servers
word() {
	main_word=$1
	shift
	case $main_word in
	help) usage_tell usage_print ;;
	start | stop | restart | reload | signal | pause | resume | clear | drill | shutdown) order "$main_word" "$@" ;;
	update) python_word update.py "$@" ;;
	top) python_word top.py "$@" ;;
	status) status "$@" ;;
	fleet) python_word machines.py "$@" ;;
	move) python_word move.py "$@" ;;
	alerts) python_word alerts.py "$@" ;;
	history) python_word history.py "$@" ;;
	metrics) python_word metrics.py "$@" ;;
	report) python_word report.py "$@" ;;
	exec) python_word execute.py "$@" ;;
	silence) python_word silence.py "$@" ;;
	tail) python_word tail.py "$@" ;;
	check) check "$@" ;;
	test | install | uninstall | completion | run)
		word_libs
		"${main_word}_main" "$@"
		;;
	demo)
		word_libs
		demo "$@"
		;;
	business) business "$@" ;;
	*) watch "$main_word" "$@" ;;
	esac
}

# word_libs - load the libs that only main_word needs
word_libs() {
	case $main_word in
	test)
		# shellcheck source=lib/test.sh
		. "$suite_dir/lib/test.sh" || exit 1
		;;
	demo)
		# shellcheck source=lib/demo.sh
		. "$suite_dir/lib/demo.sh" || exit 1
		# shellcheck source=lib/webserver.sh
		. "$suite_dir/lib/webserver.sh" || exit 1
		;;
	install | uninstall)
		# shellcheck source=lib/signature.sh
		. "$suite_dir/lib/signature.sh" || exit 1
		# shellcheck source=lib/link.sh
		. "$suite_dir/lib/link.sh" || exit 1
		# shellcheck source=lib/install.sh
		. "$suite_dir/lib/install.sh" || exit 1
		;;
	run)
		# shellcheck source=lib/run.sh
		. "$suite_dir/lib/run.sh" || exit 1
		;;
	completion)
		# shellcheck source=lib/completion.sh
		. "$suite_dir/lib/completion.sh" || exit 1
		;;
	esac
}

# check - print every fault of conf, with its file and line; ends the program: 0 good, 6 not
check() {
	[ $# -eq 0 ] || usage_die 'check takes nothing behind it: it looks at all of conf'
	python_word check.py check
}

# order WORD [--fleet] ARG... - have the monitor carry it out, or all machines of the fleet; ends the program
order() {
	case $1:${2:-} in
	start:--fleet | stop:--fleet | pause:--fleet | resume:--fleet)
		order_word=$1
		shift 2
		python_word everywhere.py "$order_word" "$@"
		;;
	esac
	python_word control.py "$@"
}

# status [NAME...|--fleet...] - the state of every server, or of all machines of the fleet; ends the program
status() {
	[ "${1:-}" != --fleet ] || {
		shift
		python_word machines.py status "$@"
	}
	python_word status.py "$@"
}

# demo [webserver] - show a death and a restart, on stand-in servers or on the example web server
demo() {
	case $#:${1:-} in
	0:) demo_main ;;
	1:webserver) webserver_main ;;
	*) usage_die 'demo takes nothing behind it but webserver' ;;
	esac
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

# watch NAME... - watch these servers until a signal or an operator ends the monitor
watch() {
	watch_is_init && run_quietly "$@"
	prepare_monitor "$@"
	[ -z "$option_daemon" ] || prepare_daemon "$@"
	ending_begin
	alert_setup
	watch_began=${MONITOR_GUARDED:-no} watch_hopeless='' watch_waiting=0
	helper_unalerted=${MONITOR_UNALERTED:-}
	# servers must not inherit these
	unset MONITOR_UNALERTED MONITOR_RUN MONITOR_GUARDED GUARD_PARENT_ID GUARD_MAIN_ID GUARD_PARENT_START_TIME GUARD_MAIN_START_TIME GUARD_RESTART_COUNT
	watch_until_told
	quit_monitor
}

# watch_is_init - is this monitor process 1, without a `run` in front of it?  Loads what it then needs
watch_is_init() {
	[ $$ -eq 1 ] && [ -z "$option_run$option_daemon" ] || return
	main_word=run
	word_libs
}

# watch_until_told - the loop: read one line at a time, until a signal or an order ends the monitor
watch_until_told() {
	again_set
	mailbox_traps
	log_print_by_others helper_print helper_syslog
	log_late_by=helper_want_tick
	helper_start
	while mailbox_read; do
		case $mailbox_word in
		hangup) update_by_signal ;;
		helper_gone)
			update_interrupted
			helper_gone
			;;
		end) return ;;
		*) event ;;
		esac
	done
}

# event - answer what the helper has seen or done
event() {
	mailbox_is_event || return 0
	case $mailbox_word in
	down) on_down "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	up) on_up "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	failed) on_failed "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	absent) on_absent "$mailbox_number" ;;
	rival) on_rival "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	restart_pending) on_restart_pending "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	drifted) on_drifted "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	hung) on_hung "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	limit) on_limit "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	cleared) on_cleared "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	stuck) on_stuck "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	due) on_due "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	around) on_around "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	overlap) on_overlap "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	stopped) on_stopped "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	unstopped) on_unstopped "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	printed) incident_printed "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	core) incident_core "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	backtrace) incident_backtrace "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	unlogged) incident_unlogged "$mailbox_number" ;;
	recall) server_recall "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	want) order_want "$mailbox_number" "$mailbox_first" ;;
	order) on_order "$mailbox_number" "$mailbox_rest" ;;
	answered) order_answered "$mailbox_first" ;;
	update) update_begin ;;
	quit) mailbox_ended=1 ;;
	reloaded) update_apply ;;
	wake) ;;
	tick) on_tick ;;
	say) on_say "$mailbox_number" "$mailbox_rest" ;;
	hook) on_hook "$mailbox_rest" ;;
	held) singleton_held "$mailbox_number" "$mailbox_first" ;;
	lost) singleton_lost "$mailbox_number" "$mailbox_first" "$mailbox_text" ;;
	elsewhere) singleton_elsewhere "$mailbox_number" "$mailbox_first" ;;
	unclaimed) singleton_unclaimed "$mailbox_number" ;;
	fleet) singleton_fleet "$mailbox_first" "$mailbox_text" ;;
	locked) on_locked "$mailbox_number" "$mailbox_first" ;;
	ready) on_ready ;;
	esac
}

# on_ready - a helper has looked at every server: repeat what an earlier one may not have read
on_ready() {
	helper_ready
	ending_ready
	order_repeat
	update_ready
	[ -n "$presence_begun" ] || presence_begin
}

# on_order NUMBER 'WORD TOKEN BY [ARG]' - an operator wants something of a server
on_order() {
	# shellcheck disable=SC2086 # words, checked by the helper
	order_take "$1" $2
}

# on_tick - an interval has passed
on_tick() {
	helper_tick
	log_catch_up
}

# on_down NUMBER PID 'UP INCIDENT CAUSE' - a server is dead: decide, act, report; in that order
# The helper repeats the event after an interval without an answer; a death stays one incident.
on_down() {
	server_get "$1" state
	[ "$_server_get" != STOPPING ] || return 0
	incident_is_new "$1" "$3" || {
		on_down_again "$1" "$3"
		return
	}
	incident_death "$1" "$2" "$3"
	server_set "$1" alive ''
	restart_decide "$1" "$mailbox_now" "$incident_cause"
	restart_rival "$1"
	[ "$_restart_decide" != fatal ] || server_note_failure "$1" "$incident_cause"
	ending_decide "$1" "$incident_cause" || :
	act "$1"
	incident_log_death "$1"
	case $_restart_decide in
	leave) incident_left "$1" ;;
	later | rival) incident_later "$1" ;;
	fatal)
		incident_give_up "$1" "$incident_cause"
		ending_give_up "$1" "$incident_cause"
		;;
	esac
	[ "$_restart_decide" = now ] || keep "$1"
}

# on_down_again NUMBER 'UP INCIDENT CAUSE' - decided already: answer a helper that has not heard that yet
on_down_again() {
	incident_is_unanswered "$1" "$2" || return 0
	server_get "$1" state
	case $_server_get in
	EXITED | STOPPED | PAUSED) rest_after_end "$1" ;;
	FATAL) hold_fatal "$1" ;;
	*)
		restart_at_once
		restart_rival "$1"
		act "$1"
		;;
	esac
}

# on_drifted NUMBER PID TEXT - the process is as conf was when it was started: end it, and start one that is as conf says
# As with an update, that is no death, and no hook is called.  A paused server is left alone until it is resumed.
on_drifted() {
	server_get "$1" want
	set -- "$1" "$3" "$_server_get"
	incident_drifted "$@"
	case $3 in
	paused)
		helper_order acknowledged "$1"
		return
		;;
	up) order_then "$1" start ;;
	esac
	server_set "$1" state STOPPING
	helper_order stop "$1"
}

# on_due NUMBER PID TEXT - conf says that it is time to restart the server; TEXT: why.  That is no death
on_due() {
	server_get "$1" state
	case $_server_get in
	RUNNING)
		server_set "$1" renewal "$3"
		order_then "$1" start
		server_set "$1" state STOPPING
		helper_order stop "$1"
		;;
	*) helper_order acknowledged "$1" ;;
	esac
}

# on_around NUMBER PID 'KEY INCIDENT HOW TEXT' - start_post, stop_post, a reload or an overlap has ended: report it, and
# leave the server as it is; HOW is well or failed
on_around() {
	set -- "$1" "$2" "${3%% *}" "${3#* }"
	set -- "$1" "$2" "$3" "${4%% *}" "${4#* }"
	case $5 in
	well\ *) incident_reloaded "$1" "$2" "$4" "${5#* }" ;;
	*) incident_command_failed "$1" "$2" "$3" "$4" "${5#* }" ;;
	esac
}

# on_overlap NUMBER PID 'OLD MS' - PID has replaced OLD without a gap, MS after the order: that is no death
on_overlap() {
	incident_overlap "$1" "$2" "${3%% *}" "${3#* }"
	server_set "$1" alive "$2"
	restart_stable "$1"
	keep "$1"
}

# on_rival NUMBER WAIT TEXT - a death follows; TEXT names another process that restarts the server, WAIT is its time in ms
on_rival() {
	server_set "$1" rival "$3"
	server_set "$1" rival_wait "$2"
}

# on_hung NUMBER PID TEXT - the process lives, but does not serve: end it; its death is then answered like any other
# With restart = never the server would serve no better dead: report it and leave it running.
on_hung() {
	server_get "$1" restart
	if [ "$_server_get" = never ]; then
		report_only "$1" "$2" hung hung "$3"
	else
		helper_order end "$1" "$2" "hung ($3)"
	fi
}

# on_limit NUMBER PID 'ACTION KEY TEXT' - the server exceeds a limit of its conf; ACTION is alert or restart
on_limit() {
	set -- "$1" "$2" "${3%% *}" "${3#* }"
	server_get "$1" restart
	case $3:$_server_get in
	alert:* | *:never) report_only "$1" "$2" limit "${4%% *}" "$4" ;;
	*) helper_order end "$1" "$2" "limit ($4)" ;;
	esac
}

# report_only NUMBER PID EVENT KEY TEXT - report it and leave the server running
report_only() {
	helper_order acknowledged "$1"
	incident_excess "$@" 'left alone' 'left alone as conf says'
	keep "$1"
}

# on_stuck NUMBER PID CAUSE - the process should have ended for CAUSE, but outlived all signals of `stop`: report it
on_stuck() {
	helper_order acknowledged "$1"
	incident_stuck "$@"
	keep "$1"
}

# on_cleared NUMBER PID 'KEY TEXT' - a problem that incident_excess reported is over
on_cleared() {
	incident_cleared "$1" "$2" "${3%% *}" "$3"
	keep "$1"
}

# on_restart_pending NUMBER PID 'UP INCIDENT CAUSE' - an earlier monitor logged this death, but ended before the restart
on_restart_pending() {
	server_get "$1" state
	[ "$_server_get" != STOPPING ] || return 0
	incident_is_unanswered "$1" "$3" || return 0
	incident_is_open "$1" "$3" || incident_death "$1" "$2" "$3" # the record may have an older one
	restart_at_once
	restart_rival "$1"
	act "$1"
}

# on_failed NUMBER STATUS 'ATTEMPT TEXT' - a start did not succeed; the helper may repeat the event, as with on_down
on_failed() {
	server_get "$1" attempt
	[ "$_server_get" != "${3%% *}" ] || return 0
	server_set "$1" attempt "${3%% *}"
	set -- "$1" "$2" "${3#* }"
	singleton_may_run "$1" || return 0 # `lost` says what follows
	hopeless "$1" "$2" "$3"
	restart_decide "$1" "$mailbox_now" failed
	! singleton_is_hopeless "$1" "$2" || _restart_decide=fatal
	[ "$_restart_decide" != fatal ] || server_note_failure "$1" "$3"
	ending_decide "$1" "$3" || :
	act "$1"
	incident_failure "$1" "$3"
	[ "$_restart_decide" != fatal ] || {
		incident_give_up "$1" "$3"
		ending_give_up "$1" "$3"
	}
	[ "$_restart_decide" = now ] || keep "$1"
}

# on_up NUMBER PID 'HOW SOURCE MS DOWN' - the server runs: the helper launched it and it stayed up, or the helper found it
on_up() {
	watch_began=yes
	server_set "$1" asked yes
	restart_stable "$1"
	# shellcheck disable=SC2086 # four words of the helper
	incident_up "$1" "$2" $3
	server_set "$1" alive "$2"
	on_up_state "$1"
	keep "$1"
	start_waiting
}

# on_up_state NUMBER - RUNNING, unless an operator has other plans: the event may be older than an order to stop it
on_up_state() {
	server_get "$1" state
	[ "$_server_get" != STOPPING ] || {
		helper_order stop "$1" # a stop that it carries out already goes on
		return
	}
	server_get "$1" want
	case $_server_get in
	paused) server_set "$1" state PAUSED ;;
	*) server_set "$1" state RUNNING ;;
	esac
	order_done "$1"
}

# keep NUMBER - record what the shell has reported about the server, so that the next monitor can close the incident; and
# what is to follow its next death: where that is settled, the helper starts it before this shell hears of it
keep() {
	keep_after=ask
	! restart_is_settled "$1" || keep_after=start
	server_memory "$1"
	server_get "$1" restarts
	helper_order keep "$1" "$_server_get" "$_server_memory" "$keep_after"
}

# on_stopped NUMBER PID TOOK - the helper has carried out a stop: now comes what was to follow it
on_stopped() {
	server_get "$1" next
	incident_stopped "$1" "$2" "$3" "$_server_get"
	server_set "$1" state STOPPED
	server_set "$1" alive ''
	server_get "$1" next
	server_set "$1" next ''
	case $_server_get in
	start) order_start_afresh "$1" ;;
	update) update_stopped ;;
	standby) singleton_stopped "$1" ;;
	*) hold_by_order "$1" ;;
	esac
}

# on_unstopped NUMBER PID LEFT - a stop has failed: LEFT lives, which is PID, the server itself, or what that left behind
# An operator who wants the server down hears that it is not, and a singleton without its lock stays as it is.  In all
# other cases a server that lives is watched again, and what is left of a dead one does not keep it down.
on_unstopped() {
	server_get "$1" next
	unstopped_next=$_server_get
	server_get "$1" want
	case $2:$_server_get:$unstopped_next in
	*:down: | *:standby) server_set "$1" state STUCK ;; # when it ends, the helper says `stopped`
	"$3":*) follow_on "$1" ;;
	*)
		on_stopped "$1" "$2" -
		return
		;;
	esac
	order_failed "$1" "pid $3 could not be ended: stuck in the kernel, or not ours to signal"
	[ "$unstopped_next" != update ] || update_stopped
}

# follow_on NUMBER - the server outlived the order to end it: watch it as before
follow_on() {
	server_set "$1" next ''
	server_set "$1" state RUNNING
	server_memory "$1"
	server_get "$1" restarts
	helper_order start "$1" 0 "$_server_get" "$_server_memory"
}

# on_absent NUMBER - the server did not run at the helper's first look
on_absent() {
	server_get "$1" state
	[ "$_server_get" != STOPPING ] || {
		helper_order stop "$1" # it has not heard of that order
		return
	}
	server_get "$1" want
	case $_server_get in
	down | paused)
		hold_by_order "$1"
		return
		;;
	esac
	server_get "$1" state
	case $_server_get in
	EXITED) rest_after_end "$1" ;;
	FATAL) hold_fatal "$1" ;;
	*)
		if restart_awaits_order "$1"; then
			hold "$1" STOPPED 'started by order only'
			return
		fi
		restart_at_once
		act "$1"
		;;
	esac
}

# on_say NUMBER TEXT - the helper has a message for a person
on_say() {
	[ "$1" -gt 0 ] || {
		warn "$2"
		return
	}
	server_get "$1" shown
	warn "$_server_get: $2"
	server_get "$1" place
	set -- "$1" "$2" "$_server_get"
	server_get "$1" name
	log_history "$mailbox_when" note "$_server_get" '' '' '' '' "$2" "$3"
}

# on_hook 'OUTCOME HOOK TEXT' - a hook has taken an alert, or not
on_hook() {
	case $1 in
	sent\ *) ;;
	*) warn "alert $1" ;;
	esac
}

# on_locked NUMBER PID - another monitor watches this server: end, and touch nothing
on_locked() {
	server_get "$1" shown
	warn "$_server_get: the monitor with pid $2 watches it already; end that one first"
	quit_monitor 1
}

# hopeless NUMBER STATUS TEXT - report a start that conf or the machine forbids; end the monitor if no server can start
hopeless() {
	case $2 in
	5 | 6) ;;
	*) return 0 ;;
	esac
	server_get "$1" shown
	warn "$_server_get: $3"
	[ "$watch_began" = no ] || return 0
	case "$watch_hopeless " in
	*" $1 "*) return 0 ;; # it was tried again
	esac
	watch_hopeless="$watch_hopeless $1"
	# shellcheck disable=SC2086 # numbers
	set -- "$2" $watch_hopeless
	[ $# -le "$server_count" ] || quit_monitor "$1"
}

# act NUMBER - do what restart_decide has decided
act() {
	case $_restart_decide in
	leave) rest_after_end "$1" ;;
	fatal) hold_fatal "$1" ;;
	*) start "$1" ;;
	esac
}

# rest_after_end NUMBER - the server has ended, and conf or an operator says that it stays down
rest_after_end() {
	server_get "$1" want
	case $_server_get in
	paused) hold "$1" PAUSED 'ended while it was paused' ;;
	down) hold "$1" STOPPED 'stopped by order' ;;
	*) hold "$1" EXITED 'ended, and is left alone' ;;
	esac
}

# hold_fatal NUMBER - there were too many failures: `status` shows the last one, and the way out
hold_fatal() {
	server_failure "$1"
	server_get "$1" window
	log_age "$_server_get"
	server_get "$1" give_up
	case $_server_get in
	0 | 1) set -- "$1" '1 failure' ;;
	*) set -- "$1" "$_server_get failures" ;;
	esac
	server_get "$1" name
	hold "$1" FATAL "$_server_failure" "$2 in $_log_age; mend that, then ./monitor.sh clear $_server_get"
}

# hold_by_order NUMBER - an operator has stopped or paused the server: do not start it
hold_by_order() {
	server_get "$1" want
	case $_server_get in
	paused) hold "$1" PAUSED 'paused by order' ;;
	*) hold "$1" STOPPED 'stopped by order' ;;
	esac
}

# hold NUMBER STATE TEXT [REMEDY] - have the helper keep the server in this state without starting it; `status` shows
# TEXT, what the server printed about it, and REMEDY
hold() {
	server_set "$1" state "$2"
	[ "$2" = STARTING ] || order_done "$1"
	server_memory "$1"
	server_get "$1" restarts
	helper_order leave "$1" "$2" "$_server_get" "$_server_memory" "$3" "${4:-}"
	[ -z "$server_singleton" ] || singleton_left "$1" "$2"
}

# start NUMBER - start the server now, or after restart_wait, or when every server that it needs runs; a singleton only
# if this machine has its lock
start() {
	if server_needs_met "$1"; then
		singleton_may_run "$1" || {
			singleton_stand_by "$1"
			return
		}
		server_set "$1" state STARTING
		[ "$restart_wait" -eq 0 ] || server_set "$1" state BACKOFF
		server_memory "$1"
		server_get "$1" restarts
		helper_order start "$1" "$restart_wait" "$_server_get" "$_server_memory"
	else
		hold "$1" STARTING "waits for $_server_needs_met"
		server_set "$1" state WAITING
		watch_waiting=$((watch_waiting + 1))
		server_get "$1" shown
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

# quit_monitor [STATUS] - end the monitor; servers keep running
quit_monitor() {
	presence_look
	presence_end
	helper_end
	exit "${1:-0}"
}

main "$@"
