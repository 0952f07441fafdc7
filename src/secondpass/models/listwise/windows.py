"""Which part of a list a model is shown at a time.

Knows numbers alone: lists are longer than a prompt, so a window moves from the bottom to the top, and what is good
rises with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secondpass.errors import InputError


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `size` documents, each `stride` above the one before; the whole list `passes` times.

    One pass surely brings the best `size - stride` documents to the top, if the model never errs. Raises `InputError`.
    """

    size: int = 20
    stride: int = 10
    passes: int = 1

    def __post_init__(self) -> None:
        if self.size < 2:
            raise InputError(f"size={self.size}: a window compares 2 documents or more.")
        if not 1 <= self.stride < self.size:
            raise InputError(
                f"stride={self.stride}: give 1 to {self.size - 1}, less than a window's size, so that windows overlap."
            )
        if self.passes < 1:
            raise InputError(f"passes={self.passes}: give 1 or more.")

    def over(self, count: int) -> Iterator[range]:
        """The windows over `count` documents, in the order in which they are ranked; none where there is no choice.

        The topmost is moved down to be as long as the others; rank_llm has a shorter one there, where the list's length
        and the stride do not fit.
        """
        if count < 2:
            return
        bottom = max(0, count - self.size)
        starts = [*range(bottom, 0, -self.stride), 0]
        for _ in range(self.passes):
            yield from (range(start, min(start + self.size, count)) for start in starts)
