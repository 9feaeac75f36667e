# shellcheck shell=sh
# Find the words that may stand at the cursor.  POSIX sh, for bash and zsh; it starts no program, it lists directories.

# lib/completion.sh fills these in: the suite's directory, the useful signals, and the table made from -h
_monitor_suite=
_monitor_signals=
_monitor_usage=

_monitor_newline='
'

# _monitor_choices TYPED COMMAND WORD... - find the words that may follow these and begin with TYPED
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

# _monitor_home COMMAND - find the conf directory that this monitor.sh uses without -c
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

# _monitor_takes WORD - look up what WORD takes; a word that is not in the table is a server, and others may follow
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

# Offer options if the user has begun one, else words and servers
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

# _monitor_further WORD ARG... - offer what WORD takes and does not have yet
_monitor_further() {
	_monitor_takes "$1"
	_monitor_given=" $* "
	_monitor_count=$(($# - 1))
	shift "$_monitor_count"
	case " $_monitor_takes " in
	*" $1 VALUE "*) return ;; # only the user knows it
	*" SIG "*) [ "$_monitor_count" -gt 0 ] || _monitor_takes=$_monitor_signals ;;
	esac
	_monitor_behind_names=no
	for _monitor_take in $_monitor_takes; do
		_monitor_offer_kind "$_monitor_take"
	done
}

# _monitor_offer_kind TAKE - offer TAKE, or what it stands for if it is in capitals
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

# _monitor_offer_in_place WORD - offer a word that comes after the names, or first if its command takes no names
_monitor_offer_in_place() {
	case $_monitor_behind_names:$_monitor_count in
	yes:0 | no:[!0]*) ;;
	*) _monitor_offer "$1" ;;
	esac
}

# Offer the servers of conf
_monitor_servers() {
	case $_monitor_conf in
	[~]/*) _monitor_conf=$HOME/${_monitor_conf#??} ;;
	esac
	for _monitor_file in "$_monitor_conf"/servers/*.conf; do
		_monitor_file=${_monitor_file##*/}
		case ${_monitor_file%.conf} in
		*[!A-Za-z0-9_.@-]* | '') ;; # no name of a server, or the pattern itself if there is no file
		*) _monitor_offer "${_monitor_file%.conf}" ;;
		esac
	done
}

# Offer the hooks of conf
_monitor_hooks() {
	for _monitor_file in "$_monitor_conf"/hooks/*; do
		_monitor_file=${_monitor_file##*/}
		case $_monitor_file in
		*[!A-Za-z0-9_@-]* | '') ;; # settings and examples, which have a dot
		*) _monitor_offer "$_monitor_file" ;;
		esac
	done
}

# _monitor_offer WORD - offer WORD if it begins with what was typed, and is not on the line already
_monitor_offer() {
	case "$_monitor_given" in
	*" $1 "*) return ;;
	esac
	case $1 in
	"$_monitor_typed"*) _monitor_reply=$_monitor_reply${_monitor_reply:+ }$1 ;;
	esac
}
