"""Every kind of structure that the renderer knows, in the order in which they are tried.

To add one is a row here and a small file beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secondpass.errors import InputError
from secondpass.text.lines import lines_of
from secondpass.text.structure.code import is_code, render_code
from secondpass.text.structure.delimited import is_delimited, read_delimited
from secondpass.text.structure.fields import chosen
from secondpass.text.structure.html import is_html, render_html
from secondpass.text.structure.json_schema import is_collection, is_json_schema, render_collection, render_json_schema
from secondpass.text.structure.kind import Record, RecordKind, TextKind, Unparsed
from secondpass.text.structure.literal import is_literal, read_json, read_python
from secondpass.text.structure.markdown import is_markdown, render_markdown
from secondpass.text.structure.product import is_product, render_product
from secondpass.text.structure.sql import is_sql, render_sql
from secondpass.text.structure.table_schema import is_table_schema, render_table_schema
from secondpass.text.structure.tool import is_tool, render_tool
from secondpass.text.structure.yaml import is_yaml, read_yaml

HEAD = 4000
"""Characters of a text that are looked at to tell what it is."""

TEXT_KINDS = (
    TextKind("json", is_literal, read_json, longest=1_000_000),
    TextKind("python literal", is_literal, read_python, longest=100_000),
    TextKind("html", is_html, render_html, longest=200_000),
    TextKind("sql", is_sql, render_sql, longest=50_000),
    TextKind("code", is_code, render_code, longest=50_000),
    TextKind("markdown", is_markdown, render_markdown, longest=30_000),
    TextKind("yaml", is_yaml, read_yaml, longest=20_000),
    TextKind("delimited", is_delimited, read_delimited, longest=200_000),
)

RECORD_KINDS = (
    RecordKind("tool", is_tool, render_tool),
    RecordKind("collection", is_collection, render_collection),
    RecordKind("json schema", is_json_schema, render_json_schema),
    RecordKind("table", is_table_schema, render_table_schema),
    RecordKind("product", is_product, render_product),
)

TEXT, RECORD = "text", "record"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text that a model reads of a document, and the kind of structure that was found in it.

    `kind` is a name of `TEXT_KINDS` or `RECORD_KINDS`, "record" for any other mapping, or "text" for what is read as it
    is. `failed`: kinds that the text looked like, and could not be parsed as.
    """

    text: str
    kind: str = TEXT
    failed: tuple[str, ...] = ()

    @property
    def parsed(self) -> bool:
        """Whether any structure was found."""
        return self.kind != TEXT


def rendered_text(text: str, fields: Sequence[str] = ()) -> Rendered:
    """A string by the first kind that understands it; any other as it is. Never raises."""
    head = text[:HEAD]
    failed: list[str] = []
    for kind in TEXT_KINDS:
        if not kind.sniff(head):
            continue
        try:
            if len(text) > kind.longest:
                raise Unparsed
            found = kind.read(text)
            return Rendered(found, kind.name) if isinstance(found, str) else rendered_record(found, fields)
        except (Unparsed, InputError):
            failed.append(kind.name)
    return Rendered(text, TEXT, tuple(failed))


def rendered_record(record: Record, fields: Sequence[str] = ()) -> Rendered:
    """A mapping, or a list of them, by the first kind that knows it; any other as `key: value` lines.

    Of a mapping that has any of `fields`, those alone, in the order in which they are named. Raises `InputError` for a
    record nested deeper than `MAX_DEPTH`.
    """
    if fields and isinstance(record, Mapping):
        wanted = chosen(record, fields)
        if wanted:
            return Rendered("\n".join(lines_of(wanted)), RECORD)
    for kind in RECORD_KINDS:
        if kind.sniff(record):
            return Rendered(kind.render(record), kind.name)
    return Rendered("\n".join(_records(record)), RECORD)


def _records(record: Record) -> list[str]:
    rows: list[Mapping[Any, Any]] = record if isinstance(record, list) else [record]
    return [line for row in rows for line in lines_of(row)]
