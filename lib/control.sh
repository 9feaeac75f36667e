# shellcheck shell=sh
# control - an operator's words: start stop restart signal pause resume clear drill shutdown update; and tail
# Needs: python.sh usage.sh

# control_main WORD ARG... - give the order, wait until it is so; ends the program with the outcome
control_main() {
	python_find
	if [ "$1" = update ]; then
		shift
		exec "$python_path" -E -s "$suite_dir/pyhelpers/update.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
	fi
	exec "$python_path" -E -s "$suite_dir/pyhelpers/control.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
}

# tail_main tail NAME - follow the server's newest log
tail_main() {
	case $#:${2:-all} in
	2:all | 2:*[*?[]* | [!2]:*) usage_die 'tail needs the name of one server' ;;
	esac
	python_find
	python_run "$suite_dir/pyhelpers/latest_log.py" "$suite_dir" "$option_conf" "$PWD" "$2" || exit $?
	exec tail -n 20 -F "$_python_run"
}
