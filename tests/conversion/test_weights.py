from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.conversion.weights import blocks


@pytest.mark.parametrize("bits", [4, 8])
@given(seed=st.integers(0, 1000), count=st.integers(1, 3), outputs=st.integers(1, 5), shift=st.floats(-3, 3))
def test_a_weight_comes_back_within_a_step_of_its_block(
    bits: Literal[4, 8], seed: int, count: int, outputs: int, shift: float
) -> None:
    matrix = (np.random.default_rng(seed).normal(size=(16 * count, outputs)) + shift).astype(np.float32)
    values, scale, zero = blocks(matrix, 16, bits)
    assert scale.shape == (outputs, count)
    if bits == 4:
        values = np.stack([values & 15, values >> 4], axis=-1).reshape(outputs, count, 16)
        zero = np.stack([zero & 15, zero >> 4], axis=-1).reshape(outputs, -1)[:, :count]
    found = (values.astype(np.float32) - zero[..., None]) * scale[..., None]
    wanted = matrix.T.reshape(outputs, count, 16)
    assert np.all(np.abs(found - wanted) <= 1.01 * scale[..., None])
