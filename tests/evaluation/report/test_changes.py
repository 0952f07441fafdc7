from __future__ import annotations

from collections.abc import Mapping

import pytest

from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.metrics import evaluate_all
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.report.changes import Place, changes, far_down, losses, not_found, places, wins
from secondpass.evaluation.report.study import Study, settings
from secondpass.types import Document

IDS = [f"d{i:02}" for i in range(14)]
QRELS = {"up": {"d01": 1, "gone": 1}, "down": {"d00": 2}, "same": {"d13": 1}, "lost": {"elsewhere": 1, "d02": 0}}


def ranked(*first: str) -> dict[str, float]:
    """All candidates, these first."""
    order = [*first, *(document for document in IDS if document not in first)]
    return {document: float(-rank) for rank, document in enumerate(order)}


@pytest.fixture
def study() -> Study:
    documents = {name: Document(name) for name in IDS}
    collection = Collection("c", documents, {name: Query(name, name) for name in QRELS}, QRELS)
    model = {"up": ranked("d01"), "down": ranked(*IDS[1:]), "same": ranked(), "lost": ranked("d05")}
    runs: Mapping[str, Mapping[str, Mapping[str, float]]] = {
        NO_RERANKING: dict.fromkeys(QRELS, ranked()),
        "model": model,
        CEILING: dict.fromkeys(QRELS, ranked()),
    }
    protocol = Protocol("c", "given", 14, 4, None, "")
    records = [Record(protocol, name, "", evaluate_all(run, QRELS, ["RR"]), run, {}, {}) for name, run in runs.items()]
    return settings(records, {"c": collection})[0].studies[0]


def test_queries_are_sorted_by_what_they_gained(study: Study) -> None:
    found = changes(study, "model")
    assert [(change.query, change.before, change.after) for change in found] == [
        ("up", 0.5, 1.0),
        ("lost", 0.0, 0.0),
        ("same", 1 / 14, 1 / 14),
        ("down", 1.0, 1 / 14),
    ]
    assert [change.query for change in wins(found)] == ["up"]
    assert [change.query for change in losses(found)] == ["down"]


def test_relevant_documents_are_followed_from_rank_to_rank(study: Study) -> None:
    assert places(study, "model", "up") == [Place("d01", 1, 2, 1), Place("gone", 1, None, None)]
    assert places(study, "model", "down") == [Place("d00", 2, 1, 14)]


def test_far_down_is_what_was_a_candidate_and_not_seen(study: Study) -> None:
    assert [change.query for change in far_down(study, changes(study, "model"), "model")] == ["down", "same"]


def test_queries_that_no_model_could_help_are_found(study: Study) -> None:
    assert not_found(study) == ["lost"]
