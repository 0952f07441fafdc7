"""What maps logits to log-odds of relevance: a line, or steps. Knows numbers, neither fits nor base rates.

Both rise: a document with a greater logit never gets less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secondpass.ranking.candidates import Floats

TILT = 1e-6
"""How much steps rise a unit of logit where the data found no difference, so that equal logits alone are equal."""


@dataclass(frozen=True, slots=True)
class Line:
    """log-odds = slope · logit + intercept: Platt's sigmoid (1999), or a temperature of 1 / slope without intercept."""

    slope: float
    intercept: float

    def log_odds(self, logits: Floats) -> Floats:
        return self.slope * logits + self.intercept


@dataclass(frozen=True, slots=True)
class Steps:
    """Flat between the ends of each block that isotonic regression pooled, straight in log-odds from block to block.

    `logits` rise, `odds` (log-odds) never fall; both of the same length, at least one.
    """

    logits: tuple[float, ...]
    odds: tuple[float, ...]

    def log_odds(self, logits: Floats) -> Floats:
        found: Floats = np.interp(logits, self.logits, self.odds) + TILT * logits
        return found


def probability_of(log_odds: Floats) -> Floats:
    """1 / (1 + exp(-x)) in float64, whatever x."""
    small = np.exp(-np.abs(log_odds))  # at most 1, so nothing overflows on either side
    found: Floats = np.where(log_odds >= 0, 1.0, small) / (1.0 + small)
    return found


def log_odds_of(probability: float) -> float:
    """ln(p / (1 - p)) of a probability above 0 and below 1."""
    return float(np.log(probability) - np.log1p(-probability))
