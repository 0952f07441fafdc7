from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.pareto import pareto_front, proved

# Few different values, so that prices and scores are often equal.
POINTS = st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(-3, 3).map(float)), max_size=12)


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether `one` is no dearer and no worse than `other`, and better in one of the two."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(points: list[tuple[float, float]]) -> None:
    front = {points[i] for i in pareto_front(points)}
    assert front == {point for point in points if not any(beats(other, point) for other in points)}


@given(POINTS)
def test_prices_and_scores_rise_along_the_front(points: list[tuple[float, float]]) -> None:
    found = [points[i] for i in pareto_front(points)]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))


@given(POINTS, st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_nothing(points: list[tuple[float, float]], random: Random) -> None:
    shuffled = list(points)
    random.shuffle(shuffled)
    assert [shuffled[i] for i in pareto_front(shuffled)] == [points[i] for i in pareto_front(points)]


def test_of_equal_points_the_first_given_is_on_the_front() -> None:
    assert pareto_front([(2, 1), (1, 0.5), (1, 0.5)]) == [1, 0]


def test_a_point_that_is_infinitely_bad_is_on_the_front_where_it_is_the_cheapest() -> None:
    assert pareto_front([(0, float("-inf")), (1, 0.5)]) == [0, 1]


def test_a_point_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="nan"):
        pareto_front([(1, 0.5), (2, float("nan"))])


def test_a_point_is_proved_against_the_best_cheaper_one() -> None:
    chances = {(1, 0): 0.95, (2, 1): 0.6}
    assert proved([0, 1, 2], lambda a, b: chances[a, b]) == [True, True, False]
    assert proved([0, 1, 2], lambda a, b: chances[a, b], level=0.5) == [True, True, True]
    assert proved([], lambda a, b: 0.0) == []
