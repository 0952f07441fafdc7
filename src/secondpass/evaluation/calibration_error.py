"""How far probabilities are from what they say: of the pairs scored 0.7, are seven in ten relevant?

Knows probabilities and labels, pooled over queries; no ranking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats, Grades, Run

BINS = 15
FLOOR = 1e-15
"""Probabilities are kept this far from 0 and 1 in the log loss, which would else be infinite for one sure mistake."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of similar probability: how many, their mean probability, the share of them that is relevant."""

    count: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Errors of `count` probabilities of which `positives` were of relevant pairs; all of them are better when lower.

    `ece`: the mean distance of a bin's probability from its share of relevant ones, weighted by count (Naeini et al.
    2015, bins of equal mass); `brier`: the mean squared error (Brier 1950); `log_loss`: in nats; `bins`: for a
    reliability plot, from the least probable.
    """

    count: int
    positives: int
    ece: float
    brier: float
    log_loss: float
    bins: tuple[Bin, ...]


def calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS, floor: float = FLOOR
) -> CalibrationError:
    """The errors of probabilities in [0, 1] against labels 0 or 1, both of shape (pairs,).

    Bins have equal numbers of pairs, or one more; pairs of equal probability count their mean label, so that their
    order says nothing. Raises `InputError` for anything else than probabilities and labels.
    """
    predicted, relevant = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if predicted.ndim != 1 or predicted.shape != relevant.shape or not len(predicted):
        raise InputError(f"{predicted.shape} probabilities do not go with {relevant.shape} labels: one of each a pair.")
    if not ((predicted >= 0) & (predicted <= 1)).all():
        wrong = predicted[~((predicted >= 0) & (predicted <= 1))][0]
        raise InputError(f"{wrong} is not a probability: give scores in [0, 1], not logits.")
    if not np.isin(relevant, (0.0, 1.0)).all():
        raise InputError(f"{relevant[~np.isin(relevant, (0.0, 1.0))][0]} is not a label: give 0 or 1.")
    if bins < 1:
        raise InputError(f"{bins} bins were asked for: it must be at least 1.")
    found = _bins(predicted, relevant, bins)
    return CalibrationError(
        count=len(predicted),
        positives=int(relevant.sum()),
        ece=sum(each.count * abs(each.predicted - each.observed) for each in found) / len(predicted),
        brier=float(np.square(predicted - relevant).mean()),
        log_loss=_log_loss(np.clip(predicted, floor, 1 - floor), relevant),
        bins=found,
    )


def pooled(
    run: Run, qrels: Grades, probability: Callable[[Floats], Floats], *, judged_only: bool = False
) -> tuple[Floats, Floats]:
    """(probabilities, labels) of a run's candidates for the judged queries; `probability` maps the run's scores.

    A candidate without a judgement counts as not relevant, or is left out if `judged_only`.
    """
    pairs = chain.from_iterable(
        (
            (score, judged.get(document, 0) > 0)
            for document, score in run.get(query, {}).items()
            if document in judged or not judged_only
        )
        for query, judged in qrels.items()
    )
    scores, labels = np.array(list(pairs), np.float64).reshape(-1, 2).T
    return probability(scores), labels


def _bins(predicted: Floats, relevant: Floats, bins: int) -> tuple[Bin, ...]:
    values, group, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=relevant) / counts
    ordered, observed = np.repeat(values, counts), np.repeat(means, counts)
    parts = zip(np.array_split(ordered, bins), np.array_split(observed, bins), strict=True)
    return tuple(Bin(len(p), float(p.mean()), float(o.mean())) for p, o in parts if len(p))


def _log_loss(predicted: Floats, relevant: Floats) -> float:
    return float(-(relevant * np.log(predicted) + (1 - relevant) * np.log1p(-predicted)).mean())
