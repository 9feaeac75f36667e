# shellcheck shell=sh
# check - is conf in order?  Every fault, with its file and line
# Needs: prepare.sh usage.sh

# check_main - ends the program: 0 good, 6 not
check_main() {
	check_fitness check
	exit $?
}

# check_fitness check|test - run fitness.py and print what it says of conf, hooks and machine
# Fails: its exit status
check_fitness() {
	prepare_run_python "$suite_dir/pyhelpers/fitness.py" "$1" "$suite_dir" "$option_conf" "$option_state" "$PWD"
	_check_status=$?
	[ "$1" = test ] || [ -z "$_prepare_run_python" ] || printf '%s\n' "$_prepare_run_python"
	return "$_check_status"
}
