#!/usr/bin/env bats
# Conf is parsed and never run; all errors are reported in one go, with file, line and what to do.

bats_require_minimum_version 1.5.0

load fixtures/conf

# -- What a file may look like

@test "good conf passes check" {
	given_conf monitor.conf 'interval = 5s'
	given_conf servers/msg_server.conf 'restart = never'
	given_conf servers/route_server.conf ''

	run -0 conf check

	[ "$output" = 'conf is good: 2 servers' ]
}

# shellcheck disable=SC2016  # these must stay as they are
@test "nothing in conf is ever run" {
	given_conf servers/x.conf 'command = ./x $(touch run) `touch run`; touch run | touch run > run' \
		'environment = "A=$(touch run)"' 'output = $HOME/$(touch run)'

	assert_value x command './x|$(touch|run)|`touch|run`;|touch|run|||touch|run|>|run'
	assert_value x environment 'A=$(touch run)'
	assert_value x output "$BATS_TEST_TMPDIR/im/x/\$HOME/\$(touch run)"
	[ ! -e run ]
}

@test "a byte order mark, CRLF, tabs around a key and a last line without its end are fine" {
	printf '\357\273\277# x\r\n\r\n\trestart\t=\tnever \r\n  # more\nport=80' >conf/servers/x.conf

	assert_value x restart never
	assert_value x port 80
}

@test "a # begins a comment at the beginning of a line only" {
	given_conf servers/x.conf 'command = ./x # y'

	assert_value x command './x|#|y'
	given_conf servers/x.conf 'restart = never # for now'
	assert_refused 'conf/servers/x.conf:1: restart: "never # for now" is none of always, unexpected, never; a comment needs a line of its own'
}

@test "words are quoted as in a shell" {
	given_conf servers/x.conf "command = './a b' \"c \\\" d\" e\\ f '' \"g\\h\" i,j 'k'\"l\""

	assert_value x command './a b|c " d|e f||g\h|i,j|kl'
}

@test "a list is separated by blanks or commas, and a quoted element may hold both" {
	given_conf servers/x.conf 'logs = a*.txt,b.log , "c, d.log"  e.log'

	assert_value x logs 'a*.txt|b.log|c, d.log|e.log'
}

@test "paths may hold blanks and UTF-8, bare or quoted" {
	given_conf servers/x.conf 'dir = /srv/聊天 server'
	assert_value x dir '/srv/聊天 server'

	given_conf servers/x.conf 'dir = "/srv/聊天  server"'
	assert_value x dir '/srv/聊天  server'
}

# -- What is refused

@test "every error of every file is reported, sorted by file and line" {
	given_conf monitor.conf 'intervall = 5s' 'restart = allways' 'interval = 5'
	given_conf servers/a.conf 'restrat = always' '' 'port = 99999' 'backoff = 5s' 'restart always' 'stop = TERM 5s' \
		'exit_codes = 0 256' 'port = 5' 'start_seconds = 60'
	given_conf servers/b.conf 'syslog = yes'

	assert_refused \
		'conf/monitor.conf:1: unknown key "intervall"; did you mean interval?' \
		'conf/monitor.conf:2: restart: "allways" is none of always, unexpected, never; did you mean always?' \
		'conf/monitor.conf:3: interval: "5" is not a duration; write it like 500ms, 15s, 5m or 2h' \
		'conf/servers/a.conf:1: unknown key "restrat"; did you mean restart?' \
		'conf/servers/a.conf:3: port: "99999" is not a whole number from 1 to 65535' \
		'conf/servers/a.conf:4: backoff: "5s" is not a first and a longest wait; write two, like 0s 60s' \
		'conf/servers/a.conf:5: "restart always" is not key = value; begin a comment with #' \
		'conf/servers/a.conf:6: stop: "TERM 5s" does not end with a signal; write signals and waits in turn, like TERM 5s KILL' \
		'conf/servers/a.conf:7: exit_codes: "256" is not a whole number from 0 to 255' \
		'conf/servers/a.conf:8: port is set in line 3 already; keep one of the two' \
		'conf/servers/a.conf:9: start_seconds: "60" is not a duration; write it like 500ms, 15s, 5m or 2h' \
		'conf/servers/b.conf:1: syslog is for the whole suite; move it to conf/monitor.conf'
}

@test "monitor.sh check says conf errors and ends with 6" {
	[ -x "$SUITE/monitor.sh" ] || skip 'monitor.sh is not there yet'
	given_conf servers/x.conf 'restart = never' '' 'restrat = always'

	run -6 "$SUITE/monitor.sh" -c conf -s state check

	[[ $output == *'conf/servers/x.conf:3: unknown key "restrat"; did you mean restart?'* ]]
}

@test "letters that are not UTF-8 are refused with their line, in comments too" {
	printf '# gr\374n\nrestart = never\nport = \200\n' >conf/servers/x.conf

	assert_refused 'conf/servers/x.conf:1: not UTF-8; save the file as UTF-8' \
		'conf/servers/x.conf:3: not UTF-8; save the file as UTF-8'
}

@test "control characters inside a value are refused" {
	printf 'command = ./x\ty\noutput = a\033b\nlogs = a\302\205b\n' >conf/servers/x.conf

	run -6 conf check

	[[ ${lines[0]} == "conf/servers/x.conf:1: 'command = ./x\\ty' holds a control character"* ]]
	[[ ${lines[1]} == 'conf/servers/x.conf:2: '*'holds a control character'* ]]
	[[ ${lines[2]} == 'conf/servers/x.conf:3: '*'holds a control character'* ]]
}

@test "values that cannot be meant are refused with what to write" {
	assert_bad dir '' 'needs one path'
	assert_bad dir '"/a" "/b"' 'needs one path'
	assert_bad command '' 'needs a program'
	assert_bad command "./x 'a" "a ' is not closed"
	assert_bad command "./x a\\" 'a backslash at the end quotes nothing'
	assert_bad match '' 'needs words'
	assert_bad logs "a '' b" 'holds an empty element'
	assert_bad pid_from 'pidfile' '"pidfile" is no source; write own, pidfile FILE or log GLOB FIELD'
	assert_bad pid_from 'own pidfile x' '"own pidfile x" is no source'
	assert_bad pid_from 'log a*_1.txt 0' '"log a*_1.txt 0" is no source'
	assert_bad restart '' '"" is none of always, unexpected, never'
	assert_bad backoff '60s 5s' '"60s 5s" is not a first and a longest wait'
	assert_bad give_up '0 in 60s' '"0 in 60s" is not known; write never'
	assert_bad stop 'TERM KILL 5s' '"KILL" is not a duration'
	assert_bad stop 'TREM 5s KILL' '"TREM" is none of the signals'
	assert_bad stop_tree maybe '"maybe" is not known; write yes or no'
	assert_bad start_timeout 0s '"0s" is too short'
	assert_bad start_timeout 25d '"25d" is too long'
	assert_bad user no_such_user_here 'no user "no_such_user_here" on this machine'
	assert_bad group no_such_group_here 'no group "no_such_group_here" on this machine'
	assert_bad umask 089 '"089" is not a umask'
	assert_bad environment 'A=b,c' '"c" is not NAME=VALUE'
	assert_bad nice 20 '"20" is not a whole number from -20 to 19'
	assert_bad limit_nofile 0 '"0" is not a whole number from 1'
	assert_bad limit_memory 64MB '"64MB" is not a size'
	assert_bad oldlog_keep 0 '"0" is not a whole number from 1'
	assert_bad oldlog_keep soon '"soon" is neither a count nor an age'
	assert_bad alert '../sms' '"../sms" cannot be a name'
	assert_bad alert_on 'death taxes' '"taxes" is none of death, second, give_up, recovery, hung, limit'
}

@test "a file that others may write is refused, and so is its directory" {
	given_conf servers/x.conf
	chmod 666 conf/servers/x.conf
	assert_refused 'conf/servers/x.conf: may be written by others (mode 666); run: chmod go-w conf/servers/x.conf'

	chmod 644 conf/servers/x.conf
	chmod 777 conf/servers
	assert_refused 'conf/servers: may be written by others (mode 777); run: chmod go-w conf/servers'

	chmod 755 conf/servers
	chmod 777 conf
	assert_refused 'conf: may be written by others (mode 777); run: chmod go-w conf'
}

@test "a file that a group may write is fine when its owner is alone in it" {
	given_conf servers/x.conf
	chmod 664 conf/servers/x.conf
	[ "$(id -g)" = "$(stat -c %g conf/servers/x.conf)" ] || skip 'files here do not get the own primary group'
	[ "$(awk -F: -v gid="$(id -g)" '$4 == gid' /etc/passwd | wc -l)" = 1 ] || skip 'others have this primary group'
	run -0 conf check

	[ "$(id -u)" = 0 ] || skip 'only root may give a file to another group'
	chgrp 65534 conf/servers/x.conf
	run -6 conf check
	[[ $output == 'conf/servers/x.conf: group '*' may write it; run: chmod g-w conf/servers/x.conf' ]]
}

@test "a file that belongs to another user is refused" {
	[ "$(id -u)" = 0 ] || skip 'only root may give a file away'
	given_conf servers/x.conf
	chown 65534 conf/servers/x.conf

	assert_refused 'conf/servers/x.conf: belongs to uid 65534, not to you; run: chown 0 conf/servers/x.conf'
}

@test "a symlink is judged by its target and its target's directory" {
	mkdir -p elsewhere
	echo 'restart = never' >elsewhere/y
	ln -s ../../elsewhere/y conf/servers/x.conf
	assert_value x restart never

	chmod 777 elsewhere
	run -6 conf check
	[[ $output == *'conf/servers/x.conf: its directory '*'/work/elsewhere may be written by others (mode 777)'* ]]

	chmod 1777 elsewhere
	run -0 conf check
}

@test "what is no plain file is refused and never waited for" {
	mkdir conf/servers/a.conf
	mkfifo conf/servers/b.conf
	ln -s c.conf conf/servers/c.conf
	head -c 1048577 /dev/zero >conf/servers/d.conf

	assert_refused 'conf/servers/a.conf: not a plain file; put one in its place' \
		'conf/servers/b.conf: not a plain file; put one in its place' \
		'conf/servers/c.conf: too many levels of symbolic links; make it a plain file that you may read' \
		'conf/servers/d.conf: larger than 1048576 bytes; no conf is'
}

@test "a file that may not be read is refused" {
	[ "$(id -u)" != 0 ] || skip 'root may read everything'
	given_conf servers/x.conf
	chmod 000 conf/servers/x.conf

	assert_refused 'conf/servers/x.conf: permission denied; make it a plain file that you may read'
}

@test "a missing conf directory, or one without servers, is not configured" {
	run -6 conf settle all
	[ "$output" = 'conf/servers: holds no server; add NAME.conf' ]

	rmdir conf/servers
	run -6 conf settle x
	[ "$output" = 'conf/servers: no such file or directory; make it' ]

	run -6 conf settle --conf /nowhere x
	[ "$output" = '/nowhere: no such file or directory; name one with -c DIR' ]
}
