"""Is this Python one that the suite can run on?  New enough, and with a psutil that is.

    $ python3 -E -s pyhelpers/suitable.py; echo $?
    0

Exit: 0 it is · 69 it is not (EX_UNAVAILABLE of sysexits.h): try another, or make one.
"""

from __future__ import annotations

from base.libraries import require_suitable

if __name__ == "__main__":
    require_suitable()
