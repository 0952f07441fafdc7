"""Records of two collections under one setting, small enough to count by hand, with names that would break a page."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.metrics import evaluate_all
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.speed import Timing
from secondpass.types import Document

HOSTILE = "<script>alert('x')</script>&\""
MEASURES = ("nDCG@10", "RR@10")
MODELS = ("alpha", f"beta {HOSTILE}")


def collected(name: str, *, queries: int = 12, documents: int = 40) -> Collection:
    """Every query has two relevant documents; the last query's are beyond the reach of the first stage below."""
    texts = {f"d{i}": Document(f"{name} document {i} {HOSTILE}", id=f"d{i}") for i in range(documents)}
    asked = {f"q{i}": Query(f"q{i}", f"{name} question {i} {HOSTILE}") for i in range(queries)}
    qrels = {f"q{i}": {f"d{i % 10}": 1.0, f"d{(i + 7) % 15}": 2.0} for i in range(queries)}
    qrels[f"q{queries - 1}"] = {f"d{documents - 1}": 1.0}
    return Collection(name, texts, asked, qrels)


def recorded(
    collection: Collection, models: tuple[str, ...] = MODELS, *, depth: int = 20, seed: int = 0
) -> list[Record]:
    """The first `depth` documents in a random order, reordered by chance and by merit, the second model with more."""
    generator = random.Random(f"{collection.name} {seed}")
    protocol = Protocol(collection.name, "random (seed 0)", depth, len(collection.queries), seed, "0123456789abcdef")
    ids = list(collection.documents)[:depth]
    first = {q: {d: generator.random() for d in generator.sample(ids, depth)} for q in collection.queries}
    best = {q: {d: collection.qrels[q].get(d, 0) - i / 1e3 for i, d in enumerate(run)} for q, run in first.items()}
    found = [record(protocol, collection, NO_RERANKING, first)]
    for merit, model in enumerate(models, 1):
        run = {
            q: {d: generator.gauss(0, 1) + merit * (collection.qrels[q].get(d, 0) > 0) for d in scores}
            for q, scores in first.items()
        }
        found.append(record(protocol, collection, model, run, merit=merit))
    return [*found, record(protocol, collection, CEILING, best)]


def record(
    protocol: Protocol, collection: Collection, model: str, run: Mapping[str, Mapping[str, float]], *, merit: int = 0
) -> Record:
    """The record of a run; with `merit` it is a model's, which took that many eighths of a second a query."""
    values = evaluate_all(run, collection.qrels, MEASURES)
    timings = {q: Timing(merit / 8, len(scores), 900) for q, scores in run.items()} if merit else {}
    truncated = {"q0": ("d0", "d1")} if merit else {}
    return Record(protocol, model, "v1" if merit else "", values, run, timings, truncated, 512.0 if merit else None)


@pytest.fixture
def collections() -> dict[str, Collection]:
    """Two collections by name."""
    return {name: collected(name) for name in ("tea", "coffee")}


@pytest.fixture
def records(collections: Mapping[str, Collection]) -> list[Record]:
    """Both collections' records."""
    return [record for collection in collections.values() for record in recorded(collection)]
