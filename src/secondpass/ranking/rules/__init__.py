"""Rules that an instruction states in words, for any model: time, source, type, version, language.

Knows no model. Reads an instruction and what documents say of themselves, and turns that into bounded signals.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from secondpass.ranking.rules.reading import read
from secondpass.ranking.rules.rule import Rule
from secondpass.ranking.rules.understood import SWING, Understood

__all__ = ["SWING", "VERSION", "Rule", "Understood", "understand"]

VERSION = "1"
"""Of the tables and of the code that reads them: what is understood may change with it."""

_LONGEST = 4_000
"""Characters of an instruction that are read for rules; what follows is left to the model."""


@lru_cache(maxsize=1024)
def understand(instruction: str | None, now: datetime | None = None) -> Understood:
    """What an instruction asks for in rules; nothing for none. `now` resolves "the past year"; without it that is left.

    Fails on no text. Equal calls are answered from memory.
    """
    if not instruction or not instruction.strip():
        return Understood(now=now)
    rules, left = read(instruction[:_LONGEST], now)
    rest = instruction[_LONGEST:]
    return Understood(rules, f"{left} {rest}".strip(), now)
