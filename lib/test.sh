# shellcheck shell=sh
# test - are this machine, conf and the hooks fit?  One TEST alert goes through the real hook
# Needs: log.sh usage.sh python.sh.  suite_dir is set by the program

# test_main [HOOK...] - check all of it, and send one TEST alert through each HOOK, or else through each hook of conf
# Ends the program: with the outcome of that alert, or as check.py does if something is not in order.
test_main() {
	printf 'Testing monitor script...\n'
	python_run "$suite_dir/pyhelpers/check.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" test || {
		_test_status=$?
		test_say "$_python_run"
		exit "$_test_status"
	}
	test_say "${_python_run%"$log_newline"alerts *}"
	test_send "${_python_run##*"$log_newline"alerts }" "$@"
	exit $?
}

test_say() {
	[ -z "$1" ] || printf '%s\n' "$1"
}

# test_send 'SPOOL HOOK...' [HOOK...] - send one TEST alert now, through these hooks, or else through those of conf
# Fails: 1 refused, 6 the hook is not fit, or there is none
test_send() {
	_test_hooks=${1##*/alerts}
	_test_spool=${1%"$_test_hooks"}
	shift
	# shellcheck disable=SC2086 # conf has checked these names: they hold no blanks and no globs
	[ $# -gt 0 ] || set -- $_test_hooks
	[ $# -gt 0 ] || die 6 'no hook to test: alert is none in all of conf; set it in monitor.conf, or run: ./monitor.sh test HOOK'
	"$python_path" -E -s "$suite_dir/pyhelpers/deliver.py" test "$_test_spool" "$option_conf" -- "$@"
	_test_status=$?
	printf 'Test completed.\n'
	[ "$_test_status" -ne 1 ] || printf 'What was not sent is kept: ./monitor.sh alerts shows it.\n'
	return "$_test_status"
}
