"""First stages by name, and what they found kept on disk by content. Knows names, keys and files; no retrieval."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, digest
from secondpass.evaluation.first_stage import (
    BM25,
    Dense,
    FirstStage,
    GivenCandidates,
    GivenRun,
    Oracle,
    Random,
    Stage,
)
from secondpass.text.lexical import VARIANTS

NAMES = (*VARIANTS, "dense", "run", "candidates", "oracle", "random")
DENSE = "embedded-cosine"
REMEMBERED_MB = 4096
"""How much of a dense stage's vectors is kept at most; a corpus beyond it would be encoded anew for every query."""

_LAYOUT = 1  # of the files in the cache


def open_stage(name: str) -> Stage:
    """The first stage of a name: `bm25` or another form of it, `dense` or `dense:MODEL`, `run:FILE`, `candidates` or
    `candidates:FILE`, `oracle` or `oracle:SEED`, `random` or `random:SEED`.

    `MODEL` is a bi-encoder as `secondpass.load` takes it. Raises `InputError` naming those that there are.
    """
    kind, colon, argument = name.partition(":")
    if kind in VARIANTS and not colon:
        return BM25(kind)
    if kind not in _OPENERS or (colon and not argument):
        raise InputError(
            f"There is no first stage {name!r}: choose one of {', '.join(NAMES)}, or dense:MODEL, run:FILE."
        )
    return _OPENERS[kind](argument)


def found_by(stage: Stage, collection: Collection, *, depth: int, cache: Path | None = None) -> FirstStage:
    """What a first stage finds; with `cache`, a folder, from there where the same was found before.

    The file's name is a hash of the stage's key, the depth and the collection's content. Raises `InputError` naming a
    file of the cache that cannot be read.
    """
    if cache is None:
        return stage.find(collection, depth)
    told = json.dumps([_LAYOUT, stage.key, depth, digest(collection)])
    path = cache / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.json.gz"
    if path.is_file():
        return _read(path)
    found = stage.find(collection, depth)
    _write(path, found)
    return found


def _read(path: Path) -> FirstStage:
    try:
        value = json.loads(gzip.decompress(path.read_bytes()))
        return FirstStage(value["run"], value["dropped"], value["name"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} in the cache cannot be read ({error}): remove it.") from error


def _write(path: Path, found: FirstStage) -> None:
    """In one step, so that a process that is killed leaves no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"name": found.name, "run": found.run, "dropped": found.dropped}
    handle, made = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(gzip.compress(json.dumps(value).encode(), compresslevel=3, mtime=0))
    Path(made).replace(path)


def _dense(model: str) -> Stage:
    from secondpass.ranking.load import load

    built_in = not model or model.startswith("embedded")
    recipe = None if built_in else "cosine"
    return Dense(load(model or DENSE, recipe=recipe, remember_mb=REMEMBERED_MB))


def _run(path: str) -> Stage:
    if not path:
        raise InputError("A run needs its file: run:FILE.")
    return GivenRun(Path(path))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"The seed {text!r} is not a whole number from 0.")
    return int(text)


_OPENERS: Mapping[str, Callable[[str], Stage]] = {
    "dense": _dense,
    "run": _run,
    "candidates": lambda path: GivenCandidates(Path(path) if path else None),
    "oracle": lambda seed: Oracle(_seed(seed or "0")),
    "random": lambda seed: Random(_seed(seed or "0")),
}
