from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from secondpass.models.scorer import Activation, activate, bounded

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
LOGITS = arrays(np.float32, st.integers(0, 12), elements=st.floats(-(2.0**100), 2.0**100, width=32))


@pytest.mark.parametrize(
    ("activation", "logit", "expected"),
    [
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", 2.0, 1 / (1 + math.exp(-2))),
        ("sigmoid", -2.0, 1 / (1 + math.exp(2))),
        ("identity", 8.4, 8.4),
        ("identity", -4.32, -4.32),
        ("ratio", 0.0, 0.0),
        ("ratio", 3.0, 0.75),
    ],
)
def test_known_values(activation: Activation, logit: float, expected: float) -> None:
    found = activate(np.array([logit], np.float32), activation)
    assert found.dtype == np.float32
    assert float(found[0]) == pytest.approx(expected, abs=1e-6)


def test_the_sigmoid_neither_overflows_nor_loses_the_small_end() -> None:
    with np.errstate(all="raise", under="ignore"):
        found = activate(np.array([-1e4, -100, -80, 80, 1e4], np.float32), "sigmoid")
    assert found.tolist() == pytest.approx([0, 3.8e-44, math.exp(-80), 1, 1], rel=0.1)
    assert found[2] > 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(logits=LOGITS)
def test_scores_are_bounded_and_keep_the_order_of_the_logits(
    logits: NDArray[np.float32], activation: Activation
) -> None:
    if activation == "ratio":
        logits = np.abs(logits)
    if activation == "unit":  # normalised over their list
        logits = activate(logits, "sigmoid")
    given_ = logits.copy()
    scores = bounded(logits, activation)
    assert scores.dtype == np.float32
    assert scores.shape == logits.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores[np.argsort(logits)]) >= 0).all()
    np.testing.assert_array_equal(logits, given_)


@given(logits=LOGITS)
def test_only_identity_differs_between_the_authors_score_and_the_bounded_one(logits: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(activate(logits, "identity"), logits)
    np.testing.assert_array_equal(bounded(logits, "identity"), activate(logits, "sigmoid"))
    np.testing.assert_array_equal(bounded(logits, "sigmoid"), activate(logits, "sigmoid"))
    np.testing.assert_array_equal(bounded(np.abs(logits), "ratio"), activate(np.abs(logits), "ratio"))


def test_the_shape_is_kept_and_float64_is_taken() -> None:
    logits = np.array([[0.0, 1.0], [2.0, 3.0]])
    for activation in ACTIVATIONS:
        assert activate(logits, activation).shape == (2, 2)
        assert activate(logits, activation).dtype == np.float32


def test_sums_of_some_tens_are_told_apart_by_their_scores_once_divided_by_their_scale() -> None:
    logits = np.array([28.0, 30.0, 31.5], np.float32)
    assert len(set(bounded(logits, "identity").tolist())) == 1
    scaled = bounded(logits, "identity", 32.0)
    assert (np.diff(scaled) > 0.005).all()
    np.testing.assert_array_equal(bounded(logits, "ratio", 32.0), bounded(logits, "ratio"))
