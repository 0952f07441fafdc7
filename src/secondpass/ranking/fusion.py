"""Joining several scorers' logits of one list into one: by rank, in log-odds, or after normalisation.

Knows arrays alone: a row a part, a column a document. Neither scorers nor documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.models.scorer import Activation

Array = NDArray[np.float64]
Logits = NDArray[np.floating[Any]]
How = Literal["rrf", "log-odds", "min-max", "z-score"]

K = 60
"""What the paper on reciprocal-rank fusion adds to a rank."""

SMOOTHING = 0.01
"""What bounded scores are lifted by on either side before their log-odds are taken, so that those of 0 and 1 are
finite: a part that finds nothing in a document then takes away as much as one that gives it odds of 1 to 100."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part's logits, shape (n,), with the `activation` and the `scale` that it declares."""

    logits: Logits
    activation: Activation = "sigmoid"
    scale: float = 1.0


def fuse(parts: Sequence[Part], how: How, weights: Sequence[float], *, k: int = K) -> Array:
    """One logit a document, shape (n,), from at least one part.

    "rrf" is the weighted sum of reciprocal ranks, the others are weighted means of `log_odds`, `min_max` or `z_score`.
    Raises `InputError` for weights that cannot be, for k below 0, and for another `how`.
    """
    check(how, weights, len(parts), k=k)
    if how == "rrf":
        return reciprocal_rank_fusion([ranks(part.logits) for part in parts], weights, k=k)
    whole = math.fsum(weights)
    return _sum([_VALUES[how](part) for part in parts], [weight / whole for weight in weights])


def check(how: str, weights: Sequence[float], parts: int, *, k: int = K) -> None:
    """Raises `InputError` for what `fuse` cannot join `parts` parts by."""
    if how not in get_args(How):
        raise InputError(f"how={how!r}: choose one of {', '.join(get_args(How))}.")
    if len(weights) != parts:
        raise InputError(f"{len(weights)} weights for {parts} parts: give one each, or None for equal ones.")
    wrong = [weight for weight in weights if not (math.isfinite(weight) and weight >= 0)]
    if wrong:
        raise InputError(f"A weight is {wrong[0]!r}: give 0 or more.")
    if not any(weights):
        raise InputError(f"weights={list(weights)!r}: give at least one part more than 0.")
    _check_k(k)


def reciprocal_rank_fusion(ranked: Sequence[Array], weights: Sequence[float] | None = None, *, k: int = K) -> Array:
    """The sum over the parts of weight / (k + rank), shape (n,); ranks from 1, infinite where a part has no such one.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods", SIGIR 2009, whose k is 60 and whose weights are 1. Raises `InputError` for k below 0.
    """
    _check_k(k)
    return _sum([1 / (k + part) for part in ranked], [1.0] * len(ranked) if weights is None else weights)


def ranks(logits: Logits) -> Array:
    """Each document's rank from 1, the highest logit first. Equal logits share the mean of their ranks.

    So a rank does not depend on the order in which documents were given, and the many that a lexical part gives 0 stand
    behind all the others, in the middle of what is left, rather than just behind the last one that has something.
    """
    _, place, count = np.unique(-logits.astype(np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Array = (last - (count - 1) / 2)[place]
    return mean


def log_odds(part: Part) -> Array:
    """Log-odds of the scores in [0, 1] that a hit would show, in the order of the logits, and always finite.

    Logits of "sigmoid" are that as they are, those of "identity" divided by the scale. With `SMOOTHING` as e, it is
    log(x + e) for "ratio", whose score is x / (1 + x), and log((x + e) / (1 - x + e)) for "unit", whose score is x.
    """
    values = part.logits.astype(np.float64)
    if part.activation == "ratio":
        return np.log(values + SMOOTHING)
    if part.activation == "unit":
        return np.log((values + SMOOTHING) / (1 - values + SMOOTHING))
    return values / part.scale if part.activation == "identity" else values


def min_max(logits: Logits) -> Array:
    """The list's logits between 0 for its lowest and 1 for its highest; 0 for all where they are equal."""
    values = logits.astype(np.float64)
    span = np.ptp(values) if len(values) else 0.0
    return (values - values.min()) / span if span else np.zeros(len(values))


def z_score(logits: Logits) -> Array:
    """Standard deviations (those of the list itself) above the list's mean; 0 for all where the logits are equal."""
    values = min_max(logits)  # the same z, and the deviation of unequal values is then far from 0
    return (values - values.mean()) / values.std() if values.any() else values


_VALUES: Mapping[str, Callable[[Part], Array]] = {
    "log-odds": log_odds,
    "min-max": lambda part: min_max(part.logits),
    "z-score": lambda part: z_score(part.logits),
}


ACTIVATIONS: Mapping[How, Activation] = {
    "rrf": "ratio",
    "log-odds": "sigmoid",
    "min-max": "unit",
    "z-score": "identity",
}
"""How a fused logit becomes a score."""


def _sum(values: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted sum, the same to the last bit whichever part comes first: what is a tie on paper is one here."""
    terms = np.stack([weight * part for weight, part in zip(weights, values, strict=True)])
    total: Array = np.sort(terms, axis=0).sum(axis=0)
    return total


def _check_k(k: int) -> None:
    if k < 0:
        raise InputError(f"k is {k}: reciprocal-rank fusion needs 0 or more; the paper's value is {K}.")
