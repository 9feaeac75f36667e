# shellcheck shell=sh
# presence - history.jsonl tells which servers this monitor watches, and until when
# Needs: log.sh server.sh helper.sh.  mailbox_when and mailbox_now are set by mailbox.sh, incident_boot and prepare_run by
# prepare.sh
#
# What happens to a server while no monitor watches it is not known, so no report may count that time as good.  A
# monitor that is killed cannot say so: the next one does, with the time at which that was seen last (prepare.py).

presence_version=1 # of the lines in history.jsonl
presence_begun=
presence_when=

# presence_begin - this monitor watches these servers from now on; after an update, these and no others
# Those that an operator wants stopped or paused are off, and singletons that another machine may run.
presence_begin() {
	_presence_all='' _presence_off='' _presence_number=0
	while [ "$_presence_number" -lt "$server_count" ]; do
		_presence_number=$((_presence_number + 1))
		_presence_add "$_presence_number"
	done
	log_history "$mailbox_when" watching '' $$ '' watching '' '' '' "\"monitor\":\"$$-$incident_boot\",\"version\":$presence_version,\"servers\":[$_presence_all],\"off\":[$_presence_off]"
	presence_begun=yes
}

# presence_look - what time is it?  The last event may be minutes old, so ask the helper: `date` would need a process,
# and where none can be made, shells end at that
presence_look() {
	presence_when=$mailbox_when
	helper_wake || return 0
	while IFS=' ' read -r _presence_word _ _ _presence_when _ <&3; do
		[ "$_presence_word" = wake ] || continue
		presence_when=$_presence_when
		return
	done
}

# presence_end - it watches none any more since presence_when
# With an empty RUN_DIR/boot, no later monitor takes this one for one that was killed.
presence_end() {
	{ : >"$prepare_run/boot"; } 2>/dev/null
	[ -n "$presence_begun" ] || return 0
	presence_begun='' mailbox_now=''
	log_history "$presence_when" ended '' $$ '' ended '' '' '' "\"monitor\":\"$$-$incident_boot\""
}

# presence_lost 'PID BOOT WHEN' - a monitor was killed; WHEN: it was seen last
presence_lost() {
	_presence_rest=${1#* }
	log_history "${_presence_rest#* }" ended '' "${1%% *}" '' lost '' '' '' "\"monitor\":\"${1%% *}-${_presence_rest%% *}\""
}

# NUMBER: add it to _presence_all, and to _presence_off if it is not to run
_presence_add() {
	server_get "$1" place
	set -- "$1" "$_server_get"
	server_get "$1" name
	if [ -n "$2" ]; then
		log_json "$2"
		_presence_one="{\"server\":\"$_server_get\",\"dir\":\"$log_json\"}"
	else
		_presence_one="\"$_server_get\""
	fi
	_presence_all=$_presence_all${_presence_all:+,}$_presence_one
	_presence_is_off "$1" || return 0
	_presence_off=$_presence_off${_presence_off:+,}$_presence_one
}

_presence_is_off() {
	server_get "$1" want
	[ "$_server_get" = up ] || return 0
	server_get "$1" singleton
	[ -n "$_server_get" ] || return
	server_get "$1" lock
	[ -z "$_server_get" ]
}
