"""Which of several rerankers no other beats at its price or below. Knows prices and scores, not what they are of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from secondpass.errors import InputError

LEVEL = 0.9
"""How probable it has to be that a point is better than the best cheaper one."""


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The positions of the (price, score) points that are better than every other of at most their price.

    Cheapest first, so that scores rise; of equal points the first given counts. Raises `InputError` for a price or a
    score that is not a number.
    """
    for point in points:
        if any(math.isnan(value) for value in point):
            raise InputError(f"(price, score) = {point}: a point without a number has no place. Leave it out.")
    best, front = -math.inf, list[int]()
    for position in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[position][1] > best:
            best = points[position][1]
            front.append(position)
    return front


def proved(front: Sequence[int], exceeds: Callable[[int, int], float], *, level: float = LEVEL) -> list[bool]:
    """For each point of a front, whether it is better than the best cheaper one for more than chance.

    `exceeds(a, b)`: the probability, by a paired bootstrap, that point a's score is above point b's. The cheapest point
    has no cheaper one, and is always on the front.
    """
    before = zip(front[1:], front, strict=False)
    return [True] * bool(front) + [exceeds(point, cheaper) >= level for point, cheaper in before]
