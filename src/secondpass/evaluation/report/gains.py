"""The gain of every query over the first stage, sorted: how many win, how many lose, and how much. Knows numbers."""

from __future__ import annotations

from collections.abc import Sequence

from secondpass.evaluation.report import figure
from secondpass.evaluation.report.canvas import WIDTH, drawing, label, line, round_steps
from secondpass.evaluation.report.markup import Markup, tag

_HEIGHT, _LEFT, _RIGHT, _EDGE = 170, 46, 6, 12


def gain_chart(title: str, description: str, gains: Sequence[float]) -> Markup:
    """A bar for each of `gains`, which fall: upwards where the query won, downwards where it lost."""
    top, bottom = max(0.0, *gains), min(0.0, *gains)
    if top == bottom:
        top, bottom = 0.1, -0.1
    scale = (_HEIGHT - 2 * _EDGE) / (top - bottom)
    zero = _EDGE + top * scale
    parts: list[Markup] = []
    for step in round_steps(bottom, top):
        y = zero - step * scale
        shown = f"{step:+g}".replace("-", figure.MINUS) if step else "0"
        parts += [line(_LEFT, y, WIDTH - _RIGHT, y, "grid"), label(shown, _LEFT - 6, y + 4, "small", "end")]
    wide = (WIDTH - _LEFT - _RIGHT) / len(gains)
    thick = max(0.6, min(14.0, wide * 0.8))
    for look, sign in (("win", 1), ("loss", -1)):
        drawn = [
            f"M{_LEFT + (i + 0.5) * wide:.1f} {zero:.1f}v{-gain * scale:.1f}"
            for i, gain in enumerate(gains)
            if gain * sign > 0
        ]
        parts.append(tag("path", d="".join(drawn), class_=look, stroke_width=f"{thick:.1f}"))
    return drawing(title, description, _HEIGHT, *parts, line(_LEFT, zero, WIDTH - _RIGHT, zero, "axis"))
