# shellcheck shell=sh
# status - how is every server?  From evidence: it needs no monitor
# Needs: prepare.sh usage.sh

# status_main status [--json] [NAME...] - a line for each, or JSON; ends the program with the LSB's status
status_main() {
	shift
	prepare_run_python "$suite_dir/pyhelpers/status.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
	_status=$?
	[ -z "$_prepare_run_python" ] || printf '%s\n' "$_prepare_run_python"
	exit "$_status"
}
