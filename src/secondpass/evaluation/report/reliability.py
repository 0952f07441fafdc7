"""A reliability plot: of the pairs that were said to be relevant with some probability, how many are?

Both axes are in log-odds, as most candidates are far below even odds. Knows probabilities and labels alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike

from secondpass.evaluation.places import Floats
from secondpass.evaluation.report.canvas import WIDTH, label, line
from secondpass.evaluation.report.markup import Markup, tag
from secondpass.evaluation.report.palette import marker

_LEAST = 30  # pairs behind a point: with fewer its share is luck
_LEFT, _TOP, _SIDE, _FOOT, _NAME = 56, 34, 390, 44, 18
_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)
_ENDS = (0.0004, 0.9996)
_STYLE = (
    "text{font:12px sans-serif;fill:#212529}.t{font-weight:bold;font-size:14px}.small{font-size:11px;fill:#495057}"
    ".grid{stroke:#e9ecef}.axis{stroke:#868e96}.dashed{stroke:#868e96;stroke-dasharray:5 4}"
    ".whisker{stroke-width:1.2}.c0{fill:#868e96;stroke:#868e96}.c1{fill:#d9480f;stroke:#d9480f}"
    ".c2{fill:#1971c2;stroke:#1971c2}.c3{fill:#2b8a3e;stroke:#2b8a3e}.hollow{fill:#fff;stroke-width:2}"
)


@dataclass(frozen=True, slots=True)
class Point:
    """Pairs of similar probability: its mean, the share of relevant ones, and that share less and plus 2 errors."""

    predicted: float
    observed: float
    low: float
    high: float


def points(probabilities: ArrayLike, labels: ArrayLike) -> list[Point]:
    """A point for each unit of log-odds that holds enough pairs. The interval is Wilson's (1927), at two errors."""
    said, right = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    inside = np.clip(said, 1e-9, 1 - 1e-9)
    group = np.floor(np.log(inside) - np.log1p(-inside)).astype(np.int64)
    found = []
    for value in np.unique(group):
        here = group == value
        if (count := int(here.sum())) >= _LEAST:
            found.append(_point(said[here], float(right[here].mean()), count))
    return found


def reliability_plot(title: str, series: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """An SVG that stands alone; at most four series, the first of them in grey."""
    height = _TOP + _SIDE + _FOOT + _NAME * len(series)
    parts: list[Markup] = [tag("rect", width="100%", height="100%", fill="#fff"), label(title, 12, 20, "t")]
    parts += _axes()
    for number, (name, listed) in enumerate(series):
        y = _TOP + _SIDE + _FOOT + _NAME * number
        parts += [marker(number, _LEFT + 6, y, filled=number > 0), label(name, _LEFT + 20, y + 4)]
        for each in listed:
            x = _x(each.predicted)
            parts.append(line(x, _y(each.low), x, _y(each.high), f"whisker c{number}"))
            parts.append(marker(number, x, _y(each.observed), filled=number > 0))
    told = (tag("title", title), tag("style", Markup(_STYLE)))
    box = f"0 0 {WIDTH} {height}"
    svg = "http://www.w3.org/2000/svg"
    return f"{tag('svg', *told, *parts, xmlns=svg, viewBox=box, width=WIDTH, height=height, role='img')}\n"


def _point(said: Floats, share: float, count: int) -> Point:
    z = 2.0
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Point(float(said.mean()), share, float(middle - half), float(middle + half))


def _axes() -> list[Markup]:
    bottom, right = _TOP + _SIDE, _LEFT + _SIDE
    found = [line(_x(_ENDS[0]), _y(_ENDS[0]), _x(_ENDS[1]), _y(_ENDS[1]), "dashed")]
    for tick in _TICKS:
        found += [line(_LEFT, _y(tick), right, _y(tick), "grid"), line(_x(tick), _TOP, _x(tick), bottom, "grid")]
        found.append(label(f"{tick:g}", _LEFT - 6, _y(tick) + 4, "small", "end"))
        found.append(label(f"{tick:g}", _x(tick), bottom + 15, "small", "middle"))
    found += [line(_LEFT, bottom, right, bottom, "axis"), line(_LEFT, _TOP, _LEFT, bottom, "axis")]
    found.append(label("probability that was said", _LEFT + _SIDE / 2, bottom + 30, "small", "middle"))
    turned = tag(
        "text", "share of relevant pairs", x=0, y=0, class_="small", text_anchor="middle",
        transform=f"translate(14 {_TOP + _SIDE / 2:.0f}) rotate(-90)",
    )  # fmt: skip
    return [*found, turned]


def _place(share: float) -> float:
    low, high = (log(end / (1 - end)) for end in _ENDS)
    inside = min(max(share, _ENDS[0]), _ENDS[1])
    return (log(inside / (1 - inside)) - low) / (high - low)


def _x(share: float) -> float:
    return _LEFT + _SIDE * _place(share)


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - _place(share))
