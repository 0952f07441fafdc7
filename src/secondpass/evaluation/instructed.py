"""Whether a ranker follows instructions: what an edited or reversed instruction does to the same candidates.

    p-MRR   FollowIR (Weller et al. 2024): documents that the edited instruction makes irrelevant move down
    WISE    InfoSearch (Zhou et al. 2024): relevant documents move up with the instruction, and down with its reverse
    SICR    InfoSearch: the share of documents whose rank and score both do so, strictly
    flips   the share of document pairs whose order turns round with an instruction and its opposite

Knows runs and document ids; no texts. Scores are compared in full precision, ties go to the higher document id, and a
document that a run lacks stands behind its last one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.evaluation.places import ANY, Grades, Run

Documents = Mapping[str, Collection[str]]
"""Query id → ids of documents."""

_DEEPEST = 20
"""WISE counts a document that stood lower before the instruction as hardly seen."""


@dataclass(frozen=True, slots=True)
class Modes:
    """The same queries and candidates ranked thrice: without an instruction, with it, and with its reverse."""

    original: Run
    instructed: Run
    reversed: Run


@dataclass(frozen=True, slots=True)
class _Standing:
    rank: int
    score: float


def edited(run: Run) -> tuple[Run, Run]:
    """A FollowIR run by the ends of its query ids, `-og` and `-changed`: (original, edited), by id without the end.

    Raises `InputError` for an id with neither.
    """
    original: dict[str, Mapping[str, float]] = {}
    changed: dict[str, Mapping[str, float]] = {}
    for query, scores in run.items():
        side = original if query.endswith("-og") else changed
        if not query.endswith(("-og", "-changed")):
            raise InputError(f"The query id {query!r} ends neither in -og nor in -changed: is this a FollowIR run?")
        side[query.removesuffix("-og").removesuffix("-changed")] = scores
    return original, changed


def p_mrr(original: Run, edited: Run, changed: Documents) -> dict[str, float]:
    """Per query the mean over its `changed` documents of how far they moved down, -1 to 1; usually shown × 100.

    For a document on rank o before and e after the edit: 1 - o / e where it moved down (good), else e / o - 1.
    A query without changed documents has no value. Raises `InputError` for one that a run lacks.
    """
    values = {}
    for query, documents in changed.items():
        if documents:
            before, after = _ranked(original, query, "original"), _ranked(edited, query, "edited")
            moves = [_moved_down(_at(before, document).rank, _at(after, document).rank) for document in documents]
            values[query] = math.fsum(moves) / len(moves)
    return values


def instruction_sets(original: Grades, instructed: Grades) -> tuple[Documents, Documents]:
    """InfoSearch's (positives, negatives): relevant without the instruction, and then still so with it, or no longer.

    p-MRR on InfoSearch is over the negatives. A query without any judgement under the instruction has negatives only.
    """
    positives: dict[str, list[str]] = {}
    negatives: dict[str, list[str]] = {}
    for query, judged in original.items():
        wanted = instructed.get(query, {})
        relevant = [document for document, grade in judged.items() if grade >= ANY]
        positives[query] = [document for document in relevant if wanted.get(document, 0) >= ANY]
        negatives[query] = [document for document in relevant if wanted.get(document, 0) < ANY]
    return positives, negatives


def wise(modes: Modes, positives: Documents, negatives: Documents) -> dict[str, float]:
    """Per query the mean over its positives of what their ranks o, i, r without, with and against the instruction earn.

    With n positives and negatives together, where i <= o < r: 1 if i = 1 and o < n; else (1 - (o - i) / 20) / √i if
    o <= 20; else 0.01. Otherwise (o - i) / i if o <= i, and (r - o) / o if not. A query without positives has no value.
    """
    return {
        query: math.fsum(_wise(o.rank, i.rank, r.rank, count) for o, i, r in standings) / len(standings)
        for query, count, standings in _standings(modes, positives, negatives)
    }


def ideal_wise(modes: Modes, positives: Documents, negatives: Documents) -> dict[str, float]:
    """The best that `wise` can be from the same start: with the instruction on rank 1, against it one lower."""
    return {
        query: math.fsum(_wise(o.rank, 1, o.rank + 1, count) for o, _, _ in standings) / len(standings)
        for query, count, standings in _standings(modes, positives, negatives)
    }


def sicr(modes: Modes, positives: Documents) -> dict[str, float]:
    """Per query the share of its positives that rise with the instruction and fall with its reverse, by rank and score.

    A document on rank 1 without the instruction must stay there, and its score may stay the same. Scores of three
    requests are compared: give raw logits of a pointwise model; for a listwise one the value means nothing.
    """
    return {
        query: sum(_strictly(*standing) for standing in standings) / len(standings)
        for query, _, standings in _standings(modes, positives, {})
    }


def flip_rate(plain: Run, opposite: Run, labels: Grades, opposite_labels: Grades) -> dict[str, float]:
    """Per query, over the document pairs that the two instructions want in opposite orders: the share in both orders.

    A pair counts where its scores are in the wanted order both times, strictly. Who ignores instructions has 0, and
    random scores 1/4. A query without such pairs has no value. Raises `InputError` for one that a run lacks.
    """
    values = {}
    for query, grades in labels.items():
        turned = opposite_labels.get(query, {})
        documents = [document for document in grades if document in turned]
        wanted = _above(grades, documents) & _above(turned, documents).T
        if wanted.any():
            first = _above(_scores(plain, query, "plain"), documents)
            second = _above(_scores(opposite, query, "opposite"), documents).T
            values[query] = float((first & second)[wanted].mean())
    return values


def _above(values: Mapping[str, float], documents: Collection[str]) -> NDArray[np.bool_]:
    """[i, j]: document i has a greater value than document j."""
    listed = np.array([values.get(document, -math.inf) for document in documents])
    found: NDArray[np.bool_] = np.greater.outer(listed, listed)
    return found


def _standings(
    modes: Modes, positives: Documents, negatives: Documents
) -> list[tuple[str, int, list[tuple[_Standing, _Standing, _Standing]]]]:
    """For each query with positives: its id, how many documents are judged, the positives' standings in the modes."""
    found = []
    for query, documents in positives.items():
        if documents:
            original = _ranked(modes.original, query, "original")
            instructed = _ranked(modes.instructed, query, "instructed")
            against = _ranked(modes.reversed, query, "reversed")
            standings = [(_at(original, d), _at(instructed, d), _at(against, d)) for d in documents]
            found.append((query, len(documents) + len(negatives.get(query, ())), standings))
    return found


def _moved_down(before: int, after: int) -> float:
    return after / before - 1 if before >= after else 1 - before / after


def _wise(original: int, instructed: int, against: int, judged: int) -> float:
    if instructed <= original < against:
        if original < judged and instructed == 1:
            return 1.0
        if original <= _DEEPEST:
            return (1 - (original - instructed) / _DEEPEST) / math.sqrt(instructed)
        return 0.01
    if original <= instructed:
        return (original - instructed) / instructed
    return (against - original) / original


def _strictly(original: _Standing, instructed: _Standing, against: _Standing) -> bool:
    falls = against.rank > original.rank and original.score > against.score
    if original.rank == 1:
        return falls and instructed.rank == 1 and instructed.score >= original.score
    return falls and instructed.rank < original.rank and instructed.score > original.score


def _scores(run: Run, query: str, mode: str) -> Mapping[str, float]:
    if query not in run:
        raise InputError(f"The {mode} run lacks query {query!r}: rank it in every mode, or leave it out of the judged.")
    scores = run[query]
    for document, score in scores.items():
        if math.isnan(score):
            raise InputError(f"The score of document {document!r} for query {query!r} is NaN: mend the {mode} run.")
    return scores


def _ranked(run: Run, query: str, mode: str) -> dict[str, _Standing]:
    scores = _scores(run, query, mode)
    ordered = sorted(scores, key=lambda document: (scores[document], document), reverse=True)
    return {document: _Standing(rank, scores[document]) for rank, document in enumerate(ordered, 1)}


def _at(ranked: Mapping[str, _Standing], document: str) -> _Standing:
    return ranked.get(document) or _Standing(len(ranked) + 1, -math.inf)
