"""Another way to join signals and model than the sum in log-odds: a weighted sum of parts in units of its own.

Knows columns of numbers; which ones a product joins, and how, stands in `presets`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from secondpass.ranking.candidates import Candidates, Floats

_EDGE = 1e-9
"""How near to 0 and to `whole` a sum may come before its log-odds are taken."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Ranks by the sum of `parts`, which lies between 0 and `whole`; its log-odds become the logits.

    The order is that of the sum, and a hit's score is sum / whole. Where `whole` is None the sum has no bound, and is
    the logit itself. `parts` gives what each part adds, by name, shape (n,), and these are what the breakdown shows.
    """

    name: str
    version: str
    parts: Callable[[Candidates], Mapping[str, Floats]]
    whole: float | None = 1.0
    needs_now: bool = False

    def total(self, candidates: Candidates) -> Floats:
        """The sum of the parts, float64, shape (n,): the number by which the product that this reproduces ranks."""
        return sum(self.parts(candidates).values(), np.zeros(len(candidates.logits)))

    def combine(self, candidates: Candidates) -> tuple[Floats, Mapping[str, Floats]]:
        """The log-odds of the sum, shape (n,), and the parts."""
        parts = self.parts(candidates)
        total = sum(parts.values(), np.zeros(len(candidates.logits)))
        if self.whole is None:
            return total, parts
        share = np.clip(total / self.whole, 0, 1)
        return np.log(share + _EDGE) - np.log(1 - share + _EDGE), parts
