"""Precision and recall of all thresholds on a logit, as measured once, at any base rate.

Recall and fall-out (the share of the other documents that pass) do not depend on how many documents are relevant;
precision does, so it is computed from both for the base rate that is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.ranking.candidates import Floats

LEAST = 10
"""Relevant documents that must lie above a threshold for its precision to be more than luck."""

POINTS = 200
"""Thresholds kept of a measurement, at most."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`logits` fall; `recall` and `fallout` are the shares of relevant and of other documents at or above them."""

    logits: tuple[float, ...]
    recall: tuple[float, ...]
    fallout: tuple[float, ...]

    @classmethod
    def measured(cls, logits: Floats, labels: NDArray[np.bool_], weights: Floats) -> Thresholds:
        """From judged pairs, arrays of shape (pairs,); thresholds with fewer than `LEAST` relevant above are left out.

        Raises `InputError` where there are not as many, or nothing else.
        """
        if labels.sum() < LEAST or labels.all():
            raise InputError(
                f"{int(labels.sum())} of {len(labels)} held-out pairs are relevant: at least {LEAST} have to be, and "
                "not all: give more judged queries, or more candidates of each."
            )
        order = np.argsort(-logits, kind="stable")
        values, right = logits[order], labels[order]
        relevant, other = np.cumsum(weights[order] * right), np.cumsum(weights[order] * ~right)
        ends = np.append(values[1:] != values[:-1], True)  # equal logits pass together
        kept = np.flatnonzero(ends & (np.cumsum(right) >= LEAST))
        # Evenly over recall, as that is where thresholds differ; most other documents lie below the last relevant one.
        wanted = np.linspace(relevant[kept[0]], relevant[-1], POINTS)
        chosen = kept[np.unique(np.searchsorted(relevant[kept], wanted * (1 - 1e-12)))]
        return cls(
            tuple(values[chosen].tolist()),
            tuple((relevant[chosen] / relevant[-1]).tolist()),
            tuple((other[chosen] / other[-1]).tolist()),
        )

    def precision(self, base_rate: float) -> Floats:
        """The share of what passes each threshold that is relevant where `base_rate` of the candidates are."""
        right, wrong = base_rate * np.array(self.recall), (1 - base_rate) * np.array(self.fallout)
        found: Floats = right / (right + wrong)
        return found

    def for_precision(self, wanted: float, base_rate: float) -> float:
        """The lowest logit at which at least `wanted` of what passes is relevant. Raises `InputError` with the best."""
        found = self.precision(base_rate)
        enough = np.flatnonzero(found >= wanted)
        if not len(enough):
            best = int(np.argmax(found))
            raise InputError(
                f"A precision of {wanted:g} is not reached where {base_rate:.3g} of the candidates are relevant: the "
                f"best is {np.floor(1000 * found[best]) / 1000:g}, at a recall of {self.recall[best]:.3f}. "
                "Ask for less, or use a better model."
            )
        return self.logits[int(enough[-1])]

    def for_recall(self, wanted: float) -> float:
        """The highest logit that at least `wanted` of the relevant candidates reach."""
        return self.logits[int(np.searchsorted(self.recall, min(wanted, self.recall[-1])))]
