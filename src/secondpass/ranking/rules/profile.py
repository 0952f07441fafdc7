"""What a document says of itself: its date, its versions, its language, and the words that name it.

Reads metadata under any keys, and the text where it has a header or a footer. Knows no instruction.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from secondpass.ranking.candidates import metadata_of
from secondpass.ranking.rules.dates import Dated, date_of, find_dates
from secondpass.ranking.rules.head import Line, lines_about
from secondpass.ranking.rules.kinds import kind_of, named_in
from secondpass.ranking.rules.languages import code_of, language_of, named_code
from secondpass.ranking.rules.naming import SEGMENT
from secondpass.ranking.rules.standing import standing_of
from secondpass.ranking.rules.versions import Version, find_versions, version_of
from secondpass.types import TEXT_KEYS, AnyDocument, Document

KINDS = frozenset({"recency", "version", "language"})
"""Kinds of rules that need more of a document than its names."""

_DEPTH = 4
_SHORT = 200
_FIRST_YEAR = 1400
_KEY = 30
_BREAK = re.compile(r"[·|;,()\[\]>›/]|[.。]\s|\s[–—-]\s")
_LANGUAGE_KEYS = re.compile(
    r"(?:^|\b|_)(?:lang(?:uage)?s?|locale|langue|sprache|idioma|言語|written in)"
    r"(?:[\s_](?:code|tag|name|id|iso))*\s*$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\W{0,4}([^\W\d][\w .\-]{1,28}?)\s*(?:[:：=|\t]|\s{2,})\s*(\S.*)")
_LOCATED = re.compile(
    r"\w/([a-z]{2})(?:[-_][A-Za-z]{2})?/"
    r"|\w[_.-]([a-z]{2})(?:[-_][A-Za-z]{2})?\.(?:md|html?|pdf|txt|rst|docx?)\b"
)
"""Where the address or the file name of a document tells its language."""

_LABELS = re.compile(r"\s[·|;]\s|[;\n]")
"""What parts one labelled value from the next in a line."""

_VERSION_KEYS = re.compile(r"version|release|branch|^v$|^ver|tag|fassung|バージョン|applies", re.IGNORECASE)
_MINOR_KEYS = re.compile(r"title|tag|label|page|topic|section|keyword|heading|name$|タグ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Profile:
    """One document's facts. `date`: its own, or None. `names`: what it is called by, in lower case, with belief.

    `standing`: 1 where it says that it holds, -1 where it has lapsed, 0 where it does not say.
    """

    date: Dated | None
    versions: tuple[Version, ...]
    language: str | None
    names: tuple[tuple[str, float], ...]
    standing: int = 0

    @property
    def early(self) -> bool:
        """Whether it is about something that is not released yet."""
        return any(version.early for version in self.versions)


def profile_of(
    document: AnyDocument, text: str, now: datetime | None, *, kinds: frozenset[str] = KINDS, month_first: bool = True
) -> Profile:
    """The facts of a document, from its metadata first and from its text where they are silent.

    Only what rules of these `kinds` need is looked for; the rest is as in a document that tells nothing.
    """
    fields = list(_fields(_told(document)))
    body = _body(document, text)
    lines = lines_about(body)
    return Profile(
        (_told_date(fields, now, month_first) or _written_date(lines, now, month_first))
        if "recency" in kinds
        else None,
        tuple(_versions(fields, lines)) if "version" in kinds else (),
        _language(fields, lines, body) if "language" in kinds else None,
        _names(fields, lines),
        standing_of(_keyed(fields, lines), now) if "recency" in kinds else 0,
    )


def _keyed(fields: list[tuple[str, Any]], lines: list[Line]) -> Iterator[tuple[str, Any]]:
    """Keys in plain words, with their values: of the metadata, and of labelled lines in the header."""
    yield from ((_spaced(key), value) for key, value in fields)
    for line in lines:
        for part in _LABELS.split(line.text) if line.weight >= 0.7 else ():
            if told := _LABEL.match(part):
                yield _spaced(told[1]), told[2]


def names_of(document: AnyDocument, text: str) -> tuple[tuple[str, float], ...]:
    """What a document calls itself, in lower case, each with a belief in (0, 1]: its metadata, its header or footer."""
    return _names(list(_fields(_told(document))), lines_about(_body(document, text)))


def _names(fields: list[tuple[str, Any]], lines: list[Line]) -> tuple[tuple[str, float], ...]:
    names = [
        (f"{key.lower()}: {value.lower()}" if len(value) < _SHORT else "", _belief(key))
        for key, value in _strings(fields)
    ]
    return (
        *names,
        *(
            (line.text.lower(), line.weight if not names else 0.5 * line.weight)
            for line in lines
            if line.weight > 0.3 or _is_of_a_type(line.text.lower())
        ),
    )


def _is_of_a_type(title: str) -> bool:
    """Whether a sentence before a text says what sort of document it is, or how far it got."""
    return any(kind_of(family) in ("type", "status") for family in named_in(title))


def _told(document: AnyDocument) -> Mapping[str, Any]:
    told = metadata_of(document)
    if isinstance(document, Document) and document.title:
        return {**told, "title": document.title}
    return told


def _body(document: AnyDocument, text: str) -> str:
    """The document's own text: rendering may have put its title or fields before it."""
    if isinstance(document, str):
        return document
    if isinstance(document, Document):
        return document.text
    return next((document[key] for key in TEXT_KEYS if isinstance(document.get(key), str)), text)


def _fields(told: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Keys and plain values, of what is nested too; texts under the usual keys are no metadata."""
    parts = [told.get(part) for part in ("year", "month", "day")]
    if all(isinstance(part, int) for part in parts):
        yield from _items(f"{before} day", parts, depth)
        told = {key: value for key, value in told.items() if key not in ("year", "month", "day")}
    for key, value in told.items():
        if not depth and key in TEXT_KEYS:
            continue
        name = f"{before} {key}".strip()
        if isinstance(value, Mapping):
            if depth < _DEPTH:
                yield from _fields(value, name, depth + 1)
        elif isinstance(value, list | tuple | set | frozenset):
            yield from _items(name, value, depth)
        else:
            yield name, value


def _items(name: str, values: Collection[Any], depth: int) -> Iterator[tuple[str, Any]]:
    """The plain items of a list, and what is nested in it; year, month and day in a row are one day."""
    if 1 < len(values) < 4 and all(isinstance(value, int) for value in values) and next(iter(values)) >= _FIRST_YEAR:
        yield name, "-".join(f"{value:02}" for value in values)
        return
    for item in values:
        if isinstance(item, str | int | float):
            yield name, item
        elif isinstance(item, Mapping) and depth < _DEPTH:
            yield from _fields(item, name, depth + 1)
        elif isinstance(item, list | tuple) and depth < _DEPTH:
            yield from _items(name, item, depth + 1)


def _strings(fields: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    return ((key, value) for key, value in fields if isinstance(value, str) and value.strip())


def _belief(key: str) -> float:
    return 0.8 if _MINOR_KEYS.search(key) else 1.0


def _told_date(fields: list[tuple[str, Any]], now: datetime | None, month_first: bool) -> Dated | None:
    """The best date of the metadata: keys of the document's own before nameless ones, never a copy's."""
    best: list[tuple[float, Dated]] = []
    for key, value in fields:
        role = _role(_spaced(key))
        if role in ("copy", "ahead") or _LANGUAGE_KEYS.search(key):
            continue
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        if (numeric and role is None) or (
            isinstance(value, str) and not any(c.isdigit() for c in value) and now is None
        ):
            continue
        dated = date_of(value, now, month_first=month_first)
        if dated is None:
            continue
        whole = not isinstance(value, str) or dated.end - dated.start >= 0.5 * len(value.strip())
        worth = {"own": 3.0, "began": 2.5, "effective": 2.0, None: 1.5}[role] if whole else (1.0 if role else 0.6)
        if not whole and isinstance(value, str) and _role(_context(value.lower(), dated.start)) in ("copy", "ahead"):
            continue
        best.append((worth, dated))
    return _latest(best)


def _written_date(lines: list[Line], now: datetime | None, month_first: bool) -> Dated | None:
    best: list[tuple[float, Dated]] = []
    for line in lines:
        text = line.text[:320]
        for dated in find_dates(text, now, month_first=month_first):
            role = _role(_context(text.lower(), dated.start))
            if role in ("copy", "ahead"):
                continue
            if line.weight < 0.4 and role is None:
                continue
            worth = {"own": 3.0, "began": 2.5, "effective": 2.0, None: 2.0}[role] * (1 if line.weight >= 0.7 else 0.5)
            best.append((worth, dated))
    return _latest(best)


def _latest(best: list[tuple[float, Dated]]) -> Dated | None:
    """Of the dates that are believed most, the last: an update after the publication."""
    if not best:
        return None
    most = max(worth for worth, _ in best)
    return max((dated for worth, dated in best if worth == most), key=lambda dated: dated.middle)


def _spaced(key: str) -> str:
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", key).replace("_", " ").replace("-", " ").lower()


def _context(text: str, start: int) -> str:
    """The words before a date, back to the last mark that parts it from others."""
    before = text[max(0, start - 60) : start]
    parts = _BREAK.split(before.rstrip(" (["))
    return parts[-1] if parts[-1].strip() else ""


@lru_cache(maxsize=4096)
def _role(words: str) -> str | None:
    """What a date is of, by the words before it: a copy's first, a day ahead, then its own; None where no cue is."""
    return next((role for role, pattern in _roles() if pattern.search(_folded(words))), None)


def _folded(words: str) -> str:
    """The same without accents, which keys often lack: "redige_le", "veroeffentlicht"."""
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        words = words.replace(umlaut, letters)
    return "".join(c for c in unicodedata.normalize("NFKD", words) if not "\u0300" <= c <= "\u036f")


@cache
def _roles() -> tuple[tuple[str, re.Pattern[str]], ...]:
    table = tomllib.loads((files(__package__) / "roles.toml").read_text("utf-8"))
    return tuple(
        (
            role,
            re.compile(rf"(?:(?<!\w)|(?<=[぀-鿿]))(?:{'|'.join(map(re.escape, _longest_first(words)))})\w*"),
        )
        for role, words in ((role, table[role]) for role in ("copy", "ahead", "effective", "began", "own"))
    )


def _longest_first(words: Collection[str]) -> list[str]:
    return sorted(map(_folded, words), key=len, reverse=True)


def _versions(fields: list[tuple[str, Any]], lines: list[Line]) -> Iterator[Version]:
    told = False
    labelled = [line.text.partition(":")[::2] for line in lines if line.weight >= 0.7 and ":" in line.text]
    for key, value in [*fields, *((key, value.strip(" *\"'")) for key, value in labelled if len(key) < _KEY)]:
        if _VERSION_KEYS.search(key) and not isinstance(value, bool | date) and value is not None:
            version = version_of(value)
            if version and not find_dates(str(value)):
                told = True
                yield version
        elif isinstance(value, str) and not find_dates(value[:_SHORT]):
            yield from find_versions(value[:_SHORT])
    if not told:
        for line in lines:
            if line.weight >= 0.7:
                text = line.text
                for dated in find_dates(text):
                    if not re.fullmatch(r"\d{4}", text[dated.start : dated.end]):
                        text = text[: dated.start] + " " * (dated.end - dated.start) + text[dated.end :]
                yield from find_versions(text)


def _language(fields: list[tuple[str, Any]], lines: list[Line], body: str) -> str | None:
    """What the document's keys and header say, else what it is written in."""
    for key, value in fields:
        if isinstance(value, str) and _LANGUAGE_KEYS.search(_spaced(key)):
            code = code_of(value)
            if code:
                return code
    for line in lines:
        if line.weight < 0.7:
            continue
        told = _LABEL.match(line.text)
        if told and _LANGUAGE_KEYS.search(_spaced(told[1])) and (code := code_of(told[2])):
            return code
        for part in SEGMENT.split(line.text):
            code = named_code(part.strip(" *-"))
            if code:
                return code
    told_of = [value for _, value in _strings(fields)] + [line.text for line in lines]
    located = next((match for match in map(_LOCATED.search, told_of) if match), None)
    return (located and named_code(located[1] or located[2])) or language_of(body[-400:])
