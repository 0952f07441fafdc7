"""Entities: a document that is about whom the query is about counts for more.

Knows names, and how many documents share each; how names are found in a text is `extractor`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from secondpass.ranking.candidates import Candidates, Floats, metadata_of
from secondpass.ranking.signals.extractor import Extractor, normalised
from secondpass.ranking.signals.weighted import Weighted, number


@dataclass(frozen=True, slots=True)
class Entities(Weighted):
    """Spreading activation: Σ_j W_j · max(0, S - ln fan_j) / S over the query's entities j that a document has.

    W_j is 1 / (number of the query's entities); `fan_j` is how many documents of the list have entity j, or the number
    for it in `fans` (of a whole collection, by name). S is `strength`, or ln(1 + the largest such number can be): a
    name that every document has says next to nothing, one that a single document has says all that it can.

    A document's entities are the metadata under `key` (a list of names), else what the `extractor` finds in its
    text. The query's are `about`, else what the extractor finds in it and what it has of the documents' entities,
    whatever their case. Names are compared by their words without case and accents, and a document's may be longer
    ("Merkel" finds "Angela Merkel"). A document without entities gives 0, and so do all for a query without any.
    """

    about: Sequence[str] = ()
    key: str = "entities"
    fans: Mapping[str, int] = field(default_factory=dict)
    strength: float | None = None
    extractor: Extractor | None = field(default_factory=Extractor)
    _: KW_ONLY
    name: str = "entities"

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [0, 1]."""
        pairs = zip(candidates.documents, candidates.texts, strict=True)
        have = [self._of(metadata_of(document).get(self.key), text) for document, text in pairs]
        asked = self._asked(candidates.query, have)
        if not asked:
            return np.zeros(len(have))
        has = np.array([[any(_contains(own, name) for own in names) for name in asked] for names in have], bool)
        fans = self._fans(asked, has)
        strength = math.log1p(max(float(len(have)), *fans)) if self.strength is None else self.strength
        worth = np.maximum(0.0, strength - np.log(fans)) / (strength * len(asked)) if strength > 0 else 0 * fans
        return np.minimum(1.0, has.reshape(len(have), len(asked)) @ worth)

    def _of(self, given: object, text: str) -> set[tuple[str, ...]]:
        if isinstance(given, str):
            given = [given]
        if isinstance(given, list | tuple | set | frozenset):
            return {words for name in given if isinstance(name, str) and (words := normalised(name))}
        return self._found(text)

    def _found(self, text: str) -> set[tuple[str, ...]]:
        if self.extractor is None:
            return set()
        return {words for name in self.extractor.names(text) if (words := normalised(name))}

    def _asked(self, query: str, have: Sequence[set[tuple[str, ...]]]) -> list[tuple[str, ...]]:
        """The query's entities, sorted, so that sums are the same in every run."""
        if self.about:
            return sorted({words for name in self.about if (words := normalised(name))})
        words = normalised(query)
        return sorted(self._found(query) | {name for names in have for name in names if _contains(words, name)})

    def _fans(self, asked: Sequence[tuple[str, ...]], has: np.ndarray[tuple[int, ...], np.dtype[np.bool]]) -> Floats:
        known = {normalised(name): number(fan) for name, fan in self.fans.items()}
        counted = has.reshape(-1, len(asked)).sum(axis=0)
        told = (known.get(name) or count for name, count in zip(asked, counted, strict=True))
        return np.fromiter((max(1.0, float(fan)) for fan in told), np.float64, len(asked))


def _contains(words: tuple[str, ...], name: tuple[str, ...]) -> bool:
    """Whether the words of `name` stand in a row within `words`."""
    return any(words[start : start + len(name)] == name for start in range(len(words) - len(name) + 1))
