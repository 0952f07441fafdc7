"""Whether a document still holds: by its state, by what took its place, and by the last day that it tells of.

Knows keys and what they say; neither instructions nor a document's own date.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from secondpass.ranking.rules.dates import date_of

_SHORT = 80
"""Characters of a state at most; longer values are sentences."""


def standing_of(fields: Iterable[tuple[str, Any]], now: datetime | None) -> int:
    """-1 for a document that has lapsed by its `fields`, keys in lower case with their values; 1 for one that holds by
    them, 0 where they do not say. A last day is held against `now`, and tells nothing without it.
    """
    told = {_standing(key, value, now) for key, value in fields if value}
    return -1 if -1 in told else max(told, default=0)


def _standing(key: str, value: Any, now: datetime | None) -> int:
    ended, until = _pattern("gone").search(key), _pattern("until").search(key)
    if ended or until:
        last = date_of(value, now)
        if last is None or now is None:
            return -1 if ended else 0
        passed = last.high < now.toordinal() if until else last.low <= now.toordinal()
        return -1 if passed else 1
    if not _pattern("keys").search(key) or not isinstance(value, str) or len(value) > _SHORT:
        return 0
    if _pattern("lapsed").search(value.lower()):
        return -1
    return 1 if _pattern("holds").search(value.lower()) else 0


@cache
def _pattern(name: str) -> re.Pattern[str]:
    table = tomllib.loads((files(__package__) / "standing.toml").read_text("utf-8"))
    return re.compile(rf"(?:(?<!\w)|(?<=[぀-鿿]))(?:{'|'.join(table[name])})")
