#!/usr/bin/env bats
# Orders to many machines: three with sshd, made a fleet by conf/examples/fleet/three-machines; ClusterShell, Ansible.

load helpers
load fixtures/fleet

# in_box WORD... - run the rest of the standard input as a bash script beside three machines; what it prints is in $SAID
in_box() {
	local status=0
	require etcd etcdctl ip sshd ssh ssh-keygen openssl
	[ "$EUID" -eq 0 ] || skip 'may not make networks here (needs root)'
	mkdir -p "$BATS_TEST_TMPDIR/box/opt/srv"
	cp "$(fixture server)" "$BATS_TEST_TMPDIR/box/opt/srv/route_server"
	cp "$(fixture server)" "$BATS_TEST_TMPDIR/box/opt/srv/msg_server"
	cat >"$BATS_TEST_TMPDIR/script"
	# shellcheck disable=SC2016 # the shell in the box expands it; it reaps what loses its parents
	timeout 120 unshare --net --mount --pid --fork --kill-child --mount-proc sh -c '"$@"; exit $?' box \
		bash "$FIXTURES/ssh_box.sh" "$ROOT" "$BATS_TEST_TMPDIR/box" bash -eu "$BATS_TEST_TMPDIR/script" "$ROOT" "$BATS_TEST_TMPDIR" \
		</dev/null >"$SAID" 2>&1 3>&- || status=$?
	[ "$status" -ne 77 ] || skip 'may not have networks of its own here'
	cat "$SAID" >&2
	return "$status"
}

@test "three machines become a fleet by one page of shell; ClusterShell restarts a server on all, and folds their answers" {
	require clush
	in_box <<'SCRIPT'
		cd "$2"
		mkdir page page/servers
		cd page
		for name in route_server msg_server; do
			printf '%s\n' 'dir = /opt/srv' "command = ./$name" 'stop = TERM 1s KILL' 'start_seconds = 100ms' 'needs_file = none' >"servers/$name.conf"
		done
		echo 'singleton = yes' >>servers/route_server.conf
		"$1/conf/examples/fleet/three-machines" prod route_server msg_server
		on() { ssh "root@$1" "${@:2}"; }
		until [ "$(on im-2 monitor.sh fleet hosts | wc -l)" = 3 ] && on im-2 monitor.sh fleet hosts route_server | grep -q im-; do sleep 0.2; done
		on im-2 monitor.sh check 2>&1 | grep -E ' fleet|user|host:' || :
		on im-1 mkdir -p /opt/clustershell/groups.conf.d
		on im-1 "printf '[Main]\nconfdir: /opt/clustershell/groups.conf.d\n' >/opt/clustershell/groups.conf"
		on im-1 cp /opt/monitor/conf/examples/fleet/clustershell.conf /opt/clustershell/groups.conf.d/monitor.conf
		pids() { for host in im-1 im-2 im-3; do on "$host" pgrep -x "$1" || echo -; done | paste -sd ' '; }
		all() { on im-1 "CLUSTERSHELL_CFGDIR=/opt/clustershell clush -q -b -l root $*"; }
		echo "msg $(pids msg_server)"
		echo "route $(pids route_server)"
		echo "holder $(on im-3 monitor.sh fleet hosts route_server)"
		echo '--- clush'
		all -w @monitor:all "'monitor.sh restart msg_server | cut -d, -f1'"
		all -w @monitor:route_server monitor.sh fleet groups
		echo '---'
		echo "msg $(pids msg_server)"
		echo "route $(pids route_server)"
		command -v ansible >/dev/null || exit 0
		inventory=/opt/monitor/conf/examples/fleet/inventory
		on im-1 ansible-inventory -i "$inventory" --graph
		on im-1 ansible -u root -i "$inventory" monitor -m raw -a "'monitor.sh fleet groups'" | sort
SCRIPT

	run sed -n 's/^msg //p' "$SAID"
	assert_equal 'pids' "${#lines[@]}" 2
	[[ ${lines[0]} =~ ^[0-9]+\ [0-9]+\ [0-9]+$ ]]
	for number in 1 2 3; do
		[ "$(cut -d ' ' -f "$number" <<<"${lines[0]}")" != "$(cut -d ' ' -f "$number" <<<"${lines[1]}")" ]
	done
	run sed -n 's/^route //p' "$SAID"
	assert_equal 'the singleton' "${lines[0]}" "${lines[1]}"
	assert_equal 'machines without it' "$(grep -o -- - <<<"${lines[0]}" | wc -l)" 2
	holder=$(sed -n 's/^holder //p' "$SAID")
	assert_equal 'ClusterShell' "$(sed -n '/^--- clush/,/^---$/p' "$SAID" | tr -d '\n')" \
		"--- clush---------------im-[1-3]---------------msg_server: running---------------$holder---------------allroute_server---"
	run ! grep -q '^/.*: warning: \(fleet\|user\|host\)' "$SAID"
	command -v ansible >/dev/null || skip 'ansible is not here; all else is good'
	assert_equal 'groups of Ansible' "$(grep -A1 '@route_server' "$SAID" | tr -d ' |\n')" "--@route_server:--$holder"
	assert_equal 'answers to Ansible' "$(grep -c '^im-[123] | CHANGED' "$SAID")" 3
}
