"""What a model reads of a query and of a document: the checks on what the caller gave, and one versioned renderer.

Knows nothing of tokens and models. The renderer has a number because trained weights go with the text they were trained
on: a change that moves a single character is a new version, and the old one stays.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from secondpass.errors import InputError
from secondpass.types import AnyDocument, Document, text_of

RENDERER = 1

MAX_DEPTH = 64
"""How deep a record may be nested; beyond it lies a mapping that holds itself."""

_INDENT = "  "
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def render(document: AnyDocument, *, version: int = RENDERER, fields: Sequence[str] = ()) -> str:
    """The text that a model reads of `document`.

    A string as it is. A `Document`: its title as the first line (left out if it is blank or the text's first line
    already), the chosen metadata `fields` as `name: value` lines, then the text. A mapping with a string under `text`,
    `content`, `page_content` or `body` likewise, with its metadata under `metadata` or beside the text. Any other
    mapping (a function schema, a table row, a JSON record) is written whole, as `key: value` lines in its own order,
    what is nested indented; values with nothing to read (None, NaN, an empty string, mapping or list) are left out.
    Raises `InputError` for an unknown version, and for a record nested deeper than `MAX_DEPTH`.
    """
    if version != RENDERER:
        raise InputError(f"There is no renderer of version {version!r}; this release has version {RENDERER}.")
    if isinstance(document, str):
        return document
    if isinstance(document, Document):
        return _titled(document.title, document.text, _chosen(document.metadata, fields))
    text = text_of(document)
    if text is None:
        return "\n".join(_lines(document))
    title = document.get("title")
    return _titled(title if isinstance(title, str) else None, text, _chosen(_metadata(document), fields))


def as_documents(documents: Iterable[AnyDocument]) -> list[AnyDocument]:
    """The caller's documents as a list, in order, each of them one that can be rendered.

    Takes any iterable: a list, a tuple, a generator, a column of a data frame, a one-dimensional array of strings. An
    empty string is a document. Raises `InputError` for a single document instead of a list, and for anything in the
    list that is not a document, with its position and the remedy.
    """
    if isinstance(documents, str | bytes | Mapping | Document):
        raise InputError(
            f"documents is a single {_kind(documents)}, {_shown(documents)}, and not a list of documents. Put it "
            "into a list: [document]."
        )
    if hasattr(documents, "columns"):
        raise InputError(
            f"documents is a {_kind(documents)}. Give one of its columns, as in frame['text'], or its rows, as in "
            "frame.to_dict('records')."
        )
    if not isinstance(documents, Iterable):
        raise InputError(
            f"documents is {_shown(documents)}, a {_kind(documents)}, and not a list. Give a list of strings, "
            "Documents or mappings."
        )
    return [_checked(position, document) for position, document in enumerate(documents)]


def as_query(query: str) -> str:
    """The caller's query as it is. Raises `InputError` unless it is a string with more than white space in it."""
    if not isinstance(query, str):
        raise InputError(f"The query is {_shown(query)}, a {_kind(query)}, and not a string. Give the query's text.")
    if not query.strip():
        raise InputError(f"The query {_shown(query)} is blank. Say what to look for.")
    return query


def _checked(position: int, document: object) -> AnyDocument:
    if isinstance(document, str | Mapping):
        return document
    if isinstance(document, Document):
        _check_strings(position, document)
        return document
    if _is_missing(document):
        remedy = "It is missing: leave it out, or give an empty string."
    elif isinstance(document, bytes | bytearray):
        remedy = "Decode it first: document.decode()."
    elif isinstance(document, list | tuple):
        remedy = "Documents cannot be nested: give one flat list, or use rank_many for several queries."
    else:
        remedy = "Give a string, a Document or a mapping; for a single value, str(document)."
    raise InputError(f"documents[{position}] is {_shown(document)}, a {_kind(document)}, and not a document. {remedy}")


def _check_strings(position: int, document: Document) -> None:
    for name, value, allowed in (("text", document.text, (str,)), ("title", document.title, (str, type(None)))):
        if not isinstance(value, allowed):
            raise InputError(
                f"documents[{position}].{name} is {_shown(value)}, a {_kind(value)}, and not a string. Give a string"
                + ("." if name == "text" else ", or None where there is no title.")
            )


def _titled(title: str | None, text: str, between: Iterable[str]) -> str:
    shown = title if title and title.strip() and text != title and not text.startswith(f"{title}\n") else None
    return "\n".join([*([] if shown is None else [shown]), *between, text])


def _metadata(record: Mapping[str, Any]) -> Mapping[str, Any]:
    under = record.get("metadata")
    return {**record, **under} if isinstance(under, Mapping) else record


def _chosen(metadata: Mapping[str, Any], fields: Sequence[str]) -> Iterator[str]:
    return _lines({name: metadata[name] for name in fields if name in metadata})


def _lines(record: Mapping[Any, Any], depth: int = 0) -> Iterator[str]:
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
        return True, list(_lines(value, depth + 1))
    if not isinstance(value, list):
        return False, _scalar(value)
    parts = [part for part in value if not _is_missing(part)]
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
    if _is_missing(value) or value == "":
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


def _is_missing(value: object) -> bool:
    """None, NaN, and what pandas writes for them."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or _kind(value) in ("NAType", "NaTType")


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(value: object) -> str:
    return _SHORT.repr(value)
