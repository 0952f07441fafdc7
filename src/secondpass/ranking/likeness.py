"""How alike two documents are: the share of word shingles that they have in common (Broder, 1997).

Knows texts alone. Any function of the same form will do as well: a bi-encoder's `score`, for one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.ranking.candidates import Floats
from secondpass.text.lexical import terms

Alike = Callable[[str, Sequence[str]], NDArray[np.floating]]
"""How alike a text is to others: a number in [0, 1] each, shape (n,), the same whichever of two texts comes first."""


class Shingles:
    """An `Alike`: |A ∩ B| / |A ∪ B| of the sets of `words` consecutive words (Jaccard), exact.

    A text with fewer words is one shingle, so that short texts are alike where they are the same. Scripts without
    spaces are read by pairs of characters. Texts are kept, as sets, as long as this object is.
    """

    def __init__(self, words: int = 3) -> None:
        if words < 1:
            raise InputError(f"words={words}: a shingle has 1 or more.")
        self._words = words
        self._numbers: dict[tuple[str, ...], int] = {}
        self._sets: dict[str, NDArray[np.int64]] = {}

    def __call__(self, text: str, others: Sequence[str]) -> Floats:
        """The resemblance of a text with each of the others, float64, shape (n,)."""
        if not others:
            return np.empty(0)
        own, sets = self._of(text), [self._of(other) for other in others]
        has = np.zeros(len(self._numbers), np.bool_)
        has[own] = True
        sizes = np.fromiter(map(len, sets), np.int64, len(sets))
        common = np.add.reduceat(has[np.concatenate(sets)].astype(np.int64), np.cumsum(sizes) - sizes)
        return np.asarray(common / (len(own) + sizes - common), np.float64)

    def _of(self, text: str) -> NDArray[np.int64]:
        """The numbers of a text's shingles, of which there is at least one."""
        if text not in self._sets:
            words = terms(text)
            runs = zip(*(words[start:] for start in range(self._words)), strict=False)
            shingles = set(runs) if len(words) >= self._words else {tuple(words)}
            numbers = (self._numbers.setdefault(shingle, len(self._numbers)) for shingle in shingles)
            self._sets[text] = np.fromiter(numbers, np.int64, len(shingles))
        return self._sets[text]
