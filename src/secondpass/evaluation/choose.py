"""Which of the models that were measured to take: the cheapest of those that cannot be told from the best.

Knows records, limits and statistics; neither where models come from nor how they are run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.bootstrap import LEVEL, SEED
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import NO_RERANKING, Record
from secondpass.evaluation.result import Result
from secondpass.evaluation.significance import Comparison, compare, holm
from secondpass.evaluation.speed import latency_ms
from secondpass.evaluation.tables import SIGNIFICANT, Table, table


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found.

    `recommended`: a model, or "no reranking" where the first stage's order is as good as the best; None where no model
    is fast enough. `best`: the highest mean of those that are. `even`: those that cannot be told from the best, itself
    among them, the cheapest first; `worse`: those that can. `too_slow`: model → its 95th percentile in milliseconds,
    above the limit. `versus`: model, or "no reranking" → how the best compares with it, corrected by Holm's method over
    these comparisons. `helps`: whether the recommended model is above the first stage's order for more than chance.
    `table` has the recommended model first: differences are to it.
    """

    measure: str
    limit_ms: float | None
    queries: int
    recommended: str | None
    best: str | None
    even: tuple[str, ...]
    worse: tuple[str, ...]
    too_slow: Mapping[str, float]
    versus: Mapping[str, Comparison]
    helps: bool
    table: Table

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return asdict(self)


def choose(
    records: Sequence[Record],
    measure: str,
    *,
    limit_ms: float | None = None,
    level: float = LEVEL,
    seed: int = SEED,
    price: Callable[[str], TokenPrice | None] = lambda model: None,
) -> Choice:
    """Recommend one of the models in `records`, which have those of "no reranking" among them.

    A model is fast enough where the 95th percentile of its queries' times is up to `limit_ms`. Two can be told apart
    where a paired randomisation test says so at 0.05, corrected over all that are compared with the best. The cheapest
    takes the least time a query here, by the median in whole milliseconds; one below the first stage's order is not
    recommended. Raises `InputError` as `table` does, and where nothing was measured.
    """
    models = list(dict.fromkeys(record.model for record in records if record.timings))  # the others are no models
    if not models:
        raise InputError("No model was measured: name one that loads here, or allow more time.")
    times = {model: latency_ms(_seconds(records, model)) for model in models}
    slow = {model: p95 for model, (_, p95) in times.items() if limit_ms is not None and p95 > limit_ms}
    fast = [model for model in models if model not in slow]
    means = {model: _mean(records, model, measure) for model in (*models, NO_RERANKING)}
    best = max(fast, key=lambda model: (means[model], -times[model][0]), default=None)
    versus = {} if best is None else _versus(records, measure, best, [*fast, NO_RERANKING], seed)
    even = sorted(
        (model for model in fast if model == best or not _apart(versus[model].corrected)),
        key=lambda model: (round(times[model][0]), -means[model]),
    )
    above = [model for model in even if means[model] > means[NO_RERANKING]]
    recommended = None if best is None else next(iter(above), NO_RERANKING)
    ordered = sorted(records, key=lambda record: record.model != (recommended if above else best))
    made = table(ordered, measure, level=level, seed=seed, price=price)
    return Choice(
        measure=measure,
        limit_ms=limit_ms,
        queries=sum(r.protocol.queries for r in records if r.model == NO_RERANKING),
        recommended=recommended,
        best=best,
        even=tuple(even),
        worse=tuple(model for model in fast if model not in even),
        too_slow=slow,
        versus=versus,
        helps=bool(above) and _apart(_pair(records, measure, above[0], NO_RERANKING, seed).p_value),
        table=made,
    )


def queries_needed(pair: Comparison, queries: int) -> int | None:
    """About how many queries would show a difference as large as the one seen; None where none was seen.

    The detectable difference falls with the square root of the number of queries.
    """
    if not pair.difference:
        return None
    return math.ceil(queries * (pair.detectable / pair.difference) ** 2)


def _versus(
    records: Sequence[Record], measure: str, best: str, others: Sequence[str], seed: int
) -> dict[str, Comparison]:
    pairs = [_pair(records, measure, best, other, seed) for other in others if other != best]
    corrected = holm([pair.p_value for pair in pairs])
    return {pair.second: replace(pair, corrected=p) for pair, p in zip(pairs, corrected, strict=True)}


def _pair(records: Sequence[Record], measure: str, first: str, second: str, seed: int) -> Comparison:
    values = {
        model: {r.protocol.collection: r.values[measure] for r in records if r.model == model}
        for model in (first, second)
    }
    return compare(values, seed=seed)[0]


def _apart(p_value: float) -> bool:
    return p_value <= SIGNIFICANT


def _seconds(records: Sequence[Record], model: str) -> list[float]:
    return [timing.seconds for r in records if r.model == model for timing in r.timings.values()]


def _mean(records: Sequence[Record], model: str, measure: str) -> float:
    means = [Result("", "", "", r.values[measure]).mean for r in records if r.model == model]
    return sum(means) / len(means)
