import math

import numpy as np
import pytest

from secondpass.engine.cost import RECENT, Cost


def learnt(points: list[tuple[int, float]]) -> Cost:
    cost = Cost()
    for tokens, seconds in points:
        cost.learn(tokens, seconds)
    return cost


def test_nothing_is_known_before_the_first_batch() -> None:
    cost = Cost()
    assert not cost.known
    assert math.isnan(cost.seconds(100))
    assert cost.tokens(10) == 0


def test_overhead_and_slope_are_found_though_some_batches_were_slow() -> None:
    rng = np.random.default_rng(0)
    points = [(int(tokens), 0.002 + tokens * 3e-5) for tokens in rng.integers(64, 1024, RECENT)]
    for late in range(0, RECENT, 5):
        points[late] = (points[late][0], points[late][1] * 10)
    cost = learnt(points)
    assert cost.per_token == pytest.approx(3e-5, rel=0.05)
    assert cost.overhead == pytest.approx(0.002, rel=0.25)
    assert cost.seconds(500) == pytest.approx(0.017, rel=0.05)


def test_batches_of_one_size_give_seconds_by_tokens() -> None:
    cost = learnt([(1000, 0.03), (1008, 0.0305), (1016, 0.029)])
    assert cost.overhead == pytest.approx(0, abs=1e-4)
    assert cost.seconds(2000) == pytest.approx(0.06, rel=0.05)


def test_tokens_is_the_largest_batch_that_ends_in_time() -> None:
    cost = learnt([(100, 0.02), (1000, 0.11)])
    assert cost.tokens(0.11) == pytest.approx(1000)
    assert cost.tokens(cost.overhead) == 0
    assert cost.tokens(-1) == 0


def test_a_machine_that_gets_busy_is_followed() -> None:
    cost = learnt([(100, 0.01)] * RECENT + [(100, 0.05)] * RECENT)
    assert cost.seconds(100) == pytest.approx(0.05)


def test_neither_part_is_below_zero() -> None:
    cost = learnt([(100, 0.5), (1000, 0.1)])
    assert cost.per_token >= 0
    assert cost.overhead >= 0
