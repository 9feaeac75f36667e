"""Where does a word end, and which word was meant? Splits values as a shell splits words; suggests known words.

'..', ".." and backslash quote as in sh(1). Nothing is expanded: `$HOME`, `$(...)` and `*` stay as they are.
"""

from __future__ import annotations


def split_words(text: str) -> list[str]:
    """Split at blanks, as a shell splits a command; a comma is an ordinary character."""
    return [word for word in _scan(text, "") if word is not None]


def split_groups(text: str) -> list[list[str]]:
    """Split at commas, and each part at blanks; drop empty parts."""
    groups: list[list[str]] = [[]]
    for word in _scan(text, ","):
        if word is None:
            groups.append([])
        else:
            groups[-1].append(word)
    return [group for group in groups if group]


def split_list(text: str) -> list[str]:
    """Split at blanks and commas."""
    return [word for word in _scan(text, ",") if word is not None]


def _scan(text: str, comma: str) -> list[str | None]:
    """Return the words of text, and None for each bare `comma`."""
    if not is_quoted(text):
        spaced = text.replace(comma, f" {comma} ") if comma else text
        return [None if word == comma else word for word in spaced.split(" ") if word]
    found: list[str | None] = []
    word, begun, quote = "", False, ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word, begun = word + _escaped(next(letters, ""), quote), True
        elif quote:
            word, quote = (word, "") if letter == quote else (word + letter, quote)
        elif letter in "'\"":
            quote, begun = letter, True
        elif letter == " " or letter == comma:
            found += ([word] if begun else []) + ([None] if letter == comma else [])
            word, begun = "", False
        else:
            word, begun = word + letter, True
    if quote:
        raise ValueError(f"a {quote} is not closed; close it, or write \\{quote} for the letter itself")
    return found + ([word] if begun else [])


def is_quoted(text: str) -> bool:
    """Does text hold a quote or a backslash?"""
    return "'" in text or '"' in text or "\\" in text


def _escaped(letter: str, quote: str) -> str:
    """The text that backslash + letter stands for; inside ".." it quotes only the characters that are special there."""
    if not letter:
        raise ValueError("a backslash at the end quotes nothing; write \\\\ for the letter itself")
    return "\\" + letter if quote and letter not in '"\\$`' else letter


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return `; did you mean X?` for the known word most similar to `word`; "" if none is similar, or it is known."""
    if word in known:
        return ""
    import difflib  # slow to import; only a mistake needs it

    found = difflib.get_close_matches(word.lower(), {each.lower(): each for each in known}, 1)
    return "; did you mean " + next(each for each in known if each.lower() == found[0]) + "?" if found else ""
