"""Measures of a ranking against graded judgements, one value a query, as trec_eval computes them.

Knows where relevant documents stand; nothing of texts or models. Measures go by their ir_measures names:

    nDCG@k     linear gain, log2 discount, over the ideal order of all that was judged (Järvelin and Kekäläinen 2002)
    RR@k       1 / rank of the first relevant document, 0 where it is not among the first k; its mean is MRR
    AP@k       the mean, over all relevant documents, of the precision at each of them; its mean is MAP
    P@k        the share of relevant documents among the first k; places that the run leaves empty count as wrong
    R@k        the share of the relevant documents that is among the first k
    Success@k  1 where a relevant document is among the first k

nDCG, RR and AP may go without `@k`: the whole run. A grade above 0 is relevant, fractions too; `RR(rel=3)@10` asks for
at least 3. A document without a judgement, or with a grade below 0, counts as grade 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.places import (
    ANY,
    Floats,
    Grades,
    Integers,
    Places,
    Run,
    by_id,
    candidates,
    ideal_places,
    places,
    trec_order,
)

__all__ = ["Grades", "Measure", "PerQuery", "Run", "TieRule", "evaluate", "evaluate_all", "mean", "trec_order"]

PerQuery = dict[str, float]
"""Query id → value of one measure."""

TieRule = Literal["trec", "expected"]
"""What documents of equal score are worth: in trec_eval's order, or on average over all their orders."""

_WHOLE = 2**31
_NAME = re.compile(r"(?P<family>[a-z]+)(\(rel=(?P<least>\d+(\.\d+)?)\))?(@(?P<cutoff>[1-9]\d*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: what is computed, over the first `cutoff` (None: all), with grades of `least` or more relevant."""

    family: str
    cutoff: int | None = None
    least: float = ANY

    @classmethod
    def named(cls, name: str) -> Measure:
        """The measure of that name; `MRR@10`, `MAP`, `Recall@100` and the like are read too, in any case.

        Raises `InputError` with the known ones.
        """
        found = _NAME.fullmatch(name)
        family = _ALIASES.get(found["family"].lower()) if found else None
        if found is None or family is None or (found["cutoff"] is None and family in _NEED_CUTOFF):
            known = ", ".join(f"{name}@k" for name in _FAMILIES)
            raise InputError(f"{name!r} is not a known measure: use one of {known}, with a cutoff k of 1 or more.")
        cutoff = int(found["cutoff"]) if found["cutoff"] else None
        return cls(family, cutoff, float(found["least"] or 0) or ANY)

    def __str__(self) -> str:
        least = "" if self.least == ANY else f"(rel={self.least:g})"
        return f"{self.family}{least}" + ("" if self.cutoff is None else f"@{self.cutoff}")


def evaluate(run: Run, qrels: Grades, measure: str = "nDCG@10", *, ties: TieRule = "trec") -> PerQuery:
    """The measure of every query in `qrels`, in its order.

    A query that the run lacks counts 0 (trec_eval's `-c`), so that a run cannot gain by leaving queries out; so does a
    query without any relevant document, as in trec_eval. Queries of the run that nobody judged are passed over.
    Raises `InputError` for a measure that is not known, a score that is not a number and a grade that is not finite.
    """
    (values,) = evaluate_all(run, qrels, [measure], ties=ties).values()
    return values


def evaluate_all(run: Run, qrels: Grades, measures: Iterable[str], *, ties: TieRule = "trec") -> dict[str, PerQuery]:
    """Several measures of one run, sorted once: `str(Measure.named(name))` → values, each as `evaluate` gives them."""
    asked = [Measure.named(name) for name in measures]
    ranked = candidates(run, qrels)
    if ties == "trec":
        ranked = by_id(ranked)
    least = {measure.least for measure in asked}
    rows = {grade: (places(ranked, least=grade), ideal_places(qrels, least=grade)) for grade in least}
    computed: dict[str, PerQuery] = {}
    for measure in asked:
        found, ideal = rows[measure.least]
        values = _FAMILIES[measure.family](found, ideal, measure.cutoff or _WHOLE, len(qrels))
        computed[str(measure)] = dict(zip(qrels, values.tolist(), strict=True))
    return computed


def mean(values: Mapping[str, float]) -> float:
    """The mean over queries. Raises `InputError` where there are none."""
    if not values:
        raise InputError("There is no query to take a mean over: give judgements for at least one query.")
    return math.fsum(values.values()) / len(values)


def _ndcg(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    return _over(_dcg(found, cutoff, queries), _dcg(ideal, cutoff, queries))


def _dcg(rows: Places, cutoff: int, queries: int) -> Floats:
    """Documents that share places share their discounts."""
    ranks = np.arange(1, 1 + (rows.before + rows.size).max(initial=0))
    discounts = np.concatenate(([0.0], np.cumsum(1 / np.log2(ranks + 1))))
    share = (discounts[rows.before + _inside(rows, cutoff)] - discounts[rows.before]) / rows.size
    return _summed(rows.query, rows.gain * share, queries)


def _average_precision(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    """With ties: McSherry and Najork, Computing information retrieval performance measures efficiently (2008).

    On place i of n shared by r relevant documents stands one with probability r / n, and then (i - 1)(r - 1) / (n - 1)
    of the others are expected above it.
    """
    total = np.cumsum(found.relevant) - found.relevant
    above = total - total[np.searchsorted(found.query, found.query)]
    slope = (found.relevant - 1) / np.maximum(found.size - 1, 1)
    inside = _inside(found, cutoff)
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, 1 + (found.before + found.size).max(initial=0)))))
    reciprocals = harmonic[found.before + inside] - harmonic[found.before]
    # The precision at place i is (above + 1 + (i - 1) slope) / (before + i); this is its sum over the places inside.
    precisions = slope * inside + (above + 1 - slope * (1 + found.before)) * reciprocals
    return _over(_summed(found.query, found.relevant / found.size * precisions, queries), _count(ideal, queries))


def _precision(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    return _hits(found, cutoff, queries) / cutoff


def _recall(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    return _over(_hits(found, cutoff, queries), _count(ideal, queries))


def _reciprocal_rank(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    return _of_first(found, cutoff, queries, lambda rank: 1 / rank)


def _success(found: Places, ideal: Places, cutoff: int, queries: int) -> Floats:
    return _of_first(found, cutoff, queries, np.ones_like)


def _of_first(found: Places, cutoff: int, queries: int, worth: Callable[[Floats], Floats]) -> Floats:
    """What the rank of the first relevant document is worth, 0 beyond the cutoff; its mean where ties share places."""
    values = np.zeros(queries)
    first = np.flatnonzero(np.diff(found.query, prepend=-1))
    alone = first[(found.size[first] == 1) & (found.before[first] < cutoff)]
    values[found.query[alone]] = worth(found.before[alone] + 1.0)
    for row in first[found.size[first] > 1].tolist():
        chance = _chance_of_first(int(found.size[row]), int(found.relevant[row]))[: max(0, cutoff - found.before[row])]
        values[found.query[row]] = chance @ worth(found.before[row] + np.arange(1.0, len(chance) + 1))
    return values


def _chance_of_first(size: int, relevant: int) -> Floats:
    """For each of `size` places in random order: the probability that the first of the relevant ones is there."""
    place = np.arange(size - relevant + 1)
    none_yet = np.concatenate(([1.0], np.cumprod(1 - relevant / (size - place[:-1]))))
    return none_yet * relevant / (size - place)


def _hits(found: Places, cutoff: int, queries: int) -> Floats:
    return _summed(found.query, found.relevant * _inside(found, cutoff) / found.size, queries)


def _inside(rows: Places, cutoff: int) -> Integers:
    """How many of the shared places are among the first `cutoff`."""
    return np.clip(cutoff - rows.before, 0, rows.size)


def _count(ideal: Places, queries: int) -> Floats:
    return np.bincount(ideal.query, minlength=queries).astype(np.float64)


def _summed(query: Integers, values: Floats, queries: int) -> Floats:
    return np.bincount(query, weights=values, minlength=queries).astype(np.float64)  # whole where there is no row


def _over(values: Floats, totals: Floats) -> Floats:
    """The quotient; 0 where there is nothing to find."""
    return np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)


# (where relevant documents stand, where they would at best, k, number of queries) → one value a query
_Family = Callable[[Places, Places, int, int], Floats]
_FAMILIES: dict[str, _Family] = {
    "nDCG": _ndcg,
    "RR": _reciprocal_rank,
    "AP": _average_precision,
    "P": _precision,
    "R": _recall,
    "Success": _success,
}
_NEED_CUTOFF = {"P", "R", "Success"}
_ALIASES = {
    **{family.lower(): family for family in _FAMILIES},
    "mrr": "RR",
    "map": "AP",
    "precision": "P",
    "recall": "R",
    "hit": "Success",
    "hitrate": "Success",
}
