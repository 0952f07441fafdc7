"""Horizontal bars with intervals, in groups. Knows names and numbers, not what they were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondpass.evaluation.bootstrap import Interval
from secondpass.evaluation.report import figure
from secondpass.evaluation.report.canvas import WIDTH, drawing, label, line, round_steps
from secondpass.evaluation.report.markup import Markup, shortened, tag

_LEFT, _RIGHT, _ROW, _HEAD, _FOOT = 170, 48, 18, 26, 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its mean with the interval, and the classes that it is painted by."""

    name: str
    interval: Interval
    look: str


def bar_chart(title: str, description: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> Markup:
    """A group of bars under each heading, from 0, with their values in a column on the right."""
    greatest = max(max(bar.interval.high, bar.interval.estimate) for _, bars in groups for bar in bars) or 1.0
    scale = (WIDTH - _LEFT - _RIGHT) / greatest
    parts: list[Markup] = []
    y = 0.0
    for heading, bars in groups:
        parts.append(label(shortened(heading, 60), 0, y + 17, "heading"))
        y += _HEAD
        for bar in bars:
            parts += _bar(bar, y, scale)
            y += _ROW
        y += 6
    ticks = round_steps(0, greatest)
    grid = [line(_LEFT + tick * scale, _HEAD - 4, _LEFT + tick * scale, y - 4, "grid") for tick in ticks]
    feet = [label(f"{tick:g}", _LEFT + tick * scale, y + 10, "small", "middle") for tick in ticks]
    return drawing(title, description, y + _FOOT, *grid, *parts, *feet)


def _bar(bar: Bar, y: float, scale: float) -> list[Markup]:
    middle = y + _ROW / 2
    low, mean, high = (_LEFT + x * scale for x in (bar.interval.low, bar.interval.estimate, bar.interval.high))
    return [
        label(shortened(bar.name, 26), _LEFT - 8, middle + 4, anchor="end"),
        tag("rect", x=_LEFT, y=y + 3, width=mean - _LEFT, height=_ROW - 6, class_=bar.look),
        tag("path", d=f"M{low:.1f} {middle - 3:.1f}v6M{low:.1f} {middle:.1f}H{high:.1f}m0 -3v6", class_="whisker"),
        label(figure.value(bar.interval.estimate), WIDTH, middle + 4, "number", "end"),
    ]
