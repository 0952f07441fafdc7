"""BM25 as a model: no weights, no training, any script.

Knows terms and their statistics, nothing of tokenizers, backends and batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from secondpass.errors import InputError
from secondpass.models.scorer import Declared, Listed
from secondpass.text.encode import Limits
from secondpass.text.lexical import TERMS_VERSION, Bag, Statistics, bm25, find_variant, terms
from secondpass.text.render import RENDERER


class BM25Scorer:
    """A `ListScorer` by BM25, over the candidates' own statistics unless a corpus `table` is given.

    With few candidates their statistics are a poor guide: a term that all of them share, because the first stage
    looked for it, counts for little, and by Robertson's or ATIRE's form for nothing. `table` is a `Statistics` or a
    file that it saved. `variant`: one of `text.lexical.VARIANTS`, Lucene's form by default; `delta` is for BM25L and
    BM25+. Raises `InputError` for a file that is no table, an unknown variant, and numbers that would make scores
    negative.
    """

    def __init__(
        self,
        table: Statistics | Path | None = None,
        *,
        variant: str = "bm25",
        k1: float = 1.5,
        b: float = 0.75,
        delta: float = 0.5,
    ) -> None:
        form = find_variant(variant)
        for name, value, most in (("k1", k1, math.inf), ("b", b, 1), ("delta", delta, math.inf)):
            if not (0 <= value <= most and math.isfinite(value)):
                raise InputError(f"{name}={value!r}: give {'0 to 1' if most == 1 else '0 or more'}.")
        self._table = Statistics.from_file(table) if isinstance(table, Path) else table
        self._variant = variant
        self._k1 = k1
        self._b = b
        self._delta = delta
        source = "candidates" if self._table is None else self._table.version
        lifted = f" delta={delta:g}" if form.lifted else ""
        self._declared = Declared(
            name=variant,
            version=f"{form.method} k1={k1:g} b={b:g}{lifted} terms={TERMS_VERSION} renderer={RENDERER} table={source}",
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
        """BM25 of each document, never negative; its length in terms, all of them read.

        Where no term is shared it is 0, by BM25L and BM25+ the least that any document can have.
        """
        wanted = terms(query)
        only = frozenset(wanted)
        read = [terms(document) for document in documents]
        bags = [Bag.of(each, only) for each in read]
        statistics = Statistics.over(bags) if self._table is None else self._table
        logits = (
            bm25(wanted, bag, statistics, self._k1, self._b, variant=self._variant, delta=self._delta) for bag in bags
        )
        return Listed(np.fromiter(logits, np.float32, len(bags)), [len(each) for each in read], [False] * len(read))

    def close(self) -> None:
        """Nothing is held open."""
