#!/usr/bin/env bats
# What check says of a fleet: of conf, of etcd as it runs, of other machines, of the clock.
# shellcheck disable=SC2030,SC2031 # each test has an etcd of its own

load helpers
load fixtures/fleet

# admin WORD... - etcdctl, as root of etcd
admin() {
	require etcdctl
	ETCDCTL_API=3 timeout 20 etcdctl --endpoints "http://$ETCD" "$@" >/dev/null 3>&-
}

# given_good_etcd [WORD...] - one of which nothing is to be said but that it asks no one who they are
given_good_etcd() {
	given_etcd --auto-compaction-retention=5m "$@"
}

# checks STATUS [TEXT...] - check of im1 ends with that, and says of the fleet just these, in any order
checks() {
	on im1 suite_ends "$1" check
	on im1 sed -n 's/^[^ ]*: \(warning: \)\{0,1\}\(.*\)$/\2/p' "$SAID" | grep -v -e 'only prints' -e '^none can be made here' | sort >"$BATS_TEST_TMPDIR/is"
	printf '%s\n' "${@:2}" | grep . | sort >"$BATS_TEST_TMPDIR/wanted" || :
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/is"
}

OPEN='fleet: etcd asks no one who they are: all that reach it may stop what runs; see conf/examples/fleet/roles'

@test "check: a lease that is too short for the stop of a singleton, a singleton without a fleet, a name that is a key" {
	ETCD=127.0.0.1:1
	given_machine im1 'stop = TERM 2s KILL'
	printf '%s\n' 'dir = /' 'command = /bin/sleep 1d' 'singleton = yes' >"$BATS_TEST_TMPDIR/im1/conf/servers/a.want.conf"
	checks 6 'fleet_lease: 4s is too short for the stop of a.want, which takes up to 5s; set 18s, or a shorter stop' \
		'fleet_lease: 4s is too short for the stop of tick, which takes up to 2s; set 8s, or a shorter stop' \
		'singleton: a name that ends in .want is a key of etcd already; rename it'

	sed -i '/^fleet/d' "$BATS_TEST_TMPDIR/im1/conf/monitor.conf"

	checks 6 'singleton: needs a fleet; set fleet in monitor.conf' \
		'singleton: needs a fleet; set fleet in monitor.conf' \
		'singleton: a name that ends in .want is a key of etcd already; rename it'
}

@test "check: http to another machine is a warning, a password over it an error" {
	ETCD=192.0.2.1:2379
	given_machine im1
	on im1 suite_ends 0 check
	on im1 grep -qF 'monitor.conf:5: warning: fleet: http to 192.0.2.1:2379: everyone on the way may read and write; use https://' "$SAID"

	printf '%s\n' 'user = monitor' 'password = word' >"$BATS_TEST_TMPDIR/im1/conf/fleet.conf"
	chmod 600 "$BATS_TEST_TMPDIR/im1/conf/fleet.conf"

	on im1 suite_ends 6 check
	on im1 grep -qF 'monitor.conf:5: fleet: the password would go over the network as it is; write https://' "$SAID"
}

@test "check: of an etcd as it should be nothing is said; of one that keeps all history, or may lose its leader" {
	given_good_etcd
	given_machine im1
	checks 0 "$OPEN"
	kill -KILL "$ETCD_PID"
	wait_until "$PATIENCE" is_gone "$ETCD_PID"

	etcd_start --auto-compaction-retention 0 --pre-vote=false

	history="fleet: etcd at $ETCD has never dropped old history; start it with --auto-compaction-retention=5m"
	leader="fleet: etcd at $ETCD loses its leader when a member comes back from a cut; start it with --pre-vote"
	[[ $(etcd --version) == *' 3.4.'* ]] || leader= # later ones do so by default
	checks 0 "$OPEN" "$history" "$leader"
	admin put /a 1
	admin put /a 2
	admin compact 2
	checks 0 "$OPEN" "$leader"
}

@test "check: of an etcd whose file has half of its quota, and of a member that does not answer" {
	given_good_etcd --quota-backend-bytes 30000
	given_machine im1
	sed -i "s|^fleet = .*|fleet = etcd://$ETCD,127.0.0.1:1/prod|" "$BATS_TEST_TMPDIR/im1/conf/monitor.conf"

	wait_until "$PATIENCE" checks_quota # it may grow between two looks at its size
}

# checks_quota - check says how much of 30000 bytes the file of etcd has, as its metrics do
checks_quota() {
	local size
	size=$(curl -s "http://$ETCD/metrics" | sed -n 's/^etcd_mvcc_db_total_size_in_bytes //p')
	checks 0 "$OPEN" 'fleet: 127.0.0.1:1 does not answer: Connection refused' \
		"fleet: the file of etcd at $ETCD has $((size * 100 / 30000))% of its quota, and at 100% no singleton runs; compact and defragment it (etcdctl), or raise --quota-backend-bytes"
}

@test "check: another machine has our name, or another lease; this one, while its monitor runs, is no other" {
	given_good_etcd
	given_machine im1
	machine_up im1
	on im1 wait_until "$PATIENCE" shows_host im1
	checks 0 "$OPEN"
	twin='host: another machine calls itself im1, too; set host on one of them'
	given_machine im2
	sed -i 's/^host = .*/host = im1/' "$BATS_TEST_TMPDIR/im2/conf/monitor.conf"

	machine_up im2
	on im1 wait_until "$PATIENCE" checks 0 "$OPEN" "$twin"

	admin put /monitor/prod/hosts/im1 '{"boot": "other", "nonce": "other"}'
	admin put /monitor/prod/hosts/im3 '{"boot": "other", "lease_ms": "5000"}'
	checks 0 "$OPEN" "$twin" \
		'fleet_lease: im3 has 5s, and here it is 4s; set the same on all machines'
}

shows_host() {
	[[ $(suite fleet hosts) == "$1" ]]
}

@test "check: a user of etcd that may do more than a monitor needs, or not all of it" {
	require etcdctl
	given_good_etcd
	given_machine im1
	printf '%s\n' 'user = monitor' 'password = word' >"$BATS_TEST_TMPDIR/im1/conf/fleet.conf"
	chmod 600 "$BATS_TEST_TMPDIR/im1/conf/fleet.conf"
	checks 0 'fleet: etcd refuses: authentication is not enabled'
	ETCDCTL_ENDPOINTS=http://$ETCD "$ROOT/conf/examples/fleet/roles" prod tick >/dev/null 3>&-
	admin user add monitor:word
	admin user grant-role monitor monitor-prod
	admin user add root:secret
	admin user grant-role root root
	admin auth enable
	checks 0

	root() { admin --user root:secret "$@"; }
	root role revoke-permission monitor-prod /monitor/prod/one/tick
	root role grant-permission monitor-prod readwrite /monitor/prod/one/tick.want
	root role grant-permission --prefix=true monitor-prod readwrite /monitor/prod/o
	root role grant-permission --from-key=true monitor-prod read /m
	root role grant-permission monitor-prod write /x /z
	checks 0 \
		'user monitor may read all keys from /m on, which no monitor needs; see conf/examples/fleet/roles' \
		'user monitor may write /monitor/prod/one/tick.want, which no monitor needs; see conf/examples/fleet/roles' \
		'user monitor may write /x to /z, which no monitor needs; see conf/examples/fleet/roles' \
		'user monitor may write all below /monitor/prod/o, which no monitor needs; see conf/examples/fleet/roles'
	root role revoke-permission --prefix=true monitor-prod /monitor/prod/o
	root user grant-role monitor root
	root user revoke-role monitor monitor-prod
	checks 0 'user monitor may do everything, which no monitor needs; see conf/examples/fleet/roles'
	root user revoke-role monitor root
	root user grant-role monitor operator-prod
	checks 0 'user monitor may write /monitor/prod/one/tick.want, which no monitor needs; see conf/examples/fleet/roles' \
		'singleton: user monitor of etcd may not write /monitor/prod/one/tick; run conf/examples/fleet/roles again, with this name'
}

@test "check: the clock of this machine was told to run too fast" {
	given_good_etcd
	given_machine im1

	LD_PRELOAD=$(fixture fast_clock.so) checks 0 "$OPEN" \
		'fleet: the clock of this machine runs 3.0% too fast, and two that differ by 5% let a singleton run twice; step the clock, or set maxslewrate 500 in chrony.conf'
}
