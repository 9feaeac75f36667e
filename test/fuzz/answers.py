"""state/answers.py: what became of an order is found by its token, whatever the file holds besides."""

from __future__ import annotations

import os

from inputs import HERE, Chooser, holds, nothing_is_executed, put

from state import answers

PATH = f"{HERE}/answers"


def an_answer_is_found_by_its_token(choose: Chooser) -> None:
    """The newest one counts; rubbish, and answers to other tokens, hide nothing."""
    token, other = "12.34", choose.pick(("2.34", "12.3", "12.345", "112.34"))
    text = f"{choose.number(7)} " + "".join(letter for letter in choose.text(most=4) if letter >= " ")
    put(PATH, choose.raw(("12.34 ", "\n", "0"), most=5) + b"\n")
    answers.append(HERE, token, "1 an earlier one")
    answers.append(HERE, token, text)
    answers.append(HERE, other, "2 no")
    assert answers.Answers(HERE).to(token) == text.encode("utf-8", "replace").decode(), text
    assert answers.Answers(HERE).to("99.99") is None


def the_file_stays_small(choose: Chooser) -> None:
    """And keeps the newest."""
    answers.append(HERE, "1.1", "0 " + "z" * choose.number(4000))
    answers.append(HERE, "12.34", "0 kept")
    assert os.path.getsize(PATH) <= answers.MOST
    assert answers.Answers(HERE).to("12.34") == "0 kept"


if __name__ == "__main__":
    nothing_is_executed()
    holds(an_answer_is_found_by_its_token, size=24)
    holds(the_file_stays_small, size=4)
