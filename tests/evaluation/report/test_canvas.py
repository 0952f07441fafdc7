from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.evaluation.report.canvas import log_steps, round_steps

NUMBERS = st.floats(-100, 100)


@given(NUMBERS, st.floats(1e-3, 100))
def test_steps_of_an_axis_are_few_even_and_inside(low: float, span: float) -> None:
    steps = round_steps(low, low + span)
    assert 1 <= len(steps) <= 7
    assert all(low - 1e-9 <= step <= low + span + 1e-9 for step in steps)


def test_steps_are_round_numbers() -> None:
    assert round_steps(0, 0.93) == [0, 0.2, 0.4, 0.6, 0.8]
    assert round_steps(-0.4, 0.2) == pytest.approx([-0.4, -0.2, 0, 0.2])


def test_a_wide_logarithmic_axis_has_powers_of_ten_alone() -> None:
    assert log_steps(2, 30) == [2, 5, 10, 20]
    assert log_steps(0.5, 5000) == [1, 10, 100, 1000]
