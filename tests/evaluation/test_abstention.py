"""nAUC against mteb's own numbers, and what it means."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.abstention import abstention, nauc

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "goldens" / "mteb.json").read_text())["abstention"]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{len(golden['values'])} queries")
def test_nauc_is_that_of_mteb_for_every_confidence(golden: dict[str, Any]) -> None:
    assert abstention(golden["run"], golden["values"]) == pytest.approx(golden["nauc"], abs=1e-12)


def test_confidence_in_the_order_of_the_values_is_worth_1_and_none_at_all_0() -> None:
    values = [0.1, 0.4, 0.2, 0.9, 0.5]
    assert nauc(values, values) == pytest.approx(1)
    assert nauc([7.0] * 5, values) == pytest.approx(0, abs=1e-12)
    assert nauc([-value for value in values], values) < 0


def test_the_curve_by_hand() -> None:
    # The mean of all four is 0.625. With half of them dropped it is 0.75 by confidence, and 1 at best.
    # A third of the way from flat to the best, then: (0.75 - 0.625) / (1 - 0.625).
    assert nauc([4, 1, 3, 2], [1, 1, 0.5, 0], rates=[0, 0.5]) == pytest.approx(1 / 3)
    assert nauc([4, 3, 2, 1], [1, 0, 1, 0], rates=[0, 0.5]) == pytest.approx(0)


def test_where_every_query_has_the_same_value_there_is_no_nauc() -> None:
    assert math.isnan(nauc([1, 2, 3], [0.3, 0.3, 0.3]))
    assert all(math.isnan(value) for value in abstention({"q": {"a": 1.0}}, {"q": 1.0}).values())


def test_a_query_without_candidates_is_the_least_sure_of_positive_scores() -> None:
    run = {"q": {"a": 2.0, "b": 1.0}, "r": {}, "s": {"a": 3.0, "b": 1.0}}
    assert abstention(run, {"q": 0.5, "r": 0.0, "s": 1.0}) == pytest.approx({"max": 1, "std": 1, "diff1": 1})


@pytest.mark.parametrize(
    ("confidences", "values", "rates", "said"),
    [
        ([1, 2], [1], (0, 0.5), r"\(2,\) confidences do not go with \(1,\) values"),
        ([], [], (0, 0.5), "one of each a query"),
        ([1, math.nan], [0, 1], (0, 0.5), "not finite"),
        ([1, 2], [0, 1], (0.5,), r"rates are \[0.5\]"),
        ([1, 2], [0, 1], (0.5, 0.5), "rising"),
        ([1, 2], [0, 1], (0, 1), "below 1"),
    ],
)
def test_what_has_no_curve_is_refused(
    confidences: list[float], values: list[float], rates: tuple[float, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        nauc(confidences, values, rates=rates)


def test_a_score_that_is_not_finite_is_refused_with_its_query() -> None:
    with pytest.raises(InputError, match="score of query 'q' is not finite"):
        abstention({"q": {"a": math.inf}}, {"q": 1.0})
