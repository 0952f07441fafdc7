"""Version numbers in text. Knows notations; not what an instruction wants of them."""

from __future__ import annotations

import re
from typing import NamedTuple

_PATTERN = re.compile(
    r"(?:(?<![\w.,/-])|(?<=[a-z][-_/])(?=v?\d+\.\d+\.\d+|v\d))(?:(?P<word>version|versión|fassung|release|major|バージョン|ver\.?|v)\s?"
    r"(?P<major>\d{1,4}(?:\.(?:\d+|x))*)|(?P<packed>\d{1,4}\s?(?:sp|r|u|update|service pack|patch)\s?\d{1,3})(?!\w)"
    r"|(?P<bare>\d{1,3}\.(?:\d{1,3}|x)(?:\.(?:\d+|x))*))"
    r"(?P<pre>[-. ]?(?:rc|beta|alpha|preview|dev|snapshot|b|a)\.?\d*\b)?"
    r"(?![\d%€$]|[.,:]\d|\s?(?:%|percent|prozent|euro|eur|usd|kwp?|cent|°))",
    re.IGNORECASE,
)

_SHORT = 24
"""Characters of a value that may be a version in a notation that is not known."""


class Version(NamedTuple):
    """A version: its numbers, whether it comes before a release, and where it stands in the text."""

    numbers: tuple[int, ...]
    early: bool
    start: int
    end: int
    marked: bool

    @property
    def order(self) -> tuple[tuple[int, ...], bool]:
        """What sorts versions: 2.9 < 2.10, 3.0-rc < 3.0."""
        return self.numbers, not self.early


def find_versions(text: str) -> list[Version]:
    """The version numbers in `text`. A lone number is one only after a word such as "version"; `marked` says so."""
    found = []
    for match in _PATTERN.finditer(text):
        packed = match["packed"]
        digits = ".".join(re.findall(r"\d+", packed)) if packed else match["major"] or match["bare"]
        numbers = tuple(int(part) for part in digits.lower().split(".") if part != "x")
        if numbers and (packed or numbers[0] < 1900):
            found.append(Version(numbers, bool(match["pre"]), *match.span(), match["word"] is not None))
    return found


def version_of(value: object) -> Version | None:
    """The version that a metadata value is: 2.1, "v2.1", "3"; of a notation that is not known, its numbers in order."""
    text = str(value).strip()
    if re.fullmatch(r"\d+", text):
        return Version((int(text),), False, 0, len(text), True)
    found = next(iter(find_versions(text)), None)
    if found or len(text) > _SHORT:
        return found
    numbers = tuple(int(digits[:9]) for digits in re.findall(r"\d+", text))
    return Version(numbers, False, 0, len(text), True) if numbers else None


def same(asked: tuple[int, ...], numbers: tuple[int, ...]) -> bool:
    """Whether a version is the one asked for, or one of its line: 2.1.4 is a 2.1."""
    return numbers[: len(asked)] == asked
