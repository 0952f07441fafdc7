"""Labelled pairs and triples from JSONL, CSV and TSV: (query, document, label), or (query, positives, negatives).

Knows rows. Columns are found by the names in `COLUMNS`, or are given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query, grade
from secondpass.evaluation.textfile import TextFile
from secondpass.types import Document

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "query": ("query", "question", "anchor", "sentence1", "query_text", "text1"),
    "document": ("document", "passage", "text", "doc", "answer", "sentence2", "context", "document_text", "text2"),
    "label": ("label", "score", "relevance", "grade", "rel", "labels"),
    "positive": ("positive", "positives", "pos", "positive_passages"),
    "negative": ("negative", "negatives", "neg", "negative_passages"),
    "query_id": ("query_id", "query-id", "qid"),
    "document_id": ("document_id", "corpus_id", "corpus-id", "doc_id", "docid", "passage_id", "pid"),
    "title": ("title", "document_title"),
    "instruction": ("instruction",),
}
"""What a column may be called by what it holds; of several that a file has, the first counts."""

_WORDS = {"true": 1.0, "yes": 1.0, "relevant": 1.0, "false": 0.0, "no": 0.0, "irrelevant": 0.0, "not_relevant": 0.0}
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (".jsonl", ".ndjson", *_DELIMITERS)


def load_table(path: str | Path, *, columns: Mapping[str, str] | None = None) -> Collection:
    """Read labelled pairs or triples; the same text, or the same id, is the same document and the same query.

    `columns`: a column's name by a key of `COLUMNS`, for those that are called otherwise. Without a label a document is
    relevant (grade 1); positives have grade 1 and negatives 0. What stands beside a query is its candidate list, in an
    order by content that says nothing of the labels. Raises `InputError` naming the file and line.
    """
    file = TextFile(Path(path))
    unknown = set(columns or {}) - set(COLUMNS)
    if unknown:
        raise InputError(f"There is no column {min(unknown)!r} to give a name to: choose one of {', '.join(COLUMNS)}.")
    built = _Building()
    for number, row in _rows(file):
        place = f"{file}:{number}"
        named = _named(row, columns or {}, place)
        built.add(named, row, place)
    if not built.queries:
        raise InputError(f"{file} has no rows: give at least one pair of a query and a document.")
    candidates = {query: sorted(judged, key=built.order) for query, judged in built.qrels.items()}
    name = file.path.name.partition(".")[0]
    return Collection(name, built.documents, built.queries, built.qrels, candidates)


def _rows(file: TextFile) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file} is no table of pairs: its name must end in {', '.join(SUFFIXES)}, or these with .gz.")
    return iter(file.rows(_DELIMITERS[file.suffix]) if file.suffix in _DELIMITERS else file.objects())


def _named(row: Mapping[str, Any], columns: Mapping[str, str], place: str) -> dict[str, str]:
    """Role → the column that has it in this row."""
    found: dict[str, str] = {}
    for role, names in COLUMNS.items():
        if role in columns and columns[role] not in row and role in ("query", "document", "label", "positive"):
            raise InputError(f"{place}: there is no column {columns[role]!r}; it has {', '.join(row) or 'none'}.")
        wanted = (columns[role],) if role in columns else names
        name = next((name for name in wanted if row.get(name) is not None), None)
        if name is not None:
            found[role] = name
    if "query" not in found or not found.keys() & {"document", "positive"}:
        role = "query" if "query" not in found else "document"
        raise InputError(
            f"{place}: no column for the {role} among {', '.join(row) or 'none'}: call it {COLUMNS[role][0]!r}, or "
            f"give its name (columns={{{role!r}: NAME}})."
        )
    return found


@dataclass(slots=True)
class _Building:
    documents: dict[str, Document] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    qrels: dict[str, dict[str, float]] = field(default_factory=dict)
    _query_ids: dict[tuple[str, str | None], str] = field(default_factory=dict)
    _document_ids: dict[tuple[str, str | None], str] = field(default_factory=dict)

    def add(self, named: Mapping[str, str], row: Mapping[str, Any], place: str) -> None:
        query = self._query(named, row, place)
        if "document" in named:
            label = _label(row[named["label"]], place) if "label" in named else 1
            self._judge(query, self._document(row[named["document"]], named, row, place), label, place)
        for role, label in (("positive", 1), ("negative", 0)):
            for text in _listed(row[named[role]], place) if role in named else ():
                self._judge(query, self._document(text, {}, row, place), label, place)

    def order(self, document: str) -> str:
        """What candidates are put in order by: their content, hashed."""
        found = self.documents[document]
        return hashlib.sha256(f"{found.title or ''}\n{found.text}".encode()).hexdigest()

    def _query(self, named: Mapping[str, str], row: Mapping[str, Any], place: str) -> str:
        text = _text(row[named["query"]], place)
        told = _text(row[named["instruction"]], place) or None if "instruction" in named else None
        given = str(row[named["query_id"]]) if "query_id" in named else None
        key = given or self._query_ids.setdefault((text, told), f"q{len(self._query_ids) + 1}")
        known = self.queries.setdefault(key, Query(key, text, told))
        if (known.text, known.instruction) != (text, told):
            raise InputError(f"{place}: query {key!r} had another text or instruction before.")
        return key

    def _document(self, value: Any, named: Mapping[str, str], row: Mapping[str, Any], place: str) -> str:
        text = _text(value, place)
        title = _text(row[named["title"]], place) or None if "title" in named else None
        given = str(row[named["document_id"]]) if "document_id" in named else None
        key = given or self._document_ids.setdefault((text, title), f"d{len(self._document_ids) + 1}")
        known = self.documents.setdefault(key, Document(text, id=key, title=title))
        if (known.text, known.title) != (text, title):
            raise InputError(f"{place}: document {key!r} had another text or title before.")
        return key

    def _judge(self, query: str, document: str, label: float, place: str) -> None:
        judged = self.qrels.setdefault(query, {})
        if judged.setdefault(document, label) != label:
            raise InputError(
                f"{place}: query {query!r} and document {document!r} had the label {judged[document]:g} before, "
                f"and have {label:g} here."
            )


def _listed(value: Any, place: str) -> Iterable[str]:
    values = value if isinstance(value, list) else [value]
    # Retrieval triples have passages as text, or as objects with a text.
    return [_text(one.get("text") if isinstance(one, dict) else one, place) for one in values if one != ""]


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{place}: {value!r:.60} stands where text is wanted.")
    return value


def _label(value: Any, place: str) -> float:
    word = str(value).strip().lower()
    try:
        return _WORDS[word] if word in _WORDS else grade(word)
    except ValueError as error:
        raise InputError(f"{place}: the label {value!r} is no number, and not one of {', '.join(_WORDS)}.") from error
