#!/usr/bin/env bats
# The four man pages are clean mdoc, and every man can show them.

load helpers
load fixtures/pages

@test "there are four pages, each with the name of its file" {
	for page in monitor.sh.1 monitor.conf.5 monitor-hooks.7 monitor-messages.7; do
		title=${page%.*}
		grep -qx "[.]Dt ${title^^} ${page##*.}" "$PAGES/$page" || assert_equal 'title' "$page" 'in .Dt'
		grep -qx "[.]Nm $title" "$PAGES/$page" || assert_equal 'name' "$page" 'in .Nm'
	done
	assert_equal 'files' "$(find "$PAGES" -type f | wc -l)" 4
}

@test "mandoc finds nothing to complain about, of style either" {
	require mandoc

	for page in "$PAGES"/*; do
		# Whether another page is installed on this machine is no fault of ours; outdated mandoc.db: the same
		run mandoc -Tlint -W style "$page"
		assert_equal "complaints about ${page##*/}" "$(grep -vE 'referenced manual not found|mandoc[.]db' <<<"$output")" ''
	done
}

@test "mandoc finds a fault" {
	require mandoc
	printf '%s\n' '.Dd November 26, 2026' '.Dt X 1' '.Os' '.Sh NAME' '.Nm x' '.Nd y' '.Sh DESCRIPTION' '.Bl -tag' \
		>"$BATS_TEST_TMPDIR/x.1"

	run ! mandoc -Tlint -W warning "$BATS_TEST_TMPDIR/x.1"
}

@test "groff finds nothing to warn of" {
	require groff

	for page in "$PAGES"/*; do
		run -0 groff -mdoc -ww -z "$page"
		assert_equal "warnings about ${page##*/}" "$output" ''
	done
}

@test "man shows each page, with all of its headings" {
	require man nroff

	for page in "$PAGES"/*; do
		run -0 env MANWIDTH=120 MANPAGER=cat MAN_KEEP_FORMATTING='' man -l "$page"
		while IFS= read -r heading; do
			grep -qxF "$heading" <<<"$output" || assert_equal 'heading' "$heading" "shown of ${page##*/}"
		done < <(sed -n 's/^[.]Sh //p' "$page")
	done
}

@test "every page that a page refers to is one of ours, or a page of Linux" {
	while IFS= read -r reference; do
		[ -e "$PAGES/$reference" ] || [[ $reference =~ ^(core.5|coredumpctl.1|daemon.7|etcd.1|fifo.7|flock.2|logger.1|pidfd_open.2|proc.5|ps.1|sd_listen_fds.3|sd_notify.3|top.1|waitid.2)$ ]] ||
			assert_equal 'reference' "$reference" 'a page'
	done < <(sed -n 's/^[.]Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$PAGES"/* | sort -u)
}

@test "no page has a line that a reader's screen cannot hold, but for messages" {
	run ! grep -nE '^[^.].{100}' "$PAGES"/*
}
