"""How a hybrid is written as a name: `hybrid(bm25, embedded)`, `hybrid(min-max: bm25=0.3, embedded=0.7)`.

Knows the notation alone; not whether there are models of the names in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast, get_args

from secondpass.errors import InputError
from secondpass.ranking.fusion import How, K

_OPENING = re.compile(r"\s*hybrid\s*\(")
_HOW = re.compile(r"\s*(?P<how>[A-Za-z][\w-]*)(?:\s+k=(?P<k>\d+))?\s*:(?P<space>\s*)")
_QUOTED = re.compile(r'\s*"(?P<name>(?:[^"]|"")*)"\s*(?:=(?P<weight>.*))?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class HybridName:
    """The `parts` of a hybrid in order, their `weights` (None where no part has one), and `how` they are joined."""

    parts: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    how: How = "rrf"
    k: int = K

    @classmethod
    def parse(cls, text: str) -> HybridName:
        """Read `hybrid(how: name=weight, name=weight, ...)`; how and weights may be left out.

        `how` is "rrf" (or "rrf k=10"), "log-odds", "min-max" or "z-score". A part without a weight has 1 where others
        have one. A name may be a hybrid itself, or have brackets that pair up; one with a comma, an equals sign or a
        quote outside them stands in double quotes, and a double quote within is doubled. Raises `InputError` naming
        the place.
        """
        opening = _OPENING.match(text)
        if opening is None:
            raise _wrong(text, 0, "it does not begin with 'hybrid('")
        start, how, k = _how(text, opening.end())
        found = parts_in(text, start)
        weights = None if all(weight is None for _, weight in found) else tuple(_or_one(weight) for _, weight in found)
        return cls(tuple(name for name, _ in found), weights, how, k)

    def __str__(self) -> str:
        """The name that `parse` reads as this."""
        how = self.how if self.k == K else f"{self.how} k={self.k}"
        weights = [""] * len(self.parts) if self.weights is None else [f"={_number(each)}" for each in self.weights]
        parts = ", ".join(f"{written(name)}{weight}" for name, weight in zip(self.parts, weights, strict=True))
        return f"hybrid({how}: {parts})"


def is_hybrid(name: str) -> bool:
    """Whether a model's name is to be read as a hybrid's."""
    return _OPENING.match(name) is not None


def parts_in(text: str, start: int) -> list[tuple[str, float | None]]:
    """The names from `start` to the bracket that closes what was open there, each with the number behind its `=`."""
    return [_part(text, begin, end) for begin, end in _spans(text, start)]


def written(name: str) -> str:
    """A name as it stands among others in brackets: in quotes where it would be read as something else."""
    try:
        plain = HybridName.parse(f"hybrid({name})") == HybridName((name,))
    except InputError:
        plain = False
    return name if plain else '"' + name.replace('"', '""') + '"'


def split_names(text: str) -> list[str]:
    """The names in a list that commas part; those in brackets or in quotes part nothing, as within a hybrid's name.

    Raises `InputError` for brackets and quotes that do not pair up, and where a name is missing.
    """
    names = [text[begin:end].strip() for begin, end in _spans(f"{text})", 0)]
    if not all(names):
        raise InputError(f"{text!r} has a comma with no name beside it: write names as 'bm25, hybrid(bm25, embedded)'.")
    quoted = [_QUOTED.fullmatch(name) for name in names]
    return [
        q["name"].replace('""', '"') if q and q["weight"] is None else n for n, q in zip(names, quoted, strict=True)
    ]


def _how(text: str, at: int) -> tuple[int, How, int]:
    """Where the parts begin, and what stands before them."""
    found = _HOW.match(text, at)
    if found is None or not (found["how"] in get_args(How) or found["space"] or found["k"]):
        return at, "rrf", K  # the colon, if any, is part of a name, such as tei:http://localhost
    if found["how"] not in get_args(How):
        raise _wrong(text, found.start("how"), f"{found['how']!r} is no way of joining: {', '.join(get_args(How))} are")
    if found["k"] and found["how"] != "rrf":
        raise _wrong(text, found.start("k"), f"k is for rrf, and {found['how']} has none")
    return found.end(), cast("How", found["how"]), int(found["k"] or K)


def _spans(text: str, start: int) -> list[tuple[int, int]]:
    """Where each part begins and ends: at commas that are in no inner bracket and in no quotes."""
    found, begin = [], start
    for at, depth in _outside_quotes(text, start):
        if depth < 0 or (depth == 0 and text[at] == ","):
            found.append((begin, at))
            begin = at + 1
        if depth < 0:
            if text[begin:].strip():
                raise _wrong(text, begin, "something follows the closing bracket")
            return found
    raise _wrong(text, len(text), "a closing bracket is missing")


def _outside_quotes(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Each position that is in no quotes, and how many brackets are open behind it."""
    depth, quote = 0, -1
    for at in range(start, len(text)):
        if text[at] == '"':
            quote = at if quote < 0 else -1
        elif quote < 0:
            depth += (text[at] == "(") - (text[at] == ")")
            yield at, depth
    if quote >= 0:
        raise _wrong(text, quote, "this quote is not closed")


def _part(text: str, begin: int, end: int) -> tuple[str, float | None]:
    """The name and the weight in one part."""
    span = text[begin:end]
    if quoted := _QUOTED.fullmatch(span):
        name, weight, at = quoted["name"].replace('""', '"'), quoted["weight"], begin + quoted.start("weight")
    else:
        equals = _last_equals(span)
        name, weight = (span, None) if equals < 0 else (span[:equals], span[equals + 1 :])
        name, at = name.strip(), begin + equals + 1
    if not name.strip():
        raise _wrong(text, begin, "a name is missing")
    if weight is None:
        return name, None
    try:
        return name, float(weight)
    except ValueError:
        wrong = _wrong(text, at, f"{weight.strip()!r} is no weight (a name with '=' stands in double quotes)")
    raise wrong


def _last_equals(span: str) -> int:
    """Where the last equals sign is that is in no bracket and in no quotes; -1 where there is none."""
    return max((at for at, depth in _outside_quotes(span, 0) if span[at] == "=" and not depth), default=-1)


def _or_one(weight: float | None) -> float:
    return 1.0 if weight is None else weight


def _number(weight: float) -> str:
    short = f"{weight:g}"
    return short if float(short) == weight else repr(weight)


def _wrong(text: str, at: int, why: str) -> InputError:
    return InputError(
        f"{text!r} at character {at + 1} ({text[at : at + 20]!r}): {why}. Write it as 'hybrid(bm25, embedded)' or "
        "'hybrid(min-max: bm25=0.3, embedded=0.7)'."
    )
