"""What becomes of a request: the logits of its documents, gathered from their pieces, and what was read of each.

Knows numbers and positions, neither texts nor models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.engine.job import Spent
from secondpass.text.encode import Aggregate, aggregate
from secondpass.types import Stage


@dataclass(frozen=True, slots=True)
class Scored:
    """One request's outcome, an entry a document in the caller's order; `degraded` and `parts` as in `Listed`.

    `logits`: NaN where a document could not be read in time. `stages`: what each stage of a cascade did. `spent`: where
    the engine's time went, None where it was not asked.
    """

    logits: NDArray[np.float64]
    tokens: Sequence[int]
    truncated: Sequence[bool]
    chunks: Sequence[int]
    degraded: bool = False
    parts: Sequence[Mapping[str, float]] | None = None
    stages: tuple[Stage, ...] = ()
    spent: Spent | None = None

    def of(self, positions: Sequence[int]) -> Scored:
        """The outcome of some of the documents."""
        return replace(
            self,
            logits=self.logits[list(positions)],
            tokens=[self.tokens[at] for at in positions],
            truncated=[self.truncated[at] for at in positions],
            chunks=[self.chunks[at] for at in positions],
            parts=None if self.parts is None else [self.parts[at] for at in positions],
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told of one document of one request, in the order in which pieces were made.

    `known`: its logit from an earlier request, for which no pieces were made; None where they were.
    """

    request: int
    document: int
    tokens: int
    truncated: bool
    chunks: int
    known: float | None = None


def not_finite(logits: NDArray[np.floating[Any]]) -> int | None:
    """Where the first logit is that is NaN or infinite."""
    wrong = np.flatnonzero(~np.isfinite(logits))
    return int(wrong[0]) if len(wrong) else None


def fold(
    logits: NDArray[np.float32],
    computed: NDArray[np.bool_],
    reports: Sequence[Report],
    counts: Sequence[int],
    how: Aggregate,
) -> tuple[list[Scored], Report | None]:
    """Documents' logits from those of their pieces, back in the callers' order, `counts` documents a request.

    A document of which a piece was not `computed` has the logit NaN. Second: the first document with a computed logit
    that is NaN or infinite, if any.
    """
    values = logits.astype(np.float64)
    found = [np.full(count, np.nan) for count in counts]
    by_document: list[list[Report | None]] = [[None] * count for count in counts]
    at = 0
    for report in reports:
        by_document[report.request][report.document] = report
        if report.known is not None:
            found[report.request][report.document] = report.known
            continue
        span = slice(at, at + report.chunks)
        at = span.stop
        if at > len(values) or not computed[span].all():
            continue
        chunks = values[span].tolist()
        if not_finite(values[span]) is not None:
            return [], report
        found[report.request][report.document] = chunks[0] if len(chunks) == 1 else aggregate(chunks, how)
    return [_scored(each, told) for each, told in zip(found, by_document, strict=True)], None


def _scored(logits: NDArray[np.float64], reports: Sequence[Report | None]) -> Scored:
    return Scored(
        logits=logits,
        tokens=[report.tokens if report else 0 for report in reports],
        truncated=[report.truncated if report else True for report in reports],
        chunks=[report.chunks if report else 0 for report in reports],
        degraded=bool(np.isnan(logits).any()),
    )
