"""Days of a group, drawn so that each can be told from the others as it is written, and ways to write them.

Knows patterns and calendars; nothing of rules.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from random import Random

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_GERMAN = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
_FRENCH = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_SPANISH = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

GRAINS = (1, 7, 31, 92, 366)
"""Days that a written date can stand for: a day, a week, a month, a quarter, a year."""

YEAR = 366
_FEW_DAYS, _FEW_WEEKS = 45, 12


def backwards(draw: Random, now: date, count: int, *, grain: int, room: Collection[int] = ()) -> list[date]:
    """`count` days up to `now`, the last first, far enough apart for dates that stand for `grain` days.

    `room`: before the days of these numbers a new year begins, with more than `grain` days on both sides of it.
    """
    stretch = draw.choice((1, 8, 30)) if grain < YEAR / 4 else 1
    least = math.ceil(2.2 * grain)
    found = [now - timedelta(days=1 + draw.randint(0, least))]
    for number in range(1, count):
        gap = least + int(stretch * grain * draw.expovariate(1.5))
        if number in room:
            gap = max(gap, YEAR + 2 * grain + draw.randint(12, 200))
        found.append(found[-1] - timedelta(days=gap))
    return found


def yearly(draw: Random, now: date, count: int) -> list[date]:
    """`count` days, each of another year, the last first, and none close to a new year."""
    years = draw.sample(range(now.year - count - 6, now.year), count)
    return [date(year, draw.randint(2, 11), draw.randint(1, 28)) for year in sorted(years, reverse=True)]


def first_of_month(draw: Random, older: date, newer: date) -> date:
    """The first day of a month, half of the time of a year, after `older` and not after `newer`.

    The two must leave room for a new year: see `room` of `backwards`.
    """
    days = map(date.fromordinal, range(older.toordinal() + 1, newer.toordinal() + 1))
    firsts = [day for day in days if day.day == 1]
    return draw.choice([day for day in firsts if day.month == 1] if draw.random() < 0.5 else firsts)


def written(pattern: str, day: date, now: date) -> str | None:
    """The day as the pattern has it; None where nobody would count so many days or weeks."""
    ago = (now - day).days
    if ("{days}" in pattern and not 2 <= ago <= _FEW_DAYS) or ("{words}" in pattern and not 2 <= ago <= 12):
        return None
    if "{weeks}" in pattern and not 2 <= ago // 7 <= _FEW_WEEKS:
        return None
    return pattern.format_map(_parts(day, ago))


def spoken(day: date) -> Mapping[str, str]:
    """The places of an instruction that name a day; the year alone where it begins on that day."""
    month = f"{MONTHS[day.month - 1]} {day.year}"
    places = {"day": f"{day.day} {month}", "month": month, "iso": day.isoformat()}
    return {**places, "year": str(day.year)} if (day.month, day.day) == (1, 1) else places


def _parts(day: date, ago: int) -> dict[str, object]:
    week_year, week, weekday = day.isocalendar()
    month = day.month - 1
    return {
        "Y": day.year, "m": f"{day.month:02}", "M": day.month, "d": f"{day.day:02}", "D": day.day,
        "B": MONTHS[month], "b": MONTHS[month][:3], "a": _WEEKDAYS[weekday - 1],
        "de": _GERMAN[month], "fr": _FRENCH[month], "es": _SPANISH[month],
        "q": month // 3 + 1, "W": f"{week:02}", "G": week_year,
        "th": "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th"),
        "days": ago, "weeks": ago // 7, "words": _NUMBERS[ago - 2] if 2 <= ago <= 12 else "",
    }  # fmt: skip
