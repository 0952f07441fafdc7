"""Rules that an instruction states in words, for any model: time, source, type, version, language.

Knows no model. Reads an instruction and what documents say of themselves, and turns that into bounded signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from secondpass.ranking.rules.naming import Names
from secondpass.ranking.rules.profile import names_of
from secondpass.ranking.rules.reading import read
from secondpass.ranking.rules.rule import Rule
from secondpass.ranking.rules.understood import SWING, Understood
from secondpass.ranking.rules.vocabulary import Vocabulary
from secondpass.types import AnyDocument

__all__ = ["SWING", "VERSION", "Rule", "Understood", "understand"]

VERSION = "4"
"""Of the tables and of the code that reads them: what is understood may change with it."""

_LONGEST = 4_000
"""Characters of an instruction that are read for rules; what follows is left to the model."""


def understand(
    instruction: str | None,
    now: datetime | None = None,
    documents: Sequence[AnyDocument] = (),
    texts: Sequence[str] | None = None,
) -> Understood:
    """What an instruction asks for in rules; nothing for none. `now` resolves "the past year"; without it that is left.

    `documents` are those that will be ranked, `texts` what is read of each where that is not the document itself. What
    they call themselves is what names are held against; without them only families of sources and types are known.
    Fails on no text.
    """
    if not instruction or not instruction.strip():
        return Understood(now=now)
    read_as = [str(one) for one in documents] if texts is None else texts
    names = tuple(names_of(document, text) for document, text in zip(documents, read_as, strict=True))
    return _understood(instruction, now, names)


@lru_cache(maxsize=256)
def _understood(instruction: str, now: datetime | None, names: tuple[Names, ...]) -> Understood:
    rules, left = read(instruction[:_LONGEST], now, Vocabulary(names))
    rest = instruction[_LONGEST:]
    return Understood(rules, f"{left} {rest}".strip(), now)
