from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.models.listwise.windows import Windows


@pytest.mark.parametrize(
    ("windows", "count", "expected"),
    [
        (Windows(), 0, []),
        (Windows(), 1, []),
        (Windows(), 2, [(0, 2)]),
        (Windows(), 20, [(0, 20)]),
        (Windows(), 21, [(1, 21), (0, 20)]),
        (Windows(), 40, [(20, 40), (10, 30), (0, 20)]),
        (Windows(), 45, [(25, 45), (15, 35), (5, 25), (0, 20)]),
        (Windows(4, 2), 7, [(3, 7), (1, 5), (0, 4)]),
        (Windows(4, 2, passes=2), 6, [(2, 6), (0, 4), (2, 6), (0, 4)]),
    ],
)
def test_windows_go_from_the_bottom_to_the_top(windows: Windows, count: int, expected: list[tuple[int, int]]) -> None:
    assert [(window.start, window.stop) for window in windows.over(count)] == expected


@given(st.integers(2, 9), st.integers(1, 8), st.lists(st.integers(), unique=True, max_size=40))
def test_one_pass_brings_the_best_to_the_top(size: int, stride: int, values: list[int]) -> None:
    stride = min(stride, size - 1)
    found = list(values)
    for window in Windows(size, stride).over(len(values)):
        found[window.start : window.stop] = sorted(found[window.start : window.stop], reverse=True)
    assert sorted(found) == sorted(values)
    assert found[: size - stride] == sorted(values, reverse=True)[: size - stride]


@pytest.mark.parametrize(
    ("size", "stride", "passes", "named"),
    [(1, 1, 1, "size=1"), (4, 4, 1, "stride=4"), (4, 0, 1, "stride=0"), (4, 2, 0, "passes=0")],
)
def test_windows_that_cannot_be_are_refused(size: int, stride: int, passes: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        Windows(size, stride, passes)
