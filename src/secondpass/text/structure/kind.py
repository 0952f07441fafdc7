"""What a kind of structure is: how it is told cheaply, and how it is read.

Knows no kind in particular; `registry.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[Any, Any] | list[Any]
"""What a JSON, YAML or CSV text holds: a record, or a list of them."""


class Unparsed(Exception):
    """The text only looked like this kind; it is tried as the next one, and read as text in the end."""


@dataclass(frozen=True, slots=True)
class TextKind:
    """A structure that is written as a string.

    `sniff` looks at the text's first `HEAD` characters and must be cheap. `read` gives the text that a model reads, or
    the record that the text holds, which is then rendered as a record; it raises `Unparsed`. A text of more than
    `longest` characters is not parsed.
    """

    name: str
    sniff: Callable[[str], bool]
    read: Callable[[str], str | Record]
    longest: int
    version: int = 1


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A structure that is a mapping, or a list of mappings; `render` gives the text that a model reads."""

    name: str
    sniff: Callable[[Record], bool]
    render: Callable[[Record], str]
    version: int = 1


def as_record(value: object) -> Record:
    """A mapping, or a list of mappings, that has something in it. Raises `Unparsed` for any other value."""
    if isinstance(value, dict) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return value
    raise Unparsed
