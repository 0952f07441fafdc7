"""BM25's candidates as a run, and the query that is itself a document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.first_stage import bm25
from secondpass.text.render import render
from secondpass.types import Document

pytest.importorskip("bm25s")


def _texts(collection: Collection) -> list[str]:
    return [render(document) for document in collection.documents.values()]


def test_every_query_gets_its_best_candidates_best_first(collection: Collection) -> None:
    stage = bm25(collection, _texts(collection), depth=3)
    assert list(stage.run) == ["1", "b", "c"]
    assert next(iter(stage.run["c"])) == "5"
    for candidates in stage.run.values():
        assert len(candidates) == 3
        assert list(candidates.values()) == sorted(candidates.values(), reverse=True)


def test_a_document_that_shares_only_its_number_with_the_query_stays(collection: Collection) -> None:
    stage = bm25(collection, _texts(collection), depth=5)
    assert "1" in stage.run["1"]
    assert stage.dropped == {}


def _by_example(query: Query, grade: int | None) -> Collection:
    documents = {
        "x": Document("of copper and iron", id="x", title="The conductivity"),
        "y": Document("of iron and other metals", id="y", title="The conductivity"),
        "z": Document("of copper", id="z"),
    }
    judged = {"y": 1} if grade is None else {"y": 1, "x": grade}
    return Collection("papers", documents, {query.id: query}, {query.id: judged})


@pytest.mark.parametrize("grade", [None, 0])
@pytest.mark.parametrize(
    "query", [Query("x-method", "The conductivity\nof copper and iron"), Query("x", "of copper  and iron")]
)
def test_a_query_that_is_a_document_is_left_out_and_the_depth_kept(query: Query, grade: int | None) -> None:
    collection = _by_example(query, grade)
    stage = bm25(collection, _texts(collection), depth=2)
    assert set(stage.run[query.id]) == {"y", "z"}
    assert stage.dropped == {query.id: ["x"]}


def test_the_same_text_under_another_id_stays_where_the_title_tells_them_apart() -> None:
    collection = _by_example(Query("q", "of copper and iron"), None)
    assert "x" in bm25(collection, _texts(collection)).run["q"]


def test_a_document_that_is_judged_relevant_is_never_left_out() -> None:
    collection = _by_example(Query("x", "The conductivity of copper and iron"), 1)
    assert "x" in bm25(collection, _texts(collection)).run["x"]


def test_texts_must_be_those_of_the_collection(collection: Collection) -> None:
    with pytest.raises(InputError, match="1 texts were given for the 5 documents of kettle"):
        bm25(collection, ["one"])


def test_a_changed_rendering_changes_the_candidates(collection: Collection) -> None:
    only = replace(collection, queries={"t": Query("t", "tea")})
    assert next(iter(bm25(only, _texts(only)).run["t"])) == "4"
    assert bm25(only, ["nothing"] * 5).run["t"] == dict.fromkeys("12345", 0.0)
