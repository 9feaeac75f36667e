#!/usr/bin/env bats
# The hooks that ship, in every shell that may be sh: sms says it, sms-http posts it.

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
# shellcheck source=test/fixtures/canary.bash
. "$ROOT/test/fixtures/canary.bash"
PATIENCE=60 # seconds that a test waits at most for what takes milliseconds on an idle machine, and seconds on a busy one
TEXT=$'web1: "msg_server" died\\n & 100% = {phone} +\n短信 é \t\'$(id)\' `id` <tag>'

setup() {
	T=$BATS_TEST_TMPDIR
	GATEWAY=
	unset "${!HOOK_@}" "${!MONITOR_@}"
	export no_proxy=127.0.0.1
}

# Ends the gateway with its requests: it is the child of this test, so its pid is its own.
teardown() {
	[ -z "$GATEWAY" ] || kill "$GATEWAY"
	[ -z "$GATEWAY" ] || wait "$GATEWAY" 2>/dev/null || :
	assert_sound
}

# each_shell FUNCTION - call FUNCTION once for every shell that is here; $shell holds its words
each_shell() {
	local words
	for words in dash bash 'busybox ash' mksh yash; do
		command -v "${words%% *}" >/dev/null || continue
		read -ra shell <<<"$words"
		printf 'in %s:\n' "$words"
		"$@" # on no account with || here: the function would then go on after a line that failed
	done
}

# hook NAME EVENT SERVER MESSAGE - call it as deliver.py does, in $shell; sets code, said (stdout), warned (stderr)
hook() {
	local name=$1
	shift
	code=0
	"${shell[@]}" "$ROOT/conf/hooks/$name" "$@" </dev/null >"$T/said" 2>"$T/warned" || code=$?
	said=$(cat "$T/said")
	warned=$(cat "$T/warned")
	printf '%s: exit %s: %.500s %.500s\n' "$name" "$code" "$said" "$warned"
}

# given_gateway - an SMS provider on 127.0.0.1 that does what the path says (fixtures/gateway.py); what it is sent lies in
# $T/requests, one JSON object a line
given_gateway() {
	command -v curl >/dev/null || skip 'curl is not here'
	python3 "$ROOT/test/fixtures/gateway.py" "$T" 3>&- &
	GATEWAY=$!
	wait_until "$PATIENCE" test -e "$T/port"
	URL=http://127.0.0.1:$(cat "$T/port")
}

# given_form PATH - sms-http posts a form for two phones to that path of the gateway
given_form() {
	rm -f "$T/requests"
	export HOOK_URL=$URL/$1 HOOK_PHONES='+8613800000000, 555' HOOK_FORM='user=me&to={phone}&msg={message}' HOOK_TIMEOUT=5
}

# request NUMBER EXPRESSION - what the gateway was sent (from 1): r is the request, form its fields
request() {
	python3 -c 'import json, sys, urllib.parse
r = json.loads(open(sys.argv[1]).read().split("\n")[int(sys.argv[2]) - 1])
form = dict(urllib.parse.parse_qsl(r["body"], keep_blank_values=True, strict_parsing="=" in r["body"][:20]))
print(eval(sys.argv[3]), end="")' "$T/requests" "$1" "$2"
}

requests() {
	wc -l <"$T/requests"
}

wait_until() {
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		((tries--)) || return 1
		sleep 0.05 # the pause of the poll
	done
}

# given_conf HOOK - a conf directory in $T with that hook, as a user would have it
given_conf() {
	mkdir -p "$T/conf/hooks"
	install -m 755 "$ROOT/conf/hooks/$1" "$T/conf/hooks/"
}

# deliver WORD... - sets code, said (stdout), warned (stderr)
deliver() {
	code=0
	python3 -E -s "$ROOT/pyhelpers/deliver.py" "$@" >"$T/said" 2>"$T/warned" || code=$?
	said=$(cat "$T/said")
	warned=$(cat "$T/warned")
}

sms_says() {
	hook sms "$1" "$2" "$TEXT"
	[ "$code" -eq 0 ]
	[ -z "$said" ]
	[ "$warned" = "SMS Alert: Server $2 $3"$'\n'"$TEXT"$'\n'"$NO_PHONE" ]
}

NO_PHONE='(only printed: the hook sms reaches no phone; set alert = sms-http)'

@test "sms says the line of the original, the message, and that it reaches no phone, on stderr" {
	each_shell sms_says death msg_server 'is not running'
	each_shell sms_says give_up msg_server 'is not running'
	each_shell sms_says test TEST 'is not running'
}

@test "sms does not say of a server that is back that it is not running" {
	each_shell sms_says recovery msg_server 'is running again'
	each_shell sms_says hung msg_server 'does not answer'
	each_shell sms_says limit msg_server 'is over its limit'
}

@test "sms through deliver.py: the TEST alert is printed as in the original, and kept in sent/" {
	given_conf sms

	deliver test "$T/alerts" "$T/conf" sms

	[ "$code" -eq 0 ]
	[[ $warned == 'SMS Alert: Server TEST is not running'* ]]
	grep -q 'SMS Alert: Server TEST is not running' "$T"/alerts/sent/*.test.sms.json
}

# given_suite - a copy of the suite in $T/suite, called by suite_deliver WORD...; its conf/hooks holds what ships
given_suite() {
	mkdir -p "$T/suite/conf" "$T/conf/hooks"
	cp -r "$ROOT/pyhelpers" "$T/suite/"
	cp -r "$ROOT/conf/hooks" "$T/suite/conf/"
	chmod -R go-w "$T/suite"
}

suite_deliver() {
	ROOT=$T/suite deliver "$@"
}

@test "a hook that CONF_DIR lacks is the one that ships; its own goes before that, broken or not" {
	given_suite

	suite_deliver test "$T/alerts" "$T/conf" sms
	[ "$code" -eq 0 ]
	[[ $warned == 'SMS Alert: Server TEST is not running'* ]]
	suite_deliver fit "$T/conf" sms
	[ "$code" -eq 0 ]

	printf '%s\n' '#!/bin/sh' 'echo mine' >"$T/conf/hooks/sms"
	suite_deliver fit "$T/conf" sms
	[ "$code" -eq 6 ]
	[[ $warned == "sms: $T/conf/hooks/sms is not executable; "* ]]
	chmod 700 "$T/conf/hooks/sms"
	suite_deliver test "$T/alerts" "$T/conf" sms
	[ "$warned" = mine ]
	ln -sf nowhere "$T/conf/hooks/sms"
	suite_deliver fit "$T/conf" sms
	[[ $warned == "sms: $T/conf/hooks/sms is missing; "* ]]
}

@test "a hook that ships gets what CONF_DIR sets for it, and nothing that the suite's own conf sets" {
	given_suite
	# shellcheck disable=SC2016 # it is the hook that expands this
	printf '%s\n' '#!/bin/sh' 'echo "phones: $HOOK_PHONES"' >"$T/suite/conf/hooks/ring"
	chmod 755 "$T/suite/conf/hooks/ring"
	install -m 600 /dev/null "$T/suite/conf/hooks/ring.conf"
	echo 'phones = 1' >"$T/suite/conf/hooks/ring.conf"

	suite_deliver test "$T/alerts" "$T/conf" ring
	[ "$warned" = 'phones: ' ]
	install -m 600 /dev/null "$T/conf/hooks/ring.conf"
	echo 'phones = 2' >"$T/conf/hooks/ring.conf"
	suite_deliver test "$T/alerts" "$T/conf" ring
	[ "$warned" = 'phones: 2' ]
}

@test "a hook that ships and that others may write is not called" {
	given_suite
	chmod 757 "$T/suite/conf/hooks/sms"

	suite_deliver test "$T/alerts" "$T/conf" sms

	[ "$code" -eq 6 ]
	[ "$warned" = "sms: $T/suite/conf/hooks/sms: may be written by others (mode 757); run: chmod go-w $T/suite/conf/hooks/sms" ]
}

posts_form() {
	given_form 200
	MONITOR_HOST=web1 hook sms-http death msg_server "$TEXT"
	[ "$code" -eq 0 ]
	[ "$(requests)" -eq 2 ]
	[ "$(request 1 'form["to"]')" = +8613800000000 ]
	[ "$(request 2 'form["to"]')" = 555 ]
	[ "$(request 1 'form["msg"]')" = "$TEXT" ]
	[ "$(request 1 'form["user"]')" = me ]
	[ "$(request 1 'r["content-type"]')" = application/x-www-form-urlencoded ]
	[ "$(request 1 'r.get("authorization")')" = None ]
}

@test "sms-http posts a form to each phone, and any text comes through" {
	given_gateway

	each_shell posts_form
}

posts_json() {
	given_form 200
	unset HOOK_FORM
	export HOOK_JSON='{"to": ["{phone}"], "text": "{message}", "of": "{server}/{host}/{event}", "at": {time_ms}, "{x}": "\\"}'
	MONITOR_HOST=web1 hook sms-http death msg_server "$TEXT"
	[ "$code" -eq 0 ]
	[ "$(request 2 'json.loads(r["body"])["to"]')" = "['555']" ]
	[ "$(request 1 'json.loads(r["body"])["text"]')" = "$TEXT" ]
	[ "$(request 1 'json.loads(r["body"])["of"]')" = msg_server/web1/death ]
	[ "$(request 1 'json.loads(r["body"])["{x}"]')" = \\ ]
	[[ $(request 1 'json.loads(r["body"])["at"]') =~ ^[0-9]{13}$ ]]
	[ "$(request 1 'r["content-type"]')" = application/json ]
}

@test "sms-http posts JSON from a template, and any text comes through" {
	given_gateway

	each_shell posts_json
}

authorizes() {
	given_form 200
	export HOOK_SECRET='us"er\:pass w{phone}'
	HOOK_AUTH=bearer hook sms-http death msg_server "$TEXT"
	[ "$(request 1 'r["authorization"]')" = "Bearer $HOOK_SECRET" ]
	HOOK_AUTH=basic hook sms-http death msg_server "$TEXT"
	[ "$(request 3 'r["authorization"]')" = "Basic $(printf %s "$HOOK_SECRET" | base64 -w 0)" ]
	HOOK_AUTH=hmac-sha256 hook sms-http death msg_server "$TEXT"
	[ "$(request 5 'r["x-hub-signature-256"]')" = "sha256=$(request 5 'r["body"]' | openssl dgst -sha256 -hmac "$HOOK_SECRET" -r | cut -d' ' -f1)" ]
}

@test "sms-http proves who it is: bearer, basic, hmac-sha256" {
	command -v openssl >/dev/null || skip 'no openssl to check the signature with'
	given_gateway

	each_shell authorizes
}

answers() {
	given_form "$1"
	hook sms-http death msg_server hello
	[ "$code" -eq "$2" ]
}

@test "sms-http: 2xx is sent; 408, 429 and 5xx are tried again; other answers are refusals" {
	given_gateway

	each_shell answers 200 0
	each_shell answers 202 0
	each_shell answers 408 75
	each_shell answers 429 75
	each_shell answers 500 75
	each_shell answers 503 75
	each_shell answers 302 1
	each_shell answers 401 1
	each_shell answers 404 1
	[[ $warned == *'the answer'* ]]
}

@test "sms-http: no answer in time, no HTTP, a closed or refused connection are tried again" {
	given_gateway

	each_shell answers garbage 75
	each_shell answers midway 75
	each_shell answers reset 75
	given_form silent
	HOOK_TIMEOUT=0.3 hook sms-http death msg_server hello
	[ "$code" -eq 75 ]
	[[ $said == *'not sent to 555:'*'timed out'* ]]
	HOOK_URL=http://127.0.0.1:1/ hook sms-http death msg_server hello
	[ "$code" -eq 75 ]
}

@test "sms-http: a 2xx whose body breaks off or never ends means that the message is sent" {
	given_gateway

	each_shell answers short 0
	each_shell answers flood 0
}

waits_as_told() {
	given_form 429/600
	hook sms-http death msg_server hello
	[ "$code" -eq 75 ]
	[ "$(requests)" -eq 1 ] # nor is the second phone tried
	[[ $said =~ not\ before\ ([0-9]+) ]]
	((BASH_REMATCH[1] > $(date +%s) + 300 && BASH_REMATCH[1] <= $(date +%s) + 600))
	local earlier=$said
	MONITOR_LAST_OUTPUT=$earlier hook sms-http death msg_server hello
	[ "$code" -eq 75 ]
	[ "$(requests)" -eq 1 ]
	MONITOR_LAST_OUTPUT=$said hook sms-http death msg_server hello
	[ "$(requests)" -eq 1 ]
	given_form 200
	MONITOR_LAST_OUTPUT="not before $(($(date +%s) - 1))" hook sms-http death msg_server hello
	[ "$code" -eq 0 ]
	[ "$(requests)" -eq 2 ]
}

@test "sms-http makes no request before the time that Retry-After names" {
	curl --version | awk '{ split($2, v, "."); exit v[1] * 1000 + v[2] < 7083 }' || skip 'curl is older than 7.83'
	given_gateway

	each_shell waits_as_told
}

waits_not() {
	given_form 200
	MONITOR_LAST_OUTPUT="not before $1" hook sms-http death msg_server hello
	[ "$code" -eq 0 ]
	[ "$(requests)" -eq 2 ]
}

@test "sms-http waits for no time that is none, or too far" {
	given_gateway

	each_shell waits_not 99999999999
	each_shell waits_not 00000000009
	each_shell waits_not 'x'
	each_shell waits_not ''
	each_shell answers 429/08 75
	each_shell answers 503/-1 75
	[[ $said != *'not before'* ]]
}

believes_no_answer() {
	given_form "$1"
	"${shell[@]}" "$ROOT/conf/hooks/sms-http" death msg_server hello >"$T/printed" 2>&1 || [ $? -eq 75 ] # one pipe, as there
	given_form 200
	MONITOR_LAST_OUTPUT=$(cat "$T/printed") hook sms-http death msg_server hello
	[ "$code" -eq 0 ]
	[ "$(requests)" -eq 2 ]
}

@test "sms-http: what an answer says of phones and times is not believed" {
	given_gateway

	each_shell believes_no_answer spoof
	each_shell believes_no_answer spoof/555
}

@test "sms-http follows no redirect, and posts to nothing but http and https" {
	given_gateway
	given_form 200

	HOOK_URL=file:///etc/passwd hook sms-http death msg_server hello

	[ "$code" -eq 75 ]
	[[ $said$warned != *root:* ]]
}

@test "sms-http: one phone that fails has the message tried again, and those that got it do not get it twice" {
	given_gateway
	given_conf sms-http
	printf '%s\n' "url = $URL/only/2" 'phones = 1 2 3' 'form = to={phone}&m={message}' >"$T/conf/hooks/sms-http.conf"
	chmod 600 "$T/conf/hooks/sms-http.conf"
	env PYTHONPATH="$ROOT/pyhelpers" python3 -s -m state.spool "$T/alerts" incident=i event=death hook=sms-http server=s message=m

	deliver run "$T/alerts" "$T/conf"
	[[ $said == 'later sms-http i.death.sms-http 75 5'* ]]
	sed -i 's,only/2,200,' "$T/conf/hooks/sms-http.conf"
	sed -i 's/"next": [0-9.]*/"next": 0/' "$T/alerts/new/i.death.sms-http.json"
	deliver run "$T/alerts" "$T/conf"

	[[ $said == 'sent sms-http i.death.sms-http '* ]]
	[ "$(for number in 1 2 3 4 5; do request "$number" 'form["to"]'; done)" = 12313 ]
	[ "$(requests)" -eq 5 ]
}

@test "sms-http: one refused among others is a refusal when the others are done" {
	given_gateway
	given_form 404

	MONITOR_LAST_OUTPUT=$'x\nsent to 555\n' hook sms-http death msg_server hello

	[ "$code" -eq 1 ]
	[ "$(requests)" -eq 1 ]
	[[ $said == 'sent to 555'* ]]
}

# given_witness - programs that write down their arguments, then run as usual, first in PATH
given_witness() {
	local program path
	mkdir -p "$T/bin"
	for program in curl awk python3 head date printf cat sed grep; do
		path=$(PATH=/usr/bin:/bin command -p -v "$program") && [ -x "$path" ] || path=/usr/bin/$program
		printf '%s\n' '#!/bin/sh' "for word; do echo \"\$word\"; done >>'$T/arguments'" "exec $path \"\$@\"" >"$T/bin/$program"
		chmod 755 "$T/bin/$program"
	done
}

keeps_secrets() {
	given_form 200
	: >"$T/arguments"
	PATH=$T/bin:$PATH HOOK_AUTH=$1 HOOK_SECRET=sesame:open HOOK_URL="$URL/200?key=treasure" hook sms-http death s hello
	[ "$code" -eq 0 ]
	grep -q -- --max-time "$T/arguments"
	run -1 grep -e sesame -e treasure "$T/arguments"
}

@test "sms-http: neither the secret nor the url is an argument of any program" {
	given_gateway
	given_witness

	each_shell keeps_secrets bearer
	each_shell keeps_secrets basic
	each_shell keeps_secrets hmac-sha256
}

lacks() {
	hook sms-http death msg_server hello
	[ "$code" -eq 75 ]
	[ "$warned" = "sms-http: $1" ]
}

@test "sms-http without curl, or half set up, says what is missing and loses no message" {
	local file='in sms-http.conf'
	each_shell lacks "no url; set it $file, see sms-http.conf.example"
	export HOOK_URL=http://127.0.0.1:1/
	each_shell lacks "no phones; set them $file"
	export HOOK_PHONES=555
	each_shell lacks "set form or json $file, one of the two"
	export HOOK_FORM='{phone}'
	HOOK_JSON=x each_shell lacks "set form or json $file, one of the two"
	HOOK_AUTH=bearer each_shell lacks "auth = bearer needs a secret $file"
	HOOK_AUTH=hmac-sha256 each_shell lacks "auth = hmac-sha256 needs a secret $file"
	HOOK_AUTH=basic HOOK_SECRET=x each_shell lacks "auth = basic needs secret = USER:PASSWORD $file"
	HOOK_AUTH=digest each_shell lacks "auth is none, bearer, basic or hmac-sha256; set one $file"
	HOOK_TIMEOUT=5m each_shell lacks "timeout is a number of seconds; set it $file"

	shell=(env PATH=/nonexistent "$(command -v dash)")
	lacks 'curl is not installed; run: apt-get install curl'
}

@test "no key and no phone ships: the example is comments, and there is no sms-http.conf" {
	run -1 grep -v -e '^#' -e '^$' "$ROOT/conf/hooks/sms-http.conf.example"
	[ -z "$(cd "$ROOT" && git ls-files conf/hooks/sms-http.conf)" ]
	grep -q 'chmod 600' "$ROOT/conf/hooks/sms-http.conf.example"
}
