"""A document as a prompt shows it: one line, of so many words, with nothing in it that looks like an identifier.

Knows words, not tokens: what an endpoint's tokenizer makes of a text is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CHARACTERS_A_WORD = 10
"""A passage of n words has 10·n characters at most: text without spaces would never be cut. English has 6·n."""

_CITATION = re.compile(r"\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Passage:
    """What is shown of a document, and whether it is less than the whole."""

    text: str
    truncated: bool


def cut(words: list[str], most: int) -> Passage:
    """The first `most` words, as many of them as fit `CHARACTERS_A_WORD` characters each; one that is longer is cut."""
    whole = " ".join(words)
    shown = " ".join(words[:most])
    room = most * CHARACTERS_A_WORD
    if len(shown) > room:
        end = shown.rfind(" ", 0, room + 1)
        shown = shown[: end if end > 0 else room]
    return Passage(without_identifiers(shown), len(shown) < len(whole))


def without_identifiers(text: str) -> str:
    """`[3]` becomes `(3)`, as in rank_llm: a citation in a text is no identifier of a passage."""
    return _CITATION.sub(r"(\1)", text)
