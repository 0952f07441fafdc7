"""How fast a reranker is on this machine, learnt as it goes, so that a budget of time becomes a number of documents.

Knows seconds and lengths; neither models nor documents. Lengths are characters of rendered text: what a stage will read
has not been tokenised yet when it is planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

FIRST = 8
"""Documents that are read to find out, while nothing is known."""

FORGET = 0.7
"""How much of what was known stays at each observation: a machine's load changes."""

SPARE = 0.85
"""The share of the time left that is planned for; estimates are off, and a budget is a promise."""


class Pace:
    """Seconds a document of so many characters, as a fixed part and one that grows. Safe to use from several threads.

    `longest`: characters beyond which a document costs no more, since a model cuts there; None where it never does.
    """

    def __init__(self, longest: int | None = None) -> None:
        self._longest = longest
        self._lock = Lock()
        self._observed = 0
        self._seconds = self._weight = 0.0

    @property
    def known(self) -> bool:
        """Whether anything was learnt yet."""
        return self._observed > 0

    def learn(self, lengths: Iterable[int], seconds: float) -> None:
        """What reading documents of these lengths took. The second observation takes the place of the first.

        In the first there is what happens once: memory taken, kernels compiled, connections opened.
        """
        weight = sum(map(self._cost, lengths))
        if not weight:
            return
        with self._lock:
            kept = FORGET if self._observed > 1 else 0.0
            self._seconds, self._weight = kept * self._seconds + seconds, kept * self._weight + weight
            self._observed += 1

    def affordable(self, lengths: Sequence[int], seconds: float) -> int:
        """How many of the documents, from the first on, can be read in the time; few while nothing is known."""
        if seconds <= 0:
            return 0
        if not self.known:
            return min(FIRST, len(lengths))
        room = SPARE * seconds
        for count, length in enumerate(lengths):
            room -= self.seconds([length])
            if room < 0:
                return count
        return len(lengths)

    def seconds(self, lengths: Iterable[int]) -> float:
        """What reading documents of these lengths is expected to take; 0 while nothing is known."""
        return sum(map(self._cost, lengths)) * self._seconds / self._weight if self.known else 0.0

    def _cost(self, length: int) -> int:
        return _EACH + (length if self._longest is None else min(length, self._longest))


_EACH = 60  # characters that query, prompt and handling of each document stand for
