"""A record as `key: value` lines, in its own order: how every renderer writes what it knows no better way for.

Knows nothing of documents. Part of renderer version 1, so not a character of what it writes may move.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from secondpass.errors import InputError

MAX_DEPTH = 64
"""How deep a record may be nested; beyond it lies a mapping that holds itself."""

_INDENT = "  "


def lines_of(record: Mapping[Any, Any], depth: int = 0) -> Iterator[str]:
    """`key: value` lines of a mapping, without indentation of their own."""
    for key, value in record.items():
        nested, lines = _written(value, depth)
        if nested and lines:
            yield f"{key}:"
            yield from (_INDENT + line for line in lines)
        elif lines:
            yield from _hung(f"{key}: ", lines)


def _items(values: Sequence[Any], depth: int) -> Iterator[str]:
    """A line that starts with `- ` for each element of a list, what is nested in it indented below."""
    for value in values:
        _, lines = _written(value, depth)
        yield from _hung("- ", lines)


def _written(given: Any, depth: int) -> tuple[bool, list[str]]:
    """A value's lines, none if it is missing, and whether they have to stand below their key."""
    if depth > MAX_DEPTH:
        raise InputError(f"A record is nested more than {MAX_DEPTH} deep. Flatten it, or give the part that matters.")
    value = _plain(given)
    if isinstance(value, Mapping):
        return True, list(lines_of(value, depth + 1))
    if not isinstance(value, list):
        return False, _scalar(value)
    parts = [part for part in value if not is_missing(part)]
    if any(isinstance(part, Mapping | list | tuple) for part in parts):
        return True, list(_items(parts, depth + 1))
    lines = [_scalar(_plain(part)) for part in parts]
    if any(len(part) > 1 or ", " in part[0] for part in lines if part):
        return True, list(_items(parts, depth + 1))
    joined = ", ".join(part[0] for part in lines if part)
    return False, [joined] if joined else []


def _hung(start: str, lines: Sequence[str]) -> Iterator[str]:
    """The first line behind `start`, the others indented."""
    for number, line in enumerate(lines):
        yield (_INDENT if number else start) + line


def _scalar(value: Any) -> list[str]:
    if is_missing(value) or value == "":
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return str(value).split("\n")


def _plain(value: Any) -> Any:
    """Tuples, sets and arrays as lists (sets sorted, as their own order varies), numpy's scalars as Python's."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    listed = getattr(value, "tolist", None)
    return listed() if callable(listed) else value


def is_missing(value: object) -> bool:
    """None, NaN, and what pandas writes for them."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )
