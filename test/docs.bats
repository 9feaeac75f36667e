#!/usr/bin/env bats
# What README.md and the man pages say is so, and what the suite can say, take and print stands there.

load helpers
load fixtures/pages

# --- messages

# messages WORD PATH... - ask fixtures/messages.py of monitor-messages(7)
messages() {
	"$(python)" "$FIXTURES/messages.py" "$1" "$MESSAGES" "${@:2}"
}

# sources - print the files whose texts people are shown; without defaults, the log of a stand-in, and what a report says:
# it explains itself where it stands
sources() {
	printf '%s\n' "$ROOT/monitor.sh" "$ROOT/run.sh"
	find "$ROOT/lib" "$ROOT/conf/hooks" "$ROOT/conf/checks" "$ROOT/pyhelpers" -type f \
		! -path "$ROOT/*/.*" ! -path '*/__pycache__/*' ! -path '*/man/*' ! -path '*/completion/*' \
		! -name '*.md' ! -name '*.conf' ! -name '*.example' ! -name keys.py ! -name standin.py ! -name 'page_*.py'
}

@test "every message that a person can be shown stands in monitor-messages(7)" {
	readarray -t files < <(sources)
	[ "${#files[@]}" -gt 100 ]

	run -0 messages missing "${files[@]}"
}

@test "a message that the page lacks is found, in both languages" {
	# shellcheck disable=SC2016 # the shell's variable is the text of a message
	printf '%s\n' 'warn "$name: the moon is full"' "die 5 'the tide is high'" >"$BATS_TEST_TMPDIR/a.sh"
	printf '%s\n' 'raise ValueError(f"{name} has lost its way")' >"$BATS_TEST_TMPDIR/b.py"

	run -1 messages missing "$BATS_TEST_TMPDIR/a.sh" "$BATS_TEST_TMPDIR/b.py"

	assert_equal 'messages' "${#lines[@]}" 3
	[[ ${lines[0]} == *"a.sh:1: …: the moon is full" ]]
	[[ ${lines[1]} == *"a.sh:2: the tide is high" ]]
	[[ ${lines[2]} == *"b.py:1: … has lost its way" ]]
}

@test "monitor-messages(7) holds no message that nothing prints" {
	readarray -t files < <(sources)

	run -0 messages unknown "${files[@]}" "$(find "$ROOT/pyhelpers" -name standin.py)"
}

@test "a message that nothing prints is found" {
	printf '%s\n' '.Sh DIAGNOSTICS' '.It Li "the moon is full; wait"' '.It Li "NAME: the tide is high; wait"' \
		>"$BATS_TEST_TMPDIR/page"
	printf '%s\n' "die 5 'the moon is full; wait'" "warn 'is high'" >"$BATS_TEST_TMPDIR/a.sh"
	MESSAGES=$BATS_TEST_TMPDIR/page

	run -1 messages unknown "$BATS_TEST_TMPDIR/a.sh"

	assert_equal 'messages' "$output" 'NAME: the tide is high; wait (not in the code: the tide wait)'
}

@test "the messages are in alphabetical order within their groups, each with a remedy" {
	run -0 messages untidy
}

@test "a message out of order, and one without a remedy, are found" {
	printf '%s\n' '.Ss one' '.It Li "b; wait"' '.It Li "a \- \(dq; wait"' '.Ss two' '.It Li "a"' '.It Li "b"' 'Wait.' |
		sed 's/\\(dq/""/' >"$BATS_TEST_TMPDIR/page"
	MESSAGES=$BATS_TEST_TMPDIR/page

	run -1 messages untidy

	assert_equal 'lines' "${#lines[@]}" 2
	assert_equal 'order' "${lines[0]}" 'a - "; wait (stands behind: b; wait)'
	assert_equal 'remedy' "${lines[1]}" 'a (no remedy)'
}

@test "what was done, in the history, is a word of the table in monitor.sh(1), and that has no others" {
	run -0 "$(python)" -B "$FIXTURES/actions.py" "$ROOT"
	assert_equal 'words' "$output" ''

	mkdir "$BATS_TEST_TMPDIR/suite"
	cp -r "$ROOT/monitor.sh" "$ROOT/lib" "$ROOT/pyhelpers" "$BATS_TEST_TMPDIR/suite"
	sed -i "s/'stays down by order'/'is held'/" "$BATS_TEST_TMPDIR/suite/lib/incident.sh"
	run -1 "$(python)" -B "$FIXTURES/actions.py" "$BATS_TEST_TMPDIR/suite"
	assert_equal 'words' "$output" 'in the code only: is held
in the table only: stays down by order'
}

# --- words and options

@test "every word and option of -h is in monitor.sh(1) and in README" {
	[ "$(words_of_usage | wc -l)" -gt 30 ]

	for word in $(words_of_usage); do
		words_of_page | grep -qxF -- "$word" || assert_equal 'word of -h' "$word" 'in monitor.sh(1)'
		codes <"$README" | tr '|()[],\\ ' '\n' | grep -qxF -- "$word" || assert_equal 'word of -h' "$word" 'in README.md'
	done
}

@test "the words of -h are found in a listing of a line a word too" {
	listing() {
		printf '%s\n' 'Usage: monitor.sh [-c DIR] WORD' '  start, stop NAME...      begin or end' \
			'  status [--json|--guard]  how is it' '  -c DIR  a directory'
	}

	assert_equal 'words' "$(listing | words_of | paste -sd ' ' -)" '--guard --json -c start status stop'
}

@test "README and monitor.sh(1) offer no command that monitor.sh does not know" {
	known=$(words_of_usage && echo help)

	offered=$({
		sed -n '/^## All commands/,/^## How/s/^| \(`[^|]*\)|.*/\1/p' "$README" | codes | tr -d ',' | sed 's/ .*//' | grep -xE '[a-z]+'
		section COMMANDS <"$PAGES/monitor.sh.1" | sed -n 's/^[.]It Cm \([a-z]*\).*/\1/p'
	} | sort -u)
	for word in $offered; do
		grep -qxF -- "$word" <<<"$known" || assert_equal 'command' "$word" 'a word of -h'
	done
	[ "$(wc -w <<<"$offered")" -gt 20 ]
}

# --- keys

# keys - print every key of conf as KEY = DEFAULT
keys() {
	"$(python)" "$FIXTURES/keys.py" "$ROOT/pyhelpers"
}

@test "monitor.conf(5) has every key with its default, and no other" {
	keys | sort >"$BATS_TEST_TMPDIR/keys"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/keys")" -gt 50 ]

	sed -n 's/^[.]It Ic \([a-z_]*\) Pq \(.*\)$/\1 = \2/p' "$PAGES/monitor.conf.5" | sort >"$BATS_TEST_TMPDIR/page"

	diff "$BATS_TEST_TMPDIR/keys" "$BATS_TEST_TMPDIR/page"
}

@test "conf/monitor.conf has every key at its default" {
	while IFS= read -r key; do
		[[ $key == *' = depends on the server' ]] || grep -qxF "#$key" "$ROOT/conf/monitor.conf" ||
			assert_equal 'key' "$key" 'in conf/monitor.conf'
	done < <(keys)
}

@test "README sets only keys that there are" {
	named=$({
		codes <"$README"
		cat "$README"
	} | sed -n 's/^\([a-z_]*\) = .*/\1/p' | sort -u)

	for key in $named; do
		keys | grep -q "^$key = " || grep -qs "^# $key =" "$ROOT"/conf/hooks/*.example ||
			assert_equal 'key' "$key" 'in keys.py'
	done
	[ "$(wc -w <<<"$named")" -gt 12 ]
}

@test "every key of a hook that ships is in monitor-hooks(7)" {
	for example in "$ROOT"/conf/hooks/*.example; do
		hook=${example##*/}
		hook=${hook%.conf.example}
		while IFS= read -r key; do
			{
				sed -n "/^[.]Ss $hook\$/,/^[.]S[sh]/p" "$PAGES/monitor-hooks.7"
				section DELIVERY <"$PAGES/monitor-hooks.7"
			} | grep -qE "^[.]It Ic ([a-z_]+ , )*$key( |$)" || assert_equal "key of $hook" "$key" 'in monitor-hooks(7)'
		done
		[ -x "$ROOT/conf/hooks/$hook" ]
	done
	for hook in "$ROOT"/conf/hooks/*; do
		[[ $hook == *.* ]] || grep -qx "[.]Ss ${hook##*/}" "$PAGES/monitor-hooks.7" ||
			assert_equal 'hook' "${hook##*/}" 'in monitor-hooks(7)'
	done
}

@test "every word that a hook finds in its environment is in monitor-hooks(7)" {
	given_server msg_server
	monitor_start msg_server
	wait_until "$PATIENCE" state_is msg_server RUNNING
	kill -KILL "$(pid_of msg_server)"
	assert_alerted death msg_server 'signal KILL'
	wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/alerts.env"

	while IFS= read -r variable; do
		grep -qE "^[.]It Ev (.* )?$variable( |$)" "$PAGES/monitor-hooks.7" ||
			assert_equal 'variable' "$variable" 'in monitor-hooks(7)'
	done < <(sed 's/=.*//' "$BATS_TEST_TMPDIR/alerts.env" | sort -u)
}

# --- statuses, states, files

@test "every exit status and state that the code has is in monitor.sh(1)" {
	for status in 0 1 2 4 5 6 7; do
		section 'EXIT STATUS' <"$PAGES/monitor.sh.1" | grep -qx "[.]It $status" ||
			assert_equal 'status' "$status" 'under EXIT STATUS'
	done
	for state in STARTING RUNNING BACKOFF STOPPING EXITED FATAL STOPPED PAUSED UNKNOWN; do
		section STATES <"$PAGES/monitor.sh.1" | grep -qx "[.]It Dv $state" || assert_equal 'state' "$state" 'under STATES'
	done
}

@test "every file that README and the pages name is there" {
	named=$({
		codes <"$README" | tr ' ' '\n'
		awk '$1 == ".Pa" || /^[.]It Pa / { for (i = 2; i <= NF; i++) print $i }' "$PAGES"/*
	} | sed 's/\\-/-/g' | grep -oE '^([.]/)?(conf|lib|pyhelpers|test)/[A-Za-z0-9_./-]+' | sed 's/[.]$//' | sort -u |
		grep -vE '[A-Z]|^conf/(hooks|servers)/.*[.]conf$') # placeholders, and what a user writes

	for file in $named; do
		[ -e "$ROOT/$file" ] || assert_equal 'file' "$file" 'in the suite'
	done
	while IFS= read -r file; do
		[ -n "$(find "$ROOT/pyhelpers" -name "$file")" ] || assert_equal 'file' "$file" 'under pyhelpers'
	done < <(awk '$1 == ".Pa" && $2 ~ /^[a-z]+[.]py$/ { print $2 }' "$PAGES"/*)
	[ "$(wc -w <<<"$named")" -gt 12 ]
}

# --- README

@test "README is five minutes: 250 lines at most" {
	run -0 wc -l <"$README"
	((output <= 250))
}

@test "the recipes of README are those of conf/examples/servers" {
	blocks=$(sed -n '/^## Guard/,/^## The first/p' "$README" | grep -E '^[a-z_]+ = ')
	[ "$(wc -l <<<"$blocks")" -eq 49 ]

	while IFS= read -r line; do
		grep -qxF -- "$line" "$ROOT"/conf/examples/servers/*.conf || assert_equal 'line' "$line" 'in a recipe'
	done <<<"$blocks"
	for recipe in "$ROOT"/conf/examples/servers/*.conf; do
		grep -qxF -- "$(grep '^command = ' "$recipe")" <<<"$blocks" || assert_equal 'recipe' "$recipe" 'in README.md'
	done
}

@test "README and monitor.sh(1) promise the same of singletons, word for word" {
	promised=$(sed -n 's/^> //p' "$README" | paste -sd ' ')

	page=$(section 'MANY MACHINES' <"$PAGES/monitor.sh.1" | sed -n '/^[.]Bd/,/^[.]Ed/p' | grep -v '^[.]' | paste -sd ' ')

	((${#promised} > 700))
	assert_equal 'the page' "$page" "$promised"
}

@test "the version stands in CHANGELOG.md" {
	run -0 suite -V

	assert_equal 'newest version' "$(sed -n 's/^## //p' "$ROOT/CHANGELOG.md" | head -n 1)" "${output#monitor.sh }"
}

# --- sources

@test "the shell is written in ASCII: without a locale yash reads nothing else" {
	LC_ALL=C run -1 grep -n '[^ -~	]' "$ROOT/monitor.sh" "$ROOT/run.sh" "$ROOT"/lib/*.sh "$ROOT"/lib/install/*
}
