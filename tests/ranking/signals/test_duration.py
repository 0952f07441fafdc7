"""Lengths of time are read as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.duration import seconds, unit


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("30d", 30 * 86_400),
        ("12h", 12 * 3600),
        ("1.5 hours", 5400),
        ("2 Weeks", 14 * 86_400),
        ("90s", 90),
        ("5 min", 300),
        ("1y", 365.25 * 86_400),
        ("6 months", 365.25 * 43_200),
        (timedelta(hours=3), 10_800),
    ],
)
def test_a_length_is_read_in_its_unit(length: str | timedelta, expected: float) -> None:
    assert seconds(length) == pytest.approx(expected)


@pytest.mark.parametrize("length", ["", "30", "d", "0d", "-3d", "three days", timedelta(0), timedelta(days=-1)])
def test_what_is_no_length_is_refused_by_name(length: str | timedelta) -> None:
    with pytest.raises(InputError, match="is no length of time"):
        seconds(length)


def test_an_unknown_unit_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'fortnight' is no unit of time: choose one of s, min, h, d, w, mo, y"):
        unit("fortnight")
