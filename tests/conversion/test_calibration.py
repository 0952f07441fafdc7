from __future__ import annotations

import numpy as np

from secondpass.conversion.calibration import calibrate, smoothing

BATCH = {"attention_mask": np.array([[1, 1, 0], [1, 0, 0]], np.int64)}


def test_padding_moves_no_range() -> None:
    values = np.zeros((2, 3, 2), np.float32)
    values[0, 0], values[0, 1], values[1, 0] = (1, 2), (3, -4), (0, 1)
    values[:, 2] = 1000
    values[1, 1] = -1000
    low, high = calibrate(lambda _: {"x": values}, [BATCH], percentile=100)["x"]
    assert (low, high) == (-4, 3)


def test_a_range_that_lies_above_0_begins_there() -> None:
    assert calibrate(lambda _: {"x": np.full((2, 3, 2), 5, np.float32)}, [BATCH])["x"] == (0, 5)


def test_what_has_no_row_for_each_token_is_read_whole() -> None:
    values = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    assert calibrate(lambda _: {"x": values}, [BATCH], percentile=100)["x"] == (0, 7)


def test_the_greater_a_channel_the_greater_its_factor() -> None:
    values = np.ones((2, 3, 2), np.float32)
    values[..., 1] = 100
    heaviest = {"x": np.ones(2, np.float32)}
    found = smoothing(lambda _: {"x": values, "other": values}, [BATCH], heaviest, alpha=0.5)
    np.testing.assert_allclose(found["x"], [1, 10])
    assert set(found) == {"x"}
