# shellcheck shell=sh
# link - monitor.sh in PATH: a link to this suite, which install makes and uninstall removes
# Needs: log.sh.  suite_file is set by the program
#
# A link is ours if it leads to our monitor.sh.  Whatever else has its name, even the link of another suite, stays.

# link_find MACHINE - where does the link go?  MACHINE: yes for all users, no for the one who calls
# Sets: _link_find, its path; '' if there is to be none: MONITOR_BIN is empty
link_find() {
	case $1 in
	yes) _link_find=${MONITOR_BIN-/usr/local/bin} ;;
	*) _link_find=${MONITOR_BIN-${HOME:+$HOME/.local/bin}} ;;
	esac
	case $_link_find in
	'') return ;;
	/*) ;;
	*) _link_find=${PWD%/}/$_link_find ;;
	esac
	[ "$1" = no ] || _link_find=${DESTDIR:-}$_link_find
	_link_find=${_link_find%/}/monitor.sh
}

# link_is_ours PATH
link_is_ours() {
	[ -L "$1" ] && [ "$(readlink "$1")" = "$suite_file" ]
}

# link_make PATH DRY - make the link; DRY: yes to print it only.  Reports why there is none; the monitor does without it
link_make() {
	if ! link_is_ours "$1" && { [ -e "$1" ] || [ -L "$1" ]; }; then
		warn "$1: no link to this suite; left alone"
	elif [ "$2" = yes ]; then
		printf '# %s\nln -s %s %s\n\n' "$1" "$suite_file" "$1"
	elif link_is_ours "$1" || { mkdir -p "${1%/*}" && ln -s "$suite_file" "$1"; }; then
		printf '%s: leads to %s\n' "$1" "$suite_file"
		_link_reach "${1%/*}"
	else
		warn "$1 cannot be made, as it says above; the monitor does without this link"
	fi
}

# DIR - does PATH lead there?
_link_reach() {
	case :$PATH: in
	*":${1#"${DESTDIR:-}"}:"*) ;;
	*) printf 'to call it by its name: add %s to PATH\n' "${1#"${DESTDIR:-}"}" ;;
	esac
}

# link_remove PATH DRY - remove a link that is ours; DRY: yes to say so only.  Fails: 1 if it cannot
link_remove() {
	if [ "$2" = yes ]; then
		printf '%s: would go\n' "$1"
	elif rm -f "$1"; then
		printf '%s: gone\n' "$1"
	else
		warn "$1 cannot be removed, as it says above"
		return 1
	fi
}
