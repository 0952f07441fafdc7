"""Joining rankings without looking at their scores."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from secondpass.errors import InputError

T = TypeVar("T", bound=Hashable)


def reciprocal_rank_fusion(rankings: Iterable[Sequence[T]], *, k: int = 60) -> dict[T, float]:
    """Each document's sum over the rankings of 1 / (k + its rank), ranks from 1, best first.

    A document that a ranking lacks gets nothing from it; equal sums keep the order of first appearance. Source:
    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
    SIGIR 2009, whose k is 60. Raises `InputError` for a ranking that holds a document twice and for k below 0.
    """
    if k < 0:
        raise InputError(f"k is {k}: reciprocal-rank fusion needs 0 or more; the paper's value is 60.")
    fused: dict[T, float] = {}
    for ranking in rankings:
        if len(set(ranking)) < len(ranking):
            twice = next(document for i, document in enumerate(ranking) if document in ranking[:i])
            raise InputError(f"{twice!r} stands twice in one ranking: drop the repetitions before fusing.")
        for rank, document in enumerate(ranking, 1):
            fused[document] = fused.get(document, 0.0) + 1 / (k + rank)
    return dict(sorted(fused.items(), key=lambda item: -item[1]))
