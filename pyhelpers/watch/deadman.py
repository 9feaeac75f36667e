"""Report to the outside that we live, by a GET of a URL at intervals.  A service there alerts people if that stops.

`deadman = https://hc-ping.com/UUID every 5m`, in the form of healthchecks.io, Dead Man's Snitch and the like.  We ask
for the URL only while the whole monitor is well: not while its shell leaves events unread.  curl does it, in a child of
the helper, so that no name server and no gateway blocks the loop; the URL is a secret, and curl reads it from its
standard input.  We report a failure once, and its end once.

    $ printf '%s\n' https://hc-ping.com/UUID | cd pyhelpers; python3 -m watch.deadman
    done

Exit status: 0 done, 1 not, and why on stderr.
Source: https://healthchecks.io/docs/http_api/ ; curl(1), -K.
"""

from __future__ import annotations

import os
import sys

from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from watch.watcher import Watcher

TAKES = 20  # seconds at most
LOOK_AGAIN_MS = 100  # an unread line that is new does not mean that the shell hangs
LOOKS = 100
DONE = "done"
_MISSING = "curl is not installed; run: apt-get install curl"


class Deadman:
    """The heartbeat of the watcher for the outside, from the first look on."""

    def __init__(self, watcher: Watcher, setting: str) -> None:
        self._watcher = watcher
        self._url, every = settled.elements(setting)
        self._every_ms = int(every)
        self._failed = False
        watcher.loop.after(0, self._due)

    def _due(self) -> None:
        self._watcher.loop.after(self._every_ms, self._due)
        self._tell(min(LOOKS, self._every_ms // LOOK_AGAIN_MS))

    def _tell(self, looks: int) -> None:
        """Ask for the URL when the shell has read all events; if it does not read, it is not well, so send nothing."""
        if not self._watcher.shell.unread():
            url = self._url
            self._watcher.loop.errand(lambda: ask(url), self._told)
        elif looks:
            self._watcher.loop.after(LOOK_AGAIN_MS, lambda: self._tell(looks - 1))

    def _told(self, answer: str) -> None:
        if answer != DONE and not self._failed:
            self._watcher.say(None, f"deadman: the request failed: {answer or 'no answer'}; tried again at its time")
        elif answer == DONE and self._failed:
            self._watcher.say(None, "deadman: the request succeeds again")
        self._failed = answer != DONE


def ask(url: str) -> str:
    """GET url.  Blocks for at most TAKES seconds.  Returns DONE, or the error, without the URL."""
    told, tell = os.pipe()
    os.write(tell, _config(url))
    os.close(tell)
    heard, hear = os.pipe()
    try:
        pid = os.posix_spawnp(
            "curl",
            ["curl", "-q", "-K", "-"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, told, 0),
                (os.POSIX_SPAWN_DUP2, hear, 2),
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
            ],
        )
    except OSError:
        return _MISSING
    finally:
        os.close(hear)
        os.close(told)
    said = b""
    while piece := os.read(heard, 4096):
        said = (said + piece)[:4096]
    _, status = os.waitpid(pid, 0)
    if not status:
        return DONE
    words = said.decode("utf-8", "replace").replace(url, "URL").strip() or f"curl ended with {status}"
    return " ".join(words.split())


def _config(url: str) -> bytes:
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    options = ["silent", "show-error", "fail", "globoff", f"max-time = {TAKES}", f"connect-timeout = {TAKES // 2}"]
    return "\n".join([f'url = "{quoted}"', 'proto = "=http,https"', "output = /dev/null", *options, ""]).encode()


def main() -> int:
    """GET the URL from stdin."""
    answer = ask(sys.stdin.readline().strip())
    print(answer, file=sys.stdout if answer == DONE else sys.stderr)
    return 0 if answer == DONE else 1


if __name__ == "__main__":
    sys.exit(main())
