#!/usr/bin/env bats
# The client of etcd's JSON gateway: several members, logins, TLS, and writes whose answers are lost.

load helpers
load fixtures/fleet

# ask WORD... - speak with etcd: fixtures/ask_etcd.py with these endpoints and logins reads calls from the standard input
ask() {
	timeout 60 "$(python)" -E -s "$FIXTURES/ask_etcd.py" "$ROOT/pyhelpers" "${ETCD_SCHEME:-http}" "$@" 3>&-
}

# admin WORD... - etcdctl, as root of etcd
admin() {
	ETCDCTL_API=3 timeout 20 etcdctl --endpoints "http://$ETCD" ${ETCD_ROOT:+--user root:secret} "$@" 3>&-
}

@test "a dead member does not matter; a transaction that is sent again changes nothing" {
	given_etcd

	run -0 ask "127.0.0.1:1,$ETCD" <<-'END'
		put /a x
		get /a
		get /b
		twice /c y
		lease /d z
		count /
	END

	assert_equal 'answers' "${lines[*]}" 'done x - True False True True False 3'
}

@test "a member that is stopped is left within the time of a call" {
	given_etcd
	first=$ETCD first_pid=$ETCD_PID
	given_etcd
	kill -STOP "$first_pid"

	run -0 ask "$first,$ETCD" <<<'put /a x'

	kill -CONT "$first_pid"
	assert_equal 'answer' "$output" 'done'
}

@test "a change is heard at once, and in time after a silence" {
	given_etcd
	mkfifo "$BATS_TEST_TMPDIR/heard"
	ask "$ETCD" <<<'watch /a/' >"$BATS_TEST_TMPDIR/heard" &
	exec 8<"$BATS_TEST_TMPDIR/heard"
	read -r -t 30 line <&8
	assert_equal 'first' "$line" watching

	ask "$ETCD" <<<'put /a/b x'

	read -r -t 30 line <&8
	assert_equal 'heard' "$line" /a/b
	exec 8<&-
}

@test "user and password: a token that etcd has forgotten is renewed; what a role may not is refused" {
	require etcdctl
	given_etcd
	admin user add root:secret >/dev/null
	admin user grant-role root root >/dev/null
	admin role add monitor >/dev/null
	admin role grant-permission --prefix=true monitor readwrite /mine/ >/dev/null
	admin user add me:word >/dev/null
	admin user grant-role me monitor >/dev/null
	admin auth enable >/dev/null
	coproc ask "$ETCD" user=me password=word
	exec 8<&"${COPROC[0]}" 9>&"${COPROC[1]}"

	printf '%s\n' 'put /mine/a x' 'put /others/a x' >&9
	read -r -t 30 mine <&8
	read -r -t 30 others <&8
	kill -KILL "$ETCD_PID"
	wait_until "$PATIENCE" is_gone "$ETCD_PID"
	etcd_start
	printf '%s\n' 'get /mine/a' >&9
	read -r -t 30 again <&8
	exec 9>&- 8<&-

	assert_equal 'mine' "$mine" 'done'
	assert_equal 'others' "$others" 'refused: permission denied'
	assert_equal 'again' "$again" x
	run -0 ask "$ETCD" user=me password=wrong <<<'get /mine/a'
	[[ $output == 'refused: authentication failed'* ]]
}

# given_certificate NAME - ca.pem, and a certificate for that name or address, signed by it
given_certificate() {
	local at=$BATS_TEST_TMPDIR/tls
	mkdir -p "$at"
	[ -e "$at/ca.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout "$at/ca.key" -out "$at/ca.pem" -days 2 \
		-subj /CN=ca 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -keyout "$at/key.pem" -out "$at/csr.pem" -subj /CN=etcd 2>/dev/null
	openssl x509 -req -in "$at/csr.pem" -CA "$at/ca.pem" -CAkey "$at/ca.key" -CAcreateserial -days 2 -out "$at/cert.pem" \
		-extfile <(printf 'subjectAltName=%s\n' "$1") 2>/dev/null
}

@test "TLS: by its own authority, for the name that conf has, and for no other" {
	require openssl
	tls=$BATS_TEST_TMPDIR/tls
	ETCD_SCHEME=https
	given_certificate IP:127.0.0.1
	given_etcd --cert-file "$tls/cert.pem" --key-file "$tls/key.pem"

	run -0 ask "$ETCD" "ca=$tls/ca.pem" <<<'put /a x'
	assert_equal 'with its authority' "$output" 'done'
	run -0 ask "$ETCD" <<<'put /a x'
	[[ $output == 'no answer: '*'certificate verify failed'* ]]
	run -0 ask "localhost:${ETCD##*:}" "ca=$tls/ca.pem" <<<'put /a x'
	[[ $output == 'no answer: '*"certificate"* ]]
}
