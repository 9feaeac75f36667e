# shellcheck shell=sh
# status - how is every server?  From evidence: it needs no monitor
# Needs: python.sh usage.sh

# status_main status [--json] [NAME...] - a line for each, or JSON; ends the program with the LSB's status
status_main() {
	shift
	python_find
	exec "$python_path" -E -s "$suite_dir/pyhelpers/status.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
}
