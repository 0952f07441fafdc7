"""Points in time are read from whatever metadata holds; what says none gives None."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.ranking.signals.moment import moment

THIRD = datetime(2021, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2021, 3, 3),
        datetime(2021, 3, 3, 2, tzinfo=timezone(timedelta(hours=2))),
        date(2021, 3, 3),
        np.datetime64("2021-03-03"),
        "2021-03-03",
        " 2021-03-03T00:00:00Z ",
        "Mar 3, 2021",
        "3 March 2021",
        "3. März 2021",
        THIRD.timestamp(),
        THIRD.timestamp() * 1000,
        str(int(THIRD.timestamp())),
    ],
)
def test_one_day_is_read_from_every_notation(value: object) -> None:
    assert moment(value) == THIRD


@pytest.mark.parametrize("value", [2021, "2021", np.int64(2021)])
def test_a_year_is_its_beginning(value: object) -> None:
    assert moment(value) == datetime(2021, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, True, "", "soon", [], {}, float("nan"), float("inf"), 1e300, "9" * 30])
def test_what_says_no_time_gives_none(value: object) -> None:
    assert moment(value) is None


def test_the_times_of_data_frames_are_read() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    assert moment(pandas.Timestamp("2021-03-03")) == THIRD
    assert moment(pandas.NaT) is None


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.datetimes(), st.dates(), st.binary()))
def test_nothing_in_metadata_raises(value: object) -> None:
    found = moment(value)
    assert found is None or found.tzinfo is not None
