"""A timer on CLOCK_BOOTTIME, which runs on while the machine is suspended: it rings at once when that wakes.

Source: timerfd_create(2).  Python has it since 3.13; ctypes gives it to all.
"""

from __future__ import annotations

import ctypes
import os

CLOCK_BOOTTIME = 7
ABSOLUTE = 1  # TFD_TIMER_ABSTIME
LEAST = 1e-6  # a time of 0 would switch it off


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Timer(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("value", _Timespec)]


class Bell:
    """fd: can be read when the time has come."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(CLOCK_BOOTTIME, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def ring_at(self, at: float) -> None:
        """at: in seconds since boot; 0.0: not at all."""
        at = max(at, LEAST) if at else 0.0
        when = _Timer(_Timespec(0, 0), _Timespec(int(at), int(at % 1 * 1e9)))
        if self._libc.timerfd_settime(self.fd, ABSOLUTE, ctypes.byref(when), None) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def heard(self) -> None:
        """It has rung: be quiet until it rings again."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            pass
