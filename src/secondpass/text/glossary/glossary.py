"""A text's words in English, one by one, from a table of common words and the user's own.

No translation: word order, tense and what a word means in its place are lost. Knows nothing of models and rankings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from secondpass.text.glossary.language import FOLDED, HEAD, Language, guess, languages
from secondpass.text.glossary.lexicon import Characters, Words
from secondpass.text.glossary.table import Table

VOCABULARY = 0.3
"""Share of a text's first words that have to be in the table of a language where no short words tell which it is."""

_WORD = re.compile(r"([^\W\d_]+)")


@dataclass(frozen=True, slots=True)
class Gloss:
    """`text` word for word in English; the text as it was where it is English, or in no language of the table.

    `language`: its ISO 639-1 code, None where it is none of the table's. `share`: how many of the characters that carry
    meaning were found, in [0, 1].
    """

    text: str
    language: str | None
    share: float


class Glossary:
    """A table of words: the package's, and before it the user's own, from a file with the same columns.

    The package's is read when the first text is met that is not English. Safe to use from several threads. Raises
    `InputError` for a file that is no such table.
    """

    def __init__(self, terms: str | Path | None = None) -> None:
        self._terms = None if terms is None else Table.read(Path(terms))
        self._lexica: dict[str, Words | Characters] = {}

    def language(self, text: str) -> str | None:
        """The language of a text, "en" where it is in Latin letters and nothing speaks for another of the table."""
        found = guess(text)
        return self._by_words(text) if found == "?" else found

    def gloss(self, text: str) -> Gloss:
        """The text in English, word for word."""
        code = self.language(text)
        if code is None or code == "en":
            return Gloss(text, code, 0.0)
        told, share = self._lexicon(languages()[code]).gloss(text)
        return Gloss(told, code, share)

    @cached_property
    def _english(self) -> frozenset[str]:
        return frozenset(
            word for table in self._tables for row in table.rows for word in row.get("en", "").lower().split()
        )

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        return (Table.own(),) if self._terms is None else (self._terms, Table.own())

    def _lexicon(self, language: Language) -> Words | Characters:
        if language.code not in self._lexica:
            make: Callable[..., Words | Characters] = Words if language.spaced else Characters
            forms = [pair for table in self._tables for pair in table.forms(language.code)]
            self._lexica[language.code] = make(language, forms)
        return self._lexica[language.code]

    def _by_words(self, text: str) -> str:
        """The language whose table has most of a text's first words; English unless another has clearly more."""
        words = _WORD.findall(text[:HEAD].lower().translate(FOLDED))
        counts = {
            language.code: sum(map(self._lexicon(language).__contains__, words))
            for language in languages().values()
            if language.spaced and language.code != "en"
        }
        best = max(counts, key=counts.__getitem__)
        english = sum(word in self._english for word in words)
        return best if counts[best] > english and counts[best] >= VOCABULARY * len(words) else "en"


@cache
def built_in() -> Glossary:
    """The glossary of the package, one for all who use it."""
    return Glossary()


def gloss(text: str) -> Gloss:
    """The text in English, word for word, by the package's table."""
    return built_in().gloss(text)
