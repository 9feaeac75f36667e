"""What does conf ask for around the life of a server?  Only those load it that need to know."""

from __future__ import annotations

from config.server_settings import AROUND, MANUAL, elements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from config.server_settings import ServerSettings


def asked(server: ServerSettings, key: str) -> list[str]:
    """The words of one of AROUND; [] if conf does not set it.  stop_command: the last one is its time in ms."""
    return elements(server.vital.get(key, ""))


def has_any(server: ServerSettings) -> bool:
    """Does conf ask for any command around its life, or say how it reloads?"""
    return any(map(server.vital.get, AROUND))


def is_manual(server: ServerSettings) -> bool:
    """Is it started by order only?"""
    return server.vital.get("start") == MANUAL
