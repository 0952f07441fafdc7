"""Names in a text, by rules and tables: capitalised spans, quoted titles, codes, addresses, acronyms.

Knows what names look like in English, German, Spanish and French, never what they stand for. The words are in
`names.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import ClassVar, NamedTuple

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+(?:['’][^\W_]+)*")
"""What a name is compared by: words, and the single characters of scripts that write no spaces."""

_ADDRESS = re.compile(r"https?://[^\s<>\"'»“”]*[^\s<>\"'»“”.,;:!?)]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w@])@\w[\w.]*\w")
_QUOTED = re.compile(
    r"„([^„“”\n]{2,80})[“”]|“([^“”\n]{2,80})”|«\s?([^«»\n]{2,80}?)\s?»|\"([^\"\n]{2,80})\"|(?<!\w)['‘]([^'‘’\n]{2,80})['’](?!\w)"
)
_CODE = re.compile(r"(?<![\w-])(?=[\w-]*\d)[A-Z][A-Za-z]{0,9}-?\d[\w-]*(?!\w)")
_TOKEN = re.compile(r"[cdjlmnstCDJLMNST]['’](?=\w)|[^\W\d_]\w*(?:['’-]\w+)*(?:['’](?= [A-Z]))?|\d+(?:[.,]\d+)*|[^\w\s]")
_VERSION = re.compile(r"\d{1,4}(?:\.\d+)*")
_ENDS = frozenset(".!?:…¿¡•\n")
_LONGEST_TITLE = 8
_SHOUTED = 0.6
"""The share of capitals among letters above which a text is taken to be in capitals, and its words for no acronyms."""


class Token(NamedTuple):
    """A word, a number or a mark, where it stands, and whether a sentence begins with it."""

    text: str
    start: int
    end: int
    initial: bool

    @property
    def low(self) -> str:
        return self.text.lower()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()

    @property
    def marked(self) -> bool:
        """Whether its letters alone say that it is a name: NASA, OpenTTD, macOS."""
        body = re.sub(r"['’]s$", "", self.text)
        return len(body) > 1 and any(a.isalpha() and b.isupper() for a, b in pairwise(body))


@dataclass(frozen=True, slots=True)
class Extractor:
    """Finds names by rules: no model, no download, and the same names in every run.

    `gazetteer`: names that are found wherever they stand, in any case. `language`: "en", "de", "es" or "fr"; None takes
    the one with most of its common words in the text.
    """

    gazetteer: tuple[str, ...] = ()
    language: str | None = None

    REVISION: ClassVar[int] = 1

    def names(self, text: str) -> list[str]:
        """The names in `text` as they stand there, in order, each once (compared as `normalised` does)."""
        found = sorted(self._places(text))
        once: dict[tuple[str, ...], str] = {}
        for start, end in found:
            once.setdefault(normalised(text[start:end]), text[start:end])
        return [name for words, name in once.items() if words]

    def _places(self, text: str) -> set[tuple[int, int]]:
        places = {match.span() for name in self.gazetteer for match in _whole(name).finditer(text)}
        places |= {match.span() for match in _ADDRESS.finditer(text)}
        places |= {match.span(match.lastindex or 0) for match in _QUOTED.finditer(text) if _is_title(match)}
        free = bytearray(b"\1" * len(text))
        codes = [match.span() for match in _CODE.finditer(text)]
        for start, end in (*places, *codes):
            free[start:end] = bytes(end - start)
        places |= {code for code in codes if not any(start <= code[0] < end for start, end in places)}
        tokens = [token for token in _tokens(text) if free[token.start]]
        language = self.language or _language(tokens)
        return places | set(_Reader(tokens, text, language).places())


def normalised(name: str) -> tuple[str, ...]:
    """The words of `name` without case, accents and possessive endings; empty where it has none."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(re.sub(r"['’]s?$", "", word) for word in _WORD.findall(plain))


class _Reader:
    """Capitalised spans of one text."""

    def __init__(self, tokens: Sequence[Token], text: str, language: str) -> None:
        self._tokens, self._text, self._language = tokens, text, language
        self._joins = _words(language, "joins")
        self._titles = _words(language, "titles")
        self._parts = _words("any", "calendar") | _words("any", "parts")
        letters = [char for char in text if char.isalpha()]
        self._shouted = sum(char.isupper() for char in letters) > _SHOUTED * len(letters)
        self._lower = {token.low for token in tokens if not token.capital}
        self._inside = {token.text for token in tokens if token.capital and not token.initial}

    def places(self) -> Iterator[tuple[int, int]]:
        at = 0
        while not self._shouted and at < len(self._tokens):
            if not self._begins(self._tokens[at]):
                at += 1
                continue
            end = self._end(at)
            start, last = self._stripped(at, end)
            if start < last and self._is_name(start, last):
                yield self._tokens[start].start, self._tokens[last - 1].end
            at = end

    def _begins(self, token: Token) -> bool:
        return (token.capital or token.marked) and token.low not in _words("any", "calendar")

    def _end(self, at: int) -> int:
        """Where the span that begins at `at` ends: capitals, with what may join them, and one number at the last."""
        tokens, end = self._tokens, at + 1
        while end < len(tokens) and self._touches(end):
            then = end
            while then < len(tokens) and then - end < 2 and tokens[then].text in self._joins and self._touches(then):
                then += 1
            if then < len(tokens) and self._begins(tokens[then]) and self._touches(then) and not tokens[then].initial:
                end = then + 1
            elif _VERSION.fullmatch(tokens[end].text) and tokens[end - 1].low not in self._parts:
                return end + 1
            else:
                break
        return end

    def _touches(self, at: int) -> bool:
        """Whether nothing but a space, or the full stop of a title, lies before the token."""
        before = self._tokens[at - 1]
        return self._text[before.end : self._tokens[at].start] in (" ", "", "\u00a0")

    def _stripped(self, start: int, end: int) -> tuple[int, int]:
        """The span without what only begins a sentence, without titles before the name, and without peoples."""
        tokens = self._tokens
        while start < end and self._leads(tokens[start]):
            start += 1
        while start < end and tokens[start].text in self._joins:
            start += 1
        if end - start == 1 and tokens[start].low in _words("any", "peoples"):
            start = end
        return start, end

    def _leads(self, token: Token) -> bool:
        """Whether a word is no part of the name that it stands before."""
        common = token.initial and token.low in _all_functions()
        return common or token.low in self._parts or token.low.rstrip(".") in self._titles

    def _is_name(self, start: int, end: int) -> bool:
        tokens = self._tokens
        if any(token.marked for token in tokens[start:end]) or not tokens[end - 1].text[0].isalpha():
            return True
        if self._language == "de":
            return self._is_german_name(start, end)
        lone = end - start == 1 and tokens[start].initial
        return not lone or self._may_open(start)

    def _may_open(self, at: int) -> bool:
        """Whether a single word at the beginning of a sentence is a name; most are not."""
        word = self._tokens[at]
        if word.text in self._inside and self._language != "de":
            return True
        if word.low in self._lower or len(word.text) < 2:
            return False
        if at + 1 == len(self._tokens):
            return True
        after = self._tokens[at + 1]
        follows = after.text.isalpha() and not after.capital and after.low not in _all_functions()
        plural = word.low.endswith(("s", "ing", "ly")) and not word.low.endswith("'s")
        return follows and not plural

    def _is_german_name(self, start: int, end: int) -> bool:
        """German writes every noun with a capital: what stands before it must say that this one is a name."""
        tokens = self._tokens
        before = tokens[start - 1] if start and not tokens[start].initial else None
        if end - start > 1:
            return before is None or not (before.text.isdigit() or before.low in _words("de", "determiners") - _THE)
        word = tokens[start]
        if word.low in _words("de", "nouns") or word.low.endswith(tuple(_words("de", "suffixes"))):
            return False
        if before is None:
            return self._may_open(start) and not word.low.endswith(("en", "er", "e"))
        if before.low in self._titles:
            return True
        if before.low in _words("de", "bare"):
            return True
        if before.low in _words("de", "determiners") or not before.text.isalpha():
            return False
        return not before.low.endswith(("e", "en", "er", "es", "em")) and not word.low.endswith(("en", "er", "e"))


_THE = frozenset(("der", "die", "das", "dem", "den", "des", "im", "am", "zum", "zur", "vom", "beim"))
"""Determiners that names of two words may have before them: the rivers, the firms, the Deutsche Bank."""


def _tokens(text: str) -> Iterator[Token]:
    end, initial = 0, True
    previous = ""
    for match in _TOKEN.finditer(text):
        initial = initial or "\n" in text[end : match.start()]
        yield Token(match[0], *match.span(), initial)
        short = match[0] == "." and (previous.lower() in _abbreviated() or (len(previous) == 1 and previous.isupper()))
        initial = (match[0] in _ENDS and not short) or (initial and not match[0][0].isalnum())
        previous, end = match[0], match.end()


def _language(tokens: Sequence[Token]) -> str:
    """The language with most of its common words; English where none has any."""
    words = [token.low for token in tokens]
    languages = [name for name in _tables() if name != "any"]
    return max(languages, key=lambda name: sum(word in _words(name, "function") for word in words))


def _is_title(match: re.Match[str]) -> bool:
    inner = match[match.lastindex or 0]
    return inner[0].isupper() and len(inner.split()) <= _LONGEST_TITLE


@cache
def _whole(name: str) -> re.Pattern[str]:
    """`name` as a whole word; scripts that write no spaces have no such borders."""
    before = "" if re.match(rf"[{_UNSPACED}]", name) else r"(?<!\w)"
    after = "" if re.search(rf"[{_UNSPACED}]$", name) else r"(?!\w)"
    return re.compile(f"{before}{re.escape(name)}{after}", re.IGNORECASE)


@cache
def _tables() -> Mapping[str, Mapping[str, frozenset[str]]]:
    text = files("secondpass.ranking.signals").joinpath("names.toml").read_text(encoding="utf-8")
    return {
        language: {key: frozenset(words.split()) for key, words in rows.items()}
        for language, rows in tomllib.loads(text).items()
    }


def _words(language: str, key: str) -> frozenset[str]:
    return _tables().get(language, {}).get(key, frozenset())


@cache
def _all_functions() -> frozenset[str]:
    return frozenset().union(*(_words(language, "function") for language in _tables()))


@cache
def _abbreviated() -> frozenset[str]:
    return frozenset().union(*(_words(language, "titles") for language in _tables()))
