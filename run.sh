#!/bin/sh
# run.sh PORT - start the business server on PORT through the daemon launcher
#
# conf/servers/business.conf says what that is, and which pidfile (monitor.pid) gets its pid.  It exits with 0 only when
# the server runs.

set -u
IFS=' 	
'
unset CDPATH
suite_file=$(readlink -f "$0") || exit 1 # a link in PATH may lead here
suite_dir=${suite_file%/*}

# shellcheck source=lib/log.sh
. "$suite_dir/lib/log.sh" || exit 1
# shellcheck source=lib/progress.sh
. "$suite_dir/lib/progress.sh" || exit 1
# shellcheck source=lib/python.sh
. "$suite_dir/lib/python.sh" || exit 1

main() {
	log_name=run.sh
	option_conf=${MONITOR_CONF:-$suite_dir/conf} option_state=${MONITOR_STATE:-}
	case ${1:-} in
	*[!0-9]* | '' | ??????*) die 2 'Usage: ./run.sh <port>' ;;
	esac
	python_word start.py "business@$1"
}

main "$@"
