"""Fetching named benchmarks: from the Hugging Face hub in mteb's layout, or through ir_datasets (extra `datasets`).

Knows the two libraries' rows; keeps what it fetched as a BEIR folder, which is what is opened from then on.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from secondpass.errors import InputError, MissingExtra
from secondpass.evaluation.beir import write_beir
from secondpass.evaluation.benchmarks import Named
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.modes import pairs
from secondpass.types import Document

EXTRA = "datasets"
Rows = Iterable[Mapping[str, Any]]


class Hub(Protocol):
    """What is asked of the hub's library."""

    def configurations(self, name: str, revision: str | None) -> list[str]:
        """The configurations that a data set has."""

    def splits(self, name: str, configuration: str, revision: str | None) -> list[str]:
        """The splits of one of them."""

    def rows(self, name: str, configuration: str, split: str, revision: str | None) -> Rows:
        """Its rows."""


Open = Callable[[str], Any]
"""ir_datasets.load: what an id stands for, with docs_iter, queries_iter, qrels_iter and scoreddocs_iter."""


def fetch(named: Named, folder: Path, *, hub: Hub | None = None, ir_datasets: Open | None = None) -> Path:
    """Fetch a benchmark and keep it as a BEIR folder; returns the folder.

    Raises `InputError` where it cannot be fetched by itself, and `MissingExtra` without the library that does it.
    """
    row = named.row
    if row.members:
        raise InputError(f"{row.name} is a suite: fetch its members, {', '.join(row.members)}.")
    if row.subsets and not named.subset:
        raise InputError(f"{row.name} has subsets: fetch one of them, such as {row.name}/{row.subsets[0]}.")
    if not row.fetchable:
        raise InputError(f"{row.name} cannot be fetched ({row.access}). {row.note}.")
    if row.hub:
        found = from_hub(named, hub or _Datasets())
    else:
        opened = (ir_datasets or _ir_datasets())(row.ir_datasets.replace("{subset}", named.subset))
        found = from_ir_datasets(named.name, opened)
    return write_beir(found, folder)


def from_hub(named: Named, hub: Hub) -> Collection:
    """Read a data set in mteb's layout: configurations `corpus`, `queries`, `default` or `qrels`, and where they are
    there `top_ranked`, `instruction` and FollowIR's `qrel_diff`, with `SUBSET-` before each where there are subsets."""
    name, revision = named.row.hub, named.row.revision or None
    there = hub.configurations(name, revision)

    def rows(*kinds: str) -> Rows:
        wanted = [f"{named.subset}-{kind}" if named.subset else kind for kind in kinds]
        configuration = next((each for each in wanted if each in there), None)
        if configuration is None:
            raise InputError(f"{name} on the hub has no {' or '.join(wanted)}; it has {', '.join(there)}.")
        splits = hub.splits(name, configuration, revision)
        split = named.row.split if named.row.split in splits else splits[0] if len(splits) == 1 else None
        if split is None:
            raise InputError(f"{name} on the hub has no split {named.row.split!r} of {configuration}.")
        return hub.rows(name, configuration, split, revision)

    def optional(kind: str) -> Rows:
        return rows(kind) if (f"{named.subset}-{kind}" if named.subset else kind) in there else ()

    told = {str(row["query-id"]): row["instruction"] for row in optional("instruction")}
    qrels: dict[str, dict[str, float]] = {}
    for row in rows("default", "qrels") if not named.subset else rows("qrels"):
        qrels.setdefault(str(row["query-id"]), {})[str(row["corpus-id"])] = row["score"]
    documents = {(key := _id(row)): Document(row["text"], key, row.get("title") or None) for row in rows("corpus")}
    asked = ((_id(row), row) for row in rows("queries", "query"))
    # mteb keeps the queries that have judgements; a repository may hold those of other splits too.
    queries = {
        key: Query(key, row["text"], told.get(key) or row.get("instruction") or None)
        for key, row in asked
        if key in qrels
    }
    candidates = {str(row["query-id"]): [str(d) for d in row["corpus-ids"]] for row in optional("top_ranked")}
    found = Collection(named.name, documents, queries, qrels, candidates)
    changed = {str(row["query-id"]): [str(d) for d in row["corpus-ids"]] for row in optional("qrel_diff")}
    return pairs(found, changed, told) if changed else found


def from_ir_datasets(name: str, opened: Any) -> Collection:
    """Read a data set of ir_datasets; its scored documents, if it has some, become the candidates, best first."""
    missing = [part for part in ("docs", "queries", "qrels") if not getattr(opened, f"has_{part}")()]
    if missing:
        raise InputError(f"{name} of ir_datasets has no {' and no '.join(missing)}: choose an id that has them.")
    documents = {row.doc_id: Document(row.default_text(), id=row.doc_id) for row in opened.docs_iter()}
    queries = {row.query_id: Query(row.query_id, row.default_text()) for row in opened.queries_iter()}
    qrels: dict[str, dict[str, float]] = {}
    for row in opened.qrels_iter():
        qrels.setdefault(row.query_id, {})[row.doc_id] = row.relevance
    scored: dict[str, list[tuple[float, str]]] = {}
    for row in opened.scoreddocs_iter() if opened.has_scoreddocs() else ():
        scored.setdefault(row.query_id, []).append((row.score, row.doc_id))
    candidates = {
        query: [document for _, document in sorted(listed, key=lambda each: -each[0])]
        for query, listed in scored.items()
    }
    return Collection(name, documents, queries, qrels, candidates)


def open_ir_datasets(name: str) -> Collection:
    """Read any id of ir_datasets, which fetches and keeps what it needs. Raises `MissingExtra` without the library."""
    try:
        opened = _ir_datasets()(name)
    except KeyError as error:
        raise InputError(f"ir_datasets has no data set {name!r}: https://ir-datasets.com lists them.") from error
    return from_ir_datasets(name, opened)


def _id(row: Mapping[str, Any]) -> str:
    return str(row["_id"] if "_id" in row else row["id"])


class _Datasets:
    """`datasets` of Hugging Face."""

    def __init__(self) -> None:
        self._library = _library("datasets", "Fetching a benchmark from the hub")

    def configurations(self, name: str, revision: str | None) -> list[str]:
        return list(self._library.get_dataset_config_names(name, revision=revision))

    def splits(self, name: str, configuration: str, revision: str | None) -> list[str]:
        return list(self._library.get_dataset_split_names(name, configuration, revision=revision))

    def rows(self, name: str, configuration: str, split: str, revision: str | None) -> Rows:
        found: Rows = self._library.load_dataset(name, configuration, split=split, revision=revision)
        return found


def _ir_datasets() -> Open:
    found: Open = _library("ir_datasets", "Reading a data set of ir_datasets").load
    return found


def _library(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(what, EXTRA) from error
