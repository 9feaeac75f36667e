#!/usr/bin/env bats
# The man page is README.md's, whole, and every man can show it.

load helpers

PAGE=$BATS_TEST_DIRNAME/../lib/man/monitor.sh.1
MAKE='awk -f lib/man/readme.awk CHANGELOG.md README.md >lib/man/monitor.sh.1'

# text - print the source of the page as a reader sees it, one line of it a line
text() {
	sed 's/\\-/-/g; s/\\(aq/'\''/g; s/\\(ga/`/g; s/\\(ha/^/g; s/\\(ti/~/g; s/\\f[BP]//g; s/^\\&//; s/\\e/\\/g' "$PAGE"
}

# table - print the words and options of -h, with what they take
table() {
	# shellcheck disable=SC2016 # it is that shell which expands it
	"${SHELL_WORDS[@]}" -c '. "$1/lib/usage.sh"; . "$1/lib/completion.sh"; completion_table' - "$ROOT"
}

@test "the man page is made from README.md as it is now" {
	cd "$ROOT"

	awk -f lib/man/readme.awk CHANGELOG.md README.md >"$BATS_TEST_TMPDIR/made"

	cmp "$BATS_TEST_TMPDIR/made" "$PAGE" || assert_equal 'lib/man/monitor.sh.1' old "made anew: $MAKE"
}

@test "every word and option of -h is in the man page, under COMMANDS" {
	commands=$(awk '/^[.]SH/ { inside = /COMMANDS/ } inside' "$PAGE" | sed 's/\\-/-/g')

	while read -r word takes; do
		for wanted in "$word" $takes; do
			[[ $wanted =~ ^(NAMES?|SIG|VALUE|DIR|ID|HOOK)$ ]] ||
				grep -qE -- "\\\\fB([^\\]*[ |([])?$wanted([]) |\\]|$)" <<<"$commands" ||
				assert_equal 'word of -h' "$wanted" 'under COMMANDS of the man page'
		done
	done < <(table)
	[ "$(table | wc -l)" -gt 8 ]
}

@test "every message of DIAGNOSTICS is in the man page" {
	text >"$BATS_TEST_TMPDIR/text"
	awk '/^## / { inside = $2 == "DIAGNOSTICS" } inside && /^```/ { code = !code; next } inside && code' \
		"$ROOT/README.md" >"$BATS_TEST_TMPDIR/messages"

	while IFS= read -r message; do
		grep -qxF -- "$message" "$BATS_TEST_TMPDIR/text" || assert_equal 'message' "$message" 'in the man page'
	done <"$BATS_TEST_TMPDIR/messages"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/messages")" -gt 100 ]
}

@test "mandoc finds nothing to warn of" {
	require mandoc

	run -0 mandoc -Tlint -W warning "$PAGE"

	assert_equal 'warnings' "$output" ''
}

@test "groff finds nothing to warn of" {
	require groff

	run -0 groff -man -ww -z "$PAGE"

	assert_equal 'warnings' "$output" ''
}

@test "man shows it, in the order of README.md" {
	require man nroff

	run -0 env MANWIDTH=120 MANPAGER=cat MAN_KEEP_FORMATTING='' man -l "$PAGE"

	assert_equal 'headings' "$(grep -E '^[A-Z]' <<<"$output" | grep -v '^MONITOR.SH(1)' | grep -v '^monitor.sh ')" \
		"$(sed -n 's/^## //p' "$ROOT/README.md")"
	[[ $output == *'monitor.sh - keep servers running'* ]]
}

@test "readme.awk says the same in each awk" {
	cd "$ROOT"
	awk -f lib/man/readme.awk CHANGELOG.md README.md >"$BATS_TEST_TMPDIR/awk"

	for awk in mawk gawk original-awk 'busybox awk'; do
		command -v "${awk%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # two words
		$awk -f lib/man/readme.awk CHANGELOG.md README.md >"$BATS_TEST_TMPDIR/$awk"
		cmp "$BATS_TEST_TMPDIR/$awk" "$BATS_TEST_TMPDIR/awk"
	done
}
