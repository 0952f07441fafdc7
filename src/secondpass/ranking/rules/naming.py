"""How well a name that an instruction uses fits what the documents of a list call themselves.

Words are worth what they tell apart in this list; families of sources and types stand for their words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from secondpass.ranking.candidates import Floats
from secondpass.ranking.rules.kinds import families, named_in

Names = Sequence[tuple[str, float]]
"""What a document is called by, in lower case, each with a belief in (0, 1]."""

_LEAST = 0.3
_KNOWN = 0.5
"""The share of a name's words that some document must bear: else it is no name but talk."""

_SHARP = 0.75
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
_BY_FAMILY = 0.9
_DECAY = 0.85
_FAR = 240
"""Characters of a stretch that are read for names."""

SEGMENT = re.compile(r"\s[·|–—-]\s|[›»•>|·/:：(),;=\[\]【】\t]|\s{3,}|\.\s")


def matches(phrases: Sequence[str], documents: Sequence[Names], *, strict: bool = False) -> Floats:
    """How well the best of `phrases` names each document, in [0, 1]; all 0 where it names none or every one alike.

    A phrase that some document bears as it stands names no others, but by family where it is all family. `strict`: a
    document must bear every word of a phrase, outside of its title.
    """
    best = np.zeros(len(documents))
    kept = [[name for name in names if not (strict and name[0].startswith("title:"))] for names in documents]
    places = [_places(names) for names in kept]
    for phrase in phrases:
        exact = _exact(phrase.lower(), kept)
        if not exact.any() or _all_family(phrase.lower()):
            exact = np.maximum(exact, _match(phrase.lower(), places, strict=strict))
        best = np.maximum(best, exact)
    top = best.max(initial=0.0)
    if top < _LEAST:
        return np.zeros(len(documents))
    graded = best / top
    return np.where(graded < 0.5, 0.0, np.minimum(1.0, (graded - 0.5) / (_SHARP - 0.5) * 0.5 + 0.5))


def _places(names: Names) -> list[tuple[str, float]]:
    """The stretches of what a document is called by, each with its belief, which falls from the first on."""
    places = []
    for text, belief in names:
        weight = belief
        for stretch in SEGMENT.split(text[:_FAR]):
            if stretch.strip():
                places.append((stretch.strip(), weight))
                weight *= _DECAY
    return places


def _exact(phrase: str, documents: Sequence[Names]) -> Floats:
    """The belief of the best place of each document that has the words of `phrase` in a row; 0 for the others."""
    wanted = _spaced(phrase)
    bears = [
        max((belief for text, belief in names if wanted in _spaced(text[:_FAR])), default=0.0) for names in documents
    ]
    return np.array(bears) if wanted.strip() else np.zeros(len(documents))


@lru_cache(maxsize=8192)
def _spaced(text: str) -> str:
    """The stems of a text, each between spaces."""
    return f" {' '.join(stem(word) for word in words_of(text))} "


def _all_family(phrase: str) -> bool:
    return all(part[0].startswith("=") for part in _parts(phrase))


def families_of(phrase: str) -> bool:
    """Whether a phrase names a family of sources or types."""
    return bool(named_in(phrase.lower()))


def _match(phrase: str, documents: list[list[tuple[str, float]]], *, strict: bool) -> Floats:
    parts = _parts(phrase)
    if not parts:
        return np.zeros(len(documents))
    table = np.array([[_worth(part, places) for places in documents] for part in parts])
    present = (table > 0).sum(axis=1)
    if (present > 0).mean() < _KNOWN or (strict and not (table > 0).all(axis=0).any()):
        return np.zeros(len(documents))
    count = len(documents)
    weight = np.array([0.0 if not n else math.log((count + 1) / (n + 0.5)) for n in present])
    weight = np.clip(weight, 0, None)
    if not weight.any():
        return np.zeros(count)
    return np.asarray(weight @ table / weight.sum(), dtype=np.float64)


@lru_cache(maxsize=1024)
def _parts(phrase: str) -> tuple[tuple[str, ...], ...]:
    """What must be found: each a family's name after "=", or a word as its stem."""
    parts: list[tuple[str, ...]] = [(f"={name}",) for name in sorted(named_in(phrase))]
    covered = phrase
    for family in families():
        if f"={family.name}" in {part[0] for part in parts}:
            covered = family.pattern.sub(" ", covered)
    parts.extend((stem(word),) for word in words_of(covered))
    return tuple(dict.fromkeys(parts))


def words_of(text: str) -> list[str]:
    """The words of a text; of Japanese, its stretches of characters that carry meaning."""
    if _JAPANESE.search(text):
        return re.findall(r"[一-鿿々]{2,}|[ァ-ヺー]{2,}|[a-z0-9]{2,}", text)
    return _WORD.findall(text)


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without the endings of number and case that five languages share."""
    word = re.sub(r"['’]s?$", "", word)
    for ending in ("ies", "ern", "en", "er", "es", "em", "ys", "e", "n", "s", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word[:-1] if re.fullmatch(r"\w{3}s", word) and word[-2] not in "suiwe" else word


def _worth(part: tuple[str, ...], places: list[tuple[str, float]]) -> float:
    """How strongly a document bears a family or a word: the belief of the best place that has it."""
    (wanted,) = part
    best = 0.0
    for text, belief in places:
        if belief <= best:
            continue
        if wanted[0] == "=":
            if wanted[1:] in named_in(text):
                best = max(best, _BY_FAMILY * belief)
        elif _JAPANESE.search(wanted):
            if wanted in text:
                best = belief
        elif wanted in _stems(text):
            best = belief
    return best


@lru_cache(maxsize=8192)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _WORD.findall(text))
