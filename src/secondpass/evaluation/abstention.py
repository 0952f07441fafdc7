"""Whether scores tell when not to answer: quality of the queries that are kept while the least sure ones are dropped.

Gisserot-Boukhlef et al., Towards trustworthy reranking: a simple yet effective abstention mechanism (2024).
Knows scores and per-query values; no grades.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats, Run

# Not step / 10: what is rounded to whole queries must be mteb's numbers to the last bit.
RATES: tuple[float, ...] = tuple(np.linspace(0, 1, 11)[:-1].tolist())
"""Shares of the queries to drop: 0, 0.1, … 0.9."""

_SAME = 1e-12


def _gap(scores: Floats) -> float:
    best = np.sort(scores)[::-1][:2]
    return float(best[0] - best[1]) if len(best) > 1 else 0.0


CONFIDENCES: dict[str, Callable[[Floats], float]] = {
    "max": lambda scores: float(scores.max()),
    "std": lambda scores: float(scores.std()),
    "diff1": _gap,
}
"""How sure a ranker is of a query, by its scores: the best, their standard deviation, the best less the second."""


def abstention(run: Run, values: Mapping[str, float], *, rates: Sequence[float] = RATES) -> dict[str, float]:
    """nAUC by `max`, `std` and `diff1` of a run's scores, over the queries in `values` (one measure's, per query).

    A query without candidates has confidence 0. Raises `InputError` where there is no query or a score is not finite.
    """
    scores = [_finite(run.get(query, {}), query) for query in values]
    measured = list(values.values())
    return {
        name: nauc([confidence(each) if len(each) else 0.0 for each in scores], measured, rates=rates)
        for name, confidence in CONFIDENCES.items()
    }


def nauc(confidences: ArrayLike, values: ArrayLike, *, rates: Sequence[float] = RATES) -> float:
    """The normalised area under the abstention curve: 1 for the best possible order of confidences, 0 for none at all.

    `confidences` and `values` are of shape (queries,). The curve has the mean value of the kept queries at each of the
    `rates`; queries of equal confidence count their mean. NaN where every order is as good: the values do not differ.
    Below 0 the ranker is surer of what it gets wrong. Raises `InputError` for shapes, or rates, that cannot be used.
    """
    sure, measured = np.asarray(confidences, np.float64), np.asarray(values, np.float64)
    if sure.ndim != 1 or sure.shape != measured.shape or not len(sure):
        raise InputError(f"{sure.shape} confidences do not go with {measured.shape} values: one of each a query.")
    if not (np.isfinite(sure).all() and np.isfinite(measured).all()):
        raise InputError("A confidence or a value is not finite: drop the query or mend the scorer.")
    steps = np.asarray(rates, np.float64)
    if len(steps) < 2 or not ((steps >= 0) & (steps < 1)).all() or (np.diff(steps) <= 0).any():
        raise InputError(f"The rates are {list(rates)}: give two or more, rising, from 0 to below 1.")
    best = _curve(measured, measured, steps)
    flat = best[0] * (steps[-1] - steps[0])
    found, ideal = _area(_curve(sure, measured, steps), steps), _area(best, steps)
    return float((found - flat) / (ideal - flat)) if ideal - flat > _SAME else math.nan


def _curve(confidences: Floats, values: Floats, rates: Floats) -> Floats:
    """The mean value of the queries that are left when a share of them is dropped, the least sure first."""
    _, group = np.unique(confidences, return_inverse=True)
    means = np.bincount(group, weights=values) / np.bincount(group)
    ordered = means[np.sort(group)]
    dropped = np.minimum(np.rint(rates * len(values)).astype(np.int64), len(values) - 1)
    return np.array([ordered[count:].mean() for count in dropped])


def _area(heights: Floats, steps: Floats) -> float:
    """By trapezoids."""
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(steps)).sum())


def _finite(scores: Mapping[str, float], query: str) -> NDArray[np.float64]:
    found = np.fromiter(scores.values(), np.float64, len(scores))
    if not np.isfinite(found).all():
        raise InputError(f"A score of query {query!r} is not finite: drop the document or mend the scorer.")
    return found
