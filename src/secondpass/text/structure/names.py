"""Identifiers as the words they are made of: parseHTTPResponse → parse HTTP response."""

from __future__ import annotations

import re

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
_CAMEL = re.compile(r"[a-z\d][A-Z]|[A-Z]{2}[a-z]")


def words(name: str) -> str:
    """The words of an identifier, in lower case but for acronyms; those of `__init__` are `init`."""
    return " ".join(part if len(part) > 1 and part.isupper() else part.lower() for part in _PARTS.findall(name))


def spelled(name: str) -> str:
    """An identifier, and beside it its words, if they cannot be read off: it is in camel case."""
    return f"{name} ({words(name)})" if _CAMEL.search(name) else name


def is_identifier(value: object) -> bool:
    """Whether a value is a name as programs write them, such as `get_weather` or `weather.get-city`."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


_IDENTIFIER = re.compile(r"[^\W\d][\w.:/-]{0,99}")
