"""Which heartbeat table?  The options that checkproc.py and heartbeat.py have in common."""

from __future__ import annotations

import argparse

import beatwords
import table
from values import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from values import Parser


def add(parser: argparse.ArgumentParser) -> None:
    """Add them to a parser."""
    parser.add_argument(
        "--key", type=_checked(beatwords.key), default=table.KEY, help="as ipcs -m shows it (default 0x5095)"
    )
    parser.add_argument(
        "--slots", type=_checked(whole(1, 1_000_000)), default=table.SLOTS, help="how many (default 1000)"
    )
    parser.add_argument(
        "--layout",
        type=_checked(beatwords.layout),
        default=table.LAYOUT,
        help="pid, name, timeout, atime as a struct of Python (default '<i51sxi4xq'; '@i51siq' is the same)",
    )


def _checked(parse: Parser) -> Parser:
    """The parser, with words that argparse shows."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def chosen(options: argparse.Namespace) -> table.Table:
    """The table that they name."""
    return table.Table(options.key, options.layout, options.slots)
