"""Which hooks reach no one?  The default hook `sms` only prints, and so does a copy of it under another name."""

from __future__ import annotations

import os

from base.suite import ROOT
from config import comments, grammar, shipped

PRINTS = "sms"


def only_prints(conf_dir: str, name: str) -> bool:
    """Is this hook, wherever it is found, the one that ships as `sms`?"""
    mine, ours = shipped.place_of(conf_dir, shipped.HOOKS, name), f"{ROOT}/conf/{shipped.HOOKS}/{PRINTS}"
    return mine != "" and _text_of(mine) == _text_of(ours)


def _text_of(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as source:
            return source.read(1 << 16)
    except OSError:
        return os.fsencode(path)  # like no other


def comments_in(conf_dir: str, name: str) -> list[grammar.Fault]:
    """What looks like a comment in the values of the hook's own conf."""
    try:
        settings, _ = grammar.read(f"{conf_dir}/{shipped.HOOKS}/{name}.conf")
    except FileNotFoundError:
        return []
    return comments.remarks(settings.items())
