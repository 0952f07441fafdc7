"""Records that are written as a string: JSON, and what Python prints of a dict or a list."""

from __future__ import annotations

import ast
import json
import re

from secondpass.text.structure.kind import Record, Unparsed, as_record

_OPENING = re.compile(r"\s*(?:\{\s*(?:[\"'\w]|\})|\[\s*\{)")
_ESCAPE = re.compile(r"\\(.)", re.S)
_KNOWN_ESCAPES = frozenset("\n\\'\"abfnrtvxuU0")


def is_literal(head: str) -> bool:
    """Whether a text begins as an object, a dict, or a list of them does."""
    return _OPENING.match(head) is not None


def read_json(text: str) -> Record:
    """The object, or the list of objects, in a text. Raises `Unparsed` where it is not JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unparsed from error
    return as_record(value)


def read_python(text: str) -> Record:
    """The dict, or the list of dicts, in a text. Raises `Unparsed` where it is not a literal of Python's."""
    # A backslash that begins no escape stands for itself; Python reads it so too, but warns.
    mended = _ESCAPE.sub(lambda found: found[0] if found[1] in _KNOWN_ESCAPES else "\\" + found[0], text)
    try:
        value = ast.literal_eval(mended.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:  # all that it documents
        raise Unparsed from error
    return as_record(value)
