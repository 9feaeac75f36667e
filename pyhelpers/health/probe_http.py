"""Does the server answer an HTTP request with the expected status?

We send a GET, HTTP/1.1, with Connection: close, and read the answer to the end of its head.
Source: RFC 9112 (messages), RFC 9110 section 15 (status codes; after a 1xx comes the final one).
"""

from __future__ import annotations

from health import connect
from proc import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.url import Url
    from health.active_check import Check

LONGEST_HEAD = 1 << 16
MOST_INTERIM = 50  # answers 1xx before the final one
SHOWN = 60  # letters of what is no HTTP


class HttpProbe:
    """Asks for the URL; wanted: the status, 0 for any from 200 to 399; calls check.passed(), failed() or unable()."""

    def __init__(self, check: Check, url: Url, wanted: int) -> None:
        self._check = check
        self._url = url
        self._wanted = wanted
        self._call: connect.Call | None = None
        self._unsent = self._answer = b""
        self.awaited = "connection"

    def name(self) -> str:
        """The URL."""
        return self._url.text

    def begin(self) -> None:
        """Connect."""
        self.awaited = "connection"
        self._answer = b""
        self._unsent = (
            f"GET {self._url.target} HTTP/1.1\r\nHost: {self._url.authority}\r\nUser-Agent: monitor.sh\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        ).encode()
        try:
            self._call = connect.Call(self._check.loop, self._address(), self._url.port, self._called)
        except OSError as error:
            self._called(error.errno or 0)

    def _address(self) -> str:
        """For localhost, the address on which a process listens: some servers listen on IPv6 only."""
        if self._url.host != "localhost":
            return self._url.host
        found = ports.address(self._url.port, self._check.life.server.pid)
        return found if found == "::1" else ports.LOOPBACK

    def _called(self, number: int) -> None:
        if not number:
            self.awaited = "answer"
            self._check.when_ours(self._call, self._url.port, self._reached)
        elif number in connect.OURS:
            self.end()
            self._check.unable(connect.in_words(number))
        else:
            self._end(connect.in_words(number))

    def _reached(self, words: str) -> None:
        if words:
            self._end(words)
        else:
            self._send()

    def _send(self) -> None:
        assert self._call
        try:
            self._unsent = self._unsent[self._call.socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(connect.in_words(error.errno or 0))
            return
        fd = self._call.socket.fileno()
        if self._unsent:
            self._check.loop.on_writable(fd, self._send)
        else:
            self._check.loop.on_readable(fd, self._read)

    def _read(self) -> None:
        assert self._call
        try:
            piece = self._call.socket.recv(1 << 13)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(connect.in_words(error.errno or 0))
            return
        self._answer += piece
        words = judge(self._answer, self._wanted, not piece)
        if words is not None:
            self._end(self._check.of_ours(words))

    def _end(self, words: str) -> None:
        self.end()
        if words:
            self._check.failed(words)
        else:
            self._check.passed()

    def end(self) -> None:
        """Close the connection."""
        self._answer = b""
        if self._call:
            self._call.end()
            self._call = None


def judge(answer: bytes, wanted: int, ended: bool) -> str | None:
    """What is wrong with an answer, "" if nothing; None: more of it must come first.  ended: no more will come."""
    rest = answer
    for _ in range(MOST_INTERIM):
        fault = _is_no_http(rest)
        if fault:
            return fault
        ends = [end for end in (rest.find(b"\n\r\n"), rest.find(b"\n\n")) if end >= 0]
        if not ends:
            break
        status = int(rest.split(None, 2)[1])
        if not 100 <= status < 200 or status in (101, wanted):
            good = status == wanted if wanted else 200 <= status < 400
            return "" if good else f"status {status}" + (f", not {wanted}" if wanted else "")
        rest = rest[min(ends) :].lstrip(b"\r\n")
    else:
        return f"more than {MOST_INTERIM} answers 1xx, and not the true one"
    if len(rest) > LONGEST_HEAD:
        return f"the head of its answer does not end in {LONGEST_HEAD >> 10} KiB"
    if not ended:
        return None
    return "it closed the connection " + ("within the head of its answer" if answer else "without an answer")


def _is_no_http(answer: bytes) -> str:
    """The reason for which this is no HTTP; "" while it may be HTTP."""
    line, newline, _ = answer.partition(b"\n")
    if not newline and b"HTTP/1.".startswith(answer[:7]):
        return ""
    words = line.split(None, 2)
    if len(words) > 1 and words[0].startswith(b"HTTP/1.") and len(words[1]) == 3 and words[1].isdigit():
        return ""
    return f"no HTTP: {printable(line.strip())}"


def printable(line: bytes) -> str:
    """The beginning of a line, in printable characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in line[:SHOWN].decode("utf-8", "replace"))
