"""Where a long text is cut into chunks, and which characters each of them has.

Knows texts, units (`units.py`) and the places of tokens; nothing of models and scores.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from secondpass.text.encode import Limits, TextEncoder, cut
from secondpass.text.units import units

_LEAST_FILLED = 4
"""A chunk ends at a coarse unit where that fills a quarter of it at least; a shorter one ends at a finer unit."""

Span = tuple[int, int]
"""Where a passage starts and ends in a text, in characters (code points)."""

Ids = Sequence[int] | NDArray[np.integer]
Places = NDArray[np.int64]


class Chunk(NamedTuple):
    """What was read of a document at once, in characters, and the model's logit for it."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a text's tokens that is read at once, and its characters; `span` is None for the whole text."""

    tokens: slice
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A text, and how it was tokenised.

    `read`: what the tokenizer was given, which has `before` characters in front of the text and may have others behind
    it; `ids`: all its tokens, of which the text's own begin at `first` and are `length`. `skipped`: characters of the
    text's beginning that were left out. `lowered`: it was read in lower case, where a letter may become two.
    """

    text: str
    read: str
    ids: Ids
    length: int
    before: int = 0
    first: int = 0
    skipped: int = 0
    lowered: bool = False

    @classmethod
    def of(cls, text: str, ids: Ids) -> Source:
        """A text that was tokenised by itself."""
        return cls(text, text, ids, len(ids))

    def parts(self, encoder: TextEncoder, room: int, limits: Limits) -> list[Part]:
        """What is read of the text when `room` tokens are free for it; raises as `cut` does.

        A chunk never has more tokens than that. With units it ends where the last whole one does that fits, and the
        next one starts with those of its last units that `overlap` (a quarter of the room at most) has room for. A unit
        that is too long by itself is cut at finer ones, and in the end between two tokens.
        """
        if limits.policy == "chunk" and limits.chunk_by != "tokens" and self.length > room >= 1:
            places = self._places(encoder, None)
            starts = [_tokens_at(places, level, self.length) for level in units(self.text, limits.chunk_by)]
            return self._placed(pack(self.length, room, starts, limits.overlap), places)
        return self.kept(encoder, cut(self.length, room, limits))

    def kept(self, encoder: TextEncoder, tokens: Sequence[slice]) -> list[Part]:
        """Stretches of the text's tokens with their characters."""
        if len(tokens) == 1 and tokens[0].stop - tokens[0].start == self.length:
            return [Part(tokens[0])]
        return self._placed(tokens, self._places(encoder, tokens[0].stop if len(tokens) == 1 else None))

    def _placed(self, tokens: Sequence[slice], places: Places) -> list[Part]:
        return [Part(each, self._span(each, places)) for each in tokens]

    def _span(self, tokens: slice, places: Places) -> Span:
        """From the first token's start to the last one's end, and what behind it has no token, such as an accent."""
        if tokens.stop <= tokens.start:
            return (0, 0)
        start, end = int(places[tokens.start, 0]), int(places[tokens.stop - 1, 1])
        following = int(places[tokens.stop, 0]) if tokens.stop < len(places) else len(self.text)
        return start, end + len(self.text[end:following].rstrip())

    def _places(self, encoder: TextEncoder, first: int | None) -> Places:
        """Where the text's own tokens stand in it; `first`: those of so many are enough."""
        until = None if first is None else self.first + first
        places = encoder.places(self.read, self.ids, until)[self.first : self.first + self.length] - self.before
        if self.lowered and len(self.read) - self.before != len(self.text):
            ends = np.array([0, *accumulate(len(character.lower()) for character in self.text)])
            places[:, 0] = np.searchsorted(ends, places[:, 0], side="right") - 1
            places[:, 1] = np.searchsorted(ends, places[:, 1])
        return np.clip(places + self.skipped, 0, len(self.text))


def split_query(encoder: TextEncoder, query: str, room: int, limits: Limits) -> list[str]:
    """`query` as the texts of at most `room` tokens, one or more, in which it is read; itself where it fits."""
    (ids,) = encoder.ids([query])
    parts = Source.of(query, ids).parts(encoder, max(room, 1), replace(limits, policy="chunk"))
    return [query if part.span is None else query[slice(*part.span)] for part in parts]


def pack(length: int, room: int, levels: Sequence[Sequence[int]], overlap: int) -> list[slice]:
    """Windows of at most `room` tokens over `length` of them, which end where a unit does, as far as that can be.

    `levels`: the tokens at which units start, in order, the coarsest units first; each level has the coarser ones' too.
    """
    overlap = min(overlap, room // 4)
    spans: list[slice] = []
    start = end = 0
    whole = True
    while end < length:
        stop = _stop(levels, start, end, room, length)
        if stop is None and whole and start < end:
            start = end  # rather without an overlap than a unit in two
            continue
        whole = stop is not None
        end = start + room if stop is None else stop
        spans.append(slice(start, end))
        shared = bisect_left(levels[-1], end - overlap)
        if shared < len(levels[-1]) and levels[-1][shared] < end:
            start = levels[-1][shared]
        else:
            start = end if whole else end - overlap
    return spans


def _stop(levels: Sequence[Sequence[int]], start: int, end: int, room: int, length: int) -> int | None:
    """Where a chunk from `start` ends that goes beyond `end`: at the last unit that fits; None where none does."""
    if start + room >= length:
        return length
    for level in levels:
        place = bisect_right(level, start + room) - 1
        least = start + (room // _LEAST_FILLED if level is not levels[-1] else 0)
        if place >= 0 and level[place] > end and level[place] >= least:
            return level[place]
    return None


def _tokens_at(places: Places, characters: Sequence[int], length: int) -> list[int]:
    """The tokens that begin the units at `characters`: the first ones that do not end before them."""
    tokens = np.unique(np.searchsorted(places[:, 1], characters, side="right"))
    return [token for token in tokens.tolist() if 0 < token < length]
