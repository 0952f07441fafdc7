"""Where a text says what it is: the header before it, the lines at its end. Knows layouts; not what stands in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

HEAD = 800
TAIL = 300
"""Characters at a text's start and end in which it is looked for."""

_LINE = 160
_LEAD = 110
_PART = 60
_SIGNED = 90
_FEW = 7
"""Characters of a line, and of a part of it, that tells of the text, at most; `_FEW` words before its full stop."""

_LABELLED = re.compile(r"^\W{0,4}[^\W\d][\w \-/]{0,28}\s?[:：=]\s?\S")
_MARKUP = (
    (re.compile(r"<([A-Za-z][\w:-]*)>([^<>\n]{1,120})</\1>"), r"\1: \2"),
    (re.compile(r"<meta\s+(?:name|property)=[\"']([\w:.-]+)[\"']\s+content=[\"']([^\"'\n]*)[\"']\s*/?>"), r"\1: \2"),
    (re.compile(r"\s?\b([A-Za-z][\w:-]*)=\"([^\"\n]{1,120})\""), r"\n\1: \2\n"),  # attributes
    (
        re.compile(
            r"^[ \t]*(?:#\+?|//|%|\*|>|:|\.\.|<!--|[|])?[ \t]*:?([A-Za-z][\w -]{1,28}?)[ \t]*(?:=|:=|:)[ \t]+(?=\S)",
            re.MULTILINE,
        ),
        r"\1: ",
    ),
    (re.compile(r"^\\(\w+)\{([^{}\n]{1,120})\}", re.MULTILINE), r"\1: \2"),
)  # fmt: skip
"""Notations of a label and a value, and how they are read: elements, attributes, comments, definitions, commands."""

_TELLS = re.compile(
    r"\b(?:publish|issu|releas|post|updat|revis|dated|according to|as of|source|written by|author|veröffentlicht"
    r"|herausgegeben|erschienen|laut|publi|selon|según|edit|modif|bearbeit|zuletzt|composed|penned|verfasst|rédig"
    r"|redactad|escrit|written|built for|appl(?:y|ies) to"
    r"|mise à jour|actualiz|última vez|発行|出典|更新)",
    re.IGNORECASE,
)
_BY_WHOM = re.compile(r"according to|laut|selon|según", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?。])\s+(?=[^a-z])")
_SMALL = frozenset(["&", "of", "for", "the", "de", "der", "des", "du", "für", "und", "and", "et", "y"])
"""Words that may stand small in a name."""

_PARTED = re.compile(r"\s[·|›>/»•–—]\s")
_FOOT = re.compile(
    r"^\W{0,3}(?:last |published|updated|source|posted|written|author|by |stand|quelle|zuletzt|publi|fuente|出典|更新"
    r"|copyright|©|\(c\))",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """A line that tells of the text, and how much it is to be believed, in (0, 1]."""

    text: str
    weight: float


def lines_about(text: str) -> list[Line]:
    """The lines of `text` that say what it is, in order: its header, and a footer where it looks like one.

    A record in JSON and elements in angle brackets are read as labelled lines.
    """
    if text.lstrip().startswith("{"):
        record = list(_record(text))
        if record:
            return record
    start = _plain(text[:HEAD])
    block, blank, _ = start.partition("\n\n")
    if blank and block.count("\n") < 12 and (len(block) < 320 or block.startswith(("---", "{")) or _labelled(block)):
        rows = [row for row in block.split("\n") if row.strip(" -\t")]
    else:
        rows = []
        for row in start.split("\n")[:-1]:
            if len(row) > _LINE or not (_LABELLED.match(row) or len(row) < 90 or len(_PARTED.findall(row)) > 1):
                break
            if row.strip(" -\t"):
                rows.append(row)
    if len(rows) == 1 and not _LABELLED.match(rows[0]) and not _TELLS.search(rows[0]) and _talks(rows[0]):
        rows = []
    if blank and rows:
        rows += _more(start[len(block) :])
    lines = [Line(row, _belief(row, number)) for number, row in enumerate(rows)]
    text = start + _plain(text[max(HEAD, len(text) - HEAD) :])
    return [*(lines or _lead(start)), *_foot(text, len(block) if rows else 0)]


def _plain(text: str) -> str:
    """The same with what markup tells as labelled lines."""
    for pattern, written in _MARKUP:
        text = pattern.sub(written, text)
    return text


def _record(text: str) -> Iterator[Line]:
    """The short fields of a text that is a record in JSON."""
    try:
        found = json.loads(text)
    except ValueError:  # a brace that opens something else
        return
    for key, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, str | int | float) and len(str(value)) <= _LINE:
            yield Line(f"{key}: {value}", 1.0)


def _labelled(block: str) -> bool:
    return all(_LABELLED.match(row) for row in block.split("\n") if row.strip())


def _more(start: str) -> Iterator[str]:
    """What follows a heading in blocks of its own: a byline, a date, labels."""
    for block in start.split("\n\n")[1:4]:
        rows = [row for row in block.split("\n") if row.strip(" -=\t")]
        if not all(_LABELLED.match(row) or _signs(row) for row in rows):
            return
        yield from (row for row in rows if _LABELLED.match(row) or _BYLINE.search(row))


_BYLINE = re.compile(r"\d|^\W*(?:by|von|par|por)\s", re.IGNORECASE)


def _signs(row: str) -> bool:
    """Whether a line may be a name and a date, rather than a sentence."""
    return len(row) <= _SIGNED and not re.search(r"[.!?:;,。]\W*$|^\s*(?:[-*+•] |#{2,} |\d+[.)] )", row)


def _belief(row: str, number: int) -> float:
    """First lines are names and dates; later ones may be sentences that mention others."""
    if number == 0 or _LABELLED.match(row):
        return 1.0
    talks = row.rstrip().endswith((":", "!", "?")) or max(len(part.split()) for part in _PARTED.split(row)) > 9
    return 0.35 if talks else 0.8


def _lead(start: str) -> list[Line]:
    """A text without a header: what stands in brackets, before a dash or labelled at its very beginning."""
    bracketed = re.match(r"\s*((?:[\[(【{][^\])】}\n]{2,200}[\])】}]\s*)+)", start)
    if bracketed:
        return [Line(bracketed[1], 1.0)]
    parts = re.split(r"\s[·|›»•–—/>]\s|\t|;\s", start.partition("\n")[0])
    short = next((number for number, part in enumerate(parts) if len(part) > _PART), len(parts) - 1)
    if short > 1:
        return [Line(" · ".join(parts[:short]), 0.8)]
    signed = [
        one for one in _SENTENCES.split(start[:_OPENING])[:_TITLES] if len(one) <= _SIGNED and _TITLED.search(one)
    ]
    if signed:
        return [Line(one, 0.7) for one in signed]
    titles = [one for one in _SENTENCES.split(start[:_OPENING])[:_TITLES] if len(one) <= _SIGNED]
    first = _SENTENCES.split(start, maxsplit=1)[0]
    if len(first) <= _LINE and _TELLS.search(first) and (re.search(r"\d", first) or _BY_WHOM.match(first)):
        return [Line(first, 0.7)]
    opening = re.match(r"((?:[^\n。!?:]|\d:(?=\d)){3,90}?)(\s[—–|-]{1,2}\s|[:：]\s|(?<!\d)(?<!\b\w\w)[.。]\s|$)", start)
    if not opening or len(opening[1]) >= _LEAD:
        return [Line(one, 0.3) for one in titles]
    # A press agency's line: where, when and who before a dash.
    told = _dated(opening[1]) or _is_name(opening[1])
    stops = re.match(r"[.。]|$", opening[2])
    weight = 0.7 if told and not stops else _NAMED if _is_name(opening[1]) and len(titles) > 1 else 0.3
    return [Line(opening[1], weight), *(Line(one, 0.3) for one in titles[1:] if stops)]


_NAMED = 0.6
"""Belief in a name that is a sentence of its own before a text."""

_OPENING, _TITLES = 260, 3
"""Characters at a text's start, and sentences of them, that may be a title with a date rather than talk."""

_YEAR = r"(?:1[4-9]|20)\d\d"
_DAY = "|".join(
    (
        r"\d{1,2}[./]\d{1,2}[./]\d{2,4}",
        r"\d{4}-\d\d-\d\d",
        rf"(?:\d{{1,2}}\.?\s)?(?:de\s)?[^\W\d]+\.?\s(?:\d{{1,2}},\s)?(?:de\s)?{_YEAR}",  # 3 May 2024, mayo de 2024
        _YEAR,
        rf"[QT][1-4]\s{_YEAR}",
        r"\w+\s\w+\sago",
        rf"\w+\s(?:trimestre|quarter|quartal|semestre)\s(?:de\s|of\s)?{_YEAR}",
        r"\d{1,2}\sde\s\w+\sde\s(?:19|20)\d\d",
    )
)
_CONJOINED = r"(?![^,]*,\s(?:but|and|aber|und|mais|et|pero|y)\b)"
_WEEKDAY = r"[^\W\d]+day\s|\w+tag,?\s"
_MADE = r"(?:\w+\s)?(?:filed|written|issued|published|posted|dated|edition|vom|version du|redacción de)\s"
_WRITTEN = (
    r"posted|written|composed|issued|published|escrit[oa]|redactad[oa]|publicad[oa]|rédigée?|écrite?|publiée?|verfasst"
    r"|geschrieben|erschienen"
)
_TITLED = re.compile(
    rf"^{_CONJOINED}[^,]{{3,60}}(?:,[^,]{{2,30}}){{0,2}},\s(?:{_WEEKDAY}|{_MADE})?(?:{_DAY})(?=[,.;]|\s(?:by|von|par|por)\b|$)"
    rf"|^(?:\w+\s)?(?:{_WRITTEN})\s.{{0,20}}(?:\d|ago\b|vor\s|hace\s|il y a\s)",
    re.IGNORECASE,
)
"""A sentence that is a title, a comma and a date, or says first when it was written."""


def _talks(row: str) -> bool:
    """Whether a line is a whole sentence, and does not begin with a few words and a number, as a header does."""
    first = _SENTENCES.split(row, maxsplit=1)[0]
    if len(first.split()) <= _FEW and re.search(r"\d", first):
        return False
    return row.rstrip(' "”)').endswith((".", "!", "?")) and len(row.split()) > 8


def _is_name(text: str) -> bool:
    """Whether all words have capitals, but for small ones that may stand among them."""
    words = [word.strip("(,.)") for word in text.split()]
    return len(words) > 1 and all(not w.isalpha() or w[0].isupper() or w in _SMALL for w in words)


_DATED = re.compile(r"(?<!\d)(?:1[4-9]|20)\d\d(?!\d)|\d\d?[./]\d\d?[./]\d\d|\d年")


def _dated(row: str) -> bool:
    return len(row) <= _LINE and _DATED.search(row) is not None


def _foot(text: str, after: int) -> list[Line]:
    """Labelled lines at the end, and brackets that close the text."""
    tail = text[max(after, len(text) - TAIL) :]
    rows = [row.strip() for row in tail.split("\n")[1:] if row.strip()]
    lines = [Line(row, 0.7) for row in rows[-4:] if len(row) <= _LINE and (_LABELLED.match(row) or _FOOT.match(row))]
    last = rows[-1] if rows else ""
    told = _signs(last) or (_TELLS.search(last) and _dated(last))
    if last and told and Line(last, 0.7) not in lines:
        lines.append(Line(last, 0.7))
    closing = re.search(r"[\[(]([^\[\]()\n]{6,120})[\])]\s*$|[.!?]\s[—–-]{1,2}\s?([^.!?\n]{6,90})$", tail.rstrip())
    signed = (closing[1] or closing[2]) if closing else ""
    if _LABELLED.match(signed) or _FOOT.match(signed) or (_dated(signed) and not signed[0].islower()):
        lines.append(Line(signed, 0.7))
    final = _SENTENCES.split(tail.rstrip())[-1]
    if not lines and len(final) <= _LINE and _TELLS.search(final) and re.search(r"\d", final):
        lines.append(Line(final, 0.7))
    ending = re.search(r"(?:^|[.!?]\s)([^.!?\n]{4,80}?\d{4}[^\n]{0,12})\s*$", tail)
    if ending and not lines and _FOOT.match(ending[1]):
        lines.append(Line(ending[1], 0.7))
    return lines
