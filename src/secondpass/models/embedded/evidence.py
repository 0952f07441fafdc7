"""Lexical evidence: what query and document share to the letter, as numbers that a small network can weigh.

Every number depends on the pair and a frozen idf table alone, never on the other candidates, so that a pair's score is
the same in any list. Knows nothing of tokens or vectors.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secondpass.text.lexical import terms

FEATURES = (
    "bm25",  # saturated term frequencies times idf, over the query's idf mass
    "cover",  # share of the query's idf mass that occurs
    "stem_cover",  # the same over five-letter prefixes, so that inflections meet
    "fuzzy_cover",  # the same, a word counting by the share of its letter trigrams that occur
    "rare_cover",  # share of the three rarest query terms that occur
    "exact_cover",  # share of the terms with digits or of composite identifiers that occur
    "has_exact",  # whether the query has any such term
    "pair_cover",  # share of neighbouring query terms that stand side by side in the document
    "head_cover",  # share of the query's idf mass within the document's first 24 terms
    "reverse_cover",  # share of the document's idf mass that the query names
    "bm25_log",  # log of the unnormalised BM25
    "query_log",  # log of the number of query terms
    "document_log",  # log of the number of document terms
    "query_idf",  # mean idf of the query's terms
    "foreign",  # share of the query's letters outside ASCII
    "instruction_cover",  # share of the instruction's idf mass that occurs
    "has_instruction",
)
K1, B, AVERAGE_LENGTH, HEAD, PREFIX = 1.2, 0.6, 150.0, 24, 5


@dataclass(frozen=True, slots=True)
class IdfTable:
    """Inverse document frequencies of a fixed corpus mixture; a term that is not in it counts as `unseen`."""

    values: Mapping[str, float]
    unseen: float

    @classmethod
    def from_file(cls, path: Path) -> IdfTable:
        """Read the npz that `save` writes."""
        with path.open("rb") as file, np.load(file) as held:
            names = held["terms"].tobytes().decode().split("\n")
            values = held["values"].astype(np.float32) * float(held["step"])
            return cls(dict(zip(names, values.tolist(), strict=True)), float(held["unseen"]))

    def save(self, path: Path) -> None:
        """Write terms and idf in 256 steps."""
        names = sorted(self.values)
        step = max(self.values.values(), default=1.0) / 255
        np.savez_compressed(
            path,
            terms=np.frombuffer("\n".join(names).encode(), np.uint8),
            values=np.rint(np.array([self.values[n] for n in names]) / step).astype(np.uint8),
            step=np.float64(step),
            unseen=np.float64(self.unseen),
        )

    def __getitem__(self, term: str) -> float:
        return self.values.get(term, self.unseen)


@dataclass(frozen=True, slots=True)
class DocumentEvidence:
    """What is looked up in a document; made once and compared with any number of queries.

    `joined` is its terms in order with a space on either side of each, so that a term's beginning, a part of it and a
    pair of neighbours are all found by one substring search, which costs far less than building a set of each.
    """

    counts: Mapping[str, int]
    joined: str
    head: frozenset[str]
    length: int
    idf_mass: float

    @classmethod
    def of(cls, text: str, table: IdfTable) -> DocumentEvidence:
        found = terms(text)
        counts = Counter(found)
        values, unseen = table.values, table.unseen
        mass = sum([values.get(term, unseen) for term in counts])
        return cls(counts, f" {' '.join(found)} ", frozenset(found[:HEAD]), len(found), mass)


class QueryEvidence:
    """A query and its instruction, ready to be compared with documents."""

    def __init__(self, query: str, instruction: str | None, table: IdfTable) -> None:
        found = terms(query)
        self._table = table
        self._idf = {term: table[term] for term in found}
        self._mass = sum(self._idf.values()) or 1.0
        self._rare = sorted(self._idf, key=lambda term: -self._idf[term])[:3]
        self._exact = [term for term in self._idf if any(c.isdigit() or c == "_" for c in term)]
        self._pairs = {f" {a} {b} " for a, b in itertools.pairwise(found)}
        self._length = len(found)
        asked = set(terms(instruction)) if instruction else set()
        self._instruction = {term: table[term] for term in asked}
        letters = [c for c in query if c.isalpha()]
        self._foreign = sum(not c.isascii() for c in letters) / max(1, len(letters))

    def features(self, document: DocumentEvidence) -> NDArray[np.float32]:
        """The numbers named in `FEATURES`, float32, shape (len(FEATURES),)."""
        idf, mass, counts = self._idf, self._mass, document.counts
        norm = K1 * (1 - B + B * document.length / AVERAGE_LENGTH)
        present = [term for term in idf if term in counts]
        bm25 = sum(idf[t] * counts[t] / (counts[t] + norm) for t in present)
        asked = self._instruction
        return np.array(
            [
                bm25 / mass,
                sum(idf[t] for t in present) / mass,
                sum(w for t, w in idf.items() if t in counts or f" {t[:PREFIX]}" in document.joined) / mass,
                sum(w * (1.0 if t in counts else _share(t, document.joined)) for t, w in idf.items()) / mass,
                sum(t in counts for t in self._rare) / max(1, len(self._rare)),
                sum(t in counts for t in self._exact) / max(1, len(self._exact)),
                float(bool(self._exact)),
                sum(pair in document.joined for pair in self._pairs) / max(1, len(self._pairs)),
                sum(idf[t] for t in present if t in document.head) / mass,
                sum(idf[t] for t in present) / max(1e-6, document.idf_mass),
                math.log1p(bm25),
                math.log1p(self._length),
                math.log1p(document.length),
                mass / max(1, len(idf)),
                self._foreign,
                sum(w for t, w in asked.items() if t in counts) / (sum(asked.values()) or 1.0),
                float(bool(asked)),
            ],
            np.float32,
        )


@lru_cache(maxsize=65536)
def _trigrams(term: str) -> tuple[str, ...]:
    padded = f" {term} "
    return tuple(padded[i : i + 3] for i in range(len(padded) - 2))


def _share(term: str, joined: str) -> float:
    trigrams = _trigrams(term)
    return sum(trigram in joined for trigram in trigrams) / len(trigrams)
