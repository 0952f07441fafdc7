"""How far a converted model's logits are from those of the model that it was made of, and how much faster they come.

Knows rankings and numbers; nothing of graphs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.conversion.texts import Pair
from secondpass.ranking.reranker import Reranker

_LEAST_SPREAD = 1e-6
_WARMING = 8  # pairs that are read before the clock starts


@dataclass(frozen=True, slots=True)
class Drift:
    """`largest` and `mean`: of the absolute differences of logits. `spread`: the standard deviation of the exact
    logits. `correlation`: Spearman's, of the two orders of all pairs."""

    pairs: int
    largest: float
    mean: float
    spread: float
    correlation: float

    @property
    def relative(self) -> float:
        """The largest difference as a share of the spread, which does not depend on a model's scale."""
        return self.largest / max(self.spread, _LEAST_SPREAD)


@dataclass(frozen=True, slots=True)
class Timed:
    """Logits of pairs, float64, shape (pairs,), and how long 100 of them took in seconds."""

    logits: NDArray[np.float64]
    seconds: float


def compare(exact: NDArray[np.float64], converted: NDArray[np.float64]) -> Drift:
    """The drift of the second logits from the first, both of shape (pairs,)."""
    apart = np.abs(exact - converted)
    return Drift(len(exact), float(apart.max()), float(apart.mean()), float(exact.std()), _spearman(exact, converted))


def timed(reranker: Reranker, pairs: Sequence[Pair]) -> Timed:
    """The logits of pairs, in their order; each query's documents are ranked together."""
    asked: dict[str, list[int]] = {}
    for place, (query, _) in enumerate(pairs):
        asked.setdefault(query, []).append(place)
    lists = [[pairs[place][1] for place in places] for places in asked.values()]
    queries = list(asked)
    reranker.rank(queries[0], lists[0][:_WARMING], progress=False)
    start = time.perf_counter()
    rankings = reranker.rank_many(queries, lists, progress=False)
    seconds = time.perf_counter() - start
    found = np.empty(len(pairs))
    for places, ranking in zip(asked.values(), rankings, strict=True):
        for hit in ranking:
            found[places[hit.index]] = hit.logit
    return Timed(found, seconds * 100 / len(pairs))


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """1 for the same order, 0 where one has none; equal values share their rank."""
    one, other = _ranks(first), _ranks(second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(np.array_equal(one, other))
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice each value's place among all, the mean of those that equal values take."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")).astype(np.float64)
