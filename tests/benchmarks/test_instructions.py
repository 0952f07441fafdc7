"""The benchmark of instructions: chance is exact, and what must never happen is counted."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

import pytest

from benchmarks.instructions import MODES, PROSE_SIDES, Side, _never, _parts, _prose, _same, _values
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


def test_a_part_is_measured_by_its_name() -> None:
    assert _parts("generated,prose=tuned") == {"generated", "prose=tuned"}
    with pytest.raises(ArgumentTypeError, match="prose=odd is none of"):
        _parts("prose=odd")


def test_prose_holds_together_and_its_sides_share_no_group() -> None:
    tuned, held_out = (_prose(Namespace(), side) for side in PROSE_SIDES)
    assert (len(tuned.groups), len(held_out.groups)) == (28, 14)
    assert not {group.id for group in tuned.groups} & {group.id for group in held_out.groups}


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
