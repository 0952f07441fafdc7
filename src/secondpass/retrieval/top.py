"""The best of a list of scores. Knows numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError


def top(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions and scores of the `k` highest of shape (n,), best first, ties by position; all n where k is larger.

    Raises `InputError` for k below 1.
    """
    if k < 1:
        raise InputError(f"k is {k}: ask for at least 1 document.")
    near = np.arange(scores.size)
    if k < scores.size:
        # Only what reaches the k-th score needs sorting; all of its ties must stay in, for the first of them count.
        near = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    order = near[np.argsort(-scores[near], kind="stable")][:k]
    return order, scores[order]
