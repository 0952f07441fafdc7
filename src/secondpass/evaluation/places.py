"""Where a run puts the relevant documents of every query: all that a measure of a ranking needs to know.

Knows scores, ids and grades; no measure. The order is trec_eval's: score in single precision, descending, then document
id, descending. Or documents of equal score share their places, for the mean over all orders that the scores allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError

Run = Mapping[str, Mapping[str, float]]
"""Query id → document id → score, higher is better."""

Grades = Mapping[str, Mapping[str, float]]
"""Query id → document id → grade, whole or not. Above 0 is relevant; a document without a grade has 0."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ANY = math.ulp(0.0)
"""The least grade that is above 0."""


@dataclass(frozen=True, slots=True)
class Places:
    """A row for every stretch of places with a relevant document on it, by query, from the top; all of shape (rows,).

    `query` is the query's position among the judged ones; `before` the number of documents above; `size` the number of
    documents that share these places (1, unless ties share); `relevant` how many of them are relevant, and `gain` the
    sum of their grades.
    """

    query: Integers
    before: Integers
    size: Integers
    relevant: Integers
    gain: Floats


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of the judged queries, by query, then by score, descending; arrays of shape (candidates,).

    `before`: how many candidates of the same query stand above; `group`: the number of the group of equal scores;
    `grade`: never below 0; `given`: where the candidate stood among `names`, the ids as they were given.
    """

    query: Integers
    before: Integers
    group: Integers
    grade: Floats
    given: Integers
    names: Sequence[str]


def candidates(run: Run, grades: Grades) -> Candidates:
    """What the run has for the queries in `grades`; the order within a group of equal scores says nothing yet.

    Raises `InputError` for a score that is not a number.
    """
    found = [run.get(query, {}) for query in grades]
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    scores = single_precision(chain.from_iterable(each.values() for each in found))
    if np.isnan(scores).any():
        _refuse_nan(zip(grades, found, strict=True))
    graded = (map(judged.get, each, repeat(0.0)) for judged, each in zip(grades.values(), found, strict=True))
    grade = np.fromiter(chain.from_iterable(graded), np.float64, len(scores))
    query = np.repeat(np.arange(len(found)), lengths)
    keys = _sort_keys(query, scores)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    return Candidates(
        query=query,
        before=np.arange(len(keys)) - np.repeat(np.cumsum(lengths) - lengths, lengths),
        group=np.cumsum(np.concatenate(([0], keys[1:] != keys[:-1])))[: len(keys)],
        grade=np.maximum(grade[order], 0.0),
        given=order,
        names=list(chain.from_iterable(found)),
    )


def by_id(ranked: Candidates) -> Candidates:
    """The same with equal scores in trec_eval's order, by document id descending, each candidate a group of its own."""
    grade, given = ranked.grade.copy(), ranked.given.copy()
    first, size = groups(ranked)
    matters = (size > 1) & (np.add.reduceat(grade, first) > 0) if len(first) else np.zeros(0, np.bool_)
    for start, end in zip(first[matters].tolist(), (first + size)[matters].tolist(), strict=True):
        order = sorted(range(start, end), key=lambda row: ranked.names[int(ranked.given[row])], reverse=True)
        grade[start:end], given[start:end] = ranked.grade[order], ranked.given[order]
    return replace(ranked, group=np.arange(len(grade)), grade=grade, given=given)


def groups(ranked: Candidates) -> tuple[Integers, Integers]:
    """Row of the first candidate, and number of candidates, of every group of equal scores; each of shape (groups,)."""
    first = np.flatnonzero(np.diff(ranked.group, prepend=-1))
    return first, np.diff(first, append=len(ranked.group))


def places(ranked: Candidates, *, least: float = ANY) -> Places:
    """Where candidates with a grade of at least `least` stand; a group of candidates shares its places."""
    first, size = groups(ranked)
    if not len(first):
        empty = np.zeros(0, np.int64)
        return Places(empty, empty, empty, empty, np.zeros(0))
    counts = np.where(ranked.grade >= least, ranked.grade, 0.0)
    relevant = np.add.reduceat((counts > 0).astype(np.int64), first)
    gain = np.add.reduceat(counts, first)
    hit = relevant > 0
    top = first[hit]
    return Places(ranked.query[top], ranked.before[top], size[hit], relevant[hit], gain[hit])


def ideal_places(grades: Grades, *, least: float = ANY) -> Places:
    """Where everything that was judged relevant would stand in the best order, whether a run has it or not.

    Raises `InputError` for a grade that is not finite.
    """
    lengths = np.fromiter(map(len, grades.values()), np.int64, len(grades))
    grade = np.fromiter(chain.from_iterable(judged.values() for judged in grades.values()), np.float64, lengths.sum())
    if not np.isfinite(grade).all():
        _refuse_grade(grades)
    query = np.repeat(np.arange(len(grades)), lengths)
    relevant = (grade >= least) & (grade > 0)
    grade, query = grade[relevant], query[relevant]
    order = np.lexsort((-grade, query))
    ends = np.cumsum(np.bincount(query, minlength=len(grades)))
    before = np.arange(len(query)) - np.concatenate(([0], ends))[query]
    ones = np.ones(len(query), np.int64)
    return Places(query, before, ones, ones, grade[order])


def trec_order(scores: Mapping[str, float], *, query: str = "?") -> list[str]:
    """Document ids, best first, by trec_eval's rule: score descending, then document id descending.

    trec_eval reads scores in single precision, so scores that differ by less are ties here too. `query` is named in
    the `InputError` that a NaN raises.
    """
    single = single_precision(scores.values())
    if np.isnan(single).any():
        _refuse_nan([(query, scores)])
    return [document for _, document in sorted(zip(single.tolist(), scores, strict=True), reverse=True)]


def single_precision(scores: Iterable[float]) -> NDArray[np.float32]:
    """The scores as trec_eval reads them; what is too large becomes infinite."""
    with np.errstate(over="ignore"):
        return np.fromiter(scores, np.float64).astype(np.float32)


def _sort_keys(query: Integers, scores: NDArray[np.float32]) -> Integers:
    """One whole number a candidate, in the order of query and then of score, descending; equal for equal scores.

    Sorting these is ten times faster than sorting by two columns. The bits of a float, read as a whole number, are in
    the order of the floats, and below 0 in the opposite one; subtracting from 0 makes the two zeros one.
    """
    bits = (np.float32(0) - scores).view(np.int32)
    ordered = np.where(bits < 0, bits ^ np.iinfo(np.int32).max, bits).astype(np.int64)
    return (query << 32) + ordered - np.iinfo(np.int32).min


def _refuse_nan(run: Iterable[tuple[str, Mapping[str, float]]]) -> None:
    query, document = next((q, d) for q, scores in run for d, score in scores.items() if math.isnan(score))
    raise InputError(
        f"The score of document {document!r} for query {query!r} is NaN: it has no place in a ranking. "
        "Drop the document or mend the scorer."
    )


def _refuse_grade(grades: Grades) -> None:
    query, document = next((q, d) for q, judged in grades.items() for d in judged if not math.isfinite(judged[d]))
    raise InputError(
        f"The grade of document {document!r} for query {query!r} is {grades[query][document]}: give a finite number."
    )
