#!/usr/bin/env bats
# install has the monitor started with the machine, and starts nothing itself.

load helpers
load fixtures/install

# --- units

@test "a unit is written for the machine: mode 0644, and the servers outlive it" {
	given_machine

	suite_ends 0 install --systemd

	assert_mode "$DESTDIR$UNIT" 644
	for line in Type=simple KillMode=process Restart=always OOMPolicy=continue "ExecReload=/bin/kill -HUP \$MAINPID" \
		Delegate=yes DelegateSubgroup=monitor.sh \
		"ExecStart=\"$ROOT/monitor.sh\" -c \"$CONF\" -s \"$STATE\" all" WantedBy=multi-user.target \
		"ExecStopPost=-/bin/sh \"$ROOT/lib/install/monitor.stopped\" --system \"$ROOT/monitor.sh\" -c \"$CONF\" -s \"$STATE\""; do
		assert_line "$DESTDIR$UNIT" "$line"
	done
	run ! grep -q User= "$DESTDIR$UNIT"
	assert_judged_good "$DESTDIR$UNIT"
}

@test "install starts nothing, and says what does" {
	given_machine

	suite_ends 0 install --systemd

	says 'to start it: systemctl daemon-reload && systemctl enable --now monitor'
	[ ! -e "$TAB.systemctl" ]
}

@test "a unit names its user; one that is not on this machine is refused" {
	given_machine
	given_asker 0

	suite_ends 0 install --systemd --user daemon
	assert_line "$DESTDIR$UNIT" User=daemon
	assert_judged_good "$DESTDIR$UNIT"
	suite_ends 6 install --systemd --user nobody_at_all
	says 'no user "nobody_at_all" on this machine'
}

@test "an ordinary user gets a unit of his own" {
	given_machine
	given_asker 1000
	unset DESTDIR

	suite_ends 0 install --systemd

	assert_line "$HOME/.config/systemd/user/monitor.service" WantedBy=default.target
	grep -q '^ExecStopPost=.* --user ' "$HOME/.config/systemd/user/monitor.service"
	assert_judged_good "$HOME/.config/systemd/user/monitor.service"
	says 'systemctl --user enable --now monitor'
	says 'loginctl enable-linger'
	suite_ends 0 uninstall
	[ ! -e "$HOME/.config/systemd/user/monitor.service" ]
}

@test "paths with blanks, %, \$ and UTF-8 are escaped in a unit" {
	given_machine
	given_suite "$BATS_TEST_TMPDIR/a b%h é"
	mkdir "$BATS_TEST_TMPDIR/c \$x \"q\" \\"

	suite_ends 0 -c "$BATS_TEST_TMPDIR/c \$x \"q\" \\" install --systemd

	assert_line "$DESTDIR$UNIT" "ExecStart=\"$BATS_TEST_TMPDIR/a b%%h é/monitor.sh\"$(
	) -c \"$BATS_TEST_TMPDIR/c \$\$x \\\"q\\\" \\\\\" -s \"$STATE\" all"
	assert_judged_good "$DESTDIR$UNIT"
}

@test "a program with quotes in its path is run by sh, for systemd takes none" {
	given_machine
	given_suite "$BATS_TEST_TMPDIR/\$a \"b' \\"

	suite_ends 0 install --systemd

	grep -qF "ExecStart=/bin/sh \"$BATS_TEST_TMPDIR/\$\$a \\\"b' \\\\/monitor.sh\"" "$DESTDIR$UNIT"
	assert_judged_good "$DESTDIR$UNIT"
}

@test "a unit that systemd finds bad is not written" {
	given_machine
	given_stand_in systemd-analyze <<-'END'
		echo "$2:3: Unit is bad" >&2
		exit 1
	END

	suite_ends 1 install --systemd

	says 'Unit is bad'
	says 'systemd-analyze finds the unit bad'
	[ ! -e "$DESTDIR$UNIT" ]
}

@test "relative directories are written absolute, and without -s conf is to say where state is" {
	given_machine
	cd "$BATS_TEST_TMPDIR"

	"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c conf install --systemd

	assert_line "$DESTDIR$UNIT" "ExecStart=\"$ROOT/monitor.sh\" -c \"$CONF\" all"
}

@test "when the monitor of the unit has ended, its servers are stopped only if the machine goes down" {
	given_machine
	given_suite "$BATS_TEST_TMPDIR/it's \$x"
	given_stub
	chmod +x "$ROOT/monitor.sh"
	given_stand_in systemctl <<-'END'
		[ "$*" = "--user is-system-running" ] && cat "$TAB.is"
		exit 1
	END

	echo running >"$TAB.is"
	run -0 sh "$ROOT/lib/install/monitor.stopped" --user "$ROOT/monitor.sh" -c "$CONF"
	[ ! -e "$TAB.calls" ]
	echo stopping >"$TAB.is"
	run -0 sh "$ROOT/lib/install/monitor.stopped" --user "$ROOT/monitor.sh" -c "$CONF"

	assert_equal 'call' "$(cat "$TAB.calls")" "<-c><$CONF><shutdown><--stop-servers>"
}

# --- crontabs

@test "the crontab gets two lines; others stay as they are, and twice is once" {
	given_machine
	given_crontabs
	printf '%s\n' '# mine' '*/5 * * * * echo 100\%' '' >"$TAB"
	cp "$TAB" "$TAB.before"

	suite_ends 0 install --cron
	cp "$TAB" "$TAB.once"
	suite_ends 0 install --cron

	says 'crontab: holds it already'
	cmp "$TAB" "$TAB.once"
	head -n 3 "$TAB" | cmp - "$TAB.before"
	assert_equal 'lines' "$(grep -cE '^(@reboot|\* \* \* \* \*) ' "$TAB")" 2
	echo '# later' | tee -a "$TAB" >>"$TAB.before"
	suite_ends 0 uninstall --cron
	cmp "$TAB" "$TAB.before"
}

@test "another conf replaces the lines, and those of another suite stay" {
	given_machine
	given_crontabs
	suite_ends 0 install --cron
	given_suite "$BATS_TEST_TMPDIR/other"
	suite_ends 0 install --cron

	suite_ends 0 -s "$BATS_TEST_TMPDIR/state2" install --cron

	assert_equal 'lines of cron' "$(grep -c '^@reboot' "$TAB")" 2
	assert_equal 'with the new state' "$(grep -c 'state2' "$TAB")" 2
	suite_ends 0 uninstall
	assert_equal 'lines of cron' "$(grep -c '^@reboot' "$TAB")" 1
}

@test "a line of the crontab calls monitor.sh -d all, whatever its path, and is quiet" {
	given_machine
	given_crontabs
	given_suite "$BATS_TEST_TMPDIR/a b%c é's \$x"
	suite_ends 0 install --cron
	run ! grep -v "^#" <(grep % "$TAB") # for cron, % is the end of the line

	given_stub
	echo 'echo noise; echo noise >&2' >>"$ROOT/monitor.sh"
	chmod +x "$ROOT/monitor.sh"
	run -0 sh -c "$(sed -n 's/^\* \* \* \* \* //p' "$TAB")"

	assert_equal 'call' "$(cat "$TAB.calls")" "<-c><$CONF><-s><$STATE><-d><all>"
	assert_equal 'printed' "$output" ''
}

@test "root installs into the crontab of another" {
	given_machine
	given_crontabs

	suite_ends 0 install --cron --user daemon

	assert_equal 'lines of daemon' "$(grep -c 'monitor.sh.* -d all' "$TAB.daemon")" 2
	[ ! -e "$TAB" ]
	suite_ends 0 uninstall --user daemon
	assert_equal 'lines of daemon' "$(wc -l <"$TAB.daemon")" 0
}

@test "altered lines of a crontab are left alone, and reported" {
	given_machine
	given_crontabs
	suite_ends 0 install --cron
	sed -i 's/^@reboot /&sleep 60; /' "$TAB"
	cp "$TAB" "$TAB.before"

	suite_ends 1 uninstall
	says 'crontab: our lines were altered since; left alone'
	suite_ends 1 -s "$BATS_TEST_TMPDIR/state2" install --cron
	says 'take them out with crontab -e'

	cmp "$TAB" "$TAB.before"
}

@test "a crontab that cannot be read is not written" {
	given_machine
	given_crontabs
	given_stand_in crontab <<-'END'
		echo "$*" >>"$TAB.calls"
		echo "you are not allowed to use this program" >&2
		exit 1
	END

	suite_ends 4 install --cron

	says 'crontab cannot be read: you are not allowed to use this program'
	assert_equal 'calls' "$(cat "$TAB.calls")" -l
}

@test "DESTDIR is no place for a crontab" {
	given_machine

	suite_ends 2 install --cron

	[ ! -e "$TAB" ]
}

# --- the link in PATH

@test "install puts a link to monitor.sh into PATH, and monitor.sh called by that name uses its own suite" {
	given_machine

	suite_ends 0 install --systemd

	link=$DESTDIR/usr/local/bin/monitor.sh
	says "$link: leads to $ROOT/monitor.sh"
	assert_equal 'target' "$(readlink "$link")" "$ROOT/monitor.sh"
	cd /
	run -0 "${SHELL_WORDS[@]}" "$link" -V
	assert_equal 'printed' "$output" "$("${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -V)"
	given_suite "$BATS_TEST_TMPDIR/other"
	ln -s "$ROOT/monitor.sh" "$BIN/monitor.sh"
	run -6 "${SHELL_WORDS[@]}" "$BIN/monitor.sh" install
	[[ $output == *"$ROOT/conf: no directory"* ]] # conf is beside the suite, not beside the link
}

@test "an ordinary user gets the link in .local/bin, and hears when PATH lacks that" {
	given_machine
	given_asker 1000
	unset DESTDIR
	link=$HOME/.local/bin/monitor.sh

	suite_ends 0 install --systemd
	says "$link: leads to $ROOT/monitor.sh"
	says "to call it by its name: add ${link%/*} to PATH"
	PATH=$PATH:${link%/*} suite_ends 0 install --systemd
	run ! grep 'to PATH' "$SAID"
	run -0 "${SHELL_WORDS[@]}" "$link" -V

	suite_ends 0 uninstall --dry-run
	says "$link: would go"
	suite_ends 0 uninstall
	says "$link: gone"
	[ ! -L "$link" ]
}

@test "MONITOR_BIN names another directory for the link; empty, it means no link" {
	given_machine
	MONITOR_BIN=/opt/bin suite_ends 0 install --sysv
	[ -L "$DESTDIR/opt/bin/monitor.sh" ]
	MONITOR_BIN=/opt/bin suite_ends 0 uninstall
	[ ! -L "$DESTDIR/opt/bin/monitor.sh" ]

	MONITOR_BIN='' suite_ends 0 install --sysv

	assert_equal 'links' "$(find "$DESTDIR" -type l)" ''
}

@test "a file of that name, and the link of another suite, stay; install does its work without" {
	given_machine
	link=$DESTDIR/usr/local/bin/monitor.sh
	mkdir -p "${link%/*}"
	for target in "$BATS_TEST_TMPDIR/other/monitor.sh" ''; do
		rm -f "$link"
		if [ -n "$target" ]; then ln -s "$target" "$link"; else echo mine >"$link"; fi

		suite_ends 0 install --systemd --dry-run
		says "$link: no link to this suite; left alone"
		suite_ends 0 install --systemd
		says "$link: no link to this suite; left alone"
		suite_ends 0 uninstall

		assert_equal 'target' "$(readlink "$link" || cat "$link")" "${target:-mine}"
		[ ! -e "$DESTDIR$UNIT" ]
	done
}

@test "where the link cannot be made, install says so and does its work" {
	given_machine
	: >"$DESTDIR/usr"

	suite_ends 0 install --systemd

	says "$DESTDIR/usr/local/bin/monitor.sh cannot be made, as it says above"
	[ -e "$DESTDIR$UNIT" ]
}

# --- which one

@test "without a choice it is systemd, cron or an init script: what this machine has" {
	given_machine
	mkdir -p "$DESTDIR/run/systemd/system"
	suite_ends 0 install --dry-run
	says "# $DESTDIR$UNIT"

	rm -r "$DESTDIR/run"
	suite_ends 0 install --dry-run
	says "# $DESTDIR$INIT"
}

@test "without a choice and without systemd it is the crontab" {
	[ ! -d /run/systemd/system ] || skip 'systemd runs this machine'
	given_machine
	given_crontabs

	suite_ends 0 install

	says 'crontab: written'
}

@test "a dry run prints all and changes nothing, for root and for any user" {
	given_machine
	given_asker 1000

	for way in systemd cron sysv; do
		suite_ends 0 install --$way --dry-run
		says "$ROOT/monitor.sh"
	done
	suite_ends 0 install --sysv --user daemon --dry-run
	says user=daemon

	assert_equal 'files' "$(find "$DESTDIR" "$HOME" "$TAB"* ! -type d 2>/dev/null)" ''
}

@test "what cannot be is refused with its exit status, and nothing is written" {
	given_machine
	given_asker 1000
	unset DESTDIR

	suite_ends 2 install --upstart
	suite_ends 2 install --user
	suite_ends 4 install --sysv
	says "only root may write $INIT"
	suite_ends 4 install --systemd --user daemon
	says 'only root may install it for daemon'
	suite_ends 6 -c "$BATS_TEST_TMPDIR/nowhere" install --systemd
	says 'nowhere: no directory'
	suite_ends 6 -s $'/tmp/new\nline' install --systemd
	says 'the name holds a control character'

	assert_equal 'files' "$(find "$HOME" ! -type d)" ''
}

@test "a directory that may not be written is 4, with the way out" {
	[ "$(id -u)" -ne 0 ] || skip 'root may write everywhere'
	given_machine
	chmod 500 "$DESTDIR"

	suite_ends 4 install --sysv

	says 'run this with sudo'
}

@test "systemd or cron that is not installed is 5" {
	given_machine
	given_path_without systemctl
	PATH=$LESS suite_ends 5 install --systemd
	says 'systemd is not installed here'

	rm -r "$LESS"
	given_crontabs
	given_path_without crontab
	PATH=$LESS suite_ends 5 install --cron
	says 'cron is not installed here'
}
