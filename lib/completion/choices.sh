# shellcheck shell=sh
# What may stand where.  POSIX sh, which bash and zsh both read; no program is started, only file names are looked at.

# Filled in by lib/completion.sh: where it was printed, the signals that have a use, and the table made from -h
_monitor_suite=
_monitor_signals=
_monitor_usage=

_monitor_newline='
'

# _monitor_choices TYPED COMMAND WORD... - what may come behind these words and begin with TYPED
# Sets: _monitor_reply, the choices with blanks between; _monitor_directory, yes where it takes a directory instead
_monitor_choices() {
	[ -z "${ZSH_VERSION-}" ] || emulate -L sh
	_monitor_typed=$1 _monitor_reply='' _monitor_given='' _monitor_directory=no
	_monitor_home "$2"
	shift 2
	_monitor_options "$@"
	shift "$_monitor_options"
	[ "$_monitor_directory" = no ] || return 0
	if [ $# -eq 0 ]; then
		_monitor_first
	else
		_monitor_further "$@"
	fi
}

# _monitor_home COMMAND - the conf directory that this monitor.sh takes by itself
# Sets: _monitor_conf
_monitor_home() {
	_monitor_conf=${MONITOR_CONF-}
	[ -z "$_monitor_conf" ] || return 0
	case $1 in
	*/*) _monitor_conf=${1%/*}/conf ;;
	esac
	[ -d "$_monitor_conf/servers" ] || _monitor_conf=$_monitor_suite/conf
}

# _monitor_options WORD... - pass over the options before the word
# Sets: _monitor_options, how many they are; _monitor_conf, _monitor_directory
_monitor_options() {
	_monitor_options=0
	while [ $# -gt 0 ]; do
		case $1 in
		-*) _monitor_takes "$1" ;;
		*) return ;;
		esac
		if [ "$_monitor_takes" = DIR ]; then
			[ $# -gt 1 ] || _monitor_directory=yes
			[ "$1" != -c ] || _monitor_conf=${2-}
			[ $# -eq 1 ] || shift
			_monitor_options=$((_monitor_options + 1))
		fi
		shift
		_monitor_options=$((_monitor_options + 1))
	done
}

# _monitor_takes WORD - what stands behind WORD in usage; what is no word there is a server, behind which stand others
# Sets: _monitor_takes
_monitor_takes() {
	_monitor_takes=NAMES
	case $_monitor_usage in
	*"$_monitor_newline$1 "*) ;;
	*) return 0 ;;
	esac
	_monitor_takes=${_monitor_usage#*"$_monitor_newline$1 "}
	_monitor_takes=${_monitor_takes%%"$_monitor_newline"*}
}

# Options where one was begun, else words and servers
_monitor_first() {
	_monitor_lines=${_monitor_usage#"$_monitor_newline"}
	while [ -n "$_monitor_lines" ]; do
		case $_monitor_typed:$_monitor_lines in
		-*:-* | [!-]*:[!-]* | :[!-]*) _monitor_offer "${_monitor_lines%% *}" ;;
		esac
		_monitor_lines=${_monitor_lines#*"$_monitor_newline"}
	done
	case $_monitor_typed in
	-*) ;;
	*) _monitor_servers ;;
	esac
}

# _monitor_further WORD ARG... - what WORD takes, and has not got yet
_monitor_further() {
	_monitor_takes "$1"
	_monitor_given=" $* "
	_monitor_count=$(($# - 1))
	shift "$_monitor_count"
	case " $_monitor_takes " in
	*" $1 VALUE "*) return ;; # which only the user knows
	*" SIG "*) [ "$_monitor_count" -gt 0 ] || _monitor_takes=$_monitor_signals ;;
	esac
	_monitor_behind_names=no
	for _monitor_take in $_monitor_takes; do
		_monitor_offer_kind "$_monitor_take"
	done
}

# _monitor_offer_kind TAKE - a word of usage: of capitals, it stands for others
_monitor_offer_kind() {
	case $1 in
	SIG | VALUE | ID) ;;
	HOOK) _monitor_hooks ;;
	NAME) [ "$_monitor_count" -gt 0 ] || _monitor_servers ;;
	NAMES)
		_monitor_behind_names=yes
		_monitor_servers
		_monitor_offer all
		;;
	-*) _monitor_offer "$1" ;;
	*) _monitor_offer_in_place "$1" ;;
	esac
}

# _monitor_offer_in_place WORD - one that stands behind the names, or, where there are none, first
_monitor_offer_in_place() {
	case $_monitor_behind_names:$_monitor_count in
	yes:0 | no:[!0]*) ;;
	*) _monitor_offer "$1" ;;
	esac
}

# The servers that conf knows
_monitor_servers() {
	case $_monitor_conf in
	[~]/*) _monitor_conf=$HOME/${_monitor_conf#??} ;;
	esac
	for _monitor_file in "$_monitor_conf"/servers/*.conf; do
		_monitor_file=${_monitor_file##*/}
		case ${_monitor_file%.conf} in
		*[!A-Za-z0-9_.@-]* | '') ;; # the name of no server; the pattern itself, when there is no file
		*) _monitor_offer "${_monitor_file%.conf}" ;;
		esac
	done
}

# The hooks that are there
_monitor_hooks() {
	for _monitor_file in "$_monitor_conf"/hooks/*; do
		_monitor_file=${_monitor_file##*/}
		case $_monitor_file in
		*[!A-Za-z0-9_@-]* | '') ;; # settings and examples, which have a dot
		*) _monitor_offer "$_monitor_file" ;;
		esac
	done
}

# _monitor_offer WORD - if it begins with what was typed, and is not given already
_monitor_offer() {
	case "$_monitor_given" in
	*" $1 "*) return ;;
	esac
	case $1 in
	"$_monitor_typed"*) _monitor_reply=$_monitor_reply${_monitor_reply:+ }$1 ;;
	esac
}
