"""Chosen fields of a record: by name, or by a path of names with dots between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def chosen(record: Mapping[Any, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The fields that the record has, in the order asked for. A name with a dot in it goes before a path."""
    found = ((field, _at(record, field)) for field in fields)
    return {field: values[0] for field, values in found if values}


def _at(value: Any, path: str) -> list[Any]:
    """The value at a path, or none; behind a list, those of all its elements as one list."""
    if isinstance(value, list | tuple):
        inner = [one for element in value for one in _at(element, path)]
        return [inner] if inner else []
    if not isinstance(value, Mapping):
        return []
    if path in value:
        return [value[path]]
    first, _, rest = path.partition(".")
    return _at(value[first], rest) if rest and first in value else []
