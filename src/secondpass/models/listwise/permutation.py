"""From whatever a model answers to an order of the passages it was shown.

Nothing is lost, doubled or invented: what the answer does not name keeps its order, at the end. Knows no models and no
prompts, only text and identifiers: the numbers from 1, or the letters from A.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase
from typing import Literal

Identifiers = Literal["numbers", "letters"]

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_GROUP = {
    # [2], [2, 1], ["2", "1"], [2 > 1]: brackets with identifiers in them and nothing else.
    "numbers": re.compile(r"\[\s*[\"']?\d+[\"']?(?:\s*[,;>]\s*[\"']?\d+[\"']?)*\s*\]"),
    "letters": re.compile(r"\[\s*[\"']?[A-Za-z][\"']?(?:\s*[,;>]\s*[\"']?[A-Za-z][\"']?)*\s*\]"),
}
_INSIDE = {"numbers": re.compile(r"\d+"), "letters": re.compile(r"[A-Za-z]")}
_BARE = {
    "numbers": re.compile(r"(?<!\d)(?<!\d\.)\d+(?!\d|\.\d)"),
    "letters": re.compile(r"(?<![^\W_])[A-Z](?![^\W_]|['’])"),
}
_ORDINAL = re.compile(r"^[ \t]*\d+[.)][ \t]+(?=[^\d\n]*\d+(?!\d|\.\d))", re.MULTILINE)
_LINK = re.compile(r"[^\w:.!?]*")
_LONGEST_NUMBER = 9  # digits; more than any window holds


@dataclass(frozen=True, slots=True)
class Order:
    """A permutation: `positions` (from 0), best first, and how many of them the answer named; the rest follow."""

    positions: tuple[int, ...]
    named: int


def permutation(text: str, size: int, identifiers: Identifiers = "numbers") -> Order:
    """The order of `size` passages that an answer gives.

    `<think>…</think>` is left out, and so is a thought that never ends. Identifiers in square brackets count before
    bare ones; among them the longest chain, as in `[2] > [1]`, comes first, then the others as they are mentioned.
    Repeated ones and those out of range are passed over.
    """
    answer = _plain(_THOUGHT.sub(" ", text).rpartition("</think>")[2])
    marks = list(_in_brackets(answer, identifiers)) or list(_bare(answer, identifiers))
    within = [mark for mark in marks if 0 <= mark.position < size]
    chain = max(_chains(within, answer), key=_weight, default=[])
    return order([mark.position for mark in [*chain, *within]], size)


def by_logprobs(answer: Sequence[Mapping[str, float]], size: int, identifiers: Identifiers = "letters") -> Order:
    """The order of `size` passages by how likely each identifier was where the answer's first one stands (FIRST).

    That is the first position whose likeliest token is an identifier, or else the first that has one among its tokens.
    One token may come in several spellings (`A`, ` A`, `[A`): the likeliest counts.
    """
    read = [_likely(tokens, size, identifiers) for tokens in answer]
    sure = (found for found, tokens in zip(read, answer, strict=True) if found and _leads(found, tokens))
    found = next(sure, next((found for found in read if found), {}))
    return order(sorted(found, key=lambda position: -found[position]), size)


def order(named: Sequence[int], size: int) -> Order:
    """The permutation of range(size) that begins with `named`, which may repeat itself but not leave the range."""
    first = list(dict.fromkeys(named))
    known = set(first)
    return Order((*first, *(position for position in range(size) if position not in known)), len(first))


def identifier(position: int, identifiers: Identifiers) -> str:
    """What a passage is called in a prompt: 0 → "1" or "A"."""
    return str(position + 1) if identifiers == "numbers" else ascii_uppercase[position]


@dataclass(frozen=True, slots=True)
class _Mark:
    """An identifier in a text: the passage's position, and where it stands."""

    position: int
    start: int
    end: int


def _in_brackets(text: str, identifiers: Identifiers) -> Iterator[_Mark]:
    for group in _GROUP[identifiers].finditer(text):
        for found in _INSIDE[identifiers].finditer(text, group.start(), group.end()):
            yield _Mark(_position(found[0]), found.start(), found.end())


def _bare(text: str, identifiers: Identifiers) -> Iterator[_Mark]:
    # "1. Passage 3" is a numbered line: its own number is blanked out, so that all others stay where they are.
    shown = _ORDINAL.sub(lambda found: " " * len(found[0]), text) if identifiers == "numbers" else text
    for found in _BARE[identifiers].finditer(shown):
        yield _Mark(_position(found[0]), found.start(), found.end())


def _position(name: str) -> int:
    """-1 for what is no identifier of any window."""
    if not name.isascii() or not name.isdigit():
        return ord(name.upper()) - ord("A")
    digits = name.lstrip("0")
    return int(digits) - 1 if digits and len(digits) <= _LONGEST_NUMBER else -1


def _chains(marks: Sequence[_Mark], text: str) -> Iterator[list[_Mark]]:
    """Runs of two identifiers or more with nothing but punctuation between them."""
    chain = list(marks[:1])
    for before, after in pairwise(marks):
        if not _LINK.fullmatch(text, before.end, after.start):
            if len(chain) > 1:
                yield chain
            chain = []
        chain.append(after)
    if len(chain) > 1:
        yield chain


def _weight(chain: Sequence[_Mark]) -> tuple[int, int]:
    """The longest chain wins, the last one among equals: models sum up at the end."""
    return len({mark.position for mark in chain}), chain[0].start


def _plain(text: str) -> str:
    """`text` with every digit, bracket and sign in ASCII: ２, ² and ② are 2, 【 is [, → is >."""
    return text if text.isascii() else "".join(map(_ascii, text))


def _ascii(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    value = unicodedata.numeric(character, None)
    if value is None or not value.is_integer() or unicodedata.category(character) != "No":
        return unicodedata.normalize("NFKC", character) if "\uff01" <= character <= "\uff5e" else character
    raised = unicodedata.decomposition(character).startswith(("<super>", "<sub>"))
    return str(int(value)) if raised else f" {int(value)} "


_SIGNS = {**dict.fromkeys("【〔［〚", "["), **dict.fromkeys("】〕］〛", "]"), **dict.fromkeys("→⟩›≻＞", ">")}


def _likely(tokens: Mapping[str, float], size: int, identifiers: Identifiers) -> dict[int, float]:
    found: dict[int, float] = {}
    for token, logprob in tokens.items():
        position = _read_token(token, identifiers)
        if 0 <= position < size:
            found[position] = max(logprob, found.get(position, logprob))
    return found


def _leads(found: Mapping[int, float], tokens: Mapping[str, float]) -> bool:
    return max(found.values()) >= max(tokens.values())


def _read_token(token: str, identifiers: Identifiers) -> int:
    """The position that a token alone names; -1 for none. Tokenizers write a space as itself, `▁` or `Ġ`."""
    name = token.strip(" \t\r\n[]▁Ġ")
    wanted: Callable[[str], bool] = str.isdigit if identifiers == "numbers" else str.isupper
    fits = name.isascii() and wanted(name) and (identifiers == "numbers" or len(name) == 1)
    return _position(name) if fits else -1
