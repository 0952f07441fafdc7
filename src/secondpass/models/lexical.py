"""BM25 as a model: no weights, no training, any script.

Knows terms and their statistics, nothing of tokenizers, backends and batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from secondpass.models.scorer import Declared, Listed
from secondpass.text.encode import Limits
from secondpass.text.lexical import TERMS_VERSION, Bag, Statistics, bm25, terms
from secondpass.text.render import RENDERER


class BM25Scorer:
    """A `ListScorer` by BM25 in Lucene's form, over the candidates' own statistics unless a corpus `table` is given.

    With few candidates their statistics are a poor guide: a term that all of them share, because the first stage
    looked for it, counts for little. `table` is a `Statistics` or a file that it saved. Raises `InputError` for a file
    that is no table.
    """

    def __init__(self, table: Statistics | Path | None = None, *, k1: float = 1.5, b: float = 0.75) -> None:
        self._table = Statistics.from_file(table) if isinstance(table, Path) else table
        self._k1 = k1
        self._b = b
        source = "candidates" if self._table is None else self._table.version
        self._declared = Declared(
            name="bm25",
            version=f"lucene k1={k1:g} b={b:g} terms={TERMS_VERSION} renderer={RENDERER} table={source}",
            renderer=RENDERER,
            max_tokens=None,
            activation="ratio",
            instructions="ignored",
        )

    @property
    def declared(self) -> Declared:
        """What may be relied on: no limit on length, logits never negative."""
        return self._declared

    def score(
        self, query: str, documents: Sequence[str], instruction: str | None = None, limits: Limits | None = None
    ) -> Listed:
        """BM25 of each document, never negative, 0 where no term is shared; its length in terms, all of them read."""
        wanted = terms(query)
        only = frozenset(wanted)
        read = [terms(document) for document in documents]
        bags = [Bag.of(each, only) for each in read]
        statistics = Statistics.over(bags) if self._table is None else self._table
        logits = (bm25(wanted, bag, statistics, self._k1, self._b) for bag in bags)
        return Listed(np.fromiter(logits, np.float32, len(bags)), [len(each) for each in read], [False] * len(read))

    def close(self) -> None:
        """Nothing is held open."""
