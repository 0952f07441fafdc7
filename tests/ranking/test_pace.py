from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.pace import FIRST, SPARE, Pace

LENGTHS = st.lists(st.integers(0, 5000), min_size=1, max_size=60)


def learnt(*observed: tuple[list[int], float], longest: int | None = None) -> Pace:
    pace = Pace(longest)
    for lengths, seconds in observed:
        pace.learn(lengths, seconds)
    return pace


def test_while_nothing_is_known_a_few_documents_are_read_to_find_out() -> None:
    assert not Pace().known
    assert Pace().affordable([100] * 50, 0.001) == FIRST
    assert Pace().affordable([100] * 3, 0.001) == 3
    assert Pace().seconds([100]) == 0


def test_without_time_nothing_is_read() -> None:
    assert Pace().affordable([100], 0) == learnt(([100], 0.1)).affordable([100], -1) == 0


def test_half_the_time_reads_half_the_documents() -> None:
    pace = learnt(([500] * 100, 1.0))
    assert pace.affordable([500] * 100, 0.5) == pytest.approx(50 * SPARE, abs=1)
    assert pace.seconds([500] * 50) == pytest.approx(0.5)


def test_the_second_observation_takes_the_place_of_the_first_in_which_much_happens_once() -> None:
    slow = ([300] * 10, 5.0)
    assert learnt(slow, ([300] * 10, 0.1)).seconds([300] * 10) == pytest.approx(0.1)
    assert learnt(slow, slow, ([300] * 10, 0.1)).seconds([300] * 10) > 1


def test_it_follows_a_machine_that_gets_busy() -> None:
    pace = learnt(*[([300] * 10, 0.1)] * 5, *[([300] * 10, 1.0)] * 10)
    assert pace.seconds([300] * 10) == pytest.approx(1.0, rel=0.05)


def test_what_a_model_cuts_off_costs_nothing() -> None:
    pace = learnt(([1000] * 10, 1.0), longest=1000)
    assert pace.seconds([50_000]) == pace.seconds([1000]) == pytest.approx(0.1)


def test_nothing_read_teaches_nothing() -> None:
    pace = Pace()
    pace.learn([], 1.0)
    assert not pace.known


@given(LENGTHS, st.floats(0.001, 10), st.floats(0.001, 10))
def test_what_is_affordable_fits_and_one_more_would_not(lengths: list[int], took: float, left: float) -> None:
    pace = learnt((lengths, took))
    count = pace.affordable(lengths, left)
    assert pace.seconds(lengths[:count]) <= SPARE * left * 1.000001
    if count < len(lengths):
        assert pace.seconds(lengths[: count + 1]) >= SPARE * left * 0.999999
