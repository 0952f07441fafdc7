"""What all charts share: the frame with its title and description, text, lines, and round numbers for an axis.

Knows pixels and numbers; nothing of models or measures.
"""

from __future__ import annotations

import math

from secondpass.evaluation.report.markup import Markup, tag

WIDTH = 480
"""Pixels, of which a phone shows most without making the letters too small."""


def drawing(title: str, description: str, height: float, *parts: Markup) -> Markup:
    """A chart as an inline SVG, with what it shows in words for those who do not see it."""
    told = (tag("title", title), tag("desc", description))
    return tag("svg", *told, *parts, viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_label=title)


def label(words: str, x: float, y: float, look: str = "", anchor: str = "start") -> Markup:
    """A line of text; `anchor` is where x lies in it."""
    attributes = {"class_": look} if look else {}
    return tag("text", words, x=x, y=y, text_anchor=anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> Markup:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=look)


def round_steps(low: float, high: float, *, at_most: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside a range, `at_most` of them."""
    span = high - low
    step = 10 ** math.floor(math.log10(span / at_most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) < at_most)
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_steps(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten inside a range above 0; powers of ten alone where it is wide."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high / low < 300 else (1,)
    return [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
