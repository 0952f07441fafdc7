"""When a stage may stop: the documents that it has not read are too unlikely to change its top any more.

Knows two stages' logits. The later stage's logits are predicted from the earlier one's by a line through the documents
that both have read; what the line misses them by is the noise that a document has to be behind by.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from secondpass.ranking.candidates import Floats

LEAST = 16
"""Documents that both stages have to have read before anything is predicted."""


def settled(before: Floats, after: Floats, unread: Floats, top: int, chance: float) -> bool:
    """Whether the best `top` of a stage stay what they are with at least 1 - `chance`.

    `before` and `after`: both stages' logits of the documents that were read, shape (read,); `unread`: the earlier
    stage's of the others. The chance is shared out among all of these (Bonferroni), each with normal errors.
    """
    if not len(unread):
        return True
    if len(after) < max(LEAST, top + 1):
        return False
    spread = before - before.mean()
    square = float(spread @ spread)
    slope = max(0.0, float(spread @ (after - after.mean())) / square) if square else 0.0
    missed = after - after.mean() - slope * spread
    noise = float(np.sqrt(missed @ missed / (len(after) - 2)))
    best = float(after.mean() + slope * (unread.max() - before.mean()))
    margin = NormalDist().inv_cdf(1 - chance / len(unread)) * noise
    return best + margin < float(np.sort(after)[-top])
