"""`secondpass datasets`: the named benchmarks with their protocols, one of them, or what a path holds.

Fetches nothing unless asked to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secondpass.cli import options, output
from secondpass.errors import InputError

if TYPE_CHECKING:
    from secondpass.evaluation.benchmarks import Benchmark, Named, Protocol
    from secondpass.evaluation.collection import Collection

# A pipe gets all of it; a terminal what fits 100 characters.
_COLUMNS = ("name", "title", "queries", "documents", "metric", "first stage", "k", "licence", "here")
_NARROW = ("name", "queries", "documents", "metric", "k", "licence", "here")
_PROTOCOL = ("suite", "by", "first stage", "k", "metric", "sets", "weights", "evidence", "note")


def datasets(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Show this benchmark with its protocols, or what a folder or file of data holds.",
            show_default=False,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where collections lie. [default: $SECONDPASS_DATA, or ~/.cache/secondpass/data]", show_default=False
        ),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch NAME over the network and keep it where collections lie.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the benchmarks that are known by name, with protocol, size and licence.

    The column "here" says whether the data lies on this machine.
    """
    from secondpass.evaluation import benchmarks

    if name is None:
        if fetch:
            raise InputError("--fetch needs the NAME of a benchmark: `secondpass datasets` lists them.")
        _list(data_dir, as_json=as_json)
    elif benchmarks.is_named(name):
        named = benchmarks.find(name)
        if fetch:
            _fetch(named, data_dir)
        _show(named, data_dir, as_json=as_json)
    elif fetch:
        benchmarks.find(name)  # refuses it, with the nearest name
    else:
        _hold(name, data_dir, as_json=as_json)


def _fetch(named: Named, data_dir: Path | None) -> None:
    from secondpass.evaluation.datasets import data_home, local_path
    from secondpass.evaluation.fetch import fetch

    there = local_path(named, data_dir)
    if there is None:
        output.note(f"fetched to {fetch(named, data_home(data_dir) / named.name)}")
    else:
        output.note(f"{there} is here already")


def _list(data_dir: Path | None, *, as_json: bool) -> None:
    from secondpass.evaluation.benchmarks import rows

    if as_json:
        output.write_json({"datasets": [_whole(row, data_dir) for row in rows()]})
        return
    columns = _NARROW if sys.stdout.isatty() else _COLUMNS
    output.write_table(columns, [[_cells(row, data_dir)[column] for column in columns] for row in rows()])


def _whole(row: Benchmark, data_dir: Path | None) -> dict[str, Any]:
    here = _here(row, data_dir)
    return {**asdict(row), "protocol": [asdict(each) for each in row.protocols], "here": here}


def _cells(row: Benchmark, data_dir: Path | None) -> dict[str, object]:
    protocols = row.protocols
    here = _here(row, data_dir)
    return {
        "name": row.name,
        "title": row.title,
        "queries": _size(row.queries, len(row.members)),
        "documents": row.documents,
        "metric": row.metric,
        "first stage": _each(protocol.first_stage for protocol in protocols),
        "k": _each(protocol.depth for protocol in protocols),
        "licence": "of its members" if row.members else row.licence,
        "here": "yes" if here else "no",
    }


def _each(values: Iterable[object]) -> str:
    """What the protocols have, each once."""
    return " | ".join(dict.fromkeys(map(str, values))) or "unstated"


def _size(queries: int | None, members: int) -> object:
    return f"{members} sets" if members else queries


def _here(row: Benchmark, data_dir: Path | None) -> str | list[str] | None:
    """Where the data lies; of a suite, or of a set with subsets, only where all of it does."""
    from secondpass.evaluation.benchmarks import Named, find
    from secondpass.evaluation.datasets import local_path

    parts = [find(member) for member in row.members] or [Named(row, subset) for subset in row.subsets]
    found = [local_path(part, data_dir) for part in parts or [Named(row)]]
    paths = [str(path) for path in found if path is not None]
    if len(paths) < len(found):
        return None
    return paths if parts else paths[0]


def _show(named: Named, data_dir: Path | None, *, as_json: bool) -> None:
    from secondpass.evaluation.datasets import how_to_get, local_path

    row, path = named.row, local_path(named, data_dir)
    if as_json:
        here = {"here": None if path is None else str(path)} if named.subset else {}
        get = {} if path else {"get": how_to_get(named, data_dir)}
        output.write_json({**_whole(row, data_dir), **here, **get})
        return
    output.write_table(("fact", "value"), _facts(named, path, how_to_get(named, data_dir)))
    if row.protocols:
        typer.echo()
        output.write_table(_PROTOCOL, [_line(protocol) for protocol in row.protocols])


def _line(told: Protocol) -> tuple[object, ...]:
    how = (told.first_stage, told.depth, told.metric, told.sets, told.weights)
    return (told.suite, told.by, *how, told.evidence, told.note)


def _facts(named: Named, path: Path | None, get: str) -> list[tuple[str, object]]:
    row = named.row
    facts: list[tuple[str, object]] = [
        ("name", named.name),
        ("title", row.title),
        ("metric", row.metric),
        ("queries", "unstated" if row.queries is None else f"{row.queries:,}"),
        ("documents", "unstated" if row.documents is None else f"{row.documents:,}"),
        ("identical ids", "removed" if row.identical_ids else "kept"),
        ("licence", row.licence),
    ]
    if row.members:
        facts = [*facts[:3], ("members", ", ".join(row.members))]
    told = [
        ("subsets", ", ".join(row.subsets)),
        ("hub", f"{row.hub} at {row.revision}" if row.revision else row.hub),
        ("split", row.split if row.hub else ""),
        ("ir_datasets", row.ir_datasets),
        ("archive", row.url),
        ("access", "" if row.access == "open" else row.access),
        ("note", row.note),
        ("here", "" if path is None else str(path)),
        ("to get it", "" if path else get),
    ]
    return [*facts, *(fact for fact in told if fact[1])]


def _hold(name: str, data_dir: Path | None, *, as_json: bool) -> None:
    from secondpass.evaluation.datasets import open_collection

    counts = _counts(open_collection(name, data_dir=data_dir))
    if as_json:
        output.write_json(counts)
    else:
        output.write_table(("fact", "value"), list(counts.items()))


def _counts(collection: Collection) -> dict[str, object]:
    grades = [grade for judged in collection.qrels.values() for grade in judged.values()]
    return {
        "name": collection.name,
        "documents": len(collection.documents),
        "queries": len(collection.queries),
        "with instruction": sum(query.instruction is not None for query in collection.queries.values()),
        "judgements": len(grades),
        "relevant": sum(grade > 0 for grade in grades),
        "with candidates": len(collection.candidates),
        "groups of instructions": len(collection.groups),
        "modes": ", ".join(collection.modes),
    }
