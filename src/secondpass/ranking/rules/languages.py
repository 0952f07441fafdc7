"""Which language a text is written in, and which one a word names. Knows no documents and no instructions."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_SCRIPTS = (("ja", "[ぁ-ゖァ-ヺ]"), ("ko", "[가-힣]"), ("zh", "[一-鿿]"), ("ar", "[؀-ۿ]"))
_ENOUGH = 2
"""Short words that must speak for a language before a text is taken for it."""


class Language(NamedTuple):
    """What a language is called, as a pattern, its commonest words, and its codes of three letters (ISO 639-2)."""

    code: str
    names: re.Pattern[str]
    words: frozenset[str]
    codes: frozenset[str]


@cache
def languages() -> tuple[Language, ...]:
    """The languages of languages.toml."""
    table = tomllib.loads((files(__package__) / "languages.toml").read_text("utf-8"))
    return tuple(
        Language(
            code,
            re.compile(rf"(?<!\w)(?:{'|'.join(row['names'])})", re.IGNORECASE),
            frozenset(row["words"].split()),
            frozenset(row["codes"].split()),
        )
        for code, row in table.items()
    )


def code_of(value: str) -> str | None:
    """The ISO 639-1 code that a metadata value stands for: "de-AT", "deu", "German"."""
    value = value.strip(" *\"'[](){}").lower()
    short = re.match(r"([a-z]{2})(?:[-_][a-z]{2,4}(?:\.[\w-]+)?)?$", value)
    if short:
        return short[1]
    return next((one.code for one in languages() if one.names.match(value) or value[:3] in one.codes), None)


_ABOUT = re.compile(
    r"^(?:(?:written|text|available|verfasst|rédigé|escrito|version|edition|édition|edición|versión|translation)\s)?"
    r"(?:in|auf|en|em)\s|\s(?:version|edition|text|translation|fassung|ausgabe)$"
)
"""What may stand beside a language's name where a document says which one it is written in."""


def named_code(value: str) -> str | None:
    """The code of a known language that `value` is the name or the code of, and nothing else."""
    text = _ABOUT.sub("", value.strip(" *\"'").lower())
    short = re.sub(r"[-_].*", "", text)
    for language in languages():
        if language.names.fullmatch(text) or (len(text) in (2, 5) and short == language.code):
            return language.code
    return None


@cache
def _scripts() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((code, re.compile(pattern)) for code, pattern in _SCRIPTS)


def language_of(text: str) -> str | None:
    """The language that `text` is written in; None where too little speaks for one."""
    for code, script in _scripts():
        if len(script.findall(text)) * 8 > len(text):
            return code
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {language.code: sum(word in language.words for word in words) for language in languages()}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] >= _ENOUGH else None
