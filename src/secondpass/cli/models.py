"""`secondpass models`: the catalogue, or one row of it with everything that is known and what it would run on here.

Loads no model and imports no backend's library.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from secondpass.cli import options, output

if TYPE_CHECKING:
    from secondpass.models.catalog import Row

# Written out here, and held equal to the catalogue's own by a test: importing it would cost `--help` time.
Instructions = Literal["slot", "joined", "ignored"]

# A pipe gets all of it; a terminal what fits 100 characters.
_COLUMNS = ("name", "family", "parameters", "context", "languages", "licence", "instructions", "loads")
_NARROW = ("name", "family", "size", "licence", "instructions", "loads")
_BYTES = {"fp32": 4.0, "bf16": 2.0, "int8": 1.0, "4bit": 0.5}
_STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
_INSTALL = "pip install 'secondpass[torch]'"
_ROOT = Path("/")
_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Show this one, with its published scores and what it would run on here.",
            show_default=False,
        ),
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only the models of this family.", show_default=False)] = None,
    licence: Annotated[
        str | None, typer.Option(help="Only the models under this licence (an SPDX identifier).", show_default=False)
    ] = None,
    instructions: Annotated[
        Instructions | None,
        typer.Option(help="Only the models that treat instructions so.", show_default=False),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the models that are known by name.

    The column "loads" says which ones this version can load. Any other hub id or folder can be tried too.
    """
    from secondpass.models import catalog

    if name is not None:
        row = catalog.find(name)
        here = fit(row)
        if as_json:
            output.write_json({**_whole(row), "licence_notice": catalog.licence_notice(row), "here": asdict(here)})
        else:
            _show(row, here)
        return
    rows = catalog.rows(family=family, licence=licence, instructions=instructions)
    if as_json:
        output.write_json({"models": [_whole(row) for row in rows]})
    else:
        _list(rows)
    if not rows:
        output.note(_nothing(catalog.rows()))


@dataclass(frozen=True, slots=True)
class Fit:
    """What one model would run on here.

    `backends`: those installed that may compute it, the preferred one first; `reason`: why that one, or why none.
    `torch_needed`: "no", "yes", or "without an ONNX file" where that is up to the repository. `memory`: bytes of this
    machine that a process may use, None where the system does not tell. `weights`: bytes that the weights take at each
    precision; batches come on top. `python` and `shell` load it; both "" where this version cannot, and `why_not` says
    why.
    """

    backends: tuple[str, ...]
    reason: str
    torch_needed: str
    torch_installed: bool
    memory: int | None
    weights: dict[str, int]
    python: str
    shell: str
    why_not: str


def fit(row: Row) -> Fit:
    """What a model of the catalogue would run on here; nothing is loaded."""
    from secondpass.backends.choose import torch_installed
    from secondpass.models import catalog

    why_not = catalog.why_not(row)
    backends, reason = ((), why_not) if why_not else _backends(row)
    return Fit(
        backends=backends,
        reason=reason,
        torch_needed=_torch_needed(row),
        torch_installed=torch_installed(),
        memory=memory(),
        weights=_weights(row),
        python="" if why_not else f'reranker = secondpass.load("{row.name}")',
        shell="" if why_not else f'secondpass rank "your question" documents.jsonl --model {row.name}',
        why_not=why_not,
    )


def memory(root: Path = _ROOT) -> int | None:
    """Bytes of memory that this process may use: the machine's, or its container's limit; None where nothing tells.

    `root` is where /sys lies.
    """
    found = []
    if hasattr(os, "sysconf"):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        # No such file outside a container, and "max" in it where there is no limit: neither is one.
        with suppress(OSError, ValueError):
            found.append(int((root / path).read_text(encoding="utf-8")))
    return min(found, default=None)


def _backends(row: Row) -> tuple[tuple[str, ...], str]:
    from secondpass.backends.choose import choose, torch_installed

    if row.family == "lexical":
        return (), "it counts words and needs no backend"
    torch = ("torch",) if torch_installed() else ()
    if row.family == "prompt":
        return torch, "decoders are computed by torch" if torch else f"torch is not installed: {_INSTALL}"
    chosen = choose().capabilities
    onnx = tuple(dict.fromkeys((chosen.name, "onnxruntime")))
    return onnx + (torch if row.family == "pair" else ()), chosen.reason


def _torch_needed(row: Row) -> str:
    if row.family in ("embedded", "lexical"):
        return "no"
    return "without an ONNX file" if row.family == "pair" else "yes"


def _weights(row: Row) -> dict[str, int]:
    if not row.parameters:
        return {}
    kinds = ("int8",) if row.family == "embedded" else tuple(_BYTES)
    return {kind: round(row.parameters * _BYTES[kind]) for kind in kinds}


def _whole(row: Row) -> dict[str, Any]:
    return {**asdict(row), "loads": row.loads, "non_commercial": row.non_commercial}


def _list(rows: tuple[Row, ...]) -> None:
    if sys.stdout.isatty():
        short = [{**_cells(row), "size": _short(row.parameters)} for row in rows]
        output.write_table(_NARROW, [[row[column] for column in _NARROW] for row in short])
    else:
        output.write_table(_COLUMNS, [[_cells(row)[column] for column in _COLUMNS] for row in rows])


def _cells(row: Row) -> dict[str, object]:
    cells = {column: getattr(row, column) for column in _COLUMNS}
    return {**cells, "languages": ", ".join(row.languages), "loads": "yes" if row.loads else "no"}


def _show(row: Row, here: Fit) -> None:
    output.write_table(("fact", "value"), _facts(row))
    if row.scores:
        typer.echo()
        scores = [(score.benchmark, score.metric, f"{score.value:g}", score.source) for score in row.scores]
        output.write_table(("benchmark", "metric", "value", "source"), scores)
    typer.echo()
    output.write_table(("here", "found"), _here(here))


def _facts(row: Row) -> list[tuple[str, object]]:
    from secondpass.models import catalog

    doubted = {entry.partition(":")[0] for entry in row.unconfirmed}
    no_number = "not known" if "context" in doubted else "no limit"
    facts: list[tuple[str, object]] = [
        ("name", row.name),
        *([("aliases", ", ".join(row.aliases))] if row.aliases else []),
        ("family", f"{row.family}: {catalog.FAMILIES[row.family]}"),
        *([("recipe", row.recipe)] if row.recipe else []),
        ("parameters", "not known" if row.parameters is None else f"{row.parameters:,}"),
        ("context", no_number if row.context is None else f"{row.context:,} tokens"),
        ("languages", ", ".join(row.languages) or "not known"),
        ("licence", row.licence),
        ("instructions", row.instructions),
        ("loads", "yes" if row.loads else "no"),
    ]
    notice = catalog.licence_notice(row)
    facts += [("notice", notice)] if notice else []
    return facts + [("unconfirmed", entry) for entry in row.unconfirmed]


def _here(here: Fit) -> list[tuple[str, str]]:
    if here.why_not:
        found = [("why not", here.why_not)]
    else:
        found = [("backends", ", ".join(here.backends) or "none"), ("why", here.reason), ("torch", _torch(here))]
    if here.memory is not None:
        found.append(("memory", _size(here.memory)))
    for kind, size in here.weights.items():
        share = f", {_share(size, here.memory)} of the memory" if here.memory else ""
        found.append((f"weights, {kind}", f"{_size(size)}{share}"))
    lines = [("python", here.python), ("shell", here.shell)]
    return found + [line for line in lines if line[1]]


def _torch(here: Fit) -> str:
    if here.torch_needed == "no":
        return "not needed"
    needed = "needed" if here.torch_needed == "yes" else f"needed {here.torch_needed}"
    return f"{needed}; {'installed' if here.torch_installed else 'not installed: ' + _INSTALL}"


def _share(size: int, whole: int) -> str:
    return "more than all" if size > whole else f"{size / whole:.0%}" if size * 100 >= whole else "under 1%"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _short(count: int | None) -> str:
    """A number of parameters in three digits, as models are named: 22.7M, 568M, 4.02B."""
    if count is None:
        return ""
    for step, letter in _STEPS:
        if count >= step:
            return f"{count / step:.3g}{letter}"
    return str(count)


def _nothing(rows: tuple[Row, ...]) -> str:
    families, licences = sorted({row.family for row in rows}), sorted({row.licence for row in rows})
    return f"no such model. Families: {', '.join(families)}. Licences: {', '.join(licences)}."
