"""Which rows go into which batch. Knows lengths and a token budget, nothing of what the tokens are."""

from __future__ import annotations

from collections.abc import Sequence

from secondpass.models.scorer import padded_length

BUDGET = 1024
"""Padded tokens a batch: measured best for small encoders on one core a stream."""


def batches(lengths: Sequence[int], *, budget: int = BUDGET, streams: int = 1) -> list[list[int]]:
    """Positions into `lengths`, longest first, in batches of rows × longest ≤ `budget`; a longer row goes alone.

    Where the budget allows, the batches are equal shares of the whole and their number a multiple of `streams`: with
    seven batches on two streams one stream would stand idle at the end.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    costs = [padded_length(lengths[i]) for i in order]
    share = sum(costs) / max(1, streams * -(-sum(costs) // (budget * streams)))
    made: list[list[int]] = []
    longest, taken = 0, 0.0
    for i, cost in zip(order, costs, strict=True):
        full = made and (len(made[-1]) + 1) * longest > budget
        if not made or full or taken + cost / 2 > share * len(made):
            made.append([])
            longest = cost
        made[-1].append(i)
        taken += cost
    return made
