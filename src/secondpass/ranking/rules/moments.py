"""What an instruction says of time: "since 2024", "the past twelve months", "the newest", "before that day".

Knows sentences; not what is wished of the documents that fit, which the clause around it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple

from secondpass.ranking.rules.cues import Cues
from secondpass.ranking.rules.dates import Dated, calendar, find_dates, number, words_of

Window = tuple[int | None, int | None]


class Moment(NamedTuple):
    """A wish in time: "newest", "oldest", or a window of days; `loose` where nothing but a date was said."""

    asks: str
    window: Window
    start: int
    end: int
    loose: bool = False


def moments_in(
    sentence: str, cues: Cues, now: datetime | None, anchor: Dated | None
) -> tuple[list[Moment], Dated | None]:
    """The moments of a sentence in lower case, and the last date that it speaks of.

    `anchor` is the last date before it, which "since then" means. What needs a day is left alone where `now` is None.
    """
    found = list(_spans(sentence, cues, now)) if now else []
    # "What applies today" asks for the newest; "today" in it is no date.
    found += [
        moment
        for name in ("standing", "newest")
        for moment in _ends(_blanked(sentence, found), cues, name)
        if _TODAY.search(sentence[moment.start : moment.end])
    ]
    text = _blanked(sentence, found)
    dates = _dates_in(text, cues, now)
    last = anchor
    index = 0
    while index < len(dates):
        moment, used = _dated(text, dates, index, cues)
        found.append(moment)
        last = dates[index]._replace(high=dates[index + used - 1].high)
        index += used
    text = _blanked(text, found)
    found += _newest_then(text, cues, last or anchor)
    text = _blanked(text, found)
    for name, window_of in _ANCHORED:
        for match in cues[f"time.{name}"].finditer(text):
            mark = last or anchor
            if mark is not None:
                found.append(Moment("between", window_of(mark, match[0]), *match.span()))
                text = _blanked(text, found)
    text = cues["time.stale"].sub(lambda match: " " * len(match[0]), text)  # "no longer in force" is not "in force"
    for name in ("standing", "oldest", "newest", "old", "new"):
        found += _ends(text, cues, name)
        text = _blanked(text, found)
    return found, last


def _dates_in(text: str, cues: Cues, now: datetime | None) -> list[Dated]:
    """The dates of a sentence in order, with the bare months that begin a stretch, or that are all it has."""
    dates = find_dates(text, now, month_first=cues.language == "en")
    if now and dates:
        dates = sorted([*dates, *_opening_months(text, dates, now, cues)], key=lambda one: one.start)
    elif now:
        dates = list(_bare_months(text, now))
    return [_completed(text, dates, at, cues) for at in range(len(dates))]


_BEYOND = re.compile(r"newer|later|younger|more recent|neueres")
_AFTER = re.compile(
    r"after|nach|hinterher|après|después|posterior|más tarde|plus tard|より?後|what (?:came|went|follow)|once"
)
_ANCHORED: tuple[tuple[str, Callable[[Dated, str], Window]], ...] = (
    ("from_then", lambda mark, _: (mark.low, None)),
    ("until_then", lambda mark, _: (None, mark.high)),
    ("in_then", lambda mark, _: (mark.low, mark.high)),
    ("since_then", lambda mark, cue: (mark.high + 1 if _is_past(mark, cue) else mark.low, None)),
    ("before_then", lambda mark, _: (None, mark.low - 1)),
)
"""What is said of a date that was named before: cues, and the window that they make of it."""


def _is_past(mark: Dated, cue: str) -> bool:
    """Whether what comes after a date begins when it is over: after a day, and after anything that is called newer."""
    whole = mark.high - mark.low < _MONTHS_LONG or cue.startswith(("what", "once"))
    return bool(_BEYOND.match(cue) or (whole and _AFTER.match(cue)))


_MONTHS_LONG = 20
"""Days that a date spans at least to be a stretch in which something happened, as in "the merger in 2021"."""


def _newest_then(text: str, cues: Cues, mark: Dated | None) -> Iterator[Moment]:
    """ "The latest version that existed then": what was there by that day, and of it the newest."""
    match = cues["time.newest_then"].search(text) if mark else None
    if mark and match:
        yield Moment("between", (None, mark.high), *match.span())
        yield Moment("newest", (None, None), *match.span())


_TODAY = re.compile(r"today|now|at the moment|these days|heute|jetzt|aujourd|hoy|現在")


def _ends(text: str, cues: Cues, name: str) -> list[Moment]:
    """The newest or the oldest that is asked for; "old" and "new" alone ask only where their clause takes a stance."""
    asks = name if name == "standing" else "newest" if name.startswith("new") else "oldest"
    loose = name in ("old", "new")
    return [Moment(asks, (None, None), *match.span(), loose) for match in cues[f"time.{name}"].finditer(text)]


_MONTH = re.compile(
    r"(?<!\w)(?:january|february|april|june|july|august|september|october|november|december|januar|februar|juni|juli|oktober"
    r"|dezember|janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|abril|junio|julio"
    r"|agosto|septiembre|octubre|noviembre|diciembre)(?!\w)"
)


def _bare_months(text: str, now: datetime) -> Iterator[Dated]:
    """Months without a year, as the last such month before now."""
    for match in _MONTH.finditer(text):
        found = find_dates(f"1 {match[0]}", now)
        for one in found:
            last = date.fromordinal(one.low).replace(day=28).toordinal() + 3
            yield Dated(one.low, last, *match.span())


def _completed(text: str, dates: list[Dated], at: int, cues: Cues) -> Dated:
    """A day or month that begins a stretch and has no year takes that of its end: "from July to December 2024"."""
    one = dates[at]
    if at + 1 == len(dates) or not _YEARLESS.search(text[one.start : one.end]):
        return one
    two = dates[at + 1]
    year = date.fromordinal(two.low).year
    if not cues["time.to"].fullmatch(text[one.end : two.start].strip()) or not 1 < year < date.max.year:
        return one
    low = date.fromordinal(one.low)
    day = 28 if low.month == _FEBRUARY else low.day  # the 29th is not in every year
    back = date(year, low.month, min(day, low.day)).toordinal() > two.high
    moved = date(year - back, low.month, min(day, low.day)).toordinal() - one.low
    return one._replace(low=one.low + moved, high=one.high + moved)


_FEBRUARY = 2
_YEARLESS = re.compile(r"^(?!.*\d{4})(?!.*['’]\d\d$)")


def _opening_months(text: str, dates: list[Dated], now: datetime, cues: Cues) -> Iterator[Dated]:
    """Bare months with which a stretch begins that one of the dates ends."""
    for match in re.finditer(rf"(?<!\w)(?:{words_of('months')})(?!\w)", text):
        after = next((one for one in dates if one.end > match.start()), None)
        if after and after.start > match.end() and cues["time.to"].fullmatch(text[match.end() : after.start].strip()):
            first = find_dates(f"1 {match[0]}", now)[0]
            last = (date.fromordinal(first.low).replace(day=28) + timedelta(days=4)).replace(day=1).toordinal() - 1
            yield Dated(first.low, last, *match.span())


def _blanked(text: str, moments: list[Moment]) -> str:
    """`text` without what has been understood, at the same length."""
    for moment in moments:
        text = text[: moment.start] + "\x00" * (moment.end - moment.start) + text[moment.end :]
    return text


@cache
def _amount() -> str:
    return rf"(?P<n>\d+|[〇一二三四五六七八九十]+|{words_of('numbers')})?\s*(?P<u>{words_of('units')})(?![a-zà-ÿ])"


def _spans(sentence: str, cues: Cues, now: datetime) -> Iterator[Moment]:
    """Lengths of time counted back from now: the last two years, older than six months, this quarter."""
    today = now.date().toordinal()
    for name in ("within", "within_plain", "older"):
        pattern = cues[f"time.{name}"].pattern
        for match in _length(pattern, cues.language, name).finditer(sentence):
            count = number(match["n"]) if match["n"] else (1 if name == "within" else None)
            if count is None:
                continue
            if _OF_A_YEAR.match(sentence[match.end() :]):  # "the last quarter of 2023"
                continue
            first = today - round(count * calendar()["units"][match["u"]])
            negated = name == "older" and re.search(r"(?:not|nicht|no|pas)\s+$", sentence[: match.start()])
            window = (None, first - 1) if name == "older" and not negated else (first, None)
            sentence = sentence[: match.start()] + "\x00" * (match.end() - match.start()) + sentence[match.end() :]
            yield Moment("between", window, *match.span())
    for match in re.finditer(_this(), sentence):
        days = calendar()["units"][match["u"]]
        if days <= 1:  # "this day" is the one that was named
            continue
        low, high = _current(now.date(), days)
        yield Moment("between", (low, high), *match.span())


_OF_A_YEAR = re.compile(r"\s*(?:(?:of|in|de|del|des|du|von)\s+)?(?:the year )?(?:1[4-9]|20)\d\d(?!\d)")


@cache
def _length(pattern: str, language: str, name: str) -> re.Pattern[str]:
    if language == "ja" and name != "within":
        return re.compile(_amount() + pattern)
    if language == "fr" and name == "within":
        return re.compile(rf"(?:(?:dans|durant|pendant|sur|au cours des|des|de|les)\s+)*(?:ces\s+)?"
                          rf"{_amount_of('n')}\s*(?:derni(?:ers|ères)\s+){_amount_of('u')}|(?!)")  # fmt: skip
    return re.compile(rf"{pattern}\s*{_amount()}")


@cache
def _amount_of(part: str) -> str:
    if part == "n":
        return rf"(?P<n>\d+|{words_of('numbers')})?"
    return rf"(?P<u>{words_of('units')})(?![a-zà-ÿ])"


@cache
def _this() -> str:
    return (
        rf"(?:(?<!\w)(?:this|current|diese[snm]?|cette|cet|este|esta|ce)\s+|今)(?P<u>{words_of('units')})(?![a-zà-ÿ])"
    )


def _current(today: date, days: float) -> tuple[int, int]:
    """The week, month, quarter or year that today lies in, up to today."""
    if days > 300:
        first = today.replace(month=1, day=1)
    elif days > 80:
        first = today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1)
    elif days > 20:
        first = today.replace(day=1)
    else:
        return today.toordinal() - today.weekday(), today.toordinal()
    return first.toordinal(), today.toordinal()


def _dated(text: str, dates: list[Dated], index: int, cues: Cues) -> tuple[Moment, int]:
    """The moment that a date makes with the words around it, and how many dates it took."""
    one = dates[index]
    at = max(0, one.start - _HEAD)
    head = text[at : one.start].rstrip(" ('\"")
    tail = text[one.end : one.end + _TAIL].lstrip()
    if index + 1 < len(dates):
        two = dates[index + 1]
        start = _ending(head, cues, "between")
        joined = text[one.end : two.start].strip()
        if cues["time.to"].fullmatch(joined) and (start is not None or not cues["split.list"].fullmatch(joined)):
            begin = one.start if start is None else at + start
            return Moment("between", (one.low, two.high), begin, two.end, loose=start is None), 2
    behind = _behind(text, one, tail, cues)
    if behind:
        return behind, 1
    for name, window_of in (("after", _window_after), ("before", _window_before)):
        start = _ending(head, cues, name)
        if start is not None:
            cue = head[start:]
            # A cut-off says which way it cuts in what follows; alone it is where the wish begins.
            return Moment("between", window_of(cue, one), at + start, one.end, loose=cue.startswith("cut")), 1
    if _TODAY.fullmatch(text[one.start : one.end]):  # the day of the request stands for what is newest
        return Moment("newest", (None, None), one.start, one.end, loose=True), 1
    start = _ending(head, cues, "during")
    begin = one.start if start is None else at + start
    return Moment("between", (one.low, one.high), begin, one.end, loose=True), 1


def _behind(text: str, one: Dated, tail: str, cues: Cues) -> Moment | None:
    """Words after a date that open one of its ends: "2024 or later", "2020年以降"."""
    later = _LATER.match(tail)
    if later:
        gap = len(text[one.end : one.end + _TAIL]) - len(tail)
        low = one.high + 1 if later[0].startswith("より") else one.low
        return Moment("between", (low, None), one.start, one.end + gap + later.end())
    earlier = _EARLIER.match(tail)
    if earlier:
        inclusive = not tail.startswith(("より前", "より古い"))
        return Moment("between", (None, one.high if inclusive else one.low - 1), one.start, one.end + earlier.end())
    return None


_HEAD = 80
_TAIL = 28
_OR = r"(?:or|and|oder|und|ou|o|y|et)\s+"
_LATER = re.compile(
    rf"\+|(?:and|or) (?:up|above|beyond)|forward"
    rf"|{_OR}(?:later|newer|after|onwards?|jünger|neuer|später|danach|plus (?:tard|récent)|posterior\w*|después"
    r"|más reciente\w*)|at (?:the )?(?:very )?earliest|au plus tôt|como (?:muy )?pronto"
    r"|onwards?|on\b(?! (?:the|top|this|that|my|our|a)\b)|以降|以後|より後|より新しい|からの|から"
)
_EARLIER = re.compile(
    r"at (?:the )?(?:very )?latest|au plus tard|como (?:muy )?tarde|inclu(?:ded|s|sive)\b(?=\W*$)"
    rf"|{_OR}(?:earlier|older|before|älter|früher|davor|plus ancien|avant|anterior\w*|antes)"
    r"|以前|より前|まで|より古い|時点|現在"
)
_STRICT = re.compile(
    r"after|later than|newer than|following|recent than|nach|später als|neuer als|après|después|posterior|postérieur"
    r"|tras|post$|beyond|récent\w* qu|jeunes? qu|(?:reciente|nuev)\w* que"
)


_INCLUSIVE = re.compile(
    r"until|till|up to|as (?:of|at)|no later|not (?:after|later)|or before|in (?:force|effect|use)|valid|bis|spätest"
    r"|jusqu|au plus tard|vigueur|valable|applicable|vigente|vigor|válid|kraft|gültig|gelt|galt|hasta"
    r"|muy tarde|through|[≤=]|by$"
)


_OPEN = re.compile(r"\bnot?\b|\bnicht\b|\bpas\b|or (?:after|since)|=|≥")
"""What makes a strict bound hold its day after all: "no later than", "on or after"."""


def _window_after(cue: str, one: Dated) -> Window:
    """What "after 2020" and "since 2020" mean: from when it is over on, or with it."""
    return (one.high + 1 if _STRICT.search(cue) and not _OPEN.search(cue) else one.low), None


def _window_before(cue: str, one: Dated) -> Window:
    """What "before 2020" and "until 2020" mean: without it, or with it."""
    return None, one.high if _INCLUSIVE.search(cue) else one.low - 1


_SOME, _MANY = 5, 9
"""Words that may stand between a cue and its date, and between one that opens a clause of its own and its date."""

_OPENS = re.compile(
    r"(?:before|after|since|bevor|nachdem|seit|avant|après|depuis|antes de|después de|desde)(?: the| la| el| le)?"
)
_CLOSE = ("by", "as of", "as at", "from")
"""Cues that must stand right before their date."""


def _ending(head: str, cues: Cues, name: str) -> int | None:
    """Where the cue begins that `head` ends with; None where it ends with none."""
    for match in cues[f"time.{name}"].finditer(head):
        if match.end() == len(head):
            return match.start()
    if name in ("after", "before"):  # a few words may stand between: "since the reform of 1 September"
        near = list(cues[f"time.{name}"].finditer(head))
        if (
            near
            and near[-1][0] not in _CLOSE
            and re.fullmatch(r"[\s\w'’-]*", head[near[-1].end() :])
            and len(head[near[-1].end() :].split()) <= (_MANY if _OPENS.fullmatch(near[-1][0].strip()) else _SOME)
        ):
            return near[-1].start()
    return None
