"""The best k of a list of scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.retrieval.top import top


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(1, 50))
def test_the_best_k_come_first_and_ties_keep_their_order(values: list[int], k: int) -> None:
    positions, scores = top(np.array(values, np.float32), k)
    expected = sorted(range(len(values)), key=lambda i: -values[i])[:k]
    assert positions.tolist() == expected
    assert scores.tolist() == [values[i] for i in expected]


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=f"k is {k}"):
        top(np.ones(3, np.float32), k)
