"""Watch servers in the foreground until a signal or the end of one of them: `monitor.sh run`.

    $ python3 -E -s pyhelpers/run.py ROOT CONF_DIR STATE_DIR CWD SHELL run [--grace 10s] [--plain] NAME...
    monitor.sh: run: process 1, state in /run/monitor.sh-0
    web | listening on port 8000

STATE_DIR: "" for that of conf.  SHELL: the path of what executes monitor.sh.  `quiet` instead of `run`:
print nothing of servers; a monitor that is process 1 becomes this.

TERM and INT stop the servers, each before those that it needs, within --grace; a second one kills what is left.  HUP
makes us read conf again, as `update` does; USR1 prints the status on standard error.

Exit: 0 after TERM or INT · 1 a server could not be stopped · with --exit-on the status of the server that it ended for,
128 + N for signal N, 1 if that is unknown · 2 usage · that of a monitor that could not begin.
"""

from __future__ import annotations

import os
import signal
import sys

from base.exits import Refused
from operate.command_line import end
from operate.run_words import Asked, parse


def _words_of(shell: str) -> list[str]:
    """The words that execute a script with it: one program of busybox is many."""
    return [shell, "ash"] if os.path.basename(shell).startswith("busybox") else [shell]


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    # A signal that comes before we hear it must wait: the kernel drops those of process 1 that have no handler
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1))
    return end(lambda: _run(argv[:4], _words_of(argv[4]), argv[5], argv[6:]))


def _run(place: list[str], shell: list[str], word: str, words: list[str]) -> int:
    asked = parse(words) if word == "run" else Asked(words)
    root, conf_dir, state_option, cwd = place
    state_dir = _state_dir(root, conf_dir, state_option, cwd)
    is_init = os.getpid() == 1
    if not is_init:
        _become_subreaper()
    from operate.foreground import Foreground

    prints = "" if word == "quiet" else "plain" if asked.is_plain else "lines"
    foreground = Foreground([root, os.path.abspath(conf_dir), state_dir, cwd], shell, asked, prints)
    foreground.say(f"run: process {os.getpid()}, state in {state_dir}")
    return foreground.run()


def _state_dir(root: str, conf_dir: str, option: str, cwd: str) -> str:
    """Raises settle.ConfError, Refused."""
    from operate.context import Place

    return Place(root, conf_dir, option, cwd).state_dir


def _become_subreaper() -> None:
    from spawn.launch import become_subreaper

    try:
        become_subreaper()
    except (ImportError, OSError) as error:
        raise Refused(1, f"run: cannot become a child subreaper: {error}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
