# shellcheck shell=sh
# install - start the monitor with the machine: by systemd, cron or an init script
# Needs: log.sh usage.sh signature.sh link.sh.  suite_dir is set by the program
#
# The paths of files begin with DESTDIR, as in make install.  A crontab is no such file: DESTDIR leaves it alone.

install_unit=/etc/systemd/system/monitor.service
install_init=/etc/init.d/monitor

# install_main [--systemd|--cron|--sysv] [--user U] [--dry-run] - install it, and print the command that starts it
# Ends the program: 0 good, 1 failed, 2 usage, 4 no permission, 5 no systemd or cron here, 6 no conf, no such user
install_main() {
	install_options install "$@"
	install_person
	install_places
	[ -n "$install_way" ] || install_choose
	install_in_scratch _install_all
}

# uninstall_main [the same] - remove what install wrote; without --systemd, --cron or --sysv all of it
# Ends the program: 0 it is gone, 1 a file was changed after install wrote it, so it stays, 2 usage, 4 no permission
uninstall_main() {
	install_options uninstall "$@"
	install_person
	install_in_scratch _install_undo
}

_install_all() {
	"_install_$install_way" || return
	link_find "$install_machine"
	[ -z "$_link_find" ] || link_make "$_link_find" "$install_dry"
}

# install_in_scratch COMMAND - run it with a directory in $install_scratch; ends the program with its status
install_in_scratch() {
	install_scratch=$(mktemp -d "${TMPDIR:-/tmp}/monitor-install.XXXXXX") || exit 1
	("$1") # so that die ends only this
	_install_status=$?
	rm -rf "$install_scratch"
	exit "$_install_status"
}

# --- what is wanted

# install_options WORD OPTION...
# Sets: install_word, install_way ('' for none), install_user, install_dry
install_options() {
	install_word=$1 install_way='' install_user='' install_dry=no
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--systemd | --cron | --sysv) install_way=${1#--} ;;
		--dry-run) install_dry=yes ;;
		--user)
			[ -n "${2:-}" ] || usage_die '--user needs the name of a user'
			install_user=$2
			shift
			;;
		*) usage_die "no such option: $1" ;;
		esac
		shift
	done
}

# install_person - find out for which user
# Sets: install_machine (yes: for the machine; no: for the ordinary user who calls it), install_user ('' for the caller)
install_person() {
	install_machine=yes
	[ -n "${DESTDIR:-}" ] || [ "$(id -u)" -eq 0 ] || install_machine=no
	[ -n "$install_user" ] || return 0
	id -u -- "$install_user" >/dev/null 2>&1 ||
		die 6 "no user \"$install_user\" on this machine; add it, or name another"
	[ "$install_user" != "$(id -un)" ] || install_user=
	[ -z "$install_user" ] || [ "$install_machine" = yes ] || [ "$install_dry" = yes ] ||
		die 4 "only root may $install_word it for $install_user; run this with sudo, or leave --user out"
}

# install_places - make the directories absolute, because cron and systemd start the monitor in another one
# Sets: install_conf, install_state ('' if conf names it)
install_places() {
	[ -d "$option_conf" ] || die 6 "$option_conf: no directory; name the one of conf with -c DIR"
	_install_absolute "$option_conf" && install_conf=$_install_absolute
	_install_absolute "$option_state" && install_state=$_install_absolute
	for _install_place in "$suite_dir" "$install_conf" "$install_state"; do
		[ "$(printf %s "$_install_place" | tr -d '[:cntrl:]')" = "$_install_place" ] ||
			die 6 "$_install_place: the name holds a control character; rename it"
	done
}

_install_absolute() {
	case $1 in
	'' | /*) _install_absolute=$1 ;;
	*) _install_absolute=${PWD%/}/$1 ;;
	esac
}

# install_choose - choose what this machine has
# Sets: install_way
install_choose() {
	if [ -d "${DESTDIR:-}/run/systemd/system" ]; then
		install_way=systemd
	elif [ -z "${DESTDIR:-}" ] && _install_has crontab; then
		install_way=cron
	else
		install_way=sysv
	fi
}

_install_has() {
	command -v "$1" >/dev/null 2>&1
}

# --- systemd

_install_systemd() {
	[ "$install_dry" = yes ] || _install_has systemctl ||
		die 5 'systemd is not installed here; take --cron or --sysv'
	_install_unit_text >"$install_scratch/monitor.service"
	_install_verify
	_install_unit_file
	_install_put "$_install_unit_file" 0644 "$install_scratch/monitor.service"
	if [ "$install_machine" = yes ]; then
		_install_next 'systemctl daemon-reload && systemctl enable --now monitor'
	else
		_install_next 'systemctl --user daemon-reload && systemctl --user enable --now monitor'
		_install_next 'loginctl enable-linger, for then it lives on when you log out'
	fi
}

# Sets: _install_unit_file
_install_unit_file() {
	_install_unit_file=${DESTDIR:-}$install_unit
	[ "$install_machine" = yes ] ||
		_install_unit_file=${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user/${install_unit##*/}
}

# Print the template with ExecStart filled in, and with the lines that differ between the machine's units and a user's
_install_unit_text() {
	[ "$install_machine" = yes ] && _install_target=multi-user.target || _install_target=default.target
	EXEC=$(_install_exec) STOPPED=$(_install_stopped) NAME=$install_user TARGET=$_install_target MACHINE=$install_machine awk '
		/^ExecStart=/ { print "ExecStart=" ENVIRON["EXEC"]; next }
		/^ExecStopPost=/ { print "ExecStopPost=" ENVIRON["STOPPED"]; next }
		/^User=/ { if (ENVIRON["NAME"] != "") print "User=" ENVIRON["NAME"]; next }
		/^After=/ { if (ENVIRON["MACHINE"] == "yes") print; next }
		/^WantedBy=/ { print "WantedBy=" ENVIRON["TARGET"]; next }
		{ print }' "$suite_dir/lib/install/monitor.service"
}

# systemd refuses a program whose name has quotes or backslashes, or $$ for $; in arguments it accepts them
_install_exec() {
	case $suite_dir in
	*[\"\'\\\$]*) printf '/bin/sh ' ;;
	esac
	_install_words _install_unit_quote
	printf ' all\n'
}

# -: it fails if there is no server to end
_install_stopped() {
	[ "$install_machine" = yes ] && _install_manager=--system || _install_manager=--user
	printf -- '-/bin/sh %s %s ' "$(_install_unit_quote "$suite_dir/lib/install/monitor.stopped")" "$_install_manager"
	_install_words _install_unit_quote
	printf '\n'
}

# systemd.syntax(7), systemd.service(5): quotes as in C, %% for %, $$ for $
_install_unit_quote() {
	printf '%s\n' "$1" | sed 's/["\\]/\\&/g; s/%/%%/g; s/\$/$$/g; s/^/"/; s/$/"/'
}

# Only its messages about our unit count, and not those about keys that an older systemd ignores
_install_verify() {
	_install_has systemd-analyze || return 0
	systemd-analyze verify "$install_scratch/monitor.service" >"$install_scratch/verdict" 2>&1 && return
	grep 'monitor\.service' "$install_scratch/verdict" | grep -iv ignoring >&2 || return 0
	die 1 'systemd-analyze finds the unit bad, as it says above; nothing was written'
}

# --- cron

_install_cron() {
	[ -z "${DESTDIR:-}" ] || [ "$install_dry" = yes ] || usage_die 'DESTDIR is for files; a crontab is none'
	_install_cron_text >"$install_scratch/text"
	signature_text "$install_scratch/text" >"$install_scratch/block"
	if [ "$install_dry" = yes ]; then
		_install_show "crontab${install_user:+ of $install_user}" "$install_scratch/block"
		return
	fi
	_install_has crontab || die 5 'cron is not installed here; run: apt-get install cron'
	_install_cron_read
	if cmp -s "$install_scratch/block" "$install_scratch/ours"; then
		printf '%s\n' 'crontab: holds it already'
	else
		[ ! -s "$install_scratch/ours" ] || signature_is_whole "$install_scratch/ours" ||
			die 1 'crontab: our lines were altered since; take them out with crontab -e, then install again'
		_install_cron_write "$install_scratch/others" "$install_scratch/block"
		printf '%s\n' 'crontab: written'
	fi
	_install_call=$(_install_words _install_quote)
	_install_next "wait a minute, or run: $_install_call -d all"
}

# cron mails all output.  The line for each minute prints nothing, the line for the boot prints errors.
_install_cron_text() {
	_install_line="cd / && $(_install_words _install_cron_quote) -d all >/dev/null"
	printf '%s begin %s\n' "$signature" "$suite_dir"
	printf '@reboot %s\n* * * * * %s 2>&1\n' "$_install_line" "$_install_line"
}

# A % ends the line for cron, and crons differ in what a backslash before it does: so print none
_install_cron_quote() {
	_install_quote "$1" | sed "s/%/'\"\$(printf '\\\\045')\"'/g"
}

# Split the crontab into the files ours and others, in the scratch directory
_install_cron_read() {
	if ! _install_crontab -l >"$install_scratch/crontab" 2>"$install_scratch/why"; then
		_install_why=$(cat "$install_scratch/why")
		case $_install_why in
		*[Nn]o\ crontab* | *No\ such\ file*) : >"$install_scratch/crontab" ;;
		*) die 4 "crontab cannot be read: $_install_why; ask root, or take another way" ;;
		esac
	fi
	: >"$install_scratch/ours"
	: >"$install_scratch/others"
	BEGIN="$signature begin $suite_dir" SIGNATURE=$signature DIR=$install_scratch LC_ALL=C awk '
		$0 == ENVIRON["BEGIN"] { ours = 1 }
		{ print >(ENVIRON["DIR"] (ours ? "/ours" : "/others")) }
		index($0, ENVIRON["SIGNATURE"]) == 1 && $0 != ENVIRON["BEGIN"] { ours = 0 }' "$install_scratch/crontab"
}

# _install_cron_write FILE... - make these the crontab
_install_cron_write() {
	cat "$@" | _install_crontab - || die 1 'crontab does not take it, as it says above; nothing was changed'
}

_install_crontab() {
	LC_ALL=C crontab ${install_user:+-u "$install_user"} "$@"
}

# --- init scripts

_install_sysv() {
	[ "$install_machine" = yes ] || [ "$install_dry" = yes ] ||
		die 4 "only root may write $install_init; run this with sudo, or take --systemd or --cron"
	[ "$install_dry" = yes ] || [ -n "${DESTDIR:-}" ] || [ -d "${install_init%/*}" ] ||
		die 5 "there is no ${install_init%/*} here; take --systemd or --cron"
	_install_init_text >"$install_scratch/monitor"
	_install_put "${DESTDIR:-}$install_init" 0755 "$install_scratch/monitor"
	if _install_has update-rc.d; then
		_install_next "update-rc.d monitor defaults && $install_init start"
	else
		_install_next "chkconfig --add monitor && $install_init start"
	fi
}

_install_init_text() {
	MONITOR=$(_install_quote "$(_install_words _install_quote)") NAME=$install_user awk '
		/^monitor=/ { print "monitor=" ENVIRON["MONITOR"]; next }
		/^user=/ { print "user=" ENVIRON["NAME"]; next }
		{ print }' "$suite_dir/lib/install/monitor.init"
}

# --- words

# _install_words QUOTE - print the call of monitor.sh, each path as the function QUOTE prints it
_install_words() {
	printf '%s -c %s' "$("$1" "$suite_dir/monitor.sh")" "$("$1" "$install_conf")"
	[ -z "$install_state" ] || printf ' -s %s' "$("$1" "$install_state")"
}

# _install_quote TEXT - print it as one word of the shell
_install_quote() {
	printf '%s\n' "$1" | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/"
}

_install_next() {
	[ "$install_dry" = yes ] || printf 'to start it: %s\n' "$1"
}

# _install_put FILE MODE TEXTFILE - write it; in a dry run: print it
_install_put() {
	if [ "$install_dry" = yes ]; then
		signature_text "$3" >"$install_scratch/marked"
		_install_show "$1" "$install_scratch/marked"
	else
		signature_write "$@"
		printf '%s: written\n' "$1"
	fi
}

# _install_show WHERE FILE - print what a dry run would write
_install_show() {
	printf '# %s\n' "$1"
	cat "$2"
	printf '\n'
}

# --- uninstall

_install_undo() {
	install_found=no install_left=0
	for _install_each in ${install_way:-systemd cron sysv}; do
		"_install_undo_$_install_each"
	done
	_install_undo_link
	[ "$install_found" = yes ] || printf 'nothing to take away: %s is not installed\n' "$suite_dir"
	return "$install_left"
}

# systemctl enable has made a link to the unit; without the unit it is dangling
_install_undo_systemd() {
	_install_unit_file
	_install_user_word=
	[ "$install_machine" = yes ] || _install_user_word='--user '
	_install_undo_file "$_install_unit_file" \
		"systemctl ${_install_user_word}stop monitor; systemctl ${_install_user_word}daemon-reload"
	for _install_wants in "${_install_unit_file%/*}"/*.wants; do # a pattern in yash does not match a dangling link
		_install_link=$_install_wants/monitor.service
		[ -L "$_install_link" ] && [ ! -e "$_install_link" ] || continue
		_install_take "$_install_link"
	done
}

_install_undo_sysv() {
	_install_undo_file "${DESTDIR:-}$install_init" 'update-rc.d monitor remove'
}

_install_undo_cron() {
	[ -z "${DESTDIR:-}" ] && _install_has crontab || return 0
	_install_cron_read
	[ -s "$install_scratch/ours" ] || return 0
	install_found=yes
	if ! signature_is_whole "$install_scratch/ours"; then
		warn 'crontab: our lines were altered since; left alone, take them out with crontab -e'
		install_left=1
	elif [ "$install_dry" = yes ]; then
		_install_show 'crontab: these lines would go' "$install_scratch/ours"
	else
		_install_cron_write "$install_scratch/others"
		printf '%s\n' 'crontab: our lines are gone'
	fi
}

_install_undo_link() {
	link_find "$install_machine"
	[ -n "$_link_find" ] && link_is_ours "$_link_find" || return 0
	install_found=yes
	link_remove "$_link_find" "$install_dry" || install_left=1
}

# _install_undo_file FILE COMMAND - remove FILE if it is ours; COMMAND is what the user must run after that
_install_undo_file() {
	[ -e "$1" ] || [ -L "$1" ] || return 0
	install_found=yes
	signature_objection "$1"
	if [ -n "$_signature_objection" ]; then
		warn "$_signature_objection"
		install_left=1
	else
		_install_take "$1"
		[ "$install_dry" = yes ] || printf 'to be done now: %s\n' "$2"
	fi
}

_install_take() {
	if [ "$install_dry" = yes ]; then
		printf '%s: would go\n' "$1"
	else
		signature_remove "$1"
		printf '%s: gone\n' "$1"
	fi
}
