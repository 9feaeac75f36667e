"""Where is the suite?  ROOT is its directory, PROGRAMS that of its Python programs."""

from __future__ import annotations

import os

PROGRAMS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(PROGRAMS)
