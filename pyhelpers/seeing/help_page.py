"""top shows the servers, the worst first, and looks each second.

  Up Down PgUp PgDn Home End   choose a server
  Enter   its last events, and what it writes; of servers
          that share a line, a line for each, until Esc
  s       sort by state, CPU, memory, restarts, uptime, ...
  g       servers of one tag in one state share a line, or not
  /       show only those whose name holds what you type, or
          whose state begins so; * ? [ ] as in a shell;
          Enter keeps that, Esc shows all again
  ?       this help
  q       end, as Ctrl-C does; Esc goes back

With --control, for the chosen server, after y:
  r restart   x stop   t start   p pause, or resume
"""

from __future__ import annotations

from base.cells import cut
from seeing.screen import Line, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from seeing.screen import Size


class HelpPage:
    """The text above.  Any key goes back."""

    is_live = False
    hints = "Esc:back"
    server = ""

    def __init__(self) -> None:
        self._top = 0

    def screen(self, size: Size, foot: list[Line]) -> list[Line]:
        """All that is to be seen."""
        texts = (__doc__ or "").splitlines()
        self._top = max(0, min(self._top, len(texts) - (size[1] - len(foot))))
        return whole([], [Line(cut(text, size[0])) for text in texts[self._top :]], foot, size)

    def press(self, key: str) -> bool:
        """A key; False: this page has no use for it."""
        steps = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}
        self._top += steps.get(key, 0)
        return key in steps

    def step(self) -> bool:
        """Is there anything new to be seen?"""
        return False

    def close(self) -> None:
        """It is no longer shown."""
