"""How results are written: a table for a terminal, tab-separated values for a pipe, JSON on request.

Knows nothing of rankings. A pipe gets every cell whole; only a terminal's table cuts, and marks it with an ellipsis.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.text import Text

_GAP = 2
_LEAST = 20
_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """One JSON value on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str))


def write_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None, snippet: bool = False
) -> None:
    """Rows under their column names.

    In a terminal numbers stand to the right, what is too wide wraps, and with `snippet` the last column is cut to one
    line. `title` is for the terminal alone.
    """
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _rich(columns, cells, title, snippet=snippet)
        return
    for line in ([*columns], *cells):
        typer.echo("\t".join(cell.translate(_ESCAPES) for cell in line))


def note(message: str) -> None:
    """One line for a person, on stderr."""
    typer.echo(f"secondpass: {message}", err=True)


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def _rich(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str | None, *, snippet: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=None if title is None else Text(title), title_justify="left", box=None, pad_edge=False)
    rows = [[Text(" ".join(cell.split())) for cell in row] for row in cells]
    for i, name in enumerate(columns):
        right = all(_is_number(row[i]) for row in cells)
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    if snippet:
        # Left to itself, rich takes the room for a long last column from the narrow ones.
        table.columns[-1].no_wrap = True
        table.columns[-1].overflow = "ellipsis"
        table.columns[-1].width = _left(columns, rows, console.width)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _left(columns: Sequence[str], rows: Sequence[Sequence[Text]], room: int) -> int:
    """Terminal columns that are left for the table's last column, and no fewer than _LEAST."""
    taken = [max([len(name), *(row[i].cell_len for row in rows)]) for i, name in enumerate(columns[:-1])]
    return max(room - sum(taken) - _GAP * len(taken), _LEAST)
