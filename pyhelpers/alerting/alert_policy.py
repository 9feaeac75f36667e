"""How much is told, and when?  What conf says of it: the suite's keys, and over them those of conf/hooks/NAME.conf.

    $ cd pyhelpers; python3 -m alerting.alert_policy conf sms
    digest_after 10
    digest_window 60.0
    ...

A monitor's delivery goes by the settled conf of its monitor (RUN_DIR/settled), like all else in it; without a monitor
it is conf as it stands now.  A hook's own conf is read whenever it is called, as its other settings are.
Exit status: 0, 2 usage.
"""

from __future__ import annotations

import sys

from alerting import hook
from base.exits import GOOD, USAGE
from base.suite import ROOT
from config import keys, settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_SECONDS = ("digest_window", "recovery_quiet", "hook_dead_after")
_COUNTS = ("digest_after", "hourly_budget")
_NEEDED = (*_SECONDS, *_COUNTS, "quiet")


class Own:
    """What holds for one hook; seconds, counts (0: no limit), and words as hours.quiet settles them.

    events: which it is told, none for all.
    """

    digest_after: int
    digest_window: float
    hourly_budget: int
    recovery_quiet: float
    hook_dead_after: float
    quiet: list[str]
    events: list[str]

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        self.events = values.get("events", [])

    def tells(self, event: str) -> bool:
        """Is the hook told of this event?  Of a digest always: what it holds was for it."""
        return not self.events or event in self.events or event in ("digest", "test")


class Telling:
    """suite: what holds where a hook has nothing else; hooks: all that conf names, in its order."""

    def __init__(self, conf_dir: str, suite: dict[str, Any], hooks: Iterable[str]) -> None:
        self.hooks = list(dict.fromkeys(hooks))
        self._conf_dir = conf_dir
        self._suite = suite
        self._known: dict[str, Own] = {}

    def of(self, name: str) -> Own:
        """What holds for this hook; read once."""
        if name not in self._known:
            self._known[name] = Own({**self._suite, **hook.own(self._conf_dir, name)})
        return self._known[name]


def from_settled(path: str, conf_dir: str) -> Telling:
    """By the settled conf of a monitor.  Raises OSError; ValueError: it is none."""
    found: dict[str, Any] = {}
    hooks: list[str] = []
    for name, settings in settled.read(path):
        if name == settled.SUITE:
            found = {key: value for key, value in settings.items() if key in _NEEDED}
        hooks += settled.elements(settings.get("alert", ""))
    values: dict[str, Any] = {key: int(found[key]) for key in (*_SECONDS, *_COUNTS) if key in found}
    if "quiet" in found:
        values["quiet"] = settled.elements(found["quiet"])
    return Telling(conf_dir, _in_seconds({**_defaults(), **values}), hooks)


def from_conf(conf_dir: str) -> Telling:
    """By conf as it stands; of what is wrong there, the defaults."""
    from config import confdir, settle

    suite = confdir.ConfDir(conf_dir, ROOT, "/").suite()
    try:
        hooks = [name for server in settle.settle(conf_dir, ROOT, "/", ["all"]).servers for name in server["alert"]]
    except settle.ConfError:
        hooks = []
    return Telling(conf_dir, _in_seconds({key: suite[key] for key in _NEEDED}), hooks)


def _defaults() -> dict[str, Any]:
    return {key: keys.SUITE[key][1](keys.SUITE[key][0]) for key in _NEEDED}


def _in_seconds(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value / 1000 if key in _SECONDS else value for key, value in values.items()}


def main(words: list[str]) -> int:
    """Print what holds for HOOK."""
    if len(words) != 2:
        print("usage: python3 -m alerting.alert_policy CONF_DIR HOOK", file=sys.stderr)
        return USAGE
    own = from_conf(words[0]).of(words[1])
    for key in (*_NEEDED, "events"):
        value = getattr(own, key)
        print(key, " ".join(value) if isinstance(value, list) else value)
    return GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
