"""Joining rankings without looking at their scores."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking import fusion

T = TypeVar("T", bound=Hashable)


def reciprocal_rank_fusion(rankings: Iterable[Sequence[T]], *, k: int = fusion.K) -> dict[T, float]:
    """Each document's sum over the rankings of 1 / (k + its rank), ranks from 1, best first.

    A document that a ranking lacks gets nothing from it; equal sums keep the order of first appearance. Formula and
    source: `ranking.fusion`. Raises `InputError` for a ranking that holds a document twice and for k below 0.
    """
    listed = list(rankings)
    columns: dict[T, int] = {}
    for ranking in listed:
        if len(set(ranking)) < len(ranking):
            twice = next(document for i, document in enumerate(ranking) if document in ranking[:i])
            raise InputError(f"{twice!r} stands twice in one ranking: drop the repetitions before fusing.")
        for document in ranking:
            columns.setdefault(document, len(columns))
    ranked = [np.full(len(columns), np.inf) for _ in listed]
    for row, ranking in zip(ranked, listed, strict=True):
        row[[columns[document] for document in ranking]] = np.arange(1, len(ranking) + 1)
    fused = fusion.reciprocal_rank_fusion(ranked, k=k).tolist() if listed else []
    return dict(sorted(zip(columns, fused, strict=True), key=lambda item: -item[1]))
