# shellcheck shell=sh
# run - the process in front of a monitor: process 1 of a container, or a foreground process that stops its servers
# Needs: python.sh.  python_word takes the place of this shell

# run_main [OPTION...] NAME... - be that process; ends the program
run_main() {
	_run_shell
	python_word run.py "$_run_shell" run "$@"
}

# run_quietly NAME... - be it for an ordinary monitor that is process 1, and print nothing of servers; ends the program
# Without it the kernel would kill all servers when TERM ends the monitor, and no one would reap their orphans.
run_quietly() {
	_run_shell
	python_word run.py "$_run_shell" quiet "$@"
}

# Sets: _run_shell, the program of this shell
_run_shell() {
	_run_shell=$(readlink "/proc/$$/exe") || _run_shell=/bin/sh
}
