"""Scorers, rerankers and fusion over a first stage's candidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.metrics import evaluate
from secondpass.evaluation.second_pass import fuse, rerank_candidates, score_candidates
from secondpass.text.lexical import terms
from secondpass.types import AnyDocument, Document, Hit, Ranking

FIRST = {"1": {"5": 3.0, "3": 2.0, "1": 1.0}, "b": {"4": 2.0, "2": 1.0}}


def _shared(query: str, document: str) -> int:
    return len(set(terms(query)) & set(terms(document)))


def _overlap(query: str, instruction: str | None, documents: Sequence[Document]) -> list[int]:
    return [_shared(query, document.text) for document in documents]


class ByOverlap:
    """A reranker over shared terms; it keeps what it was asked."""

    def __init__(self, *, keep: int = 100) -> None:
        self.keep = keep
        self.instructions: Sequence[str | None] | None = None

    def rank_many(
        self,
        queries: Sequence[str],
        candidate_lists: Sequence[Sequence[AnyDocument]],
        *,
        instructions: Sequence[str | None] | None = None,
    ) -> list[Ranking]:
        self.instructions = instructions
        return [self._rank(query, documents) for query, documents in zip(queries, candidate_lists, strict=True)]

    def _rank(self, query: str, documents: Sequence[AnyDocument]) -> Ranking:
        hits = [
            Hit(i, 0.5, _shared(query, d.text), d, len(terms(d.text)))
            for i, d in enumerate(documents)
            if isinstance(d, Document)
        ]
        return Ranking(query, tuple(sorted(hits, key=lambda hit: -hit.logit)[: self.keep]), "overlap")


def test_a_scorer_gives_every_candidate_its_logit(collection: Collection) -> None:
    run = score_candidates(collection, FIRST, _overlap)
    assert run["1"] == {"5": 0.0, "3": 3.0, "1": 2.0}
    assert list(run["b"]) == ["4", "2"]


def test_a_better_order_measures_better(collection: Collection) -> None:
    before = evaluate(FIRST, collection.qrels)["1"]
    assert evaluate(score_candidates(collection, FIRST, _overlap), collection.qrels)["1"] > before


def test_a_scorer_gets_the_query_and_its_instruction(collection: Collection) -> None:
    asked: list[tuple[str, str | None, list[str | None]]] = []

    def scorer(query: str, instruction: str | None, documents: Sequence[Document]) -> NDArray[np.float32]:
        asked.append((query, instruction, [document.id for document in documents]))
        return np.zeros(len(documents), np.float32)

    score_candidates(collection, {"b": FIRST["b"]}, scorer)
    assert asked == [("best metal for electric wires", "prefer physics", ["4", "2"])]


def test_a_scorer_that_loses_a_document_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="1 logits for the 3 candidates of '1'"):
        score_candidates(collection, FIRST, lambda query, instruction, documents: [1.0])


def test_a_reranker_and_the_scorer_inside_it_give_the_same_run(collection: Collection) -> None:
    reranker = ByOverlap()
    assert rerank_candidates(collection, FIRST, reranker) == score_candidates(collection, FIRST, _overlap)
    assert reranker.instructions == [None, "prefer physics"]


def test_a_reranker_that_drops_documents_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="2 hits for the 3 candidates of '1'"):
        rerank_candidates(collection, FIRST, ByOverlap(keep=2))


def test_fusion_ranks_each_run_by_its_scores() -> None:
    second = {"1": {"1": 9.0, "3": 8.0, "5": -1.0}, "b": {"2": 0.2, "4": 0.1}}
    fused = fuse([FIRST, second])
    assert fused["1"] == pytest.approx({"5": 1 / 61 + 1 / 63, "3": 2 / 62, "1": 1 / 63 + 1 / 61})
    assert fused["b"] == pytest.approx({"4": 1 / 61 + 1 / 62, "2": 1 / 62 + 1 / 61})


def test_fusion_goes_on_where_a_run_lacks_a_query() -> None:
    assert list(fuse([FIRST, {}])["1"]) == ["5", "3", "1"]
