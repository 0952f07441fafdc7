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
    stage's of the others. The chance is shared out among all of these (Bonferroni); each has the prediction interval of
    a least-squares line with normal errors, which is the wider the farther it lies from what was read.
    """
    if not len(unread):
        return True
    count = len(after)
    if count < max(LEAST, top + 1):
        return False
    spread = before - before.mean()
    square = float(spread @ spread)
    slope = max(0.0, float(spread @ (after - after.mean())) / square) if square else 0.0
    missed = after - after.mean() - slope * spread
    noise = float(np.sqrt(missed @ missed / (count - 2)))
    away = unread - before.mean()
    width = noise * np.sqrt(1 + 1 / count + (away**2 / square if square else 0.0))
    highest = after.mean() + slope * away + student(1 - chance / len(unread), count - 2) * width
    return float(highest.max()) < float(np.sort(after)[-top])


def student(share: float, freedom: int) -> float:
    """The quantile of Student's t, by the first terms of its expansion about the normal one (Fisher and Cornish).

    Within 1 % for 14 degrees of freedom and shares up to .9999.
    """
    z = NormalDist().inv_cdf(share)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
