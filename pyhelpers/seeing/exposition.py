"""The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/

# HELP monitor_server_up Does it run?
# TYPE monitor_server_up gauge
monitor_server_up{server="msg_server"} 1
"""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Exposition:
    """Samples of metrics, those of each together.  metrics: name -> (type, help), in the order of the text."""

    def __init__(self, metrics: Mapping[str, tuple[str, str]]) -> None:
        self._metrics = metrics
        self._samples: dict[str, list[str]] = {name: [] for name in metrics}

    def add(self, metric: str, value: float | None, suffix: str = "", **labels: str) -> None:
        """Add one sample; None: it is not known, and so it is absent.  suffix: as _bucket, of a histogram."""
        if value is not None:
            names = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
            self._samples[metric].append(f"{metric}{suffix}{f'{{{names}}}' if names else ''} {number(value)}\n")

    def text(self) -> str:
        """All of it."""
        return "".join(
            f"# HELP {name} {help}\n# TYPE {name} {kind}\n{''.join(self._samples[name])}"
            for name, (kind, help) in self._metrics.items()
            if self._samples[name]
        )


def escaped(text: str) -> str:
    """The text as a value of a label; `?` replaces what is not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8").translate(_ESCAPES)


def number(value: float) -> str:
    """`3`, `0.25`, `+Inf`."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else f"{value:.6f}".rstrip("0")
