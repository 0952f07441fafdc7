from __future__ import annotations

import numpy as np
import pytest

from secondpass.conversion.drift import compare


def test_a_drift_is_measured_in_the_spread_of_the_exact_logits() -> None:
    found = compare(np.array([0.0, 2.0, 4.0, 6.0]), np.array([0.0, 2.5, 4.0, 5.5]))
    assert (found.pairs, found.largest, found.mean) == (4, 0.5, 0.25)
    assert found.relative == pytest.approx(0.5 / np.sqrt(5))
    assert found.correlation == pytest.approx(1.0)


def test_two_pairs_that_change_places_lower_the_correlation() -> None:
    assert compare(np.arange(4.0), np.array([0.0, 2.0, 1.0, 3.0])).correlation == pytest.approx(0.8)
    assert compare(np.arange(4.0), -np.arange(4.0)).correlation == pytest.approx(-1.0)


def test_no_order_agrees_with_a_constant() -> None:
    assert compare(np.arange(4.0), np.ones(4)).correlation == 0
    assert np.isnan(compare(np.arange(2.0), np.array([np.nan, 1.0])).relative)
