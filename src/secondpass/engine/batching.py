"""Which rows go into which batch. Knows lengths and a token budget, nothing of what the tokens are."""

from __future__ import annotations

from collections.abc import Sequence

from secondpass.models.scorer import Piece, padded_length

BUDGET = 1024
"""Padded tokens a batch, where no backend says what suits it."""

MOST_ROWS = 512
"""Rows a batch, whatever they cost together."""


def batches(
    lengths: Sequence[int],
    groups: Sequence[int | None] | None = None,
    *,
    budget: int = BUDGET,
    streams: int = 1,
) -> list[list[int]]:
    """Positions into `lengths`, longest first, in batches of rows × longest ≤ `budget`; a longer row goes alone.

    Rows of one group are kept together and cost as much as one. Where the budget allows, the batches are equal shares
    of the whole and their number a multiple of `streams`: with seven batches on two streams one would stand idle.
    """
    named = [None] * len(lengths) if groups is None else groups
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], named[i] or 0))
    costs = [padded_length(lengths[i]) for i in order]
    for at in range(len(order) - 1, 0, -1):
        group = named[order[at]]
        if group is not None and group == named[order[at - 1]]:
            costs[at] = 0
    share = sum(costs) / max(1, streams * -(-sum(costs) // (budget * streams)))
    made: list[list[int]] = []
    longest, rows, taken = 0, 0, 0.0
    for i, cost in zip(order, costs, strict=True):
        full = rows > 0 and ((rows + bool(cost)) * longest > budget or len(made[-1]) >= MOST_ROWS)
        if not made or full or (cost and taken + cost / 2 > share * len(made)):
            made.append([])
            longest, rows, cost = padded_length(lengths[i]), 0, padded_length(lengths[i])
        made[-1].append(i)
        rows += bool(cost)
        taken += cost
    return made


def shares(batch: Sequence[Piece]) -> list[int]:
    """Padded tokens that each row of a batch takes: as many as its longest, none for a group's further rows."""
    longest = padded_length(max(piece.length for piece in batch))
    seen: set[int] = set()
    found: list[int] = []
    for piece in batch:
        found.append(0 if piece.group in seen else longest)
        if piece.group is not None:
            seen.add(piece.group)
    return found
