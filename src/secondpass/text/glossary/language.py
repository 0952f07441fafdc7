"""Which language of the table a text is in, by its script and its short words, and what the languages are like.

Knows no table of words.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

HEAD = 400
"""Characters that are looked at to tell a language."""

FOLDED = {
    code: "".join(c for c in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(c))
    for code in range(0xC0, 0x180)
} | {ord("ß"): "ss", ord("œ"): "oe", ord("æ"): "ae"}
"""Latin letters without their marks, for `str.translate`."""

_LATIN = re.compile(r"[a-zà-ɏ]+")
_PLAIN = re.compile(r"[a-z]+")
_KANA = re.compile(r"[ぁ-ゖァ-ヺ]")
_HAN = re.compile(r"[一-鿿]")
_SCRIPT = 0.25
"""Share of a text's characters in a script that makes it one of its languages."""
_JAPANESE = 0.1
"""Kana for each Han character that make a text Japanese; some Chinese texts quote a brand."""
_ENOUGH = 2
"""Short words that must speak for a language."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its short words, folded, which are left out unless the table has them; how its words end.

    `telling`: those of the short words that English texts do not have.
    `suffixes`: endings that inflect, longest first, each with what takes its place; `stem`: letters that must be left;
    `links`: what may stand between the parts of a compound, none where words are not put together; `participle`: what
    a past participle begins with. `spaced`: whether it puts spaces between words. `inflected`: what a last
    character becomes, for languages without.
    """

    code: str
    words: frozenset[str]
    telling: frozenset[str]
    suffixes: tuple[tuple[str, str], ...] = ()
    stem: int = 3
    links: tuple[str, ...] = ()
    participle: str = ""
    spaced: bool = True
    inflected: Mapping[str, str] | None = None

    def stemmed(self, word: str) -> str:
        """A folded word without its longest ending."""
        return next(iter(self.bare(word)), word)

    def bare(self, word: str) -> list[str]:
        """A folded word without each of the endings that it may have, the longest first."""
        return [
            word[: -len(suffix)] + instead
            for suffix, instead in self.suffixes
            if word.endswith(suffix) and len(word) - len(suffix) >= self.stem
        ]


@cache
def languages() -> Mapping[str, Language]:
    """The languages of languages.toml, by code."""
    rows = tomllib.loads((files(__package__) / "languages.toml").read_text("utf-8"))
    shared = frozenset(rows["en"].pop("also").split())
    return {code: _language(code, row, shared) for code, row in rows.items()}


def _language(code: str, row: Mapping[str, object], shared: frozenset[str]) -> Language:
    words, endings, inflected = row["words"], str(row.get("suffixes", "")).split(), row.get("inflected")
    pairs = [(suffix, instead) for suffix, _, instead in (ending.partition(":") for ending in endings)]
    spaced = bool(row.get("spaced", True))
    short = frozenset(str(words).translate(FOLDED).split() if spaced else str(words).split())
    return Language(
        code,
        short,
        short - shared,
        suffixes=tuple(sorted(pairs, key=lambda pair: -len(pair[0]))),
        stem=int(str(row.get("stem", 3))),
        links=tuple(str(row.get("links", "")).split()),
        participle=str(row.get("participle", "")),
        spaced=spaced,
        inflected=inflected if isinstance(inflected, dict) else None,
    )


def guess(text: str) -> str | None:
    """The code of a text's language, None for a script of none; "?" for Latin letters whose short words do not tell."""
    head = text[:HEAD].lower()
    if not head.isascii():
        foreign = _foreign(head)
        if foreign != "latin":
            return foreign
        head = head.translate(FOLDED)
    words = _PLAIN.findall(head)
    table = languages()
    english = sum(map(table["en"].words.__contains__, words))
    if english >= _ENOUGH and english * 5 >= len(words):
        return "en"
    counts = {code: sum(map(table[code].telling.__contains__, words)) for code in _SPACED}
    best = max(counts, key=counts.__getitem__)
    if counts[best] >= _ENOUGH and counts[best] > english:
        return best
    return "en" if english >= _ENOUGH or not words else "?"


_SPACED = ("de", "es", "fr", "it", "pt")


def _foreign(head: str) -> str | None:
    """ "ja" or "zh" by script, "latin" for a text in Latin letters, None for all others."""
    written = len(head) - head.count(" ")
    kana, han = len(_KANA.findall(head)), len(_HAN.findall(head))
    if kana + han >= _SCRIPT * written:
        return "ja" if kana > _JAPANESE * han else "zh"
    latin = sum(map(len, _LATIN.findall(head)))
    return "latin" if 2 * latin >= sum(map(str.isalpha, head)) else None
