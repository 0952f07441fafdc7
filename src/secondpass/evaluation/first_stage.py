"""The first stage of a measurement: BM25's best candidates of a collection, as a run. Knows no second pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.metrics import Run
from secondpass.retrieval.bm25 import BM25Index
from secondpass.types import Document

DEPTH = 50


@dataclass(frozen=True, slots=True)
class FirstStage:
    """`run`: for each query its candidates, best first, with their scores; `dropped`: query id → ids left out of it."""

    run: Run
    dropped: Mapping[str, Sequence[str]]


def bm25(collection: Collection, texts: Sequence[str], *, depth: int = DEPTH) -> FirstStage:
    """BM25's best `depth` documents for every query of the collection.

    `texts` are the rendered documents, in the collection's order. Where the query itself is a document of the corpus
    (query by example), it is left out as BEIR does, unless it is judged relevant; see `itself`.
    """
    ids = list(collection.documents)
    if len(texts) != len(ids):
        raise InputError(f"{len(texts)} texts were given for the {len(ids)} documents of {collection.name}.")
    index = BM25Index(texts)
    by_content = _by_content(collection.documents)
    run: dict[str, dict[str, float]] = {}
    dropped: dict[str, list[str]] = {}
    for query in collection.queries.values():
        own = itself(query, collection, by_content)
        positions, scores = index.top(query.text, depth + len(own))
        found = [(ids[i], float(score)) for i, score in zip(positions, scores, strict=True) if ids[i] not in own]
        run[query.id] = dict(found[:depth])
        if own:
            dropped[query.id] = sorted(own)
    return FirstStage(run, dropped)


def itself(query: Query, collection: Collection, by_content: Mapping[str, Sequence[str]]) -> set[str]:
    """Ids of the documents that are the query itself: same text as title and text together, or same id and same text.

    Ids alone do not tell: in the classic collections queries and documents are both numbered from 1.
    """
    content = _content(query.text)
    own = set(by_content.get(content, ()))
    namesake = collection.documents.get(query.id)
    if namesake is not None and _content(namesake.text) == content:
        own.add(query.id)
    judged = collection.qrels.get(query.id, {})
    return {document for document in own if judged.get(document, 0) <= 0}


def _by_content(documents: Mapping[str, Document]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, document in documents.items():
        found.setdefault(_content(f"{document.title or ''} {document.text}"), []).append(key)
    return found


def _content(text: str) -> str:
    return " ".join(text.split())
