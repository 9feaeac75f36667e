# shellcheck shell=sh
# check - is conf in order?  Every fault, with its file and line
# Needs: python.sh usage.sh

# check_main check - ends the program: 0 good, 6 not
check_main() {
	[ $# -eq 1 ] || usage_die 'check takes nothing behind it: it looks at all of conf'
	check_fitness check
	exit $?
}

# check_fitness check|test - run fitness.py and print what it says of conf, hooks and machine
# Fails: its exit status
check_fitness() {
	python_find
	python_run "$suite_dir/pyhelpers/check.py" "$1" "$suite_dir" "$option_conf" "$option_state" "$PWD"
	_check_status=$?
	[ "$1" = test ] || [ -z "$_python_run" ] || printf '%s\n' "$_python_run"
	return "$_check_status"
}
