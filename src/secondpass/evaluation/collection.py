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
class Group:
    """One request, asked with several instructions: `modes`, by their name, the id of the query for each.

    The first two modes are before and after the instruction was edited or turned round; `changed` are the documents
    that this makes worse, which have to move down. `kind`: what the instruction is about.
    """

    id: str
    modes: Mapping[str, str]
    changed: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """`documents` and `queries` by id, and `qrels`: query id → document id → grade (0 judged not relevant).

    `candidates`: query id → the documents that it comes with, in the collection's order; empty where it has none.
    `groups`: by id, for collections of instructions, whose queries all belong to one; all have the same modes.
    `measures`: what its makers measure it by, the first one the most important. `identical_ids`: whether a document
    with a query's own id is no candidate for it, as BEIR has it for the sets whose queries are documents.
    """

    name: str
    documents: Mapping[str, Document]
    queries: Mapping[str, Query]
    qrels: Qrels
    candidates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    identical_ids: bool = False

    @property
    def modes(self) -> tuple[str, ...]:
        """The names of the groups' modes; none where there are no groups."""
        return next((tuple(group.modes) for group in self.groups.values()), ())


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
        state.update(json.dumps(part, ensure_ascii=True, default=str).encode())
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
    if collection.groups:  # an instruction may be about metadata, and about the day it is asked
        yield [[document.id, dict(document.metadata)] for document in collection.documents.values()]
        yield [[query.id, query.metadata.get("now")] for query in collection.queries.values()]


def require_known(collection: Collection, listed: Mapping[str, Iterable[str]], where: str) -> None:
    """Raises `InputError` where a list names a document that the collection lacks; `where` is what has the list."""
    for query, documents in listed.items():
        for document in documents:
            if document not in collection.documents:
                raise InputError(
                    f"{where}: document {document!r} of query {query!r} is not in the corpus of {collection.name}: "
                    "the list was made from other data."
                )
