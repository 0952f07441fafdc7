"""Families of sources and document types, and which of them a piece of text names. Knows no rules and no documents."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple


class Family(NamedTuple):
    """Sources or documents of one sort: the rule's kind that asks for them, the wider families, the words."""

    name: str
    kind: str
    of: tuple[str, ...]
    pattern: re.Pattern[str]


@cache
def families() -> tuple[Family, ...]:
    """The families of kinds.toml."""
    table = tomllib.loads((files(__package__) / "kinds.toml").read_text("utf-8"))
    return tuple(
        Family(name, row["kind"], tuple(row.get("of", ())), _pattern(row["words"])) for name, row in table.items()
    )


def _pattern(words: list[str]) -> re.Pattern[str]:
    """Latin words begin where a word begins; Japanese ones stand anywhere."""
    latin = [word for word in words if word.isascii() or not re.search("[぀-ヿ一-鿿]", word)]
    other = [word for word in words if word not in latin]
    parts = [rf"(?<!\w)(?:{'|'.join(latin)})"] if latin else []
    return re.compile("|".join([*parts, *other]))


@lru_cache(maxsize=4096)
def named_in(text: str) -> frozenset[str]:
    """The families that `text`, in lower case, names, and the wider ones that those belong to.

    The longest words count: a "news agency" is no agency.
    """
    spans = [(*match.span(), family) for family in families() for match in family.pattern.finditer(text)]
    longest = [
        family
        for low, high, family in spans
        if not any(start <= low and high <= end and end - start > high - low for start, end, _ in spans)
    ]
    return frozenset(name for family in longest for name in (family.name, *family.of))


@cache
def kind_of(name: str) -> str:
    """The rule's kind that asks for a family."""
    return next(family.kind for family in families() if family.name == name)
