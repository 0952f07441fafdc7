"""Every notation of a date, as the days that it means."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.rules.dates import date_of, find_dates

NOW = datetime(2026, 6, 22, tzinfo=UTC)

NOTATIONS = [
    ("2021-03-03", "2021-03-03", "2021-03-03"),
    ("2021-03-03T15:40:00Z", "2021-03-03", "2021-03-03"),
    ("2021/3/3", "2021-03-03", "2021-03-03"),
    ("20210303", "2021-03-03", "2021-03-03"),
    ("3 March 2021", "2021-03-03", "2021-03-03"),
    ("3rd of March, 2021", "2021-03-03", "2021-03-03"),
    ("Mar 3, 2021", "2021-03-03", "2021-03-03"),
    ("Mon, 03 Mar 2025 10:00:00 +0000", "2025-03-03", "2025-03-03"),
    ("03/04/2021", "2021-03-04", "2021-03-04"),
    ("30/04/2021", "2021-04-30", "2021-04-30"),
    ("11/30/2025", "2025-11-30", "2025-11-30"),
    ("18.11.2024", "2024-11-18", "2024-11-18"),
    ("3. März 2021", "2021-03-03", "2021-03-03"),
    ("1er janvier 2024", "2024-01-01", "2024-01-01"),
    ("3 de marzo de 2021", "2021-03-03", "2021-03-03"),
    ("8 May", "2026-05-08", "2026-05-08"),
    ("8 July", "2025-07-08", "2025-07-08"),
    ("Februar 2026", "2026-02-01", "2026-02-28"),
    ("2024-08", "2024-08-01", "2024-08-31"),
    ("08/2021", "2021-08-01", "2021-08-31"),
    ("Q2 2022", "2022-04-01", "2022-06-30"),
    ("2022-Q2", "2022-04-01", "2022-06-30"),
    ("2Q22", "2022-04-01", "2022-06-30"),
    ("first quarter of 2023", "2023-01-01", "2023-03-31"),
    ("4e trimestre 2019", "2019-10-01", "2019-12-31"),
    ("H1 2024", "2024-01-01", "2024-06-30"),
    ("KW 05/2022", "2022-01-31", "2022-02-06"),
    ("week 33 of 2026", "2026-08-10", "2026-08-16"),
    ("2026-W33", "2026-08-10", "2026-08-16"),
    ("autumn of 2024", "2024-09-01", "2024-11-30"),
    ("2021/22", "2021-09-01", "2022-08-31"),
    ("2016-17", "2016-09-01", "2017-08-31"),
    ("FY2023", "2023-01-01", "2023-12-31"),
    ("1931", "1931-01-01", "1931-12-31"),
    ("令和7年4月1日", "2025-04-01", "2025-04-01"),
    ("平成30年5月号", "2018-05-01", "2018-05-31"),
    ("2025年2月3日", "2025-02-03", "2025-02-03"),
    ("2022年度", "2022-01-01", "2022-12-31"),
    ("three days ago", "2026-06-19", "2026-06-19"),
    ("vor drei Wochen", "2026-06-01", "2026-06-01"),
    ("hace 3 días", "2026-06-19", "2026-06-19"),
    ("3日前", "2026-06-19", "2026-06-19"),
    ("yesterday", "2026-06-21", "2026-06-21"),
    ("gestern", "2026-06-21", "2026-06-21"),
    ("昨日", "2026-06-21", "2026-06-21"),
]


@pytest.mark.parametrize(("text", "first", "last"), NOTATIONS)
def test_a_notation_means_these_days(text: str, first: str, last: str) -> None:
    (found,) = find_dates(f"Text, {text}", NOW)
    assert (date.fromordinal(found.low).isoformat(), date.fromordinal(found.high).isoformat()) == (first, last)


@pytest.mark.parametrize("text", ["v2.10", "30/02/2021", "costs 1999.95", "call 555-2021-33", "see § 2021a", "no date"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert find_dates(text, NOW) == []


@pytest.mark.parametrize("text", ["three days ago", "yesterday", "8 May"])
def test_without_now_nothing_is_relative_to_it(text: str) -> None:
    assert find_dates(text) == []


def test_slashes_follow_the_order_that_is_said() -> None:
    (found,) = find_dates("03/04/2021", month_first=False)
    assert date.fromordinal(found.low) == date(2021, 4, 3)


@pytest.mark.parametrize(
    "value", [1614729600, 1614729600000, "1614729600", date(2021, 3, 3), datetime(2021, 3, 3), 20210303]
)
def test_metadata_values_of_any_type_are_dates(value: object) -> None:
    found = date_of(value)
    assert found
    assert date.fromordinal(found.low) == date(2021, 3, 3)


@pytest.mark.parametrize("value", [True, None, 7, -1, 3.5, float("inf"), float("nan"), [], {"a": 1}, "none"])
def test_other_values_are_none(value: object) -> None:
    assert date_of(value) is None


@given(
    st.dates(date(1950, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%b %d, %Y", "%d.%m.%Y", "%Y%m%d"]),
)
def test_a_written_day_is_read_back(day: date, form: str) -> None:
    (found,) = find_dates(day.strftime(form))
    assert (found.low, found.high) == (day.toordinal(), day.toordinal())
