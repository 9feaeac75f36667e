#!/usr/bin/env bats
# The hooks that ship, each against what it is made for: an SMS daemon with its modem, a mail server, syslog, a program
# of the user's. What a person would read arrives as it was said, and an ordinary user can send it.

load helpers
load fixtures/gateways

# --- gammu

# given_gammu - gammu-smsd's conf, with a phone that gammu plays itself
given_gammu() {
	require gammu-smsd gammu-smsd-inject
	mkdir "$T/in" "$T/out" "$T/sent" "$T/error" "$T/phone"
	chmod 777 "$T/out"
	cat >"$T/gammurc" <<-END
		[gammu]
		device = $T/phone
		connection = none
		model = dummy
		[smsd]
		service = files
		logfile = $T/gammu.log
		inboxpath = $T/in/
		outboxpath = $T/out/
		sentsmspath = $T/sent/
		errorsmspath = $T/error/
		outboxformat = detail
		commtimeout = 1
		sendtimeout = 5
	END
	given_shipped gammu "config = $T/gammurc" 'phones = +8613800000000, 555'
}

# gammu_text DIR NUMBER - prints alphabet and text of the message for NUMBER there, of which gammu keeps the letters in hex
gammu_text() {
	"$(python)" -c 'import glob, re, sys
text = open(glob.glob(f"{sys.argv[1]}/*_{sys.argv[2]}_*")[0]).read().split("[SMSBackup")[1] # it stands twice in what was sent
hexed = "".join(re.findall(r"^Text\d+ = (.*)$", text, re.M))
print(re.search(r"^Coding = ([A-Za-z]+)", text, re.M)[1], bytes.fromhex(hexed).decode("utf-16-be"))' "$1" "$2"
}

# has_files DIR NUMBER
has_files() {
	[ "$(find "$1" -type f | wc -l)" -eq "$2" ]
}

@test "gammu: the message is sent to each phone by the daemon, in GSM's letters where they do" {
	given_gammu
	given_background gammu-smsd -c "$T/gammurc"

	call gammu 0 "$IN_GSM"

	says 'sent to +8613800000000'
	says 'sent to 555'
	wait_until 30 has_files "$T/sent" 2
	has_files "$T/error" 0
	assert_equal sent "$(gammu_text "$T/sent" +8613800000000)" "Default $IN_GSM"
	assert_equal sent "$(gammu_text "$T/sent" 555)" "Default $IN_GSM"
}

@test "gammu: Chinese, a backquote and an emoji arrive" {
	given_gammu

	call gammu 0 "$IN_UCS2"

	assert_equal queued "$(gammu_text "$T/out" 555)" "Unicode $IN_UCS2"
}

@test "gammu: a message that looks like an option is a message, and a phone that does is refused" {
	given_gammu
	printf '%s\n' "config = $T/gammurc" 'phones = -unicode 555' >"$CONF/hooks/gammu.conf"

	call gammu 1 '-unicode'

	says 'not sent to -unicode: not a phone number'
	has_files "$T/out" 1
	assert_equal queued "$(gammu_text "$T/out" 555)" 'Default -unicode'
}

@test "gammu: an outbox that cannot be written is tried again, and the others do not get the message twice" {
	given_stranger
	given_gammu
	[ -n "${AS[*]}" ] || skip 'needs root, to take a directory away from the user'
	chmod 755 "$T/out"
	call gammu 75 hello
	says 'not sent to 555: '
	chmod 777 "$T/out"

	calls_after 'sent to 555' gammu 0 hello

	has_files "$T/out" 1
	says $'sent to 555\nsent to +8613800000000'
}

# --- smstools

# given_smstools - the spool directories of smsd
given_smstools() {
	require smsd iconv
	mkdir -p "$T/outgoing" "$T/checked" "$T/failed" "$T/sent" "$T/incoming"
	chmod 777 "$T/outgoing"
	given_shipped smstools "outgoing = $T/outgoing" 'phones = +491701, 491702'
}

# given_modem - smsd, and the modem of fixtures/modem.py; what it sends lies in $T/modem.book
given_modem() {
	given_background "$(python)" "$FIXTURES/modem.py" "$T/modem" "$T/modem.book"
	wait_until "$PATIENCE" test -e "$T/modem"
	cat >"$T/smsd.conf" <<-END
		devices = GSM1
		outgoing = $T/outgoing
		checked = $T/checked
		failed = $T/failed
		sent = $T/sent
		incoming = $T/incoming
		logfile = $T/smsd.log
		infofile = $T/smsd.info
		pidfile = $T/smsd.pid
		delaytime = 1
		errorsleeptime = 1
		executable_check = no
		[GSM1]
		device = $T/modem
		incoming = no
		communication_delay = 0
	END
	given_background smsd "-c$T/smsd.conf" -t
}

# modem_sent NUMBER - prints alphabet and text of what the modem sent there
modem_sent() {
	"$(python)" -c 'import json, sys
for line in open(sys.argv[1]):
    sms = json.loads(line)
    if sms["to"] == sys.argv[2]:
        print(sms["coding"], sms["text"])' "$T/modem.book" "$1"
}

modem_has_sent() {
	[ "$(grep -c . "$T/modem.book")" -ge "$1" ]
}

@test "smstools: the modem sends the message to each phone, in GSM's letters where they do" {
	given_smstools
	given_modem

	call smstools 0 "$IN_GSM"

	wait_until 30 modem_has_sent 2
	assert_equal sent "$(modem_sent 491701)" "gsm $IN_GSM"
	assert_equal sent "$(modem_sent 491702)" "gsm $IN_GSM"
}

@test "smstools: the modem sends Chinese, a backquote and an emoji, and all that comes behind" {
	given_smstools
	given_modem

	call smstools 0 "$IN_UCS2"

	wait_until 30 modem_has_sent 2
	assert_equal sent "$(modem_sent 491701)" "ucs2 $IN_UCS2"
}

@test "smstools: no message can pose as a header, no phone as an option; files are for smsd's group" {
	given_smstools
	printf '%s\n' "outgoing = $T/outgoing" 'phones = -x 491701' >"$CONF/hooks/smstools.conf"

	call smstools 1 'To: 666'

	says 'not sent to -x: not a phone number'
	has_files "$T/outgoing" 1
	assert_equal file "$(cat "$T"/outgoing/*)" $'To: 491701\nAlphabet: ISO\n\nTo: 666'
	assert_equal mode "$(stat -c %a "$T"/outgoing/*)" 660
}

@test "smstools: a full disk keeps the message from all phones, and leaves nothing behind" {
	given_smstools
	rmdir "$T/outgoing"
	given_disk "$T/outgoing" 8k
	chmod 777 "$T/outgoing"
	fill_disk "$T/outgoing"

	call smstools 75 hello

	says "smstools: a file in $T/outgoing cannot be written"
	assert_equal left "$(ls -A "$T/outgoing")" filler
	rm "$T/outgoing/filler"
	calls_again smstools 0 hello
	has_files "$T/outgoing" 2
}

@test "smstools: an ordinary user who may not write there learns what to do" {
	given_stranger
	given_smstools
	[ -n "${AS[*]}" ] || skip 'needs root, to take a directory away from the user'
	chmod 755 "$T/outgoing"

	call smstools 75 hello

	says "smstools: no file can be made in $T/outgoing; be in the group of smsd"
	chmod 777 "$T/outgoing"
	calls_again smstools 0 hello
}

# --- mail

# given_mail [LINE...] - a mail server, and sendmail that takes mail there; what comes lies in $T/mail.1, ...
given_mail() {
	given_background "$(python)" "$FIXTURES/smtp_sink.py" "$T"
	wait_until "$PATIENCE" test -e "$T/smtp-port"
	given_shipped mail "sendmail = '$(python)' '$FIXTURES/sendmail.py' $(<"$T/smtp-port")" "$@"
}

# mail NUMBER EXPRESSION - prints what stands in that mail (from 1), m
mail() {
	"$(python)" -c 'import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
print(eval(sys.argv[2]))' "$T/mail.$1" "$2"
}

@test "mail: an ordinary user's mail arrives, with all of the message and what is known" {
	given_stranger
	given_mail 'to = ops@example.com, Übel <boss@example.com>' 'from = Monitor <monitor@example.com>'

	call mail 0 "$LONG" cause='signal SEGV' count=2

	assert_equal envelope "$(mail 1 'm["x-envelope"]')" 'monitor@example.com ops@example.com boss@example.com'
	assert_equal to "$(mail 1 'm["to"]')" 'ops@example.com, Übel <boss@example.com>'
	[[ $(mail 1 'm.get_content()') == "$LONG"* ]]
	[[ $(mail 1 'm.get_content()') == *'cause: signal SEGV'* ]]
	assert_equal 'kind' "$(mail 1 'm["auto-submitted"]')" auto-generated
}

@test "mail: any subject is one line, and no message adds a header" {
	given_mail 'to = ops@example.com'

	HOOK_TO=ops@example.com HOOK_SENDMAIL=$(sed -n 's/^sendmail = //p' "$CONF/hooks/mail.conf") \
		"$CONF/hooks/mail" death msg_server $'-短信 é\nBcc: evil@example.com\r\n.\nX: y' </dev/null

	assert_equal subject "$(mail 1 'm["subject"]')" '-短信 é Bcc: evil@example.com . X: y'
	assert_equal bcc "$(mail 1 'm["bcc"]')" None
	[[ $(mail 1 'm["x-envelope"]') != *evil* ]]
	run -1 env LC_ALL=C grep -P '[^\x00-\x7f]' "$T/mail.1"
}

@test "mail: an incident is one thread, and what comes twice has one Message-ID" {
	given_mail 'to = ops@example.com'

	call mail 0 'died'
	call mail 0 'is back' event=recovery
	call mail 0 'died'
	call mail 0 'died again' incident=msg_server-901

	assert_equal thread "$(mail 2 'm["references"]')" "$(mail 1 'm["references"]')"
	assert_equal 'recovery is its own' "$([ "$(mail 2 'm["message-id"]')" = "$(mail 1 'm["message-id"]')" ] || echo yes)" yes
	assert_equal 'said again' "$(mail 3 'm["message-id"]')" "$(mail 1 'm["message-id"]')"
	assert_equal 'another thread' "$([ "$(mail 4 'm["references"]')" = "$(mail 1 'm["references"]')" ] || echo yes)" yes
}

@test "mail: no mail server is tried again, no such user is refused" {
	given_mail 'to = deny@example.com'

	call mail 1 hello
	sed -i 's/^sendmail.*/sendmail = false/' "$CONF/hooks/mail.conf"
	call mail 75 hello
	sed -i "s|^sendmail.*|sendmail = '$(python)' '$FIXTURES/sendmail.py' 1|" "$CONF/hooks/mail.conf"
	call mail 75 hello
	sed -i 's/^sendmail.*/sendmail = sendmail-is-not-here/' "$CONF/hooks/mail.conf"
	call mail 75 hello

	says 'mail: sendmail is not installed; run: apt-get install msmtp-mta, or set sendmail in mail.conf'
}

# --- syslog

# given_syslog - a syslog that listens at $T/log; what it gets lies in $T/syslog, a line each
given_syslog() {
	require logger
	given_background "$(python)" -c 'import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(sys.argv[1] + "/log.new")
os.chmod(sys.argv[1] + "/log.new", 0o666)
os.rename(sys.argv[1] + "/log.new", sys.argv[1] + "/log")
while True:
    with open(sys.argv[1] + "/syslog", "ab") as book:
        book.write(log.recv(65536) + b"\n")' "$T"
	wait_until "$PATIENCE" test -S "$T/log"
	given_shipped syslog "socket = $T/log" "$@"
}

@test "syslog: an ordinary user's message is there, one line of its event's severity" {
	given_stranger
	given_syslog 'facility = local3' 'tag = im'

	call syslog 0 $'-web1: 短信 died\nlocal0.emerg: forged' event=give_up
	call syslog 0 'is back' event=recovery

	wait_until "$PATIENCE" grep -q 'is back' "$T/syslog"
	assert_equal lines "$(wc -l <"$T/syslog")" 2
	grep -q '^<154>.*im: -web1: 短信 died local0.emerg: forged$' "$T/syslog" # 19 * 8 + crit
	grep -q '^<157>.*im: is back$' "$T/syslog"
}

@test "syslog: none there is tried again" {
	given_shipped syslog "socket = $T/log"

	call syslog 75 hello

	says "syslog: there is no syslog at $T/log; set socket in syslog.conf"
}

# --- command

@test "command: a program of the user's gets the message on stdin, its own words, and nothing else" {
	# shellcheck disable=SC2016 # it is that program that expands these
	printf '%s\n' '#!/bin/sh' 'out=$1; shift' 'printf "<%s>" "$@" "$MONITOR_EVENT" "$(cat)" >"$out"' 'exit 75' >"$T/program"
	chmod 755 "$T/program"
	given_shipped command "command = $T/program $T/told 'night shift' \$(id) ;"

	call command 75 "$IN_UCS2"

	assert_equal told "$(<"$T/told")" "<night shift><\$(id)><;><death><$IN_UCS2>"
}

@test "command: one that is not there, or not set, is tried again" {
	given_shipped command 'command = /nonexistent/program'
	call command 75 hello
	says 'command: cannot be run ('

	given_shipped command
	call command 75 hello

	says 'none is set'
}

# --- all

# runs_in_each_shell - the hooks that are shell, in the shell at $1
runs_in_each_shell() {
	local hook
	for hook in gammu smstools syslog apprise sms-http; do
		sed -i "1s|.*|#!$1|" "$CONF/hooks/$hook"
		call "$hook" 0 "$IN_UCS2"
	done
	assert_equal gammu "$(gammu_text "$T/out" 555)" "Unicode $IN_UCS2"
	assert_equal smstools "$(tail -n +4 "$T"/outgoing/* | iconv -f UTF-16BE -t UTF-8)" "$IN_UCS2"
	wait_until "$PATIENCE" grep -q -F -- "monitor: $IN_UCS2" "$T/syslog"
	assert_equal 'apprise and sms-http' "$(request 1 'body["message"]')$(request 2 'body["m"]')" "$IN_UCS2$IN_UCS2"
	rm "$T"/out/* "$T"/outgoing/* "$T/requests"
	: >"$T/syslog"
}

@test "the hooks that are shell are the same in every shell that may be sh" {
	require apprise
	given_gammu
	given_smstools
	given_syslog
	given_gateway
	printf '%s\n' "config = $T/gammurc" 'phones = 555' >"$CONF/hooks/gammu.conf"
	printf '%s\n' "outgoing = $T/outgoing" 'phones = 555' >"$CONF/hooks/smstools.conf"
	given_shipped apprise "urls = json://${URL#http://}/200"
	given_shipped sms-http "url = $URL/200" 'phones = 555' 'json = {"to": "{phone}", "m": "{message}"}'

	for shell in dash bash 'busybox ash' mksh yash; do
		! command -v "${shell%% *}" >/dev/null || runs_in_each_shell "$(command -v "${shell%% *}")${shell#"${shell%% *}"}"
	done
}

@test "each hook that ships has an example of its conf, all comments, and no conf" {
	local hook
	cd "$ROOT/conf/hooks"

	for hook in *; do
		case $hook in *.example | sms) continue ;; esac
		[ -e "$hook.conf.example" ] || assert_equal "example of $hook" none "$hook.conf.example"
		run -1 grep -v -e '^#' -e '^$' "$hook.conf.example"
		grep -q 'chmod 600' "$hook.conf.example"
		[ -x "$hook" ]
	done
	[ -z "$(git ls-files '*.conf')" ]
}

@test "each hook that is not set up says so, and loses no message" {
	local hook
	for hook in gammu smstools mail alertmanager webhook apprise command sms-http; do
		given_shipped "$hook"

		call "$hook" 75 hello

		says "$hook.conf"
	done
}
