"""The environment of a server with `environment_clean = yes`: a handful of variables, and nothing else of ours."""

from __future__ import annotations

from config import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOGIN = "login"  # settled, but no key of conf: name and home of the server's user; "" if unknown
OF_USER = ("USER", "LOGNAME", "HOME")
KEPT = ("PATH", "LANG", "TZ", *OF_USER)


def of(settings: settled.Settings, ours: Mapping[str, str]) -> dict[str, str]:
    """Those of KEPT that we have; of a server with another `user`, the home and the names of that user."""
    found = {name: ours[name] for name in KEPT if name in ours}
    if settings["user"]:
        for name in OF_USER:
            found.pop(name, None)
        found.update(zip(OF_USER, _login(settings)))
    return found


def _login(settings: settled.Settings) -> list[str]:
    """Values of OF_USER.  The watcher finds the user settled; another program, which is soon gone, looks it up."""
    if LOGIN in settings:
        known = settled.elements(settings[LOGIN])
    else:
        from config import accounts

        known = accounts.login_of(settings["user"])
    return [known[0], *known] if known else []
