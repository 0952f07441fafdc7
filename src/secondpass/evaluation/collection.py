"""Test collections: a corpus, queries and judgements, read from folders in the BEIR layout.

Knows files, not models. Each part may be plain or gzipped (`corpus.jsonl`, `corpus.jsonl.gz`, …).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from secondpass.errors import InputError
from secondpass.types import Document

Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Query:
    """One request: its text and, where the collection has one, the instruction that goes with it."""

    id: str
    text: str
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """`documents` and `queries` by id, and `qrels`: query id → document id → grade (0 judged not relevant)."""

    name: str
    documents: Mapping[str, Document]
    queries: Mapping[str, Query]
    qrels: Qrels


def load_beir(folder: str | Path, *, split: str = "test") -> Collection:
    """Read a BEIR folder: `corpus.jsonl`, `queries.jsonl`, `qrels/SPLIT.tsv`.

    Raises `InputError` naming the part that is missing, or the file and line that cannot be read or that repeat an id.
    """
    root = Path(folder)
    documents = {key: _document(key, row) for key, row in _rows(_part(root, "corpus.jsonl"))}
    queries = {key: _query(key, row) for key, row in _rows(_part(root, "queries.jsonl"))}
    qrels: dict[str, dict[str, int]] = {}
    for query, document, grade in _judgements(_part(root, f"qrels/{split}.tsv")):
        qrels.setdefault(query, {})[document] = grade
    return Collection(root.name, documents, queries, qrels)


def _document(key: str, row: Mapping[str, Any]) -> Document:
    return Document(row["text"], id=key, title=row.get("title") or None)


def _query(key: str, row: Mapping[str, Any]) -> Query:
    return Query(key, row["text"], row.get("instruction") or None)


def _part(root: Path, name: str) -> Path:
    for candidate in (root / name, root / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise InputError(f"{root} is not a BEIR folder: it has neither {name} nor {name}.gz.")


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and fields of every line of a JSONL file; ids are strings, whatever the file has."""
    seen: set[str] = set()
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            key, text = str(row["_id"]), row["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: not a JSON object with `_id` and `text` ({error!r}).") from error
        if not isinstance(text, str):
            raise InputError(f"{path}:{number}: `text` is {text!r}, and not a string.")
        if key in seen:
            raise InputError(f"{path}:{number}: the id {key!r} stands there a second time; ids must differ.")
        seen.add(key)
        yield key, row


def _judgements(path: Path) -> Iterator[tuple[str, str, int]]:
    seen: set[tuple[str, str]] = set()
    for number, line in _lines(path):
        fields = line.rstrip("\r\n").split("\t")
        if number == 1 and fields[-1:] == ["score"]:
            continue
        try:
            query, document, grade = fields[0], fields[1], int(fields[2])
        except (ValueError, IndexError) as error:
            raise InputError(
                f"{path}:{number}: {line.rstrip()!r} is not `query-id<TAB>corpus-id<TAB>whole grade`."
            ) from error
        if (query, document) in seen:
            raise InputError(f"{path}:{number}: query {query!r} and document {document!r} are judged a second time.")
        seen.add((query, document))
        yield query, document, grade


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank, of a plain or a gzipped file in UTF-8."""
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}. Fetch it again.") from error


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
