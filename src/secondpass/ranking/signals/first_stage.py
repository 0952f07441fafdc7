"""First-stage evidence: what the retriever made of a document is not thrown away.

Knows the retriever's scores and what kind they are; neither the retriever nor its collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats, metadata_of
from secondpass.ranking.signals.confidence import log_odds
from secondpass.ranking.signals.weighted import Weighted, first, number

Kind = Literal["score", "distance", "rank", "probability"]

SCORE_KEYS = ("first_stage_score", "retrieval_score", "_score", "score", "bm25", "similarity")
"""Where a retriever's score is looked for."""


@dataclass(frozen=True, slots=True)
class FirstStage(Weighted):
    """The retriever's scores as evidence in log-odds, each in [-1, 1].

    `kind`: "score" (BM25, a cosine: the more the better), "distance" (the less), "rank" (from 1; its logarithm), or
    "probability". Of the first three the log-odds of relevance are taken to grow in a line, so that what counts is how
    many standard deviations a document lies above its list: tanh(z / 2). Of the last they are given, cut at ±3 and
    divided by 3. `scores`: one number a document (None where there is none) in the caller's order; else they are the
    metadata under `field`, else under `SCORE_KEYS`. A document without one gives 0, and so does a list of equal ones.
    """

    kind: Kind = "score"
    field: str | None = None
    scores: Sequence[float | None] | None = None
    _: KW_ONLY
    weight: float = 0.25
    name: str = "first_stage"

    relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Weighted.__post_init__(self)
        if self.kind not in get_args(Kind):
            raise InputError(f"FirstStage(kind={self.kind!r}): choose one of {', '.join(get_args(Kind))}.")
        if self.scores is not None:
            object.__setattr__(self, "scores", tuple(self.scores))  # what the caller does to the list later is his own

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1]. Raises `InputError` where there are not as many scores as documents."""
        given = self._given(candidates)
        if self.kind == "probability":
            inside = (value if value is not None and 0 <= value <= 1 else 0.5 for value in given)
            return np.fromiter((log_odds(value) for value in inside), np.float64, len(given))
        found = np.array([np.nan if value is None else value for value in given], np.float64)
        if self.kind == "rank":
            found = np.where(found >= 1, -np.log(np.maximum(found, 1)), np.nan)
        return _standardised(-found if self.kind == "distance" else found)

    def _given(self, candidates: Candidates) -> list[float | None]:
        if self.scores is None:
            keys = SCORE_KEYS if self.field is None else (self.field,)
            return [number(first(metadata_of(document), keys)) for document in candidates.documents]
        if len(self.scores) != len(candidates.documents):
            raise InputError(
                f"{len(self.scores)} first-stage scores for {len(candidates.documents)} documents: give one each, in "
                "the same order, None where there is none."
            )
        return [number(score) for score in self.scores]


def _standardised(found: Floats) -> Floats:
    """tanh(z / 2) of the numbers among `found`, 0 for the rest; all 0 where the numbers are equal."""
    there = np.isfinite(found)
    values = np.zeros(len(found))
    if there.any() and (span := np.ptp(found[there])) > 0:
        within = (found[there] - found[there].min()) / span  # the same z, and no scale is too small or too large
        values[there] = np.tanh((within - within.mean()) / within.std() / 2)
    return values
