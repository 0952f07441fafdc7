"""How much a document may be moved by what is not its relevance.

Knows logits alone; no rules, no metadata. A list of candidates mostly falls into those that answer and those that do
not. The boundary is put where the two differ most for their own spread (Otsu, 1979), so that scales do not matter.
"""

from __future__ import annotations

import numpy as np

from secondpass.ranking.candidates import Candidates, Floats

EQUAL = 1.0
"""Log-odds. Documents whose groups lie closer than this answer equally well: none is held back."""


def gate(candidates: Candidates) -> Floats:
    """How far each document may be moved: 1 where it answers, 0 where it does not; float64, shape (n,), in [0, 1].

    A list without two groups is open: all ones.
    """
    logits = candidates.logits
    boundary = boundary_of(logits)
    if boundary is None:
        return np.ones(len(logits))
    return (logits >= boundary).astype(np.float64)


def boundary_of(logits: Floats) -> float | None:
    """The logit that parts the documents that answer from those that do not; None where there is one group."""
    ordered = np.sort(logits)[::-1]
    count = len(ordered)
    if count < 2 or ordered[0] - ordered[-1] < EQUAL:
        return None
    above = np.arange(1, count)
    sums = np.cumsum(ordered)
    means = sums[:-1] / above, (sums[-1] - sums[:-1]) / (count - above)
    between = above * (count - above) * (means[0] - means[1]) ** 2
    best = int(np.argmax(between))
    if means[0][best] - means[1][best] < EQUAL:
        return None
    return float((ordered[best] + ordered[best + 1]) / 2)
