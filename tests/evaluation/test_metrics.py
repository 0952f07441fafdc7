"""Measures against worked examples, against trec_eval itself on graded data full of ties, and against all orders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, groupby, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.metrics import Measure, evaluate, evaluate_all, mean, trec_order

_IDS = st.text("ab1é語", min_size=1, max_size=3)
# Few distinct scores, so that most rankings have ties; the rest anywhere, so that single precision matters too.
_SCORES = st.one_of(
    st.sampled_from([0.0, 1.0, 2.5]), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1 + 1e-10])
)
_RUNS = st.dictionaries(_IDS, st.dictionaries(_IDS, _SCORES, min_size=1, max_size=15), min_size=1, max_size=4)
_QRELS = st.dictionaries(
    _IDS, st.dictionaries(_IDS, st.integers(-1, 3), min_size=1, max_size=15), min_size=1, max_size=4
)
_TREC_NAME = {
    **{f"nDCG@{k}": f"ndcg_cut_{k}" for k in (1, 3, 10)},
    **{f"AP@{k}": f"map_cut_{k}" for k in (1, 3, 10)},
    **{f"P@{k}": f"P_{k}" for k in (1, 3, 10)},
    **{f"R@{k}": f"recall_{k}" for k in (1, 3, 10)},
    **{f"Success@{k}": f"success_{k}" for k in (1, 3, 10)},
    "nDCG": "ndcg",
    "RR": "recip_rank",
    "AP": "map",
}
_ALL = ("nDCG", "nDCG@2", "RR", "RR@3", "AP", "AP@3", "P@3", "R@2", "Success@2")


@given(run=_RUNS, qrels=_QRELS)
def test_every_value_is_what_trec_eval_gives(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]]
) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    expected = pytrec_eval.RelevanceEvaluator(qrels, set(_TREC_NAME.values())).evaluate(run)
    found = evaluate_all(run, qrels, _TREC_NAME)
    assert list(found) == list(_TREC_NAME)
    for measure, name in _TREC_NAME.items():
        assert list(found[measure]) == list(qrels)
        for query, value in found[measure].items():
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


@given(
    scores=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, 2.0]), min_size=1),
    judged=st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1),
)
def test_expected_ties_are_the_mean_over_all_orders(scores: dict[str, float], judged: dict[str, float]) -> None:
    found = evaluate_all({"q": scores}, {"q": judged}, _ALL, ties="expected")
    orders = list(_orders(scores))
    strict = {str(i): {d: -float(rank) for rank, d in enumerate(order)} for i, order in enumerate(orders)}
    every = evaluate_all(strict, dict.fromkeys(strict, judged), _ALL)
    for measure in _ALL:
        assert found[measure]["q"] == pytest.approx(mean(every[measure]), abs=1e-12)


def _orders(scores: dict[str, float]) -> Iterator[list[str]]:
    """Every order of the documents that the scores allow."""
    ordered = sorted(scores, key=lambda document: -scores[document])
    tied = [list(permutations(group)) for _, group in groupby(ordered, key=lambda document: scores[document])]
    return (list(chain.from_iterable(order)) for order in product(*tied))


@given(run=_RUNS, qrels=_QRELS, factor=st.sampled_from([0.25, 0.1, 7.5]))
def test_grades_may_be_fractions_and_only_their_proportions_count(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]], factor: float
) -> None:
    fractions = {q: {d: grade * factor for d, grade in judged.items()} for q, judged in qrels.items()}
    whole, scaled = evaluate_all(run, qrels, _ALL), evaluate_all(run, fractions, _ALL)
    for measure in _ALL:
        assert scaled[measure] == pytest.approx(whole[measure], abs=1e-12)


def test_ndcg_has_linear_gain_and_log2_discount_over_the_ideal_order() -> None:
    run = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}
    qrels = {"q": {"a": 0.5, "c": 3, "elsewhere": 2}}
    dcg = 0.5 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 0.5 / math.log2(4)
    assert evaluate(run, qrels)["q"] == pytest.approx(dcg / ideal, abs=1e-12)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("RR@10", 1 / 2),
        ("RR@1", 0),
        ("R@2", 1 / 2),
        ("R@10", 1),
        ("Success@1", 0),
        ("Success@2", 1),
        ("P@2", 1 / 2),
        ("P@10", 2 / 10),
        ("AP", (1 / 2 + 2 / 4) / 2),
        ("AP@3", 1 / 2 / 2),
        ("RR(rel=2)@10", 1 / 4),
        ("Success(rel=2)@3", 0),
        ("R(rel=2)@4", 1),
    ],
)
def test_cutoffs_count_the_first_k(measure: str, expected: float) -> None:
    run = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}}
    assert evaluate(run, {"q": {"b": 1, "d": 2}}, measure) == pytest.approx({"q": expected}, abs=1e-12)


def test_three_tied_documents_are_worth_the_last_id_or_their_mean() -> None:
    run, qrels = {"q": {"a": 1.0, "b": 1.0, "c": 1.0}}, {"q": {"c": 1}}
    assert evaluate(run, qrels, "RR@10") == {"q": 1.0}
    assert evaluate(run, qrels, "RR@10", ties="expected") == pytest.approx({"q": (1 + 1 / 2 + 1 / 3) / 3})
    assert evaluate(run, qrels, "RR@2", ties="expected") == pytest.approx({"q": (1 + 1 / 2) / 3})


def test_several_measures_at_once_are_the_same_as_one_by_one() -> None:
    run = {"q": {"a": 1.0, "b": 1.0, "c": 0.5}, "r": {"a": 2.0}}
    qrels = {"q": {"a": 1, "c": 2}, "r": {"b": 1}, "s": {"a": 1}}
    for measure, values in evaluate_all(run, qrels, _ALL).items():
        assert values == evaluate(run, qrels, measure)


def test_ties_go_to_the_higher_document_id() -> None:
    assert trec_order({"a": 1.0, "c": 1.0, "b": 1.0, "d": 0.0}) == ["c", "b", "a", "d"]


def test_scores_that_single_precision_cannot_tell_apart_are_ties() -> None:
    assert trec_order({"a": 1 + 1e-10, "b": 1.0}) == ["b", "a"]
    assert trec_order({"a": 1 + 1e-6, "b": 1.0}) == ["a", "b"]


def test_infinite_scores_keep_their_places() -> None:
    scores = {"a": -math.inf, "b": math.inf, "c": 0.0}
    assert trec_order(scores) == ["b", "c", "a"]
    assert evaluate({"q": scores}, {"q": {"a": 1}}, "RR") == pytest.approx({"q": 1 / 3})


def test_a_query_without_relevant_documents_counts_zero_and_is_not_left_out() -> None:
    run = {"q": {"a": 1.0}, "r": {"a": 1.0}}
    assert evaluate(run, {"q": {"a": 0}, "r": {"a": 1}}) == {"q": 0.0, "r": 1.0}


@pytest.mark.parametrize("measure", _ALL)
def test_a_query_that_the_run_lacks_counts_zero_and_one_that_nobody_judged_does_not_count(measure: str) -> None:
    assert evaluate({"unjudged": {"a": 1.0}}, {"missing": {"a": 1}}, measure) == {"missing": 0.0}


def test_without_judgements_there_are_no_values() -> None:
    assert evaluate({"q": {"a": 1.0}}, {}) == {}


def test_nan_is_refused_with_the_query_and_the_document() -> None:
    with pytest.raises(InputError, match=r"document 'b' for query 'q' is NaN"):
        evaluate({"q": {"a": 1.0, "b": math.nan}}, {"q": {"a": 1}})
    with pytest.raises(InputError, match=r"document 'b' for query '\?' is NaN"):
        trec_order({"a": 1.0, "b": math.nan})


@pytest.mark.parametrize("grade", [math.nan, math.inf])
def test_a_grade_that_is_not_finite_is_refused_with_the_query_and_the_document(grade: float) -> None:
    with pytest.raises(InputError, match=rf"grade of document 'b' for query 'q' is {grade}"):
        evaluate({"q": {"a": 1.0}}, {"q": {"a": 1, "b": grade}})


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("nDCG@10", "nDCG@10"),
        ("ndcg@10", "nDCG@10"),
        ("MRR@10", "RR@10"),
        ("MRR", "RR"),
        ("MAP", "AP"),
        ("MAP@100", "AP@100"),
        ("Recall@100", "R@100"),
        ("precision@5", "P@5"),
        ("HitRate@5", "Success@5"),
        ("RR(rel=3)@10", "RR(rel=3)@10"),
        ("mrr(rel=0.5)", "RR(rel=0.5)"),
    ],
)
def test_other_names_of_a_measure_are_read_and_its_own_is_shown(name: str, canonical: str) -> None:
    assert str(Measure.named(name)) == canonical
    assert list(evaluate_all({}, {}, [name])) == [canonical]


@pytest.mark.parametrize(
    "measure", ["R", "P", "Success", "nDCG@0", "nDCG@ten", "nDCG@10 ", "nDCG(rel=x)@10", "F1@5", ""]
)
def test_an_unknown_measure_is_refused_with_the_known_ones(measure: str) -> None:
    with pytest.raises(InputError, match="nDCG@k, RR@k, AP@k, P@k, R@k, Success@k"):
        evaluate({}, {}, measure)


def test_the_mean_needs_a_query() -> None:
    assert mean({"a": 0.25, "b": 0.75}) == 0.5
    with pytest.raises(InputError, match="no query"):
        mean({})
