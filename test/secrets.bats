#!/usr/bin/env bats
# Secrets: a server finds copies in memory, which no one else sees, as long as it is not stopped.

load helpers
load fixtures/orders
load fixtures/hostile
load fixtures/private

teardown() {
	local status=0
	end_test || status=1
	withdraw_all || status=1
	return "$status"
}

# given_keeper NAME [LINE...] - server NAME, of nobody, has the secret db_password, which only root may read; $SECRET
given_keeper() {
	given_guest "$1"
	given_secret db_password
	given_dumper "$1" 'user = nobody' "secrets = db_password=$BATS_TEST_TMPDIR/db_password" "${@:2}"
	chown nobody "$SERVERS/$1"
}

# copies_lie_so WANTED - mode and owner of the directory, of the copy, and of what is above them
copies_lie_so() {
	stat -c '%a %u' "${COPIES%/*/*}" "${COPIES%/*}" "$COPIES" "$COPIES/db_password" | paste -sd ,
}

# given_given_up NAME - NAME fails until it is given up
given_given_up() {
	: >"$SERVERS/$1/fail"
	kill -KILL "$(pid_of "$1")"
	wait_until "$PATIENCE" state_is "$1" FATAL
}

# require_shm - skips the test unless /dev/shm is in memory
require_shm() {
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || skip '/dev/shm is no tmpfs here'
}

# reader_class - prints the directory of SecretReader.class, compiled once a run
reader_class() {
	local built=$SHARED/built/secret_reader
	if [ ! -e "$built" ]; then
		javac -d "$built.$BASHPID" "$FIXTURES/SecretReader.java" >&2 && mv "$built.$BASHPID" "$built" || return
	fi
	printf '%s\n' "$built"
}

@test "a JVM reads its secret; no environment, argument, status, history, log or alert shows it" {
	require java javac
	given_guest shop
	given_secret db_password
	cp "$(reader_class)/SecretReader.class" "$SERVERS/shop"
	chmod 644 "$SERVERS/shop/SecretReader.class"
	given_conf shop "dir = $SERVERS/shop" 'user = nobody' 'match = SecretReader' \
		"secrets = db_password=$BATS_TEST_TMPDIR/db_password" \
		'command = java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx32m -cp . SecretReader db_password'
	monitor_start shop
	wait_until "$PATIENCE" test -s "$SERVERS/shop/proof"
	runs shop
	assert_equal 'the proof' "$(<"$SERVERS/shop/proof")" "$(printf %s "$SECRET" | sha256sum | cut -d' ' -f1)"
	know_copies "/proc/$RUNS/environ"

	kill -KILL "$RUNS"
	assert_alerted death shop 'signal KILL'
	wait_until "$PATIENCE" grep -q '"event":"output","server":"shop".*fatal: the password is \*\*\*' "$STATE/history.jsonl"
	suite_ends 0 status --env shop
	runs shop
	assert_hidden "$SECRET" "$RUNS" "$MONITOR" "$(helper_of "$MONITOR")"

	suite_ends 0 stop shop
	is_withdrawn
}

@test "the copies are in memory, and only the server's user may read them" {
	given_keeper web
	monitor_start web

	assert_copy web "$SECRET"

	assert_equal 'modes and owners' "$(copies_lie_so)" '711 0,711 0,700 65534,400 65534'
	assert_equal 'file system' "$(stat -f -c %T "$COPIES")" tmpfs
	as_nobody cat "$COPIES/db_password"
	run ! setpriv --reuid=65533 --regid=65533 --clear-groups cat "$COPIES/db_password"
	assert_hidden "$SECRET" "$RUNS"
}

@test "the copies are new at each start, and gone when the server is stopped, given up or left alone" {
	given_keeper web 'give_up = 2 in 60s'
	monitor_start web
	assert_copy web "$SECRET"

	given_secret db_password
	restarts web
	assert_copy web "$SECRET"
	suite_ends 0 stop web
	is_withdrawn
	suite_ends 0 start web
	assert_copy web "$SECRET"
	suite_ends 0 restart web
	assert_copy web "$SECRET"
	given_given_up web
	assert_withdrawn
	rm "$SERVERS/web/fail"
	suite_ends 0 clear web
	assert_copy web "$SECRET"

	given_dumper web 'user = nobody' "secrets = db_password=$BATS_TEST_TMPDIR/db_password" 'restart = never'
	suite_ends 0 update
	kill -KILL "$(pid_of web)"
	assert_withdrawn
}

@test "the copies outlive the monitor, and the next one takes them away" {
	given_keeper web
	monitor_start web
	assert_copy web "$SECRET"

	monitor_crash
	assert_equal 'the copy' "$(<"$COPIES/db_password")" "$SECRET"
	monitor_start web
	assert_adopted web "$RUNS"
	suite_ends 0 stop web

	is_withdrawn
}

@test "without a monitor a server gets its secrets too, and a stop takes them away" {
	given_keeper web

	suite_ends 0 start web
	assert_copy web "$SECRET"
	given_secret db_password
	suite_ends 0 restart web
	assert_copy web "$SECRET"
	suite_ends 0 stop web

	is_withdrawn
	assert_hidden "$SECRET"
	: >"$SERVERS/web/fail"
	suite_ends 1 start web
	assert_withdrawn
	assert_hidden "$SECRET"
}

@test "root that may not mount uses a directory on a tmpfs" {
	require_shm
	given_keeper web
	confined() {
		setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@" \
			</dev/null 3>&-
	}

	run -0 confined start web
	assert_copy web "$SECRET"
	run ! grep -qF " ${COPIES%/*} " /proc/mounts
	assert_equal 'modes and owners' "$(copies_lie_so)" '711 0,711 0,700 65534,400 65534'
	assert_equal 'file system' "$(stat -f -c %T "$COPIES")" tmpfs
	# shellcheck disable=SC2016 # the shell of nobody expands it
	as_nobody sh -c 'mkdir -p "$1/deep/er" && : >"$1/deep/er/file" && ln -s /etc "$1/etc" && chmod 0 "$1/deep/er"' - "$COPIES"
	run -0 confined stop web

	is_withdrawn
}

@test "a server that dies while it is paused loses its secrets, and finds them when it is resumed" {
	given_keeper web
	monitor_start web
	assert_copy web "$SECRET"
	suite_ends 0 pause web
	[ -e "$COPIES/db_password" ]

	kill -KILL "$RUNS"
	assert_withdrawn

	suite_ends 0 resume web
	assert_copy web "$SECRET"
}

@test "what a server printed last has stars for its secrets, as a whole, line by line, and where it is cut" {
	given_keeper web 'give_up = 1 in 60s' "env_file = $BATS_TEST_TMPDIR/env"
	given_file "$BATS_TEST_TMPDIR/env" DB_PASSWORD=topaz-from-a-file 'DATABASE_URL=postgres://me:beryl-in-a-url@db/x'
	printf '%s\n' '-----BEGIN KEY-----' 'agate-in-the-first-line' 'jasper-in-the-second' '-----END KEY-----' >"$BATS_TEST_TMPDIR/db_password"
	: >"$SERVERS/web/fail"

	monitor_start web
	wait_until "$PATIENCE" state_is web FATAL

	assert_alerted give_up web 'fatal: cannot log in with ***, postgres://me:***@db/x and ***'
	message_says web 'cannot log in with ***'
	assert_logged 'fatal: cannot log in with ***'
	wait_until "$PATIENCE" grep -q '"event":"output"' "$STATE/history.jsonl"
	for text in topaz beryl agate jasper; do
		assert_hidden "$text"
	done
	grep -q agate "$STATE/output/web.log" # its own log is its own
}

@test "the frames of a crash show no arguments of a server that has secrets" {
	require gdb
	case $(</proc/sys/kernel/core_pattern) in
	*[/\|@%]*) skip 'core_pattern of this machine names another place than the directory of the process' ;;
	esac
	given_guest web
	given_secret db_password
	cc -g -O0 -o "$SERVERS/web/web" "$FIXTURES/login.c"
	given_conf web "dir = $SERVERS/web" 'user = nobody' 'core = keep 1' "secrets = db_password=$BATS_TEST_TMPDIR/db_password"
	monitor_start web
	runs web

	: >"$SERVERS/web/now"

	wait_until "$PATIENCE" grep -q '"event":"backtrace","server":"web".*log_in (' "$STATE/history.jsonl"
	grep -qF 'log_in (password=...)' "$STATE/history.jsonl"
	assert_hidden "$SECRET"
}

@test "a text that begins inside a secret shows no rest of it" {
	run -0 "$(python)" -I -S -c '
import sys
sys.path.insert(0, sys.argv[1])
from base.last_words import text_of
print(text_of(b"r-whole-life behind", True, ["secret-for-whole-life", "life"]))
print(text_of(b"secret-for-whole-life, life, r-whole-life", False, ["life", "secret-for-whole-life"]))
print(text_of(b"ife behind", True, ["life"]))
' "$ROOT/pyhelpers"

	assert_equal 'texts' "$output" $'*** behind\n***, ***, r-whole-***\nife behind'
}

@test "a server whose secrets are nowhere to be had any more has no last words" {
	given_keeper web 'give_up = 1 in 60s'
	# shellcheck disable=SC2016 # the server expands it
	printf '%s\n' '#!/bin/sh' 'echo "fatal: $(cat "$CREDENTIALS_DIRECTORY/db_password")"' 'rm -f "$CREDENTIALS_DIRECTORY"/*' \
		'while [ ! -e fail ]; do sleep 0.05; done; exit 3' >"$SERVERS/web/web"
	sed -i 's/^match.*/match = web/' "$CONF/servers/web.conf"
	monitor_start web
	runs web

	rm "$BATS_TEST_TMPDIR/db_password"
	: >"$SERVERS/web/fail"
	wait_until "$PATIENCE" state_is web FATAL

	assert_alerted give_up web 'exit 3'
	assert_hidden "$SECRET"
	grep -q "$SECRET" "$STATE/output/web.log"
}

@test "neither the monitor nor its helper ever has a secret in memory" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to read the memory of other processes'
	given_keeper web "env_file = $BATS_TEST_TMPDIR/env"
	given_file "$BATS_TEST_TMPDIR/env" "DB_PASSWORD=$SECRET"
	monitor_start web
	runs web
	: >"$SERVERS/web/fail"
	kill -KILL "$RUNS"
	wait_until "$PATIENCE" grep -q '"event":"output","server":"web".*cannot log in with \*\*\*' "$STATE/history.jsonl"
	rm "$SERVERS/web/fail"
	wait_until "$PATIENCE" pid_differs web "$RUNS"
	runs web

	for pid in "$MONITOR" "$(helper_of "$MONITOR")"; do
		run -1 "$(python)" -I -S "$FIXTURES/in_memory.py" "$pid" <<<"$SECRET"
	done
	run -0 "$(python)" -I -S "$FIXTURES/in_memory.py" "$RUNS" <<<"$SECRET" # it would be found
}

@test "whatever its user puts into the directory, the next start gets a new one, a stop clears it, and nothing else is touched" {
	given_keeper web
	mkdir "$BATS_TEST_TMPDIR/precious"
	: >"$BATS_TEST_TMPDIR/precious/file"
	monitor_start web
	assert_copy web "$SECRET"
	spoil() {
		# shellcheck disable=SC2016 # the shell of nobody expands it
		as_nobody sh -c 'cd "$1" && rm -f db_password && mkfifo db_password && ln -s "$2" precious && ln -s /etc etc &&
			mkdir -p deep/er/still && : >deep/er/still/file && chmod 0 deep/er && mkdir closed && chmod 0 closed &&
			ln -s /dev/zero zero && : >"$(printf "a\nb")" && chmod 0 .' - "$COPIES" "$BATS_TEST_TMPDIR/precious"
	}

	spoil
	restarts web
	assert_copy web "$SECRET"
	spoil
	restarts web
	assert_copy web "$SECRET"
	spoil
	suite_ends 0 stop web

	is_withdrawn
	assert_equal 'the answer' "$(<"$SAID")" 'web: stopped'
	[ -e "$BATS_TEST_TMPDIR/precious/file" ]
	[ -c /dev/zero ]
}

@test "a link that the server's user puts in the place of a secret leads root nowhere" {
	given_guest web
	given_secret roots
	given_dumper web 'user = nobody' 'secrets = db_password=secret'
	chown nobody "$SERVERS/web"

	as_nobody ln -s "$BATS_TEST_TMPDIR/roots" "$SERVERS/web/secret"

	suite_ends 6 start web
	assert_answered "web: $CONF/servers/web.conf:4: secrets: db_password: $SERVERS/web/secret: permission denied; let the user of the server read it, or keep it where only root may write"
}

@test "update restarts a server whose secret has changed, and names it" {
	given_keeper web
	monitor_start web
	assert_copy web "$SECRET"
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'
	given_file "$BATS_TEST_TMPDIR/db_password" "$SECRET"
	suite_ends 0 update
	assert_equal 'update' "$(<"$SAID")" 'nothing changes'

	given_secret db_password
	suite_ends 0 update --dry-run
	assert_equal 'the plan' "$(<"$SAID")" 'web: restart (secrets changed: db_password)'
	suite_ends 0 update

	assert_equal 'update' "$(<"$SAID")" 'web: restart (secrets changed: db_password)'
	assert_copy web "$SECRET"
	assert_hidden "$SECRET"
}

@test "a server that is taken out of conf loses its secrets, and so does one that has none any more" {
	given_keeper web
	given_dumper other 'user = nobody' "secrets = db_password=$BATS_TEST_TMPDIR/db_password"
	chown nobody "$SERVERS/other"
	given_server third
	monitor_start all
	assert_copy other "$SECRET"
	others=$COPIES
	assert_copy web "$SECRET"

	rm "$CONF/servers/other.conf"
	sed -i '/^secrets/d' "$CONF/servers/web.conf"
	suite_ends 0 update

	is_withdrawn
	COPIES=$others is_withdrawn
}

@test "what removes the copies of a run leaves those of a later run alone" {
	mkdir -p "$STATE/servers/web"

	run -0 "$(python)" -I -S -c '
import os, sys
sys.path.insert(0, sys.argv[1])
from spawn import credentials
path = credentials.renew(sys.argv[2], {"a": b"1"}, None)
earlier = credentials.run_of(sys.argv[2])
credentials.renew(sys.argv[2], {"a": b"2"}, None)
print([credentials.remove(sys.argv[2], earlier), open(path + "/a").read()])
print([credentials.remove(sys.argv[2], credentials.run_of(sys.argv[2])), os.path.exists(path)])
' "$ROOT/pyhelpers" "$STATE/servers/web"

	assert_equal 'what is there' "$output" $'[\'\', \'2\']\n[\'\', False]'
}

@test "an ordinary user's server finds its secrets below XDG_RUNTIME_DIR" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be an ordinary user'
	local runtime
	require_shm
	runtime=$(mktemp -d /dev/shm/runtime.XXXXXX)
	chown nobody "$runtime"
	given_guest web
	given_dumper web 'secrets = db_password=secret'
	printf 'of nobody\n' >"$SERVERS/web/secret"
	mkdir "$STATE"
	chown -R nobody "$SERVERS/web" "$STATE" "$CONF"
	ordinary() {
		as_nobody env XDG_RUNTIME_DIR="$runtime" HOME=/ "${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" "$@"
	}

	run -0 ordinary start web
	know_copies "$SERVERS/web/environment"
	assert_equal 'copies' "$(stat -c '%a %u' "$runtime/monitor.sh" "$COPIES" "$COPIES/db_password" | paste -sd ,)" '700 65534,700 65534,400 65534'
	[[ $COPIES == "$runtime/monitor.sh/"* ]]
	run -0 ordinary stop web
	is_withdrawn
	rm -r "$runtime"
}

@test "without a file system in memory the server is not started, and no secret comes to a disk" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be an ordinary user'
	require_shm
	local user=$((61000 + RANDOM % 3000)) # who has no directory in /dev/shm yet
	given_guest web
	given_dumper web 'secrets = db_password=secret'
	printf 'of an ordinary user\n' >"$SERVERS/web/secret"
	mkdir "$STATE" "$BATS_TEST_TMPDIR/runtime" "/dev/shm/monitor.sh-$user"
	chown -R "$user" "$SERVERS/web" "$STATE" "$CONF" "$BATS_TEST_TMPDIR/runtime"
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime HOME=/

	run -1 setpriv --reuid="$user" --regid="$user" --clear-groups -- \
		"${SHELL_WORDS[@]}" "$ROOT/monitor.sh" -c "$CONF" -s "$STATE" start web </dev/null 3>&-

	rmdir "/dev/shm/monitor.sh-$user"
	assert_equal 'the answer' "$output" "web: secrets: no file system in memory to keep them in: $XDG_RUNTIME_DIR is on a disk, /dev/shm/monitor.sh-$user: others may change it; remove it; mount a tmpfs on $XDG_RUNTIME_DIR"
	assert_equal 'what is left there' "$(find "$XDG_RUNTIME_DIR" -mindepth 2)" ''
}

@test "each fault of secrets in conf is reported with file and line, the nearest remedy, and no secret" {
	local file=$BATS_TEST_TMPDIR/secret at=$CONF/servers/web.conf:3
	local rule='letters, digits and _ . - only, first a letter, a digit or _'
	given_file "$file" x
	is_refused() {
		given_dumper web "$1"
		suite_ends 6 check
		assert_equal "check of $1" "$(<"$SAID")" "$at: $2"
	}

	is_refused 'secrets = hunter22' 'secrets: element 1 is not NAME=FILE; write it like db_password=/etc/im/db_password'
	is_refused "secrets = a=$file hunter22" 'secrets: element 2 is not NAME=FILE; write it like db_password=/etc/im/db_password'
	is_refused 'secrets = a=hunter22' "secrets: a: in $SERVERS/web, no such file; make it, or take it out"
	is_refused 'secrets = db_password=' 'secrets: db_password names no file; write it like db_password=/etc/im/db_password'
	is_refused "secrets = =$file" "secrets: the name of element 1 cannot be that of a file; use $rule"
	is_refused "secrets = ../x=$file" "secrets: the name of element 1 cannot be that of a file; use $rule"
	is_refused "secrets = .x=$file" "secrets: the name of element 1 cannot be that of a file; use $rule"
	is_refused "secrets = ä=$file" "secrets: the name of element 1 cannot be that of a file; use $rule"
	is_refused "secrets = $(printf 'x%.0s' {1..65})=$file" "secrets: the name of element 1 cannot be that of a file; use $rule"
	is_refused "secrets = a=$file a=$file" 'secrets: a is there twice; take one out'
	is_refused "secrets = a='$file" "secrets: a ' is not closed; close it, or write \\' for the letter itself"
	is_refused "secrets = a=$BATS_TEST_TMPDIR" "secrets: a: $BATS_TEST_TMPDIR: a directory; make it a plain file"
	is_refused "secrets = a=$file.none" "secrets: a: $file.none: no such file; make it, or take it out"
	is_refused "secrets = a=/dev/zero" 'secrets: a: /dev/zero: not a regular file; make it a plain file'
	is_refused "LoadCredential = a:$file" 'unknown key "LoadCredential"; did you mean secrets?'
	is_refused "secret = a=$file" 'unknown key "secret"; did you mean secrets?'
	chmod 666 "$file"
	is_refused "secrets = a=$file" "secrets: a: $file: may be written by others (mode 666); run: chmod go-w $file"
	given_file "$file" x
	truncate -s 1048577 "$file"
	is_refused "secrets = a=$file" "secrets: a: $file: larger than 1048576 bytes; name a smaller file"

	given_file "$file" x
	given_dumper web "environment = CREDENTIALS_DIRECTORY=/x" "secrets = a=$file"
	suite_ends 6 check
	assert_equal 'check' "$(<"$SAID")" "$at: environment: CREDENTIALS_DIRECTORY is set by secrets; take it out"
}

@test "check warns of a secret that everyone may read, and not of one in a closed directory" {
	local file=$BATS_TEST_TMPDIR/e/secret
	mkdir -m 755 "$BATS_TEST_TMPDIR/e"
	given_file "$file" x
	given_dumper web "secrets = a=$file"
	suite_ends 0 check
	run ! grep -q warning "$SAID"

	chmod 644 "$file"
	suite_ends 0 check
	assert_answered "$CONF/servers/web.conf:3: warning: web: secrets: a: everyone may read $file (mode 644); run: chmod o-r $file"

	chmod 700 "$BATS_TEST_TMPDIR/e"
	suite_ends 0 check
	run ! grep -q warning "$SAID"
}

@test "so much that it does not fit is refused" {
	local line='secrets =' n
	for n in 1 2 3 4 5; do
		head -c 1000000 /dev/zero >"$BATS_TEST_TMPDIR/$n"
		chmod 600 "$BATS_TEST_TMPDIR/$n"
		line+=" s$n=$BATS_TEST_TMPDIR/$n"
	done
	given_dumper web "$line"

	suite_ends 1 start web

	assert_answered 'web: secrets: more than 4194304 bytes; name smaller files'
}
