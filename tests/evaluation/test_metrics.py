"""Measures against worked examples and against trec_eval itself, on graded data full of ties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.metrics import evaluate, mean, trec_order

_IDS = st.text("ab1é語", min_size=1, max_size=3)
# Few distinct scores, so that most rankings have ties; the rest anywhere, so that single precision matters too.
_SCORES = st.one_of(
    st.sampled_from([0.0, 1.0, 2.5]), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1 + 1e-10])
)
_RUNS = st.dictionaries(_IDS, st.dictionaries(_IDS, _SCORES, min_size=1, max_size=15), min_size=1, max_size=4)
_QRELS = st.dictionaries(
    _IDS, st.dictionaries(_IDS, st.integers(-1, 3), min_size=1, max_size=15), min_size=1, max_size=4
)
_TREC_NAME = {"nDCG": "ndcg_cut_{}", "R": "recall_{}", "Success": "success_{}"}


@given(run=_RUNS, qrels=_QRELS, cutoff=st.sampled_from([1, 3, 5, 10]), family=st.sampled_from(sorted(_TREC_NAME)))
def test_every_value_is_what_trec_eval_gives(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]], cutoff: int, family: str
) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    name = _TREC_NAME[family].format(cutoff)
    expected = pytrec_eval.RelevanceEvaluator(qrels, {name}).evaluate(run)
    found = evaluate(run, qrels, f"{family}@{cutoff}")
    assert list(found) == list(qrels)
    for query, value in found.items():
        assert value == pytest.approx(expected[query][name] if query in expected else 0.0, abs=1e-9)


@given(run=_RUNS, qrels=_QRELS, cutoff=st.integers(1, 12))
def test_reciprocal_rank_is_that_of_trec_eval_up_to_its_cutoff(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]], cutoff: int
) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(run)
    for query, value in evaluate(run, qrels, f"RR@{cutoff}").items():
        uncut = expected[query]["recip_rank"] if query in expected else 0.0
        within = uncut and 1 / uncut <= cutoff + 1e-9
        assert value == pytest.approx(uncut if within else 0.0, abs=1e-9)


def test_ndcg_has_linear_gain_and_log2_discount_over_the_ideal_order() -> None:
    run = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}
    qrels = {"q": {"a": 1, "c": 3, "elsewhere": 2}}
    dcg = 1 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert evaluate(run, qrels)["q"] == pytest.approx(dcg / ideal, abs=1e-12)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("RR@10", 0.5), ("RR@1", 0.0), ("R@2", 0.5), ("R@10", 1.0), ("Success@1", 0.0), ("Success@2", 1.0)],
)
def test_cutoffs_count_the_first_k(measure: str, expected: float) -> None:
    run = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}}
    assert evaluate(run, {"q": {"b": 1, "d": 2}}, measure) == {"q": expected}


def test_ties_go_to_the_higher_document_id() -> None:
    assert trec_order({"a": 1.0, "c": 1.0, "b": 1.0, "d": 0.0}) == ["c", "b", "a", "d"]


def test_scores_that_single_precision_cannot_tell_apart_are_ties() -> None:
    assert trec_order({"a": 1 + 1e-10, "b": 1.0}) == ["b", "a"]
    assert trec_order({"a": 1 + 1e-6, "b": 1.0}) == ["a", "b"]


def test_infinite_scores_keep_their_places() -> None:
    assert trec_order({"a": -math.inf, "b": math.inf, "c": 0.0}) == ["b", "c", "a"]


def test_a_query_without_relevant_documents_counts_zero_and_is_not_left_out() -> None:
    run = {"q": {"a": 1.0}, "r": {"a": 1.0}}
    assert evaluate(run, {"q": {"a": 0}, "r": {"a": 1}}) == {"q": 0.0, "r": 1.0}


def test_a_query_that_the_run_lacks_counts_zero_and_one_that_nobody_judged_does_not_count() -> None:
    assert evaluate({"unjudged": {"a": 1.0}}, {"missing": {"a": 1}}) == {"missing": 0.0}


def test_nan_is_refused_with_the_query_and_the_document() -> None:
    with pytest.raises(InputError, match=r"document 'b' for query 'q' is NaN"):
        evaluate({"q": {"a": 1.0, "b": math.nan}}, {"q": {"a": 1}})


@pytest.mark.parametrize("measure", ["nDCG", "ndcg@10", "nDCG@0", "MAP@10", "nDCG@ten", ""])
def test_an_unknown_measure_is_refused_with_the_known_ones(measure: str) -> None:
    with pytest.raises(InputError, match="nDCG@k, RR@k, R@k, Success@k"):
        evaluate({}, {}, measure)


def test_the_mean_needs_a_query() -> None:
    assert mean({"a": 0.25, "b": 0.75}) == 0.5
    with pytest.raises(InputError, match="no query"):
        mean({})
