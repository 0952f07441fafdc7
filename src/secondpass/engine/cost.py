"""What a batch costs on this machine, learnt from those that were computed. Knows tokens and seconds alone."""

from __future__ import annotations

import math

import numpy as np

RECENT = 64
"""Batches that are remembered: enough for a median, few enough to follow a machine that gets busy."""


class Cost:
    """Seconds a batch = `overhead` + tokens × `per_token`, both robust against some slow batches.

    `per_token` is the median slope between batches of clearly different size (Theil–Sen), or the median of seconds by
    tokens where all were alike. Without a lock: of two batches that end at one moment one may be forgotten, and no fork
    can leave it held.
    """

    def __init__(self) -> None:
        self._recent: tuple[tuple[int, float], ...] = ()
        self._fitted: tuple[tuple[tuple[int, float], ...], float, float] = ((), math.nan, math.nan)

    def learn(self, tokens: int, seconds: float) -> None:
        """A batch of so many padded tokens took so long on one stream."""
        self._recent = (*self._recent[1 - RECENT :], (max(tokens, 1), seconds))

    @property
    def known(self) -> bool:
        """Whether any batch was computed yet."""
        return bool(self._recent)

    @property
    def overhead(self) -> float:
        """Seconds that every batch takes, however small; NaN where nothing is known."""
        return self._fit()[0]

    @property
    def per_token(self) -> float:
        """Seconds that each padded token of a batch adds; NaN where nothing is known."""
        return self._fit()[1]

    def seconds(self, tokens: int) -> float:
        """What a batch of so many padded tokens takes on one stream; NaN where nothing is known."""
        overhead, per_token = self._fit()
        return overhead + tokens * per_token

    def tokens(self, seconds: float) -> float:
        """The padded tokens of the largest batch that ends within `seconds`: 0 where none does, or nothing is known."""
        overhead, per_token = self._fit()
        if not self.known or seconds <= overhead:
            return 0.0
        return (seconds - overhead) / per_token if per_token else math.inf

    def _fit(self) -> tuple[float, float]:
        recent = self._recent
        fitted, overhead, per_token = self._fitted
        if recent is not fitted:
            overhead, per_token = _line(recent)
            self._fitted = (recent, overhead, per_token)
        return overhead, per_token


def _line(points: tuple[tuple[int, float], ...]) -> tuple[float, float]:
    """Overhead and slope, neither below zero."""
    tokens, seconds = np.array(points, np.float64).T
    apart, rises = np.subtract.outer(tokens, tokens), np.subtract.outer(seconds, seconds)
    clear = apart > tokens.max() / 4  # noise would decide on the slope between batches that are nearly alike
    ratio = float(np.median(seconds / tokens))
    slope = min(max(float(np.median(rises[clear] / apart[clear])), 0.0), ratio) if clear.any() else ratio
    return max(float(np.median(seconds - slope * tokens)), 0.0), slope
