"""What stands on top of a model: how far the rules of an instruction and the signals move its logits.

Knows logits and the names of what moved them; how much each speaks for a document is the rules' and the signals' own.
Everything is reckoned in log-odds, and said in the model's own units, so that a logit is the model's plus its signals,
but for a preset's blend, which takes the model's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from secondpass.models.scorer import Declared
from secondpass.ranking.candidates import Candidates, Floats, Signal
from secondpass.ranking.request import Request
from secondpass.ranking.signals.blend import Blend
from secondpass.ranking.signals.combine import combine

SPREAD = 2.0
"""Log-odds that one standard deviation of a list stands for, where a model's logits are no log-odds at all."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Logits after everything, shape (n,), and what each document's was moved by, in the model's units."""

    logits: Floats
    signals: Sequence[Mapping[str, float]]
    lifted: float = 0.0

    @property
    def scored(self) -> Floats:
        """The logits that scores are made of: the best is as good as the model's best, and no better for its date."""
        return self.logits - self.lifted if self.lifted else self.logits


def moved(request: Request, logits: Floats, declared: Declared, signals: Sequence[Signal | Blend]) -> Moved:
    """The logits as rules and signals leave them; the same array where there are none of them."""
    if not len(logits) or not (signals or request.understood):
        return Moved(logits, [{}] * len(logits))
    unit = _unit(logits, declared)
    odds = logits / unit
    seen = Candidates(request.query, request.instruction, request.documents, request.texts, odds, request.now)
    end, by_name = odds, dict[str, Floats]()
    if signals:
        end, parts = combine(signals, seen)
        by_name |= parts
    if request.understood:
        rules = request.understood.moves(seen)
        end = end + sum(rules.values(), np.zeros(len(logits)))
        by_name |= rules
    told = [
        {name: unit * float(values[i]) for name, values in by_name.items() if values[i]} for i in range(len(logits))
    ]
    if any(isinstance(signal, Blend) for signal in signals):
        return Moved(unit * end, told)  # a way of ranking of its own: neither order nor scores are the model's
    total = logits + unit * (end - odds)
    return Moved(total, told, max(0.0, float(total.max() - logits.max())))


def _unit(logits: Floats, declared: Declared) -> float:
    """How much of a logit one log-odds is; of logits that are none, a share of the list's spread."""
    if declared.activation == "sigmoid":
        return 1.0
    if declared.activation == "identity":
        return declared.scale
    spread = float(np.std(logits))
    return spread / SPREAD if spread > 0 else 1.0
