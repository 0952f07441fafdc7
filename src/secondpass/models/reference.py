"""How much of a pair authors' code reads where `truncation="reference"` asks for what it does.

Knows counts of tokens; nothing of text, templates and graphs. `text.encode.reference_cut` has the arithmetic of the
commonest rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from secondpass.text.encode import Limits

Reference = Literal["longest-first", "query-then-passage"]
"""How authors' code cuts a pair that is too long. "longest-first": the longer of query and document, a token at a time.
"query-then-passage", as FlagEmbedding: the query to three quarters of the length, then the document to the rest."""

_LONGEST: Mapping[Reference, int] = {"query-then-passage": 512}  # where it is told no length; else the model's own


def longest_pair(reference: Reference, limits: Limits, most: int | None) -> int | None:
    """How many tokens a pair has at most, for a model that can read `most`; None for no limit."""
    theirs = _LONGEST.get(reference) if limits.truncation == "reference" else None
    asked = limits.max_tokens or theirs
    return min((limit for limit in (asked, most) if limit), default=None)


def longest_query(reference: Reference, limits: Limits, longest: int, specials: int) -> int | None:
    """How many of a query's tokens are read, in pairs of at most `longest`; None for all of them.

    `specials`: the special tokens around a text of its own, which `max_query_tokens` counts.
    """
    if limits.max_query_tokens is not None:
        return limits.max_query_tokens - specials
    if limits.truncation == "reference" and reference == "query-then-passage":
        return longest * 3 // 4
    return None
