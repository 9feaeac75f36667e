# shellcheck shell=sh
# completion - print the script with which bash and zsh complete the words of monitor.sh, made from the text of -h
# Needs: usage.sh.  suite_dir is set by the program

completion_signals='HUP INT QUIT USR1 USR2 TERM KILL STOP CONT'

# completion_main bash|zsh - print the script, for eval "$(./monitor.sh completion bash)"; ends the program
completion_main() {
	case ${1:-} in
	bash | zsh) ;;
	*) usage_die 'completion for which shell? say bash or zsh' ;;
	esac
	if [ "$1" = zsh ]; then
		printf '#compdef monitor.sh\n'
	fi
	printf '# Completion of monitor.sh for %s, printed by monitor.sh completion %s\n\n' "$1" "$1"
	completion_choices
	printf '\n'
	sed '/^# shellcheck/d' "$suite_dir/lib/completion/monitor.$1"
	exit
}

# completion_choices - print the part that both shells share, with the suite's directory, signals and table filled in
completion_choices() {
	SUITE=$(printf '%s\n' "$suite_dir" | sed "s/'/'\\\\''/g") SIGNALS=$completion_signals USAGE=$(completion_table) awk '
		/^# shellcheck/ { next }
		/^_monitor_suite=/ { $0 = $0 "\047" ENVIRON["SUITE"] "\047" }
		/^_monitor_signals=/ { $0 = $0 "\047" ENVIRON["SIGNALS"] "\047" }
		/^_monitor_usage=/ { $0 = $0 "\047\n" ENVIRON["USAGE"] "\n\047" }
		{ print }' "$suite_dir/lib/completion/choices.sh"
}

# completion_table - print a line for each option and command of -h: itself, and what it takes
#
# NAMES stands for servers, NAME for one server, SIG for a signal, VALUE behind an --option for its value; each other
# word stands for itself.
completion_table() {
	usage_print | awk '
		/^  -[A-Za-z]/ { sub(/,$/, "", $1); print $1, ($2 == "DIR" ? $2 : "") }
		/^  [a-z]/ { sub(/^  /, ""); sub(/   .*/, ""); command($0) }
		function command(text,    parts, takes, n, k) {
			n = split(text, parts, " ")
			for (k = 2; k <= n; k++)
				takes = takes " " take(parts[k], parts[k - 1])
			print parts[1] takes " "
		}
		function take(part, before) {
			if (before ~ /^[[]-/ && before !~ /[]]$/)
				return "VALUE"
			if (part ~ /^PORT/)
				return ""
			if (part ~ /^[[]?NAME[]]?[.][.][.]/) {
				sub(/^[[]?NAME[]]?[.][.][.][|]?/, "", part)
				gsub(/[][()]/, "", part)
				return "NAMES" (part == "" ? "" : " " part)
			}
			gsub(/[][().]/, "", part)
			gsub(/[|]/, " ", part)
			return part
		}'
}
