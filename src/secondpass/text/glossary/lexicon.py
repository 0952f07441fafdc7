"""How the words of one language are found: exactly, by their stems, as parts of a compound, or without spaces.

Knows one language's forms and their English; not which language a text is in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

from secondpass.text.glossary.language import FOLDED, Language

_WORD = re.compile(r"([^\W\d_]+)")
_JOINS = re.compile(r"[ \u00a0\n]?[-'’]?[ \n]?")
"""What may stand between the words of a phrase."""
_PART = 3
"""Letters that a part of a compound has at least."""
_CHARACTER = re.compile(r"[\u3005\u4e00-\u9fff\u30a1-\u30fa\u30fc]")
"""Han and katakana, which carry meaning; unknown hiragana is taken for grammar."""
_HIRAGANA = re.compile(r"[ぁ-ゖ]")


class Words:
    """Languages with spaces between words."""

    def __init__(self, language: Language, forms: Sequence[tuple[str, str]]) -> None:
        self._language = language
        self._exact: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._longest: dict[str, int] = {}  # the words of the longest phrase that begins with a stem
        for form, english in forms:
            words = _WORD.findall(form.lower().translate(FOLDED))
            stems = [language.stemmed(word) for word in words]
            self._exact.setdefault(" ".join(words), english)
            self._stems.setdefault(" ".join(stems), english)
            self._longest[stems[0]] = max(len(words), self._longest.get(stems[0], 1))
        self._word = lru_cache(8192)(self._of_word)

    def __contains__(self, word: str) -> bool:
        """Whether a folded word is in the table as it stands."""
        return word in self._exact

    def gloss(self, text: str) -> tuple[str, float]:
        """The text in English, and the share of its letters that was found. Unknown words are kept: many are names."""
        apart = _WORD.split(text)
        between, words = apart[::2], apart[1::2]
        folded = [word.lower().translate(FOLDED) for word in words]
        out, found, content = [between[0]], 0, 0
        at = 0
        while at < len(words):
            english, count = self._phrase(folded, between, at)
            letters = sum(map(len, folded[at : at + count]))
            if english is not None:
                out.append(english)
                found, content = found + letters, content + letters
            elif folded[at] not in self._language.words:
                out.append(words[at])
                content += letters
            at += count
            out.append(between[at].replace("'", " ").replace("’", " "))
        return " ".join("".join(out).split()), found / content if content else 0.0

    def _phrase(self, folded: Sequence[str], between: Sequence[str], at: int) -> tuple[str | None, int]:
        """The English of the longest phrase that begins at a word, and how many words it has."""
        stemmed = self._language.stemmed
        for count in range(self._longest.get(stemmed(folded[at]), 1), 1, -1):
            words = folded[at : at + count]
            if len(words) == count and all(_JOINS.fullmatch(gap) for gap in between[at + 1 : at + count]):
                english = self._exact.get(" ".join(words)) or self._stems.get(" ".join(map(stemmed, words)))
                if english is not None:
                    return english, count
        return self._word(folded[at]), 1

    def _of_word(self, word: str) -> str | None:
        if word in self._exact:
            return self._exact[word]
        if word in self._language.words:
            return None
        return self._stem(word) or (self._compound(word) if self._language.links else None)

    def _stem(self, word: str) -> str | None:
        """The English of the word that is left without an ending, or of one with the same stem."""
        bare = self._language.bare(word)
        begins = self._language.participle
        if begins and word.startswith(begins):
            bare += self._language.bare(word.removeprefix(begins))
        whole = next((self._exact[form] for form in reversed(bare) if form in self._exact), None)
        return whole or next((self._stems[form] for form in (*bare, word) if form in self._stems), None)

    def _compound(self, word: str) -> str | None:
        """The parts of a compound in English, the longest first part that leaves known ones."""
        for cut in range(len(word) - _PART, _PART - 1, -1):
            first = self._part(word[:cut])
            if first is not None:
                rest = self._of_word(word[cut:])
                if rest is not None:
                    return f"{first} {rest}"
        return None

    def _part(self, word: str) -> str | None:
        for link in ("", *self._language.links):
            if word.endswith(link) and len(word) - len(link) >= _PART:
                bare = word.removesuffix(link)
                # A first part without the last letter of its word: Sonnencreme, Sprachkurs.
                found = self._exact.get(bare) or self._exact.get(f"{bare}e" if not link else bare)
                if found is not None:
                    return found
        return None


class Characters:
    """Languages without spaces between words: the longest form that begins at a character is taken."""

    def __init__(self, language: Language, forms: Sequence[tuple[str, str]]) -> None:
        self._language = language
        self._fold = traditional() if language.code == "zh" else {}
        self._exact: dict[str, str] = {}
        for form, english in forms:
            self._exact.setdefault(form.translate(self._fold), english)
        for form, english in forms:
            for other in _inflected(form, language):
                self._exact.setdefault(other, english)
        self._longest: dict[str, int] = {}
        for form in (*self._exact, *language.words):
            self._longest[form[0]] = max(len(form), self._longest.get(form[0], 1))

    def __contains__(self, word: str) -> bool:
        """Whether a word is in the table."""
        return word in self._exact

    def gloss(self, text: str) -> tuple[str, float]:
        """The text in English, and the share of its characters that was found. Unknown characters are left out."""
        text = text.translate(self._fold)
        out: list[str] = []
        found = content = at = 0
        while at < len(text):
            size = self._size(text, at)
            form = text[at : at + size]
            english = self._exact.get(form)
            if english is not None:
                out.append(f" {english} ")
                found, content = found + size, content + size
            elif form not in self._language.words:
                meant = _CHARACTER.match(form) is not None
                content += meant
                out.append(" " if meant or _HIRAGANA.match(form) else form)
            at += size
        return " ".join("".join(out).split()), found / content if content else 0.0

    def _size(self, text: str, at: int) -> int:
        for size in range(self._longest.get(text[at], 1), 1, -1):
            form = text[at : at + size]
            if form in self._exact or form in self._language.words:
                return size if len(form) == size else len(form)
        return 1


def _inflected(form: str, language: Language) -> list[str]:
    """Other forms of a word by its last character; of words with a Chinese character before it alone."""
    if language.inflected is None or len(form) < 2 or not _CHARACTER.match(form[0]):
        return []
    return [form[:-1] + end.strip("-") for end in language.inflected.get(form[-1], "").split()]


@cache
def traditional() -> dict[int, str]:
    """Traditional Chinese characters with the simplified ones, for `str.translate`."""
    pairs = (files(__package__) / "traditional.txt").read_text("utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}
