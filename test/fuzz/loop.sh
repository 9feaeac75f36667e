# shellcheck shell=sh
# loop - what stands behind monitor.sh, without its last line, in the fuzz test of the mailbox: the loop, with no helper.
# shellcheck disable=SC2034,SC2154 # monitor.sh, which stands before this, has these
# Events come on standard input; what would be ordered goes nowhere.  It ends with its input.

helper_start() { :; }
quit_monitor() { :; }
update_begin() { :; }
update_apply() { :; }
update_stopped() { :; }

log_dir=.
prepare_run=.
prepare_recovery_quiet=0
alert_host=web1
watch_began=yes watch_hopeless=0 watch_waiting=0
: "${order_unanswered=}"
# fresh - two servers without a past
fresh() {
	server_new 1 a always 0 0 60000 5 60 sms death,second,give_up,recovery,hung,limit -
	server_new 2 b@80 unexpected 0,3 1000 60000 0 0 sms,mail death a
}

exec 3<&0 5>/dev/null

while mailbox_read; do
	# an answer that the helper never confirms is remembered: here that are all
	[ "${#order_unanswered}" -lt 4000 ] || order_unanswered=$log_newline
	case $mailbox_word in
	helper_gone) exit 0 ;;
	fresh) fresh ;;
	*) event ;;
	esac
done
