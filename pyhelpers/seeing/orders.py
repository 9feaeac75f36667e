"""The orders that an operator gives in `top --control`: each is control.py in a child, so the screen never waits."""

from __future__ import annotations

from base.cells import harmless
from seeing.child import Order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server

WORDS = {"r": "restart", "x": "stop", "t": "start", "p": "pause"}
RESUME = "resume"


def word_of(key: str, state: str) -> str:
    """What the key means for a server in that state; "" if it is no order."""
    return RESUME if key == "p" and state == "PAUSED" else WORDS.get(key, "")


def place_of(server: Server, places: list[str]) -> list[str]:
    """ROOT CONF_DIR STATE_DIR CWD, from where the name means this server, see operate/same_name.py."""
    return places if server.is_placed else [*places[:3], server.directory]


class Orders:
    """Those that were given and not yet told.  places: ROOT CONF_DIR STATE_DIR CWD."""

    def __init__(self, places: list[str]) -> None:
        self._places = places
        self._given: list[Order] = []

    def give(self, word: str, server: Server) -> None:
        """Begin one.  Raises OSError."""
        self._given.append(Order(word, server.name, [*place_of(server, self._places), word, server.name]))

    def news(self) -> list[tuple[str, bool]]:
        """What they have said since the last call, and whether it is good; harmless."""
        found = [(_told(order), not order.status) for order in self._given if order.step()]
        for order in [order for order in self._given if order.status is not None]:
            self._given.remove(order)
            order.close()
        return [(text, is_good) for text, is_good in found if text]

    def under_way(self) -> list[str]:
        """`restart msg_server`, of each that has not come to its end."""
        return [f"{order.word} {order.name}" for order in self._given]


def _told(order: Order) -> str:
    said = harmless(order.said())
    if said:
        return f"{order.word} {said}"
    return f"{order.word} {order.name}: exit {order.status}" if order.status else ""
