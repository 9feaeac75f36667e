"""The exit statuses of all our programs, and the exception that refuses an order.

Source: LSB 3.1, init script actions (1 to 7; and, for `status` alone, 0 to 4); sysexits.h (69, 75); sh(1) (126, 127).
"""

GOOD = 0
FAILED = 1
USAGE = 2
NO_PERMISSION = 4
NOT_INSTALLED = 5
NOT_CONFIGURED = 6
NOT_RUNNING = 7

OTHER_VERSION = 70  # EX_SOFTWARE: the helper is not of the version of its shell
UNAVAILABLE = 69  # EX_UNAVAILABLE: this Python is not suitable, try another
TRY_AGAIN = 75  # EX_TEMPFAIL
CANNOT_EXECUTE, NO_SUCH_PROGRAM = 126, 127
INTERRUPTED = 130  # 128 + SIGINT


class Refused(Exception):
    """We do not carry out an order or a start.  `status`: the exit status; the text says why and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
