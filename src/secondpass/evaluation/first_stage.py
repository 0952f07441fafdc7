"""First stages: what finds the candidates that a second pass reorders, each with a name that every result carries.

Knows collections and runs; no second pass, and nothing of names and caches (`stages`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.evaluation.candidates import read_candidates
from secondpass.evaluation.collection import Collection, Query, require_known
from secondpass.evaluation.metrics import Run, trec_order
from secondpass.evaluation.trec import read_run
from secondpass.retrieval import bm25 as lexical
from secondpass.retrieval.bm25 import BM25Index
from secondpass.retrieval.top import top
from secondpass.text.lexical import TERMS_VERSION, find_variant
from secondpass.text.render import RENDERER, render
from secondpass.types import Document

if TYPE_CHECKING:
    from secondpass.ranking.reranker import Reranker

DEPTH = 50


@dataclass(frozen=True, slots=True)
class FirstStage:
    """What a first stage found: for each query its candidates, best first, with their scores.

    `dropped`: query id → ids left out of them because they are the query itself. `name`: which first stage it was, with
    all that tells it from others.
    """

    run: Run
    dropped: Mapping[str, Sequence[str]]
    name: str = ""


class Stage(Protocol):
    """One way to find candidates. `name` tells it from all others, `key` from itself at another time, for a cache."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    def find(self, collection: Collection, depth: int) -> FirstStage:
        """At most `depth` candidates for every query of the collection."""


@dataclass(frozen=True, slots=True)
class BM25:
    """BM25 over the whole corpus, in one of the forms of `text.lexical.VARIANTS`."""

    variant: str = lexical.VARIANT

    @property
    def name(self) -> str:
        return f"{self.variant} ({find_variant(self.variant).method}, k1 {lexical.K1:g}, b {lexical.B:g})"

    @property
    def key(self) -> str:
        return f"{self.name} terms {TERMS_VERSION} renderer {RENDERER}"

    def find(self, collection: Collection, depth: int) -> FirstStage:
        texts = [render(document) for document in collection.documents.values()]
        index = BM25Index(texts, variant=self.variant)
        return _searched(collection, depth, self.name, lambda query, k: index.top(query.text, k))


@dataclass(frozen=True, slots=True)
class Dense:
    """Any bi-encoder over the whole corpus: the best products of vectors, exact. Instructions are not read."""

    encoder: Reranker

    @property
    def name(self) -> str:
        return f"dense ({self.encoder.name})"

    @property
    def key(self) -> str:
        return f"{self.name} {self.encoder.declared.version} {self.encoder.limits!r}"

    def find(self, collection: Collection, depth: int) -> FirstStage:
        if not self.encoder.declared.separable:
            raise InputError(
                f"{self.encoder.name} reads query and document together: a first stage needs a bi-encoder."
            )
        texts = [render(document) for document in collection.documents.values()]

        def search(query: Query, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            by_index = sorted(self.encoder.rank(query.text, texts, progress=False), key=lambda hit: hit.index)
            return top(np.array([hit.logit for hit in by_index], np.float32), k)

        return _searched(collection, depth, self.name, search)


@dataclass(frozen=True, slots=True)
class GivenRun:
    """The candidates of a run file, in trec_eval's order."""

    path: Path

    @property
    def name(self) -> str:
        return f"run ({self.path.name})"

    @property
    def key(self) -> str:
        return f"{self.name} {_content_of(self.path)}"

    def find(self, collection: Collection, depth: int) -> FirstStage:
        run = read_run(self.path).run
        require_known(collection, {query: run[query] for query in run if query in collection.queries}, str(self.path))
        ordered = {query: {d: scores[d] for d in trec_order(scores, query=query)} for query, scores in run.items()}
        return _kept(collection, depth, self.name, lambda query: ordered.get(query.id, {}))


@dataclass(frozen=True, slots=True)
class GivenCandidates:
    """The candidate lists that a collection comes with, or those of a file, in their order."""

    path: Path | None = None

    @property
    def name(self) -> str:
        return "candidates" if self.path is None else f"candidates ({self.path.name})"

    @property
    def key(self) -> str:
        return self.name if self.path is None else f"{self.name} {_content_of(self.path)}"

    def find(self, collection: Collection, depth: int) -> FirstStage:
        listed = collection.candidates if self.path is None else read_candidates(self.path)
        if not listed:
            raise InputError(f"{collection.name} comes without candidates: choose another first stage, such as bm25.")
        own = {query: listed[query] for query in listed if query in collection.queries}
        require_known(collection, own, str(self.path or collection.name))
        return _kept(collection, depth, self.name, lambda query: _by_rank(own.get(query.id, ())))


@dataclass(frozen=True, slots=True)
class Oracle:
    """The relevant documents first, the best grades before the rest, and then others at random: the upper bound."""

    seed: int = 0

    @property
    def name(self) -> str:
        return f"oracle (seed {self.seed})"

    @property
    def key(self) -> str:
        return self.name

    def find(self, collection: Collection, depth: int) -> FirstStage:
        def best_first(query: Query) -> dict[str, float]:
            judged = collection.qrels.get(query.id, {})
            relevant = [d for d, grade in judged.items() if grade > 0 and d in collection.documents]
            relevant.sort(key=lambda document: (-judged[document], document))
            others = (d for d in _drawn(collection, query, depth + len(relevant) + 1, self.seed) if d not in relevant)
            return _by_rank([*relevant, *others])

        return _kept(collection, depth, self.name, best_first)


@dataclass(frozen=True, slots=True)
class Random:
    """Documents of the corpus at random, the same for the same seed and query: the lower bound."""

    seed: int = 0

    @property
    def name(self) -> str:
        return f"random (seed {self.seed})"

    @property
    def key(self) -> str:
        return self.name

    def find(self, collection: Collection, depth: int) -> FirstStage:
        return _kept(collection, depth, self.name, lambda q: _by_rank(_drawn(collection, q, 2 * depth, self.seed)))


def bm25(collection: Collection, texts: Sequence[str], *, depth: int = DEPTH) -> FirstStage:
    """BM25's best `depth` documents for every query of the collection.

    `texts` are the rendered documents, in the collection's order. Where the query itself is a document of the corpus
    (query by example), it is left out as BEIR does, unless it is judged relevant; see `itself`.
    """
    if len(texts) != len(collection.documents):
        raise InputError(
            f"{len(texts)} texts were given for the {len(collection.documents)} documents of {collection.name}."
        )
    index = BM25Index(texts)
    return _searched(collection, depth, BM25().name, lambda query, k: index.top(query.text, k))


def itself(query: Query, collection: Collection, by_content: Mapping[str, Sequence[str]]) -> set[str]:
    """Ids of the documents that are the query itself: same text as title and text together, or same id and same text.

    Ids alone do not tell: in the classic collections queries and documents are both numbered from 1. They do where the
    collection says so (`identical_ids`), and then even of a document that is judged relevant, as in BEIR.
    """
    content = _content(query.text)
    own = set(by_content.get(content, ()))
    namesake = collection.documents.get(query.id)
    if namesake is not None and _content(namesake.text) == content:
        own.add(query.id)
    judged = collection.qrels.get(query.id, {})
    left_out = {document for document in own if judged.get(document, 0) <= 0}
    return left_out | {query.id} if collection.identical_ids and namesake is not None else left_out


Search = Callable[[Query, int], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Positions and scores of a query's best k documents, best first."""


def _searched(collection: Collection, depth: int, name: str, search: Search) -> FirstStage:
    ids = list(collection.documents)

    def found(query: Query, own: int) -> dict[str, float]:
        positions, scores = search(query, depth + own)
        return {ids[i]: float(score) for i, score in zip(positions, scores, strict=True)}

    return _without_itself(collection, depth, name, found)


def _kept(collection: Collection, depth: int, name: str, listed: Callable[[Query], Mapping[str, float]]) -> FirstStage:
    return _without_itself(collection, depth, name, lambda query, _: listed(query))


def _without_itself(
    collection: Collection, depth: int, name: str, found: Callable[[Query, int], Mapping[str, float]]
) -> FirstStage:
    if depth < 1:
        raise InputError(f"The depth is {depth}: ask for at least 1 candidate.")
    by_content = _by_content(collection.documents)
    run: dict[str, dict[str, float]] = {}
    dropped: dict[str, list[str]] = {}
    for query in collection.queries.values():
        own = itself(query, collection, by_content)
        left = [(key, score) for key, score in found(query, len(own)).items() if key not in own]
        run[query.id] = dict(left[:depth])
        if own:
            dropped[query.id] = sorted(own)
    return FirstStage(run, dropped, name)


def _by_rank(documents: Iterable[str]) -> dict[str, float]:
    """Scores for a list without any: 1, 1/2, 1/3, …"""
    return {document: 1.0 / rank for rank, document in enumerate(documents, 1)}


def _drawn(collection: Collection, query: Query, count: int, seed: int) -> list[str]:
    ids = list(collection.documents)
    return random.Random(f"{seed}:{query.id}").sample(ids, min(count, len(ids)))


def _content_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _by_content(documents: Mapping[str, Document]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, document in documents.items():
        found.setdefault(_content(f"{document.title or ''} {document.text}"), []).append(key)
    return found


def _content(text: str) -> str:
    return " ".join(text.split())
