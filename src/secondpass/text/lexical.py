"""Lexical units and statistics: what two texts share to the letter.

Knows nothing of models. `terms` cuts a text into lower-case units: Unicode words, character bigrams where a script
writes no spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and identifiers both whole and in their parts.
`Statistics` holds document frequencies, over a candidate list or read from a table made from a larger corpus, and
`bm25` weighs the shared terms by them, in one of its `VARIANTS`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondpass.errors import InputError

TERMS_VERSION = 1

# Scripts without spaces between words, and the marks that Python's \w leaves out although they belong inside a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0dff"
_UNIT = re.compile(rf"[{_UNSPACED}]+|\d+(?:[.,:]\d+)+|(?:(?![{_UNSPACED}])[\w{_MARKS}])+")
_ASCII_UNIT = re.compile(r"\d+(?:[.,:]\d+)+|\w+", re.ASCII)
_UNSPACED_START = re.compile(rf"[{_UNSPACED}]")
_COMPOSITE = re.compile(r"_|[a-z0-9][A-Z]|[A-Z][A-Z][a-z]")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")


def terms(text: str) -> list[str]:
    """The lexical units of `text`, in order, lower case, NFKC.

    A composite identifier gives itself and then its parts (`parseHTTPReply` → parsehttpreply, parse, http, reply);
    a run of an unspaced script gives its character bigrams, or the character itself if it stands alone.
    """
    units = _ASCII_UNIT.findall(text) if text.isascii() else _UNIT.findall(unicodedata.normalize("NFKC", text))
    found: list[str] = []
    for unit in units:
        if _COMPOSITE.search(unit):
            found.append(unit.casefold())
            found.extend(part.casefold() for part in _PARTS.findall(unit))
        elif not unit.isascii() and _UNSPACED_START.match(unit):
            found.extend(unit[i : i + 2] for i in range(max(1, len(unit) - 1)))
        else:
            found.append(unit.casefold())
    return found


@dataclass(frozen=True, slots=True)
class Bag:
    """A document as BM25 sees it: its `length` in terms, and how often each term (that was asked for) is in it."""

    length: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, document_terms: Sequence[str], only: Container[str] | None = None) -> Bag:
        """Count terms; with `only`, just those, which is all that a known query needs and little to keep."""
        kept = document_terms if only is None else [term for term in document_terms if term in only]
        return cls(len(document_terms), Counter(kept))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of a corpus: `size` in documents, their `mean_length` in terms, and how many have each term.

    Raises `InputError` for a negative size or length.
    """

    size: int
    mean_length: float
    frequencies: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.size < 0 or not 0 <= self.mean_length < math.inf:
            raise InputError(
                f"A corpus of size {self.size!r} and mean length {self.mean_length!r} cannot be; make the statistics "
                "with Statistics.over(documents)."
            )

    @classmethod
    def over(cls, documents: Iterable[Bag | Sequence[str]]) -> Statistics:
        """Statistics of documents, each given as its terms or as a `Bag`; read one by one, so a generator will do."""
        size = length = 0
        frequencies: Counter[str] = Counter()
        for document in documents:
            bag = _bag(document)
            size += 1
            length += bag.length
            frequencies.update(bag.counts.keys())
        return cls(size, length / size if size else 0.0, dict(frequencies))

    @classmethod
    def from_file(cls, path: Path) -> Statistics:
        """Read a table that `save` wrote. Raises `InputError` naming the file and what is wrong with it."""
        try:
            held = json.loads(_read(path))
            made_by, made = int(held["terms_version"]), cls(held["size"], held["mean_length"], held["frequencies"])
            impossible = [f"{term!r}: {df!r}" for term, df in made.frequencies.items() if not 0 <= int(df) <= made.size]
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a table of term statistics ({error!r}). {_REMEDY}") from error
        if made_by != TERMS_VERSION:
            raise InputError(f"{path} counts terms of version {made_by}, not {TERMS_VERSION}. {_REMEDY}")
        if impossible:
            raise InputError(f"{path} has {made.size} documents, and frequencies such as {impossible[0]}. {_REMEDY}")
        return made

    def save(self, path: Path) -> None:
        """Write the table: one JSON object, gzipped where the name ends in `.gz`; same statistics, same bytes.

        Its keys: `terms_version`, `size` (documents), `mean_length` (terms), `frequencies` (term → how many have it).
        """
        content = json.dumps(self._table(), separators=(",", ":")).encode("ascii")
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change whenever a score by these statistics may."""
        return hashlib.sha256(json.dumps(self._table()).encode("ascii")).hexdigest()[:12]

    def idf(self, term: str) -> float:
        """Lucene's inverse document frequency, ln(1 + (N - df + 0.5) / (df + 0.5)); never negative."""
        return _lucene_idf(self.size, self.frequencies.get(term, 0))

    def _table(self) -> dict[str, Any]:
        return {
            "terms_version": TERMS_VERSION,
            "size": self.size,
            "mean_length": self.mean_length,
            "frequencies": dict(sorted(self.frequencies.items())),
        }


_REMEDY = "Make it with Statistics.over(terms(text) for text in corpus).save(path)."


def bm25(
    query_terms: Sequence[str],
    document: Bag | Sequence[str],
    statistics: Statistics,
    k1: float = 1.5,
    b: float = 0.75,
    *,
    variant: str = "bm25",
    delta: float = 0.5,
) -> float:
    """BM25 of one document, given as its terms or as a `Bag` that counts the query's at least; never negative.

    By default in Lucene's form: the sum over the query's terms, repeated ones again, of idf · tf / (tf + k1 · (1 - b +
    b · length / mean length)), without the constant factor k1 + 1 of older texts (Kamphuis et al., ECIR 2020).
    `variant`: one of `VARIANTS`. `delta` is what BM25L and BM25+ lift long documents by. Raises `InputError` for a
    variant that is none.
    """
    form = find_variant(variant)
    bag = _bag(document)
    relative = bag.length / statistics.mean_length if statistics.mean_length else 1.0
    norm = 1 - b + b * relative
    found = ((term, bag.counts.get(term, 0)) for term in query_terms)
    parts = [form.idf(statistics, term) * form.gain(count, norm, k1, delta) for term, count in found if count]
    if form.lifted:
        floor = form.gain(0, norm, k1, delta)
        # Every known term lifts every document. One that the table does not know lifts none, those that have it either.
        for term in query_terms:
            lifts = bool(statistics.frequencies.get(term)) - bool(bag.counts.get(term))
            parts.append(lifts * floor * form.idf(statistics, term))
    return math.fsum(parts)


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of BM25: the sum over the query's terms, repeated ones again, of an idf times a gain.

    `weight(N, df)`: the idf in a corpus of N documents of which df have the term; never negative. `gain(tf, norm, k1,
    delta)`: for a term that is tf times in a document, norm = 1 - b + b · length / mean length. `method`: bm25s' name
    for it. `lifted`: whether a term of the corpus gains something where it is not in the document too, as bm25s has it,
    so that documents that share nothing with the query have a score above 0.
    """

    method: str
    weight: Callable[[int, int], float]
    gain: Callable[[int, float, float, float], float]
    lifted: bool = False

    def idf(self, statistics: Statistics, term: str) -> float:
        """The term's weight in a corpus."""
        return self.weight(statistics.size, statistics.frequencies.get(term, 0))


def find_variant(name: str) -> Variant:
    """The form called `name`. Raises `InputError` naming those that there are."""
    if name not in VARIANTS:
        raise InputError(f"There is no form of BM25 called {name!r}; choose one of {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def _lucene_idf(size: int, frequency: int) -> float:
    return math.log(1 + (size - frequency + 0.5) / (frequency + 0.5))


def _robertson_idf(size: int, frequency: int) -> float:
    return math.log(max(1.0, (size - frequency + 0.5) / (frequency + 0.5)))


def _atire_idf(size: int, frequency: int) -> float:
    # A term that a table does not know counts as one that a single document has: here, and in BM25+.
    return math.log(max(size, 1) / max(frequency, 1))


def _l_idf(size: int, frequency: int) -> float:
    return math.log((size + 1) / (frequency + 0.5))


def _plus_idf(size: int, frequency: int) -> float:
    return math.log((size + 1) / max(frequency, 1))


def _gain(count: int, norm: float, k1: float, delta: float) -> float:
    return count / (count + k1 * norm)


def _atire_gain(count: int, norm: float, k1: float, delta: float) -> float:
    return (k1 + 1) * _gain(count, norm, k1, delta)


def _l_gain(count: int, norm: float, k1: float, delta: float) -> float:
    lifted = (count / norm if count else 0.0) + delta
    return (k1 + 1) * lifted / (k1 + lifted) if lifted else 0.0


def _plus_gain(count: int, norm: float, k1: float, delta: float) -> float:
    return (_atire_gain(count, norm, k1, delta) if count else 0.0) + delta


VARIANTS: Mapping[str, Variant] = {
    "bm25": Variant("lucene", _lucene_idf, _gain),
    "bm25-robertson": Variant("robertson", _robertson_idf, _gain),
    "bm25-atire": Variant("atire", _atire_idf, _atire_gain),
    "bm25l": Variant("bm25l", _l_idf, _l_gain, lifted=True),
    "bm25+": Variant("bm25+", _plus_idf, _plus_gain, lifted=True),
}
"""The forms by name, as Kamphuis et al. (ECIR 2020) tell them apart and bm25s computes them.

Robertson's idf is cut off at 0, as in bm25s: for a term that more than half of the documents have it would be negative,
and a document would lose by having what was asked for. There is no "Okapi": the name stands for that negative form, and
also for one with a share of the mean idf in its place.
"""


def _bag(document: Bag | Sequence[str]) -> Bag:
    return document if isinstance(document, Bag) else Bag.of(document)


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content
