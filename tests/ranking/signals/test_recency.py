"""Recency: twice the power of two, less one; the date is looked for where people keep it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.recency import Recency

from .conftest import NOW, Listed


def test_the_value_is_one_now_nothing_at_a_half_life_and_tends_to_minus_one(listed: Listed) -> None:
    ages = [0, 15, 30, 60, 90, 3000]
    seen = listed([{"date": NOW - timedelta(days=age)} for age in ages])
    expected = [1, 2 * 0.5**0.5 - 1, 0, -0.5, -0.75, -1]
    np.testing.assert_allclose(Recency("30d").values(seen), expected, atol=1e-12)


def test_the_revision_goes_before_the_birth_and_what_cannot_be_read_is_passed_over(listed: Listed) -> None:
    told: list[dict[str, Any]] = [
        {"created_at": "2020-01-01", "updated_at": NOW.isoformat()},
        {"updated_at": "unknown", "created_at": NOW.isoformat()},
        {"date": "2026-10-21T12:00:00Z"},
    ]
    np.testing.assert_allclose(Recency("30d").values(listed(told)), [1, 1, 0], atol=1e-12)


def test_a_named_field_is_the_only_one_looked_at(listed: Listed) -> None:
    seen = listed([{"date": NOW, "filed": "2026-10-21T12:00:00"}, {"date": NOW}])
    assert Recency("30d", field="filed").values(seen).tolist() == [0, 0]
    assert Recency("15d", field="filed").values(seen).tolist() == [-0.5, 0]


def test_a_date_to_come_is_as_new_as_today(listed: Listed) -> None:
    assert Recency().values(listed([{"date": NOW + timedelta(days=400)}])).tolist() == [1]


def test_without_a_now_nothing_is_old(listed: Listed) -> None:
    assert Recency().values(listed([{"date": "1990-01-01"}], now=None)).tolist() == [0]


def test_options_that_cannot_be_are_refused_before_anything_is_ranked() -> None:
    with pytest.raises(InputError, match="'soon' is no length of time"):
        Recency("soon")
    with pytest.raises(InputError, match="finite number of log-odds"):
        Recency(weight=float("nan"))


def test_the_version_names_every_option() -> None:
    versions = {Recency().version, Recency("31d").version, Recency(weight=0.4).version, Recency(field="day").version}
    assert len(versions) == 4
