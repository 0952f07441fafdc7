"""Where sentences, sections and blocks of code start in a text. Every rule takes time in proportion to the text.

Knows characters alone, nothing of tokens and limits.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from secondpass.text.encode import ChunkBy

_CLOSING = "\"'”’»)\\]}」』】〉》）］"
_END = re.compile(
    # A run of marks is looked at from its first one alone, so that a long run without white space behind it is cheap.
    rf"(?<![.!?…])(?P<marks>[.!?…]++)[{_CLOSING}]*+(?=\s)"
    rf"|[。！？｡।॥؟۔։።፧။៕།]++[{_CLOSING}]*+"
    r"|\n(?:[ \t\r]*+\n)++"
)
"""The end of a sentence: marks before white space, those of scripts that write none behind them, or a blank line."""

_BLANK = re.compile(r"\n(?:[ \t\r]*+\n)++")
_LINE = re.compile(r"\n")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|\r?$)")
_UNDERLINE = re.compile(r"=+|-{2,}")

_ABBREVIATION = re.compile(
    r"mr|mrs|ms|dr|prof|sr|jr|st|mt|rev|gen|col|capt|sgt|lt|gov|sen|rep|hon|vs|etc|cf|al|approx|dept|est|inc|ltd|co"
    r"|corp|bros|messrs|mme|mlle|sra|dra|ca|bzw|usw|vgl|evtl|ggf|inkl|sog|hr|fr|cie|av|ave|blvd|univ|eds?|trans"
    r"|(?:\w\.)+\w",
    re.IGNORECASE,
)
_BEFORE_NUMBER = re.compile(
    r"nos?|nr|num|figs?|eqs?|sect?|art|ch|chap|vol|pp?|par|para|tab|refs?|ex"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec",
    re.IGNORECASE,
)
_LONGEST_WORD = 16


def units(text: str, by: ChunkBy) -> list[list[int]]:
    """Where units start, in characters, in order, the coarsest first; each list has the coarser ones' starts too.

    "sentences": sentences. "headings": sections under Markdown headings, paragraphs, sentences. "code": blocks that
    start without indentation behind a blank line, or a fence, then paragraphs, then lines.
    """
    if by == "sentences":
        return _nested(_sentences(text))
    paragraphs = [found.end() for found in _BLANK.finditer(text)]
    headings, fences = _markup(text)
    if by == "headings":
        return _nested(headings, paragraphs, _sentences(text))
    blocks = [at for at in paragraphs if at < len(text) and text[at] not in " \t)]}" and not _within(at, fences)]
    lines = [found.end() for found in _LINE.finditer(text)]
    return _nested([*blocks, *(at for fence in fences for at in fence)], paragraphs, lines)


def _nested(*levels: Sequence[int]) -> list[list[int]]:
    """Each level with all coarser ones; levels that nothing was found for are left out, but for the last."""
    found: list[list[int]] = []
    every: set[int] = set()
    for level in levels:
        every |= set(level)
        found.append(sorted(every))
    return [level for level in found[:-1] if level] + found[-1:]


def _sentences(text: str) -> list[int]:
    return [found.end() for found in _END.finditer(text) if not _goes_on(text, found)]


def _goes_on(text: str, end: re.Match[str]) -> bool:
    """Whether a sentence goes on behind its full stop: before a small letter, and behind an abbreviation or initial."""
    if end["marks"] is None:
        return False
    behind = text[end.end() : end.end() + _LONGEST_WORD].lstrip().lstrip("\"'“‘«(")[:1]
    if behind.islower():
        return True
    if end["marks"] != ".":
        return False
    words = text[max(0, end.start() - _LONGEST_WORD) : end.start()].split()
    if not words or text[end.start() - 1].isspace():
        return False
    word = words[-1].lstrip("\"'“‘«([")
    if len(word) == 1 and word.isupper() and word != "I":
        return True
    if _BEFORE_NUMBER.fullmatch(word):
        return behind.isdigit()
    return _ABBREVIATION.fullmatch(word) is not None


def _markup(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Where Markdown headings start outside of fences, and where fenced blocks start and end."""
    headings: list[int] = []
    fences: list[tuple[int, int]] = []
    fence, opened, above = "", 0, -1
    for at, line in _lines(text):
        mark = _FENCE.match(line)
        bare = line.strip()
        if fence:
            if mark and bare.startswith(fence) and not bare.strip(fence[0]):
                fences.append((opened, at + len(line) + 1))
                fence = ""
            above = -1
        elif mark:
            fence, opened, above = mark[1], at, -1
        elif _HEADING.match(line):
            headings.append(at)
            above = -1
        elif above >= 0 and _UNDERLINE.fullmatch(bare):
            headings.append(above)
            above = -1
        else:
            above = at if bare else -1
    return headings, fences


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


def _within(at: int, stretches: Sequence[tuple[int, int]]) -> bool:
    place = bisect_left(stretches, (at, 0)) - 1
    return place >= 0 and at < stretches[place][1]
