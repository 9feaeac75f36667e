"""What does each member of etcd tell of itself?  Its version, how it was started, its size.

    >>> look("http", "im-1:2379", Login(), 1.0).size
    20480

Sources: /metrics and /debug/vars (the command line), which every member serves to its clients, without a
login.  What it does not tell is None or empty.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from fleet.etcd import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.etcd import Login

MOST_BYTES = 4 << 20
CONF = "config-file"
VERSION, SIZE, QUOTA, COMPACTED = (
    "etcd_server_version",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_server_quota_backend_bytes",
    "etcd_debugging_mvcc_compact_revision",
)


class Member:
    """size, quota: of its file, in bytes.  compacted: the revision before which it has no history, below 1: it has all.
    words: its command line.
    """

    def __init__(self, endpoint: str, metrics: dict[str, str], words: Sequence[str]) -> None:
        self.endpoint = endpoint
        self.version = next((name.split('"')[1] for name in metrics if name.startswith(f"{VERSION}{{")), "")
        self.size, self.quota, self.compacted = (_number(metrics.get(name)) for name in (SIZE, QUOTA, COMPACTED))
        self.words = list(words)

    def flag(self, name: str) -> str:
        """The value of this option on its command line, `true` for one without; "": it is not there.

        A file of conf may set it as well: then it is "-".
        """
        found = ""
        for word, behind in zip(self.words, [*self.words[1:], "-"]):
            option, mark, value = word.lstrip("-").partition("=")
            if word.startswith("-") and option in (name, CONF):
                found = "-" if option == CONF else value if mark else "true" if behind.startswith("-") else behind
        return found


def _number(text: str | None) -> int | None:
    return None if text is None else int(float(text))


def look(scheme: str, endpoint: str, login: Login, seconds: float) -> Member:
    """Ask one member.  Raises NoAnswer."""
    get = partial(_get, f"{scheme}://{endpoint}", login, seconds)
    lines = [line.rpartition(" ") for line in get("metrics").splitlines() if line.startswith("etcd_")]
    try:
        told: Any = json.loads(get("debug/vars") or "{}")
    except ValueError:
        told = {}
    return Member(endpoint, {name: value for name, _, value in lines}, told.get("cmdline", ()))


def _get(base: str, login: Login, seconds: float, path: str) -> str:
    """The text; "" if it does not serve that."""
    context = login.context() if base.startswith("https") else None
    try:
        with urllib.request.urlopen(f"{base}/{path}", timeout=seconds, context=context) as answer:
            return str(answer.read(MOST_BYTES).decode("utf-8", "replace"))
    except urllib.error.HTTPError:
        return ""
    except OSError as error:
        reason = getattr(error, "reason", error)
        why = "no answer in time" if isinstance(reason, TimeoutError) else getattr(reason, "strerror", None) or reason
        raise NoAnswer(str(why)) from None


def look_at_all(scheme: str, endpoints: Sequence[str], login: Login, seconds: float) -> list[Member | NoAnswer]:
    """Ask all of them at the same time."""

    def one(endpoint: str) -> Member | NoAnswer:
        try:
            return look(scheme, endpoint, login, seconds)
        except NoAnswer as error:
            return NoAnswer(f"{endpoint} does not answer: {error}")

    with ThreadPoolExecutor(len(endpoints)) as threads:
        return list(threads.map(one, endpoints))
