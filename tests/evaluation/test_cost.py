from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.cost import Machine, Traffic, break_even, payback_days, per_month, per_query
from secondpass.evaluation.prices import Rule
from secondpass.hosted.usage import Price

RULE = Rule(documents=100, tokens=500, nvfp4=0.5, floor=0.001)
SEARCH = Price(2.0, 1_000, "search", "2026-11-20", "https://example.org")
TOKEN = Price(0.05, 1_000_000, "token", "2026-11-20", "https://example.org")
MACHINES = st.builds(Machine, st.floats(0.01, 50), st.floats(100, 1e6), st.floats(1, 10))


@pytest.mark.parametrize(
    ("documents", "tokens", "searches"),
    [(100, 500, 1), (1, 10, 1), (101, 500, 2), (100, 501, 2), (50, 1_000, 1), (50, 1_001, 2), (1_000, 500, 10)],
)
def test_a_search_is_begun_with_every_hundred_documents_of_five_hundred_tokens(
    documents: int, tokens: int, searches: int
) -> None:
    assert per_query(SEARCH, Traffic(1, documents, tokens), RULE) == pytest.approx(0.002 * searches)


def test_tokens_are_paid_as_they_come() -> None:
    assert per_query(TOKEN, Traffic(1, 20, 300), RULE) == pytest.approx(6_000 * 0.05 / 1e6)


def test_a_price_by_another_unit_says_nothing_of_a_query() -> None:
    with pytest.raises(InputError, match="unit"):
        per_query(Price(1, 1, "unit", "2026-11-20", ""), Traffic(1), RULE)


def test_a_month_is_thirty_days() -> None:
    assert per_month(0.002, Traffic(10_000)) == pytest.approx(600)
    assert Machine(1.0, 1e6).per_month(Traffic(10_000)) == pytest.approx(720)


def test_a_machine_at_full_load_costs_its_rate_over_its_tokens() -> None:
    assert Machine(0.36, 100).usd_per_million == pytest.approx(1.0)  # 360,000 tokens in an hour


def test_machines_are_whole_and_as_many_as_the_busiest_hour_needs() -> None:
    traffic = Traffic(86_400, 10, 100)  # 1,000 tokens a second
    assert [Machine(1, speed).needed(traffic) for speed in (2_000, 1_000, 999, 400)] == [1, 1, 2, 3]
    assert Machine(1, 2_000, peak=3).needed(traffic) == 2


def at_full_load(machine: Machine, tokens: int) -> float:
    """What a query of this many tokens costs on a machine whose busiest hour has as much work as it can do."""
    return machine.peak * tokens * machine.usd_per_million / 1e6


@given(st.floats(1.01, 1e4), MACHINES, st.integers(1, 1_000), st.integers(1, 8_000))
def test_at_the_break_even_both_cost_the_same_and_below_it_hosting_less(
    dearer: float, machine: Machine, documents: int, tokens: int
) -> None:
    each = dearer * at_full_load(machine, documents * tokens)
    even = break_even(each, machine, documents * tokens)
    assert even is not None
    assert per_month(each, Traffic(even, documents, tokens)) == pytest.approx(machine.usd_per_day * 30)
    below = Traffic(even * 0.99, documents, tokens)
    assert per_month(each, below) < machine.per_month(below)


@given(st.floats(1e-4, 0.99), MACHINES, st.integers(1, 1_000), st.integers(1, 8_000), st.floats(1, 1e6))
def test_where_there_is_no_break_even_hosting_costs_less_at_any_traffic(
    cheaper: float, machine: Machine, documents: int, tokens: int, queries: float
) -> None:
    each = cheaper * at_full_load(machine, documents * tokens)
    assert break_even(each, machine, documents * tokens) is None
    traffic = Traffic(queries, documents, tokens)
    assert per_month(each, traffic) <= machine.per_month(traffic)


def test_the_break_even_of_the_two_prices_that_are_compared_most() -> None:
    machine = Machine(1.006, 40_000)
    assert break_even(0.002, machine, 50_000) == pytest.approx(12_072)
    assert break_even(0.0025, machine, 50_000) == pytest.approx(9_657.6)
    assert break_even(0.002, Machine(1.006, 4_000), 50_000) is None  # it answers 6,912 queries a day


def test_setup_is_saved_day_by_day_or_never() -> None:
    assert payback_days(500, 600, 100) == pytest.approx(30)
    assert payback_days(0, 600, 100) == 0
    assert payback_days(0, 100, 100) is None
    assert payback_days(1, 100, 600) is None


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_numbers_that_count_nothing_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="queries_per_day"):
        Traffic(value)
    with pytest.raises(InputError, match="usd_per_hour"):
        Machine(value, 1)
    with pytest.raises(InputError, match="tokens_per_second"):
        Machine(1, value)
    if value != 0:
        with pytest.raises(InputError, match="setup"):
            payback_days(value, 2, 1)


def test_a_peak_below_the_mean_is_refused() -> None:
    with pytest.raises(InputError, match=r"peak=0\.5"):
        Machine(1, 1, peak=0.5)
