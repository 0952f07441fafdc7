"""The benchmark of instructions: chance is exact, and what must never happen is counted."""

from __future__ import annotations

import pytest

from benchmarks.instructions import MODES, Side, _never, _same, _values
from secondpass.evaluation.collection import Collection, Query
from secondpass.evaluation.counterfactual import counterfactual
from secondpass.types import Document


@pytest.fixture
def side() -> Side:
    """Four generated groups, one a kind."""
    documents = {str(i): Document(f"text number {i}", id=str(i)) for i in range(5)}
    passages = Collection("five", documents, {"q": Query("q", "which number")}, {"q": {"0": 1}})
    made = counterfactual(passages, 4)
    return Side("seen", made, tuple(made.groups.values()))


def test_chance_is_the_mean_over_all_orders(side: Side) -> None:
    sizes = [len(side.collection.candidates[group.id]) for group in side.groups]
    expected = sum(sum(1 / rank for rank in range(1, size + 1)) / size for size in sizes) / len(sizes)
    values = _values(side, _same(side), "expected")["values"]
    assert [values["all"][mode]["MRR"] for mode in MODES] == pytest.approx([expected, expected], abs=1e-4)
    assert values["complex"]["groups"] == 1


def test_an_irrelevant_document_above_a_relevant_one_is_counted(side: Side) -> None:
    right = {key: dict(side.collection.qrels[key]) for group in side.groups for key in group.modes.values()}
    assert _never(side, right) == {"rankings": 8, "irrelevant": 0, "dominated": 8}
    wrong = {key: {name: -grade for name, grade in grades.items()} for key, grades in right.items()}
    assert _never(side, wrong) == {"rankings": 8, "irrelevant": 8, "dominated": 0}
    assert _values(side, right, "trec")["values"]["all"]["plain"] == {"MRR": 1.0, "nDCG@10": 1.0}
