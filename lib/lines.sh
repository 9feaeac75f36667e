# shellcheck shell=sh
# lines - go through the lines of a text without a here-document: mksh writes one into TMPDIR, which may be full or read-only
# Needs: log.sh

# lines_each FUNCTION TEXT - call FUNCTION with each line that is not empty
lines_each() {
	_lines_call=$1
	_lines_ifs=$IFS
	IFS=$log_newline
	set -f
	# shellcheck disable=SC2086 # split at line ends
	set -- $2
	set +f
	IFS=$_lines_ifs
	for _lines_line; do
		"$_lines_call" "$_lines_line"
	done
}
