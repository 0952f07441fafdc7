"""Weights of signals learnt from judgements: graded ones, or what users clicked on.

Knows rankings, grades and signals; a pairwise logistic regression in numpy, no randomness and no other library.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats
from secondpass.ranking.request import Now, as_moment
from secondpass.ranking.signals.combine import check, moves
from secondpass.ranking.signals.weighted import Weighted
from secondpass.types import Hit, Ranking

Judgements = Mapping[int, float] | Mapping[str, float]
"""Grades of one ranking's documents, by `hit.index` or by `hit.id`; no grade is not grade 0."""

S = TypeVar("S", bound=Weighted)

LISTS_PER_SIGNAL = 10
"""How many rankings with documents of two grades a weight needs."""
_STEPS = 100
_ENOUGH = 1e-10


def fit(
    rankings: Sequence[Ranking],
    judgements: Sequence[Judgements],
    signals: Sequence[S],
    *,
    now: Now = None,
    ridge: float = 1.0,
) -> tuple[S, ...]:
    """`signals` with the weights under which better documents stand above worse ones most surely.

    `rankings` and `judgements` go in pairs; the rankings may have been made with signals or without. Of every two
    documents of a ranking with different grades, the logistic loss of the difference of their log-odds is taken, where
    the model's part is fixed; each ranking counts 1 in all. `ridge` draws weights towards 0: half of it times Σ weight²
    is added. The loss is convex, and Newton's method takes it to its least, so the same input gives the same weights.
    `now` is what dates are held against, the present for None.
    Raises `InputError` for too few rankings (`LISTS_PER_SIGNAL` a signal), with the number that is needed.
    """
    check(signals)
    if len(rankings) != len(judgements):
        raise InputError(f"{len(rankings)} rankings and {len(judgements)} judgements: give one mapping a ranking.")
    if not ridge > 0:
        raise InputError(f"ridge={ridge!r}: give a number above 0; without one, weights may grow for ever.")
    if not signals:
        return ()
    full = [dataclasses.replace(signal, weight=1.0) for signal in signals]
    when = as_moment(now)
    pairs = [_pairs(ranking, grades, full, when) for ranking, grades in zip(rankings, judgements, strict=True)]
    told = [pair for pair in pairs if len(pair[0])]
    needed = LISTS_PER_SIGNAL * len(signals)
    if len(told) < needed:
        raise InputError(
            f"{len(signals)} signals need {needed} rankings with judged documents of at least two grades; of these "
            f"{len(rankings)}, {len(told)} have such: judge {needed - len(told)} more, or learn fewer signals."
        )
    weights = _newton(told, ridge)
    return tuple(dataclasses.replace(signal, weight=float(w)) for signal, w in zip(signals, weights, strict=True))


def clicks(ranking: Ranking, clicked: Collection[int] | Collection[str]) -> dict[int, float]:
    """Judgements from feedback: grade 1 for the clicked hits (by index or id), 0 for those passed over above them.

    What stands below the last click was perhaps never seen, and is not judged (Joachims 2002).
    """
    taken = [hit.index in clicked or hit.id in clicked for hit in ranking]
    last = max((place for place, one in enumerate(taken) if one), default=-1)
    return {ranking[place].index: float(taken[place]) for place in range(last + 1)}


def _pairs(
    ranking: Ranking, grades: Mapping[Any, float], signals: Sequence[Weighted], now: datetime
) -> tuple[NDArray[np.float64], Floats]:
    """For every two documents of different grades, better minus worse: signals, shape (pairs, signals), and model."""
    hits = ranking.hits
    candidates = Candidates(
        query=ranking.query,
        instruction=None,
        documents=[hit.document for hit in hits],
        texts=[hit.text for hit in hits],
        logits=np.array([hit.logit - sum(hit.signals.values()) for hit in hits], np.float64),
        now=now,
    )
    known = np.array([_grade(hit, grades) for hit in hits], np.float64)
    better, worse = np.nonzero(known[:, None] > known[None, :])  # NaN, for what is not judged, is never more
    values = np.stack(list(moves(signals, candidates).values()), axis=1) if len(hits) else np.empty((0, len(signals)))
    return values[better] - values[worse], candidates.logits[better] - candidates.logits[worse]


def _grade(hit: Hit, grades: Mapping[Any, float]) -> float:
    found = grades.get(hit.index)
    return float(grades.get(hit.id, np.nan) if found is None else found)


def _newton(lists: Sequence[tuple[NDArray[np.float64], Floats]], ridge: float) -> Floats:
    """The weights of the least loss, shape (signals,)."""
    values = np.concatenate([signals for signals, _ in lists])
    model = np.concatenate([offset for _, offset in lists])
    share = np.concatenate([np.full(len(offset), 1 / len(offset)) for _, offset in lists])
    weights = np.zeros(values.shape[1])
    for _ in range(_STEPS):
        wrong = 0.5 * (1 - np.tanh((model + values @ weights) / 2))  # the sigmoid of minus the margin
        gradient = ridge * weights - values.T @ (share * wrong)
        curve = (values * (share * wrong * (1 - wrong))[:, None]).T @ values + ridge * np.eye(len(weights))
        step = np.linalg.solve(curve, gradient)
        step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))  # never more than one log-odds at once
        weights = weights - step
        if float(np.abs(step).max()) < _ENOUGH:
            break
    return weights
