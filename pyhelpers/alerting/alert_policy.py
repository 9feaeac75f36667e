"""How many alerts does a hook get, and when?  The suite's keys, overridden by those of conf/hooks/NAME.conf.

    $ cd pyhelpers; python3 -m alerting.alert_policy conf sms
    digest_after 10
    digest_window 60.0
    ...

The delivery of a monitor uses the settled conf of that monitor (RUN_DIR/settled); without a monitor it reads conf/.
A hook's own conf is read at each delivery, like its other settings.
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
    """The policy for one hook: seconds, counts (0: no limit), and quiet as quiet_hours.quiet returns it.

    events: the events that the hook gets; [] for all.
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
        """Does the hook get this event?  It always gets a digest, which holds messages that were for this hook."""
        return not self.events or event in self.events or event in ("digest", "test")


class Telling:
    """The policies of all hooks.  suite: the values of the suite's keys; hooks: all that conf names, in order."""

    def __init__(self, conf_dir: str, suite: dict[str, Any], hooks: Iterable[str]) -> None:
        self.hooks = list(dict.fromkeys(hooks))
        self._conf_dir = conf_dir
        self._suite = suite
        self._known: dict[str, Own] = {}

    def of(self, name: str) -> Own:
        """The policy for this hook; its conf is read once."""
        if name not in self._known:
            self._known[name] = Own({**self._suite, **hook.own(self._conf_dir, name)})
        return self._known[name]


def from_settled(path: str, conf_dir: str) -> Telling:
    """The policies by the settled conf of a monitor.  Raises OSError, and ValueError if path is no settled conf."""
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
    """The policies by conf/ as it is now; the default replaces a faulty value."""
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
    """Print the policy for HOOK."""
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
