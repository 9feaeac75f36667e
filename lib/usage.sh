# shellcheck shell=sh
# usage - the words and options of monitor.sh
# Needs: log.sh lines.sh.  suite_dir is set by the program

usage_version=0.2.0
option_conf=${MONITOR_CONF:-}
option_state=${MONITOR_STATE:-}
option_daemon=
option_run= # of the monitor that `run` has started, see ending.sh

# What -h prints.  usage_words and lib/completion.sh read it: a command is a line of two blanks, one word, what it
# takes, and, after three blanks or more, what it does.
usage_text='Usage: ./monitor.sh [OPTION...] COMMAND [ARG...]

Watch servers, and restart each one that dies:
  NAME...                               login_server, msg_server, route_server, http_msg_server, any in conf/servers
  business PORT...                      the business server on each PORT
  all                                   every server in conf/servers, each after those that it needs
  run [--exit-on give_up|any|NAME] [--grace 10s] [--plain] NAME...   watch, as process 1 too; TERM stops them

Look:
  status [NAME...|--guard] [--fleet] [--env] [--json] [--watch [2s]] [--sort KEY] [--all] [--uptime [30d]]   their state
  fleet (hosts [GROUP]|groups)          its machines, a line each
  top [--control] [NAME...]             the same live, on a screen: sort, filter, details; orders with --control
  tail [-n 50] [--since T] NAME...      follow its newest log or output
  history [NAME...] [--since T] [--event E] [--json] [-v]   what happened: incidents, their causes, how long down
  report [NAME...] [--days 90] [--output FILE] [--refresh S]   how they were and are: one HTML file, without scripts
  metrics [--output FILE]               figures for Prometheus; metrics = FILE in conf writes them every interval
  alerts [list|retry|drop|show ID]      messages that wait or have failed

Give orders, and wait until each is done (NAME may be a glob, @TAG for all with that tag, or all):
  start [--fleet] [--timeout 60s] NAME...   start it
  stop [--fleet] [--timeout 60s] NAME...   end it; it stays down, across monitor restarts too; --fleet: on all machines
  restart [--timeout 60s] [--rolling|--overlap] [--at-once N] NAME...   end it and start it again
  reload [--timeout 60s] NAME...        have it read its own configuration again, and report whether it is well then
  pause [--fleet] [--timeout 60s] NAME...   leave it alone, dead or alive, while you work on it
  resume [--fleet] [--timeout 60s] NAME...   watch it again, and start it if it does not run
  clear [--timeout 60s] NAME...         forget past failures, and try a FATAL server again
  drill [--timeout 60s] [--rolling] NAME...   kill it on purpose, and measure detection and restart
  signal SIG NAME...                    send it a signal
  move [--timeout 60s] NAME HOST        have a singleton run on that machine of the fleet
  silence [NAME... (2h|off)]            send no alerts about it for that long; without NAME: list the silences
  update [--dry-run]                    read conf again, and change only the servers whose settings changed
  exec NAME -- PROGRAM [ARG...]         run a program once as the server runs: its user, directory, environment, limits
  shutdown [--timeout 60s] [--stop-servers]   end the monitor; servers keep running without --stop-servers

Set up:
  check                                 print every error in conf, and warn of what will fail
  test [HOOK...]                        check machine, conf and hooks, and send one TEST alert
  demo [webserver]                      show a death and a restart on stand-in servers in a scratch directory
  install [--systemd|--cron|--sysv] [--user U] [--dry-run]   start the monitor at boot; monitor.sh into PATH
  uninstall [--systemd|--cron|--sysv] [--user U] [--dry-run]   undo install
  completion (bash|zsh)                 print the completion script for your shell
  help                                  print this text

Options, before the command:
  -c DIR          conf directory (or MONITOR_CONF; default: conf beside monitor.sh)
  -s DIR          state directory (or MONITOR_STATE; default: state_dir of conf, or state beside monitor.sh)
  -d              watch as a daemon, under a guard that starts the monitor again after a crash
  -h, --help      print this text
  -V, --version   print the version'

# usage_options ARG... - take the options
# Sets: option_conf, option_state, option_daemon, option_run; usage_options, how many arguments they took
# Ends the program for -h, -V and a wrong option.
usage_options() {
	usage_options=$#
	OPTIND=1
	case ${1:-} in
	--help) set -- -h ;;
	--version) set -- -V ;;
	--?*) usage_die "no such option: $1" ;;
	esac
	while getopts :c:s:r:dhV _usage_option; do
		case $_usage_option in
		c) option_conf=$OPTARG ;;
		s) option_state=$OPTARG ;;
		d) option_daemon=1 ;;
		r) option_run=$OPTARG ;; # of run.py alone
		h) usage_tell usage_print ;;
		V) usage_tell printf 'monitor.sh %s\n' "$usage_version" ;;
		:) usage_die "-$OPTARG needs a directory" ;;
		*) usage_die "no such option: -$OPTARG" ;;
		esac
	done
	usage_options=$((OPTIND - 1))
	[ -n "$option_conf" ] || option_conf=$suite_dir/conf
}

# usage_tell COMMAND ARG... - print what help, -h or -V asks for; ends the program
usage_tell() {
	"$@" || exit 1
	exit 0
}

# usage_die TEXT - say what is wrong, and print the usage; ends the program
usage_die() {
	printf '%s: %s\n' "$log_name" "$1" >&2
	usage_print >&2
	exit 2
}

usage_print() {
	printf '%s\n' "$usage_text"
}

# usage_words - list the words that are commands
# Sets: _usage_words
usage_words() {
	_usage_words=
	lines_each _usage_word "$usage_text"
}

# _usage_word LINE - if LINE is about a word, add that
_usage_word() {
	case $1 in
	'  '[a-z]*)
		_usage_line=${1#??}
		_usage_words="$_usage_words${_usage_words:+ }${_usage_line%% *}"
		;;
	esac
}
