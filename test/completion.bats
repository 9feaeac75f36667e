#!/usr/bin/env bats
# bash and zsh complete the words of monitor.sh, its servers, signals and options.

load helpers

# offered WORD... TYPED - print what bash offers in place of TYPED behind monitor.sh WORD..., in one line
offered() {
	COMPLETION=$(suite completion bash) bash -uc '
		eval "$COMPLETION"
		compopt() { printf "%s " "compopt $*"; }
		COMP_WORDBREAKS="@ " COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_monitor_bash
		printf "%s" "${COMPREPLY[*]}"' - "$ROOT/monitor.sh" "$@"
}

# assert_offered WANTED WORD... TYPED - bash offers just that
assert_offered() {
	assert_equal "offered for: ${*:2}" "$(offered "${@:2}")" "$1"
}

# assert_among WANTED WORD... TYPED - bash offers that, and maybe more
assert_among() {
	[[ " $(offered "${@:2}") " == *" $1 "* ]] || assert_equal "offered for: ${*:2}" "$(offered "${@:2}")" "... $1 ..."
}

# table - print the words and options of -h, with what they take
table() {
	# shellcheck disable=SC2016 # it is that shell which expands it
	"${SHELL_WORDS[@]}" -c '. "$1/lib/usage.sh"; . "$1/lib/completion.sh"; completion_table' - "$ROOT"
}

given_servers() {
	for name in "$@"; do
		given_conf "$name" 'port = 1'
	done
}

# --- bash

@test "every word and option of -h is offered, and nothing else" {
	run -0 suite -h
	for word in alerts all business check completion demo help install silence status stop test uninstall update; do
		assert_among "$word" -c "$CONF" ''
	done
	while read -r option; do
		assert_among "$option" -
	done < <(grep -oE '^ +-[a-zA-Z]' <<<"$output")
	for word in $(offered -c "$CONF" '') $(offered -); do
		grep -qE -- "^  $word([ ,]|$)" <<<"$output" || assert_equal 'offered' "$word" 'a word of -h'
	done
}

@test "all that -h has behind a word is offered behind it" {
	given_servers gate
	while read -r word takes; do
		names=
		[[ $takes != *NAMES* ]] || names=yes
		for take in $takes; do
			case $take in
			NAMES | NAME)
				! grep -qw SIG <<<"$takes" || continue
				assert_among gate -c "$CONF" "$word" ''
				;;
			SIG) assert_among TERM -c "$CONF" "$word" '' ;;
			VALUE | DIR | ID | HOOK | PROGRAM | ARG) ;; # ID: which only the user knows
			[!-]*) assert_among "$take" -c "$CONF" "$word" ${names:+gate} '' ;;
			*) assert_among "$take" -c "$CONF" "$word" '' ;;
			esac
		done
	done < <(table)
}

@test "words and servers are offered first, of the conf directory that -c names" {
	given_servers gate login_server

	assert_offered 'login_server' -c "$CONF" log
	assert_among gate -c "$CONF" ''
	assert_among status -c "$CONF" ''
	assert_offered 'status' -s /tmp -c "$CONF" stat
}

@test "without -c it is MONITOR_CONF, or conf beside monitor.sh" {
	given_servers gate

	MONITOR_CONF=$CONF assert_offered gate gat
	assert_offered msg_server msg_s
	assert_offered '' gat
}

@test "servers are offered behind a server, and those that stand there are not offered twice" {
	given_servers gate1 gate2

	assert_offered 'gate2' -c "$CONF" gate1 gate
	assert_offered 'gate1 gate2 all --guard --fleet --env --json --watch --sort --all --uptime' -c "$CONF" status ''
	assert_offered 'gate2 all --guard --fleet --env --watch --sort --all --uptime' -c "$CONF" status gate1 --json ''
}

@test "behind signal come signals, then servers" {
	given_servers gate

	assert_offered 'TERM' -c "$CONF" signal TE
	assert_offered 'gate all' -c "$CONF" signal TERM ''
}

@test "options are offered behind their words; the value of one is the user's" {
	assert_offered '--guard --fleet --env --json --watch --sort --all --uptime' status --
	assert_offered '' status --sort ''
	assert_offered '--systemd --sysv' install --sy
	assert_offered '' install --user ''
	assert_offered '--dry-run' uninstall --user root --d
	assert_offered 'bash zsh' completion ''
	assert_offered '--dry-run' update ''
}

@test "a plain word is offered in its place: first, or behind the servers" {
	given_servers gate

	assert_offered 'list retry drop show' alerts ''
	assert_offered '' alerts list ''
	assert_offered 'webserver' demo ''
	assert_offered 'gate all' -c "$CONF" silence ''
	assert_offered 'all 2h off' -c "$CONF" silence gate ''
}

@test "behind -c comes a directory" {
	assert_offered 'compopt -o dirnames ' -c ''
}

@test "a name with @ is completed behind the @, where bash ends words" {
	given_servers business@8080 business@8081

	assert_offered '8080 8081' -c "$CONF" status business @ 80
	assert_offered '8080 8081' -c "$CONF" stop business @
}

@test "a file that names no server is not offered" {
	given_servers 'a b' '*' 'gate'

	assert_offered 'gate all --guard --fleet --env --json --watch --sort --all --uptime' -c "$CONF" status ''
}

@test "behind test come the hooks, without their settings" {
	given_hook mail
	touch "$CONF/hooks/mail.conf"

	assert_offered 'mail sms' -c "$CONF" test ''
}

@test "another word than bash and zsh is refused" {
	suite_ends 2 completion fish
	grep -qF 'completion for which shell? say bash or zsh' "$SAID"
	suite_ends 2 completion
}

# --- at a terminal

# typed SHELL... - SHELL completes a line at a terminal; what its monitor.sh is called with stands in $BATS_TEST_TMPDIR/called
typed() {
	mkdir -p conf/servers
	: >conf/servers/gate.conf
	printf '%s\n' '#!/bin/sh' 'printf "<%s>" "$@" >called' >monitor.sh
	chmod +x monitor.sh
	timeout 60 python3 "$FIXTURES/terminal.py" 'READY> ' $'./monitor.sh stat\tga\t--js\t' exit -- "$@" >"$PRINTED" 3>&-
	assert_equal 'call' "$(cat called)" '<status><gate><--json>'
}

@test "bash completes at a terminal" {
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' "PS1='READY> '" "$(suite completion bash)" >rc

	typed bash --rcfile rc -i
}

@test "zsh completes at a terminal" {
	require zsh
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' "PS1='READY> '" 'unsetopt prompt_sp prompt_cr' 'autoload -Uz compinit && compinit -u -D' "$(suite completion zsh)" >.zshrc

	ZDOTDIR=$PWD typed zsh -d -i
}

@test "zsh finds it in fpath, too" {
	require zsh
	cd "$BATS_TEST_TMPDIR"
	mkdir functions
	suite completion zsh >functions/_monitor
	printf '%s\n' "PS1='READY> '" 'unsetopt prompt_sp prompt_cr' "fpath=($PWD/functions \$fpath)" \
		'autoload -Uz compinit && compinit -u -D' >.zshrc

	ZDOTDIR=$PWD typed zsh -d -i
}
