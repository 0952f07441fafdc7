from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass.models.embedded.gate import CLIP, Gate

RNG = np.random.default_rng(4)
ARRAYS = {
    "mean": RNG.normal(size=3),
    "spread": np.array([1.0, 2.0, 0.5]),
    "plain": RNG.normal(size=3),
    "wide": RNG.normal(size=(4, 3)),
    "wide_bias": RNG.normal(size=4),
    "narrow": RNG.normal(size=4),
    "token_idf": np.zeros(5),
}


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    values: dict[str, Any] = {name: value.astype(np.float32) for name, value in ARRAYS.items()}
    np.savez(tmp_path / "gate.npz", inputs=np.array(["a", "b", "c"]), bias=np.float32(0.25), **values)
    return Gate.from_file(tmp_path / "gate.npz")


def test_a_logit_is_the_weighted_sum_and_its_correction(gate: Gate) -> None:
    features = RNG.normal(size=(6, 3)).astype(np.float32)
    given = np.clip((features - ARRAYS["mean"]) / ARRAYS["spread"], -CLIP, CLIP)
    expected = (
        given @ ARRAYS["plain"] + np.tanh(given @ ARRAYS["wide"].T + ARRAYS["wide_bias"]) @ ARRAYS["narrow"] + 0.25
    )
    logits = gate.logits(features)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert gate.inputs == ("a", "b", "c")


def test_an_outlier_counts_no_more_than_the_clip(gate: Gate) -> None:
    far = np.array([[1e6, 0, 0], [2e6, 0, 0]], np.float32)
    first, second = gate.logits(far)
    assert first == second
