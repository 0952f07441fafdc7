"""How many queries' values hang on the order of equal scores, which is an accident and not a merit of the model.

Knows scores, ids and grades. Scores are compared in single precision, as trec_eval reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.places import Grades, Run, candidates, groups


@dataclass(frozen=True, slots=True)
class Ties:
    """Ids of the queries with ties that can matter, in the order of the judgements, among `queries` judged ones.

    `boundary`: the documents on rank `cutoff` and behind it have the same score; `relevant`: a relevant document has
    the score of another document.
    """

    cutoff: int
    queries: int
    boundary: tuple[str, ...]
    relevant: tuple[str, ...]

    @property
    def rate(self) -> float:
        """The share of the queries with either, 0 to 1."""
        return len({*self.boundary, *self.relevant}) / self.queries


def ties(run: Run, qrels: Grades, *, cutoff: int = 10) -> Ties:
    """The ties of a run for the judged queries. Raises `InputError` where there is no query, or a score is NaN."""
    if not qrels:
        raise InputError("There is no query to look for ties in: give judgements for at least one query.")
    if cutoff < 1:
        raise InputError(f"The cutoff is {cutoff}: it must be at least 1.")
    ranked = candidates(run, qrels)
    first, size = groups(ranked)
    if not len(first):
        return Ties(cutoff, len(qrels), (), ())
    before, query = ranked.before[first], ranked.query[first]
    crossing = (before < cutoff) & (before + size > cutoff)
    relevant = (size > 1) & (np.add.reduceat(ranked.grade, first) > 0)
    ids = list(qrels)
    at_boundary, in_tie = (tuple(ids[i] for i in np.unique(query[rows]).tolist()) for rows in (crossing, relevant))
    return Ties(cutoff, len(qrels), at_boundary, in_tie)
