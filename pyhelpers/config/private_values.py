"""What may the values of env_file and secrets say?  Parsers as those of config/values.py."""

from __future__ import annotations

from base.tokens import split_list

DIRECTORY = "CREDENTIALS_DIRECTORY"  # the variable that names the directory of the copies
LONGEST_NAME = 64
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_RULE = "letters, digits and _ . - only, first a letter, a digit or _"


def env_files(text: str) -> list[str]:
    """Return the paths, in the order in which they are read."""
    found = split_list(text)
    if "" in found:
        raise ValueError("holds an empty element; take it out")
    if len(set(found)) < len(found):
        raise ValueError("names a file twice; take one out")
    optional = [path for path in found if path.startswith("-")]
    if optional:
        raise ValueError(
            f'"{optional[0]}": a file that is missing is a fault, and - changes nothing; write {optional[0][1:]}'
        )
    return found


def secrets(text: str) -> list[list[str]]:
    """Return name and path of each secret.

    No message shows what stands behind a =: someone may write the secret itself there.
    """
    found: list[list[str]] = []
    for number, word in enumerate(split_list(text), 1):
        name, equals, path = word.partition("=")
        if not equals:
            raise ValueError(f"element {number} is not NAME=FILE; write it like db_password=/etc/im/db_password")
        if not is_name(name):
            raise ValueError(f"the name of element {number} cannot be that of a file; use {_RULE}")
        if not path:
            raise ValueError(f"{name} names no file; write it like {name}=/etc/im/{name}")
        if name in (known for known, _ in found):
            raise ValueError(f"{name} is there twice; take one out")
        found.append([name, path])
    return found


def is_name(text: str) -> bool:
    """May text name a secret, and so a file?"""
    return len(text) <= LONGEST_NAME and (text[:1] == "_" or text[:1].isalnum()) and _LETTERS.issuperset(text)
