"""What does this dotenv file say?  NAME=value lines, read and never run: nothing is expanded.

    # a comment                          a blank line and a comment are nothing
    export PORT=8000                     the word export is tolerated, and so are blanks around =
    URL=http://x/?a=1#top   # a comment  a # begins a comment only behind a blank
    GREETING=hello world                 without quotes, the value ends with its line
    KEY="-----BEGIN KEY-----             a value that begins with a quote may have several lines
    MIIB
    -----END KEY-----"

Quotes are as in sh(1): nothing is special between '', and only a backslash between "", before one of "\\$` or the end
of a line.  A name that is set twice has its last value.  The file is UTF-8; a byte order mark and CRLF are tolerated.

A fault names a line, never its text, which may be a secret.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # name, value, line (from 1)
    Variable = tuple[str, str, int]
    # line, what is wrong and what to do
    Fault = tuple[int, str]

OURS = ("INVOCATION_ID", "CREDENTIALS_DIRECTORY")  # variables that the monitor sets
BLANKS = " \t"
NOT_A_LINE = "not NAME=value; write NAME= for an empty value, quote a value of several lines, begin a comment with #"
COLON = "not NAME=value; write = instead of :"
BAD_NAME = "no name of a variable before the =; use letters, digits and _ only, first no digit"
NUL = "holds a NUL byte, which no variable can; take it out"
BEHIND = "text behind the closing quote; put the whole value between one pair of quotes"
HANGING = "a backslash at the end quotes nothing; write \\\\ for the letter itself"


def parse(content: bytes) -> tuple[list[Variable], list[Fault]]:
    """The variables of a file, in its order, and its faults."""
    text, faults = _decoded(content)
    found: list[Variable] = []
    at, line = 0, 1
    while at < len(text):
        begin = at
        try:
            variable, at = _line(text, at)
            if variable:
                found.append((*variable, line))
        except _Fault as fault:
            faults.append((line, str(fault)))
            at = fault.goes_on
        at += 1
        line += text.count("\n", begin, at)
    return found, faults


class _Fault(Exception):
    """What is wrong with a line.  goes_on: the end of the line behind which reading makes sense again."""

    def __init__(self, words: str, goes_on: int) -> None:
        super().__init__(words)
        self.goes_on = goes_on


def _decoded(content: bytes) -> tuple[str, list[Fault]]:
    """The text with newlines alone; or "", and the line that is not UTF-8."""
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").removesuffix(b"\r")
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        return "", [(1 + content.count(b"\n", 0, error.start), "not UTF-8; save the file as UTF-8")]


def _line(text: str, at: int) -> tuple[tuple[str, str] | None, int]:
    """The variable that begins in the line at this place, None if it has none; and where its last line ends."""
    end = _end_of_line(text, at)
    line = text[at:end].strip(BLANKS)
    if not line or line[0] == "#":
        return None, end
    if "\0" in line:
        raise _Fault(NUL, end)
    name, equals, _ = line.partition("=")
    if not equals:
        raise _Fault(COLON if line.partition(":")[0].isidentifier() and ":" in line else NOT_A_LINE, end)
    word, _, rest = name.strip(BLANKS).replace("\t", " ").partition(" ")
    name = rest.strip() if word == "export" and rest else name.strip(BLANKS)
    if not name.isidentifier() or not name.isascii():
        raise _Fault(BAD_NAME, end)
    if name in OURS:
        raise _Fault(f"{name} is set by the monitor; take it out", end)
    value, end = _Value(text, text.index("=", at) + 1, end).read()
    return (name, value), end


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


class _Value:
    """The value that begins at this place.  end: of its first line."""

    def __init__(self, text: str, at: int, end: int) -> None:
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        self._text = text
        self._at = at
        self._end = end
        self._begins_quoted = text[at : at + 1] in ("'", '"')
        self._spans = False  # is the quote that is open that at the beginning, which several lines may lie in?
        self._quote = ""
        self._letters: list[str] = []
        self._kept = 0  # how many of them were not bare: blanks before that place stay
        self._was_quoted = False

    def read(self) -> tuple[str, int]:
        """The value, and the end of its last line.  Raises _Fault."""
        text, begin = self._text, self._at
        while self._at < len(text):
            letter = text[self._at]
            if letter == "\n" and not self._spans:
                break
            if not self._quote and text[self._at - 1] in BLANKS and self._ends(letter):
                break
            self._spans = self._spans or (self._begins_quoted and self._at == begin)
            self._at += 1
            self._take(letter)
        if self._quote:
            where = "" if self._spans else " in its line"
            advice = f"close it, or write \\{self._quote} for the letter itself"
            raise _Fault(f"a {self._quote} is not closed{where}; {advice}", self._at)
        while len(self._letters) > self._kept and self._letters[-1] in BLANKS:
            self._letters.pop()
        end = _end_of_line(text, self._at)
        if "\0" in self._letters:
            raise _Fault(NUL, end)
        return "".join(self._letters), end

    def _ends(self, letter: str) -> bool:
        """Does a comment begin here, behind a blank?  Raises _Fault: behind a quoted value nothing else may stand."""
        if self._begins_quoted and letter not in "# \t" and self._was_quoted:
            raise _Fault(BEHIND, self._end)
        return letter == "#"

    def _take(self, letter: str) -> None:
        if letter == self._quote:
            self._quote, self._spans, self._was_quoted = "", False, True
        elif letter == "\\" and self._quote != "'":
            self._escaped()
        elif letter in "'\"" and not self._quote:
            self._quote = letter
        else:
            self._letters.append(letter)
        if self._quote:
            self._kept = len(self._letters)

    def _escaped(self) -> None:
        """Take the letter behind a backslash; a newline there continues the line."""
        letter = self._text[self._at : self._at + 1]
        if not letter:
            raise _Fault(HANGING, self._at)
        self._at += 1
        if letter == "\n":
            return
        if self._quote and letter not in '"\\$`':
            self._letters.append("\\")
        self._letters.append(letter)
        self._kept = len(self._letters)
