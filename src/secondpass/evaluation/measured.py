"""What an evaluation says of running a model on the machine it ran on: quality, tokens of a query, tokens a second.

Knows results; no prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.evaluation import metrics
from secondpass.evaluation.record import Evaluation, Record
from secondpass.evaluation.speed import speed
from secondpass.hosted.registry import is_hosted


@dataclass(frozen=True, slots=True)
class Measured:
    """One model: the mean of `measure` over collections that count the same, and what its queries took.

    `documents` are those of a query and `tokens` those of a document, both on average; a document's tokens are counted
    before any cut and without the query. `tokens_per_second`: one query after the other.
    """

    model: str
    measure: str
    quality: float
    documents: float
    tokens: float
    tokens_per_second: float


def measured(done: Evaluation) -> list[Measured]:
    """Every model that ran here and was timed, in the evaluation's order.

    Raises `InputError` where there is none: hosted models ran elsewhere, and bm25 counts no tokens.
    """
    found = [one for model in done.models if (one := _measured(done, model)) is not None]
    if not found:
        raise InputError(
            f"None of {', '.join(done.models) or 'no models'} was timed on this machine with its tokens counted: "
            "evaluate a model that runs here."
        )
    return found


def _measured(done: Evaluation, model: str) -> Measured | None:
    records = [record for record in done.records if record.model == model]
    timings = [timing for record in records for timing in record.timings.values()]
    if is_hosted(model) or not sum(timing.tokens for timing in timings):
        return None
    took = speed(timings)
    return Measured(
        model=model,
        measure=done.measures[0],
        quality=_quality(records, done.measures[0]),
        documents=took.documents / took.queries,
        tokens=took.tokens / took.documents,
        tokens_per_second=took.tokens_per_second,
    )


def _quality(records: Sequence[Record], measure: str) -> float:
    return sum(metrics.mean(record.values[measure]) for record in records) / len(records)
