"""Contextual AI's instruction sets: a passage with the metadata that an instruction asks for, and with others.

A row has `query`, `instruction`, `positive_metadata`, `negative_metadata` (a list), `source_dataset` and `passage_id`.
The passages are not part of it: they stand in `passages.jsonl` beside it (`source_dataset`, `passage_id`, `text`), or
in the row as `passage`. How Contextual join passage and metadata is not published; here metadata follow the passage on
a line of their own. Knows one format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Group, Query
from secondpass.evaluation.textfile import Folder, TextFile, text_field
from secondpass.types import Document

ROWS, PASSAGES = "train.jsonl", "passages.jsonl"
MEASURES = ("RR",)
_FIELDS = frozenset({"query", "instruction", "positive_metadata", "negative_metadata"})

_Passages = Mapping[tuple[str, str], str]


def is_contextual(path: Path) -> bool:
    """Whether a file, or the `train.jsonl` of a folder, begins with a row of this format."""
    file = _rows(path)
    if not file.path.is_file() or file.suffix not in (".jsonl", ".ndjson"):
        return False
    first = next(iter(file.objects()), None)
    return first is not None and first[1].keys() >= _FIELDS


def load_contextual(path: str | Path) -> Collection:
    """Read a set: a query a row, whose candidates are the passage with each of the metadata, in an order by content.

    Raises `InputError` naming the file and line, and the passage that is missing.
    """
    file = _rows(Path(path))
    passages = _passages(Folder(file.path.parent, PASSAGES).find(PASSAGES))
    documents: dict[str, Document] = {}
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, float]] = {}
    groups: dict[str, Group] = {}
    for number, row in file.objects():
        place = f"{file}:{number}"
        key, kind = f"q{number}", str(row.get("source_dataset", ""))
        asked, told = text_field(row, "query", place), text_field(row, "instruction", place)
        queries[key] = Query(key, asked, told, {"kind": kind, "group": key})
        groups[key] = Group(key, {"plain": key}, kind=kind)
        qrels[key] = {}
        for document, grade in _candidates(key, row, _passage(row, passages, place), place):
            documents[str(document.id)] = document
            qrels[key][str(document.id)] = grade
    name = file.path.resolve().parent.name if file.path.name == ROWS else file.path.stem
    return Collection(name, documents, queries, qrels, {q: list(found) for q, found in qrels.items()}, groups, MEASURES)


def _candidates(key: str, row: Mapping[str, Any], passage: str, place: str) -> list[tuple[Document, int]]:
    """Each of the metadata with its grade; ids and order are by content, so that neither gives the positive away."""
    wrong = row.get("negative_metadata")
    if not isinstance(wrong, list) or not all(isinstance(one, str) for one in wrong):
        raise InputError(f"{place}: `negative_metadata` is {wrong!r:.60}, and not a list of strings.")
    graded = [(text_field(row, "positive_metadata", place), 1), *((one, 0) for one in wrong)]
    graded.sort(key=lambda one: hashlib.sha256(f"{key}\n{one[0]}".encode()).hexdigest())
    return [
        (Document(f"{passage}\n{metadata}", id=f"{key}-{i:02}", metadata={"metadata": metadata}), grade)
        for i, (metadata, grade) in enumerate(graded, 1)
    ]


def _passage(row: Mapping[str, Any], passages: _Passages, place: str) -> str:
    if "passage" in row:
        return text_field(row, "passage", place)
    source, passage = str(row.get("source_dataset")), str(row.get("passage_id"))
    if (source, passage) not in passages:
        raise InputError(
            f"{place}: the passage {passage!r} of {source!r} is not here: fetch it from there, and put it into "
            f"{PASSAGES} beside the set, a line a passage with `source_dataset`, `passage_id` and `text`."
        )
    return passages[source, passage]


def _passages(file: TextFile | None) -> _Passages:
    if file is None:
        return {}
    return {
        (str(row.get("source_dataset")), str(row.get("passage_id"))): text_field(row, "text", f"{file}:{number}")
        for number, row in file.objects()
    }


def _rows(path: Path) -> TextFile:
    return TextFile(path / ROWS if path.is_dir() else path)
