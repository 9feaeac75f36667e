#!/usr/bin/env bats
# What README.md says is so, and what the suite can say stands there.

load helpers

README=$BATS_TEST_DIRNAME/../README.md

# section NAME - print what stands under that heading
section() {
	awk -v wanted="## $1" '/^## / { inside = $0 == wanted; next } inside' "$README"
}

# missing FILE... - print the messages of these files that DIAGNOSTICS does not hold; fails when there is one
missing() {
	"$(python)" "$FIXTURES/messages.py" missing "$README" "$@"
}

# codes - print what stands in backquotes, a line each
codes() {
	awk 'BEGIN { FS = "\140" } { for (i = 2; i < NF; i += 2) print $i }' # 140: the backquote
}

# --- messages

@test "every message that a person can be shown stands under DIAGNOSTICS" {
	local file files=()
	cd "$ROOT"
	for file in monitor.sh run.sh lib/*.sh conf/hooks/* pyhelpers/*.py; do
		case $file in
		*.example | *.conf) ;;
		pyhelpers/keys.py | pyhelpers/demo/standin.py) ;; # defaults; the log of a stand-in
		*) files+=("$file") ;;
		esac
	done

	run -0 missing "${files[@]}"
}

@test "a message that DIAGNOSTICS lacks is found, in both languages" {
	# shellcheck disable=SC2016 # the shell's variable is the text of a message
	printf '%s\n' 'warn "$name: the moon is full"' "die 5 'the tide is high'" >"$BATS_TEST_TMPDIR/a.sh"
	printf '%s\n' 'raise ValueError(f"{name} has lost its way")' >"$BATS_TEST_TMPDIR/b.py"

	run -1 missing "$BATS_TEST_TMPDIR/a.sh" "$BATS_TEST_TMPDIR/b.py"

	assert_equal 'messages' "${#lines[@]}" 3
	[[ ${lines[0]} == *"a.sh:1: …: the moon is full" ]]
	[[ ${lines[1]} == *"a.sh:2: the tide is high" ]]
	[[ ${lines[2]} == *"b.py:1: … has lost its way" ]]
}

# --- words

@test "every word of usage is in README" {
	run -0 suite -h

	for word in $(grep -F './monitor.sh' <<<"$output" | tr '|()[]' '     ') MONITOR_CONF MONITOR_STATE; do
		grep -qF -- "$word" "$README" || assert_equal 'word of usage' "$word" 'in README.md'
	done
}

@test "every option of usage is in README" {
	run -0 suite -h

	read -ra options < <(grep -oE '^ +-[a-zA-Z]' <<<"$output" | paste -sd ' ' -)
	for option in "${options[@]}"; do
		section COMMANDS | codes | grep -qE -- "^$option( |$)" || assert_equal 'option' "$option" 'under COMMANDS'
	done
}

@test "README offers no word that monitor.sh does not know" {
	run -0 suite -h

	readarray -t offered < <(section SYNOPSIS | grep -E '^[.]/monitor.sh' | grep -v '#')
	for line in "${offered[@]}"; do
		[[ $output == *"$line"* ]] || assert_equal 'synopsis' "$line" 'a line of usage'
	done
	[ "${#offered[@]}" -gt 3 ]
}

@test "every key that README names is one" {
	keys=$(env PYTHONPATH="$ROOT/pyhelpers" "$(python)" -s -m config.keys | sed 's/ = .*//')
	named=$({
		section CONFIGURATION | sed -n 's/^| \(`[^|]*\)|.*/\1/p' | codes
		codes <"$README" | sed -n 's/^\([a-z_]*\) = .*/\1/p'
	} | sort -u)

	for key in $named; do
		[ "$key" = key ] || grep -qx "$key" <<<"$keys" || assert_equal 'key' "$key" 'in keys.py'
	done
	[ "$(wc -w <<<"$named")" -gt 20 ]
}

@test "the defaults that README tells are those of keys.py" {
	env PYTHONPATH="$ROOT/pyhelpers" "$(python)" -s -m config.keys >"$BATS_TEST_TMPDIR/keys"

	for pair in 'start_seconds = 1s' 'start_timeout = 30s' 'backoff = 0s 60s' 'give_up = never' 'oldlog_keep = 100' \
		'logs = log*.txt' 'output = /dev/null' 'alert = sms' 'interval = 15s' 'restart = always' 'pid_from = own'; do
		grep -qxF "$pair" "$BATS_TEST_TMPDIR/keys" || assert_equal 'default' "$pair" 'in keys.py'
		grep -F "\`${pair%% *}\`" "$README" | grep -qF "\`${pair#* = }\`" || assert_equal 'default' "$pair" 'in README.md'
	done
}

@test "every file that README names is there" {
	for file in $(codes <"$README" | grep -oE '\b(conf|lib|pyhelpers|test)/[A-Za-z0-9_./-]+' | grep -v '[A-Z]'); do
		[ -e "$ROOT/${file%.}" ] || assert_equal 'file' "$file" 'in the suite'
	done
}

@test "every exit status and state that the code has is in README" {
	for status in 0 1 2 4 5 6 7; do
		section 'EXIT STATUS' | grep -q "^| $status |" || assert_equal 'status' "$status" 'under EXIT STATUS'
	done
	for state in STARTING RUNNING BACKOFF STOPPING EXITED FATAL STOPPED PAUSED UNKNOWN; do
		grep -qF "| \`$state\` |" "$README" || assert_equal 'state' "$state" 'under States'
	done
}

@test "README is in the order of a man page" {
	run -0 grep '^## ' "$README"

	assert_equal 'headings' "$(grep -vx '## BENCHMARKS' <<<"$output" | sed 's/## //' | paste -sd , -)" \
		"NAME,SYNOPSIS,DESCRIPTION,COMMANDS,CONFIGURATION,HOW A SERVER IS KNOWN,WHAT A DEATH COSTS,HEALTH,CHANNELS AND SOCKETS,HOOKS,EXIT STATUS,$(
		)FILES,DIAGNOSTICS,DEPENDENCIES,SEE ALSO"
}

@test "the version stands in CHANGELOG.md" {
	run -0 suite -V

	assert_equal 'newest version' "$(sed -n 's/^## //p' "$ROOT/CHANGELOG.md" | head -n 1)" "${output#monitor.sh }"
}

@test "the shell is written in ASCII: without a locale yash reads nothing else" {
	LC_ALL=C run -1 grep -n '[^ -~	]' "$ROOT/monitor.sh" "$ROOT/run.sh" "$ROOT"/lib/*.sh "$ROOT"/lib/install/*
}

