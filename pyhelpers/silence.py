"""Which servers are silenced, and until when?  STATE_DIR/servers/NAME/silence holds the time of its end.

    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD msg_server 2h
    msg_server: silent until 2026-11-20 15:04
    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD
    msg_server: silent until 2026-11-20 15:04
    $ python3 -E -s pyhelpers/silence.py ROOT CONF_DIR STATE_DIR CWD msg_server off
    msg_server: not silent

NAME may be a glob, or `all`.  It needs no monitor, and outlives one.  Only alerts are silenced: the server is watched
and restarted as ever.  What is over when the silence ends is never told, what is not is told then; a give-up is told
at once.

Exit: 0 · 2 usage · 4 no permission · 6 no such server.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from place import Place

LONGEST = 25 * 86400.0  # seconds: one that ends later was set by another clock
NEVER = 0.0


def until(state_dir: str, name: str, now: float) -> float:
    """When the silence of a server ends (Unix seconds); NEVER: it is not silent."""
    try:
        fd = os.open(f"{state_dir}/servers/{name}/silence", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return NEVER
    try:
        text = os.read(fd, 32)
    except OSError:
        return NEVER
    finally:
        os.close(fd)
    end = float(text) if text.strip().isdigit() else NEVER
    return end if now < end < now + LONGEST else NEVER


def in_words(end: float) -> str:
    """What a person is told of it."""
    return f"silent until {time.strftime('%Y-%m-%d %H:%M', time.localtime(end))}"


def _set(state_dir: str, name: str, end: float) -> None:
    """Remember it; NEVER ends it.  Raises OSError."""
    import spool
    from target import make_private

    directory = f"{state_dir}/servers/{name}"
    if end == NEVER:
        try:
            os.unlink(f"{directory}/silence")
        except FileNotFoundError:
            pass
        return
    make_private(directory)
    spool.replace(directory, "silence", f"{-int(-end // 1)}\n")


def obey(words: list[str], place: Place) -> int:
    """Silence the servers, or say which are.  Raises Refused, ConfError."""
    from place import NO_PERMISSION, Refused

    if not words:
        return _list(place)
    end = _end(words)
    for server in place.servers(words[:-1]):
        try:
            _set(place.state_dir, server.name, end)
        except OSError as error:
            name = f"{place.state_dir}/servers/{server.name}/silence"
            raise Refused(NO_PERMISSION, f"{name}: {error.strerror}; be its owner, on a disk with room") from None
        print(f"{server.name}: {in_words(end) if end else 'not silent'}")
    return 0


def _end(words: list[str]) -> float:
    """When it is to end, by the last word; NEVER for off.  Raises Refused."""
    from place import USAGE, Refused
    from values import duration

    if len(words) < 2:
        raise Refused(USAGE, "silence needs servers and a time, as in: ./monitor.sh silence msg_server 2h (or off)")
    if words[-1] == "off":
        return NEVER
    try:
        milliseconds = duration(1)(words[-1])
    except ValueError as error:
        raise Refused(USAGE, f"silence: {error}, or off") from None
    return time.time() + float(milliseconds) / 1000


def _list(place: Place) -> int:
    now = time.time()
    try:
        names = sorted(os.listdir(f"{place.state_dir}/servers"))
    except FileNotFoundError:
        names = []
    found = [(name, until(place.state_dir, name, now)) for name in names]
    for name, end in found:
        if end != NEVER:
            print(f"{name}: {in_words(end)}")
    if all(end == NEVER for _, end in found):
        print("no server is silent")
    return 0


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    import target
    from place import Place

    return target.end(lambda: obey(argv[4:], Place(*argv[:4])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
