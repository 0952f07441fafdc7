"""The BM25 first stage over a whole corpus, on bm25s' index and our own terms (extra `eval`).

Knows texts and positions; nothing of documents' ids or of judgements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError, MissingExtra
from secondpass.retrieval.top import top
from secondpass.text.lexical import find_variant, terms

VARIANT = "bm25"
K1 = 1.5
B = 0.75


class BM25Index:
    """Top candidates of a corpus by BM25 (k1 1.5, b 0.75, no stemming, no stop words).

    `variant`: a key of `text.lexical.VARIANTS`; "bm25" is Lucene's form. A term that a query holds twice counts twice.
    Raises `InputError` for a corpus without any document and a variant that is not known, `MissingExtra` where bm25s is
    not installed.
    """

    def __init__(self, texts: Iterable[str], *, variant: str = VARIANT) -> None:
        method = find_variant(variant).method
        bm25s = _bm25s()
        self._vocabulary: dict[str, int] = {}
        tokens = [[self._vocabulary.setdefault(t, len(self._vocabulary)) for t in terms(text)] for text in texts]
        if not tokens:
            raise InputError("The corpus is empty: an index needs at least one document.")
        self._size = len(tokens)
        self._index = bm25s.BM25(method=method, k1=K1, b=B)
        if self._vocabulary:
            self._index.index((tokens, self._vocabulary), show_progress=False)

    def __len__(self) -> int:
        return self._size

    def scores(self, query: str) -> NDArray[np.float32]:
        """The score of every document, shape (documents,); 0 where no term of the query occurs."""
        known = [self._vocabulary[term] for term in terms(query) if term in self._vocabulary]
        if not known:
            return np.zeros(self._size, np.float32)
        found: NDArray[np.float32] = self._index.get_scores(known)
        return found

    def top(self, query: str, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions and scores of the best `k`, best first, ties by position; fewer if the corpus is smaller.

        Documents that share no term with the query fill the list up with score 0, so that a second pass may still
        find them.
        """
        return top(self.scores(query), k)


def _bm25s() -> Any:
    try:
        import bm25s  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra("The BM25 index", "eval") from error
    return bm25s
