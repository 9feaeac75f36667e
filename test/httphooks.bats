#!/usr/bin/env bats
# The hooks that speak HTTP to more than an SMS provider: webhook, alertmanager, apprise. Whatever the other side does.

load helpers
load fixtures/gateways

# --- webhook

# given_webhook PATH [LINE...] - it posts to that path of the gateway
given_webhook() {
	: >"$T/requests"
	given_shipped webhook "url = $URL/$1" "${@:2}"
}

@test "webhook: an ordinary user's message arrives whole, with all that is known" {
	given_stranger
	given_gateway
	given_webhook 200

	call webhook 0 "$LONG" pid=812 cause='signal SEGV' action=restarted count=2

	assert_equal type "$(request 1 'r["content-type"]')" application/json
	assert_equal message "$(request 1 'body["message"]')" "$LONG"
	assert_equal rest "$(request 1 '[body[key] for key in "id event server host pid cause action count incident".split()]')" \
		"['msg_server-812.death', 'death', 'msg_server', 'web1', '812', 'signal SEGV', 'restarted', '2', 'msg_server-812']"
	[[ $(request 1 'body["time"]') =~ ^20[0-9-]+T[0-9:.]+[+-][0-9:]+$ ]]
	assert_equal signature "$(request 1 'r.get("x-signature")')" None
}

@test "webhook: any text comes through" {
	given_gateway
	given_webhook 200

	call webhook 0 "$IN_UCS2"
	call webhook 0 $'"}\n\t\\ \xff {x}\r'

	assert_equal message "$(request 1 'body["message"]')" "$IN_UCS2"
	assert_equal message "$(request 2 'body["message"] == "\"}\n\t\\ \ufffd {x}\r"')" True
}

@test "webhook: with a secret the body is signed, and the secret is in no argument" {
	require openssl
	given_gateway
	given_webhook 200 'secret = sesame: öffne'

	call webhook 0 "$IN_UCS2"

	assert_equal signature "$(request 1 'r["x-signature"]')" "sha256=$(request 1 'r["body"]' | tr -d '\n' |
		openssl dgst -sha256 -hmac 'sesame: öffne' -r | cut -d' ' -f1)"
	run -1 grep -r sesame "$T/requests" # nor is it sent
}

@test "webhook: a user and a password in the url are a header, and shown nowhere" {
	given_gateway
	given_webhook 200
	printf 'url = http://me:op%%3Aen@%s/404\n' "${URL#http://}" >"$CONF/hooks/webhook.conf"

	call webhook 1 hello

	assert_equal header "$(request 1 'r["authorization"]')" "Basic $(printf 'me:op:en' | base64)"
	says_not en@
	printf 'url = http://me:sesame@127.0.0.1:sesame/\n' >"$CONF/hooks/webhook.conf"
	call webhook 75 hello
	says_not sesame
}

# webhook_ends STATUS PATH
webhook_ends() {
	given_webhook "$2"
	call webhook "$1" hello
}

@test "webhook: 2xx is sent; 408, 429 and 5xx are tried again; other answers are refusals, redirects too" {
	given_gateway

	for path in 200 202 204 short flood; do webhook_ends 0 "$path"; done
	for path in 408 429 500 503 spoof; do webhook_ends 75 "$path"; done
	for path in 301 307 400 401 404 elsewhere; do webhook_ends 1 "$path"; done
	says 'not sent: status 302: the answer'
	assert_equal 'requests for the last one' "$(requests)" 1
}

@test "webhook: no HTTP, a closed, reset or refused connection are tried again" {
	given_gateway

	for path in garbage midway reset; do webhook_ends 75 "$path"; done
	printf 'url = http://127.0.0.1:1/\n' >"$CONF/hooks/webhook.conf"
	call webhook 75 hello
	says 'not sent: status 0: [Errno 111] Connection refused'
}

@test "webhook: one that never answers, or a byte now and then, is out of time" {
	given_gateway

	for path in silent drip; do
		given_webhook "$path"
		sed -i 's/^LIMIT = 10 /LIMIT = 1 /' "$CONF/hooks/webhook"
		call webhook 75 hello
		says 'out of time'
	done
}

@test "webhook: no request before the time that Retry-After names" {
	given_gateway
	given_webhook 429/100
	call webhook 75 hello

	calls_again webhook 75 hello
	calls_again webhook 75 hello
	assert_equal requests "$(requests)" 1
	calls_after "not before $(($(date +%s) - 1))" webhook 75 hello
	assert_equal requests "$(requests)" 2
}

@test "webhook: what an answer says of times is not believed" {
	given_gateway
	given_webhook spoof
	call webhook 75 hello

	given_webhook 200
	calls_again webhook 0 hello
}

# --- alertmanager

# given_alertmanager - Alertmanager, which hands on to the gateway at once what begins and what ends
given_alertmanager() {
	require prometheus-alertmanager
	given_gateway
	AM=http://127.0.0.1:$(free_port)
	cat >"$T/am.yml" <<-END
		route: { receiver: phone, group_by: ['...'], group_wait: 1ms, group_interval: 1s, repeat_interval: 1h }
		receivers: [{ name: phone, webhook_configs: [{ url: '$URL/200', send_resolved: true }] }]
	END
	given_background prometheus-alertmanager --config.file="$T/am.yml" --storage.path="$T/am" --cluster.listen-address= \
		--web.listen-address="${AM#http://}"
	wait_until 30 curl -fsS "$AM/-/ready"
	given_shipped alertmanager "url = $AM/"
}

# alerts EXPRESSION - prints it of what Alertmanager has, active: a
alerts() {
	curl -fsS "$AM/api/v2/alerts" | "$(python)" -c 'import json, sys
a = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# was_told STATUS TIMES - has the receiver got so many alerts of that status, firing or resolved?
was_told() {
	[ "$(grep -c "\\\\\"status\\\\\":\\\\\"$1\\\\\",\\\\\"labels" "$T/requests")" -ge "$2" ]
}

@test "alertmanager: death, give up and recovery of an incident are one alert, which begins and ends" {
	given_stranger
	given_alertmanager

	call alertmanager 0 "$IN_UCS2" event=death action='not restarted' cause='signal SEGV'
	wait_until "$PATIENCE" was_told firing 1
	call alertmanager 0 'gave up' event=give_up action='gave up'
	assert_equal alerts "$(alerts '[(x["labels"]["server"], x["annotations"]["event"]) for x in a]')" "[('msg_server', 'give_up')]"
	assert_equal 'days left' "$(alerts '(__import__("datetime").datetime.fromisoformat(a[0]["endsAt"][:19])
		- __import__("datetime").datetime.utcnow()).days')" 6
	call alertmanager 0 'is back' event=recovery action='is back'

	wait_until "$PATIENCE" was_told resolved 1
	assert_equal active "$(alerts '[x for x in a if x["status"]["state"] == "active"]')" '[]'
	assert_equal told "$(request 1 'body["alerts"][0]["annotations"]["summary"]')" "$IN_UCS2"
	assert_equal fingerprint "$(request 1 'body["alerts"][0]["fingerprint"]')" \
		"$(request "$(requests)" 'body["alerts"][0]["fingerprint"]')"
	assert_equal labels "$(request 1 'sorted(body["alerts"][0]["labels"].items())')" \
		"[('alertname', 'ServerIncident'), ('host', 'web1'), ('incident', 'msg_server-812'), ('server', 'msg_server'), $(
		)('severity', 'critical')]"
}

@test "alertmanager: a death that was answered at once is sent too; another incident is another alert" {
	given_alertmanager
	printf '%s\n' "url = $AM/api/v2/alerts" 'severity = page' >"$CONF/hooks/alertmanager.conf"

	call alertmanager 0 died action=restarted
	call alertmanager 0 died action=restarted incident=msg_server-901
	call alertmanager 0 'nothing is wrong' event=test server=TEST incident=test-1

	wait_until "$PATIENCE" was_told firing 3
	assert_equal 'fingerprints' "$(alerts 'len({x["fingerprint"] for x in a})')" 3
	assert_equal severity "$(alerts '{x["labels"]["severity"] for x in a}')" "{'page'}"
}

@test "alertmanager: a recovery that comes late, twice or of nothing is taken" {
	given_alertmanager

	call alertmanager 0 'is back' event=recovery created=1700000000
	call alertmanager 0 'died' action='not restarted'
	call alertmanager 0 'is back' event=recovery
	call alertmanager 0 'is back' event=recovery

	assert_equal active "$(alerts '[x for x in a if x["status"]["state"] == "active"]')" '[]'
}

@test "alertmanager: 5xx, garbage, silence and a closed port are tried again, 4xx is refused" {
	given_gateway
	given_shipped alertmanager "url = $URL/500"
	sed -i 's/^LIMIT = 10 /LIMIT = 1 /' "$CONF/hooks/alertmanager"

	for path in 500 503 429 garbage midway reset silent drip spoof; do
		printf '%s\n' "url = $URL/$path?" >"$CONF/hooks/alertmanager.conf"
		call alertmanager 75 hello
	done
	printf '%s\n' "url = $URL/400?" >"$CONF/hooks/alertmanager.conf"
	call alertmanager 1 hello
	says 'not sent: status 400: the answer'
	printf '%s\n' 'url = http://127.0.0.1:1' >"$CONF/hooks/alertmanager.conf"
	call alertmanager 75 hello
}

# --- apprise

# given_apprise PATH... - it sends to these paths of the gateway
given_apprise() {
	require apprise
	: >"$T/requests"
	local path urls=
	for path; do
		urls="$urls json://me:sesame@${URL#http://}/$path"
	done
	given_shipped apprise "urls =$urls"
}

@test "apprise: an ordinary user's message arrives at each url, whole" {
	given_stranger
	given_gateway
	given_apprise 200 202

	call apprise 0 "$LONG"
	call apprise 0 "$IN_UCS2" event=recovery

	assert_equal requests "$(requests)" 4
	assert_equal message "$(request 1 'body["message"]')" "$LONG"
	assert_equal title "$(request 1 'body["title"], body["type"]')" "('msg_server on web1: death', 'failure')"
	assert_equal message "$(request 4 'body["message"]')" "$IN_UCS2"
	assert_equal type "$(request 4 'body["type"]')" success
}

@test "apprise: one url that fails is tried again, and the others do not get the message twice" {
	given_gateway
	given_apprise 200 500 200
	call apprise 75 hello
	says $'sent to url 1\nnot sent to url 2: it did not take it; see: apprise -vv\nsent to url 3'

	given_apprise 200 200 200
	calls_again apprise 0 hello

	assert_equal requests "$(requests)" 1
}

@test "apprise: a url that means nothing is refused, and what apprise prints about it is not shown" {
	given_gateway
	given_apprise 200
	printf '%s\n' "urls = nonsense-sesame json://${URL#http://}/200" >"$CONF/hooks/apprise.conf"

	call apprise 1 hello

	says $'not sent to url 1: apprise does not know what it means\nsent to url 2'
	says_not sesame
}

@test "no url, secret or password is an argument or in the output of any hook" {
	given_gateway
	local program path
	mkdir "$T/bin"
	for program in apprise curl awk python3 head date printf cat sed grep tr; do
		path=$(command -v "$program" || :)
		printf '%s\n' '#!/bin/sh' "for word; do echo \"\$word\"; done >>'$T/arguments'" "exec '$path' \"\$@\"" >"$T/bin/$program"
		chmod 755 "$T/bin/$program"
	done
	given_webhook '500?key=treasure' 'secret = sesame'
	given_apprise 500
	given_shipped alertmanager "url = http://me:sesame@${URL#http://}/500"

	for hook in webhook apprise alertmanager; do
		PATH=$T/bin:$PATH call "$hook" 75 hello
		says_not sesame
		says_not treasure
	done

	grep -q . "$T/arguments"
	run -1 grep -e sesame -e treasure "$T/arguments"
}
