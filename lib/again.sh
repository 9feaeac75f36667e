# shellcheck shell=sh
# again - execute this monitor again, with its pid, when no process can be made: an exec needs no new process
# Needs: log.sh.  python_path and prepare_run are set by python.sh and prepare.sh, suite_dir by the program
#
# bash, dash, ash and mksh end when they cannot make a process; then only an EXIT trap still runs.

again_words= # a command, a word a line

# again_begin - the program begins: if again.py executed it, return there if no process can be made before it watches
again_begin() {
	[ -n "${MONITOR_AGAIN:-}" ] || return 0
	again_words=$MONITOR_AGAIN
	trap again_now EXIT
}

# again_set - from now on again_words are those of this monitor; servers must not inherit the others
again_set() {
	unset MONITOR_AGAIN
	again_words="$python_path${log_newline}-E${log_newline}-s${log_newline}$suite_dir/pyhelpers/again.py${log_newline}$prepare_run"
}

# again_replaced - the suite was replaced under this monitor: execute the new one, with this pid
again_replaced() {
	again_words="$again_words${log_newline}0"
	again_now
}

# again_now - wait until a process can be made (again.py), and execute this monitor anew
again_now() {
	trap - EXIT
	exec 3<&- 5>&- 8<&-
	IFS=$log_newline
	set -f
	# shellcheck disable=SC2086 # a command, a word a line
	exec $again_words
}
