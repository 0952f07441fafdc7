"""Where relevant documents stand, in trec_eval's order and with shared places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secondpass.evaluation.places import by_id, candidates, groups, ideal_places, places, trec_order

RUN = {"q": {"a": 1.0, "b": 2.0, "c": 1.0, "d": 0.0}, "r": {}, "s": {"a": 5.0}}
GRADES = {"q": {"a": 2.0, "d": 0.5, "b": -1.0, "elsewhere": 1.0}, "r": {"a": 1.0}, "s": {"b": 1.0}}
_SCORES = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0]), st.floats(allow_nan=False))


def test_tied_documents_stand_by_id_from_the_last() -> None:
    found = places(by_id(candidates(RUN, GRADES)))
    assert found.query.tolist() == [0, 0]
    assert found.before.tolist() == [2, 3]
    assert found.size.tolist() == [1, 1]
    assert found.gain.tolist() == [2.0, 0.5]


def test_tied_documents_may_share_their_places() -> None:
    found = places(candidates(RUN, GRADES))
    assert found.before.tolist() == [1, 3]
    assert found.size.tolist() == [2, 1]
    assert found.relevant.tolist() == [1, 1]


def test_the_ids_follow_their_candidates() -> None:
    ranked = by_id(candidates(RUN, GRADES))
    assert [ranked.names[i] for i in ranked.given.tolist()] == ["b", "c", "a", "d", "a"]


def test_groups_of_equal_scores_end_with_their_query() -> None:
    run = {"q": {"a": 1.0, "b": 1.0}, "r": {"a": 1.0}}
    first, size = groups(candidates(run, {"q": {}, "r": {}}))
    assert (first.tolist(), size.tolist()) == ([0, 2], [2, 1])


def test_the_ideal_order_has_all_that_was_judged_relevant() -> None:
    ideal = ideal_places(GRADES)
    assert ideal.query.tolist() == [0, 0, 0, 1, 2]
    assert ideal.before.tolist() == [0, 1, 2, 0, 0]
    assert ideal.gain.tolist() == [2.0, 1.0, 0.5, 1.0, 1.0]


def test_a_greater_least_grade_leaves_documents_out() -> None:
    assert places(candidates(RUN, GRADES), least=2).gain.tolist() == [2.0]
    assert ideal_places(GRADES, least=2).query.tolist() == [0]


@given(st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=2), _SCORES, min_size=1), min_size=1, max_size=4))
def test_candidates_are_in_trec_evals_order_whatever_their_scores(lists: list[dict[str, float]]) -> None:
    run = {str(i): scores for i, scores in enumerate(lists)}
    # by_id looks only at groups with a relevant document, so that all are.
    ranked = by_id(candidates(run, {query: dict.fromkeys(scores, 1.0) for query, scores in run.items()}))
    expected = [document for scores in lists for document in trec_order(scores)]
    assert [ranked.names[i] for i in ranked.given.tolist()] == expected
