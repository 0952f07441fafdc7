# ruff: noqa: E501 - a pattern, or a list of words, reads best in one piece
"""Rows under a header, separated by commas or tabs: every row with the names of its columns."""

from __future__ import annotations

import csv
import re

from secondpass.text.structure.kind import Record, Unparsed

_HEADER = re.compile(
    r"[^\W\d][\w ]{0,40}(?:(,)[^\W\d][\w]{0,40}(?: [\w ]{0,30})?(?:,[^\W\d][\w ]{0,40})+|(?:\t[^\W\d][\w ]{0,40})+)\r?\n\S"
)


def is_delimited(head: str) -> bool:
    """Whether the first line names three columns without a space behind a comma, or two between tabs."""
    return _HEADER.match(head) is not None


def read_delimited(text: str) -> Record:
    """The rows as mappings. Raises `Unparsed` where they are not all as long as the header."""
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        header, *rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise Unparsed from error
    if not rows or len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise Unparsed
    return [dict(zip(header, row, strict=True)) for row in rows]
