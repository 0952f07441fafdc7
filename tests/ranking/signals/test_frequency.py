"""Frequency: the hyperbolic tangent of the number of uses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.frequency import Frequency

from .conftest import Listed


def test_uses_are_counted_given_or_listed(listed: Listed) -> None:
    seen = listed([{"uses": 5}, {"access_count": "10"}, {"accesses": ["2026-01-01", "2026-02-01"]}, {"uses": 0}, {}])
    np.testing.assert_allclose(Frequency().values(seen), [math.tanh(1), math.tanh(2), math.tanh(0.4), 0, 0])


def test_the_pace_and_the_key_can_be_told(listed: Listed) -> None:
    seen = listed([{"stars": 200, "uses": 1}])
    assert Frequency(per=100, field="stars").values(seen)[0] == pytest.approx(math.tanh(2))
    with pytest.raises(InputError, match="per=0"):
        Frequency(per=0)
