#!/usr/bin/env bats
# The words of the key check, and what a check needs besides: all errors are reported before anything starts.

bats_require_minimum_version 1.5.0

load fixtures/conf

@test "the three kinds" {
	given_conf servers/x.conf 'port = 80' 'check = tcp'
	assert_value x check tcp

	assert_good check none ''
	assert_good check 'http http://127.0.0.1:8080' 'http|http://127.0.0.1:8080|'
	assert_good check 'http http://[::1]/a?b=c 204' 'http|http://[::1]/a?b=c|204'
	assert_good check 'command /bin/ask "a b" c' 'command|/bin/ask|a b|c'
}

@test "its defaults" {
	given_conf servers/x.conf

	assert_value x check ''
	assert_value x check_every 15000
	assert_value x check_timeout 5000
	assert_value x check_failures 3
}

@test "{port} is replaced in it" {
	given_conf servers/x.conf 'port = 8000' 'check = http http://localhost:{port}/'

	assert_value x check 'http|http://localhost:8000/|'
}

@test "what is no check is refused" {
	local url
	for url in tpc 'tcp 80' http 'http a b c' command 'command ""'; do
		assert_bad check "$url" "\"$url\" is no check; write tcp, http URL [CODE], or command PROGRAM [ARG...]"
	done
	assert_bad check 'http http://127.0.0.1/ 99' '"99" is not a whole number from 100 to 599'
	assert_bad check_failures 0 '"0" is not a whole number'
	assert_bad check_every 10ms '"10ms" is too short'
}

@test "what is no URL is refused" {
	local url
	for url in 127.0.0.1 ftp://127.0.0.1/ http:// http:/// http://:80/ http://127.0.0.1:0/ http://127.0.0.1:x/ \
		http://127.0.0.1:65536/ 'http://[::1/' 'http://[127.0.0.1]/' 'http://[::1]80/' http://::1/ http://127.0.0.1/ä; do
		assert_bad check "http $url" "\"$url\" is no URL; write it like http://127.0.0.1:8080/path"
	done
	assert_bad check 'http http://me:secret@127.0.0.1/' 'a URL with a password is visible to all users'
}

@test "tcp needs a port" {
	given_conf monitor.conf 'check = tcp'
	given_conf servers/x.conf 'port = 80'
	given_conf servers/y.conf

	assert_refused 'conf/monitor.conf:1: check: y: tcp needs a port; set port too'
}

@test "a name and https need curl" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$BATS_TEST_TMPDIR/bin/python3"
	ln -s "$(command -v timeout)" "$(command -v env)" "$BATS_TEST_TMPDIR/bin/"
	given_conf servers/x.conf 'check = http https://127.0.0.1/'
	given_conf servers/y.conf 'check = http http://example.com/'
	given_conf servers/z.conf 'check = http http://localhost/'

	PATH=$BATS_TEST_TMPDIR/bin run -6 conf check

	[ "$output" = 'conf/servers/x.conf:1: check: x: https, and a host that is a name, need curl, which is not installed; run: apt-get install curl
conf/servers/y.conf:1: check: y: https, and a host that is a name, need curl, which is not installed; run: apt-get install curl' ]
}

# given_check FILE - a check at that path
given_check() {
	mkdir -p "${1%/*}"
	printf '#!/bin/sh\n' >"$1"
	chmod 755 "$1"
}

@test "a bare program is the one of conf/checks, else that of the suite's own conf, else that of PATH; a path starts at dir" {
	local suites=$BATS_TEST_TMPDIR/im/suite/conf/checks
	given_check conf/checks/ask
	given_check "$suites/ask"
	given_check "$suites/shipped"

	assert_good check 'command ask 80' "command|$BATS_TEST_TMPDIR/work/conf/checks/ask|80"
	assert_good check 'command shipped 80' "command|$suites/shipped|80"
	assert_good check 'command asked 80' 'command|asked|80'
	assert_good check 'command bin/ask 80' "command|$BATS_TEST_TMPDIR/im/x/bin/ask|80"
}

@test "a program of conf/checks that others may write, or that cannot be executed, is refused" {
	given_check conf/checks/ask
	chmod 644 conf/checks/ask
	given_conf servers/x.conf 'check = command ask'

	assert_refused "conf/servers/x.conf:1: check: x: $PWD/conf/checks/ask is not executable; run: chmod +x $PWD/conf/checks/ask"
	chmod 757 conf/checks/ask
	assert_refused "conf/servers/x.conf:1: check: x: $PWD/conf/checks/ask may be written by others (mode 757); run: chmod go-w $PWD/conf/checks/ask"
	chmod 755 conf/checks/ask
	chmod 777 conf/checks
	run -6 conf check
	[[ $output == "conf/servers/x.conf:1: check: x: $PWD/conf/checks/ask its directory $PWD/conf/checks may be written by others "* ]]
}

@test "a check of conf/checks that is broken is refused, though the suite has a good one of that name" {
	given_check "$BATS_TEST_TMPDIR/im/suite/conf/checks/ask"
	given_check conf/checks/ask
	chmod 644 conf/checks/ask
	given_conf servers/x.conf 'check = command ask'

	assert_refused "conf/servers/x.conf:1: check: x: $PWD/conf/checks/ask is not executable; run: chmod +x $PWD/conf/checks/ask"
	ln -sf nowhere conf/checks/ask
	assert_refused "conf/servers/x.conf:1: check: x: $PWD/conf/checks/ask: No such file or directory"
}

@test "a check of the suite's own conf that others may write is refused" {
	local shipped=$BATS_TEST_TMPDIR/im/suite/conf/checks/ask
	given_check "$shipped"
	chmod 757 "$shipped"
	given_conf servers/x.conf 'check = command ask'

	assert_refused "conf/servers/x.conf:1: check: x: $shipped may be written by others (mode 757); run: chmod go-w $shipped"
}

@test "teamtalk is given the time that it needs" {
	cp -r "$SUITE/conf/checks" conf/
	given_conf servers/x.conf 'port = 8000' 'check = command teamtalk {port}'

	assert_refused 'conf/servers/x.conf:2: check: x: teamtalk may wait 6s for a server that does not echo; set check_timeout = 8s or more'
	given_conf servers/x.conf 'port = 8000' 'check = command teamtalk {port}' 'check_timeout = 8s'
	run -0 conf check
}
