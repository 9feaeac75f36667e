"""Send a server a signal, as an operator or conf says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from proc.server import Server


def send(server: Server, name: str) -> str:
    """Send it the signal of this name, as in `HUP`, by its pidfd; return the answer, `0` or `STATUS TEXT`."""
    import signal

    if not server.pid:
        return "7 it does not run"
    try:
        signal.pidfd_send_signal(server.pidfd, getattr(signal, f"SIG{name}"))
    except (OSError, AttributeError) as error:
        return f"1 {getattr(error, 'strerror', None) or 'no such signal'}"
    return "0"
