"""How signals join a model's logits: S = z + g(z) · Σ weight · value, or a preset's blend in place of the sum.

Knows signals and blends by their contracts alone. A logit moves by Σ |weight| at most (`max_swing`); what tells nothing
moves nothing, to the last bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats, Signal
from secondpass.ranking.gate import gate
from secondpass.ranking.signals.blend import Blend


def combine(signals: Sequence[Signal | Blend], candidates: Candidates) -> tuple[Floats, Mapping[str, Floats]]:
    """Log-odds after all signals, float64, shape (n,), and what each added, by its name.

    Where nothing moves, the logits are those of `candidates` bit for bit. A blend's parts are in the blend's own units
    (see `Blend`). Raises `InputError` for two signals of one name, and for a blend beside anything else.
    """
    check(signals)
    for signal in signals:
        if isinstance(signal, Blend):
            return signal.combine(candidates)
    added = moves([signal for signal in signals if not isinstance(signal, Blend)], candidates)
    move = sum(added.values(), np.zeros(len(candidates.logits)))
    return np.where(move == 0, candidates.logits, candidates.logits + move), added


def moves(signals: Sequence[Signal], candidates: Candidates) -> dict[str, Floats]:
    """g · weight · value of each signal by its name, shape (n,), in log-odds; a signal without a weight is not asked.

    The gate g keeps a document that answers nothing from being lifted by its date. It does not hold for signals that
    speak of relevance itself (`Weighted.relevance`).
    """
    open_to = {True: np.ones(len(candidates.logits)), False: gate(candidates)}
    added = {}
    for signal in signals:
        values = signal.values(candidates) if signal.weight else np.zeros(len(candidates.logits))
        added[signal.name] = open_to[getattr(signal, "relevance", False)] * signal.weight * values
    return added


def max_swing(signals: Sequence[Signal]) -> float:
    """The most that `signals` together move a document, up or down, in log-odds."""
    return math.fsum(abs(signal.weight) for signal in signals)


def needs_now(signals: Sequence[Signal | Blend]) -> bool:
    """Whether any of `signals` does nothing unless it is told what time it is."""
    return any(getattr(signal, "needs_now", False) for signal in signals)


def check(signals: Sequence[Signal | Blend]) -> None:
    """Raises `InputError` for signals that cannot stand side by side."""
    if len(signals) > 1 and any(isinstance(signal, Blend) for signal in signals):
        names = ", ".join(signal.name for signal in signals)
        raise InputError(f"{names}: a preset is a whole way of ranking; give it alone.")
    twice = [name for name, count in Counter(signal.name for signal in signals).items() if count > 1]
    if twice:
        raise InputError(f"Two signals are named {twice[0]!r}: give one of them another, as in Recency(name='edited').")
