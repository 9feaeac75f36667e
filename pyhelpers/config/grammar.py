"""What does this conf file say? The grammar of `key = value` files, which are parsed and never run.

One setting a line; `#` begins a comment line. Blanks around key and value are dropped. The value is the rest of the
line, so `$(...)`, `;` and a later `#` are text. The encoding is UTF-8; a byte order mark, CRLF and a last line without
a newline are allowed. We refuse a file that others may write, and, without blocking, anything but a plain file.

    $ cd pyhelpers; python3 -m config.grammar conf/monitor.conf
    conf/monitor.conf:12: interval = 30s
    conf/monitor.conf:31: "restart always" is not key = value

Exit status: 0 good, 2 usage, 6 faults.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from config import trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    # a value as the user wrote it, its file, its line (from 1)
    Setting = tuple[str, str, int]
    # the file, its line (0: the whole file), what is wrong and what to do
    Fault = tuple[str, int, str]

_LARGEST = 1 << 20  # bytes


def read(path: str) -> tuple[dict[str, Setting], list[Fault]]:
    """Read a conf file; return its settings by key, and its faults. Raises only FileNotFoundError."""
    faults: list[Fault] = []
    try:
        lines = _decoded(path, _content(path), faults)
    except FileNotFoundError:
        raise
    except OSError as error:
        return {}, [(path, 0, f"{reason(error)}; make it a plain file that you may read")]
    except ValueError as error:
        return {}, [(path, 0, str(error))]
    return _settings(path, lines, faults), faults


def show(fault: Fault) -> str:
    """Return a fault as one line of text: `FILE:LINE: what is wrong`."""
    path, line, words = fault
    return f"{path}:{line}: {words}" if line else f"{path}: {words}"


def reason(error: OSError) -> str:
    """Return the text of an OSError in lower case, to follow a name and a colon."""
    return (error.strerror or str(error)).lower()


def is_plain(text: str) -> bool:
    """Is text free of control characters and line separators?"""
    return text.isprintable() or not any(map(_is_control, text))


def _is_control(letter: str) -> bool:
    return letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\u2028\u2029"


def _content(path: str) -> bytes:
    """Return the bytes of a trusted file; raises OSError, or ValueError that says what is wrong with the file."""
    fd, linked = _open(path)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a plain file; put one in its place")
        words, remedy = trust.judge_status(path, status)
        if linked and not words:
            words, remedy = trust.judge_holders(path)
        if words:
            raise ValueError(f"{words}; run: {remedy}")
        if status.st_size > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes; no conf is")
        return os.read(fd, _LARGEST)
    finally:
        os.close(fd)


def _open(path: str) -> tuple[int, bool]:
    """Open path without blocking; return the descriptor, and whether path is a symlink. Raises OSError."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOFOLLOW), False
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return os.open(path, flags), True


def _decoded(path: str, content: bytes, faults: list[Fault]) -> list[str]:
    """Return the lines of content; a line that is not UTF-8 becomes empty and is reported as a fault."""
    content = content[3:] if content[:3] == b"\xef\xbb\xbf" else content
    try:
        return content.decode().split("\n")
    except UnicodeDecodeError:
        pass
    lines = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            faults.append((path, number, "not UTF-8; save the file as UTF-8"))
            lines.append("")
    return lines


def _settings(path: str, lines: list[str], faults: list[Fault]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for number, line in enumerate(lines, 1):
        line = line.strip(" \t\r")
        if not line or line[0] == "#":
            continue
        key, equals, text = line.partition("=")
        key, text = key.rstrip(" \t"), text.lstrip(" \t")
        if not is_plain(key + text):
            faults.append((path, number, f"{ascii(line[:60])} holds a control character; write blanks for tabs"))
        elif not equals or not key:
            faults.append((path, number, f'"{_shown(line)}" is not key = value; begin a comment with #'))
        elif key in found:
            faults.append((path, number, f"{key} is set in line {found[key][2]} already; keep one of the two"))
        else:
            found[key] = (text, path, number)
    return found


def _shown(line: str) -> str:
    """The beginning of a line without its tabs, which may stand around a key."""
    return line[:60].replace("\t", " ")


def main(paths: list[str]) -> int:
    """Print the settings of each file, and its faults on stderr."""
    if not paths or paths[0].startswith("-"):
        print("usage: python3 -m config.grammar FILE...", file=sys.stderr)
        return 2
    all_faults: list[Fault] = []
    for path in paths:
        try:
            settings, faults = read(path)
        except FileNotFoundError as error:
            settings, faults = {}, [(path, 0, reason(error))]
        for key, (text, _, line) in settings.items():
            print(f"{path}:{line}: {key} = {text}")
        all_faults += faults
    for fault in all_faults:
        print(show(fault), file=sys.stderr)
    return 6 if all_faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
