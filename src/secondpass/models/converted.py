"""What `secondpass convert` notes beside a graph that it wrote: which driver reads it, and with which prompt.

A graph has everything but that: its checkpoint's files may be of a layout that only torch builds, and a decoder's say
nothing of its prompt. Knows the note's fields; nothing of graphs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from secondpass.errors import ModelLoadError
from secondpass.models.prompt_recipe import PromptRecipe
from secondpass.models.recipe import read_json
from secondpass.models.reference import Reference
from secondpass.models.variants import MARKER

Driver = Literal["pair", "prompt"]
DRIVERS: tuple[Driver, ...] = ("pair", "prompt")
"""What reads a converted graph; each computes it in one pass."""

_LISTS = ("plain", "instructed")


@dataclass(frozen=True, slots=True)
class Converted:
    """The note. `source`: the name and version of what was converted; the rest as in `plan.Plan`."""

    driver: Driver
    source: str
    reference: Reference = "longest-first"
    recipe: PromptRecipe | None = None
    unverified: str = ""


def read_converted(folder: Path) -> Converted | None:
    """The note of a checkpoint's folder; None where it has none. Raises `ModelLoadError` where it cannot be used."""
    note = read_json(folder / MARKER, optional=True)
    if "driver" not in note:
        return None
    if note["driver"] not in DRIVERS:
        raise _unreadable(folder, f"the driver {note['driver']!r}")
    recipe = _recipe(folder, note["recipe"]) if note.get("recipe") else None
    if recipe is None and note["driver"] == "prompt":
        raise _unreadable(folder, "a prompt without its recipe")
    return Converted(
        driver=cast(Driver, note["driver"]),
        source=str(note.get("source", "")),
        reference=cast(Reference, note.get("reference", "longest-first")),
        recipe=recipe,
        unverified=str(note.get("unverified", "")),
    )


def write_converted(folder: Path, note: Converted, **others: object) -> None:
    """Write the note into a checkpoint's folder, and `others` with it, for people."""
    told = {name: value for name, value in asdict(note).items() if value not in (None, "")}
    path = folder / MARKER
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**told, **others}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _recipe(folder: Path, told: Mapping[str, Any]) -> PromptRecipe:
    known = {field.name for field in fields(PromptRecipe)}
    unknown = sorted(set(told) - known)
    if unknown or "name" not in told:
        raise _unreadable(folder, f"a recipe with {', '.join(unknown) or 'no name'}")
    lists = {name: tuple(told.get(name, ())) for name in _LISTS}
    return PromptRecipe(**{**told, **lists})


def _unreadable(folder: Path, what: str) -> ModelLoadError:
    return ModelLoadError(
        f"{folder / MARKER} names {what}, which this version does not read: convert the model again with it."
    )
