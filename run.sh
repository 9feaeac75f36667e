#!/bin/sh
# run.sh PORT - start the business server on PORT through the daemon launcher
#
# What it starts comes from conf/servers/business.conf.  Its pid goes into the pidfile there
# (monitor.pid).  Status 0 only when it runs.

set -u
IFS=' 	
'
unset CDPATH
suite_file=$(readlink -f "$0") || exit 1 # it may be called through a link in PATH
suite_dir=${suite_file%/*}

# shellcheck source=lib/log.sh
. "$suite_dir/lib/log.sh" || exit 1
# shellcheck source=lib/python.sh
. "$suite_dir/lib/python.sh" || exit 1

main() {
	log_name=run.sh
	case ${1:-} in
	*[!0-9]* | '' | ??????*) die 2 'Usage: ./run.sh <port>' ;;
	esac
	python_find
	exec "$python_path" -E -s "$suite_dir/pyhelpers/start.py" "$suite_dir" "${MONITOR_CONF:-$suite_dir/conf}" \
		"${MONITOR_STATE:-}" "$PWD" "business@$1"
}

main "$@"
