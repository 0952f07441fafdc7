"""Tables as records: rows of an information schema, and mappings of a table's name and its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secondpass.text.lines import lines_of
from secondpass.text.structure.kind import Record
from secondpass.text.structure.names import spelled
from secondpass.text.structure.schema import properties

_TABLE, _COLUMN = "table_name", "column_name"
_TOLD = frozenset({"table_catalog", "table_schema", _TABLE, _COLUMN, "ordinal_position", "data_type", "is_nullable"})
_TABLES = ("table", _TABLE)


def is_table_schema(value: Record) -> bool:
    """Whether a record is a row of an information schema or a table with its columns, or lists such."""
    rows = value if isinstance(value, list) else [value]
    return bool(rows) and all(isinstance(row, Mapping) and (_is_row(row) or _has_columns(row)) for row in rows)


def render_table_schema(value: Record) -> str:
    """All table names, then each table and its columns, in the order in which they are first named."""
    rows = value if isinstance(value, list) else [value]
    tables: dict[str, list[str]] = {}
    for row in rows:
        lower = {str(key).lower(): held for key, held in row.items()}
        name = str(next(lower[key] for key in _TABLES if key in lower))
        tables.setdefault(name, []).extend(_column(lower) if _COLUMN in lower else _columns(lower))
    names = ["tables: " + ", ".join(map(spelled, tables))] if len(tables) > 1 else []
    told = (line for name, lines in tables.items() for line in (f"table {spelled(name)}", *lines))
    return "\n".join([*names, *told])


def _is_row(row: Mapping[Any, Any]) -> bool:
    keys = {str(key).lower(): key for key in row}
    return all(name in keys and isinstance(row[keys[name]], str) for name in (_TABLE, _COLUMN))


def _has_columns(row: Mapping[Any, Any]) -> bool:
    lower = {str(key).lower(): held for key, held in row.items()}
    return isinstance(lower.get("columns"), list | dict) and any(isinstance(lower.get(key), str) for key in _TABLES)


def _column(row: Mapping[str, Any]) -> Iterator[str]:
    comment = row.get("column_comment") or row.get("comment") or row.get("description")
    yield f"column {spelled(str(row[_COLUMN]))}" + (f": {comment}" if comment else "")


def _columns(table: Mapping[str, Any]) -> Iterator[str]:
    yield from lines_of({k: v for k, v in table.items() if k not in (*_TABLES, "columns")})
    columns = table["columns"]
    if isinstance(columns, list) and all(isinstance(column, str) for column in columns):
        yield "columns: " + ", ".join(map(spelled, columns))
    else:
        yield "columns:"
        yield from (f"  {line}" for line in properties(columns))
