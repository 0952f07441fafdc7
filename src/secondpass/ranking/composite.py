"""The third kind of scorer: one that is made of rerankers, each of which reads the documents in its own way.

Knows requests and what becomes of them; how the parts are put together is each composite's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from secondpass.models.scorer import Declared
from secondpass.ranking.outcome import Scored
from secondpass.ranking.request import Request

OnFailure = Literal["raise", "leave-out"]


@runtime_checkable
class Composite(Protocol):
    """Scores a request as the caller made it, so that its parts may have renderers of their own.

    `declared` says no more than what all parts have in common. `keeps_time`: whether it heeds `Request.until`.
    """

    keeps_time: bool

    @property
    def declared(self) -> Declared: ...

    def score_request(self, request: Request) -> Scored:
        """One logit a document, in the request's order. The rules of an instruction are applied outside."""

    def close(self) -> None: ...


def numbered(names: Sequence[str]) -> list[str]:
    """The parts' names, numbered from the second on where one comes again."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return told


def read_alike(parts: Sequence[Declared]) -> bool:
    """Whether all parts read a document as the same text, so that what one tells of its characters holds for all."""
    return len({part.renderer for part in parts}) == 1


def instructions_of(parts: Sequence[Declared]) -> Literal["slot", "joined", "ignored"]:
    """What becomes of an instruction: what the part does that makes the most of it."""
    treated = {part.instructions for part in parts}
    return "slot" if "slot" in treated else "joined" if "joined" in treated else "ignored"
