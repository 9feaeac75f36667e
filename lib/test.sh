# shellcheck shell=sh
# test - are this machine, conf and the hooks fit?  One TEST alert goes through the real hook
# Needs: python.sh usage.sh check.sh, which word in monitor.sh brings along

# test_main test [HOOK...] - ends the program with the outcome of that alert, or 6 for what is not in order
# Without a HOOK it goes through each that conf names.
test_main() {
	shift
	printf 'Testing monitor script...\n'
	check_fitness test || {
		test_say "$_python_run"
		exit "$_check_status"
	}
	test_say "${_python_run%"$log_newline"alerts *}"
	test_send "${_python_run##*"$log_newline"alerts }" "$@"
	exit $?
}

test_say() {
	[ -z "$1" ] || printf '%s\n' "$1"
}

# test_send 'SPOOL HOOK...' [HOOK...] - hand one TEST alert to each hook, now: to those of conf, or to these if there are any
# Fails: 1 refused, 6 the hook is not fit, or there is none
test_send() {
	_test_hooks=${1##*/alerts}
	_test_spool=${1%"$_test_hooks"}
	shift
	# shellcheck disable=SC2086 # names that conf has checked: no blanks in them, nor globs
	[ $# -gt 0 ] || set -- $_test_hooks
	[ $# -gt 0 ] || die 6 'no hook to test: alert is none in all of conf; set it in monitor.conf, or run: ./monitor.sh test HOOK'
	"$python_path" -E -s "$suite_dir/pyhelpers/deliver.py" test "$_test_spool" "$option_conf" -- "$@"
	_test_status=$?
	printf 'Test completed.\n'
	[ "$_test_status" -ne 1 ] || printf 'What was not sent is kept: ./monitor.sh alerts shows it.\n'
	return "$_test_status"
}
