#!/usr/bin/env bats
# What monitors and operators may do in etcd, by conf/examples/fleet/roles: each is tried, and so is what they may not.

load helpers
load fixtures/fleet

# ask WORD... - speak with etcd: fixtures/ask_etcd.py with these logins reads calls from the standard input
ask() {
	timeout 60 "$(python)" -E -s "$FIXTURES/ask_etcd.py" "$ROOT/pyhelpers" http "$ETCD" "$@" 3>&-
}

# admin WORD... - etcdctl, as root of etcd
admin() {
	ETCDCTL_API=3 timeout 20 etcdctl --endpoints "http://$ETCD" "$@" 3>&-
}

# given_roles - an etcd that asks who it is: monitor (mword) for machines, alice (aword) for a person, nobody (nword)
given_roles() {
	require etcdctl
	given_etcd
	ETCDCTL_ENDPOINTS=http://$ETCD timeout 60 "${SHELL_WORDS[@]}" "$ROOT/conf/examples/fleet/roles" prod tick >/dev/null 3>&-
	admin user add root:secret
	admin user grant-role root root
	admin user add monitor:mword
	admin user grant-role monitor monitor-prod
	admin user add alice:aword
	admin user grant-role alice operator-prod
	admin user add nobody:nword
	admin auth enable
} >/dev/null

# login_of HOST USER PASSWORD - the fleet.conf of that machine
login_of() {
	printf 'user = %s\npassword = %s\n' "$2" "$3" >"$BATS_TEST_TMPDIR/$1/conf/fleet.conf"
	chmod 600 "$BATS_TEST_TMPDIR/$1/conf/fleet.conf"
}

@test "roles: a monitor writes no operator's word, an operator no lock, and neither anything else" {
	given_roles

	run -0 ask user=monitor password=mword <<-'END'
		put /monitor/prod/one/tick x
		put /monitor/prod/beats/im1 x
		lease /monitor/prod/hosts/im1 x
		get /monitor/prod/one/tick.want
		count /monitor/prod/
		put /monitor/prod/one/tick.want down
		put /monitor/prod/one/other x
		put /monitor/prod/one/tickx x
		put /monitor/test/one/tick x
		get /monitor/test/one/tick
		count /monitor/
		put /a x
	END
	no='refused: permission denied'
	assert_equal 'a monitor' "$(paste -sd ' ' <<<"$output")" "done done True False - 3 $no $no $no $no $no $no $no"
	run -0 ask user=alice password=aword <<-'END'
		put /monitor/prod/one/tick.want down
		get /monitor/prod/one/tick
		count /monitor/prod/hosts/
		put /monitor/prod/one/tick x
		put /monitor/prod/one/other.want x
		put /monitor/prod/beats/im1 x
		put /monitor/prod/hosts/im1 x
		get /a
	END
	assert_equal 'an operator' "$(paste -sd ' ' <<<"$output")" "done x 1 $no $no $no $no $no"
	run -0 ask user=nobody password=nword <<<'get /monitor/prod/one/tick'
	assert_equal 'a user without a role' "$output" "$no"
	run -0 ask <<<'get /monitor/prod/one/tick'
	[[ $output == 'refused: '* ]]
	for who in monitor:mword alice:aword; do
		run ! admin --user "$who" user add mallory:x
		[[ $output == *'permission denied'* ]]
		run ! admin --user "$who" role grant-permission --prefix=true monitor-prod readwrite /
		[[ $output == *'permission denied'* ]]
		run ! admin --user "$who" auth disable
		[[ $output == *'permission denied'* ]]
	done
}

@test "roles: a monitor runs its singleton with them, and only an operator's own login moves it" {
	given_roles
	for host in im1 im2; do
		given_machine "$host"
		login_of "$host" monitor mword
		machine_up "$host"
		on im1 wait_until "$PATIENCE" state_is tick RUNNING
	done
	on im2 wait_until "$PATIENCE" message_says tick 'runs on im1'
	mkdir "$BATS_TEST_TMPDIR/alice" "$BATS_TEST_TMPDIR/alice/conf"
	login_of alice alice aword

	on im1 suite_ends 1 move tick im2
	on im1 grep -qF 'move: etcd does not take the word: permission denied' "$SAID"
	MONITOR_FLEET=$BATS_TEST_TMPDIR/none on im1 suite_ends 4 move tick im2
	on im1 grep -qF "none: cannot be read; name a file of yours in MONITOR_FLEET" "$SAID"
	on im1 state_is tick RUNNING
	export MONITOR_FLEET=$BATS_TEST_TMPDIR/alice/conf/fleet.conf
	on im1 suite_ends 0 move tick im2

	on im2 wait_until "$PATIENCE" state_is tick RUNNING
	on im1 suite_ends 0 status --fleet
	on im1 grep -qE "^tick +im2 +" "$SAID"
	judge
}

@test "roles: run again for a new singleton, they keep what is there" {
	given_roles
	export ETCDCTL_USER=root:secret ETCDCTL_ENDPOINTS=http://$ETCD
	run -2 "${SHELL_WORDS[@]}" "$ROOT/conf/examples/fleet/roles"
	[ "$output" = 'usage: roles FLEET [SINGLETON...]' ]

	"${SHELL_WORDS[@]}" "$ROOT/conf/examples/fleet/roles" prod other >/dev/null 3>&-

	run -0 ask user=monitor password=mword <<<$'put /monitor/prod/one/other x\nput /monitor/prod/one/tick x'
	assert_equal 'both' "$(paste -sd ' ' <<<"$output")" 'done done'
}
