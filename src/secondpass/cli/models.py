"""`secondpass models`: the catalogue, or one row of it with everything that is known."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from secondpass.cli import options, output

if TYPE_CHECKING:
    from secondpass.models.catalog import Row

_COLUMNS = ("name", "family", "parameters", "context", "languages", "licence", "instructions")


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show this one, with its published scores.", show_default=False)
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only the models of this family.", show_default=False)] = None,
    licence: Annotated[
        str | None, typer.Option(help="Only the models under this licence (an SPDX identifier).", show_default=False)
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the models that are known by name.

    Any other hub id or folder can be loaded too.
    """
    from secondpass.models import catalog

    if name is not None:
        _one(catalog.find(name), as_json=as_json)
        return
    rows = catalog.rows(family=family, licence=licence)
    if as_json:
        output.write_json({"models": [asdict(row) for row in rows]})
    else:
        output.write_table(_COLUMNS, [[_written(getattr(row, column)) for column in _COLUMNS] for row in rows])
    if not rows:
        output.note(_nothing(catalog.rows()))


def _one(row: Row, *, as_json: bool) -> None:
    if as_json:
        output.write_json(asdict(row))
        return
    facts: list[list[object]] = [[column, _written(getattr(row, column))] for column in _COLUMNS]
    facts += [[field, ", ".join(getattr(row, field))] for field in ("aliases", "unconfirmed") if getattr(row, field)]
    facts += [[f"{s.benchmark}, {s.metric}", f"{s.value:g} ({s.source})"] for s in row.scores]
    output.write_table(("fact", "value"), facts)


def _written(value: object) -> object:
    return ", ".join(value) if isinstance(value, tuple) else value


def _nothing(rows: tuple[Row, ...]) -> str:
    families, licences = sorted({row.family for row in rows}), sorted({row.licence for row in rows})
    return f"no such model. Families: {', '.join(families)}. Licences: {', '.join(licences)}."
