from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.lexical import BM25Scorer
from secondpass.models.scorer import ListScorer, bounded
from secondpass.text.encode import Limits
from secondpass.text.lexical import VARIANTS, Statistics, bm25, terms

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
        *(BM25Scorer(variant=variant) for variant in list(VARIANTS)[1:]),
        BM25Scorer(variant="bm25l", delta=1.0),
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


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_form_is_a_model_with_its_own_name(variant: str) -> None:
    statistics = Statistics.over(terms(document) for document in DOCUMENTS)
    scorer = BM25Scorer(statistics, variant=variant, k1=1.2, b=0.5, delta=0.8)
    assert scorer.declared.name == variant
    expected = [
        bm25(["a", "wing"], terms(document), statistics, 1.2, 0.5, variant=variant, delta=0.8) for document in DOCUMENTS
    ]
    np.testing.assert_allclose(scorer.score("a wing", DOCUMENTS).logits, expected, rtol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@given(st.lists(st.sampled_from(["wing flow", "wing", "flow flow wing", "a", ""]), min_size=1, max_size=12))
def test_scores_of_every_form_lie_between_0_and_1_and_keep_the_order(variant: str, documents: list[str]) -> None:
    scorer = BM25Scorer(variant=variant)
    logits = scorer.score("a wing in the flow", documents).logits  # common terms: Robertson's idf would be negative
    scores = bounded(logits, scorer.declared.activation)
    assert ((scores >= 0) & (scores < 1)).all()
    assert (np.diff(scores[np.argsort(logits, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"variant": "okapi"}, "'okapi'"),
        ({"k1": -1.0}, r"k1=-1\.0"),
        ({"b": 1.5}, r"b=1\.5: give 0 to 1"),
        ({"delta": float("nan")}, "delta=nan"),
        ({"k1": float("inf")}, "k1=inf"),
    ],
)
def test_numbers_that_would_spoil_the_scores_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        BM25Scorer(**options)
