"""Points in time as metadata has them: dates, text, years, seconds since 1970.

Knows no relative dates and no other day than the one that it is given; what has no time zone is in UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from secondpass.ranking.rules.dates import date_of
from secondpass.ranking.signals.weighted import number

_LAST_YEAR = 3000
"""Numbers below it are years."""
_MILLISECONDS = 1e11
"""Numbers from it on are milliseconds since 1970, of which that is March 1973; as seconds it would be the year 5138."""


def moment(value: object) -> datetime | None:
    """The point in time that `value` says, aware of its zone; None where it says none.

    A `datetime` or `date`; text in ISO 8601, or in any notation that `rules.dates` reads, of which the first day
    counts; a year; seconds or milliseconds since 1970.
    """
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, datetime):
        return _aware(value) if value == value else None  # pandas' NaT is a datetime that equals nothing
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return _written(value.strip())
    counted = number(value)
    return None if counted is None else _counted(counted)


def _written(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text))
    except ValueError:
        pass
    counted = number(text)
    if counted is not None:
        return _counted(counted)
    found = date_of(text)
    return None if found is None else datetime.fromordinal(found.low).replace(tzinfo=UTC)


def _counted(count: float) -> datetime | None:
    try:
        if 1 <= count < _LAST_YEAR:
            return datetime(int(count), 1, 1, tzinfo=UTC)
        return datetime.fromtimestamp(count / 1000 if abs(count) >= _MILLISECONDS else count, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _aware(found: datetime) -> datetime:
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
