# shellcheck shell=sh
# progress - one line on the terminal with what a slow command does, which is gone when it is done
# Needs: nothing
#
# Nothing is shown on a pipe or with TERM=dumb.  base/progress.py does the same for the words in Python.

progress_to=2 # the descriptor of the terminal
_progress_shown=

# progress_show TEXT - what is done now, in place of what was shown before; at most 79 characters
progress_show() {
	[ -t "$progress_to" ] || return 0
	case ${TERM:-dumb} in
	dumb) return 0 ;;
	esac
	printf '\r\033[K%.79s' "$1" >&"$progress_to"
	_progress_shown=yes
}

# progress_end - remove the line, before something else is printed
progress_end() {
	[ -z "$_progress_shown" ] || printf '\r\033[K' >&"$progress_to"
	_progress_shown=
}
