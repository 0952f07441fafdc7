from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.settle import LEAST, settled, student


def test_where_the_rest_is_far_behind_the_top_is_settled() -> None:
    before = np.linspace(10, 0, 40)
    after = before + np.tile([0.1, -0.1], 20)
    assert settled(before[:20], after[:20], before[20:], 5, 0.05)


def test_where_the_first_stage_says_nothing_of_the_second_it_is_not() -> None:
    generator = np.random.default_rng(0)
    before, after = np.sort(generator.normal(size=40))[::-1], generator.normal(size=40)
    assert not settled(before[:20], after[:20], before[20:], 5, 0.05)


def test_nothing_is_predicted_from_few_documents() -> None:
    before = np.linspace(100, 0, 40)
    assert not settled(before[: LEAST - 1], before[: LEAST - 1], before[LEAST - 1 :], 2, 0.05)
    assert not settled(before[:20], before[:20], before[20:], 20, 0.05)


def test_with_nothing_unread_it_is_settled() -> None:
    assert settled(np.ones(3), np.ones(3), np.empty(0), 1, 0.05)


def test_an_earlier_stage_without_differences_predicts_the_mean() -> None:
    after = np.linspace(1, 0, 30)
    assert not settled(np.ones(30), after, np.ones(5), 3, 0.05)


@pytest.mark.parametrize(
    ("share", "freedom", "quantile"), [(0.975, 14, 2.1448), (0.9995, 14, 4.1405), (0.9999, 30, 4.2340)]
)
def test_quantiles_are_those_of_the_tables(share: float, freedom: int, quantile: float) -> None:
    assert student(share, freedom) == pytest.approx(quantile, rel=0.01)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.2))
def test_a_smaller_chance_never_stops_earlier(seed: int, chance: float) -> None:
    generator = np.random.default_rng(seed)
    before = np.sort(generator.normal(size=40))[::-1]
    after = before + 0.3 * generator.normal(size=40)
    if settled(before[:20], after[:20], before[20:], 5, chance / 2):
        assert settled(before[:20], after[:20], before[20:], 5, chance)


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.6])
def test_the_chance_of_a_wrong_top_holds_when_looked_at_again_and_again(noise: float) -> None:
    generator = np.random.default_rng(7)
    trials, wrong, stopped, top = 1500, 0, 0, 5
    for _ in range(trials):
        before = np.sort(generator.normal(size=100))[::-1]
        after = before + noise * generator.normal(size=100)
        for at in (LEAST, 2 * LEAST, 4 * LEAST):
            if settled(before[:at], after[:at], before[at:], top, 0.05):
                stopped += 1
                wrong += set(np.argsort(-after[:at])[:top]) != set(np.argsort(-after)[:top])
                break
    assert wrong <= 0.05 * trials
    assert stopped > trials / 4 or noise > 0.5
