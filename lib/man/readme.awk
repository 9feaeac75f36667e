# readme.awk - the man page, made from README.md, which is in the order of one
#
#   awk -f lib/man/readme.awk CHANGELOG.md README.md >lib/man/monitor.sh.1
#
# CHANGELOG.md tells the version. It knows what README.md uses of Markdown: headings, paragraphs, lists with * and 1., tables, blocks between ```, `code`
# and **bold**. The output is man(7). A list of `word`: text, and a table, become terms with what they mean.

BEGIN { day = "2026-11-20" } # when this version was made

FILENAME ~ /CHANGELOG/ {
	if (/^## / && version == "")
		version = $2
	next
}
/^```/ { code_block(); next }
in_code { print literal($0); next }
/^# / {
	print ".\\\" Made by lib/man/readme.awk from README.md; change that one"
	print ".TH MONITOR.SH 1 " day " \"monitor.sh " version "\""
	print ".nh\n.ad l"
	next
}
/^## / { heading("SH", substr($0, 4)); next }
/^### / { heading("SS", substr($0, 5)); next }
/^\|[-|]*$/ { next }
/^\|/ { table_row(); next }
/^\* / { item(substr($0, 3)); next }
/^[0-9]+[.] / { numbered(); next }
/^ *$/ { end_paragraph(); next }
{ paragraph() }
END { end_paragraph() }

function code_block() {
	if (in_code)
		print ".EE\n.RE"
	else {
		end_paragraph()
		print (after_heading ? "" : ".PP\n") ".RS 4\n.EX"
	}
	in_code = !in_code
	after_heading = 0
}

function heading(macro, words) {
	end_paragraph()
	print "." macro " " toupper_section(macro, words)
	after_heading = 1
	rows = 0
}

function toupper_section(macro, words) {
	return macro == "SH" ? toupper(words) : rich(words)
}

# The first row of a table heads it; ours say themselves what they are
function table_row(    cells, n, k, term) {
	end_paragraph()
	gsub(/\\\|/, "\001")
	n = split($0, cells, /[ ]*\|[ ]*/)
	if (!rows++)
		return
	term = cells[2]
	if (n > 4)
		term = term " (" cells[3] ")"
	print ".TP\n" line(term) "\n" line(cells[n - 1])
	after_heading = 0
}

function item(text) {
	end_paragraph()
	if (match(text, /^(`[^`]*`(, )?)+:/)) {
		print ".TP\n" line(substr(text, 1, RLENGTH - 1))
		text = substr(text, RLENGTH + 2)
	} else
		print ".IP \\(bu 2"
	held = text
	after_heading = 0
}

function numbered(    n) {
	end_paragraph()
	n = index($0, " ")
	print ".IP " substr($0, 1, n - 1) " 4"
	held = substr($0, n + 1)
	after_heading = 0
}

# Text is held until its paragraph ends, for `code` and **bold** may go on in the next line
function paragraph() {
	sub(/^ +/, "")
	if (held == "" && !after_heading)
		print ".PP"
	held = held (held == "" ? "" : " ") $0
	after_heading = 0
}

function end_paragraph() {
	if (held != "")
		print line(held)
	held = ""
	if ($0 !~ /^\|/)
		rows = 0
}

# One line of text, with its fonts; a dot or quote at its beginning is no request
function line(text) {
	text = rich(text)
	return text ~ /^[.']/ ? "\\&" text : text
}

function rich(text,    parts, n, k, out) {
	gsub("\001", "|", text)
	n = split(text, parts, "`")
	for (k = 1; k <= n; k++)
		out = out (k % 2 ? bold(parts[k]) : "\\fB" escape(parts[k]) "\\fP")
	return out
}

function bold(text,    parts, n, k, out) {
	n = split(text, parts, /\*\*/)
	for (k = 1; k <= n; k++)
		out = out (k % 2 ? plain(parts[k]) : "\\fB" plain(parts[k]) "\\fP")
	return out
}

function plain(text) {
	gsub(/\\/, "\\e", text)
	sub(/^monitor.sh - /, "monitor.sh \\- ", text) # man -k looks for this dash
	return text
}

function literal(text) {
	text = escape(text)
	return text ~ /^[.]/ ? "\\&" text : text
}

# What is typed or shown as it is: no typographer's dashes and quotes
function escape(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	gsub(/'/, "\\(aq", text)
	gsub(/`/, "\\(ga", text)
	gsub(/\^/, "\\(ha", text)
	gsub(/~/, "\\(ti", text)
	return text
}
