#!/bin/sh
# cgroups.sh - put processes into new cgroups, and remove cgroups in which nothing is, beside the loop
#
# Usage: cgroups.sh OWN V1 [DIRECTORY PID TICKS]...
# OWN is the cgroup of the monitor; V1 the directories, one a line, where a cgroup may have a namesake in version 1. For
# each DIRECTORY: make it and put the process there that has this PID and these start TICKS, with all that is below it; with
# PID 0: remove it. Prints `left DIRECTORY` where something is in it still, and `refused REASON` where the kernel refuses.
# It is a shell, because a fork of the helper would make the helper's memory copy-on-write: that adds 0.2 ms to the next
# restart. One mkdir and one rmdir do it for all: a process for each would take a processor from the restarts of many.
# Source: cgroups(7), proc(5).

set -u
unset CDPATH
LC_ALL=C
export LC_ALL

newline='
'

main() {
	own=$1 v1=$2
	shift 2
	sort_out "$@"
	why_not=$(with_lines "$made" mkdir -m 755 -- 2>&1)
	with_lines "$unmade" rmdir -- 2>/dev/null
	while [ $# -gt 2 ]; do
		if [ "$2" = 0 ]; then
			remove "$1" || printf 'left %s\n' "$1"
		else
			take_in "$@"
		fi
		shift 3
	done
}

# sort_out [DIRECTORY PID TICKS]... - sets $made and $unmade, a directory a line, and $others, those that are there already
sort_out() {
	made='' unmade='' others=$newline
	while [ $# -gt 2 ]; do
		if [ "$2" = 0 ]; then
			each_place "$1" unmake
		elif [ -e "$1" ]; then
			others=$others$1$newline
		else
			made=$made$1$newline
		fi
		shift 3
	done
}

is_another() {
	case $others in
	*"$newline$1$newline"*) ;;
	*) return 1 ;;
	esac
}

unmake() {
	! [ -d "$1" ] || unmade=$unmade$1$newline
}

# with_lines LINES COMMAND... - run it with each line as one more argument; if there is none, do not
with_lines() {
	[ -n "$1" ] || return 0
	IFS=$newline lines=$1
	shift
	set -f
	# shellcheck disable=SC2086 # split at newlines
	"$@" $lines
	lines=$?
	set +f
	unset IFS
	return "$lines"
}

# each_place DIRECTORY COMMAND - call it for the directory, and for each place where it may have a namesake
each_place() {
	"$2" "$1"
	IFS=$newline
	set -f
	for place in $v1; do
		"$2" "$place/${1##*/}"
	done
	set +f
	unset IFS
}

# take_in DIRECTORY PID TICKS - what the process starts once it is there is there by itself; so move it first, then those
# that it has started already
take_in() {
	if is_another "$1" && ! why=$(mkdir -m 755 -- "$1" 2>&1); then
		refused "$why"
	elif ! [ -d "$1" ]; then
		refused "$why_not"
	elif move "$@"; then
		take_in_children "$1" "$2"
		lives "$2" || remove "$1" # a zombie can be moved too, and its monitor may have ended by now
	else
		[ -z "$why" ] || refused "$why"
		remove "$1"
	fi
}

refused() {
	printf 'refused %s\n' "${1##*: }"
}

# move DIRECTORY PID TICKS - 1: it has ended, or the kernel refuses, then $why says so
# The kernel knows processes by their numbers here. If another process has got the number meanwhile, it is in the cgroup
# now, and would be ended with it: put it where the monitor is, because no one ends that.
move() {
	why=
	if ! echo "$2" 2>/dev/null >"$1/cgroup.procs"; then
		stat_of "$2" && [ "$ticks" = "$3" ] || return 1
		why=$(env echo "$2" 2>&1 >"$1/cgroup.procs") && return # a builtin does not say why
		! stat_of "$2" || [ "$ticks" != "$3" ] || return 1
		why=
		return 1
	fi
	stat_of "$2" && [ "$ticks" = "$3" ] && return
	echo "$2" 2>/dev/null >"$own/cgroup.procs"
	return 1
}

# lives PID - a zombie has no namespaces; that is quicker to see than its state, for dash reads a file byte by byte
# Fails also where we may not look; then the cgroup is not empty, and so not removed.
lives() {
	[ -e "/proc/$1/ns/mnt" ]
}

# stat_of PID - sets $parent and $ticks; 1: there is no such process
stat_of() {
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	# shellcheck disable=SC2086 # a list of words
	set -- ${stat##*) }
	parent=$2 ticks=${20}
}

take_in_children() {
	for file in "/proc/$2/task/"*/children; do
		kids=
		read -r kids 2>/dev/null <"$file" || : # no newline ends it
		for kid in $kids; do
			stat_of "$kid" && [ "$parent" = "$2" ] && move "$1" "$kid" "$ticks" && take_in_children "$1" "$kid"
		done
	done
}

# remove DIRECTORY - with its namesakes, and with what the server has made below; 1: something is in it
remove() {
	is_left=
	each_place "$1" remove_place
	[ -z "$is_left" ]
}

remove_place() {
	[ -d "$1" ] || return 0
	find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null
	! [ -d "$1" ] || is_left=yes
}

main "$@"
