# shellcheck shell=sh
# mark - files that install wrote: known again, and never taken for those of others
# Needs: log.sh.  suite_dir is set by the program
#
# Their last line is `# monitor.sh install: SUM SIZE SUITE`, SUM and SIZE as cksum gives them for all lines above it.
# So it is seen whose a file is, and whether somebody has changed it since.

mark='# monitor.sh install:'

# mark_text FILE - print its text, and our mark below it
mark_text() {
	cat "$1"
	printf '%s %s %s\n' "$mark" "$(cksum <"$1")" "$suite_dir"
}

# mark_is_whole FILE - is it as this suite wrote it?
mark_is_whole() {
	[ "$(tail -n 1 "$1")" = "$mark $(sed '$d' "$1" | cksum) $suite_dir" ]
}

# mark_objection FILE - why it may not be replaced or taken away
# Sets: _mark_objection, '' when it may
mark_objection() {
	_mark_objection=
	if ! _mark_is_ours "$1"; then
		_mark_objection="$1: not written by this suite; left alone"
	elif ! mark_is_whole "$1"; then
		_mark_objection="$1: altered since install wrote it; left alone"
	fi
}

_mark_is_ours() {
	[ ! -L "$1" ] && [ -f "$1" ] || return
	case $(tail -n 1 "$1") in
	"$mark "*" $suite_dir") ;;
	*) return 1 ;;
	esac
}

# mark_write FILE MODE TEXTFILE - FILE holds that text and our mark; by rename.  Ends the program (1, 4) if that may not be
mark_write() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		mark_objection "$1"
		[ -z "$_mark_objection" ] || die 1 "$_mark_objection; move it away, then install again"
	fi
	_mark_new=${1%/*}/.${1##*/}.$$
	if ! { mkdir -p "${1%/*}" && (mark_text "$3" >"$_mark_new") && chmod "$2" "$_mark_new" && mv -f "$_mark_new" "$1"; }; then
		rm -f "$_mark_new"
		_mark_denied "$1" written
	fi
}

# mark_remove FILE - Ends the program (1, 4) if that cannot be
mark_remove() {
	rm -f "$1" || _mark_denied "$1" removed
}

# _mark_denied FILE DONE - the reason stands on the terminal already
_mark_denied() {
	[ -w "${1%/*}" ] && die 1 "$1 cannot be $2, as it says above"
	die 4 "$1 cannot be $2; run this with sudo, or as its owner"
}
