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
	SIG | VALUE | ID | PROGRAM | ARG) ;;
	HOOK) _monitor_hooks ;;
	NAME) [ "$_monitor_count" -gt 0 ] || _monitor_servers ;;
	NAMES)
		_monitor_behind_names=yes
		_monitor_servers
		_monitor_tags
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

# Offer the servers of conf; instances only behind NAME@
_monitor_servers() {
	case $_monitor_conf in
	[~]/*) _monitor_conf=$HOME/${_monitor_conf#??} ;;
	esac
	for _monitor_file in "$_monitor_conf"/servers/*.conf; do
		_monitor_name=${_monitor_file##*/}
		_monitor_name=${_monitor_name%.conf}
		case $_monitor_name in
		*[!A-Za-z0-9_.@-]* | '') ;; # no name of a server, or the pattern itself if there is no file
		*)
			_monitor_offer "$_monitor_name"
			case $_monitor_typed in
			"$_monitor_name"@*) _monitor_instances "$_monitor_file" "$_monitor_name" ;;
			esac
			;;
		esac
	done
}

# _monitor_instances FILE NAME - offer the instances that the file sets for the server NAME
_monitor_instances() {
	_monitor_values "$1" instances
	while [ -n "$_monitor_values" ]; do
		_monitor_value=${_monitor_values%% *}
		_monitor_values=${_monitor_values#"$_monitor_value"}
		_monitor_values=${_monitor_values# }
		_monitor_last=${_monitor_value#*-}
		_monitor_value=${_monitor_value%%-*}
		case $_monitor_value$_monitor_last in
		*[!0-9]* | ???????????*) _monitor_last=$_monitor_value ;; # a name, or no range of numbers
		esac
		_monitor_offer "$2@$_monitor_value"
		[ "$_monitor_value" = "$_monitor_last" ] || [ $((_monitor_last - _monitor_value)) -le 1000 ] || continue
		while [ "$_monitor_value" != "$_monitor_last" ] && [ "$_monitor_value" -lt "$_monitor_last" ]; do
			_monitor_value=$((_monitor_value + 1))
			_monitor_offer "$2@$_monitor_value"
		done
	done
}

# Offer @TAG for the tags of conf, if the user has begun one
_monitor_tags() {
	case $_monitor_typed in
	@*) ;;
	*) return 0 ;;
	esac
	for _monitor_file in "$_monitor_conf"/monitor.conf "$_monitor_conf"/servers/*.conf; do
		_monitor_values "$_monitor_file" tags
		while [ -n "$_monitor_values" ]; do
			_monitor_value=${_monitor_values%% *}
			_monitor_values=${_monitor_values#"$_monitor_value"}
			_monitor_values=${_monitor_values# }
			case " $_monitor_reply " in
			*" @$_monitor_value "*) continue ;;
			esac
			case $_monitor_value in
			*[!A-Za-z0-9_.-]* | none) ;; # it holds {instance}, or is none
			*) _monitor_offer "@$_monitor_value" ;;
			esac
		done
	done
}

# _monitor_values FILE KEY - read the elements of a list in a file of conf
# Sets: _monitor_values, with one blank between
_monitor_values() {
	_monitor_values=
	[ -f "$1" ] && [ -r "$1" ] || return 0
	while IFS= read -r _monitor_line || [ -n "$_monitor_line" ]; do
		case $_monitor_line in
		*"$2"*=*) ;;
		*) continue ;;
		esac
		_monitor_value=${_monitor_line%%=*}
		while :; do
			case $_monitor_value in
			' '* | '	'*) _monitor_value=${_monitor_value#?} ;;
			*' ' | *'	') _monitor_value=${_monitor_value%?} ;;
			*) break ;;
			esac
		done
		[ "$_monitor_value" = "$2" ] || continue
		_monitor_left=${_monitor_line#*=}
		while [ -n "$_monitor_left" ]; do
			_monitor_value=${_monitor_left%%[ ,]*}
			_monitor_left=${_monitor_left#"$_monitor_value"}
			_monitor_left=${_monitor_left#?}
			_monitor_values=$_monitor_values${_monitor_value:+${_monitor_values:+ }$_monitor_value}
		done
	done <"$1"
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
