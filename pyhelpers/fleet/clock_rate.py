"""How fast does the kernel run the clock of this machine?  1.0: as fast as its hardware.

    >>> clock_rate()
    1.0000031

A program that keeps time lets the clock run faster or slower until it is right: ntpd by 0.05 % at most, chronyd by up
to 8 % (maxslewrate).  CLOCK_BOOTTIME, by which a lease is measured, goes with it.

Source: adjtimex(2), /usr/include/linux/timex.h.
"""

from __future__ import annotations

import ctypes
import os

PPM = 65536e6  # freq is in ppm, with 16 bits behind the point


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),  # us between two ticks of USER_HZ
        ("rest", ctypes.c_char * 256),
    ]


def clock_rate() -> float:
    """The rate; 1.0 where the kernel does not tell."""
    told = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told)) < 0:
        return 1.0
    return float(told.tick * os.sysconf("SC_CLK_TCK") / 1e6 + told.freq / PPM)
