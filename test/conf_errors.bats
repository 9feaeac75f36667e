#!/usr/bin/env bats
# What conf says wrongly of how a server is run: each error has its file and line, and the nearest remedy, in one table.

load helpers
load fixtures/orders

# table FILE - reads a table from stdin, a row `LINE|MESSAGE`, @ in both for a new line of conf, into conf and into FILE:
# server rNN has `dir` and those LINEs; FILE gets what check must print of it. A MESSAGE begins with the number of its line
table() {
	local row=100 line message number
	: >"$1"
	while IFS='|' read -r line message; do
		row=$((row + 1))
		printf 'dir = %s\n%s\n' "$SERVERS/r" "${line//@/$'\n'}" >"$CONF/servers/r$row.conf"
		number=${message%%:*}
		printf '%s:%s: %s\n' "$CONF/servers/r$row.conf" "$number" "${message#*: }" >>"$1"
	done
	ROWS=$((row - 100))
}

# assert_table FILE - check prints what FILE holds, and ends with 6
assert_table() {
	suite_ends 6 check
	diff "$1" "$SAID"
}

@test "each error of a line of conf is reported with file and line, and the nearest remedy" {
	local kinds='HUP, INT, QUIT, ABRT, KILL, USR1, USR2, ALRM, TERM, CONT, WINCH, PWR'
	local like='like command /usr/sbin/nginx -s quit 10s TERM 5s KILL'
	mkdir "$SERVERS/r"

	table "$BATS_TEST_TMPDIR/expected" <<-END
		start_pre = nginx -t && echo good|2: start_pre: "&&" is for a shell, and none runs this; write sh -c 'nginx -t && echo good'
		start_pre = nginx -t; ./a|2: start_pre: ";" is for a shell, and none runs this; write sh -c 'nginx -t; ./a'
		start_pre = ./a 'b c' && ./d|2: start_pre: "&&" is for a shell, and none runs this; put the whole line between one pair of quotes, behind sh -c
		start_pre = ""|2: start_pre: needs a program; write it with its arguments, like /usr/sbin/nginx -t
		start_pre = ./a {port}|2: start_pre: uses {port}, but r105 has no port; set port here, or watch r105@PORT
		ExecStartPre = ./a|2: unknown key "ExecStartPre"; did you mean start_pre?
		start_post = "./a b|2: start_post: a " is not closed; close it, or write \\" for the letter itself
		start_post = ./tell &|2: start_post: "&" is for a shell, and none runs this; write sh -c './tell &'
		stop_post = ./clear > x|2: stop_post: ">" is for a shell, and none runs this; write sh -c './clear > x'
		stop_prost = ./a|2: unknown key "stop_prost"; did you mean stop_post?
		reload = HPU|2: reload: "HPU" is none of the signals $kinds; did you mean HUP?
		reload = HUP 5s|2: reload: "HUP 5s" is more than a signal; write HUP alone
		reload = nginx -s reload|2: reload: "nginx -s reload" is neither a signal nor a command; write HUP, or command nginx -s reload
		reload = comand nginx -s reload|2: reload: "comand nginx -s reload" is neither a signal nor a command; did you mean command?
		reload = command|2: reload: command needs a program; write it like command /usr/sbin/nginx -s reload
		reload_command = nginx -s reload|2: unknown key "reload_command"; did you mean reload?
		stop = command nginx -s quit|2: stop: "command nginx -s quit" lacks what follows the command; write its time, then signals and waits, $like
		stop = command nginx -s quit 10s|2: stop: "command nginx -s quit 10s" lacks what follows the command; write its time, then signals and waits, $like
		stop = command a && b 10s TERM|2: stop: "&&" is for a shell, and none runs this; write sh -c 'a && b'
		stop = nginx -s quit 10s TERM|2: stop: "nginx -s quit 10s TERM" begins with no signal; write a command $like
		stop = comand ./a 10s TERM|2: stop: "comand ./a 10s TERM" begins with no signal; did you mean command?
		stop = TERM 5s command ./a 5s KILL|2: stop: "TERM 5s command ./a 5s KILL": the command comes first; write it $like
		stop = TERM 5s KLIL|2: stop: "KLIL" is none of the signals $kinds; did you mean KILL?
		stop = TERM 5x KILL|2: stop: "5x" is not a duration; write it like 500ms, 15s, 5m or 2h
		stop_command = ./a|2: unknown key "stop_command"; did you mean stop?
		start = manuel|2: start: "manuel" is none of auto, manual; did you mean manual?
		start = no|2: start: "no" is none of auto, manual; did you mean manual?
		autostart = false|2: unknown key "autostart"; did you mean start?
		restart_every = 24|2: restart_every: "24" is not known; write a time like 24h, or daily 04:30
		restart_every = 10ms|2: restart_every: "10ms" is too short; 1000ms to 24d will do
		restart_every = 30d|2: restart_every: "30d" is too long; 1000ms to 24d will do
		restart_every = daily 24:00|2: restart_every: "24:00" is no time of day; write it from 00:00 to 23:59, like daily 04:30
		RuntimeMaxSec = 24h|2: unknown key "RuntimeMaxSec"; did you mean restart_every?
		env_file = -/etc/im/env|2: env_file: "-/etc/im/env": a file that is missing is a fault, and - changes nothing; write /etc/im/env
		env_file = a.env a.env|2: env_file: names a file twice; take one out
		environment_clean = true|2: environment_clean: "true" is not known; write yes or no; did you mean yes?
		environment = A=1 B|2: environment: "B" is not NAME=VALUE; quote a value with blanks or commas: "NAME=a b"
		secrets = hunter22|2: secrets: element 1 is not NAME=FILE; write it like db_password=/etc/im/db_password
		secrets = ../a=/etc/im/a|2: secrets: the name of element 1 cannot be that of a file; use letters, digits and _ . - only, first a letter, a digit or _
		secrets = a=/etc/im/a a=/etc/im/b|2: secrets: a is there twice; take one out
		secrets = a=b@environment = CREDENTIALS_DIRECTORY=/x|3: environment: CREDENTIALS_DIRECTORY is set by secrets; take it out
		exec = ./a|2: unknown key "exec"; did you mean command?
	END

	assert_equal 'rows' "$ROWS" 42
	assert_table "$BATS_TEST_TMPDIR/expected"
	suite_ends 6 start all
	diff "$BATS_TEST_TMPDIR/expected" "$SAID"
	[ ! -e "$STATE/servers" ]
}

@test "each fault of a file that conf names is reported with file and line, and the nearest remedy" {
	local here=$BATS_TEST_TMPDIR/files
	mkdir "$SERVERS/r" "$here"
	printf 'A=1\nB\n' >"$here/env"
	printf 'A: 1\n' >"$here/colon"
	: >"$here/open"
	head -c 1048577 /dev/zero >"$here/large"
	chmod 600 "$here/env" "$here/colon" "$here/large"
	chmod 666 "$here/open"
	mkfifo "$here/fifo"

	table "$BATS_TEST_TMPDIR/expected" <<-END
		env_file = $here/none|2: env_file: $here/none: no such file; make it, or take it out
		env_file = $here|2: env_file: $here: a directory; make it a plain file
		env_file = $here/fifo|2: env_file: $here/fifo: not a regular file; make it a plain file
		env_file = $here/open|2: env_file: $here/open: may be written by others (mode 666); run: chmod go-w $here/open
		env_file = $here/large|2: env_file: $here/large: larger than 1048576 bytes; name a smaller file
		secrets = a=hunter22|2: secrets: a: in $SERVERS/r, no such file; make it, or take it out
		secrets = a=$here/none|2: secrets: a: $here/none: no such file; make it, or take it out
		@secrets = a=/dev/null|3: secrets: a: /dev/null: not a regular file; make it a plain file
	END
	given_server env "env_file = $here/env" # the faults of a line stand at that line of the file itself
	given_server colon "env_file = $here/colon"
	{
		printf '%s\n' "$here/colon:1: not NAME=value; write = instead of :" \
			"$here/env:2: not NAME=value; write NAME= for an empty value, quote a value of several lines, begin a comment with #"
		cat "$BATS_TEST_TMPDIR/expected"
	} >"$BATS_TEST_TMPDIR/all"

	assert_table "$BATS_TEST_TMPDIR/all"
	suite_ends 6 start all
	diff <(sort "$BATS_TEST_TMPDIR/all") <(sed 's/^[a-z0-9]*: //' "$SAID" | sort)
}

# what a command line says wrongly: its status, its words, and the answer
@test "each error of the words that use these keys has its status and a remedy" {
	local status words answer
	given_server a
	while IFS='|' read -r status words answer; do
		# shellcheck disable=SC2086 # words
		suite_ends "$status" $words
		assert_equal "the answer to $words" "$(<"$SAID")" "$answer"
	done <<-END
		2|exec a|exec needs a server, -- and a program, as in: ./monitor.sh exec web -- ./manage.py migrate
		2|exec a true|exec needs a server, -- and a program, as in: ./monitor.sh exec web -- ./manage.py migrate
		2|exec all -- true|exec runs a program for one server, not for all; name one
		6|exec b -- true|b: not in conf; add $CONF/servers/b.conf
		127|exec a -- ./absent|a: ./absent is not in $SERVERS/a
		2|status --env|status --env takes the name of one server, and nothing else
		7|reload a|a: no monitor watches it, and reload needs one; run ./monitor.sh a
	END
}
