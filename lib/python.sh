# shellcheck shell=sh
# python - find a Python that has psutil; make .venv where there is none
# Needs: log.sh progress.sh.  suite_dir, option_conf and option_state are set by the program (in monitor.sh by usage.sh)

python_path=
python_unavailable=69

# python_run FILE ARG... - run a program of pyhelpers/ with the first suitable Python; under others it ends with 69
# Sets: python_path; _python_run, its output.  Fails: its exit status
python_run() {
	# yash makes the variable of a for loop local to the function
	for _python_candidate in "${MONITOR_PYTHON:-}" "$suite_dir/.venv/bin/python" /usr/bin/python3 "$(command -v python3)"; do
		[ -x "$_python_candidate" ] || continue
		python_path=$_python_candidate
		_python_run=$("$python_path" -E -s "$@")
		_python_status=$?
		[ "$_python_status" -eq "$python_unavailable" ] || return "$_python_status"
	done
	python_venv
	_python_run=$("$python_path" -E -s "$@")
}

# python_find - find the first suitable Python
# Sets: python_path.  Ends the program (5) if there is none, and this cannot make one
python_find() {
	! _python_is_known || return 0
	python_run "$suite_dir/pyhelpers/suitable.py" || exit $?
}

# _python_is_known - is the first candidate the .venv that was made here, and its Python still of the version that psutil was
# put in for?  Then nothing need be run to know that it is suitable: a run takes 17 ms, as long as some words.
# Sets: python_path
_python_is_known() {
	python_path=$suite_dir/.venv/bin/python
	[ -z "${MONITOR_PYTHON:-}" ] && [ -x "$python_path" ] || return
	set -- "$suite_dir"/.venv/lib/python3.*/site-packages/psutil/__init__.py
	_python_version=${1%/site-packages/*}
	# shellcheck disable=SC3013 # -ef: each shell that runs this has it
	[ $# -eq 1 ] && [ -e "$1" ] && [ "$python_path" -ef "/usr/bin/${_python_version##*/}" ]
}

# python_word PROGRAM ARG... - run a program of pyhelpers/ for a word of the command line, in place of this shell
# It gets ROOT CONF_DIR STATE_DIR CWD before its ARGs.  Ends the program (5) if there is no Python
python_word() {
	python_find
	_python_program=$suite_dir/pyhelpers/$1
	shift
	exec "$python_path" -E -s "$_python_program" "$suite_dir" "$option_conf" "$option_state" "$PWD" "$@"
}

# python_venv - no Python has psutil: make .venv, once.  Ends the program (5) if it cannot
python_venv() {
	_python_install='apt-get install' _python_package=python3-psutil
	if command -v apk >/dev/null 2>&1; then
		_python_install='apk add' _python_package=py3-psutil
	fi
	_python_system=$(command -v /usr/bin/python3 || command -v python3) ||
		die 5 "python3 is not installed; run: $_python_install python3 $_python_package"
	warn "psutil is not installed; putting it into $suite_dir/.venv (once, about 10 s)"
	_python_new=$suite_dir/.venv.$$
	_python_why=
	_python_fill pip || _python_fill apt ||
		die 5 "psutil cannot be had ($_python_why); run: $_python_install $_python_package"
	python_path=$suite_dir/.venv/bin/python
}

# _python_fill WAY - make .venv with psutil in it, whole or not at all, in place of one whose Python has changed
# Sets: _python_why, to which a failure adds the last line of what it printed
_python_fill() {
	_python_step 1 2 "$1"
	{
		_python_said=$(
			progress_to=3
			"_python_by_$1" 2>&1 && rm -rf "$suite_dir/.venv" 2>&1 && mv "$_python_new" "$suite_dir/.venv" 2>&1
		)
	} 3>&2
	_python_status=$?
	progress_end
	[ "$_python_status" -ne 0 ] || return 0
	rm -rf "$_python_new"
	_python_why="$_python_why${_python_why:+; }$1: ${_python_said##*"$log_newline"}"
	return 1
}

# _python_step NUMBER COUNT WHAT - show how far a way is
_python_step() {
	progress_show "psutil, step $1 of $2 ($3)"
}

# _python_by_pip - pip may be missing, broken, or without a network
_python_by_pip() {
	"$_python_system" -m ensurepip --version >/dev/null 2>&1 || {
		printf 'python3-venv is not installed\n'
		return 1
	}
	"$_python_system" -m venv "$_python_new" || return
	_python_step 2 2 pip
	"$_python_new/bin/python" -m pip install --quiet --disable-pip-version-check 'psutil>=5.6'
}

_python_by_apt() {
	"$_python_system" -m venv --without-pip "$_python_new" && _python_debian && "$_python_new/bin/python" "$suite_dir/pyhelpers/suitable.py"
}

# _python_debian - a fresh Debian has no pip: unpack its psutil package there; that needs no root and installs nothing
_python_debian() (
	cd "$_python_new" || exit 1
	mkdir -p apt/lists/partial apt/archives/partial || exit 1
	set -- -qq -o "Dir::State::lists=$_python_new/apt/lists" -o "Dir::Cache=$_python_new/apt"
	_python_step 2 3 update
	apt-get "$@" update || exit 1
	_python_step 3 3 download
	apt-get "$@" download python3-psutil && dpkg-deb -x python3-psutil_*.deb apt &&
		mv apt/usr/lib/python3/dist-packages/psutil lib/python3*/site-packages/ && rm -rf apt python3-psutil_*.deb
)
