"""Who answers, told from a list's logits alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.candidates import Candidates
from secondpass.ranking.gate import EQUAL, boundary_of, gate

LOGITS = st.lists(st.floats(-50, 50), max_size=40)


def opened(logits: list[float]) -> list[float]:
    documents = ["text"] * len(logits)
    return list(gate(Candidates("query", None, documents, documents, np.array(logits, dtype=np.float64))))


def test_documents_far_below_the_others_are_shut_out() -> None:
    assert opened([2.0, 2.2, -3.0, 1.9, -2.5]) == [1, 1, 0, 1, 0]


def test_another_scale_makes_no_difference() -> None:
    assert opened([20.0, 22.0, -30.0, 19.0, -25.0]) == opened([2.0, 2.2, -3.0, 1.9, -2.5])


def test_documents_that_answer_equally_well_are_all_open() -> None:
    assert opened([2.0, 2.0 + 0.9 * EQUAL, 2.3]) == [1, 1, 1]
    assert boundary_of(np.array([2.0, 2.3])) is None


def test_empty_and_single_lists_are_open() -> None:
    assert opened([]) == []
    assert opened([-9.0]) == [1]


@given(LOGITS)
def test_a_gate_lies_between_nought_and_one_and_rises_with_the_logit(logits: list[float]) -> None:
    values = np.array(opened(logits))
    assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(values[np.argsort(logits, kind="stable")]) >= 0).all()


@given(LOGITS.filter(bool))
def test_the_best_document_is_always_open(logits: list[float]) -> None:
    assert opened(logits)[int(np.argmax(logits))] == 1
