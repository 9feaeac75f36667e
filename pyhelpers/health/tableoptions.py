"""The options of checkproc.py and heartbeat.py that choose the heartbeat table."""

from __future__ import annotations

import argparse

from config import heartbeat_values
from config.values import whole
from health import shm_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from config.values import Parser


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument(
        "--key", type=_checked(heartbeat_values.key), default=shm_table.KEY, help="as ipcs -m shows it (default 0x5095)"
    )
    parser.add_argument(
        "--slots", type=_checked(whole(1, 1_000_000)), default=shm_table.SLOTS, help="how many (default 1000)"
    )
    parser.add_argument(
        "--layout",
        type=_checked(heartbeat_values.layout),
        default=shm_table.LAYOUT,
        help="pid, name, timeout, atime as a struct of Python (default '<i51sxi4xq'; '@i51siq' is the same)",
    )


def _checked(parse: Parser) -> Parser:
    """The same parser, with an error that argparse shows."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def chosen(options: argparse.Namespace) -> shm_table.Table:
    """The table that the options choose."""
    return shm_table.Table(options.key, options.layout, options.slots)
