"""Which queries are told to hang on ties."""

from __future__ import annotations

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.ties import ties

RUN = {
    "boundary": {"a": 3.0, "b": 2.0, "c": 2.0},
    "relevant": {"a": 3.0, "b": 3.0, "c": 2.0, "d": 1.0},
    "both": {"a": 3.0, "b": 3.0, "c": 3.0},
    "neither": {"a": 3.0, "b": 2.0, "c": 1.0, "d": 1.0},
    "nobody asked": {"a": 1.0, "b": 1.0},
}
QRELS = {name: {"a": 1, "b": 0} for name in ("boundary", "relevant", "both", "neither", "lacking")}


def test_queries_with_a_tie_across_the_cutoff_or_at_a_relevant_document_are_named() -> None:
    found = ties(RUN, QRELS, cutoff=2)
    assert found.boundary == ("boundary", "both")
    assert found.relevant == ("relevant", "both")
    assert found.rate == pytest.approx(3 / 5)


def test_a_cutoff_at_the_end_of_a_tie_is_no_boundary_in_it() -> None:
    assert ties(RUN, QRELS, cutoff=3).boundary == ("neither",)


def test_scores_apart_by_less_than_single_precision_are_ties() -> None:
    assert ties({"q": {"a": 1.0, "b": 1 + 1e-10}}, {"q": {"a": 1}}).rate == 1.0
    assert ties({"q": {"a": 1.0, "b": 1 + 1e-6}}, {"q": {"a": 1}}).rate == 0.0


def test_a_run_without_candidates_has_no_ties() -> None:
    assert ties({}, QRELS).rate == 0.0


def test_a_cutoff_and_a_query_are_needed() -> None:
    with pytest.raises(InputError, match="cutoff is 0"):
        ties(RUN, QRELS, cutoff=0)
    with pytest.raises(InputError, match="no query"):
        ties(RUN, {})
