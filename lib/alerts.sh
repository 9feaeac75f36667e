# shellcheck shell=sh
# alerts - which messages wait or have failed
# Needs: python.sh usage.sh

# alerts_main alerts [WORD] [ID...] - list, show, retry or drop them; ends the program with the outcome
alerts_main() {
	shift
	python_find
	exec "$python_path" -E -s "$suite_dir/pyhelpers/alerts.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
}
