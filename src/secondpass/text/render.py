"""What a model reads of a query and of a document: the checks on what the caller gave, and one versioned renderer.

Knows nothing of tokens and models. The renderer has a number because trained weights go with the text they were trained
on: a change that moves a single character is a new version, and the old one stays.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from secondpass.errors import InputError
from secondpass.text.lines import MAX_DEPTH as MAX_DEPTH
from secondpass.text.lines import is_missing, lines_of
from secondpass.types import AnyDocument, Document, text_of

RENDERER = 1
"""The version that is used unless a model declares another."""

STRUCTURED = 2
"""The version that recognises structure."""

if TYPE_CHECKING:
    from secondpass.text.structure.registry import Rendered

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def render(document: AnyDocument, *, version: int = RENDERER, fields: Sequence[str] = ()) -> str:
    """The text that a model reads of `document`.

    Version 1: a string as it is. A `Document`: its title as the first line (left out if it is blank or the text's first
    line already), the chosen metadata `fields` as `name: value` lines, then the text. A mapping with a string under
    `text`, `content`, `page_content` or `body` likewise, with its metadata under `metadata` or beside the text. Any
    other mapping (a function schema, a table row, a JSON record) is written whole, as `key: value` lines in its own
    order, what is nested indented; values with nothing to read (None, NaN, an empty string, mapping or list) are left
    out.

    Version 2: the same, but structure is recognised, in mappings and in strings alike (`text/structure/registry.py`
    lists the kinds): what matters most comes first, marks and brackets are left out. A string in which none is found
    comes out as it is. `fields` may be paths, as in `author.name`, and where a record has any of them, they are all
    that is read of it.

    Raises `InputError` for an unknown version, and for a mapping nested deeper than `MAX_DEPTH`.
    """
    if version == RENDERER:
        return _render_1(document, fields)
    if version == STRUCTURED:
        return describe(document, fields=fields).text
    raise InputError(f"There is no renderer of version {version!r}; this release has versions 1 and {STRUCTURED}.")


def describe(document: AnyDocument, *, fields: Sequence[str] = ()) -> Rendered:
    """What version 2 makes of `document`: the text that a model reads, and the kind of structure that was found."""
    from secondpass.text.structure.fields import chosen
    from secondpass.text.structure.registry import rendered_record, rendered_text

    if isinstance(document, str):
        return rendered_text(document, fields)
    if isinstance(document, Document):
        text, title, metadata = document.text, document.title, document.metadata
    else:
        found = text_of(document)
        if found is None:
            return rendered_record(document, fields)
        given = document.get("title")
        text, title, metadata = found, given if isinstance(given, str) else None, _metadata(document)
    body = rendered_text(text)
    told = {name: value for name, value in chosen(metadata, fields).items() if value is not text and value is not title}
    return replace(body, text=_titled(title, body.text, lines_of(told)))


def _render_1(document: AnyDocument, fields: Sequence[str]) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, Document):
        return _titled(document.title, document.text, _chosen(document.metadata, fields))
    text = text_of(document)
    if text is None:
        return "\n".join(lines_of(document))
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
    if is_missing(document):
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
    return lines_of({name: metadata[name] for name in fields if name in metadata})


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(value: object) -> str:
    return _SHORT.repr(value)
