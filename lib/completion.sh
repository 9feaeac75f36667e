# shellcheck shell=sh
# completion - bash and zsh complete the words of monitor.sh; made from the text of -h, so never behind it
# Needs: usage.sh.  suite_dir is set by the program

completion_signals='HUP INT QUIT USR1 USR2 TERM KILL STOP CONT'

# completion_main completion bash|zsh - print the script, for eval "$(./monitor.sh completion bash)"; ends the program
completion_main() {
	case ${2:-} in
	bash | zsh) ;;
	*) usage_die 'completion for which shell? say bash or zsh' ;;
	esac
	if [ "$2" = zsh ]; then
		printf '#compdef monitor.sh\n'
	fi
	printf '# Completion of monitor.sh for %s, printed by monitor.sh completion %s\n\n' "$2" "$2"
	completion_choices
	printf '\n'
	sed '/^# shellcheck/d' "$suite_dir/lib/completion/monitor.$2"
	exit
}

# completion_choices - print the part that both shells share, with what is known here filled in
completion_choices() {
	SUITE=$(printf '%s\n' "$suite_dir" | sed "s/'/'\\\\''/g") SIGNALS=$completion_signals USAGE=$(completion_table) awk '
		/^# shellcheck/ { next }
		/^_monitor_suite=/ { $0 = $0 "\047" ENVIRON["SUITE"] "\047" }
		/^_monitor_signals=/ { $0 = $0 "\047" ENVIRON["SIGNALS"] "\047" }
		/^_monitor_usage=/ { $0 = $0 "\047\n" ENVIRON["USAGE"] "\n\047" }
		{ print }' "$suite_dir/lib/completion/choices.sh"
}

# completion_table - print a line for each option and word of -h: itself, and what stands behind it
#
# In -h, ` | ` stands between calls that have nothing in common, and `a|b` between words that take the same. What they
# take becomes: NAMES, servers; NAME, one server; SIG, a signal; --option, VALUE behind it if it has one; word, as it is.
completion_table() {
	usage_print | awk '
		$1 ~ /^-[A-Za-z]$/ { print $1, ($2 == "DIR" ? $2 : "") }
		$1 == "./monitor.sh" {
			sub(/^ *[^ ]+ /, "")
			many = split($0, calls, / [|] /)
			for (i = 1; i <= many; i++)
				call(calls[i])
		}
		function call(text,    parts, words, takes, n, k) {
			n = split(text, parts, " ")
			for (k = 2; k <= n; k++)
				takes = takes " " take(parts[k], parts[k - 1])
			gsub(/^[(]|[)]$/, "", parts[1])
			n = parts[1] ~ /^[a-z|]+$/ ? split(parts[1], words, /[|]/) : 0
			for (k = 1; k <= n; k++)
				print words[k] takes " "
		}
		function take(part, before) {
			if (before ~ /^[[]-/ && before !~ /[]]$/)
				return "VALUE"
			if (part ~ /^[[]?</)
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
