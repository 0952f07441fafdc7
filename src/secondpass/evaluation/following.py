"""How models follow instructions: one value for each group of queries that differ in the instruction alone.

A measure of a ranking (`RR(rel=3)`) is the mean over the group's modes, and `RR(rel=3) reversed` that of one mode. What
compares modes is in `instructed`. Knows records and collections; neither models nor how a result is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from secondpass.evaluation import tables
from secondpass.evaluation.bootstrap import LEVEL, SEED
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.instructed import Documents, Modes, flip_rate, instruction_sets, p_mrr, sicr, wise
from secondpass.evaluation.metrics import PerQuery, Run, evaluate
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING, RANDOM, Record
from secondpass.evaluation.tables import Table, grid_latex, grid_markdown, label, table

Grid = tuple[list[str], list[list[str]]]
"""Column names and rows of text."""

_NONE = "–"
_ORDER = {name: place for place, name in enumerate((NO_RERANKING, RANDOM, CEILING))}


@dataclass(frozen=True, slots=True)
class Following:
    """What was found on one collection of instructions.

    `records`: a value a group, "random order" among them; `lead`: the table of the most important measure; `modes` and
    `kinds`: the means of every measure by mode, and those of the first measure of a ranking by kind of instruction.
    """

    collection: str
    records: tuple[Record, ...]
    lead: Table
    modes: Grid
    kinds: Grid | None

    @property
    def notes(self) -> str:
        """What the columns mean."""
        told = {name: words for name, words in _NOTES.items() if name in self.modes[0]}
        return " ".join([_GROUPS, *told.values()])

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        grids = {name: found for name, found in (("modes", self.modes), ("kinds", self.kinds)) if found}
        return {**self.lead.to_dict(), "collection": self.collection, **grids}


def following(
    records: Sequence[Record],
    collection: Collection,
    *,
    level: float = LEVEL,
    seed: int = SEED,
    price: Callable[[str], TokenPrice | None] = lambda model: None,
) -> Following:
    """What the records of one collection say of instructions; queries of a group are never taken for independent."""
    grouped = [by_group(record, collection) for record in records]
    chance = random_order(next(record for record in records if record.model == NO_RERANKING), collection)
    both = sorted([chance, *grouped], key=lambda record: _ORDER.get(record.model, len(_ORDER)))
    lead = collection.measures[0]
    made = table([r for r in both if lead in r.values], lead, level=level, seed=seed, price=price)
    names = {row.model: label(made, row.model) for row in made.rows}
    return Following(
        collection.name, tuple(both), made, _by_mode(both, collection, names), _by_kind(both, collection, names)
    )


def markdown(found: Following) -> str:
    """The three tables, and what they mean."""
    parts = [tables.markdown(found.lead).replace("## ", f"## {found.collection}: ", 1), grid_markdown(*found.modes)]
    return "\n\n".join([*parts, *([grid_markdown(*found.kinds)] if found.kinds else []), found.notes])


def latex(found: Following) -> str:
    """The same as `tabular`, for booktabs."""
    grids = [found.modes, *([found.kinds] if found.kinds else [])]
    return "\n\n".join([f"% {found.collection}\n{tables.latex(found.lead)}", *(grid_latex(*grid) for grid in grids)])


_GROUPS = (
    "A group is one query with all of its instructions, and counts once; a measure is the mean over its rankings where "
    "no mode is named. Random order: what all orders of the candidates give on average, exactly."
)
_NOTES = {
    "flips": "flips: of the document pairs that the two instructions want in opposite orders, the share that is in the "
    "wanted order both times; who ignores instructions has 0.",
    "p-MRR": "p-MRR: how far the documents that the other instruction makes worse move down, from −1 to 1; who ignores "
    "instructions has 0.",
    "WISE": "WISE: how far relevant documents move up with the instruction, and down with its reverse.",
    "SICR": "SICR: the share of the relevant documents whose rank and score both do so; it means nothing for listwise "
    "models.",
}
"""What the columns mean."""


def ranked_by(collection: Collection) -> list[str]:
    """Those of the collection's measures that each of its rankings has a value of."""
    return [measure for measure in collection.measures if measure not in _COMPARED]


def by_group(record: Record, collection: Collection) -> Record:
    """The record with a value a group: all measures over the modes and by mode, and what compares modes."""
    values = {name: _over_modes(found, collection) for name, found in record.values.items()}
    if len(collection.modes) > 1:
        for name in ranked_by(collection):
            for mode in collection.modes:
                own = {key: record.values[name][group.modes[mode]] for key, group in collection.groups.items()}
                values[f"{name} {mode}"] = own
    for name in collection.measures:
        if name in _COMPARED:
            values[name] = _COMPARED[name](record.run, collection)
    return replace(record, values=values)


def random_order(candidates: Record, collection: Collection) -> Record:
    """What all orders of the same candidates give on average, exactly, each mode's order drawn for itself.

    WISE and SICR have no such value.
    """
    even: Run = {query: dict.fromkeys(found, 0.0) for query, found in candidates.run.items()}
    judged = {query: collection.qrels[query] for query in even}
    values = {name: dict(evaluate(even, judged, name, ties="expected")) for name in ranked_by(collection)}
    plain = replace(candidates, model=RANDOM, version="", values=values, run=even, timings={}, truncated={}, tied=())
    found = by_group(plain, replace(collection, measures=tuple(ranked_by(collection))))
    known = {
        name: dict.fromkeys(_COMPARED[name](even, collection), chance)
        for name, chance in (("p-MRR", 0.0), ("flips", 0.25))
        if name in collection.measures
    }
    return replace(found, values={**found.values, **known})


def columns(collection: Collection) -> list[str]:
    """The names of all columns: every measure, those of a ranking by mode."""
    modes = collection.modes
    return [
        column
        for name in collection.measures
        for column in ([f"{name} {mode}" for mode in modes] if name not in _COMPARED and len(modes) > 1 else [name])
    ]


def _over_modes(values: PerQuery | Mapping[str, float], collection: Collection) -> dict[str, float]:
    return {
        key: math.fsum(values[query] for query in group.modes.values()) / len(group.modes)
        for key, group in collection.groups.items()
    }


def _by_mode(records: Sequence[Record], collection: Collection, names: Mapping[str, str]) -> Grid:
    head = columns(collection)
    keys = list(collection.groups)
    rows = [
        [names.get(record.model, record.model), *(_mean(record, column, keys) for column in head)] for record in records
    ]
    return ["model", *head], rows


def _by_kind(records: Sequence[Record], collection: Collection, names: Mapping[str, str]) -> Grid | None:
    """The first measure of a ranking by kind, its modes beside each other; None where all are of one kind."""
    kinds: dict[str, list[str]] = {}
    for key, group in collection.groups.items():
        kinds.setdefault(group.kind, []).append(key)
    if len(kinds) < 2:
        return None
    name, modes = ranked_by(collection)[0], collection.modes
    parts = [f"{name} {mode}" for mode in modes] if len(modes) > 1 else [name]
    rows = [
        [
            names.get(record.model, record.model),
            *(" / ".join(_mean(record, part, keys) for part in parts) for keys in kinds.values()),
        ]
        for record in records
    ]
    shown = f"{name}, {' / '.join(modes)}" if len(modes) > 1 else name
    return [shown, *(f"{kind or 'other'} ({len(keys)})" for kind, keys in kinds.items())], rows


def _mean(record: Record, column: str, keys: Sequence[str]) -> str:
    values = record.values.get(column, {})
    found = [values[key] for key in keys if key in values]
    return f"{math.fsum(found) / len(found):.4f}" if found else _NONE


def _mode(run: Run, collection: Collection, mode: str) -> dict[str, Mapping[str, float]]:
    """The run, or the judgements, of one mode by group."""
    return {key: run[group.modes[mode]] for key, group in collection.groups.items()}


def _p_mrr(run: Run, collection: Collection) -> PerQuery:
    before, after = (_mode(run, collection, mode) for mode in collection.modes[:2])
    return p_mrr(before, after, {key: group.changed for key, group in collection.groups.items()})


def _flips(run: Run, collection: Collection) -> PerQuery:
    modes = collection.modes[-2:]
    first, second = (_mode(run, collection, mode) for mode in modes)
    labels, turned = (_mode(collection.qrels, collection, mode) for mode in modes)
    return flip_rate(first, second, labels, turned)


def _wise(run: Run, collection: Collection) -> PerQuery:
    return wise(_modes(run, collection), *_sets(collection))


def _sicr(run: Run, collection: Collection) -> PerQuery:
    return sicr(_modes(run, collection), _sets(collection)[0])


def _modes(run: Run, collection: Collection) -> Modes:
    return Modes(*(_mode(run, collection, mode) for mode in collection.modes))


def _sets(collection: Collection) -> tuple[Documents, Documents]:
    return instruction_sets(*(_mode(collection.qrels, collection, mode) for mode in collection.modes[:2]))


_COMPARED: Mapping[str, Callable[[Run, Collection], PerQuery]] = {
    "p-MRR": _p_mrr,
    "flips": _flips,
    "WISE": _wise,
    "SICR": _sicr,
}
"""What compares modes: (the run, the collection) → group → value, for the groups that have one."""
