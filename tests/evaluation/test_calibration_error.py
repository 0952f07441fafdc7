"""Calibration errors by hand and by their meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.calibration_error import calibration_error, pooled


def test_the_errors_of_four_pairs_by_hand() -> None:
    found = calibration_error([0.1, 0.9, 0.3, 0.7], [0, 1, 1, 1], bins=2)
    assert [(each.count, each.observed) for each in found.bins] == [(2, 0.5), (2, 1.0)]
    assert [each.predicted for each in found.bins] == pytest.approx([0.2, 0.8])
    assert found.ece == pytest.approx((0.3 + 0.2) / 2)
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.49 + 0.09) / 4)
    assert found.log_loss == pytest.approx(-(2 * math.log(0.9) + math.log(0.3) + math.log(0.7)) / 4)
    assert (found.count, found.positives) == (4, 3)


def test_probabilities_that_keep_their_word_have_next_to_no_error() -> None:
    generator = np.random.default_rng(3)
    said = generator.random(200_000)
    happened = generator.random(200_000) < said
    honest, boasting = calibration_error(said, happened), calibration_error(np.sqrt(said), happened)
    assert honest.ece < 0.005 < boasting.ece
    assert honest.brier == pytest.approx(1 / 6, abs=0.002)  # the mean of p (1 - p)
    assert honest.log_loss < boasting.log_loss
    assert {each.count for each in honest.bins} <= {200_000 // 15, 200_000 // 15 + 1}


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()), min_size=1, max_size=30),
    st.integers(1, 20),
)
def test_the_order_of_the_pairs_says_nothing(pairs: list[tuple[float, bool]], bins: int) -> None:
    turned = pairs[::-1]
    first = calibration_error(*zip(*pairs, strict=True), bins=bins)
    second = calibration_error(*zip(*turned, strict=True), bins=bins)
    assert first.ece == pytest.approx(second.ece, abs=1e-12)
    assert sum(each.count for each in first.bins) == len(pairs)
    assert 0 <= first.ece <= 1


def test_one_sure_mistake_costs_much_but_not_everything() -> None:
    assert calibration_error([0.0], [1]).log_loss == pytest.approx(-math.log(1e-15))
    assert calibration_error([0.0], [1], floor=0.01).log_loss == pytest.approx(-math.log(0.01))
    assert calibration_error([0.0, 1.0], [0, 1]).log_loss == pytest.approx(0, abs=1e-12)


def test_a_run_is_pooled_with_its_judgements() -> None:
    run = {"q": {"a": 0.0, "b": 2.0}, "r": {"c": -1.0}, "nobody asked": {"d": 0.0}}
    qrels = {"q": {"a": 2, "b": 0}, "r": {"z": 1}}
    scores, labels = pooled(run, qrels, lambda scores: 1 / (1 + np.exp(-scores)))
    assert scores == pytest.approx([0.5, 1 / (1 + math.exp(-2)), 1 / (1 + math.e)])
    assert labels.tolist() == [1, 0, 0]
    assert pooled(run, qrels, np.abs, judged_only=True)[0].tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "said"),
    [
        ([0.5, 1.5], [0, 1], 15, "1.5 is not a probability"),
        ([math.nan], [1], 15, "nan is not a probability"),
        ([0.5], [2], 15, "2.0 is not a label"),
        ([0.5], [0, 1], 15, r"\(1,\) probabilities do not go with \(2,\) labels"),
        ([], [], 15, "one of each a pair"),
        ([0.5], [1], 0, "0 bins"),
    ],
)
def test_anything_but_probabilities_and_labels_is_refused(
    probabilities: list[float], labels: list[float], bins: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        calibration_error(probabilities, labels, bins=bins)
