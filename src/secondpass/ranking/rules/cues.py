"""The cue words of each language, compiled. Knows the tables' form; not what is made of a cue."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "de", "fr", "es", "ja")
_NEVER = re.compile(r"(?!)")
_TELLING = ("newest", "oldest", "stale", "after", "before", "between", "to")
_READ = 300
"""Characters of an instruction that tell its language by its cues."""


@dataclass(frozen=True, slots=True)
class Cues:
    """One language's cues.

    `patterns` by section and name ("stance.prefer"); `stop`: words that name nothing; `subjects`: words that make a
    clause of its own.
    """

    language: str
    patterns: dict[str, re.Pattern[str]]
    stop: frozenset[str]
    subjects: frozenset[str]

    def __getitem__(self, name: str) -> re.Pattern[str]:
        return self.patterns.get(name, _NEVER)


@cache
def cues(language: str) -> Cues:
    """The table of `language`, one of LANGUAGES."""
    table = tomllib.loads((files(__package__) / f"{language}.toml").read_text("utf-8"))
    words = table.pop("words")
    spaced = language != "ja"
    for name, entries in table["stance"].items():  # no cue reaches over a name: see `clauses.MASK`
        table["stance"][name] = [entry.replace("[^,;", "[^◆,;") for entry in entries]
    patterns = {
        f"{section}.{name}": _compiled(entries, spaced)
        for section, rows in table.items()
        for name, entries in rows.items()
    }
    return Cues(
        language,
        patterns,
        frozenset(f"{words['stop']} {words['generic']}".split()),
        frozenset(words["subject"].split()),
    )


@cache
def stop_words() -> frozenset[str]:
    """The words that name nothing in any of the languages."""
    return frozenset[str]().union(*(cues(language).stop for language in LANGUAGES))


def _compiled(entries: Sequence[str], spaced: bool) -> re.Pattern[str]:
    either = "|".join(sorted(entries, key=len, reverse=True))
    return re.compile(rf"(?<![\w])(?:{either})(?![\w])" if spaced else f"(?:{either})")


def language_of_instruction(text: str) -> str:
    """The table to read an instruction with: Japanese by its script, else the one that knows most of its words."""
    if re.search(r"[ぁ-ゖァ-ヺ一-鿿]", text):
        return "ja"
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {
        language: sum(word in cues(language).stop for word in words)
        + sum(len(cues(language)[f"time.{name}"].findall(text[:_READ].lower())) for name in _TELLING)
        for language in LANGUAGES[:-1]
    }
    return max(counts, key=lambda language: counts[language])
