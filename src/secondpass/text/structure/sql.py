"""SQL that creates tables: all table names first, then each table's columns, and what else the statements say.

Parsed by sqlglot, in the first dialect that understands every CREATE.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from secondpass.text.structure.kind import Unparsed
from secondpass.text.structure.names import spelled

if TYPE_CHECKING:
    from sqlglot import exp

_CREATE = re.compile(
    r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*CREATE\s+(?:OR\s+REPLACE\s+)?(?:\w+\s+){0,2}TABLE\b", re.I | re.S
)
_DIALECTS = ("", "mysql", "postgres", "sqlite", "tsql", "bigquery", "oracle")


def is_sql(head: str) -> bool:
    """Whether the first statement creates a table."""
    return _CREATE.match(head) is not None


def render_sql(text: str) -> str:
    """Tables and their columns. Raises `Unparsed` where no dialect understands the text."""
    statements = _parsed(text)
    tables = [_table(statement) for statement in statements if _creates(statement)]
    names = ["tables: " + ", ".join(name for name, _ in tables)] if len(tables) > 1 else []
    others = [s.sql() for s in statements if not _creates(s)]
    return "\n".join([*names, *(line for name, rest in tables for line in (f"table {name}", *rest)), *others])


def _parsed(text: str) -> list[exp.Expr]:
    import sqlglot
    from sqlglot.errors import SqlglotError

    # sqlglot tells of what it does not know by logging; that is ours to handle, and nothing for the user's terminal.
    logging.getLogger("sqlglot").addHandler(logging.NullHandler())
    for dialect in _DIALECTS:
        try:
            found = [one for one in sqlglot.parse(text, dialect=dialect) if one is not None]
        except (SqlglotError, RecursionError, ValueError):
            continue
        if found and _creates(found[0]) and not any(one.key == "command" for one in found):
            return found
    raise Unparsed


def _creates(statement: exp.Expr) -> bool:
    return statement.key == "create" and str(statement.args.get("kind")).upper() == "TABLE"


def _table(statement: exp.Expr) -> tuple[str, list[str]]:
    from sqlglot import exp

    name = statement.find(exp.Table)
    if name is None:
        raise Unparsed
    schema = statement.this
    columns = [_column(one) for one in schema.expressions if isinstance(one, exp.ColumnDef | exp.Identifier)]
    others = {ref.this.find(exp.Table).name: None for ref in statement.find_all(exp.Reference)}
    return _name(name), list(_lines(_comments(statement), columns, list(others)))


def _name(table: exp.Table) -> str:
    return ".".join([*filter(None, [table.catalog, table.db]), spelled(table.name)])


def _lines(comments: str, columns: list[str], references: list[str]) -> Iterator[str]:
    if comments:
        yield comments
    if columns:
        yield "columns: " + ", ".join(columns)
    if references:
        yield "references: " + ", ".join(map(spelled, references))


def _column(column: exp.Expr) -> str:
    comment = _comments(column)
    return spelled(column.name) + (f" ({comment})" if comment else "")


def _comments(node: exp.Expr) -> str:
    """What a column's or a table's comments say, as SQL's own COMMENT or behind dashes."""
    from sqlglot import exp

    own = node.find(exp.CommentColumnConstraint if isinstance(node, exp.ColumnDef) else exp.SchemaCommentProperty)
    told = [own.this.name] if own is not None else []
    return " ".join(" ".join([*told, *(node.comments or [])]).split())
