"""Many queries at once: lists of queries with their candidates, and pairs of a query and a document, checked.

Knows what callers may give and how to name it back to them; neither requests nor models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from secondpass.errors import InputError
from secondpass.ranking.request import Now
from secondpass.text.render import as_documents, as_query
from secondpass.types import AnyDocument


@dataclass(frozen=True, slots=True)
class Asked:
    """What belongs to one query of many."""

    query: str
    documents: Iterable[AnyDocument]
    instruction: str | None
    now: Now


def each(
    queries: Sequence[str],
    candidate_lists: Sequence[Iterable[AnyDocument]],
    instructions: Sequence[str | None] | None,
    now: Now | Sequence[Now],
) -> list[Asked]:
    """One a query; `now` is one day for all, or a list with one a query. Raises `InputError`."""
    for name, given in (("queries", queries), ("instructions", instructions)):
        if isinstance(given, str):
            raise InputError(f"{name}={given!r:.80} is a single string: give a list of them, or use rank.")
    told = [None] * len(queries) if instructions is None else list(instructions)
    if not len(queries) == len(candidate_lists) == len(told):
        raise InputError(
            f"{len(queries)} queries, {len(candidate_lists)} candidate lists and {len(told)} instructions: "
            "give one list (and one instruction, or None) a query."
        )
    days = list(now) if isinstance(now, Sequence) and not isinstance(now, str) else [now] * len(queries)
    if len(days) != len(queries):
        raise InputError(f"{len(days)} days in now for {len(queries)} queries: give one each, or one for all.")
    return [Asked(*one) for one in zip(queries, candidate_lists, told, days, strict=True)]


@dataclass(frozen=True, slots=True)
class Paired:
    """(query, document) pairs: the positions of each query's, and all documents. `single`: one pair, not in a list."""

    positions: dict[str, list[int]]
    documents: Sequence[AnyDocument]
    single: bool

    @classmethod
    def of(cls, pairs: Sequence[Any]) -> Paired:
        """Check them. Raises `InputError`."""
        single = len(pairs) == 2 and isinstance(pairs[0], str) and isinstance(pairs[1], str)
        every: list[Any] = [pairs] if single else list(pairs)
        positions: dict[str, list[int]] = {}
        for position, pair in enumerate(every):
            if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
                raise InputError(f"pairs[{position}] is {pair!r:.80}: give (query, document).")
            positions.setdefault(as_query(pair[0]), []).append(position)
        return cls(positions, as_documents([pair[1] for pair in every]), single)
