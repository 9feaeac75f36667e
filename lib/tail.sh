# shellcheck shell=sh
# tail - follow a server's log
# Needs: usage.sh python.sh.  suite_dir is set by the program

# tail_main NAME - follow the newest log of NAME; ends the program, with tail's exit status or that of latest_log.py
tail_main() {
	case $#:${1:-all} in
	1:all | 1:*[*?[]* | [!1]:*) usage_die 'tail needs the name of one server' ;;
	esac
	python_run "$suite_dir/pyhelpers/latest_log.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$1" || exit $?
	exec tail -n 20 -F "$_python_run"
}
