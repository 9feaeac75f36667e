#!/usr/bin/env bats
# What a server finds in its environment: that of the monitor or a clean one, dotenv files, and what conf sets.

load helpers
load fixtures/orders
load fixtures/hostile
load fixtures/private

@test "dotenv files as of docker compose, Rails and Laravel mean what they say there, and nothing is expanded or run" {
	local name
	for name in compose rails laravel; do
		given_dumper "$name" "env_file = $BATS_TEST_TMPDIR/$name.env" 'environment_clean = yes'
		cp "$FIXTURES/dotenv/$name.env" "$BATS_TEST_TMPDIR"
		chmod 644 "$BATS_TEST_TMPDIR/$name.env"
	done

	suite_ends 0 start all

	for name in compose rails laravel; do
		diff "$FIXTURES/dotenv/$name.expected" <(got "$name" | grep -vE '^(PATH|HOME|USER|LOGNAME|LANG|TZ)=')
	done
	[ ! -e /tmp/never ]
}

@test "a later file overrides an earlier one, environment overrides both, and what the monitor sets overrides all" {
	given_file "$BATS_TEST_TMPDIR/one" FIRST=1 SECOND=1 THIRD=1 NOTIFY_SOCKET=mine LANG=of_one
	given_file "$BATS_TEST_TMPDIR/two" SECOND=2 THIRD=2
	given_dumper web "env_file = $BATS_TEST_TMPDIR/one, ../../two" 'environment = THIRD=3'

	LANG=C suite_ends 0 start web

	assert_got web FIRST 1
	assert_got web SECOND 2
	assert_got web THIRD 3
	assert_got web LANG of_one
	assert_got web SUITE_TEST '' # got() leaves it out; the monitor's own environment is inherited:
	grep -qaF "SUITE_TEST=$SUITE_TEST" "$SERVERS/web/environment"
	# its last variable proves what descends from it
	[[ $(tr '\0' '\n' <"$SERVERS/web/environment" | tail -n 1) == INVOCATION_ID=* ]]
}

@test "a clean environment has six variables of the monitor, and those of conf" {
	given_dumper web 'environment_clean = yes' 'environment = OWN=1'

	LANG=C TZ=Europe/Berlin HOME=/somewhere USER=me LOGNAME=me LEAK=1 suite_ends 0 start web

	assert_equal 'environment' "$(got web | grep -v ^PATH=)" $'HOME=/somewhere\nLANG=C\nLOGNAME=me\nOWN=1\nTZ=Europe/Berlin\nUSER=me'
	assert_equal 'PATH' "$(got_value web PATH)" "$PATH"
}

@test "in a clean environment, home and names are those of the server's user" {
	given_guest web 'environment_clean = yes' 'match = sleep'
	given_dumper web 'environment_clean = yes' 'user = nobody'
	chown nobody "$SERVERS/web"
	monitor_start web
	runs web

	assert_got web HOME "$(getent passwd nobody | cut -d: -f6)"
	assert_got web USER nobody
	assert_got web LOGNAME nobody
}

@test "env files are read at each start" {
	given_file "$BATS_TEST_TMPDIR/env" COLOUR=red
	given_dumper web "env_file = $BATS_TEST_TMPDIR/env"
	monitor_start web
	runs web
	assert_got web COLOUR red

	given_file "$BATS_TEST_TMPDIR/env" COLOUR=blue
	kill -KILL "$RUNS"

	wait_until "$PATIENCE" has_got web COLOUR blue
}

@test "each fault of an env file is reported with file and line, and never with what stands there" {
	local -a lines=(
		"NAME" 'not NAME=value; write NAME= for an empty value, quote a value of several lines, begin a comment with #'
		"NAME: geheim" 'not NAME=value; write = instead of :'
		"export" 'not NAME=value; write NAME= for an empty value, quote a value of several lines, begin a comment with #'
		"=geheim" 'no name of a variable before the =; use letters, digits and _ only, first no digit'
		"1ST=geheim" 'no name of a variable before the =; use letters, digits and _ only, first no digit'
		"A-B=geheim" 'no name of a variable before the =; use letters, digits and _ only, first no digit'
		"Ä=geheim" 'no name of a variable before the =; use letters, digits and _ only, first no digit'
		"A B=geheim" 'no name of a variable before the =; use letters, digits and _ only, first no digit'
		"A='geheim' geheim" 'text behind the closing quote; put the whole value between one pair of quotes'
		"A='' geheim" 'text behind the closing quote; put the whole value between one pair of quotes'
		"A=it's geheim" "a ' is not closed in its line; close it, or write \\' for the letter itself"
		'A=geheim "x' 'a " is not closed in its line; close it, or write \" for the letter itself'
		'INVOCATION_ID=geheim' 'INVOCATION_ID is set by the monitor; take it out'
		'export CREDENTIALS_DIRECTORY=/geheim' 'CREDENTIALS_DIRECTORY is set by the monitor; take it out'
		$'A=geheim\001' '' # no fault: a control character may stand in a variable
		'A="geheim' 'a " is not closed; close it, or write \" for the letter itself'
	)
	local file=$BATS_TEST_TMPDIR/env number=0 expected=()
	: >"$file"
	while ((number < ${#lines[@]})); do
		printf '%s\n' "${lines[number]}" >>"$file"
		[ -z "${lines[number + 1]}" ] || expected+=("$file:$((number / 2 + 1)): ${lines[number + 1]}")
		number=$((number + 2))
	done
	chmod 600 "$file"
	given_dumper web "env_file = $file"

	suite_ends 6 check

	diff "$SAID" <(printf '%s\n' "${expected[@]}")
	suite_ends 6 start web
	assert_answered "web: ${expected[0]} (and $((${#expected[@]} - 1)) more; see ./monitor.sh check)"
	run ! grep -rqF geheim "$SAID" "$STATE"
}

@test "a file that is not text of UTF-8, or has no end, is refused; so is a backslash or a NUL byte in the wrong place" {
	local file=$BATS_TEST_TMPDIR/env
	given_dumper web "env_file = $file"

	given_file "$file" A=1 $'B=\xff'
	suite_ends 6 check
	assert_equal 'check' "$(<"$SAID")" "$file:2: not UTF-8; save the file as UTF-8"
	printf '%s' 'A=1' $'\n' "B=2\\" >"$file"
	suite_ends 6 check
	assert_equal 'check' "$(<"$SAID")" "$file:2: a backslash at the end quotes nothing; write \\\\ for the letter itself"
	printf 'A=1\0\n' >"$file"
	suite_ends 6 check
	assert_equal 'check' "$(<"$SAID")" "$file:1: holds a NUL byte, which no variable can; take it out"
	printf 'A=%01048577d\n' 1 >"$file"
	suite_ends 6 check
	assert_equal 'check' "$(<"$SAID")" "$CONF/servers/web.conf:3: env_file: $file: larger than 1048576 bytes; name a smaller file"
}

@test "each fault of env_file and environment_clean in conf is reported with file and line, and the nearest remedy" {
	local dir=$BATS_TEST_TMPDIR/e at
	mkdir "$dir"
	given_file "$dir/env" A=1
	mkfifo "$dir/fifo"
	ln -s loop "$dir/loop"
	touch "$dir/open"
	chmod 666 "$dir/open"
	at="$CONF/servers/web.conf:3"
	is_refused() {
		given_dumper web "$1"
		suite_ends 6 check
		assert_equal "check of $1" "$(<"$SAID")" "$at: $2"
	}

	is_refused "env_file = $dir/none" "env_file: $dir/none: no such file; make it, or take it out"
	is_refused "env_file = none.env" "env_file: in $SERVERS/web, no such file; make it, or take it out"
	is_refused "env_file = $dir/env/x" "env_file: $dir/env/x: not a directory; make it, or take it out"
	is_refused "env_file = $dir" "env_file: $dir: a directory; make it a plain file"
	is_refused "env_file = $dir/fifo" "env_file: $dir/fifo: not a regular file; make it a plain file"
	is_refused "env_file = $dir/loop" "env_file: $dir/loop: too many levels of symbolic links; make it a plain file"
	is_refused "env_file = $dir/open" "env_file: $dir/open: may be written by others (mode 666); run: chmod go-w $dir/open"
	is_refused "env_file = '$dir/env" "env_file: a ' is not closed; close it, or write \\' for the letter itself"
	is_refused "env_file = $dir/env $dir/env" 'env_file: names a file twice; take one out'
	is_refused "env_file = '' $dir/env" 'env_file: holds an empty element; take it out'
	is_refused "env_flie = $dir/env" 'unknown key "env_flie"; did you mean env_file?'
	is_refused 'environment_clean = true' 'environment_clean: "true" is not known; write yes or no; did you mean yes?'
	is_refused 'environment_claen = yes' 'unknown key "environment_claen"; did you mean environment_clean?'
	is_refused 'PassEnvironment = LANG' 'unknown key "PassEnvironment"; did you mean environment_clean?'
	is_refused "EnvironmentFile = $dir/env" 'unknown key "EnvironmentFile"; did you mean env_file?'
	chmod 777 "$dir"
	is_refused "env_file = $dir/env" "env_file: $dir/env: its directory $dir may be written by others (mode 777); run: chmod go-w $dir"
}

@test "an env file with a fault keeps only its server down, until it is mended" {
	given_file "$BATS_TEST_TMPDIR/env" A
	given_dumper bad "env_file = $BATS_TEST_TMPDIR/env" 'backoff = 100ms 100ms'
	given_server good

	monitor_start good bad
	runs good
	assert_logged "Server bad not started, next try in 0s ($BATS_TEST_TMPDIR/env:1: not NAME=value;"
	given_file "$BATS_TEST_TMPDIR/env" A=1

	runs bad
	assert_got bad A 1
}

@test "the server's user may own an env file, and a link of another user leads root nowhere" {
	given_guest web
	given_dumper web 'user = nobody' 'env_file = .env'
	chown nobody "$SERVERS/web"
	given_file "$SERVERS/web/.env" A=of_nobody
	chown nobody "$SERVERS/web/.env"
	suite_ends 0 start web
	assert_got web A of_nobody
	suite_ends 0 stop web

	given_file "$BATS_TEST_TMPDIR/root.env" A=of_root
	as_nobody ln -sf "$BATS_TEST_TMPDIR/root.env" "$SERVERS/web/.env"

	suite_ends 6 start web
	assert_answered "web: $CONF/servers/web.conf:4: env_file: $SERVERS/web/.env: permission denied; let the user of the server read it, or keep it where only root may write"
}

@test "root's env file need not be readable for the server's user" {
	given_guest web
	given_dumper web 'user = nobody' "env_file = $CONF/web.env"
	chown nobody "$SERVERS/web"
	given_file "$CONF/web.env" A=of_root

	suite_ends 0 start web

	assert_got web A of_root
}

@test "update restarts a server whose env file says something else, names the file and no value" {
	given_file "$BATS_TEST_TMPDIR/env" COLOUR=verdigris
	given_dumper web "env_file = $BATS_TEST_TMPDIR/env"
	given_dumper other "env_file = $BATS_TEST_TMPDIR/env.other"
	given_file "$BATS_TEST_TMPDIR/env.other" COLOUR=verdigris
	monitor_start web other
	runs other
	runs web
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'

	printf '# a comment\n\nexport COLOUR="verdigris"\n' >"$BATS_TEST_TMPDIR/env"
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'

	printf 'COLOUR=caput_mortuum\n' >"$BATS_TEST_TMPDIR/env"
	suite_ends 0 update --dry-run
	assert_equal 'the plan' "$(<"$SAID")" "web: restart (env_file changed: $BATS_TEST_TMPDIR/env)"
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" "web: restart (env_file changed: $BATS_TEST_TMPDIR/env)"
	pid_differs web "$RUNS"
	assert_got web COLOUR caput_mortuum
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'
	run ! grep -rqE 'verdigris|caput_mortuum' "$STATE" "$PRINTED"
}

@test "update refuses an env file with a fault, and changes nothing" {
	given_file "$BATS_TEST_TMPDIR/env" A=1
	given_dumper web "env_file = $BATS_TEST_TMPDIR/env"
	monitor_start web
	runs web

	printf 'A\n' >"$BATS_TEST_TMPDIR/env"
	given_conf web "$(<"$CONF/servers/web.conf")" 'environment = B=1'
	suite_ends 6 update

	grep -qF "$BATS_TEST_TMPDIR/env:1: not NAME=value" "$SAID"
	assert_left_alone web
}

@test "a server that a monitor did not start is not restarted for its env file" {
	given_file "$BATS_TEST_TMPDIR/env" A=1
	given_dumper web "env_file = $BATS_TEST_TMPDIR/env"
	suite_ends 0 start web
	suite_ends 0 stop web
	start_by_hand web
	suite_ends 0 start web
	given_file "$BATS_TEST_TMPDIR/env" A=2
	monitor_start web
	assert_adopted web "$BY_HAND"

	suite_ends 0 update

	assert_equal 'update' "$(<"$SAID")" 'nothing changes'
}

@test "status --env prints the names and where each comes from, and no value" {
	given_file "$BATS_TEST_TMPDIR/env" '# a comment' DB_HOST=verdigris RAILS_ENV=verdigris
	given_file "$BATS_TEST_TMPDIR/secret" verdigris
	given_dumper web "env_file = $BATS_TEST_TMPDIR/env" 'environment = RAILS_ENV=verdigris' "secrets = db=$BATS_TEST_TMPDIR/secret"

	suite_ends 0 status --env web

	diff "$SAID" - <<-END
		DB_HOST                env_file $BATS_TEST_TMPDIR/env:2
		RAILS_ENV              environment
		CREDENTIALS_DIRECTORY  secrets: db
		(inherited)            all that the monitor has
	END
	given_conf web "$(<"$CONF/servers/web.conf")" 'environment_clean = yes'
	suite_ends 0 status --env web
	grep -qF "of the monitor's environment only PATH LANG TZ USER LOGNAME HOME" "$SAID"
	suite_ends 2 status --env
	assert_answered 'status --env takes the name of one server, and nothing else'
	suite_ends 2 status --env web --json
	suite_ends 4 status --env wbe
}

@test "an env file that does not answer makes its server UNKNOWN, delays no other, and is read when it answers" {
	given_dumper web "env_file = $BATS_TEST_TMPDIR/mnt/env"
	given_server other
	mkdir "$BATS_TEST_TMPDIR/src"
	given_file "$BATS_TEST_TMPDIR/src/env" A=1
	given_fuse "$BATS_TEST_TMPDIR/src" "$BATS_TEST_TMPDIR/mnt"
	kill -STOP "$FUSE"

	monitor_start web other

	runs other
	restarts other
	wait_until "$PATIENCE" message_says web "$BATS_TEST_TMPDIR/mnt/env does not answer"
	kill -CONT "$FUSE"
	runs web
	assert_got web A 1
}
