"""Markdown: titles, headings and text without the marks, the table's cells under their headings, addresses left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from secondpass.text.structure.kind import Unparsed

if TYPE_CHECKING:
    from markdown_it.token import Token

_HEADING = re.compile(r"(?:\A|\n[ \t]*\n)#{1,6} +[^\s#][^\n]*(?:\n|\Z)")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n((?:[^\n]*\n){1,40}?)---[ \t]*\n")
_TABLE = re.compile(r"^\|[^\n]*\|[ \t]*\n\|[ :|-]+\|[ \t]*$", re.M)
_FIELD = re.compile(r"^(title|description|summary|tags|date|author): *(\S.*)$", re.M)


def is_markdown(head: str) -> bool:
    """Whether the text has a heading on a line of its own, front matter, or a table."""
    if "#" in head and not head.startswith("#!") and _HEADING.search(head):
        return True
    return (head.startswith("---") and _FRONT_MATTER.match(head) is not None) or (
        "|\n|" in head and _TABLE.search(head) is not None
    )


def render_markdown(text: str) -> str:
    """What a reader of the page sees. Raises `Unparsed` where that is nothing."""
    from markdown_it import MarkdownIt

    front = _FRONT_MATTER.match(text)
    lines = list(_front(front[1])) if front else []
    tokens = MarkdownIt("commonmark").enable("table").parse(text[front.end() :] if front else text)
    lines += [line for line in _lines(tokens) if line.strip()]
    if not any(lines):
        raise Unparsed
    return "\n".join(lines)


def _front(matter: str) -> Iterator[str]:
    """The fields of front matter that are about the text, the title first and bare."""
    fields = dict(_FIELD.findall(matter))
    if "title" in fields:
        yield fields.pop("title").strip("\"' ")
    yield from (f"{name}: {value}" for name, value in fields.items())


def _lines(tokens: Sequence[Token]) -> Iterator[str]:
    header: list[str] = []
    row: list[str] | None = None  # of the table that is being read
    for token in tokens:
        if token.type in ("fence", "code_block"):
            yield from token.content.rstrip().split("\n")
        elif token.type == "html_block":
            yield from _html(token.content)
        elif token.type == "inline" and row is not None:
            row.append("".join(map(_inline, token.children or [])))
        elif token.type == "inline":
            yield "".join(map(_inline, token.children or []))
        elif token.type == "tr_open":
            row = []
        elif token.type == "thead_close":
            header = row or []
        elif token.type == "tr_close" and row and header:
            yield _row(header, row)
        elif token.type == "table_close":
            header, row = [], None


def _row(header: list[str], row: list[str]) -> str:
    return ", ".join(f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=False) if cell)


def _inline(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return "" if token.type == "html_inline" else token.content


def _html(block: str) -> list[str]:
    from secondpass.text.structure.html import render_html

    try:
        return render_html(block).split("\n")
    except Unparsed:
        return []
