"""Groups that differ in what an instruction asks for: one JSON object a line, ranked plain and with the wish reversed.

Knows one format: `id`, `kind`, `query`, `instruction`, `now`, `documents` (`id`, `text`, `metadata`), `labels`, and
`reversed_instruction` with `reversed_labels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Group, Query
from secondpass.evaluation.textfile import TextFile, text_field
from secondpass.types import Document

REVERSED = ":reversed"
"""What is added to a group's id for the query with the opposite instruction."""

MODES = ("plain", "reversed")
MEASURES = ("RR(rel=3)", "nDCG@10")
"""The first document that satisfies all of it, and the whole order."""

TURNED = ("flips", "p-MRR")
"""What is measured too where the wish is reversed."""

DEFAULT = "dev.jsonl"
_BEST = 3
"""The grade of a document that answers and does all that the instruction asks."""

_FIELDS = frozenset({"id", "query", "instruction", "documents", "labels"})


def load_instructions(path: str | Path, *more: str | Path) -> Collection:
    """Read groups from a file, or from `dev.jsonl` in a folder; from several as one collection, named as the first.

    Every group gives two queries over its own documents: the plain one and its twin with the reversed instruction. The
    day of the request and the kind are metadata of the query (`now`, `kind`, `group`). Where no group has a reversed
    instruction there is one query a group. Raises `InputError` naming the file and line, and where only some have one.
    """
    files = [TextFile(Path(each) / DEFAULT if Path(each).is_dir() else Path(each)) for each in (path, *more)]
    first = files[0].path
    name = first.resolve().parent.name if first.name == DEFAULT else first.stem
    return collected(name, ((f"{file}:{number}", row) for file in files for number, row in file.objects()))


def collected(name: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Collection:
    """Groups as a collection: `rows` of the format, each after the place to name where it does not hold together."""
    documents: dict[str, Document] = {}
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, float]] = {}
    candidates: dict[str, list[str]] = {}
    groups: dict[str, Group] = {}
    for place, row in rows:
        if not row.keys() >= _FIELDS:
            raise InputError(f"{place}: a group needs {', '.join(sorted(_FIELDS - row.keys()))} too.")
        key = text_field(row, "id", place)
        own = _documents(row, place)
        twice = next((name for name in own if name in documents), None)
        if twice is not None or key in queries:
            raise InputError(f"{place}: the id {twice or key!r} stands there a second time; ids must differ.")
        documents.update(own)
        for query, labels in _queries(row, key, place):
            queries[query.id] = query
            qrels[query.id] = _grades(labels, own, place)
            candidates[query.id] = list(own)
        groups[key] = _group(key, row)
        if len(groups[key].modes) != len(next(iter(groups.values())).modes):
            raise InputError(f"{place}: some groups have a reversed instruction, and some have none: split the file.")
    found = Collection(name, documents, queries, qrels, candidates, groups, MEASURES)
    return replace(found, measures=(*MEASURES, *TURNED)) if len(found.modes) > 1 else found


def is_instructions(path: Path) -> bool:
    """Whether a file, or the one in a folder, begins with a group."""
    file = TextFile(path / DEFAULT if path.is_dir() else path)
    if not file.path.is_file() or file.suffix not in (".jsonl", ".ndjson"):
        return False
    first = next(iter(file.objects()), None)
    return first is not None and first[1].keys() >= _FIELDS


def _group(key: str, row: Mapping[str, Any]) -> Group:
    """The group, with the documents that are best as long as the wish is not reversed."""
    kind = str(row.get("kind", ""))
    if "reversed_instruction" not in row:
        return Group(key, {MODES[0]: key}, kind=kind)
    labels, turned = row["labels"], row["reversed_labels"]
    changed = tuple(document for document, label in labels.items() if turned[document] < _BEST <= label)
    return Group(key, {MODES[0]: key, MODES[1]: f"{key}{REVERSED}"}, changed, kind)


def _queries(row: Mapping[str, Any], key: str, place: str) -> list[tuple[Query, Any]]:
    metadata = {name: row[name] for name in ("kind", "now") if name in row}
    text = text_field(row, "query", place)
    plain = Query(key, text, text_field(row, "instruction", place), {**metadata, "group": key, "reversed": False})
    found = [(plain, row["labels"])]
    if "reversed_instruction" in row:
        told = text_field(row, "reversed_instruction", place)
        twin = Query(f"{key}{REVERSED}", text, told, {**metadata, "group": key, "reversed": True})
        found.append((twin, row.get("reversed_labels")))
    return found


def _documents(row: Mapping[str, Any], place: str) -> dict[str, Document]:
    if not isinstance(row["documents"], list):
        raise InputError(f"{place}: `documents` is not a list.")
    found: dict[str, Document] = {}
    for one in row["documents"]:
        if not isinstance(one, dict):
            raise InputError(f"{place}: {one!r:.60} among the documents is not an object.")
        key = text_field(one, "id", place)
        if key in found:
            raise InputError(f"{place}: the id {key!r} stands there a second time; ids must differ.")
        found[key] = Document(text_field(one, "text", place), id=key, metadata=one.get("metadata") or {})
    return found


def _grades(labels: Any, own: Mapping[str, Document], place: str) -> dict[str, float]:
    if not isinstance(labels, dict) or labels.keys() != own.keys():
        raise InputError(f"{place}: the labels are not one for each of the group's {len(own)} documents.")
    wrong = next((value for value in labels.values() if not isinstance(value, int | float)), None)
    if wrong is not None:
        raise InputError(f"{place}: the label {wrong!r} is not a number.")
    return dict(labels)
