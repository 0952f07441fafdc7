"""The models that are known by name: one row each in catalog.toml, with what their authors publish of them.

Knows no files and no weights. A hub id need not be listed here to be loaded.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from secondpass.errors import UnknownModel

Instructions = Literal["slot", "joined", "ignored"]
_TABLE = Path(__file__).with_name("catalog.toml")


@dataclass(frozen=True, slots=True)
class Published:
    """One number that was published of a model: the benchmark, its metric, the value as printed, and where."""

    benchmark: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    `family` is the recipe that reads it. `parameters` are counted, or rounded as its authors do; 0 for none. `context`
    is in tokens; None for no limit. `languages` are ISO 639-1 codes, or "multilingual". `licence` is an SPDX
    identifier, or "unstated". `instructions` as in `Declared`. `unconfirmed` names the fields that rest on a weak
    source.
    """

    name: str
    family: str
    parameters: int
    context: int | None
    languages: tuple[str, ...]
    licence: str
    instructions: Instructions
    aliases: tuple[str, ...] = ()
    scores: tuple[Published, ...] = ()
    unconfirmed: tuple[str, ...] = ()


def rows(*, family: str | None = None, licence: str | None = None) -> tuple[Row, ...]:
    """The catalogue sorted by name, built-in models first; of one family or licence where asked for."""
    return tuple(
        row
        for row in _rows()
        if (family is None or row.family == family) and (licence is None or row.licence == licence)
    )


def find(name: str) -> Row:
    """The row of a name or alias. Raises `UnknownModel` with the nearest name that is listed."""
    for row in _rows():
        if name == row.name or name in row.aliases:
            return row
    near = suggestion(name)
    hint = f" Did you mean {near!r}?" if near else " `secondpass models` lists the catalogue."
    raise UnknownModel(f"The catalogue has no model {name!r}.{hint}")


def built_in() -> frozenset[str]:
    """The names and aliases of the models that come with the package: those that are no hub ids."""
    return frozenset(name for row in _rows() if "/" not in row.name for name in (row.name, *row.aliases))


def suggestion(name: str) -> str:
    """The listed name nearest to `name` in its letters, by the whole of it or by what follows the slash, or ""."""
    known = {alias.casefold(): row.name for row in _rows() for alias in (row.name, *row.aliases)}
    known |= {alias.rpartition("/")[2]: name for alias, name in known.items()}
    for asked in (name.casefold(), name.casefold().rpartition("/")[2]):
        near = difflib.get_close_matches(asked, known, n=1)
        if near:
            return known[near[0]]
    return ""


@cache
def _rows() -> tuple[Row, ...]:
    return read_rows(tomllib.loads(_TABLE.read_text(encoding="utf-8")))


def read_rows(table: Mapping[str, Any]) -> tuple[Row, ...]:
    """Rows from a parsed catalogue, in its order. Raises `ValueError` naming the row and the fields not known."""
    allowed = {field.name for field in fields(Row)}
    found = []
    for entry in table["model"]:
        unknown = set(entry) - allowed
        if unknown:
            raise ValueError(f"{entry.get('name')}: unknown fields {sorted(unknown)}")
        found.append(
            Row(
                name=entry["name"],
                family=entry["family"],
                parameters=entry["parameters"],
                context=entry.get("context"),
                languages=tuple(entry["languages"]),
                licence=entry["licence"],
                instructions=entry["instructions"],
                aliases=tuple(entry.get("aliases", ())),
                scores=tuple(Published(**score) for score in entry.get("scores", ())),
                unconfirmed=tuple(entry.get("unconfirmed", ())),
            )
        )
    return tuple(found)
