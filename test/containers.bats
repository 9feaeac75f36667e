#!/usr/bin/env bats
# The Containerfiles of conf/examples/container: their images, made by hand, work as containers.
#
# CONTAINER_DEBIAN  yes: make a Debian if none was made before, by debootstrap
# CONTAINER_ALPINE  a directory with the root of an Alpine that has the packages of Containerfile.alpine

load helpers
load fixtures/contained
load fixtures/image

# shellcheck disable=SC2153 # of helpers
EXAMPLES=$ROOT/conf/examples/container
FILE=$EXAMPLES/Containerfile.debian

# require_container - skips the test unless it may make one
require_container() {
	[ "$(id -u)" -eq 0 ] || skip 'only root may make a container here'
	require unshare nsenter
	require_own_mounts --mount --pid --fork --ipc --net
}

# bare_root DIR - this machine's programs and libraries as the root of a container, without anything of its users
bare_root() {
	local name
	mkdir -p "$1"/{dev,etc,proc,run,tmp,opt,root}
	chmod 1777 "$1/tmp"
	for name in usr bin sbin lib lib32 lib64 libx32; do
		if [ -L "/$name" ]; then
			cp -P "/$name" "$1"
		elif [ -d "/$name" ]; then
			mkdir "$1/$name"
			mount --bind "/$name" "$1/$name"
			MOUNTS+=("$1/$name")
			mount -o remount,bind,ro "$1/$name"
		fi
	done
	for name in passwd group nsswitch.conf ld.so.cache ld.so.conf alternatives; do
		[ ! -e "/etc/$name" ] || cp -r "/etc/$name" "$1/etc"
	done
}

# with_psutil DIR - the Python of that root has psutil: Debian's package, or ours in .venv
with_psutil() {
	! chroot "$1" /usr/bin/python3 -E -s -c 'import psutil' 2>/dev/null || return 0
	[ -d "$ROOT/.venv" ] || skip 'neither Debian nor .venv has psutil'
	cp -r "$ROOT/.venv" "$1/opt/monitor"
	chroot "$1" /opt/monitor/.venv/bin/python -c 'import psutil' || skip 'the Python of .venv is not in /usr'
}

@test "the image of the Containerfile works on the root of this machine, read-only, without HOME and /sys" {
	require_container
	root=$BATS_TEST_TMPDIR/root
	bare_root "$root"
	image_make "$FILE" "$root"
	with_psutil "$root"

	image_works "$root"
}

@test "an image without psutil says the one line to add" {
	require_container
	root=$BATS_TEST_TMPDIR/root
	bare_root "$root"
	image_make "$FILE" "$root"
	mkdir "$BATS_TEST_TMPDIR/none"
	for place in /usr/lib/python3/dist-packages /usr/local/lib/python3*/dist-packages; do
		[ ! -d "$place" ] || hide "$root$place"
	done
	run ! chroot "$root" /usr/bin/python3 -E -s -c 'import psutil'

	image_start "$FILE" "$root"
	init_ends

	assert_equal 'status' "$INIT_STATUS" 5
	grep -E '^monitor.sh: psutil cannot be had \(.*\); run: apt-get install python3-psutil$' "$PRINTED"
}

# hide DIR - it is empty
hide() {
	mount --bind "$BATS_TEST_TMPDIR/none" "$1"
	MOUNTS=("$1" "${MOUNTS[@]}")
}

@test "both Containerfiles differ in nothing but their system" {
	diff <(grep -v -e '^#' -e '^FROM ' -e '^RUN ap' "$FILE") \
		<(grep -v -e '^#' -e '^FROM ' -e '^RUN ap' "$EXAMPLES/Containerfile.alpine")

	assert_equal 'packages of Debian' "$(image_packages "$FILE" | paste -sd ' ')" 'python3 python3-psutil'
	assert_equal 'packages of Alpine' "$(image_packages "$EXAMPLES/Containerfile.alpine" | paste -sd ' ')" 'python3 py3-psutil'
}

# given_debian - $DEBIAN is the root of a Debian 12 that has the packages: one that was made before, or that of the virtual
# machine of vm.bats, or, with CONTAINER_DEBIAN=yes, a new one, which takes minutes; skips the test where there is none
given_debian() {
	local packages cache=${TEST_CACHE:-$ROOT/.cache} disk
	packages=$(image_packages "$FILE" | paste -sd ,)
	DEBIAN=$cache/container/bookworm-$packages
	[ ! -d "$DEBIAN" ] || return 0
	if [ "${CONTAINER_DEBIAN:-}" = yes ]; then
		require debootstrap
		rm -rf "$DEBIAN.new"
		mkdir -p "$DEBIAN.new"
		debootstrap --variant=minbase --include="$packages" bookworm "$DEBIAN.new" ${VM_MIRROR:+"$VM_MIRROR"} \
			>"$BATS_TEST_TMPDIR/debootstrap.log" 2>&1 || {
			tail "$BATS_TEST_TMPDIR/debootstrap.log"
			skip 'Debian cannot be had here'
		}
		rm -rf "$DEBIAN.new"/var/cache/apt/archives/*.deb
		mv "$DEBIAN.new" "$DEBIAN"
		return
	fi
	for disk in "$cache"/vm/bookworm-*/disk; do
		DEBIAN=$BATS_TEST_TMPDIR/debian
		mkdir -p "$DEBIAN"
		! mount -o loop,ro,noload "$disk" "$DEBIAN" 2>/dev/null || {
			MOUNTS+=("$DEBIAN")
			return 0
		}
	done
	skip 'no Debian was made before; CONTAINER_DEBIAN=yes makes one'
}

@test "the image on Debian 12" {
	require_container
	given_debian
	root=$BATS_TEST_TMPDIR/root
	mkdir "$root"
	tar -C "$DEBIAN" --exclude ./boot --exclude ./usr/lib/modules --exclude ./usr/share/locale -cf - . | tar -C "$root" -xf -
	image_make "$FILE" "$root"

	image_works "$root"
}

@test "the image on Alpine" {
	require_container
	[ -n "${CONTAINER_ALPINE:-}" ] || skip 'CONTAINER_ALPINE names no root of an Alpine'
	FILE=$EXAMPLES/Containerfile.alpine
	root=$BATS_TEST_TMPDIR/root
	cp -r "$CONTAINER_ALPINE" "$root"
	image_make "$FILE" "$root"

	image_works "$root"
}
