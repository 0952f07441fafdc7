"""The names that a list of documents bears, and where an instruction uses them.

Knows what documents call themselves and single words; neither clauses nor what is wished of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

from secondpass.ranking.rules.dates import find_dates
from secondpass.ranking.rules.kinds import kind_of, named_in
from secondpass.ranking.rules.languages import named_code
from secondpass.ranking.rules.naming import SEGMENT, Names, families_of, matches, stem
from secondpass.ranking.rules.rule import Kind
from secondpass.ranking.rules.versions import find_versions

_LONGEST = 9
"""Words of a name at most."""

_TOKEN = re.compile(r"[^\W_]+(?:['’&][^\W_]+)*|[぀-ヿ一-鿿]")
_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
_LABEL = re.compile(r"^(?P<key>[^:：\d›»|·\[]{1,40})[:：]\s*(?P<value>.+)$")
_COPYRIGHT = re.compile(r"^\W*(?:©|\(c\)|copyright)[\W\d]*(?:by\s)?|\.\s*(?:all rights|alle rechte|tous droits).*$")
_BY = re.compile(r"^(?:by|from|von|vom|par|por|de|du)\s+", re.IGNORECASE)
_SOURCE = re.compile(
    r"source|publish|author|by$|from|site|origin|provider|issue[rd]|owner|team|department|org|quelle|herausgeb|autor"
    r"|auteur|éditeur|fuente|editor|出典|発行|著者",
    re.IGNORECASE,
)
_TYPE = re.compile(r"type|kind|categor|genre|format|class|^art$|\bart$|sorte|tipo|種類|種別", re.IGNORECASE)


class Use(NamedTuple):
    """A name that an instruction uses: its start and end in characters, and the rule's kind that asks for it."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Vocabulary:
    """What the documents of a list are called, a row of names a document."""

    names: Sequence[Names]

    def uses(self, instruction: str, stop: frozenset[str]) -> list[Use]:
        """Where `instruction` uses whole names of the list, in any case and number, the longest first; none overlap.

        Dates, versions and languages are no names; nor are words that name nothing by themselves (`stop`).
        """
        tokens = [(stem(m[0].lower()), *m.span()) for m in _TOKEN.finditer(instruction)]
        stop = frozenset(map(stem, stop))
        found: list[Use] = []
        at = 0
        while at < len(tokens):
            length = self._length(tokens, at, stop)
            if length:
                start, end = tokens[at][1], tokens[at + length - 1][2]
                words = tuple(word for word, _, _ in tokens[at : at + length])
                kind = self._values.get(words) or _kind("", instruction[start:end])
                # A heading is a topic; a name of no family that no key tells of is a name by its capital alone.
                if kind != "proper" or any(c.isupper() for c in instruction[start:end]):
                    found.append(Use(start, end, "source" if kind == "proper" else kind))
            at += length or 1
        return found

    def _length(self, tokens: Sequence[tuple[str, int, int]], at: int, stop: frozenset[str]) -> int:
        for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
            words = tuple(word for word, _, _ in tokens[at : at + length])
            if words in self._values and not (length == 1 and words[0] in stop):
                return length
        for length in range(min(_LONGEST, len(tokens) - at), 1, -1):
            words = tuple(word for word, _, _ in tokens[at : at + length])
            if not stop & {words[0], words[-1]} and self._stands(words) and at:
                return length
        return 0

    def _stands(self, words: Sequence[str]) -> bool:
        """Whether words, two of them no numbers, stand in a row where a document says what it is."""
        if sum(not word.isdigit() for word in words) < 2:
            return False
        row = f" {' '.join(words)} "
        return any(row in line for line in self._lines)

    @cached_property
    def _lines(self) -> frozenset[str]:
        told = {
            text for names in self.names for text, belief in names if belief >= 0.35 and not text.startswith("title:")
        }
        return frozenset(f" {' '.join(stem(word) for word in _TOKEN.findall(text))} " for text in told)

    def knows(self, phrase: str) -> bool:
        """Whether some of the documents, and not all alike, bear what `phrase` says, or are of its family."""
        if not self.names:
            return False
        family = families_of(phrase)
        fits = matches([phrase], self.names if family else self._told, strict=not family)
        return bool(fits.any()) and float(fits.min()) < float(fits.max())

    @cached_property
    def _told(self) -> list[Names]:
        """The names that stand under a key: what has none may be a heading, and that is a topic."""
        return [[name for name in names if ": " in name[0]] for names in self.names]

    @cached_property
    def _values(self) -> dict[tuple[str, ...], Kind | Literal["proper"]]:
        found: dict[tuple[str, ...], Kind | Literal["proper"]] = {}
        for names in self.names:
            for text, belief in names:
                for key, value in _values_of(text, belief):
                    words = tuple(stem(word) for word in _TOKEN.findall(value))
                    if 0 < len(words) <= _LONGEST and _is_name(value):
                        kind = _kind(key, value)
                        found[words] = kind if found.get(words, "proper") in ("label", "proper") else found[words]
        return found


def _values_of(text: str, belief: float) -> Iterator[tuple[str, str]]:
    """What a stretch of a header names, with its key: the whole, and each of its parts."""
    if belief < 0.6:
        return
    text = _COPYRIGHT.sub("", text)
    label = _LABEL.match(text)
    key, value = (label["key"], label["value"]) if label else ("", text)
    yield key, _BY.sub("", value)
    for part in SEGMENT.split(value):
        inner = _LABEL.match(part.strip())
        name = inner["value"] if inner else part
        if name.strip():
            yield (inner["key"] if inner else key), _BY.sub("", name.strip())


def _is_name(value: str) -> bool:
    """Whether a value names something, and is no date, version or language."""
    letters = sum(character.isalpha() for character in value)
    if letters < 2 or named_code(value):
        return False
    if not any(character.isdigit() for character in value):
        return True
    covered = sum(one.end - one.start for one in find_dates(value, _ANY_DAY))
    covered += sum(one.end - one.start for one in find_versions(value))
    return covered < 0.5 * len(value.strip())


_ANY_DAY = datetime(2000, 1, 1)


def _kind(key: str, value: str) -> Kind | Literal["proper"]:
    if _SOURCE.search(key):
        return "source"
    if _TYPE.search(key):
        return "type"
    kinds = {kind_of(family) for family in named_in(value.lower())}
    if kinds:
        return "source" if "source" in kinds and "type" not in kinds else "type"
    return "label" if key else "proper"
