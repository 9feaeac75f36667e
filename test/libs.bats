#!/usr/bin/env bats
# Each lib names the libs that it needs, these point one way, and no lib calls a function of another one.

load helpers

# libs - print the names of the files in lib/, one a line
libs() {
	(cd "$LIBS" && printf '%s\n' *.sh)
}

# needs LIB - print what the `# Needs:` line of LIB names: libs, one a line
needs() {
	sed -n 's/^# Needs: \(.*\)/\1/p' "$LIBS/$1" | sed 's/[.] .*//; s/[.]$//; s/;.*//' | tr ' ' '\n' | sed '/^nothing$/d'
}

# reach LIB - print LIB, and all libs that it needs, directly or through others, in one line; fails when LIB is among these
reach() {
	local seen=" $1 " lib waiting
	readarray -t waiting < <(needs "$1")
	while ((${#waiting[@]})); do
		lib=${waiting[0]}
		waiting=("${waiting[@]:1}")
		[ "$lib" != "$1" ] || return 1
		[[ $seen != *" $lib "* ]] || continue
		seen+="$lib "
		readarray -t -O "${#waiting[@]}" waiting < <(needs "$lib")
	done
	printf '%s\n' "$seen"
}

# functions FILE - print the names of the functions that FILE defines, one a line
functions() {
	sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\)() [{(]$/\1/p' "$1"
}

# code FILE - print FILE without its comments, and without texts of several lines
code() {
	sed "/^[a-z_]*='[^']*$/,/'$/d; /^[[:blank:]]*#/d; s/[[:blank:]]#[[:blank:]].*//" "$1"
}

# called FUNCTION... - print each of them that the code calls which comes in.  A name as a variable or a value, or before a
# = or a (, is no call
called() {
	local IFS='|'
	grep -oP "(?<![A-Za-z0-9_=\${])($*)(?![A-Za-z0-9_=(])" | sort -u
}

# commanded FUNCTION... - the same for functions of monitor.sh, whose names are everyday words: only where a command begins,
# and not in a quoted text, unless that has a substitution
commanded() {
	local IFS='|'
	sed -E "s/\"([^\"\$]|[\$][^\"(])*\"//g; s/'[^']*'//g" |
		grep -oP "(^[[:blank:]]*|[;&|({!][[:blank:]]*|\) |\b(if|then|else|do|while|until) )\K($*)(?=[ ;)]|$)" | sort -u
}

# strangers LIB - print each `LIB calls FUNCTION` where the header of LIB does not say that
strangers() {
	local lib=$1 within other function body names
	within=$(reach "$lib")
	body=$(code "$LIBS/$lib")
	for other in $(libs); do
		[[ $within != *" $other "* ]] || continue
		readarray -t names < <(functions "$LIBS/$other")
		for function in $(called "${names[@]}" <<<"$body"); do
			printf '%s calls %s of %s\n' "$lib" "$function" "$other"
		done
	done
	readarray -t names < <(functions "$LIBS/../monitor.sh")
	for function in $(commanded "${names[@]}" <<<"$body"); do
		grep -qE "^# Needs: .*; (.* )?$function( .*)? of monitor[.]sh" "$LIBS/$lib" ||
			printf '%s calls %s of monitor.sh\n' "$lib" "$function"
	done
}

# all_strangers - those of all libs
all_strangers() {
	for lib in $(libs); do
		strangers "$lib"
	done
}

setup_file() {
	export LIBS=$BATS_TEST_DIRNAME/../lib
}

# given_libs - libs of this test alone: a calls b, c calls nothing; and a monitor.sh that has the function start
given_libs() {
	LIBS=$BATS_TEST_TMPDIR/lib
	mkdir "$LIBS"
	# shellcheck disable=SC2016 # the text of a lib
	printf '%s\n' '# Needs: b.sh.  More is said here' 'a_go() {' '	b_help "$1" && b_help=1 # c_end' '}' >"$LIBS/a.sh"
	printf '%s\n' '# Needs: nothing' 'b_help() {' '	:' '}' >"$LIBS/b.sh"
	printf '%s\n' '# Needs: nothing' 'c_end() {' '	c_end=1' '}' >"$LIBS/c.sh"
	printf '%s\n' 'start() {' '	a_go' '}' >"$BATS_TEST_TMPDIR/monitor.sh"
}

# --- the libs of the suite

@test "each lib says what it needs, and each lib that it names is there" {
	for lib in $(libs); do
		assert_equal "$lib: lines # Needs:" "$(grep -c '^# Needs: ' "$LIBS/$lib")" 1
		for need in $(needs "$lib"); do
			[ -f "$LIBS/$need" ] || assert_equal "$lib needs" "$need" 'a file in lib/'
		done
	done
}

@test "no lib needs itself, directly or through others" {
	for lib in $(libs); do
		reach "$lib" >"$BATS_TEST_TMPDIR/reach" || assert_equal 'needs itself' "$lib" ''
	done
}

@test "each function that a lib calls is its own, or of a lib that it needs, or its header names it" {
	assert_equal 'calls' "$(all_strangers)" ''
}

@test "monitor.sh loads each lib before the libs that need it" {
	local loaded=' ' lib
	while read -r lib; do
		for need in $(needs "$lib"); do
			[[ $loaded == *" $need "* ]] || assert_equal "loaded before $lib" "$loaded" "$need"
		done
		loaded+="$lib "
	done < <(sed -n 's/^[[:blank:]]*[.] "[$]suite_dir\/lib\/\([a-z_]*[.]sh\)".*/\1/p' "$ROOT/monitor.sh")
	[ "$(wc -w <<<"$loaded")" -eq "$(libs | wc -l)" ]
}

@test "no shell of the suite needs a here-document, for which mksh needs a TMPDIR that can be written" {
	run ! grep -nE '<<-?["A-Z]' "$ROOT/monitor.sh" "$ROOT/run.sh" "$ROOT"/lib/*.sh
}

# --- what these tests can see

@test "libs that are in order: no stranger, what is needed is reached" {
	given_libs

	assert_equal 'calls' "$(all_strangers)" ''
	assert_equal 'reach of a.sh' "$(reach a.sh)" ' a.sh b.sh '
}

@test "a circle is seen" {
	given_libs
	printf '%s\n' '# Needs: c.sh' >"$LIBS/b.sh"
	printf '%s\n' '# Needs: a.sh' >"$LIBS/c.sh"

	for lib in a.sh b.sh c.sh; do
		run -1 reach "$lib"
	done
}

@test "a call of a lib that is not needed is seen, as a command, as an argument and in a substitution" {
	given_libs
	# shellcheck disable=SC2016 # the text of a lib
	for call in 'c_end' 'await c_end' 'x=$(c_end)' '[ 1 ] || c_end "$1"' '{ c_end; }'; do
		printf '%s\n' '# Needs: nothing' 'b_help() {' "	$call" '}' >"$LIBS/b.sh"
		assert_equal "strangers for $call" "$(strangers b.sh)" 'b.sh calls c_end of c.sh'
	done
}

@test "a call of monitor.sh is seen unless the header names it" {
	given_libs
	# shellcheck disable=SC2016 # the text of a lib
	for call in 'start "$1"' '[ 1 ] || start' '*) start "$1" ;;' 'x="$(start)"'; do
		printf '%s\n' '# Needs: nothing' 'b_help() {' "	$call" '}' >"$LIBS/b.sh"
		assert_equal "strangers for $call" "$(strangers b.sh)" 'b.sh calls start of monitor.sh'
		printf '%s\n' '# Needs: c.sh; start of monitor.sh' 'b_help() {' "	$call" '}' >"$LIBS/b.sh"
		assert_equal "strangers for $call, named" "$(strangers b.sh)" ''
	done
}

@test "what many servers have in common takes no variables of each: dash would search all of them" {
	# shellcheck disable=SC2016 # for that shell
	run -0 "${SHELL_WORDS[@]}" -c '
		set -u
		. "$1/server.sh"
		number=0
		while [ "$number" -lt 100 ]; do
			number=$((number + 1))
			server_new "$number" "s$number" always 0 0 60000 0 0 sms,mail death,recovery - auto
			server_set "$number" state RUNNING
			server_set "$number" want up
			server_set "$number" incident ""
		done
		server_get 100 restart
		printf "%s\n" "$_server_get"
		server_get 100 want
		printf "%s\n" "$_server_get"
		set' sh "$LIBS"

	assert_equal 'what is shared' "${lines[*]:0:2}" 'always up'
	assert_equal 'variables of 100 servers' "$(grep -cE '^server_[0-9]+_' <<<"$output")" 300
}
