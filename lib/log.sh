# shellcheck shell=sh
# log - messages on the terminal, restart.log, history.jsonl
# Needs: nothing.  log_dir and log_syslog are set by prepare.sh, mailbox_now by mailbox.sh
#
# While the loop runs, it must not wait for a reader of its standard output: then log_print_by prints in its place.

log_name=monitor.sh
log_dir=
log_syslog=0
log_late=
log_late_count=0
log_most_late=1000
log_refused=
log_late_by=   # called when a line is kept: it must see to it that log_catch_up is called
log_print_by=  # prints `STREAM TEXT`
log_syslog_by= # sends TEXT to syslog
log_others=    # the streams that log_print_by prints to

# log_line TEXT - print a line; without a fork, also in mksh, which has no builtin printf
case ${KSH_VERSION:-} in
*MIRBSD*)
	log_line() {
		# shellcheck disable=SC3061 # mksh has it
		print -r -- "$1"
	}
	;;
*)
	log_line() {
		printf '%s\n' "$1"
	}
	;;
esac

# log_streams - open /dev/null on each closed standard stream: otherwise the next file would get its number
log_streams() {
	{ true 9<&0; } 2>/dev/null || exec </dev/null
	{ true 9>&1; } 2>/dev/null || exec >/dev/null
	true 9>&2 || exec 2>/dev/null
}

# warn TEXT - print it on stderr, and send it to syslog if conf says so
warn() {
	log_print 2 "$log_name: $1"
	[ "$log_syslog" = 0 ] || "${log_syslog_by:-_log_send}" "$1"
}

_log_send() {
	logger -t "$log_name" -p daemon.warning -- "$1" &
}

# log_print_by_others PRINT SYSLOG - from now on the function PRINT prints to pipes and terminals, and SYSLOG sends
log_print_by_others() {
	log_print_by=$1 log_syslog_by=$2 log_others=
	for _log_stream in 1 2; do
		[ -f "/proc/$$/fd/$_log_stream" ] || log_others=$log_others$_log_stream
	done
}

# log_print_ourselves - undo log_print_by_others
log_print_ourselves() {
	log_syslog_by='' log_others=
}

# log_print STREAM TEXT - print a line; STREAM: 1 or 2
log_print() {
	case $log_others:$1 in
	*1*:1 | *2:2) "$log_print_by" "$1" "$2" ;;
	*:1) log_line "$2" ;;
	*) log_line "$2" >&2 ;;
	esac
}

# die STATUS TEXT - print why, and end with that exit status
die() {
	log_line "$log_name: $2" >&2
	exit "$1"
}

# log_restart WHEN TEXT - add a line to restart.log and print it; WHEN is ISO 8601
log_restart() {
	_log_clock=${1#*T}
	_log_line="${1%%T*} ${_log_clock%%.*} - $2"
	log_print 1 "$_log_line"
	_log_append restart.log "$_log_line"
}

# log_history WHEN EVENT SERVER PID CAUSE ACTION INCIDENT DETAIL [DIR] [MORE] - add a JSON object to history.jsonl
# DIR: where SERVER runs, if it is not the first of its name.  MORE: members of the object, as "down_ms":12
# Seconds since boot stand there too: they tell how much of the time between two lines is a clock that was set.
log_history() {
	log_json "$5"
	_log_cause=$log_json
	log_json "${9-}"
	_log_dir=${9:+,\"dir\":\"$log_json\"}
	log_json "$8"
	_log_append history.jsonl "{\"time\":\"$1\",\"event\":\"$2\",\"server\":\"$3\",\"pid\":${4:-null},\"cause\":\"$_log_cause\",\"action\":\"$6\",\"incident\":\"$7\",\"detail\":\"$log_json\"$_log_dir${mailbox_now:+,\"boot\":$mailbox_now}${10:+,${10}}}"
}

# log_output WHEN SERVER PID INCIDENT FILE - add to history.jsonl what a server printed last: the first line of FILE,
# which is the inside of a JSON string
log_output() {
	{ IFS= read -r _log_text <"$5"; } 2>/dev/null || return 0
	_log_append history.jsonl "{\"time\":\"$1\",\"event\":\"output\",\"server\":\"$2\",\"pid\":$3,\"cause\":\"\",\"action\":\"\",\"incident\":\"$4\",\"detail\":\"\",\"output\":\"$_log_text\"}"
}

# log_core WHEN EVENT SERVER PID INCIDENT CAUSE FILE - add a core, or the frames in it, to history.jsonl
# FILE: as in log_output.  Sets: _log_text, the first line of FILE.  Fails: 1 if it cannot be read
log_core() {
	{ IFS= read -r _log_text <"$7"; } 2>/dev/null || return 1
	_log_cause=$6
	[ "$2" != core ] || _log_cause="$6 (core: $_log_text)"
	_log_append history.jsonl "{\"time\":\"$1\",\"event\":\"$2\",\"server\":\"$3\",\"pid\":$4,\"cause\":\"$_log_cause\",\"action\":\"\",\"incident\":\"$5\",\"detail\":\"\",\"$2\":\"$_log_text\"}"
}

# log_catch_up - write the lines that a full or read-only disk refused; called an interval after log_late_by
log_catch_up() {
	[ "$log_late_count" -gt 0 ] || return 0
	_log_all=$log_late
	log_late=
	log_late_count=0
	while [ -n "$_log_all" ]; do
		_log_entry=${_log_all%%"$log_newline"*}
		_log_all=${_log_all#*"$log_newline"}
		_log_append "${_log_entry%% *}" "${_log_entry#* }"
	done
	[ "$log_late_count" -gt 0 ] || {
		log_refused=
		warn 'the log is written again, with what it had missed'
	}
}

# log_age SECONDS - a duration as a person reads it
# Sets: _log_age (41s, 3m, 3h, 2d)
log_age() {
	case $1 in
	'' | *[!0-9]*) set -- 0 ;;
	esac
	if [ "$1" -lt 120 ]; then
		_log_age=${1}s
	elif [ "$1" -lt 7200 ]; then
		_log_age=$(($1 / 60))m
	elif [ "$1" -lt 172800 ]; then
		_log_age=$(($1 / 3600))h
	else
		_log_age=$(($1 / 86400))d
	fi
}

log_newline='
'

# Append a line to a file.  If that fails, keep the line, and warn the first time.  Lines of one file stay in order.
_log_append() {
	case $log_late in
	*"$1 "*) ;;
	*) { log_line "$2" >>"$log_dir/$1"; } 2>/dev/null && return ;;
	esac
	[ -n "$log_refused" ] || warn "$log_dir/$1 cannot be written (disk full or read-only?); kept in memory: $2"
	log_refused=1
	[ "$log_late_count" -lt "$log_most_late" ] || return
	log_late=$log_late"$1 $2"$log_newline
	log_late_count=$((log_late_count + 1))
	[ "$log_late_count" -gt 1 ] || "${log_late_by:-:}"
}

# log_json TEXT - make it the inside of a JSON string
# Sets: log_json, the text with " and \ escaped; the helper lets no control characters through
log_json() {
	log_json=
	_log_rest=$1
	while :; do
		case $_log_rest in
		*[\"\\]*)
			_log_plain=${_log_rest%%[\"\\]*}
			_log_rest=${_log_rest#"$_log_plain"}
			log_json=$log_json$_log_plain\\${_log_rest%"${_log_rest#?}"}
			_log_rest=${_log_rest#?}
			;;
		*) break ;;
		esac
	done
	log_json=$log_json$_log_rest
}
