"""Dates in text: any common notation of six languages, as spans of days.

Knows notations; not what a date says of a document, nor what an instruction wants.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

Match = re.Match[str]


class Dated(NamedTuple):
    """A date that was found: its first and last day as proleptic ordinals, and where it stands in the text."""

    low: int
    high: int
    start: int
    end: int

    @property
    def middle(self) -> float:
        """The day that stands for all of them where dates are compared."""
        return (self.low + self.high) / 2


class Notation(NamedTuple):
    """One way to write a date: its pattern and what makes days of a match; None where it is no date after all.

    `needs`: the section of the calendar one of whose words a text must have, or "", for the pattern to be tried at all.
    """

    needs: str
    pattern: re.Pattern[str]
    read: Callable[[Match, date | None, bool], tuple[int, int] | None]


def find_dates(text: str, now: datetime | None = None, *, month_first: bool = True) -> list[Dated]:
    """The dates in `text`, in order; of overlapping ones the most precise notation's.

    `now` resolves "three days ago" and days without a year; without it those are no dates. `month_first` reads
    03/04/2021 as the fourth of March; numbers above twelve and dots decide for themselves.
    """
    today = now.date() if now else None
    eastern = _EASTERN.search(text) is not None
    words = frozenset(_WORDS.findall(text.lower()))
    if (
        not eastern
        and not any(c.isdigit() for c in text)
        and words.isdisjoint(_firsts("days_back") | _firsts("units") | _firsts("decades"))
    ):
        return []
    taken = bytearray(len(text))
    found = []
    for notation in _notations():
        if notation.needs and not (
            eastern if notation.needs == "eastern" else not words.isdisjoint(_firsts(notation.needs))
        ):
            continue
        for match in notation.pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            try:
                days = notation.read(match, today, month_first)
            except (ValueError, OverflowError):  # the thirtieth of February
                continue
            if days:
                taken[start:end] = b"\1" * (end - start)
                found.append(Dated(*days, start, end))
    return sorted(found, key=lambda dated: dated.start)


def date_of(value: Any, now: datetime | None = None, *, month_first: bool = True) -> Dated | None:
    """The first date of a metadata value: a string, a `date`, a year, or seconds or milliseconds since 1970."""
    if isinstance(value, date):
        day = value.toordinal()
        return Dated(day, day, 0, 0)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _of_number(value)
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"\s*\d{9,13}(\.\d+)?\s*", value):
        return _of_number(float(value))
    return next(iter(find_dates(value[:200], now, month_first=month_first)), None)


def _of_number(value: float) -> Dated | None:
    if 1400 <= value <= 2200 and value == int(value):
        low, high = _year(int(value))
        return Dated(low, high, 0, 0)
    if 19000101 <= value <= 22001231:
        return next(iter(find_dates(str(int(value)))), None)
    seconds = value / 1000 if 1e11 < value < 1e13 else value
    if not 1e8 < seconds < 1e10:
        return None
    day = datetime.fromtimestamp(seconds, UTC).toordinal()
    return Dated(day, day, 0, 0)


@cache
def calendar() -> Mapping[str, Mapping[str, float]]:
    """calendar.toml turned round: for each section, what a word means."""
    table = tomllib.loads((files(__package__) / "calendar.toml").read_text("utf-8"))
    return {
        section: {word: float(meaning) for meaning, words in rows.items() for word in words}
        for section, rows in _flat(table).items()
    }


def _flat(table: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """TOML reads `0.0417 = ...` as nested keys: put them back together."""
    return {
        section: {
            (f"{key}.{inner}" if isinstance(value, dict) else key): words
            for key, value in rows.items()
            for inner, words in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for section, rows in table.items()
    }


_EASTERN = re.compile(r"[年月日前昨今本先去週代]")
_WORDS = re.compile(r"[^\W\d_]+")


@cache
def _firsts(section: str) -> frozenset[str]:
    """The first words of a section's entries."""
    return frozenset(found[0] for found in map(_WORDS.findall, calendar()[section]) if found)


def words_of(section: str) -> str:
    """A section's words as a regular expression's alternatives, the longest first."""
    return "|".join(re.escape(word) for word in sorted(calendar()[section], key=len, reverse=True))


def number(text: str) -> float | None:
    """A number in digits or as a word; None for any other word."""
    text = text.strip().lower().translate(_KANJI)
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else calendar()["numbers"].get(text)


_KANJI = str.maketrans("〇一二三四五六七八九0123456789", "01234567890123456789")


def _day(year: int, month: int, day: int) -> tuple[int, int]:
    ordinal = date(year, month, day).toordinal()
    return ordinal, ordinal


def _month(year: int, month: int, length: int = 1) -> tuple[int, int]:
    after = month - 1 + length
    return date(year, month, 1).toordinal(), date(year + after // 12, after % 12 + 1, 1).toordinal() - 1


def _year(year: int, length: int = 1) -> tuple[int, int]:
    return date(year, 1, 1).toordinal(), date(year + length, 1, 1).toordinal() - 1


def _full(year: str) -> int:
    value = int(year.strip("'’"))
    return value if value > 99 else value + (2000 if value < 70 else 1900)


def _named_month(name: str) -> int:
    return int(calendar()["months"][name.lower().rstrip(".")])


def _ymd(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _day(int(match[1]), int(match[2]), int(match[3]))


def _month_of_year(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _month(_full(match[2]), _named_month(match[1]))


def _numbered_month(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _month(int(match["year"]), int(match["month"]))


def _half(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _month(int(match["year"] or match["year2"]), 6 * int(match["h"] or match["h2"]) - 5, 6)


def _numeric(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    first, mark, second, year = int(match[1]), match[2], int(match[3]), _full(match[4])
    if first <= 12 and (second > 12 or (month_first and mark != ".")):
        first, second = second, first
    return _day(year, second, first)


def _holiday(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    month, day = divmod(int(calendar()["holidays"][match["holiday"].lower()]), 100)
    return _day(int(match["year"]), month, day)


def _day_of_month(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    day, month = int(match["day"]), _named_month(match["month"])
    if match["year"]:
        return _day(_full(match["year"]), month, day)
    if today is None:
        return None
    this = date(today.year, month, day)
    return _day(today.year if this <= today else today.year - 1, month, day)


def _quarter(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    groups = match.groupdict()
    which = next(groups[name] for name in ("q", "q2", "q3") if groups.get(name))
    year = next(groups[name] for name in ("year", "year2", "year3") if groups.get(name))
    nth = int(which) if which.isdigit() else int(calendar()["ordinals"][which.lower()])
    return _month(_full(year), 3 * nth - 2, 3)


def _week(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    groups = [group for group in match.groups() if group]
    year, week = sorted((int(group) for group in groups), reverse=True)
    monday = date.fromisocalendar(year, week, 1).toordinal()
    return monday, monday + 6


def _season(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _month(int(match[2]), int(calendar()["seasons"][match[1].lower()]), 3)


def _school_year(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    year, after = int(match[1]), int(match[2])
    if (year + 1) % 100 == after % 100 and (after < 100 or "-" not in match[0]):
        return _month(year, 9, 12)
    return _year(year, after - year + 1) if after > year else None


def _era(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    count = 1 if match["n"] == "元" else int(match["n"].translate(_KANJI))
    year = int(calendar()["eras"][match["era"]]) + count
    return _part(year, match["m"], match["d"])


def _western(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _part(int(match["n"].translate(_KANJI)), match["m"], match["d"])


def _part(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    """A year, a month of it, or a day of that."""
    if not month:
        return _year(year)
    value = int(month.translate(_KANJI))
    return _day(year, value, int(day.translate(_KANJI))) if day else _month(year, value)


def _ago(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    groups = match.groupdict()
    amount = next((groups[name] for name in ("n", "n2") if groups.get(name)), "1")
    unit = next(groups[name] for name in ("u", "u2") if groups.get(name))
    count = number(amount)
    if today is None or count is None:
        return None
    day = today.toordinal() - round(count * calendar()["units"][unit.lower()])
    return (day, day) if day > 0 else None


def _back(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    if today is None:
        return None
    back = int(calendar()["days_back"][match[0].lower()])
    return _before(today, back) if back >= 7 else _day(*(today - timedelta(days=back)).timetuple()[:3])


def _before(today: date, length: int) -> tuple[int, int]:
    """The whole week, month, year or decade, whichever is that many days long, before the one of `today`."""
    if length < 28:
        monday = today.toordinal() - today.weekday() - 7
        return monday, monday + 6
    if length < 365:
        before = today.replace(day=1) - timedelta(days=1)
        return _month(before.year, before.month)
    return _year(today.year - 1) if length < 3650 else _year(today.year // 10 * 10 - 10, 10)


def _decade(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    groups = match.groupdict()
    written = next(groups[name] for name in ("year", "year2", "word", "word2") if groups.get(name))
    first = _full(written) if written.isdigit() else 1900 + int(calendar()["decades"][written.lower()])
    return _third(_year(first, 10), groups["third"])


def _third_of_year(match: Match, today: date | None, month_first: bool) -> tuple[int, int] | None:
    return _third(_year(int(match["year"])), match["third"])


def _third(days: tuple[int, int], which: str | None) -> tuple[int, int]:
    """The early, middle or late third of a stretch of days; all of it where none is named."""
    if not which:
        return days
    low, length = days[0], (days[1] - days[0] + 1) // 3
    nth = int(calendar()["thirds"][which.lower()])
    return low + nth * length, days[1] if nth == 2 else low + (nth + 1) * length - 1


@cache
def _notations() -> tuple[Notation, ...]:
    """Every notation, the most precise first: what one has read, none after it reads again."""
    month, unit, count = words_of("months"), words_of("units"), rf"\d+|{words_of('numbers')}"
    quarter = words_of("ordinals")
    year, any_year = r"(?:1[4-9]|20|21)\d\d", r"(?:1[4-9]|20|21)\d\d|['’]?\d\d(?![\d:.,])"
    digit = r"[0-90-9]"
    rows: list[tuple[str, str, Any]] = [
        ("", rf"(?<![\d.])({year})[-/.](0?[1-9]|1[0-2])[-/.](0?[1-9]|[12]\d|3[01])(?!\d)", _ymd),
        ("", r"(?<!\d)((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?!\d)", _ymd),
        ("", rf"(?<![\d.])(\d\d?)([./-])(\d\d?)\2({year}|\d\d)(?![\d.]\d|\d)", _numeric),
        (
            "eastern",
            rf"(?P<era>令和|平成|昭和|大正|明治)\s?(?P<n>{digit}+|元)年(?:度|(?P<m>{digit}+)月(?:(?P<d>{digit}+)日)?)?",
            _era,
        ),
        ("", r"(?<![A-Za-z])(?P<era>[RHS])(?P<n>\d\d?)[./](?P<m>\d\d?)[./](?P<d>\d\d?)(?!\d)", _era),
        ("eastern", rf"(?P<n>{digit}{{4}})年(?!代)(?:度|(?P<m>{digit}+)月(?:(?P<d>{digit}+)日)?)?", _western),
        (
            "months",
            rf"(?<!\d)(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th|er|\.|º)?[\s-]+(?:of\s+|de\s+)?(?P<month>{month})\b\.?"
            rf"(?:,?[\s-]+(?:de\s+|del\s+|of\s+)?(?P<year>{any_year}))?",
            _day_of_month,
        ),
        (
            "months",
            rf"\b(?P<month>{month})\b\.?[\s-]+(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?![\d:])"
            rf"(?:,?\s+(?:\d\d?:\d\d(?::\d\d)?\s+(?:[A-Z]{{3,4}}\s+)?)?(?P<year>{year}))?",
            _day_of_month,
        ),
        (
            "holidays",
            rf"(?<!\w)(?P<holiday>{words_of('holidays')}),?\s+(?:of\s+|de\s+|del\s+)?(?P<year>{year})",
            _holiday,
        ),
        ("months", rf"\b({month})\b\.?,?[\s/-]+(?:de\s+|of\s+)?({year}|['’]\d\d)(?!\d)", _month_of_year),
        (
            "quarters",
            rf"\b[QT]\s?(?P<q>[1-4])[\s/-]*(?:FY\s?)?(?P<year>{year}|['’]?\d\d)(?!\d)"
            rf"|(?<!\d)(?P<year2>{year})[\s/-]*[QT](?P<q2>[1-4])\b"
            rf"|(?<!\w)(?P<q3>[1-4](?=\s?Q)|{quarter})\s*(?:Q|quarter|quartal|trimestre)\s*(?:of\s+|de\s+|del\s+|/)?"
            rf"(?P<year3>{year}|\d\d(?!\d))",
            _quarter,
        ),
        ("halves", rf"\bH(?P<h>[12])[\s/-]*(?P<year>{year})|(?P<year2>{year})[\s/-]*H(?P<h2>[12])\b", _half),
        (
            "weeks",
            rf"\b(?:KW|CW|week|wk|woche|semaine|semana)\s*(\d\d?)\s*(?:/|of|de|,|-)?\s*({year})|({year})-?W(\d\d?)",
            _week,
        ),
        ("eastern", rf"({year})年第?(\d\d?)週", _week),
        (
            "",
            rf"\b(?:(?P<third>{words_of('thirds')})[\s-]+)?(?:the\s+)?(?:(?P<year>(?:1[4-9]|20)\d0)(?:['’]?s\b|er\b|\s?年代)"
            rf"|(?:années|años|ann[ée]es)\s+(?:(?P<year2>(?:1[4-9]|20)?\d0)(?!\d)|(?P<word2>{words_of('decades')}))"
            rf"|(?P<word>{words_of('decades')})\b)",
            _decade,
        ),
        ("", rf"\b(?P<third>{words_of('thirds')})[\s-]+(?P<year>{year})(?![\d/-])", _third_of_year),
        ("seasons", rf"\b({words_of('seasons')})\s+(?:of\s+|de\s+)?({year})", _season),
        (
            "",
            rf"(?<![\d/.-])({year})(?:[/–](?=\d\d(?!\d))|\s?[-/–—]\s?(?=\d{{4}}))(\d\d|{year})(?![\d/-])",
            _school_year,
        ),
        ("", rf"(?<![\d/.-])({year})-(1[3-9]|[2-9]\d)(?![\d-])", _school_year),
        ("", rf"(?<![\d/.-])(?P<year>{year})[-/.](?P<month>0[1-9]|1[0-2])(?![\d/-])", _numbered_month),
        ("", rf"(?<![\d/.-])(?P<month>0?[1-9]|1[0-2])[/.-](?P<year>{year})(?!\d)", _numbered_month),
        (
            "units",
            rf"\b(?P<n>{count})\s?(?P<u>{unit})\s+ago\b|\b(?:vor|il y a|hace)\s+(?P<n2>{count})\s+(?P<u2>{unit})\b",
            _ago,
        ),
        ("eastern", rf"(?P<n>{digit}+)(?P<u>日|週間|か月|ヶ月|カ月|年|時間)前", _ago),
        ("days_back", rf"(?<!\w)(?:{words_of('days_back')})(?!\w)", _back),
        ("eastern", "本日|今日|昨日|一昨日|先週|先月|今週|昨年|去年", _back),
        ("", rf"(?<![\d.,/$€£-])(?:FY\s?)?({year})(?![\d/-]|[.,]\d|[a-z年])", lambda m, t, f: _year(int(m[1]))),
    ]
    return tuple(Notation(needs, re.compile(pattern, re.IGNORECASE), read) for needs, pattern, read in rows)
