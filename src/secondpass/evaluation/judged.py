"""Judged pairs pooled over queries and collections: what a calibration is fitted on and checked with.

Knows logits, labels and ids; no models, and nothing of how probabilities are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats, Grades
from secondpass.evaluation.record import Record

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """`logits` and `labels` of judged pairs, of shape (pairs,); `collections` and `queries` name what each was for.

    A query's name has its collection before it, as ids of two collections may be the same.
    """

    logits: Floats
    labels: Mask
    collections: Sequence[str]
    queries: Sequence[str]

    @classmethod
    def of(cls, records: Sequence[Record], qrels: Mapping[str, Grades]) -> Pairs:
        """Every candidate of every record; one without a judgement counts as not relevant."""
        every = [
            (score, qrels[record.protocol.collection][query].get(document, 0) > 0, record.protocol.collection, query)
            for record in records
            for query, run in record.run.items()
            for document, score in run.items()
        ]
        return cls(
            np.array([pair[0] for pair in every], np.float64),
            np.array([pair[1] for pair in every], np.bool_),
            [pair[2] for pair in every],
            [f"{pair[2]}/{pair[3]}" for pair in every],
        )

    def where(self, kept: Mask) -> Pairs:
        """The pairs of a mask of shape (pairs,)."""
        at = np.flatnonzero(kept).tolist()
        names, queries = [self.collections[i] for i in at], [self.queries[i] for i in at]
        return Pairs(self.logits[kept], self.labels[kept], names, queries)

    def by_collection(self) -> dict[str, Pairs]:
        """The pairs of each collection, in order of first appearance."""
        names = np.array(self.collections)
        return {name: self.where(names == name) for name in dict.fromkeys(self.collections)}

    @property
    def base_rate(self) -> float:
        """The share of relevant pairs."""
        return float(self.labels.mean())

    @property
    def pooled_auc(self) -> float:
        """How often a relevant pair has the greater logit than another pair of any query (`auc`)."""
        return auc(self.logits, self.labels)

    @property
    def query_auc(self) -> float:
        """The same within each query, the mean over the queries with both kinds of pairs; NaN where there are none.

        What pooling loses on it is how far logits of different queries are from meaning the same.
        """
        order = np.argsort(np.array(self.queries), kind="stable")
        names = np.array(self.queries)[order]
        ends = np.flatnonzero(names[1:] != names[:-1]) + 1
        parts = zip(np.split(self.logits[order], ends), np.split(self.labels[order], ends), strict=True)
        found = [auc(logits, labels) for logits, labels in parts if labels.any() and not labels.all()]
        return float(np.mean(found)) if found else float("nan")


def auc(values: ArrayLike, labels: ArrayLike) -> float:
    """The area under the ROC curve: the chance that a relevant pair's value is greater, equal ones counting half.

    Raises `InputError` unless there are both kinds of pairs.
    """
    scores, relevant = np.asarray(values, np.float64), np.asarray(labels, np.bool_)
    right, wrong = np.sort(scores[relevant]), np.sort(scores[~relevant])
    if not len(right) or not len(wrong):
        raise InputError(f"{len(right)} relevant and {len(wrong)} other pairs have no order: give both kinds.")
    below = np.searchsorted(wrong, right, "left") + np.searchsorted(wrong, right, "right")
    return float(below.sum() / (2 * len(right) * len(wrong)))


def merged(parts: Sequence[Pairs]) -> Pairs:
    """All of them as one."""
    return Pairs(
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.labels for part in parts]),
        list(chain.from_iterable(part.collections for part in parts)),
        list(chain.from_iterable(part.queries for part in parts)),
    )
