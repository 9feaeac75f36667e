# shellcheck shell=sh
# signature - files that install wrote: known again, and never taken for those of others
# Needs: log.sh.  suite_dir is set by the program
#
# Their last line is `# monitor.sh install: SUM SIZE SUITE`, SUM and SIZE as cksum gives them for all lines above it.
# So it is seen whose a file is, and whether somebody has changed it since.

signature='# monitor.sh install:'

# signature_text FILE - print its text, and our signature below it
signature_text() {
	cat "$1"
	printf '%s %s %s\n' "$signature" "$(cksum <"$1")" "$suite_dir"
}

# signature_is_whole FILE - is it as this suite wrote it?
signature_is_whole() {
	[ "$(tail -n 1 "$1")" = "$signature $(sed '$d' "$1" | cksum) $suite_dir" ]
}

# signature_objection FILE - why it may not be replaced or taken away
# Sets: _signature_objection, '' when it may
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

# signature_write FILE MODE TEXTFILE - FILE holds that text and our signature; by rename.  Ends the program (1, 4) if that may not be
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

# signature_remove FILE - Ends the program (1, 4) if that cannot be
signature_remove() {
	rm -f "$1" || _signature_denied "$1" removed
}

# _signature_denied FILE DONE - the reason stands on the terminal already
_signature_denied() {
	[ -w "${1%/*}" ] && die 1 "$1 cannot be $2, as it says above"
	die 4 "$1 cannot be $2; run this with sudo, or as its owner"
}
