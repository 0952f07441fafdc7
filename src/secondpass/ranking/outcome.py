"""What becomes of a request: the logits of its documents, gathered from their pieces, and what was read of each.

Knows numbers and positions, neither texts nor models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.engine.cache import Known
from secondpass.errors import ModelError
from secondpass.text.chunk import Chunk, Span
from secondpass.text.encode import Limits, aggregate
from secondpass.types import Spent, Stage

_DAMAGED = "Its weights are damaged, or its graph is: fetch them again, or choose another model."
_REMEDIES = {
    "fp16": "fp16 overflows above 65,504: pass precision='bf16' or 'fp32'.",
    "bf16": f"Pass precision='fp32'. Where that changes nothing: {_DAMAGED}",
}
"""What helps against a logit that is no number, by the precision that it was computed in."""

UNREAD = Known(math.nan, 0, True, 0)
"""The outcome of a document that was not reached."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One request's outcome, an entry a document in the caller's order; `degraded` and `parts` as in `Listed`.

    `logits`: NaN where a document could not be read in time. `passages`: the chunks that were read of each document, in
    order, none where one piece had all of it; None for scorers that do not say. `stages`: what each stage of a cascade
    did. `spent`: where the engine's time went, None where it was not asked.
    `gloss`: how much each logit gained by a reading in English, None where there was none.
    """

    logits: NDArray[np.float64]
    tokens: Sequence[int]
    truncated: Sequence[bool]
    chunks: Sequence[int]
    degraded: bool = False
    parts: Sequence[Mapping[str, float]] | None = None
    passages: Sequence[Sequence[Chunk] | None] | None = None
    stages: tuple[Stage, ...] = ()
    spent: Spent | None = None
    gloss: Sequence[float] | None = None

    def of(self, positions: Sequence[int]) -> Scored:
        """The outcome of some of the documents."""
        return replace(
            self,
            logits=self.logits[list(positions)],
            tokens=[self.tokens[at] for at in positions],
            truncated=[self.truncated[at] for at in positions],
            chunks=[self.chunks[at] for at in positions],
            parts=None if self.parts is None else [self.parts[at] for at in positions],
            passages=None if self.passages is None else [self.passages[at] for at in positions],
            gloss=None if self.gloss is None else [self.gloss[at] for at in positions],
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be told of one document of one request, in the order in which pieces were made.

    `chunks`: how many were made; `spans` and `runs` as in `Reading`. `known`: its outcome from an earlier request, for
    which no pieces were made; None where they were.
    """

    request: int
    document: int
    tokens: int
    truncated: bool
    chunks: int
    known: Known | None = None
    spans: tuple[Span, ...] = ()
    runs: tuple[int, ...] = ()

    def outcome(self, logits: Sequence[float], limits: Limits) -> Known:
        """The document's, from the logits of its pieces; of a query's parts the one counts that fits it best."""
        runs = self.runs or (self.chunks,)
        ends = list(accumulate(runs))
        stretches = [slice(end - count, end) for end, count in zip(ends, runs, strict=True)]
        found = [aggregate(logits[run], limits.aggregate, limits.best_chunks) for run in stretches]
        best = max(range(len(found)), key=found.__getitem__)
        run = stretches[best]
        spans = self.spans[run]  # none where one piece had the whole text
        chunks = tuple(Chunk(*span, logit) for span, logit in zip(spans, logits[run], strict=bool(spans)))
        return Known(found[best], self.tokens, self.truncated, runs[best], chunks)


def not_finite(logits: NDArray[np.floating[Any]]) -> int | None:
    """Where the first logit is that is NaN or infinite."""
    wrong = np.flatnonzero(~np.isfinite(logits))
    return int(wrong[0]) if len(wrong) else None


def broken(place: str, model: str, precision: str) -> ModelError:
    """The error for a document, by what the caller knows it by, whose logit is no finite number."""
    remedy = _REMEDIES.get(precision, _DAMAGED)
    return ModelError(f"{place}: {model} gives it a logit that is NaN or infinite. {remedy}")


def fold(
    logits: NDArray[np.float32],
    computed: NDArray[np.bool_],
    reports: Sequence[Report],
    counts: Sequence[int],
    limits: Limits,
) -> tuple[list[list[Known]], Report | None]:
    """Documents' outcomes from the logits of their pieces, back in the callers' order, `counts` documents a request.

    A document of which a piece was not `computed` has the logit NaN. Second: the first document with a computed logit
    that is NaN or infinite, if any.
    """
    values = logits.astype(np.float64)
    found = [[UNREAD] * count for count in counts]
    at = 0
    for report in reports:
        if report.known is not None:
            found[report.request][report.document] = report.known
            continue
        span = slice(at, at + report.chunks)
        at = span.stop
        if at > len(values) or not computed[span].all():
            late = Known(math.nan, report.tokens, report.truncated, report.chunks)
            found[report.request][report.document] = late
            continue
        if not_finite(values[span]) is not None:
            return [], report
        found[report.request][report.document] = report.outcome(values[span].tolist(), limits)
    return found, None


def gathered(outcomes: Sequence[Known], spent: Spent | None = None) -> Scored:
    """One request's documents."""
    logits = np.array([each.logit for each in outcomes], np.float64)
    return Scored(
        logits=logits,
        tokens=[each.tokens for each in outcomes],
        truncated=[each.truncated for each in outcomes],
        chunks=[each.chunks for each in outcomes],
        degraded=bool(np.isnan(logits).any()),
        passages=[each.passages for each in outcomes],
        spent=spent,
    )
