"""The look of a model in every chart: a colour and a shape, so that neither has to be told alone.

Colours are classes `c0`…`c5` of the style sheet, after Okabe and Ito's palette, with a shade for each scheme.
"""

from __future__ import annotations

from secondpass.evaluation.report.markup import Markup, tag

COLOURS = 6
_SIDE = 5.5


def colour(number: int) -> str:
    """The class of the model with that number."""
    return f"c{number % COLOURS}"


def marker(number: int, x: float, y: float, *, filled: bool) -> Markup:
    """The model's shape around a point; hollow where it is not `filled`."""
    look = f"{colour(number)} {'full' if filled else 'hollow'}"
    if number % len(_SHAPES) == 0:
        return tag("circle", cx=x, cy=y, r=_SIDE, class_=look)
    corners = " ".join(f"{x + _SIDE * a:.1f},{y + _SIDE * b:.1f}" for a, b in _SHAPES[number % len(_SHAPES)])
    return tag("polygon", points=corners, class_=look)


_SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a circle
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, 1.2), (1.1, -0.9), (-1.1, -0.9)),
)
