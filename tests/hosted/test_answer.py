"""Scores to logits: order and ties survive, and a probability comes back as it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from secondpass.hosted.answer import CLIP, LOWEST, count, logits_of
from secondpass.models.scorer import activate

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=30)
raw = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


def same_order(scores: list[float], logits: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """Whether every pair compares alike in both."""
    given = np.array(scores)
    return bool((np.sign(given[:, None] - given) == np.sign(logits[:, None] - logits)).all())


@given(probabilities)
def test_log_odds_keep_order_and_ties_and_come_back_as_the_score(scores: list[float]) -> None:
    logits = logits_of(np.array(scores), probabilities=True)
    assert logits.dtype == np.float32
    assert same_order(scores, logits)
    np.testing.assert_allclose(activate(logits, "sigmoid"), scores, atol=1e-6)


@given(raw)
def test_raw_scores_keep_order_and_ties_though_float32_is_coarse(scores: list[float]) -> None:
    logits = logits_of(np.array(scores), probabilities=False)
    assert same_order(scores, logits)
    np.testing.assert_allclose(logits, scores, rtol=1e-5, atol=1e-30)


def test_scores_that_differ_in_their_eighth_decimal_stay_apart() -> None:
    scores = [0.73105858, 0.73105857, 0.73105859, 0.73105858]
    logits = logits_of(np.array(scores), probabilities=True)
    assert same_order(scores, logits)


def test_certainty_is_clipped_to_finite_logits() -> None:
    logits = logits_of(np.array([0.0, 1.0, CLIP / 2]), probabilities=True)
    np.testing.assert_allclose(logits, [LOWEST, -LOWEST, LOWEST], rtol=1e-6)
    assert logits[0] < logits[2]
    assert round(LOWEST, 2) == -34.66


def test_a_count_is_a_number_or_nothing() -> None:
    body = {"a": {"b": 2}, "f": 1.0, "t": True, "s": "3", "n": None, "m": -1}
    assert count(body, "a", "b") == 2
    assert count(body, "f") == 1
    assert [count(body, key) for key in ("t", "s", "n", "m", "x")] == [None] * 5
    assert count([], "a") is None
