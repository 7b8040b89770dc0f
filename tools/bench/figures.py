"""What a bench says: figures with their peer and their goal, as a table for people and as JSON for the next run."""

import importlib.metadata
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line. value and peer_value are in `unit`; ratio is how many times better than the peer we are.

    at_least, at_most: the goal, for the ratio where there is a peer, else for the value. None: only to be known.
    """

    what: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.peer_value is None else self.peer_value / self.value

    @property
    def is_met(self) -> bool | None:
        judged = self.value if self.ratio is None else self.ratio
        if self.at_least is not None:
            return bool(judged >= self.at_least)
        return None if self.at_most is None else bool(judged <= self.at_most)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "is_met": self.is_met}


@dataclass(frozen=True)
class Section:
    """Figures that belong together, and what to know when reading them."""

    title: str
    figures: list[Figure]
    notes: list[str] = field(default_factory=list[str])


def machine() -> dict[str, str | int]:
    """On what this was measured."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }


def table(section: Section) -> str:
    """A section as text."""
    rows = [("", "ours", "peer", "", "ratio", "goal", "")]
    for figure in section.figures:
        goal = ""
        if figure.at_least is not None:
            goal = f">= {figure.at_least:g}"
        elif figure.at_most is not None:
            goal = f"<= {figure.at_most:g}"
        rows.append(
            (
                figure.what,
                f"{_short(figure.value)} {figure.unit}",
                "" if figure.peer_value is None else f"{_short(figure.peer_value)} {figure.unit}",
                figure.peer,
                "" if figure.ratio is None else _short(figure.ratio),
                goal,
                {None: "", True: "met", False: "MISSED"}[figure.is_met],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines = [section.title]
    for row in rows:
        left = [row[0].ljust(widths[0])]
        cells = [row[column].rjust(widths[column]) for column in (1, 2)]
        cells += (
            [row[3].ljust(widths[3])] + [row[column].rjust(widths[column]) for column in (4, 5)] + [row[6]]
        )
        lines.append("  " + "  ".join(left + cells).rstrip())
    return "\n".join(lines + [f"  {note}" for note in section.notes])


def _short(value: float) -> str:
    """Three digits that matter; no exponent where one can be avoided."""
    if value != 0 and abs(value) < 0.01:
        return f"{value:.1e}"
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
