# shellcheck shell=sh
# signature - recognize the files that install wrote, so that nothing replaces or removes a file of others
# Needs: log.sh.  suite_dir is set by the program
#
# The last line of such a file is `# monitor.sh install: SUM SIZE SUITE`, SUM and SIZE by cksum for all lines above it.
# It shows which suite wrote the file, and whether someone has changed it since.

signature='# monitor.sh install:'

# signature_text FILE - print its text, and our signature below it
signature_text() {
	cat "$1"
	printf '%s %s %s\n' "$signature" "$(cksum <"$1")" "$suite_dir"
}

# signature_is_whole FILE - is the file as this suite wrote it?
signature_is_whole() {
	[ "$(tail -n 1 "$1")" = "$signature $(sed '$d' "$1" | cksum) $suite_dir" ]
}

# signature_objection FILE - why may the file not be replaced or removed?
# Sets: _signature_objection, '' if it may
signature_objection() {
	_signature_objection=
	if ! _signature_is_ours "$1"; then
		_signature_objection="$1: not written by this suite; left alone"
	elif ! signature_is_whole "$1"; then
		_signature_objection="$1: altered since install wrote it; left alone"
	fi
}

_signature_is_ours() {
	[ ! -L "$1" ] && [ -f "$1" ] || return
	case $(tail -n 1 "$1") in
	"$signature "*" $suite_dir") ;;
	*) return 1 ;;
	esac
}

# signature_write FILE MODE TEXTFILE - write that text and our signature into FILE, by rename
# Ends the program (1, 4) if it may not or cannot.
signature_write() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		signature_objection "$1"
		[ -z "$_signature_objection" ] || die 1 "$_signature_objection; move it away, then install again"
	fi
	_signature_new=${1%/*}/.${1##*/}.$$
	if ! { mkdir -p "${1%/*}" && (signature_text "$3" >"$_signature_new") && chmod "$2" "$_signature_new" && mv -f "$_signature_new" "$1"; }; then
		rm -f "$_signature_new"
		_signature_denied "$1" written
	fi
}

# signature_remove FILE - remove FILE.  Ends the program (1, 4) if it cannot
signature_remove() {
	rm -f "$1" || _signature_denied "$1" removed
}

# _signature_denied FILE DONE - end the program; the reason is on the terminal already
_signature_denied() {
	[ -w "${1%/*}" ] && die 1 "$1 cannot be $2, as it says above"
	die 4 "$1 cannot be $2; run this with sudo, or as its owner"
}
