# zsh asks for what stands before the cursor; a file of this text may also be called _monitor, in a directory of fpath

_monitor_zsh() {
	_monitor_choices "$PREFIX" "${(@Q)words[1,CURRENT-1]}"
	if [[ $_monitor_directory == yes ]]; then
		_directories
	else
		compadd -- ${=_monitor_reply}
	fi
}

if [[ ${funcstack[1]-} == _monitor ]]; then
	_monitor_zsh "$@"
else
	compdef _monitor_zsh monitor.sh
fi
