"""How sure a mean is: the stratified bootstrap of a weighted mean over collections, by percentiles.

Inside every collection queries are drawn with replacement, as many as it has, and the collections keep their weights
(Efron and Tibshirani 1993). Every system gets the same draws, so that differences are paired. Knows values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats
from secondpass.evaluation.strata import Strata, Values, strata

LEVEL = 0.8
REPLICATES = 10_000
SEED = 0
_DRAWS = 1 << 18
"""How many queries are drawn at once: keeps what is drawn in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or a difference of two, and where the middle `level` of its replicates lies."""

    estimate: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The first system's mean less the second's; `ahead` is the share of replicates in which the first is greater."""

    first: str
    second: str
    interval: Interval
    ahead: float


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """What was drawn, and how: the same values, weights, `seed` and number of replicates give the same numbers.

    `estimates` has the systems' means, shape (systems,); `replicates` those of every draw, (replicates, systems).
    """

    systems: tuple[str, ...]
    weights: Mapping[str, float]
    level: float
    seed: int
    estimates: Floats
    replicates: Floats

    def interval(self, system: str) -> Interval:
        """The system's mean. Raises `InputError` for a system that is not there."""
        column = self._column(system)
        return self._interval(float(self.estimates[column]), self.replicates[:, column])

    def difference(self, first: str, second: str) -> Difference:
        """How far the first is above the second, on the same draws."""
        a, b = self._column(first), self._column(second)
        drawn = self.replicates[:, a] - self.replicates[:, b]
        interval = self._interval(float(self.estimates[a] - self.estimates[b]), drawn)
        return Difference(first, second, interval, float((drawn > 0).mean()))

    def _interval(self, estimate: float, drawn: Floats) -> Interval:
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2]).tolist()
        return Interval(estimate, low, high, self.level)

    def _column(self, system: str) -> int:
        if system not in self.systems:
            raise InputError(f"{system!r} was not measured; there are: {', '.join(self.systems)}.")
        return self.systems.index(system)


def bootstrap(
    values: Values,
    weights: Mapping[str, float] | None = None,
    *,
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Bootstrap:
    """Draw the means of every system. Without weights every collection counts the same.

    The interval at `level` 0.8 goes from the 10th to the 90th percentile. Raises `InputError` where systems were not
    measured on the same queries, and for a level or a number of replicates out of range.
    """
    if not 0 < level < 1:
        raise InputError(f"The level is {level}: it must be between 0 and 1, such as 0.8.")
    if replicates < 1:
        raise InputError(f"{replicates} replicates were asked for: it must be at least 1.")
    laid = strata(values, weights)
    drawn = _drawn(laid, replicates, np.random.default_rng(seed))
    return Bootstrap(laid.systems, dict(zip(laid.names, laid.weights, strict=True)), level, seed, laid.means, drawn)


def _drawn(laid: Strata, replicates: int, generator: np.random.Generator) -> Floats:
    """Weighted means, shape (replicates, systems)."""
    means = np.zeros((replicates, len(laid.systems)))
    for weight, values in zip(laid.weights, laid.values, strict=True):
        rows = max(1, _DRAWS // len(values))
        for start in range(0, replicates, rows):
            part = means[start : start + rows]
            part += weight / len(values) * (_times_drawn(len(part), len(values), generator) @ values)
    return means


def _times_drawn(rows: int, queries: int, generator: np.random.Generator) -> Floats:
    """How often each query is drawn in each replicate, shape (rows, queries): one product then serves all systems."""
    drawn = generator.integers(0, queries, (rows, queries), dtype=np.int32)
    drawn += np.arange(0, rows * queries, queries, dtype=np.int32)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * queries).reshape(rows, queries).astype(np.float64)
