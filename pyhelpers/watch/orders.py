"""What the shell may order about one server, word by word: see watch/messages.py."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.lifecycle import Life


def _start(life: Life, wait: str, restarts: str, memory: str) -> None:
    _remember(life, restarts, memory)
    life.start(int(wait))


def _leave(life: Life, state: str, restarts: str, memory: str, text: str) -> None:
    _remember(life, restarts, memory)
    life.leave(state, text)


def _keep(life: Life, restarts: str, memory: str) -> None:
    _remember(life, restarts, memory)
    life.account.write()


def _remember(life: Life, restarts: str, memory: str) -> None:
    life.server.restarts, life.server.memory = int(restarts), memory


def _stop(life: Life) -> None:
    life.stop()


def _end(life: Life, pid: str, text: str) -> None:
    life.acknowledged()
    life.health.put_down(int(pid), text)


def _acknowledged(life: Life) -> None:
    life.acknowledged()


def _want(life: Life, want: str) -> None:
    life.set_want(want)


def _signal(life: Life, name: str, token: str) -> None:
    life.account.answer(token, life.signal(name))


def _answer(life: Life, token: str, text: str) -> None:
    life.account.answer(token, text)


ORDERS: dict[str, Callable[..., None]] = {
    "start": _start,
    "leave": _leave,
    "keep": _keep,
    "stop": _stop,
    "end": _end,
    "acknowledged": _acknowledged,
    "want": _want,
    "signal": _signal,
    "answer": _answer,
}
