"""The models that are known by name: one row each in catalog.toml, with what their authors publish of them.

Knows no files and no weights. A hub id need not be listed here to be loaded, and not all that are listed can be.
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
from secondpass.models.reference import Reference

Instructions = Literal["slot", "joined", "ignored"]
_TABLE = Path(__file__).with_name("catalog.toml")

FAMILIES: Mapping[str, str] = {
    "bi-encoder": "query and document become a vector each",
    "embedded": "the model inside the package",
    "late": "late interaction: a vector a token, the best matches summed",
    "lexical": "counts of shared words, no weights",
    "listwise": "a decoder that reads a list of documents at once",
    "pair": "an encoder that reads a query and a document together (cross-encoder)",
    "prompt": "a decoder that is asked about one query and one document",
    "seq2seq": "an encoder with a decoder that answers, as T5 has it",
    "sparse": "query and document become weighted terms",
}
"""Every family, and what a model of it does."""

LOADED = frozenset({"bi-encoder", "embedded", "late", "lexical", "listwise", "pair", "prompt", "seq2seq", "sparse"})
"""The families that this version can load."""

# What the licences that forbid commercial use begin with.
_NON_COMMERCIAL = ("CC-BY-NC",)


@dataclass(frozen=True, slots=True)
class Published:
    """One number that was published of a model: the benchmark, its metric, the value as printed (percent), and where.

    `metric` is "unstated" where the source names none.
    """

    benchmark: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    `family` is a key of `FAMILIES`. `parameters` are counted, or rounded as its authors do; 0 for a model without
    weights, None where they are not known. `context` is in tokens; None for no limit, or where it is not known.
    `languages` are ISO 639-1 codes, or "multilingual". `licence` is an SPDX identifier, "LicenseRef-…" for one that
    SPDX does not list, or "unstated". `instructions` as in `Declared`. `recipe` names the prompt recipe of a model
    whose own files may not say how it is asked; "" where they do, or no prompt is needed. `unconfirmed` names the
    fields that rest on a weak source, that sources disagree about ("field: what they say") or that nobody states.
    `reference` is the rule by which the authors' code cuts a pair, of `models.reference`.
    `refused`: why this version cannot load this one although it may load its family, and what would be needed.
    """

    name: str
    family: str
    parameters: int | None
    context: int | None
    languages: tuple[str, ...]
    licence: str
    instructions: Instructions
    aliases: tuple[str, ...] = ()
    recipe: str = ""
    reference: Reference = "longest-first"
    scores: tuple[Published, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    refused: str = ""

    @property
    def loads(self) -> bool:
        """Whether this version can load it."""
        return not why_not(self)

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids commercial use."""
        return self.licence.startswith(_NON_COMMERCIAL)


def rows(*, family: str | None = None, licence: str | None = None, instructions: str | None = None) -> tuple[Row, ...]:
    """The catalogue sorted by name, built-in models first; of one family, licence or use of instructions if asked for.

    Licences are compared without regard to case.
    """
    return tuple(
        row
        for row in _rows()
        if (family is None or row.family == family)
        and (licence is None or row.licence.casefold() == licence.casefold())
        and (instructions is None or row.instructions == instructions)
    )


def find(name: str) -> Row:
    """The row of a name or alias. Raises `UnknownModel` with the nearest name that is listed."""
    for row in _rows():
        if name == row.name or name in row.aliases:
            return row
    near = suggestion(name)
    hint = f" Did you mean {near!r}?" if near else " `secondpass models` lists the catalogue."
    raise UnknownModel(f"The catalogue has no model {name!r}.{hint}")


def why_not(row: Row) -> str:
    """Why this version cannot load a model, and what would be needed; "" where it can."""
    if row.refused or row.family in LOADED:
        return row.refused
    return (
        f"This version has no driver for the family {row.family!r} ({FAMILIES[row.family]}). It loads "
        f"{', '.join(sorted(LOADED))}."
    )


def licence_notice(row: Row) -> str:
    """The sentence to say when a model is loaded whose licence forbids commercial use; "" for the others."""
    if not row.non_commercial:
        return ""
    return f"{row.name} is under {row.licence}, which forbids commercial use: ask its authors for other terms."


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
                parameters=entry.get("parameters"),
                context=entry.get("context"),
                languages=tuple(entry["languages"]),
                licence=entry["licence"],
                instructions=entry["instructions"],
                aliases=tuple(entry.get("aliases", ())),
                recipe=entry.get("recipe", ""),
                reference=entry.get("reference", "longest-first"),
                scores=tuple(Published(**score) for score in entry.get("scores", ())),
                unconfirmed=tuple(entry.get("unconfirmed", ())),
                refused=entry.get("refused", ""),
            )
        )
    return tuple(found)
