# shellcheck shell=sh
# prepare - make this monitor ready: conf settled, state directory and FIFOs made, servers known
# Needs: log.sh usage.sh python.sh server.sh mailbox.sh.  suite_dir is set by monitor.sh

prepare_psutil=
prepare_conf=
prepare_state=
prepare_run=
prepare_syslog=0
prepare_key=
prepare_locked=

# prepare_monitor WORD... - settle conf for these servers; make the state directory and the FIFOs
# Sets: prepare_psutil prepare_conf prepare_state prepare_run prepare_locked, the mailbox, and the servers.  Ends the program if it cannot.
prepare_monitor() {
	python_run "$suite_dir/pyhelpers/prepare.py" "$suite_dir" "$option_conf" "$option_state" "$PWD" $$ "$@" || exit $?
	while read -r _prepare_word _prepare_rest; do
		case $_prepare_word in
		server)
			# shellcheck disable=SC2086 # words without blanks or globs, from prepare.py
			server_new $_prepare_rest
			;;
		psutil | conf | state | run | syslog | key) eval "prepare_$_prepare_word=\$_prepare_rest" ;;
		locked) prepare_locked=$_prepare_rest ;;
		say) warn "$_prepare_rest" ;;
		esac
	done <<-END
		$_python_run
	END
	log_dir=$prepare_state
	log_syslog=$prepare_syslog
	mailbox_fifo=$prepare_run/mailbox
	mailbox_key=$prepare_key
}
