"""Charts as SVG, written by hand: nothing to install, readable on light and dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median

WIDTH = 760
LEFT = 250
RIGHT = 90
BAR = 20
GAP = 12
TOP = 56
COLOURS = ("#2f6f9f", "#c8743a", "#5a8f4e", "#8a5a9f", "#7a7a7a")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c1c1c}.title{font-weight:600;font-size:15px}"
    ".small{font-size:11px;fill:#555}.axis{stroke:#bbb}.whisker{stroke:#1c1c1c;stroke-width:1.5}"
)


def bars(path: Path, title: str, unit: str, rows: Mapping[str, Sequence[float]]) -> None:
    """Draw the median of each row as a bar, with a whisker from the least to the most."""
    most = max(max(values) for values in rows.values()) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = []
    for place, (label, values) in enumerate(rows.items()):
        y = TOP + place * (BAR + GAP)
        middle = median(values) * scale
        low, high = min(values) * scale, max(values) * scale
        colour = COLOURS[place % len(COLOURS)]
        at = y + BAR / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>',
            (
                f'<rect x="{LEFT}" y="{y}" width="{max(middle, 1):.1f}" height="{BAR}" rx="2" '
                f'fill="{colour}"/>'
            ),
            (
                f'<line class="whisker" x1="{LEFT + low:.1f}" x2="{LEFT + high:.1f}" '
                f'y1="{at}" y2="{at}"/>'
            ),
            (
                f'<text x="{LEFT + max(high, middle) + 6:.1f}" y="{y + 15}">'
                f"{escape(_short(median(values)))}</text>"
            ),
        ]
    height = TOP + len(rows) * (BAR + GAP) + 8
    path.write_text(_page(title, unit, parts, height))


def lines(
    path: Path, title: str, unit: str, series: Mapping[str, Sequence[float]], across: str
) -> None:
    """Draw each series as a line from the first to the last value."""
    height, bottom = 320, 280
    most = max(max(values) for values in series.values()) or 1.0
    longest = max(len(values) for values in series.values())
    left, right = 70, 170

    def x(place: int) -> float:
        return left + place * (WIDTH - left - right) / max(longest - 1, 1)

    def y(value: float) -> float:
        return bottom - value * (bottom - TOP) / most

    parts = [
        f'<line class="axis" x1="{left}" x2="{WIDTH - right}" y1="{bottom}" y2="{bottom}"/>',
        f'<line class="axis" x1="{left}" x2="{left}" y1="{TOP}" y2="{bottom}"/>',
        f'<text class="small" x="{left - 6}" y="{TOP + 4}" text-anchor="end">{_short(most)}</text>',
        f'<text class="small" x="{left - 6}" y="{bottom}" text-anchor="end">0</text>',
        (
            f'<text class="small" x="{(left + WIDTH - right) / 2}" y="{bottom + 22}" '
            f'text-anchor="middle">{escape(across)}</text>'
        ),
    ]
    for place, (label, values) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values))
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            (
                f'<rect x="{WIDTH - right + 16}" y="{TOP + place * 22}" width="12" height="12" '
                f'fill="{colour}"/>'
            ),
            (
                f'<text class="small" x="{WIDTH - right + 34}" y="{TOP + place * 22 + 10}">'
                f"{escape(label)}</text>"
            ),
        ]
    path.write_text(_page(title, unit, parts, height))


def _page(title: str, unit: str, parts: Sequence[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<style>{_STYLE}</style>"
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
        f'<text class="title" x="16" y="24">{escape(title)}</text>'
        f'<text class="small" x="16" y="42">{escape(unit)}</text>'
    )
    return head + "".join(parts) + "</svg>\n"


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
