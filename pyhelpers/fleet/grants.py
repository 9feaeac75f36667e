"""What may our user do in etcd?  Ranges of keys, by its roles.

    >>> grants = asked(client, "monitor", 1.0)
    >>> grants.lacks("/monitor/prod/one/a")
    False

Source: etcd 3.4 and 3.5, auth/authpb/auth.proto: a permission is about one key, or a range that ends before range_end;
range_end "\\0" means all keys from the first on.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet.etcd import Etcd
    from fleet.names import Names

READ, WRITE, BOTH = "READ", "WRITE", "READWRITE"  # the gateway leaves the first one out
ALL = "root"  # the role that may do everything
WORD = ".want"


class Range:
    """Keys from first on, before end; end "": this key only, None: all."""

    def __init__(self, first: bytes, end: bytes | None) -> None:
        self.first, self.end = first, end

    def has(self, key: str) -> bool:
        """Is this key in it?"""
        raw = key.encode()
        return raw == self.first if self.end == b"" else self.first <= raw and (self.end is None or raw < self.end)

    def is_below(self, prefix: str) -> bool:
        """Do all of its keys begin with that?"""
        raw = prefix.encode()
        behind = raw[:-1] + bytes([raw[-1] + 1])
        return self.first.startswith(raw) and (self.end == b"" or (self.end is not None and self.end <= behind))

    def __str__(self) -> str:
        first = self.first.decode("utf-8", "replace")
        if self.end == b"":
            return first
        if self.end is None:
            return f"all keys from {first} on".replace("\0", "the first one")
        if self.end == self.first[:-1] + bytes([self.first[-1] + 1]):
            return f"all below {first}"
        return f"{first} to {self.end.decode('utf-8', 'replace')}"


class Grants:
    """reads, writes: the ranges; may_all: it has the role root."""

    def __init__(self) -> None:
        self.reads: list[Range] = []
        self.writes: list[Range] = []
        self.may_all = False

    def add(self, permission: dict[str, Any]) -> None:
        """Take a permission as the gateway has it."""
        kind = permission.get("permType", READ)
        found = Range(_bytes(permission, "key"), _end(permission))
        if kind in (READ, BOTH):
            self.reads.append(found)
        if kind in (WRITE, BOTH):
            self.writes.append(found)

    def lacks(self, key: str) -> bool:
        """May it not write this key?"""
        return not self.may_all and not any(each.has(key) for each in self.writes)

    def beyond(self, names: Names) -> Iterator[str]:
        """What it may and a monitor need not, in words."""
        if self.may_all:
            yield "do everything"
        for each in self.writes:
            is_lock = each.end == b"" and each.is_below(names.one("")) and not each.first.endswith(WORD.encode())
            if not is_lock and not any(each.is_below(prefix) for prefix in (names.beats(""), names.host(""))):
                yield f"write {each}"
        for each in self.reads:
            if not each.is_below(names.root):
                yield f"read {each}"


def _bytes(permission: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(permission.get(name, ""))


def _end(permission: dict[str, Any]) -> bytes | None:
    end = _bytes(permission, "range_end")
    return None if end == b"\0" else end


def asked(etcd: Etcd, user: str, seconds: float) -> Grants:
    """What this user may: who logs in as it may ask.  Raises NoAnswer, etcd.Refused."""
    grants = Grants()
    for role in etcd.ask("auth/user/get", {"name": user}, seconds).get("roles", ()):
        if role == ALL:
            grants.may_all = True
            continue
        for permission in etcd.ask("auth/role/get", {"role": role}, seconds).get("perm", ()):
            grants.add(permission)
    return grants
