"""What a measurement found: verdicts, tables, notes, raw rounds; and how it is kept as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "performance"


@dataclass(slots=True)
class Verdict:
    """One measured figure against its target.

    at_limit: why a target that was missed cannot be met, by a limit measured in the same run.
    """

    what: str
    target: str
    measured: str
    is_met: bool
    at_limit: str = ""

    @property
    def word(self) -> str:
        """The verdict in a word."""
        if self.is_met:
            return "met"
        return "at the limit" if self.at_limit else "missed"


@dataclass(slots=True)
class Table:
    """Rows of text under headings."""

    headings: list[str]
    rows: list[list[str]] = field(default_factory=list)
    title: str = ""


@dataclass(slots=True)
class Finding:
    """Everything that one target's measurement found."""

    target: str
    title: str
    method: str
    verdicts: list[Verdict] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    command: str = ""
    measured_on: str = ""
    machine: str = ""
    foreign_cores: float = 0.0
    seconds: float = 0.0
    # Where it is kept; no part of what was found.
    folder: Path = FOLDER

    def chart(self, name: str) -> Path:
        """Return the file of a chart; the document shows it once however often it is drawn."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if name not in self.charts:
            self.charts.append(name)
        return self.folder / name

    def save(self) -> Path:
        """Write the JSON of this finding."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.target.lower()}.json"
        values = {name: value for name, value in asdict(self).items() if name != "folder"}
        path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        return path


def load(path: Path) -> Finding:
    """Read a finding that was saved."""
    values = json.loads(path.read_text())
    values["verdicts"] = [Verdict(**entry) for entry in values["verdicts"]]
    values["tables"] = [Table(**entry) for entry in values["tables"]]
    return Finding(**values)


def at_least(what: str, ratios: Sequence[float], target: float) -> Verdict:
    """Judge ratios of rounds by their median."""
    found = statistics.median(ratios)
    return Verdict(what, f"≥ {target:g}", spread(ratios), found >= target)


def at_most(what: str, ratios: Sequence[float], target: float) -> Verdict:
    """Judge ratios of rounds by their median."""
    found = statistics.median(ratios)
    return Verdict(what, f"≤ {target:g}", spread(ratios), found <= target)


def spread(values: Sequence[float]) -> str:
    """Return `median (least-most)`."""
    middle = figure(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({figure(min(values))}-{figure(max(values))})"


def figure(value: float) -> str:
    """Return a number with three digits that matter."""
    if value == 0:
        return "0"
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"
