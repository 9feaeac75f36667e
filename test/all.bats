#!/usr/bin/env bats
# `all` is all that is watched and all of conf: also an instance that no file in conf/servers names, and a server whose
# file is gone.

load helpers
load fixtures/orders

# given_instances - business@A and business@B, and web, RUNNING under one monitor; conf also has other, which no one
# watches.  No file names A and B.
given_instances() {
	A=business@$(free_port) B=business@$(free_port)
	given_server business "command = ./business --port {port}" "port = $(free_port)" 'match = business {port}' \
		'pid_from = own'
	given_server web
	monitor_start "$A" "$B" web
	runs "$A"
	runs "$B"
	runs web
	DEFAULT=business@$(sed -n 's/^port = //p' "$CONF/servers/business.conf")
}

# names_said - prints what the last suite_ends has named, in order
names_said() {
	sed '/^[0-9]* servers: /d' "$SAID" | grep -o '^[a-z@0-9]*' | sort -u | paste -sd , -
}

# sorted NAME... - prints them in that form
sorted() {
	printf '%s\n' "$@" | sort | paste -sd , -
}

@test "status of all: the instances that are watched, and what conf has beside them" {
	given_instances

	suite_ends 3 status all
	assert_equal 'all' "$(names_said)" "$(sorted "$A" "$B" "$DEFAULT" web)"
	suite_ends 3 status
	assert_equal 'without a name' "$(names_said)" "$(sorted "$A" "$B" "$DEFAULT" web)"
}

@test "stop, start and restart of all" {
	given_instances
	first=$(pid_of "$A") second=$(pid_of web)

	suite_ends 0 stop all
	assert_equal 'stopped' "$(names_said)" "$(sorted "$A" "$B" "$DEFAULT" web)"
	is_gone "$first"
	is_gone "$second"
	suite_ends 0 start all
	assert_equal 'started' "$(names_said)" "$(sorted "$A" "$B" "$DEFAULT" web)"
	first=$(pid_of "$B")
	suite_ends 0 restart all
	assert_equal 'restarted' "$(names_said)" "$(sorted "$A" "$B" "$DEFAULT" web)"
	is_gone "$first"
	state_is "$B" RUNNING
}

@test "update: the monitor's instances stay, and those that change are restarted" {
	given_instances
	first=$(pid_of "$A") second=$(pid_of web)
	printf 'nice = 5\n' >>"$CONF/servers/business.conf"

	suite_ends 0 update

	assert_equal 'plan' "$(names_said)" "$(sorted "$A" "$B")"
	pid_differs "$A" "$first"
	running_as web "$second"
}

@test "shutdown --stop-servers stops all that is watched" {
	given_instances
	first=$(pid_of "$A") second=$(pid_of "$B")

	suite_ends 0 shutdown --stop-servers

	is_gone "$first"
	is_gone "$second"
	is_gone "$MONITOR"
	assert_equal 'want' "$(cat "$STATE/servers/$A/want")" up
}

@test "a server whose file is gone is in all until update, and nothing is said of a fault" {
	given_running web api
	rm "$CONF/servers/api.conf"

	suite_ends 0 status
	assert_equal 'all' "$(names_said)" api,web
	suite_ends 0 stop all
	assert_equal 'stopped' "$(<"$SAID")" $'web: stopped\napi: stopped'
	suite_ends 0 update
	suite_ends 3 status
	assert_equal 'all' "$(names_said)" web
}
