"""Base-level activation against numbers computed by hand, in every unit and form."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.ranking.signals.activation import Activation, Form, exact, hybrid, optimised

from .conftest import NOW, Listed

MONTH_AGO = {"accesses": [NOW - timedelta(days=30)]}
AGES = st.lists(st.floats(0.01, 1e5), min_size=1, max_size=12).map(sorted)


@pytest.mark.parametrize(("unit", "expected"), [("s", -7.38), ("h", -3.29), ("d", -1.70)])
def test_one_use_a_month_ago_depends_on_the_unit(unit: str, expected: float) -> None:
    assert Activation(unit=unit).level(MONTH_AGO, NOW) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("form", ["exact", "optimised", "hybrid"])
def test_without_a_threshold_the_unit_does_not_matter(form: Form, listed: Listed) -> None:
    seen = listed([MONTH_AGO, {"accesses": ["2026-11-20T11:00", "2026-11-13", "2026-01-01"]}])
    values = [Activation(unit=unit, form=form).values(seen) for unit in ("s", "h", "d")]
    np.testing.assert_allclose(values[0], values[1], atol=1e-12)
    np.testing.assert_allclose(values[0], values[2], atol=1e-12)


def test_one_use_a_week_ago_is_neutral_and_the_threshold_and_the_spread_are_applied(listed: Listed) -> None:
    seen = listed([{"last_accessed_at": NOW - timedelta(days=7)}])
    assert Activation().values(seen)[0] == pytest.approx(0, abs=1e-12)
    level = -0.5 * math.log(168)
    assert Activation(threshold=-2.0, spread=0.4).values(seen)[0] == pytest.approx(math.tanh((level + 2) / 0.4))


def test_the_three_forms_by_hand() -> None:
    assert exact([1, 4, 100], 0.5) == pytest.approx(math.log(1 + 0.5 + 0.1))
    assert optimised(8, 100, 0.5) == pytest.approx(math.log(16) - 0.5 * math.log(100))
    # one known use of age 4, and 3 others between 4 and 100: 3 · (10 - 2) / (.5 · 96) = .5
    assert hybrid([4], 4, 100, 0.5) == pytest.approx(math.log(0.5 + 0.5))


@given(ages=AGES, decay=st.floats(0.05, 0.95))
def test_a_hybrid_that_knows_every_use_is_exact(ages: list[float], decay: float) -> None:
    assert hybrid(ages, len(ages), ages[-1], decay) == pytest.approx(exact(ages, decay))


@given(ages=AGES, more=st.integers(1, 50), decay=st.floats(0.05, 0.95))
def test_a_hybrid_lies_between_all_others_at_birth_and_all_others_lately(
    ages: list[float], more: int, decay: float
) -> None:
    life = 2 * ages[-1]
    found = hybrid(ages, len(ages) + more, life, decay)
    assert exact([*ages, *[life] * more], decay) <= found + 1e-9
    assert found <= exact([*ages, *[ages[-1]] * more], decay) + 1e-9


@given(ages=AGES, further=st.floats(0.01, 1e5))
def test_a_further_use_never_costs_anything(ages: list[float], further: float) -> None:
    assert exact([*ages, further], 0.5) >= exact(ages, 0.5)


def test_evenly_spread_uses_are_what_the_optimised_form_assumes() -> None:
    ages = [float(age) for age in range(1, 2001)]
    assert optimised(2000, 2000, 0.5) == pytest.approx(exact(ages, 0.5), abs=0.02)
    assert hybrid(ages[:10], 2000, 2000, 0.5) == pytest.approx(exact(ages, 0.5), abs=0.02)


def test_a_count_and_a_birth_stand_in_for_a_history(listed: Listed) -> None:
    born = NOW - timedelta(hours=100)
    seen = listed([{"created_at": born, "uses": 8}, {"created_at": born, "uses": 0}, {"created_at": born}])
    values = Activation(form="optimised", threshold=0.0).values(seen)
    assert values[0] == pytest.approx(math.tanh(math.log(16) - 0.5 * math.log(100)))
    assert values[1:].tolist() == [0, 0]


def test_uses_to_come_are_no_uses_yet(listed: Listed) -> None:
    seen = listed([{"accesses": [NOW + timedelta(hours=1)]}, {"accesses": [NOW]}])
    values = Activation(floor="1min").values(seen)
    assert values[0] == 0
    assert values[1] == pytest.approx(math.tanh(0.5 * math.log(168 * 60)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 1.0}, "decay=1.0"),
        ({"unit": "eon"}, "'eon' is no unit"),
        ({"form": "quick"}, "form='quick'"),
        ({"keep": 0}, "keep=0"),
        ({"spread": 0.0}, "spread=0.0"),
        ({"floor": "0s"}, "'0s' is no length"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Activation(**options)  # type: ignore[arg-type]
