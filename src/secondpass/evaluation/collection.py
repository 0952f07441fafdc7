"""Test collections: documents, queries, judgements and candidates where they are given. Knows no files, no models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.places import Grades
from secondpass.text.render import render
from secondpass.types import Document

Qrels = Grades
"""Query id → document id → grade; above 0 is relevant, 0 is judged and not relevant."""


@dataclass(frozen=True, slots=True)
class Query:
    """One request: its text and, where the collection has one, the instruction that goes with it.

    `metadata`: what else the collection says of it, such as its language or the day it was asked.
    """

    id: str
    text: str
    instruction: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collection:
    """`documents` and `queries` by id, and `qrels`: query id → document id → grade (0 judged not relevant).

    `candidates`: query id → the documents that it comes with, in the collection's order; empty where it has none.
    `twins`: query id → the id of the same query with the opposite or a changed instruction. `identical_ids`: whether a
    document with a query's own id is no candidate for it, as BEIR has it for the sets whose queries are documents.
    """

    name: str
    documents: Mapping[str, Document]
    queries: Mapping[str, Query]
    qrels: Qrels
    candidates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    twins: Mapping[str, str] = field(default_factory=dict)
    identical_ids: bool = False


def grade(text: str) -> float:
    """A grade as files have it; whole ones are ints. Raises `ValueError` for what is no finite number."""
    value = float(text)
    if value - value != 0:  # NaN and the infinities
        raise ValueError(f"{text!r} is not a finite number")
    return int(value) if value.is_integer() else value


def digest(collection: Collection) -> str:
    """A hash of all that can move a first stage's candidates: texts, ids, judgements and given candidates."""
    state = hashlib.sha256(json.dumps([collection.name, collection.identical_ids]).encode())
    for part in _parts(collection):
        state.update(json.dumps(part, ensure_ascii=True).encode())
        state.update(b"\n")
    return state.hexdigest()


def _parts(collection: Collection) -> Iterable[list[Any]]:
    for key, document in collection.documents.items():
        yield [key, render(document)]
    for query in collection.queries.values():
        yield [query.id, query.text, query.instruction]
    for name, judged in collection.qrels.items():
        yield [name, sorted(judged.items())]
    for name, listed in collection.candidates.items():
        yield [name, list(listed)]


def require_known(collection: Collection, listed: Mapping[str, Iterable[str]], where: str) -> None:
    """Raises `InputError` where a list names a document that the collection lacks; `where` is what has the list."""
    for query, documents in listed.items():
        for document in documents:
            if document not in collection.documents:
                raise InputError(
                    f"{where}: document {document!r} of query {query!r} is not in the corpus of {collection.name}: "
                    "the list was made from other data."
                )
