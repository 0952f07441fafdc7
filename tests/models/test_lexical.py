from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.lexical import BM25Scorer
from secondpass.models.scorer import ListScorer, bounded
from secondpass.text.encode import Limits
from secondpass.text.lexical import Statistics, terms

DOCUMENTS = [
    "heat transfer in a laminar boundary layer",
    "the flow past a wing in a slipstream",
    "parseHTTPReply(reply) reads a reply",
    "",
    "東京都の天気",
]
TEXTS = st.lists(st.text(st.characters(exclude_categories=())), max_size=5)


@pytest.mark.parametrize(
    ("query", "best"), [("wing in the slipstream", 1), ("http reply", 2), ("東京 天気", 4), ("Boundary LAYER?", 0)]
)
def test_the_document_that_shares_the_query_comes_first(query: str, best: int) -> None:
    logits = BM25Scorer().score(query, DOCUMENTS).logits
    assert logits.dtype == np.float32
    assert logits.shape == (5,)
    assert int(np.argmax(logits)) == best


@given(st.text(), TEXTS)
def test_any_text_has_a_finite_logit_that_is_not_negative(query: str, documents: list[str]) -> None:
    logits = BM25Scorer().score(query, documents).logits
    assert logits.shape == (len(documents),)
    assert np.isfinite(logits).all()
    assert (logits >= 0).all()


def test_by_default_the_candidates_weigh_the_terms() -> None:
    crowded = [*["wing flow"] * 20, "wing slipstream"]
    by_candidates = BM25Scorer().score("wing slipstream", crowded).logits
    alone = BM25Scorer().score("wing slipstream", crowded[-2:]).logits
    assert by_candidates[-1] != alone[-1]
    assert by_candidates[0] < by_candidates[-1]


def test_a_table_makes_the_logit_independent_of_the_other_candidates() -> None:
    scorer = BM25Scorer(Statistics.over(terms(document) for document in DOCUMENTS))
    together = scorer.score("flow past a wing", DOCUMENTS).logits
    alone = [scorer.score("flow past a wing", [document]).logits[0] for document in DOCUMENTS]
    np.testing.assert_array_equal(together, np.array(alone, np.float32))


def test_a_table_may_be_given_as_a_file(tmp_path: Path) -> None:
    statistics = Statistics.over(terms(document) for document in DOCUMENTS)
    statistics.save(tmp_path / "table.json.gz")
    from_file, given_ = BM25Scorer(tmp_path / "table.json.gz"), BM25Scorer(statistics)
    assert from_file.declared == given_.declared
    np.testing.assert_array_equal(from_file.score("a wing", DOCUMENTS).logits, given_.score("a wing", DOCUMENTS).logits)
    with pytest.raises(InputError, match=r"absent\.json"):
        BM25Scorer(tmp_path / "absent.json")


def test_it_declares_what_it_is() -> None:
    declared = BM25Scorer().declared
    assert (declared.name, declared.activation, declared.instructions) == ("bm25", "ratio", "ignored")
    assert declared.max_tokens is None
    assert not declared.separable


def test_everything_that_moves_a_score_changes_the_version() -> None:
    scorers = [
        BM25Scorer(),
        BM25Scorer(k1=0.9),
        BM25Scorer(b=0.4),
        BM25Scorer(Statistics(10, 5.0, {"a": 1})),
        BM25Scorer(Statistics(10, 5.0, {"a": 2})),
    ]
    assert len({scorer.declared.version for scorer in scorers}) == len(scorers)


def test_it_is_a_list_scorer_whose_tokens_are_terms() -> None:
    scorer: ListScorer = BM25Scorer()
    found = scorer.score("a wing", DOCUMENTS, None, Limits())
    assert (found.tokens, found.truncated) == ([7, 8, 8, 0, 5], [False] * 5)
    assert scorer.score("a wing", [], None, Limits()).tokens == []
    scorer.close()


def test_equal_documents_have_equal_logits_and_scores_keep_the_order() -> None:
    logits = BM25Scorer().score("flow past a wing", [*DOCUMENTS, DOCUMENTS[1]]).logits
    assert logits[1] == logits[-1]
    scores = bounded(logits, "ratio")
    assert ((scores >= 0) & (scores < 1)).all()
    np.testing.assert_array_equal(np.argsort(-scores, kind="stable"), np.argsort(-logits, kind="stable"))


def test_ten_thousand_documents_and_one_of_two_megabytes_take_seconds() -> None:
    documents = [f"{DOCUMENTS[i % 5]} number {i} " * 8 for i in range(10_000)]
    documents[17] = "a wing in a slipstream " * 90_000
    began = time.perf_counter()
    logits = BM25Scorer().score("flow past a wing number 17", documents).logits
    assert time.perf_counter() - began < 20
    assert logits.shape == (10_000,)
