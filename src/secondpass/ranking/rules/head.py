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
"""Characters of a part of a first line that tells of the text, at most."""

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
    r"|herausgegeben|erschienen|laut|publi|selon|según|発行|出典)",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?。])\s+(?=[^a-z])")
_PARTED = re.compile(r"\s[·|›>/»•–—]\s")
_FOOT = re.compile(
    r"^\W{0,3}(?:last |published|updated|source|posted|written|author|by |stand|quelle|zuletzt|publi|fuente|出典|更新)",
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
    lines = [Line(row, _belief(row, number)) for number, row in enumerate(rows)]
    text = start + _plain(text[HEAD:])
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


def _belief(row: str, number: int) -> float:
    """First lines are names and dates; later ones may be sentences that mention others."""
    if number == 0 or _LABELLED.match(row):
        return 1.0
    talks = row.rstrip().endswith((":", "!", "?")) or len(row.split()) > 9
    return 0.35 if talks else 0.8


def _lead(start: str) -> list[Line]:
    """A text without a header: what stands in brackets, before a dash or labelled at its very beginning."""
    bracketed = re.match(r"\s*((?:[\[(【{][^\])】}\n]{2,200}[\])】}]\s*)+)", start)
    if bracketed:
        return [Line(bracketed[1], 1.0)]
    parts = re.split(r"\s[·|›»•–—/]\s|\t|;\s", start.partition("\n")[0])
    short = next((number for number, part in enumerate(parts) if len(part) > _PART), len(parts) - 1)
    if short > 1:
        return [Line(" · ".join(parts[:short]), 0.8)]
    first = _SENTENCES.split(start, maxsplit=1)[0]
    if len(first) <= _LINE and _TELLS.search(first) and re.search(r"\d", first):
        return [Line(first, 0.7)]
    opening = re.match(r"([^\n.。!?:]{3,90}?)(?:\s[—–|-]{1,2}\s|[:：]\s|[.。]\s|$)", start)
    return [Line(opening[1], 0.3)] if opening and len(opening[1]) < _LEAD else []


def _foot(text: str, after: int) -> list[Line]:
    """Labelled lines at the end, and brackets that close the text."""
    tail = text[max(after, len(text) - TAIL) :]
    rows = [row.strip() for row in tail.split("\n")[1:] if row.strip()]
    lines = [Line(row, 0.7) for row in rows[-4:] if len(row) <= _LINE and (_LABELLED.match(row) or _FOOT.match(row))]
    closing = re.search(r"[\[(]([^\[\]()\n]{6,120})[\])]\s*$", tail)
    if closing and (_LABELLED.match(closing[1]) or _FOOT.match(closing[1])):
        lines.append(Line(closing[1], 0.7))
    final = _SENTENCES.split(tail.rstrip())[-1]
    if not lines and len(final) <= _LINE and _TELLS.search(final) and re.search(r"\d", final):
        lines.append(Line(final, 0.7))
    last = re.search(r"(?:^|[.!?]\s)([^.!?\n]{4,80}?\d{4}[^\n]{0,12})\s*$", tail)
    if last and not lines and _FOOT.match(last[1]):
        lines.append(Line(last[1], 0.7))
    return lines
