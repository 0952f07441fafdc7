"""Pairs pooled over queries: what is in them, and what pooling loses."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.judged import Pairs, auc, merged
from secondpass.evaluation.record import Protocol, Record

METRICS = import_module("sklearn.metrics")


def record(name: str, run: dict[str, dict[str, float]]) -> Record:
    return Record(Protocol(name, "bm25", 3, len(run), None, ""), "m", "m@1", {}, run, {}, {})


RUN = {"1": {"a": 3.0, "b": 1.0}, "2": {"a": 9.0, "c": 7.0}}
QRELS = {"one": {"1": {"a": 2}, "2": {"a": 1, "c": 0}}, "two": {"1": {"b": 1}}}
PAIRS = Pairs.of([record("one", RUN), record("two", {"1": RUN["1"]})], QRELS)


def test_every_candidate_is_a_pair_with_its_label() -> None:
    assert PAIRS.logits.tolist() == [3.0, 1.0, 9.0, 7.0, 3.0, 1.0]
    assert PAIRS.labels.tolist() == [True, False, True, False, False, True]
    assert PAIRS.queries == ["one/1", "one/1", "one/2", "one/2", "two/1", "two/1"]
    assert PAIRS.base_rate == 0.5


def test_pairs_part_by_collection_and_come_together_again() -> None:
    parts = PAIRS.by_collection()
    assert {name: len(part.logits) for name, part in parts.items()} == {"one": 4, "two": 2}
    again = merged(list(parts.values()))
    assert (again.logits.tolist(), again.queries) == (PAIRS.logits.tolist(), PAIRS.queries)


def test_a_shift_of_one_query_costs_the_pooled_area_alone() -> None:
    one = PAIRS.by_collection()["one"]
    assert one.query_auc == 1.0  # each query in itself is in order
    assert one.pooled_auc == 0.75  # but the relevant 3 is below the other query's 7


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_what_sklearn_finds(pairs: list[tuple[int, bool]]) -> None:
    values, labels = np.array([value for value, _ in pairs]), np.array([label for _, label in pairs])
    if labels.all() or not labels.any():
        with pytest.raises(InputError, match="give both kinds"):
            auc(values, labels)
    else:
        assert auc(values, labels) == pytest.approx(METRICS.roc_auc_score(labels, values))
