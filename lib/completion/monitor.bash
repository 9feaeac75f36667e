# shellcheck shell=bash
# shellcheck disable=SC2154 # _monitor_reply and _monitor_directory are set by _monitor_choices
# For bash, the @ of business@8080 or @im ends a word; it is put together again, and the reply begins behind the @

_monitor_bash() {
	local word typed gap line=${COMP_LINE-} words=()
	for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
		gap=${line%%[!$' \t']*} line=${line#"${line%%[!$' \t']*}"}
		line=${line#"$word"}
		if [[ -z $gap && ($word == @* || (${#words[@]} -gt 0 && ${words[-1]} == *@)) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	typed=${words[-1]}
	unset 'words[-1]'
	_monitor_choices "$typed" "${words[@]}"
	read -ra COMPREPLY <<<"$_monitor_reply"
	[[ $COMP_WORDBREAKS != *@* ]] || COMPREPLY=("${COMPREPLY[@]#"${typed%"${typed##*@}"}"}")
	[[ $_monitor_directory == no ]] || compopt -o dirnames
}

complete -F _monitor_bash monitor.sh
