"""What becomes of a request: the logits of its documents, gathered from their pieces, and what was read of each.

Knows numbers and positions, neither texts nor models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.text.encode import Aggregate, aggregate


@dataclass(frozen=True, slots=True)
class Scored:
    """One request's outcome, an entry a document in the caller's order; `degraded` and `parts` as in `Listed`."""

    logits: NDArray[np.float64]
    tokens: Sequence[int]
    truncated: Sequence[bool]
    chunks: Sequence[int]
    degraded: bool = False
    parts: Sequence[Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told of one document of one request, in the order in which pieces were made."""

    request: int
    document: int
    tokens: int
    truncated: bool
    chunks: int


def not_finite(logits: NDArray[np.floating[Any]], chunks: Sequence[int]) -> int | None:
    """Which document, the first one, has a logit that is NaN or infinite; `chunks` counts the logits of each."""
    wrong = np.flatnonzero(~np.isfinite(logits))
    return int(np.searchsorted(np.cumsum(chunks), wrong[0], side="right")) if len(wrong) else None


def fold(logits: NDArray[np.float32], reports: Sequence[Report], requests: int, how: Aggregate) -> list[Scored]:
    """Documents' logits from those of their pieces, back in the callers' order."""
    values = logits.astype(np.float64)
    found: list[dict[int, tuple[float, Report]]] = [{} for _ in range(requests)]
    at = 0
    for report in reports:
        chunks = values[at : at + report.chunks].tolist()
        logit = chunks[0] if len(chunks) == 1 else aggregate(chunks, how)
        found[report.request][report.document] = (logit, report)
        at += report.chunks
    return [_scored([one[i] for i in range(len(one))]) for one in found]


def _scored(found: Sequence[tuple[float, Report]]) -> Scored:
    return Scored(
        logits=np.array([logit for logit, _ in found], np.float64),
        tokens=[report.tokens for _, report in found],
        truncated=[report.truncated for _, report in found],
        chunks=[report.chunks for _, report in found],
    )
