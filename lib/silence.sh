# shellcheck shell=sh
# silence - servers of which nothing is told for a time
# Needs: python.sh usage.sh

# silence_main silence [NAME... TIME|off] - keep them silent for so long; without a name, say who is
silence_main() {
	shift
	python_find
	exec "$python_path" -E -s "$suite_dir/pyhelpers/silence.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
}
