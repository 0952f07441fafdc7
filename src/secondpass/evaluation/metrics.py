"""Measures of a ranking against graded judgements, one value a query, as trec_eval computes them.

Knows ids, scores and grades; nothing of texts or models. Measures go by their ir_measures names:

    nDCG@k     linear gain, log2 discount, over the ideal order of all that was judged (Järvelin and Kekäläinen 2002)
    RR@k       1 / rank of the first relevant document, 0 where it is not among the first k
    R@k        the share of the relevant documents that is among the first k
    Success@k  1 where a relevant document is among the first k

A grade above 0 is relevant; a document without a judgement, or with a grade below 0, counts as grade 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.evaluation.collection import Qrels

Run = Mapping[str, Mapping[str, float]]
"""Query id → document id → score, higher is better."""

PerQuery = dict[str, float]
"""Query id → value of one measure."""

_NAME = re.compile(r"(?P<family>\w+)@(?P<cutoff>[1-9]\d*)")


def evaluate(run: Run, qrels: Qrels, measure: str = "nDCG@10") -> PerQuery:
    """The measure of every query in `qrels`, in its order.

    A query that the run lacks counts 0 (trec_eval's `-c`), so that a run cannot gain by leaving queries out; so does a
    query without any relevant document, as in trec_eval. Queries of the run that nobody judged are passed over.
    Raises `InputError` for a measure that is not known and for a score that is not a number.
    """
    family, cutoff = _parsed(measure)
    values: PerQuery = {}
    for query, judged in qrels.items():
        top = trec_order(run.get(query, {}), query=query)[:cutoff]
        gains = [max(0, judged.get(document, 0)) for document in top]
        values[query] = family(gains, [grade for grade in judged.values() if grade > 0], cutoff)
    return values


def mean(values: Mapping[str, float]) -> float:
    """The mean over queries. Raises `InputError` where there are none."""
    if not values:
        raise InputError("There is no query to take a mean over: give judgements for at least one query.")
    return math.fsum(values.values()) / len(values)


def trec_order(scores: Mapping[str, float], *, query: str = "?") -> list[str]:
    """Document ids, best first, by trec_eval's rule: score descending, then document id descending.

    trec_eval reads scores in single precision, so scores that differ by less are ties here too. `query` is named in
    the `InputError` that a NaN raises.
    """
    single = _single_precision(scores.values())
    if np.isnan(single).any():
        document = next(d for d, score in scores.items() if math.isnan(score))
        raise InputError(
            f"The score of document {document!r} for query {query!r} is NaN: it has no place in a ranking. "
            "Drop the document or mend the scorer."
        )
    return [document for _, document in sorted(zip(single.tolist(), scores, strict=True), reverse=True)]


def _single_precision(scores: Iterable[float]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.fromiter(scores, np.float64).astype(np.float32)


def _parsed(measure: str) -> tuple[_Family, int]:
    found = _NAME.fullmatch(measure)
    if found is None or found["family"] not in _FAMILIES:
        known = ", ".join(f"{name}@k" for name in _FAMILIES)
        raise InputError(f"{measure!r} is not a known measure: use one of {known}, with a cutoff k of 1 or more.")
    return _FAMILIES[found["family"]], int(found["cutoff"])


def _dcg(gains: Sequence[int]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _ndcg(gains: Sequence[int], relevant: Sequence[int], cutoff: int) -> float:
    ideal = _dcg(sorted(relevant, reverse=True)[:cutoff])
    return _dcg(gains) / ideal if ideal else 0.0


def _reciprocal_rank(gains: Sequence[int], relevant: Sequence[int], cutoff: int) -> float:
    return next((1 / rank for rank, gain in enumerate(gains, 1) if gain), 0.0)


def _recall(gains: Sequence[int], relevant: Sequence[int], cutoff: int) -> float:
    return sum(gain > 0 for gain in gains) / len(relevant) if relevant else 0.0


def _success(gains: Sequence[int], relevant: Sequence[int], cutoff: int) -> float:
    return float(any(gains))


# (gains of the first k in rank order, grades of all relevant documents, k) → value
_Family = Callable[[Sequence[int], Sequence[int], int], float]
_FAMILIES: dict[str, _Family] = {"nDCG": _ndcg, "RR": _reciprocal_rank, "R": _recall, "Success": _success}
