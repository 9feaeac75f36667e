"""Can the suite run on this Python?  It must be new enough, and have a psutil that is new enough.

    $ python3 -E -s pyhelpers/suitable.py; echo $?
    0

Exit: 0 yes · 69 no (EX_UNAVAILABLE of sysexits.h): try another Python, or make a .venv.
"""

from __future__ import annotations

from base.libraries import require_suitable

if __name__ == "__main__":
    require_suitable()
