"""Lengths of time as people write them: "30d", "12h", "2 weeks".

Knows no calendar: a month is a twelfth of a year, and a year 365.25 days.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

from secondpass.errors import InputError

_DAY = 86_400.0
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": _DAY, "w": 7 * _DAY, "mo": 365.25 * _DAY / 12, "y": 365.25 * _DAY}
"""Seconds in a unit of time, by the unit's short name."""

_LONG = {"sec": "s", "second": "s", "m": "min", "minute": "min", "hr": "h", "hour": "h", "day": "d", "week": "w"}
_LONG |= {"month": "mo", "yr": "y", "year": "y"}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.I)


def seconds(length: str | timedelta) -> float:
    """How many seconds `length` has: a `timedelta`, or a number and a unit. Raises `InputError` unless above 0."""
    if isinstance(length, timedelta):
        found = length.total_seconds()
    else:
        match = _WRITTEN.fullmatch(length)
        found = float(match[1]) * unit(match[2]) if match else math.nan
    if not 0 < found < math.inf:
        raise InputError(f"{length!r} is no length of time: give a number above 0 and a unit, as in 30d or 12h.")
    return found


def unit(name: str) -> float:
    """Seconds in the unit `name`: one of `UNITS`, or its English word. Raises `InputError` for another."""
    short = name.lower()
    short = short if short in UNITS else _LONG.get(short, _LONG.get(short.removesuffix("s"), ""))
    if short not in UNITS:
        raise InputError(f"{name!r} is no unit of time: choose one of {', '.join(UNITS)}.")
    return UNITS[short]
