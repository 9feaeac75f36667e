# shellcheck shell=sh
# usage - the words and options of monitor.sh
# Needs: log.sh

option_conf=${MONITOR_CONF:-}
option_state=${MONITOR_STATE:-}
option_daemon=

# usage_options ARG... - take the options
# Sets: option_conf, option_state, option_daemon; usage_options, how many arguments they took.  -h, -V and a wrong one end the program
usage_options() {
	usage_options=$#
	OPTIND=1
	case ${1:-} in
	--help) set -- -h ;;
	--version) set -- -V ;;
	--?*) usage_die "no such option: $1" ;;
	esac
	while getopts :c:s:dhV _usage_option; do
		case $_usage_option in
		c) option_conf=$OPTARG ;;
		s) option_state=$OPTARG ;;
		d) option_daemon=1 ;;
		h) usage_tell usage_print ;;
		V) usage_tell printf 'monitor.sh %s\n' "$suite_version" ;;
		:) usage_die "-$OPTARG needs a directory" ;;
		*) usage_die "no such option: -$OPTARG" ;;
		esac
	done
	usage_options=$((OPTIND - 1))
	[ -n "$option_conf" ] || option_conf=$suite_dir/conf
}

# usage_tell COMMAND ARG... - what -h and -V print; ends the program
usage_tell() {
	"$@" || exit 1
	exit 0
}

# usage_die TEXT - say what was wrong, and what would be right
usage_die() {
	printf '%s: %s\n' "$log_name" "$1" >&2
	usage_print >&2
	exit 2
}

usage_print() {
	cat <<-'END'
		Usage:
		  ./monitor.sh (login_server|msg_server|route_server|http_msg_server|NAME)...
		  ./monitor.sh business <port>...
		  ./monitor.sh all
		  ./monitor.sh test [HOOK...]
		  ./monitor.sh check | demo [webserver] | status [NAME...|--guard] [--json]
		  ./monitor.sh (start|stop|restart|pause|resume|clear|drill) [--timeout 60s] NAME...
		  ./monitor.sh alerts [list|retry|drop|show ID] | silence [NAME... (2h|off)]
		  ./monitor.sh signal SIG NAME... | tail NAME | update [--dry-run]
		  ./monitor.sh shutdown [--timeout 60s] [--stop-servers]
		  ./monitor.sh (install|uninstall) [--systemd|--cron|--sysv] [--user U] [--dry-run]
		  ./monitor.sh completion (bash|zsh)

		Options, before the word:
		  -c DIR   conf directory (or MONITOR_CONF; default: conf beside monitor.sh)
		  -s DIR   state directory (or MONITOR_STATE; default: conf's state_dir, or state beside monitor.sh)
		  -d       watch as a daemon, under a guard that starts the monitor again when it crashes
		  -h       this text
		  -V       the version

		Description: Monitor and automatically restart server processes
	END
}
